//! Emergency access: a local password that opens everything, for the day when every other way in is shut.
//!
//! Off until an operator sets a password. Whoever tries one is answered the same, and as slowly, whether it is on or off.

use std::sync::Arc;

use audit_control::{BreakGlass, Control};
use audit_event::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

const SECOND: i64 = 1_000_000;
/// Passwords that are hashed at one time, each with 19 MiB; beyond it people are told to try again.
const HASHING: usize = 2;
/// Failures, from all addresses together, that cost nothing.
const FREE: u32 = 10;
/// The longest wait that they cost.
const LONGEST: i64 = 60 * SECOND;
/// After so long without a failure they are forgotten.
const FORGET_AFTER: i64 = 60 * 60 * SECOND;

/// Knows the password's hash, and how often it was guessed at.
pub(crate) struct Emergency {
    control: Arc<Control>,
    current: RwLock<Option<Arc<BreakGlass>>>,
    hashing: Semaphore,
    failures: Mutex<(u32, i64)>,
}

impl Emergency {
    /// Loads the hash.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub fn load(control: Arc<Control>) -> audit_control::Result<Self> {
        let current = control.break_glass()?.map(Arc::new);
        let (hashing, failures) = (Semaphore::new(HASHING), Mutex::default());
        Ok(Self { control, current: RwLock::new(current), hashing, failures })
    }

    /// When the password that is on was set; none: emergency access is off.
    pub fn since(&self) -> Option<Timestamp> {
        self.current.read().as_ref().map(|current| current.changed())
    }

    /// Takes up a change: sessions of another password end. Blocks.
    ///
    /// # Errors
    /// When the control database cannot be read; the password is as before.
    pub fn reload(&self) -> audit_control::Result<()> {
        // Read under the lock: of two changes at once, the later state must not be overwritten by the earlier one.
        let mut current = self.current.write();
        *current = self.control.break_glass()?.map(Arc::new);
        Ok(())
    }

    /// How many seconds everybody has to wait because so many guessed; `None`: not at all.
    pub fn wait(&self, now: Timestamp) -> Option<i64> {
        let (count, last) = *self.failures.lock();
        let over = count.checked_sub(FREE)?;
        let wait = (SECOND << over.min(20)).min(LONGEST);
        let left = last + wait - now.as_micros();
        (left > 0).then(|| (left + SECOND - 1) / SECOND)
    }

    /// Whether this is the password: the time at which it was set if it is.
    ///
    /// # Errors
    /// [`Code::Busy`] when too many are trying.
    pub async fn present(state: &AppState, password: String) -> Result<Option<Timestamp>> {
        let this = state.emergency();
        let Ok(_turn) = this.hashing.try_acquire() else {
            return Err(Problem::new(Code::Busy, "too many are signing in: try again in a moment")
                .retry_after_ms(1_000));
        };
        let current = this.current.read().clone();
        let checked = tokio::task::spawn_blocking(move || match current {
            Some(current) => current.fits(&password).then(|| current.changed()),
            None => BreakGlass::decoy().fits(&password).then_some(Timestamp::EPOCH),
        });
        let opened = checked.await.map_err(Problem::internal)?;
        let now = state.now().as_micros();
        let mut failures = this.failures.lock();
        let count = if now - failures.1 >= FORGET_AFTER { 0 } else { failures.0 };
        *failures = if opened.is_some() { (0, 0) } else { (count.saturating_add(1), now) };
        Ok(opened)
    }
}

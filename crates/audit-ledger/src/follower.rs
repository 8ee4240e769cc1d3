//! Followers: whatever consumes entries, at its own pace, from its own saved cursor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use audit_tlog::{LeafIndex, TreeSize};
use parking_lot::Mutex;

use crate::core::Core;
use crate::error::{Error, IoContext as _};
use crate::frame::Frame;

/// How often a follower that has nothing to do is called all the same.
const IDLE: Duration = Duration::from_secs(1);
/// Pause before a follower that failed tries again.
const RETRY: Duration = Duration::from_millis(500);

/// Consumes entries in order.
///
/// One loop drives every follower: it reads from the cursor on, applies frame by frame, and calls
/// [`idle`](Self::idle) when the follower has caught up.
pub trait Follower: Send {
    /// Its name, in metrics and logs.
    fn name(&self) -> &'static str;

    /// The first entry it has not consumed; asked once, at the start.
    fn cursor(&self) -> LeafIndex;

    /// Consumes the next entries. On an error the same frame is offered again after a pause.
    ///
    /// # Errors
    /// The follower's own; logged and shown in its [`FollowerStatus`].
    fn apply(&mut self, frame: &Frame) -> Result<(), FollowerError>;

    /// Called when there is nothing more to apply, after each run of frames and about once a second: the
    /// place to flush and to save the cursor.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn idle(&mut self) -> Result<(), FollowerError> {
        Ok(())
    }
}

/// A follower's own error.
pub type FollowerError = Box<dyn std::error::Error + Send + Sync>;

/// A running follower. Dropping it stops the follower and waits for it.
pub struct FollowerHandle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How far a follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// Its name.
    pub name: &'static str,
    /// The first entry it has not consumed.
    pub cursor: LeafIndex,
    /// Durable entries it has not consumed.
    pub lag: u64,
    /// What its last attempt failed with, until one succeeds.
    pub error: Option<Arc<str>>,
}

/// What the handle and the follower's thread share.
struct Shared {
    core: Arc<Core>,
    name: &'static str,
    /// Written by the follower's thread.
    cursor: AtomicU64,
    /// Written by the follower's thread.
    error: Mutex<Option<Arc<str>>>,
    stopped: AtomicBool,
}

impl FollowerHandle {
    pub(crate) fn start(core: Arc<Core>, follower: Box<dyn Follower>) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            name: follower.name(),
            cursor: AtomicU64::new(follower.cursor().get()),
            error: Mutex::default(),
            stopped: AtomicBool::new(false),
            core,
        });
        let thread = thread::Builder::new().name(shared.name.to_owned());
        let driven = Arc::clone(&shared);
        let thread = thread.spawn(move || driven.drive(follower));
        let thread = thread.context("start a thread for", shared.core.store.files.root())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How far it is.
    pub fn status(&self) -> FollowerStatus {
        let cursor = self.shared.cursor.load(Ordering::Acquire);
        FollowerStatus {
            name: self.shared.name,
            cursor: LeafIndex::new(cursor),
            lag: self.shared.core.store.size().saturating_sub(cursor),
            error: self.shared.error.lock().clone(),
        }
    }

    /// Stops it after the frame it is at, and waits.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for FollowerHandle {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.core.progress.wake();
        // A follower that panicked has been reported by the panic itself.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Shared {
    /// The loop that drives every follower.
    fn drive(&self, mut follower: Box<dyn Follower>) {
        while !self.is_stopped() {
            let closed = self.core.progress.is_closed();
            let outcome = self.catch_up(&mut *follower).and_then(|()| follower.idle());
            let failed = outcome.is_err();
            self.note(outcome);
            if closed && !failed {
                return;
            }
            if failed {
                // When the ledger has closed, one more attempt is all there is.
                if closed || self.core.progress.sleep(RETRY) && self.is_stopped() {
                    return;
                }
                continue;
            }
            let seen = TreeSize::new(self.cursor.load(Ordering::Relaxed));
            self.core.progress.wait_beyond(seen, IDLE, || self.is_stopped());
        }
    }

    /// Applies what there is.
    fn catch_up(&self, follower: &mut dyn Follower) -> Result<(), FollowerError> {
        loop {
            let cursor = self.cursor.load(Ordering::Relaxed);
            if cursor >= self.core.store.size() || self.is_stopped() {
                return Ok(());
            }
            let frame = self.core.store.frame(cursor, false)?;
            let Some(frame) = frame.within(&(cursor..u64::MAX)) else { return Ok(()) };
            follower.apply(&frame)?;
            self.cursor.store(frame.indices().end, Ordering::Release);
        }
    }

    /// Shows an outcome in the status; logs the first failure of a row.
    fn note(&self, outcome: Result<(), FollowerError>) {
        let mut error = self.error.lock();
        if let Err(failure) = &outcome
            && error.is_none()
        {
            tracing::error!(follower = self.name, error = %failure, "a follower failed; it tries again");
        }
        *error = outcome.err().map(|failure| failure.to_string().into());
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

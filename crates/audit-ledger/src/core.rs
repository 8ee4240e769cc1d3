//! What the ledger's handles and threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit_tlog::{Frontier, TreeSize};
use parking_lot::{Condvar, Mutex};

use crate::checkpointer::Checkpoints;
use crate::config::Config;
use crate::disk::Lock;
use crate::error::Error;
use crate::ledger::{Environment, Health, Recovery};
use crate::queue::Queue;
use crate::sequencer::{Outcomes, Sequencer};
use crate::store::Store;

/// The ledger's state; each field says who changes it.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) recovery: Recovery,
    /// Seed of key hashes.
    pub(crate) key_seed: u64,
    pub(crate) store: Arc<Store>,
    pub(crate) queue: Queue,
    /// Whoever has it may take batches from the queue and commit them. Not here before it knows the window,
    /// after the end, and for good if a commit panicked.
    pub(crate) sequencer: Mutex<Option<Sequencer>>,
    /// Held by whoever writes segments or dictionaries: the sealer, or `replace`.
    pub(crate) sealing: Mutex<()>,
    /// Told when a WAL file is full, and when it is time to stop.
    pub(crate) seal_signal: Signal,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) progress: Progress,
    pub(crate) figures: Figures,
    /// Held until closed.
    pub(crate) lock: Mutex<Option<Box<dyn Lock>>>,
}

/// How far the log durably is; the sequencer advances it, everybody may wait for it.
pub(crate) struct Progress {
    state: Mutex<ProgressState>,
    advanced: Condvar,
    ended: Condvar,
}

struct ProgressState {
    frontier: Frontier,
    advanced_at: Option<Instant>,
    closed: bool,
}

/// So many groups of one batch in a row, and it seems that there is one producer. With many at once a group of one
/// comes up by chance; then a sync shared with others is the better choice.
const ALONE_SINCE: u64 = 8;

/// In a stream of appends, whoever waits for more is told no more often than this: each time a thread is woken,
/// the one that commits pays for it.
const PACE: Duration = Duration::from_millis(5);

/// Counters for metrics; written by the sequencer.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) commits: AtomicU64,
    pub(crate) commit_us: AtomicU64,
    pub(crate) window_ids: AtomicU64,
    /// Groups of one batch since the last larger one.
    pub(crate) lone_groups: AtomicU64,
    /// Whether the last append was refused for want of room.
    pub(crate) disk_full: AtomicBool,
}

/// A flag that a thread sleeps on.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    raised: bool,
    stopped: bool,
}

impl Core {
    /// Stops accepting entries, for good, and says why. Whoever waits is told.
    pub(crate) fn poison(&self, cause: &Error) {
        self.poison_with(&cause.to_string());
    }

    pub(crate) fn poison_with(&self, reason: &str) {
        self.stop(reason).1.tell();
    }

    /// As [`poison`](Self::poison), but those who wait have yet to be told.
    pub(crate) fn stop(&self, reason: &str) -> (Error, Outcomes) {
        tracing::error!(
            ledger.size = self.store.size(),
            error = reason,
            "the ledger stopped accepting entries"
        );
        let error = Error::Poisoned { reason: reason.into() };
        let mut outcomes = Outcomes::default();
        for submission in self.queue.refuse_all(&error) {
            outcomes.push(submission.on_done, Err(error.clone()));
        }
        (error, outcomes)
    }

    /// Whether nothing waits or is being committed, and nothing suggests that other producers are about.
    pub(crate) fn is_quiet(&self) -> bool {
        self.figures.lone_groups.load(Ordering::Relaxed) >= ALONE_SINCE && self.queue.bytes() == 0
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        matches!(self.queue.refusal(), Some(Error::Poisoned { .. }))
    }

    pub(crate) fn health(&self) -> Health {
        match self.queue.refusal() {
            Some(Error::Poisoned { reason }) => Health::Poisoned { reason },
            Some(_) => Health::Closed,
            None if self.figures.disk_full.load(Ordering::Relaxed) => self.room(),
            None => Health::Accepting,
        }
    }

    /// Whether there is room again, after there was none.
    fn room(&self) -> Health {
        let free = self.store.disk.free_bytes(self.store.files.root());
        match free {
            Ok(free_bytes) if free_bytes < self.config.min_free_bytes => Health::DiskFull { free_bytes },
            _ => Health::Accepting,
        }
    }
}

impl Progress {
    pub(crate) const fn new(frontier: Frontier) -> Self {
        let state = Mutex::new(ProgressState { frontier, advanced_at: None, closed: false });
        Self { state, advanced: Condvar::new(), ended: Condvar::new() }
    }

    /// Those who wait have yet to be told, with [`announce`](Self::announce).
    pub(crate) fn advance(&self, frontier: &Frontier) {
        let mut state = self.state.lock();
        state.frontier.clone_from(frontier);
        state.advanced_at = Some(Instant::now());
    }

    /// Wakes those who wait for more.
    pub(crate) fn announce(&self) {
        self.advanced.notify_all();
    }

    /// The tree of the durable entries.
    pub(crate) fn frontier(&self) -> Frontier {
        self.state.lock().frontier.clone()
    }

    /// Waits until there are more than `size` entries, or the time is over, or the ledger closes, or the
    /// caller is done, which it says with [`wake`](Self::wake).
    pub(crate) fn wait_beyond(
        &self,
        size: TreeSize,
        timeout: Duration,
        is_done: impl Fn() -> bool,
    ) -> TreeSize {
        let mut state = self.state.lock();
        let waiting =
            |state: &mut ProgressState| state.frontier.size() <= size && !state.closed && !is_done();
        let nap = state.advanced_at.map_or(Duration::ZERO, |at| PACE.saturating_sub(at.elapsed()));
        if !nap.is_zero() {
            self.ended.wait_while_for(&mut state, waiting, nap.min(timeout));
        }
        self.advanced.wait_while_for(&mut state, waiting, timeout.saturating_sub(nap));
        state.frontier.size()
    }

    /// Wakes all who wait, so that they look whether they are done.
    pub(crate) fn wake(&self) {
        drop(self.state.lock());
        self.advanced.notify_all();
        self.ended.notify_all();
    }

    /// Sleeps, or until the ledger closes; returns whether it did.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        self.ended.wait_while_for(&mut state, |state| !state.closed, time);
        state.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.advanced.notify_all();
        self.ended.notify_all();
    }
}

impl Signal {
    pub(crate) fn raise(&self) {
        self.state.lock().raised = true;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits until raised (which it lowers) or the time is over; `false` once stopped.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| !state.raised && !state.stopped, timeout);
        state.raised = false;
        !state.stopped
    }
}

//! One fact, one event: what several sources saw is recorded once, and the others' sightings of it corroborate it.
//!
//! The [`ownership`](super::ownership) table says which source's event is the one. What another source sees of the same
//! fact waits until the owner has reported; then it becomes corroboration. If the owner does not report in time, the
//! sighting is recorded as an event of its own, with `details.unseen_by` naming the source that should have seen it: with
//! `gateway`, somebody went past the gateway. Should the owner report after all, both events stay, and a corroboration
//! says that they are of the same fact.
//!
//! Corroborations are events themselves, `source.corroborated`, at most one a minute unless there are many: `targets` holds
//! the ids of the corroborated events, each with the sighting's source and own id as its name. So `target:ID` finds what
//! corroborates an event, and the proof of that.
//!
//! What was acknowledged survives: an event of the owner's is in the ledger, and a sighting is in the ledger or in the
//! journal. What was recorded before a restart is read from the ledger's end.
//!
//! All memory is bounded. When too many sightings wait, the oldest are not waited for any longer; when too many are
//! offered at once, they are refused with [`Error::Busy`].

mod journal;
mod memory;
mod print;
mod recall;
mod wording;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use audit_event::{Clock, Event, Timestamp};
use audit_ledger::Ledger;
use parking_lot::Mutex;

use self::journal::Journal;
use self::memory::{Limits, Memory};
use self::worker::Worker;
use super::ownership::Configured;
use crate::Intake;
use crate::intake;

/// Requests that wait for the thread; beyond it callers are told to retry.
const QUEUED: usize = 512;
/// How to match what sources saw.
#[derive(Debug, Clone)]
pub struct Config {
    /// The journal's file.
    pub journal: PathBuf,
    /// The sources that there are.
    pub configured: Configured,
    /// How long a sighting waits for its owner.
    pub hold: Duration,
    /// The same when the owner's request may stream an answer.
    pub streaming_hold: Duration,
    /// How far two sources' clocks may be apart.
    pub window: Duration,
    /// Most sightings that wait.
    pub max_held: usize,
}

impl Config {
    /// Ten seconds of patience, five minutes where answers stream.
    #[must_use]
    pub fn new(journal: PathBuf, configured: Configured) -> Self {
        Self {
            journal,
            configured,
            hold: Duration::from_secs(10),
            streaming_hold: Duration::from_secs(300),
            window: Duration::from_secs(10),
            max_held: 4_096,
        }
    }
}

/// What became of offered events. All of it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Recorded as events.
    pub recorded: u64,
    /// Of the same fact as an event.
    pub corroborating: u64,
    /// Waiting for their owner.
    pub held: u64,
    /// Taken before.
    pub duplicates: u64,
    /// Not taken, because they cannot be recorded.
    pub refused: u64,
}

/// Why nothing was taken.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too much waits. Try again later.
    #[error("too much waits to be recorded: try again in {retry_after_ms} ms")]
    Busy {
        /// Advice: how long to wait, in milliseconds.
        retry_after_ms: u64,
    },
    /// The ledger does not take events.
    #[error(transparent)]
    Ledger(intake::Error),
    /// The journal cannot be written.
    #[error("the journal of sightings cannot be written: {0}")]
    Journal(Arc<std::io::Error>),
    /// The program is shutting down.
    #[error("recording has ended: the program is shutting down")]
    Closed,
}

/// Why sightings cannot be matched.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal, or a thread for it.
    #[error("the journal of sightings cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] audit_ledger::Error),
}

/// Figures for health and metrics, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Recorded because their source owns them.
    pub recorded: u64,
    /// Sightings of the same fact as an event.
    pub corroborating: u64,
    /// Recorded because their owner had not reported.
    pub unseen: u64,
    /// Sightings that wait now.
    pub held: usize,
    /// Corroborations that are not recorded yet.
    pub gathered: usize,
    /// Taken before.
    pub duplicates: u64,
    /// Not taken, because they cannot be recorded.
    pub refused: u64,
    /// Lines of the journal that could not be read at the start; they are in `sightings.journal.damaged`.
    pub damaged: u64,
    /// When the last webhook event came.
    pub last_webhook: Option<Timestamp>,
    /// How much later that was, by our clock, than it happened by Open WebUI's, in milliseconds: about 0 to 1,000 when
    /// the clocks agree.
    pub webhook_delay_ms: Option<i64>,
    /// When the last line of the audit file came.
    pub last_audit_line: Option<Timestamp>,
}

/// Called when what was offered is durable, or has failed; on the thread of the sightings, so it must be brief.
pub type Done = Box<dyn FnOnce(Result<Receipt, Error>) + Send>;

/// Decides what becomes of what the sources saw; clones share it.
#[derive(Clone)]
pub struct Sightings(Arc<Shared>);

struct Shared {
    memory: Arc<Mutex<Memory>>,
    status: Arc<Mutex<Status>>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Option<SyncSender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Offer { events: Vec<Event<'static>>, done: Done },
    Settle(SyncSender<()>),
}

impl Sightings {
    /// Reads the ledger's end and the journal, and starts the thread.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        config: &Config,
        intake: Intake,
        ledger: &Ledger,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let limits = Limits {
            hold: micros(config.hold),
            streaming_hold: micros(config.streaming_hold),
            window: micros(config.window),
            held: config.max_held,
        };
        let mut memory = Memory::new(config.configured, limits);
        let looked_into = ledger.size().get();
        recall::recall(&mut memory, ledger)?;
        let now = clock.now().as_micros();
        memory.begin(now);
        let (journal, replay) = Journal::open(&config.journal)?;
        for kept in &replay.sightings {
            if let Ok(event) = Event::parse(&kept.json) {
                memory.restore(&event, &kept.json, kept.arrived, now);
            }
        }
        let status = Arc::new(Mutex::new(Status { damaged: replay.damaged, ..Status::default() }));
        let memory = Arc::new(Mutex::new(memory));
        let (queue, messages) = mpsc::sync_channel(QUEUED);
        let mut worker = Worker {
            memory: Arc::clone(&memory),
            status: Arc::clone(&status),
            clock: Arc::clone(&clock),
            intake,
            journal,
            reader: ledger.reader(),
            looked_into,
        };
        let thread =
            std::thread::Builder::new().name("sightings".to_owned()).spawn(move || worker.run(&messages))?;
        Ok(Self(Arc::new(Shared {
            memory,
            status,
            clock,
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Says that an event is being recorded. Never waits for the disk.
    pub fn saw(&self, event: &Event<'_>) {
        let now = self.0.clock.now().as_micros();
        self.0.memory.lock().remember(event, now);
    }

    /// Offers a source's events, and returns at once. Each must have the source's own id. `done` is called when they are
    /// durable, in the ledger or in the journal.
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::Closed`]; `done` is not called.
    pub fn offer(&self, events: Vec<Event<'static>>, done: Done) -> Result<(), Error> {
        let queue = self.0.queue.lock();
        let Some(queue) = queue.as_ref() else { return Err(Error::Closed) };
        queue.try_send(Message::Offer { events, done }).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy { retry_after_ms: 1_000 },
            TrySendError::Disconnected(_) => Error::Closed,
        })
    }

    /// Offers events and waits until they are durable.
    ///
    /// # Errors
    /// [`Error`]: none of them counts as taken, and they may be offered again.
    pub fn take(&self, events: Vec<Event<'static>>) -> Result<Receipt, Error> {
        let (done, taken) = mpsc::sync_channel(1);
        self.offer(
            events,
            Box::new(move |receipt| {
                // Nobody but this call holds the other end.
                let _ = done.send(receipt);
            }),
        )?;
        taken.recv().unwrap_or(Err(Error::Closed))
    }

    /// Changes which sources there are: a webhook was registered, say.
    pub fn configure(&self, change: impl FnOnce(&mut Configured)) {
        change(&mut self.0.memory.lock().configured);
    }

    /// The sources that there are.
    #[must_use]
    pub fn configured(&self) -> Configured {
        self.0.memory.lock().configured
    }

    /// Does now what is due by the clock, and returns when it is done.
    pub fn settle(&self) {
        let (done, settled) = mpsc::sync_channel(1);
        let sent =
            self.0.queue.lock().as_ref().is_some_and(|queue| queue.send(Message::Settle(done)).is_ok());
        if sent {
            // An error means that the thread has ended, and there is nothing to settle any more.
            let _ = settled.recv();
        }
    }

    /// Figures for health and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let (held, gathered) = {
            let memory = self.0.memory.lock();
            (memory.held(), memory.pairs().len())
        };
        Status { held, gathered, ..*self.0.status.lock() }
    }

    /// Records the corroborations that have gathered and ends the thread. What waits stays in the journal.
    pub fn finish(&self) {
        drop(self.0.queue.lock().take());
        if let Some(thread) = self.0.thread.lock().take() {
            // A panic was reported by the panic hook; what waits is in the journal.
            let _ = thread.join();
        }
    }
}

impl From<intake::Error> for Error {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::Busy { retry_after_ms } => Self::Busy { retry_after_ms },
            intake::Error::Closed => Self::Closed,
            other => Self::Ledger(other),
        }
    }
}

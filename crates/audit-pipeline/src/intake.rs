//! The door into the ledger.
//!
//! A request is split into events, and each is parsed, checked, freed of secrets, encoded, hashed and compressed in
//! the caller's thread; the ledger then only places, writes and syncs. So as many threads as there are cores can work
//! on requests side by side. One request is one batch with one fresh salt seed, recorded as a whole or not at all.
//!
//! With [`OnError::Reject`] one bad line makes the whole request fail and the report names every bad line; nothing is
//! appended. With [`OnError::Skip`] the good lines are taken and the report names those that were not.
//!
//! What does not fit into memory comes as an [`Upload`]. Rejecting needs the whole request before anything is
//! appended, so a rejecting upload is limited to [`Config::max_request_bytes`]; a skipping one is not limited.

mod batch;
mod claimed;
mod feed;
mod report;
mod same;
mod upload;

use std::borrow::Borrow;
use std::sync::Arc;

use audit_event::{Clock, EncodeParams, Encoder, Entry, Event, EventError, Sender, Source};
use audit_ledger::{Appended, BadEntry, Health, Ledger, Placement};
use audit_tlog::{LeafIndex, TreeSize};

use batch::Batch;
pub use feed::{Fed, Feed};
pub use report::{BadLine, BadLines};
pub use same::same_event;
pub use upload::Upload;

/// How the intake works; see [`Config::default`].
#[derive(Debug, Clone)]
pub struct Config {
    /// `instance` of events that do not name one.
    pub instance: Option<Arc<str>>,
    /// Most bytes of one request that is taken as a whole, before decoding into events.
    pub max_request_bytes: usize,
    /// Most bad lines that a report lists; all are counted.
    pub max_listed: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { instance: None, max_request_bytes: 32 << 20, max_listed: 100 }
    }
}

/// What happens to a request in which some lines are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Nothing is appended.
    #[default]
    Reject,
    /// The good lines are appended.
    Skip,
}

/// How events stand in a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON object a line (NDJSON). Empty lines are passed over.
    Lines,
    /// A JSON array of objects, or one object; "line" numbers count the elements from 1.
    Document,
}

impl Framing {
    /// The framing of a body of unknown type: an array is a document, anything else is lines.
    #[must_use]
    pub fn sniff(body: &[u8]) -> Self {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => Self::Document,
            _ => Self::Lines,
        }
    }
}

/// What was recorded; it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The ids, in the order of the request: the events' own or those that were filled in.
    pub ids: Vec<Box<str>>,
    /// Where each is, in the same order; a duplicate is where it was recorded first.
    pub placements: Vec<Placement>,
    /// A durable tree size that includes all of them.
    pub tree_size: TreeSize,
    /// What was not taken; empty unless [`OnError::Skip`].
    pub skipped: BadLines,
}

impl Taken {
    /// How many had been recorded before under the same id.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.placements.iter().filter(|placement| placement.duplicate).count()
    }

    /// The ids of those duplicates that have other content than what was recorded under the id.
    pub fn differing(&self) -> impl Iterator<Item = &str> {
        let all = self.ids.iter().zip(&self.placements);
        all.filter(|(_, placement)| placement.differs).map(|(id, _)| &**id)
    }
}

/// Why nothing was recorded.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Some events are bad. Correct them, or ask for the good ones to be taken.
    #[error("{0}")]
    Invalid(BadLines),
    /// The request is too large to be taken as a whole. Send less at once, or allow bad lines to be skipped.
    #[error(
        "the request is longer than {limit_bytes} bytes, which is the most that is taken or rejected as a whole"
    )]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The queue is full. Try again later.
    #[error("too much is waiting to be recorded: try again in {retry_after_ms} ms")]
    Busy {
        /// Advice: how long to wait, in milliseconds.
        retry_after_ms: u64,
    },
    /// The disk has too little room. Try again when there is some.
    #[error("the disk is full: {free_bytes} bytes free, {needed_bytes} needed")]
    DiskFull {
        /// Bytes free.
        free_bytes: u64,
        /// Bytes needed, reserve included.
        needed_bytes: u64,
    },
    /// The ledger stopped after a failed write, until it is opened again.
    #[error("recording has stopped: {reason}")]
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The program is shutting down.
    #[error("recording has ended: the program is shutting down")]
    Closed,
    /// The operating system gave no random bytes for the salts.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// Anything else the ledger reports; an operator has to look.
    #[error(transparent)]
    Ledger(audit_ledger::Error),
}

impl From<audit_ledger::Error> for Error {
    fn from(error: audit_ledger::Error) -> Self {
        use audit_ledger::Error as Cause;
        match error {
            Cause::Busy { retry_after_ms } => Self::Busy { retry_after_ms },
            Cause::DiskFull { free_bytes, needed_bytes } => Self::DiskFull { free_bytes, needed_bytes },
            Cause::Poisoned { reason } => Self::Poisoned { reason },
            Cause::Closed => Self::Closed,
            other => Self::Ledger(other),
        }
    }
}

/// The intake; cloning gives another handle.
#[derive(Clone)]
pub struct Intake {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    config: Arc<Config>,
    sender: Option<Sender>,
    uses_reserve: bool,
}

impl Intake {
    /// An intake in front of this ledger.
    #[must_use]
    pub fn new(ledger: Ledger, clock: Arc<dyn Clock>, config: Config) -> Self {
        Self { ledger, clock, config: Arc::new(config), sender: None, uses_reserve: false }
    }

    /// The door for what comes from outside: its events name `sender`, and JSON with what they may not say is bad.
    #[must_use]
    pub fn of_sender(&self, sender: Sender) -> Self {
        Self { sender: Some(sender), ..self.clone() }
    }

    /// The same for what this program itself does: it may use the reserve of free space, so that what nobody may do
    /// unrecorded can be done, and is recorded, for a while yet after the disk is too full for others' events.
    #[must_use]
    pub fn of_ourselves(&self) -> Self {
        Self { uses_reserve: true, ..self.clone() }
    }

    /// Takes a request and returns when its events are durable.
    ///
    /// # Errors
    /// See [`Error`]; nothing was recorded.
    pub fn append(&self, body: &[u8], framing: Framing, on_error: OnError) -> Result<Taken, Error> {
        self.read(body, framing, on_error)?.append(&self.ledger)
    }

    /// Whether [`append`](Self::append) would be alone in the ledger, and so not wait for any other thread.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.ledger.is_quiet()
    }

    /// Takes a request: does the work on it in this thread and returns when it is queued. `done` is called once it is
    /// durable or has failed; on the ledger's thread, so it must be brief.
    ///
    /// # Errors
    /// See [`Error`]; nothing was recorded and `done` is not called.
    pub fn submit(
        &self,
        body: &[u8],
        framing: Framing,
        on_error: OnError,
        done: impl FnOnce(Result<Taken, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        self.read(body, framing, on_error)?.submit(&self.ledger, done)
    }

    /// Takes events from a source and returns when they are durable.
    ///
    /// # Errors
    /// See [`Error`]; nothing was recorded. The report counts events from 1.
    pub fn append_events<'e>(
        &self,
        events: impl IntoIterator<Item: Borrow<Event<'e>>>,
        on_error: OnError,
    ) -> Result<Taken, Error> {
        self.collect(events, on_error)?.append(&self.ledger)
    }

    /// Takes events from a source and returns when they are queued; see [`submit`](Self::submit).
    ///
    /// # Errors
    /// See [`Error`]; nothing was recorded and `done` is not called.
    pub fn submit_events<'e>(
        &self,
        events: impl IntoIterator<Item: Borrow<Event<'e>>>,
        on_error: OnError,
        done: impl FnOnce(Result<Taken, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        self.collect(events, on_error)?.submit(&self.ledger, done)
    }

    /// Records an event of our own doing, by the same way as everybody's but [from the reserve](Self::of_ourselves), and
    /// returns its index when it is durable.
    ///
    /// # Errors
    /// See [`Error`]; it was not recorded.
    pub fn record_internal(&self, event: Event<'_>) -> Result<LeafIndex, Error> {
        let event = Event { source: Source::Internal, ..event };
        let taken = self.of_ourselves().append_events([event], OnError::Reject)?;
        Ok(taken.placements[0].index)
    }

    /// Starts a request that comes in pieces.
    #[must_use]
    pub fn upload(&self, on_error: OnError) -> Upload {
        Upload::new(self.clone(), on_error)
    }

    /// Starts a flow of batches that are encoded while earlier ones are written.
    #[must_use]
    pub fn feed(&self, on_error: OnError) -> Feed {
        Feed::new(self.clone(), on_error)
    }

    /// Whether events are accepted at present; costs no look at the disk.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Poisoned`] or [`Error::Closed`].
    pub fn accepts(&self) -> Result<(), Error> {
        match self.ledger.health() {
            Health::DiskFull { free_bytes } => Err(Error::DiskFull { free_bytes, needed_bytes: 0 }),
            Health::Poisoned { reason } => Err(Error::Poisoned { reason }),
            Health::Closed => Err(Error::Closed),
            _ => Ok(()),
        }
    }

    /// The event's JSON as it would be recorded: secrets removed, what is absent filled in. It can be given to
    /// [`append`](Self::append) later, under the same id.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a field is missing, not allowed or too long. [`Error::NoRandomness`].
    pub fn json_of(&self, event: &Event<'_>) -> Result<Vec<u8>, Error> {
        let invalid = |error: &EventError| {
            let mut bad = BadLines::default();
            bad.note(1, || BadLine::new(1, event.id.as_deref().map(str::to_owned), error));
            Error::Invalid(bad)
        };
        // The entry is not kept, so its salt does not matter; an id that is filled in must be another each time.
        let encoded = Encoder::new(self.params()?).encode(event).map_err(|error| invalid(&error))?;
        let mut json = Vec::with_capacity(encoded.bytes.len());
        let entry = Entry::decode(&encoded.bytes).expect("what was just encoded is an entry");
        entry.write_json(&mut json);
        Ok(json)
    }

    /// The intake's configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn read(&self, body: &[u8], framing: Framing, on_error: OnError) -> Result<Batch, Error> {
        if body.len() > self.config.max_request_bytes {
            return Err(Error::TooLarge { limit_bytes: self.config.max_request_bytes });
        }
        let mut batch = self.batch(on_error)?;
        match framing {
            Framing::Lines => batch.lines(body)?,
            Framing::Document => batch.document(body)?,
        }
        Ok(batch)
    }

    fn collect<'e>(
        &self,
        events: impl IntoIterator<Item: Borrow<Event<'e>>>,
        on_error: OnError,
    ) -> Result<Batch, Error> {
        let mut batch = self.batch(on_error)?;
        for event in events {
            batch.event(event.borrow())?;
        }
        Ok(batch)
    }

    fn params(&self) -> Result<EncodeParams, Error> {
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|_| Error::NoRandomness)?;
        Ok(EncodeParams { seed, recorded_at: self.clock.now(), instance: self.config.instance.clone() })
    }

    fn batch(&self, on_error: OnError) -> Result<Batch, Error> {
        let encoder = Encoder::new(self.params()?).of_sender(self.sender.clone());
        let builder = self.ledger.batch();
        let builder = if self.uses_reserve { builder.from_reserve() } else { builder };
        Ok(Batch::new(encoder, builder, on_error, self.config.max_listed))
    }
}

fn taken(ids: Vec<Box<str>>, appended: Appended, skipped: BadLines) -> Taken {
    Taken { ids, placements: appended.placements, tree_size: appended.tree_size, skipped }
}

/// Leaf data of our entries, as the ledger wants to be told (`audit_ledger::LeafFn`).
///
/// # Errors
/// When the bytes are no entry.
pub fn leaf_of_entry(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    let data = audit_event::leaf_data(entry).map_err(|_| BadEntry)?;
    leaf.extend_from_slice(data.as_bytes());
    Ok(())
}

/// Idempotency key of our entries, the event's id, as the ledger wants to be told (`audit_ledger::KeyFn`).
///
/// # Errors
/// When the bytes are no entry.
pub fn key_of_entry(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry> {
    let id = audit_event::entry_id(entry).map_err(|_| BadEntry)?;
    key.extend_from_slice(id.as_bytes());
    Ok(())
}

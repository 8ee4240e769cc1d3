//! Strict and asynchronous recording, and the journal of intents.
//!
//! In strict mode a request that may change something goes through three steps, and at each of them the process may
//! die:
//!
//! 1. [`Recorder::begin`] writes the intent to the journal. *Dies before:* nothing was forwarded. *Dies after:* the next
//!    start records the intent as an event of outcome `unknown`.
//! 2. The request is forwarded and answered; the end of the answer is held back. *Dies here:* as above.
//! 3. [`Recorder::settle`] records what came of it and returns when that is durable; then the answer is released. *Dies
//!    before the journal knows:* the intent is offered again under the same id, which the ledger recognises.
//!
//! When the ledger does not accept, `begin` refuses and the request is answered 503. Requests that were under way keep
//! their events in the journal, synced, until the ledger takes them. What is still queued when the process ends on a full
//! disk goes into a reserve of room beside the journal, with a count of what that does not hold.
//!
//! In asynchronous mode, and for reads in either mode, events pass through a bounded queue ([`Recorder::note`]); what does
//! not fit is counted, and the count is itself recorded.

mod backlog;
mod journal;
mod last_words;
mod reserve;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit_event::{Category, Event, Outcome};
use audit_pipeline::Intake;
use audit_pipeline::intake::{Error, OnError};
use tokio::sync::oneshot;

use backlog::Backlog;
pub use journal::Durability;
use journal::{Journal, Open, Sequence};

/// Whether a state-changing request waits for its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its answer is released when its event is durable; if the ledger cannot record, it is refused.
    Strict,
    /// It goes on; its event is queued.
    Async,
}

/// The mode of each category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes {
    /// The mode of categories that `exceptions` does not name.
    pub default: Mode,
    /// Categories with a mode of their own.
    pub exceptions: Vec<(Category, Mode)>,
}

impl Modes {
    /// One mode for all.
    #[must_use]
    pub const fn all(mode: Mode) -> Self {
        Self { default: mode, exceptions: Vec::new() }
    }

    /// The mode of this category.
    #[must_use]
    pub fn of(&self, category: Category) -> Mode {
        let exception = self.exceptions.iter().find(|(of, _)| *of == category);
        exception.map_or(self.default, |(_, mode)| *mode)
    }
}

/// How to record.
#[derive(Debug, Clone)]
pub struct Config {
    /// Strict or asynchronous.
    pub modes: Modes,
    /// The journal's file.
    pub journal: PathBuf,
    /// What an intent survives.
    pub durability: Durability,
    /// Most events in the queue; beyond it they are dropped and counted.
    pub queue_events: usize,
    /// How long a busy ledger is asked again before a strict request's event is kept in the journal instead.
    pub patience: Duration,
}

impl Config {
    /// The defaults, with the journal at this path.
    #[must_use]
    pub fn new(journal: &Path) -> Self {
        Self {
            modes: Modes::all(Mode::Strict),
            journal: journal.to_owned(),
            durability: Durability::Written,
            queue_events: 20_000,
            patience: Duration::from_secs(2),
        }
    }
}

/// Why a state-changing request must not be forwarded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The ledger does not accept events.
    #[error(transparent)]
    Ledger(#[from] Error),
    /// The journal cannot be written.
    #[error("the journal of intents cannot be written: {0}")]
    Journal(#[from] io::Error),
}

/// The request was forwarded and answered, and its events are not durable.
#[derive(Debug, thiserror::Error)]
#[error("it was done, but could not be recorded: {ledger}; nor kept in the journal: {journal}")]
pub struct Unrecorded {
    /// Why the ledger did not take it.
    pub ledger: Error,
    /// Why the journal did not keep it.
    pub journal: io::Error,
}

/// Figures for health and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Strict requests under way, and events that the journal keeps for the ledger.
    pub journalled: usize,
    /// Events in the queue.
    pub waiting: u64,
    /// Events dropped since the start because the queue was full.
    pub dropped: u64,
}

/// Hears of every event that is recorded here, so that other sources' sightings of the same fact can be told from new
/// ones. Called before the ledger has the event; must be brief.
pub type Listener = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Records what the gateways see; clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    modes: Modes,
    durability: Durability,
    patience: Duration,
    intake: Intake,
    journal: Arc<Journal>,
    backlog: Backlog,
    listener: Option<Listener>,
}

/// An intent that is open. Dropped without [`Recorder::settle`] (the task was cancelled), its event is recorded with
/// outcome `unknown`.
#[must_use = "an intent that is not settled is recorded as unknown"]
pub struct Ticket {
    sequence: Sequence,
    recorder: Option<Recorder>,
}

impl Recorder {
    /// Opens the journal and records what was under way when the process last ended.
    ///
    /// # Errors
    /// When the journal cannot be opened, or the system gives no thread.
    pub fn open(config: Config, intake: Intake, listener: Option<Listener>) -> io::Result<Self> {
        let (journal, open) = Journal::open(&config.journal)?;
        let journal = Arc::new(journal);
        let backlog = Backlog::start(intake.clone(), Arc::clone(&journal), config.queue_events)?;
        let recorder = Self(Arc::new(Inner {
            modes: config.modes,
            durability: config.durability,
            patience: config.patience,
            intake,
            journal,
            backlog,
            listener,
        }));
        recorder.recover(open);
        Ok(recorder)
    }

    /// The mode of this category.
    #[must_use]
    pub fn mode(&self, category: Category) -> Mode {
        self.0.modes.of(category)
    }

    /// Whether the ledger takes events now.
    ///
    /// # Errors
    /// Why it does not.
    pub fn accepts(&self) -> Result<(), Error> {
        self.0.intake.accepts()
    }

    /// Writes down what is about to be forwarded. `intent` has the id of the event that will come of it. One write to a
    /// file, some microseconds; with [`Durability::Synced`] a sync, on a thread where that may block.
    ///
    /// # Errors
    /// [`Refused`]: it must not be forwarded.
    pub async fn begin(&self, intent: Event<'static>) -> Result<Ticket, Refused> {
        self.accepts()?;
        let intent = Event {
            outcome: Outcome::Unknown,
            reason: intent.reason.or(Some("interrupted".into())),
            ..intent
        };
        let json = self.0.intake.json_of(&intent).or_else(|_| self.0.intake.json_of(&bare(&intent)))?;
        let sequence = self.0.journal.intend(&json)?;
        let ticket = Ticket { sequence, recorder: Some(self.clone()) };
        if self.0.durability == Durability::Synced {
            let journal = Arc::clone(&self.0.journal);
            let synced = tokio::task::spawn_blocking(move || journal.sync()).await;
            if let Err(error) = synced.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
                // Nothing was forwarded, so there is nothing to record.
                self.0.journal.settle(ticket.into_sequence());
                return Err(error.into());
            }
        }
        Ok(ticket)
    }

    /// Records what came of a request and returns when it is durable: in the ledger or, when that does not accept any
    /// more, in the journal, from where it is offered until the ledger does.
    ///
    /// # Errors
    /// [`Unrecorded`]: neither took it.
    pub async fn settle(
        &self,
        ticket: Option<Ticket>,
        events: Vec<Event<'static>>,
    ) -> Result<(), Unrecorded> {
        let sequence = ticket.map(Ticket::into_sequence);
        let recorded = if events.is_empty() { Ok(()) } else { self.append(&events).await };
        let Err(refusal) = recorded else {
            if let Some(sequence) = sequence {
                self.0.journal.settle(sequence);
            }
            return Ok(());
        };
        tracing::warn!(error.message = %refusal, "the ledger does not take an answered request's events");
        let recorder = self.clone();
        let kept = tokio::task::spawn_blocking(move || recorder.keep(sequence, &events)).await;
        let kept = kept.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        kept.map_err(|journal| Unrecorded { ledger: refusal, journal })
    }

    /// Queues events that nobody waits for; never waits.
    pub fn note(&self, events: Vec<Event<'static>>) {
        for event in events {
            self.0.backlog.offer(event, |event| self.tell(event));
        }
    }

    /// Figures.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            journalled: self.0.journal.open_count(),
            waiting: self.0.backlog.waiting(),
            dropped: self.0.backlog.dropped(),
        }
    }

    /// Records what is queued. Call after the last request has ended and before the ledger is closed. Blocks.
    pub fn finish(&self) {
        self.0.backlog.finish();
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(listener) = &self.0.listener {
            listener(event);
        }
    }

    /// Appends and waits; asks a busy ledger again for a while.
    async fn append(&self, events: &[Event<'static>]) -> Result<(), Error> {
        for event in events {
            self.tell(event);
        }
        let mut left = self.0.patience;
        loop {
            match self.offer(events).await {
                Err(Error::Busy { retry_after_ms }) if !left.is_zero() => {
                    let pause = Duration::from_millis(retry_after_ms.max(1)).min(left);
                    tokio::time::sleep(pause).await;
                    left -= pause;
                }
                // A fault of ours. The rest of the request's events, and what can be said of this one, are recorded.
                Err(Error::Invalid(bad)) => {
                    tracing::error!(error.message = %bad, "an event of the gateway could not be encoded");
                    return self.offer(&events.iter().map(bare).collect::<Vec<_>>()).await;
                }
                done => return done,
            }
        }
    }

    async fn offer(&self, events: &[Event<'static>]) -> Result<(), Error> {
        let (done, durable) = oneshot::channel();
        self.0.intake.submit_events(events, OnError::Reject, move |taken| {
            // If nobody waits any more, it is recorded all the same.
            let _ = done.send(taken);
        })?;
        let taken = durable.await.unwrap_or(Err(Error::Closed))?;
        if taken.differing().next().is_none() {
            return Ok(());
        }
        // Hardly ever: ids of requests are random.
        let (intake, events) = (self.0.intake.clone(), events.to_vec());
        let again = tokio::task::spawn_blocking(move || intake.append_claimed(&events, &taken).map(drop));
        again.await.unwrap_or(Err(Error::Closed))
    }

    /// Keeps events in the journal and leaves them to the queue. Blocks.
    fn keep(&self, sequence: Option<Sequence>, events: &[Event<'static>]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            let json = self.0.intake.json_of(event).or_else(|_| self.0.intake.json_of(&bare(event)));
            lines.extend(json.map_err(io::Error::other)?);
            lines.push(b'\n');
        }
        let sequence = self.0.journal.keep(sequence, &lines)?;
        self.0.backlog.offer_journalled(sequence, lines);
        Ok(())
    }

    /// An intent that nobody settled is recorded as it stands.
    fn abandon(&self, sequence: Sequence) {
        if let Some(open) = self.0.journal.get(sequence) {
            self.0.backlog.offer_journalled(sequence, open.events);
        }
    }

    /// Records what was open in the journal when the process last ended.
    fn recover(&self, open: Vec<Open>) {
        if !open.is_empty() {
            let unknown = open.iter().filter(|open| !open.is_answered).count();
            tracing::warn!(requests = open.len(), unknown, "requests were under way when the process ended");
        }
        for open in open {
            self.0.backlog.offer_journalled(open.sequence, open.events);
        }
    }
}

impl Ticket {
    fn into_sequence(mut self) -> Sequence {
        self.recorder = None;
        self.sequence
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.abandon(self.sequence);
        }
    }
}

/// What can be said of an event that cannot be encoded: who did what to what, each cut to a length that always fits.
pub(crate) fn bare(event: &Event<'static>) -> Event<'static> {
    let mut bare = Event {
        id: event.id.clone(),
        time: event.time,
        category: event.category,
        outcome: event.outcome,
        actor: event.actor.clone(),
        session_id: event.session_id.clone(),
        client: event.client.clone(),
        target: event.target.clone(),
        http: event.http.clone(),
        message: Some("This event could not be recorded whole: see the log of secureai-audit".into()),
        ..Event::new(event.action.clone(), event.source)
    };
    if let Some(actor) = &mut bare.actor {
        [&mut actor.id, &mut actor.name, &mut actor.email].into_iter().for_each(shorten);
    }
    if let Some(client) = &mut bare.client {
        client.forwarded_for.clear();
        shorten(&mut client.user_agent);
    }
    if let Some(target) = &mut bare.target {
        [&mut target.kind, &mut target.id, &mut target.name].into_iter().for_each(shorten);
    }
    if let Some(http) = &mut bare.http {
        [&mut http.method, &mut http.path, &mut http.request_id].into_iter().for_each(shorten);
    }
    shorten(&mut bare.session_id);
    bare
}

/// Cuts a text to what every field takes.
fn shorten(text: &mut Option<Cow<'static, str>>) {
    const MOST: usize = 128;
    if let Some(long) = text.as_mut().filter(|text| text.len() > MOST) {
        let end = (0..=MOST).rev().find(|end| long.is_char_boundary(*end)).unwrap_or(0);
        *long = long[..end].to_owned().into();
    }
}

#[cfg(test)]
mod tests;

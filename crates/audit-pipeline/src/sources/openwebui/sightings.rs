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
//! [journal](self::journal). What was recorded before a restart is read from the ledger's end.
//!
//! All memory is bounded. When too many sightings wait, the oldest are not waited for any longer; when too many are
//! offered at once, they are refused with [`Error::Busy`].

mod journal;
mod memory;
mod print;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use audit_event::{
    Actor, ActorType, Clock, Entry, Event, Json, Outcome, Source, Target, Timestamp, taxonomy,
};
use audit_ledger::{Direction, Ledger, Reader};
use parking_lot::Mutex;

use self::journal::{Journal, name_of};
use self::memory::{Fate, Kept, Limits, Memory, Pair, Sighting};
use super::ownership::Configured;
use crate::Intake;
use crate::intake::{self, OnError};

/// Requests that wait for the thread; beyond it callers are told to retry.
const QUEUED: usize = 512;
/// Events dealt with at once.
const BATCH: usize = 512;
/// How often what waits is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long corroborations are gathered, in microseconds.
const GATHER_MICROS: i64 = 60 * 1_000_000;
/// Corroborations in one event: it must stay well below the greatest size of an event.
const GATHERED: usize = 300;
/// How far back the ledger is read at the start: entries, and microseconds before the newest of them.
const RECALLED: u64 = 20_000;
const RECALLED_MICROS: i64 = 3_600 * 1_000_000;

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
        recall(&mut memory, ledger)?;
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

/// The thread's own: the only one that writes.
struct Worker {
    memory: Arc<Mutex<Memory>>,
    status: Arc<Mutex<Status>>,
    clock: Arc<dyn Clock>,
    intake: Intake,
    journal: Journal,
    reader: Reader,
    /// How many of the ledger's entries were looked into.
    looked_into: u64,
}

/// What one batch comes to.
#[derive(Default)]
struct Batch {
    /// Events to record, with their JSON.
    own: Vec<(Event<'static>, Vec<u8>)>,
    seen: Vec<Sighting>,
    receipts: Vec<(Receipt, Done)>,
    events: usize,
}

impl Worker {
    fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(TICK) {
                Ok(message) => self.take(message, messages),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.give_up_waiting();
            self.record_pairs(false);
        }
        self.record_pairs(true);
    }

    /// Takes a message and those that have queued up behind it.
    fn take(&mut self, first: Message, messages: &Receiver<Message>) {
        let mut batch = Batch::default();
        let mut settled = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Offer { done, .. } if self.memory.lock().is_full() => {
                    done(Err(Error::Busy { retry_after_ms: 5_000 }));
                }
                Message::Offer { events, done } => {
                    batch.events += events.len();
                    let receipt = self.sort(events, &mut batch);
                    batch.receipts.push((receipt, done));
                }
                Message::Settle(done) => settled.push(done),
            }
            next = if batch.events < BATCH { messages.try_recv().ok() } else { None };
        }
        self.keep(batch);
        if !settled.is_empty() {
            self.give_up_waiting();
            self.record_pairs(false);
        }
        for done in settled {
            // Who asked may be gone.
            let _ = done.send(());
        }
    }

    /// Decides what becomes of each event.
    fn sort(&self, events: Vec<Event<'static>>, batch: &mut Batch) -> Receipt {
        let now = self.clock.now();
        let mut receipt = Receipt::default();
        for event in events {
            self.note_arrival(&event, now);
            let json = match self.intake.json_of(&event) {
                Ok(json) if event.id.is_some() => json,
                _ => {
                    receipt.refused += 1;
                    continue;
                }
            };
            match self.memory.lock().offer(&event, json, now.as_micros()) {
                Fate::Duplicate => receipt.duplicates += 1,
                Fate::Own(json) => {
                    receipt.recorded += 1;
                    batch.own.push((event, json));
                }
                Fate::Seen(sighting) => {
                    receipt.held += 1;
                    batch.seen.push(sighting);
                }
            }
        }
        receipt
    }

    /// Makes a batch durable and answers.
    fn keep(&mut self, batch: Batch) {
        let Batch { own, seen, receipts, .. } = batch;
        let kept = self.journal.keep(seen.iter().map(|sighting| (sighting.arrived, &*sighting.json)));
        let outcome = match kept {
            Ok(()) => {
                let corroborating = self.hold(seen);
                self.record(own).map(|()| corroborating)
            }
            Err(error) => {
                let mut memory = self.memory.lock();
                seen.iter().for_each(|sighting| memory.forget(sighting.source, &sighting.id));
                own.iter().for_each(|(event, _)| memory.forget_event(event));
                Err(Error::Journal(Arc::new(error)))
            }
        };
        self.answer(receipts, outcome);
    }

    /// Lets sightings wait that are on the disk; gives how many were explained at once.
    fn hold(&self, seen: Vec<Sighting>) -> u64 {
        let now = self.clock.now().as_micros();
        let mut memory = self.memory.lock();
        let kept = seen.into_iter().map(|sighting| memory.keep(sighting, now));
        kept.map(|kept| u64::from(kept == Kept::Corroborates)).sum()
    }

    /// Records events of their owners. A webhook's sender does not send again what was refused, so what the ledger does not
    /// take now waits in the journal.
    fn record(&mut self, own: Vec<(Event<'static>, Vec<u8>)>) -> Result<(), Error> {
        if own.is_empty() {
            return Ok(());
        }
        let now = self.clock.now().as_micros();
        let recorded = self.intake.append_events(own.iter().map(|(event, _)| event), OnError::Skip);
        let Err(error) = recorded else {
            let mut memory = self.memory.lock();
            own.iter().for_each(|(event, _)| memory.remember(event, now));
            return Ok(());
        };
        let journalled = self.journal.keep(own.iter().map(|(_, json)| (now, json.as_slice())));
        let mut memory = self.memory.lock();
        if journalled.is_err() {
            own.iter().for_each(|(event, _)| memory.forget_event(event));
            return Err(error.into());
        }
        own.into_iter().for_each(|(event, json)| memory.postpone(&event, json, now));
        Ok(())
    }

    /// Answers those who offered.
    fn answer(&self, receipts: Vec<(Receipt, Done)>, outcome: Result<u64, Error>) {
        let mut explained = match outcome {
            Ok(explained) => explained,
            Err(error) => {
                receipts.into_iter().for_each(|(_, done)| done(Err(error.clone())));
                return;
            }
        };
        for (mut receipt, done) in receipts {
            // Which of several requests' sightings were explained does not matter to any of them.
            receipt.corroborating = explained.min(receipt.held);
            receipt.held -= receipt.corroborating;
            explained -= receipt.corroborating;
            self.count(receipt);
            done(Ok(receipt));
        }
    }

    /// Records the sightings whose owner has not reported in time.
    fn give_up_waiting(&mut self) {
        if self.intake.accepts().is_err() {
            return;
        }
        let now = self.clock.now().as_micros();
        let due = self.memory.lock().due(now);
        if due.is_empty() {
            return;
        }
        self.look_into_the_ledger(now);
        for some in due.chunks(BATCH) {
            if !self.give_up(some, now) {
                return;
            }
        }
    }

    /// Notes owners' events that nobody told of, such as those recovered after a crash. Before a sighting counts as unseen,
    /// this is worth reading what is new in the ledger.
    fn look_into_the_ledger(&mut self, now: i64) {
        let size = self.reader.size().get();
        let from = self.looked_into.max(size.saturating_sub(RECALLED));
        self.looked_into = size;
        if from == size {
            return;
        }
        let known = self.memory.lock().recorded_ids();
        // What cannot be read is the reader's to report; here it means that no owner is found in it.
        for frame in self.reader.scan(from..size, Direction::Forward).flatten() {
            for (_, bytes) in frame.iter() {
                let is_news =
                    |source, id: &str| is_of_open_webui(source) && !known.contains(&(source, id.into()));
                let Some(json) = json_if(bytes, is_news) else { continue };
                if let Ok(event) = Event::parse(&json) {
                    self.memory.lock().remember(&event, now);
                }
            }
        }
    }

    /// Records sightings as events of their own; false when the ledger does not take them now.
    fn give_up(&mut self, due: &[Sighting], now: i64) -> bool {
        let mut events = Vec::new();
        let mut alone = Vec::new();
        for sighting in due {
            let mut memory = self.memory.lock();
            let Some(finding) = memory.give_up(sighting, now) else { continue };
            let Ok(event) = Event::parse(&sighting.json) else { continue };
            let event = match finding.unseen_by {
                Some(owner) => not_seen_by(owner, event),
                None => event,
            };
            // Another source's sighting of the same fact may be the next.
            memory.went_unseen(sighting.clone(), &event, now);
            events.push(event);
            alone.push((sighting, finding));
        }
        if events.is_empty() {
            return true;
        }
        if self.intake.append_events(&events, OnError::Skip).is_err() {
            let again = alone.into_iter().map(|(sighting, _)| sighting.clone()).collect();
            self.memory.lock().put_back(again);
            return false;
        }
        let unseen = alone.iter().filter(|(_, finding)| finding.unseen_by.is_some()).count();
        self.status.lock().unseen += unseen as u64;
        self.settled(alone.iter().map(|(sighting, _)| (sighting.source, &*sighting.id)));
        true
    }

    /// Records the corroborations that have gathered for a minute, or are many; all of them if it `must`.
    fn record_pairs(&mut self, must: bool) {
        let now = self.clock.now();
        loop {
            let pairs: Vec<Pair> = self.memory.lock().pairs().iter().take(GATHERED).cloned().collect();
            let Some(first) = pairs.first() else { return };
            let is_time = must
                || pairs.len() == GATHERED
                || now.as_micros().saturating_sub(first.found) >= GATHER_MICROS;
            if !is_time || self.intake.record_internal(corroboration(&pairs)).is_err() {
                return;
            }
            self.memory.lock().pairs_recorded(pairs.len());
            let early = pairs.iter().filter(|pair| pair.late.is_none());
            self.settled(early.map(|pair| (pair.source, &*pair.sighting)));
        }
    }

    /// Notes in the journal what it need not keep any longer.
    fn settled<'s>(&mut self, recorded: impl IntoIterator<Item = (Source, &'s str)>) {
        let others = self.memory.lock().unrecorded();
        let memory = &self.memory;
        // If it cannot be written, the next start takes them up again and recognises them.
        let _ = self.journal.done(recorded, || memory.lock().unrecorded_lines(), others);
    }

    fn note_arrival(&self, event: &Event<'_>, now: Timestamp) {
        let mut status = self.status.lock();
        match event.source {
            Source::Webhook => {
                status.last_webhook = Some(now);
                let delay = event.time.map(|time| now.as_micros().saturating_sub(time.as_micros()));
                status.webhook_delay_ms = delay.map(|micros| micros / 1_000);
            }
            Source::AuditFile => status.last_audit_line = Some(now),
            _ => {}
        }
    }

    fn count(&self, receipt: Receipt) {
        let mut status = self.status.lock();
        status.recorded += receipt.recorded;
        status.corroborating += receipt.corroborating;
        status.duplicates += receipt.duplicates;
        status.refused += receipt.refused;
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

/// The event of a sighting whose owner did not see it.
fn not_seen_by(owner: Source, mut event: Event<'_>) -> Event<'_> {
    let mut members = match event.details.take() {
        Some(Json::Object(members)) => members,
        _ => Vec::new(),
    };
    members.push(("unseen_by".into(), owner.as_str().into()));
    event.details = Some(Json::Object(members));
    if let Some(message) = &event.message {
        event.message =
            Some(format!("{message} (not seen by the {})", owner.as_str().replace('_', " ")).into());
    }
    event
}

/// The event that says what corroborates what.
fn corroboration(pairs: &[Pair]) -> Event<'static> {
    let mut event = Event::new("source.corroborated", Source::Internal);
    event.outcome = Outcome::Success;
    event.actor = Some(Actor {
        kind: Some(ActorType::System),
        name: Some("secureai-audit".into()),
        ..Actor::default()
    });
    event.targets = pairs.iter().flat_map(targets).collect();
    let late = pairs.iter().filter(|pair| pair.late.is_some()).count();
    let count = |source| pairs.iter().filter(|pair| pair.source == source).count();
    let mut details =
        vec![("webhook", count(Source::Webhook)), ("audit_file", count(Source::AuditFile)), ("late", late)];
    details.retain(|(_, count)| *count > 0);
    event.details =
        Some(Json::object(details.into_iter().map(|(name, count)| (name, Json::from(count as u64)))));
    let plural =
        if pairs.len() == 1 { "sighting corroborates an event" } else { "sightings corroborate events" };
    event.message = Some(format!("{} {plural} of another source", pairs.len()).into());
    debug_assert!(taxonomy::lookup(&event.action).is_some());
    event
}

/// The corroborated event, named by the sighting; when that is an event itself, the other way round as well.
fn targets(pair: &Pair) -> impl Iterator<Item = Target<'static>> {
    let target = |id: &str, name: String| Target {
        kind: Some("event".into()),
        id: Some(id.to_owned().into()),
        name: Some(name.into()),
    };
    let back = pair.late.map(|source| target(&pair.sighting, name_of(source, &pair.event)));
    std::iter::once(target(&pair.event, name_of(pair.source, &pair.sighting))).chain(back)
}

/// Notes what the ledger's end tells of the time before this process.
fn recall(memory: &mut Memory, ledger: &Ledger) -> Result<(), audit_ledger::Error> {
    let size = ledger.size().get();
    let mut frames = Vec::new();
    let mut newest = None;
    for frame in ledger.reader().scan(size.saturating_sub(RECALLED)..size, Direction::Backward) {
        let frame = frame?;
        let recorded_at = frame.iter().next_back().and_then(|(_, bytes)| recorded_at(bytes));
        let (newest, at) = (*newest.get_or_insert(recorded_at), recorded_at);
        frames.push(frame);
        let is_far = newest.zip(at).is_some_and(|(newest, at)| newest - at > RECALLED_MICROS);
        if is_far {
            break;
        }
    }
    for frame in frames.iter().rev() {
        for (_, bytes) in frame.iter() {
            recall_entry(memory, bytes);
        }
    }
    Ok(())
}

/// Notes one entry; what cannot be read any more (it was erased) tells nothing.
fn recall_entry(memory: &mut Memory, bytes: &[u8]) {
    let Some(at) = recorded_at(bytes) else { return };
    let Ok(entry) = Entry::decode(bytes) else { return };
    let mut json = Vec::new();
    entry.write_json(&mut json);
    let Ok(event) = Event::parse(&json) else { return };
    if event.action == "source.corroborated" {
        for target in &event.targets {
            let named = target.id.as_deref().zip(target.name.as_deref());
            let Some((id, (source, sighting))) =
                named.and_then(|(id, name)| Some((id, name.split_once(':')?)))
            else {
                continue;
            };
            if let Ok(source) = source.parse() {
                memory.recall_pair(id, source, sighting);
            }
        }
    } else if is_of_open_webui(event.source) {
        memory.recall(&event, at);
    }
}

const fn is_of_open_webui(source: Source) -> bool {
    matches!(source, Source::Gateway | Source::Webhook | Source::AuditFile | Source::ModelGateway)
}

/// The JSON of an entry whose source and id are as wished.
fn json_if(bytes: &[u8], wish: impl Fn(Source, &str) -> bool) -> Option<Vec<u8>> {
    let entry = Entry::decode(bytes).ok()?;
    let fields = audit_event::Fields::decode(&entry).ok()?;
    let mut json = Vec::new();
    wish(fields.source, &fields.id).then(|| entry.write_json(&mut json))?;
    Some(json)
}

fn recorded_at(bytes: &[u8]) -> Option<i64> {
    let entry = Entry::decode(bytes).ok()?;
    let fields = audit_event::Fields::decode(&entry).ok()?;
    Some(fields.recorded_at.as_micros())
}

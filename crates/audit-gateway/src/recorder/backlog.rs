//! Events that nobody waits for: a bounded queue, and one thread that offers them to the ledger until it takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use audit_event::{Actor, ActorType, Event, Json, Outcome, Source};
use audit_pipeline::Intake;
use audit_pipeline::intake::{Error, Framing, OnError};
use parking_lot::Mutex;

use super::bare;
use super::journal::{Journal, Sequence};
use super::last_words::LastWords;

/// How often what the ledger did not take is offered again.
const OFFER_EVERY: Duration = Duration::from_millis(500);
/// Most events of one append.
const BATCH: usize = 512;

/// A queue in front of the ledger for events whose sources go on without waiting.
///
/// While the ledger does not accept (a full disk, a full queue) events wait in memory. What does not fit is dropped,
/// counted, and the count is recorded as `ledger.events_dropped` as soon as the ledger accepts again. Events that stand
/// in the journal too are never dropped; they are settled there once they are recorded.
pub(super) struct Backlog {
    queue: Mutex<Option<Sender<Waiting>>>,
    figures: Arc<Figures>,
    capacity: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Waiting {
    Event(Box<Event<'static>>),
    /// Events that stand in the journal, one JSON object a line.
    Journalled(Sequence, Vec<u8>),
}

#[derive(Default)]
struct Figures {
    /// Events taken that are not in the ledger yet.
    waiting: AtomicU64,
    /// Events dropped since the start.
    dropped: AtomicU64,
}

impl Backlog {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(intake: Intake, journal: Arc<Journal>, capacity: usize) -> std::io::Result<Self> {
        // Bounded by `capacity`, which leaves out what the journal holds.
        let (queue, events) = mpsc::channel();
        let figures = Arc::new(Figures::default());
        let drain = Drain {
            intake,
            journal,
            pending: VecDeque::new(),
            figures: Arc::clone(&figures),
            dropped_recorded: 0,
            told_of_failure: false,
        };
        let thread =
            std::thread::Builder::new().name("audit-backlog".to_owned()).spawn(move || drain.run(&events))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            figures,
            capacity: u64::try_from(capacity).unwrap_or(u64::MAX),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes an event, or drops and counts it; never waits. Says whether it was taken. `tell` hears of it if it is: another
    /// source's sighting of what was dropped must not count as a mere corroboration.
    pub(super) fn offer(&self, event: Event<'static>, tell: impl FnOnce(&Event<'_>)) -> bool {
        let has_room = self.figures.waiting.load(Ordering::Relaxed) < self.capacity;
        if has_room {
            tell(&event);
        }
        let taken = has_room && self.send(Waiting::Event(Box::new(event)));
        if !taken {
            self.figures.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Takes what a record of the journal holds. If the thread has ended, the next start finds it there.
    pub(super) fn offer_journalled(&self, sequence: Sequence, lines: Vec<u8>) {
        self.send(Waiting::Journalled(sequence, lines));
    }

    /// Events taken that are not in the ledger yet.
    pub(super) fn waiting(&self) -> u64 {
        self.figures.waiting.load(Ordering::Relaxed)
    }

    /// Events dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.figures.dropped.load(Ordering::Relaxed)
    }

    /// Records what waits, as far as the ledger takes it, and ends the thread. Blocks.
    pub(super) fn finish(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that records what the gateway saw panicked");
        }
    }

    fn send(&self, waiting: Waiting) -> bool {
        let queue = self.queue.lock();
        self.figures.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = queue.as_ref().is_some_and(|queue| queue.send(waiting).is_ok());
        if !sent {
            self.figures.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }
}

struct Drain {
    intake: Intake,
    journal: Arc<Journal>,
    pending: VecDeque<Waiting>,
    figures: Arc<Figures>,
    dropped_recorded: u64,
    told_of_failure: bool,
}

impl Drain {
    fn run(mut self, events: &Receiver<Waiting>) {
        loop {
            match events.recv_timeout(OFFER_EVERY) {
                Ok(event) => {
                    self.pending.push_back(event);
                    // What has queued up meanwhile goes into the same append.
                    self.pending.extend(events.try_iter());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.append_pending();
            self.journal.tidy();
        }
        self.append_pending();
        self.keep_rest();
    }

    /// What the ledger does not take at the end goes to the journal, from where the next start records it.
    fn keep_rest(&mut self) {
        let mut last = LastWords::new(&self.journal);
        for waiting in &self.pending {
            if let Waiting::Event(event) = waiting {
                last.keep(self.json_of(event).as_deref());
            }
        }
        let dropped = self.figures.dropped.load(Ordering::Relaxed) - self.dropped_recorded;
        let lost = last.lost();
        let counts = [(dropped, Loss::QueueFull), (lost, Loss::DiskFull)];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        last.end(&counts.filter_map(|(count, loss)| self.json_of(&loss.event(count))).collect::<Vec<_>>());
    }

    fn json_of(&self, event: &Event<'static>) -> Option<Vec<u8>> {
        self.intake.json_of(event).or_else(|_| self.intake.json_of(&bare(event))).ok()
    }

    fn append_pending(&mut self) {
        while let Some(first) = self.pending.front() {
            let appended = match first {
                Waiting::Event(_) => self.append_events(),
                Waiting::Journalled(sequence, lines) => self.append_journalled(*sequence, lines),
            };
            match appended {
                Ok(count) => {
                    self.told_of_failure = false;
                    self.pending.drain(..count);
                    self.figures.waiting.fetch_sub(count as u64, Ordering::Relaxed);
                }
                Err(error) => return self.tell_of(&error),
            }
        }
        self.record_dropped();
    }

    /// Appends the events at the front, up to the next that is journalled; says how many.
    fn append_events(&self) -> Result<usize, Error> {
        let events = self.pending.iter().map_while(|waiting| match waiting {
            Waiting::Event(event) => Some(&**event),
            Waiting::Journalled(..) => None,
        });
        let batch: Vec<_> = events.take(BATCH).collect();
        let taken = self.intake.append_surely(&batch, OnError::Skip)?;
        // A fault of ours: what cannot be encoded must not hold up the rest, and what can be said of it is recorded.
        if !taken.skipped.is_empty() {
            tracing::error!(error.message = %taken.skipped, "what the gateway saw could not be encoded");
            let unsound = batch.iter().filter(|event| self.intake.json_of(event).is_err());
            self.intake.append_events(unsound.map(|event| bare(event)), OnError::Skip)?;
        }
        Ok(batch.len())
    }

    fn append_journalled(&self, sequence: Sequence, lines: &[u8]) -> Result<usize, Error> {
        let taken = self.intake.append(lines, Framing::Lines, OnError::Skip)?;
        if taken.differing().next().is_some() {
            let events: Vec<_> = lines.split(|byte| *byte == b'\n').flat_map(Event::parse).collect();
            self.intake.append_claimed(&events, &taken)?;
        }
        if !taken.skipped.is_empty() {
            tracing::error!(error.message = %taken.skipped, "a record in the journal of intents is no event");
        }
        self.journal.settle(sequence);
        Ok(1)
    }

    fn tell_of(&mut self, error: &Error) {
        if !self.told_of_failure {
            tracing::warn!(error.message = %error, "what the gateway sees cannot be recorded for now");
            self.told_of_failure = true;
        }
    }

    /// Says in the record itself that it has a gap.
    fn record_dropped(&mut self) {
        let dropped = self.figures.dropped.load(Ordering::Relaxed);
        let unrecorded = dropped - self.dropped_recorded;
        if unrecorded > 0 && self.intake.record_internal(Loss::QueueFull.event(unrecorded)).is_ok() {
            self.dropped_recorded = dropped;
        }
    }
}

/// Why events are not on the record.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// There were more than the queue holds.
    QueueFull,
    /// The process ended while neither ledger nor journal took any.
    DiskFull,
}

impl Loss {
    fn event(self, count: u64) -> Event<'static> {
        match self {
            Self::QueueFull => lost_event(count, "queue_full", "dropped because its queue was full"),
            Self::DiskFull => lost_event(count, "disk_full", "lost because it ended while the disk was full"),
        }
    }
}

fn lost_event(count: u64, reason: &'static str, what: &str) -> Event<'static> {
    let mut event = Event::new("ledger.events_dropped", Source::Internal);
    event.outcome = Outcome::Failure;
    event.reason = Some(reason.into());
    event.actor = Some(Actor {
        kind: Some(ActorType::System),
        name: Some("secureai-audit".into()),
        ..Actor::default()
    });
    event.message = Some(format!("{count} events of the gateway were {what}").into());
    event.details = Some(Json::object([("queue", Json::from("gateway")), ("events", Json::from(count))]));
    event
}

//! Reading the audit log is itself on the record.
//!
//! Searches, views, proofs, live tails and refused requests become events through a bounded queue and one thread, so
//! that no reader waits for the disk. The same deed by the same visitor within ten minutes is recorded once when it
//! first happens and, if it was repeated, once more at the end of the ten minutes with how often. An export is
//! different: that it began is durable before its first byte leaves ([`Activity::record`]).
//!
//! When the ledger does not accept events (a full disk) reading goes on, and what should be recorded waits in memory
//! until it can be; what does not fit is counted, and the count is recorded. So are the events of sources that were
//! refused ([`Refusals`]).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use audit_event::{Clock, Event, Json, Outcome, Source, Timestamp, taxonomy};
use audit_pipeline::Intake;
use audit_pipeline::intake::OnError;
use parking_lot::Mutex;

use crate::sources::Refusals;

/// How long repetitions of a deed are only counted.
const WINDOW_MICROS: i64 = 10 * 60 * 1_000_000;
/// Deeds remembered in order to recognise repetitions; beyond it the oldest are closed early.
const REMEMBERED: usize = 4_096;
/// Events on their way to the recording thread.
const QUEUED: usize = 1_024;
/// Events that wait for the ledger to accept again.
const PENDING: usize = 10_000;
/// How often the thread looks for windows that have ended and offers what is pending again.
const TICK: Duration = Duration::from_secs(5);
/// Events appended at once.
const BATCH: usize = 256;

/// The way to record what readers do.
pub(crate) struct Activity {
    intake: Intake,
    queue: Mutex<Option<SyncSender<Message>>>,
    dropped: Arc<AtomicU64>,
    refusals: Arc<Refusals>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Deed {
    event: Event<'static>,
    /// Equal for deeds that repeat each other; `None` never repeats.
    key: Option<String>,
}

enum Message {
    Deed(Box<Deed>),
    #[cfg(test)]
    Flush(SyncSender<()>),
}

impl Activity {
    /// Starts the recording thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(intake: Intake, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (queue, deeds) = mpsc::sync_channel(QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let refusals = Arc::<Refusals>::default();
        let mut recorder = Recorder {
            intake: intake.clone(),
            refusals: Arc::clone(&refusals),
            clock,
            windows: Windows::default(),
            pending: VecDeque::new(),
            dropped: Arc::clone(&dropped),
            told_of_failure: false,
        };
        let thread = std::thread::Builder::new()
            .name("audit-activity".to_owned())
            .spawn(move || recorder.run(&deeds))?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { intake, queue, dropped, refusals, thread })
    }

    /// Notes what a visitor did; never waits. Deeds with the same `subject` by the same visitor repeat each other.
    pub fn note(&self, event: Event<'static>, visitor: &str, subject: &str) {
        let key = format!("{visitor}\0{}\0{subject}", event.action);
        self.send(Deed { event: worded(event), key: Some(key) });
    }

    /// Notes what never counts as a repetition; never waits.
    pub fn note_each(&self, event: Event<'static>) {
        self.send(Deed { event: worded(event), key: None });
    }

    /// Records an event and returns when it is durable. When the ledger does not accept events it is noted instead:
    /// a full disk must not keep an auditor from the evidence. Blocks; not for the runtime's threads.
    pub fn record(&self, event: Event<'static>) {
        let event = worded(event);
        if let Err(error) = self.intake.record_internal(event.clone()) {
            tracing::warn!(error.message = %error, "an export begins before it could be recorded");
            self.note_each(event);
        }
    }

    /// Deeds that were lost because too many came at once.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Events of sources that were refused.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Records what has gathered and ends the thread. Blocks.
    pub fn finish(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that records readers panicked");
        }
    }

    fn send(&self, deed: Deed) {
        let queue = self.queue.lock();
        let Some(queue) = queue.as_ref() else { return };
        match queue.try_send(Message::Deed(Box::new(deed))) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until what was noted so far is recorded.
    #[cfg(test)]
    pub fn flush(&self) {
        let (done, flushed) = mpsc::sync_channel(1);
        if let Some(queue) = self.queue.lock().as_ref() {
            queue.send(Message::Flush(done)).unwrap();
        }
        flushed.recv().unwrap();
    }
}

struct Recorder {
    intake: Intake,
    refusals: Arc<Refusals>,
    clock: Arc<dyn Clock>,
    windows: Windows,
    /// Events not recorded yet, oldest first.
    pending: VecDeque<Event<'static>>,
    dropped: Arc<AtomicU64>,
    told_of_failure: bool,
}

impl Recorder {
    fn run(&mut self, deeds: &Receiver<Message>) {
        loop {
            match deeds.recv_timeout(TICK) {
                Ok(message) => {
                    self.take(message);
                    // What has queued up meanwhile goes into the same append.
                    while let Ok(message) = deeds.try_recv() {
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = self.clock.now();
            let ended = self.windows.close_before(now);
            self.pending.extend(ended);
            self.append_pending();
            self.refusals.tell(&self.intake);
        }
        let repeated = self.windows.close_all();
        self.pending.extend(repeated);
        self.append_pending();
        self.refusals.tell(&self.intake);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Deed(deed) => {
                let now = self.clock.now();
                self.pending.extend(self.windows.admit(*deed, now));
                while self.pending.len() > PENDING {
                    self.pending.pop_front();
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            #[cfg(test)]
            Message::Flush(done) => {
                self.append_pending();
                self.refusals.tell(&self.intake);
                let _ = done.send(());
            }
        }
    }

    fn append_pending(&mut self) {
        while !self.pending.is_empty() {
            let count = self.pending.len().min(BATCH);
            let batch = self.pending.iter().take(count).cloned();
            match self.intake.append_events(batch, OnError::Skip) {
                Ok(taken) => {
                    // A fault of ours: what cannot be encoded must not hold up the rest.
                    if !taken.skipped.is_empty() {
                        tracing::error!(error.message = %taken.skipped, "what readers did could not be encoded");
                    }
                    self.told_of_failure = false;
                    self.pending.drain(..count);
                }
                Err(error) => {
                    if !self.told_of_failure {
                        tracing::warn!(error.message = %error, "what readers do cannot be recorded for now");
                        self.told_of_failure = true;
                    }
                    return;
                }
            }
        }
    }
}

/// The deeds of the last ten minutes.
#[derive(Default)]
struct Windows {
    open: HashMap<String, Window>,
    /// Keys by when their window opened, oldest first.
    order: VecDeque<String>,
}

struct Window {
    opened: Timestamp,
    repeats: u32,
    /// The latest repetition.
    latest: Option<Event<'static>>,
}

impl Windows {
    /// The events to record because of this deed: itself if it is the first of its kind, and the repetitions of those
    /// that have to make room.
    fn admit(&mut self, mut deed: Deed, now: Timestamp) -> Vec<Event<'static>> {
        deed.event.time.get_or_insert(now);
        let Some(key) = deed.key else { return vec![deed.event] };
        if let Some(window) = self.open.get_mut(&key)
            && !window.has_ended(now)
        {
            window.repeats = window.repeats.saturating_add(1);
            window.latest = Some(deed.event);
            return Vec::new();
        }
        let mut events = Vec::with_capacity(1);
        if let Some(ended) = self.open.remove(&key) {
            self.order.retain(|open| *open != key);
            events.extend(ended.into_repetition());
        }
        if self.order.len() >= REMEMBERED {
            events.extend(self.close_oldest());
        }
        self.open.insert(key.clone(), Window { opened: now, repeats: 0, latest: None });
        self.order.push_back(key);
        events.push(deed.event);
        events
    }

    /// Forgets the deeds whose ten minutes are over; gives the events of those that were repeated.
    fn close_before(&mut self, now: Timestamp) -> Vec<Event<'static>> {
        let mut repeated = Vec::new();
        while let Some(window) = self.order.front().and_then(|key| self.open.get(key))
            && window.has_ended(now)
        {
            repeated.extend(self.close_oldest());
        }
        repeated
    }

    fn close_all(&mut self) -> Vec<Event<'static>> {
        let mut repeated = Vec::new();
        while !self.order.is_empty() {
            repeated.extend(self.close_oldest());
        }
        repeated
    }

    fn close_oldest(&mut self) -> Option<Event<'static>> {
        let key = self.order.pop_front()?;
        self.open.remove(&key)?.into_repetition()
    }
}

impl Window {
    fn has_ended(&self, now: Timestamp) -> bool {
        now.as_micros() - self.opened.as_micros() >= WINDOW_MICROS
    }

    /// The event that stands for all repetitions: the latest one, with their number.
    fn into_repetition(self) -> Option<Event<'static>> {
        let mut event = self.latest?;
        let mut members = match event.details.take() {
            Some(Json::Object(members)) => members,
            _ => Vec::new(),
        };
        members.push(("repeated".into(), self.repeats.into()));
        members.push(("since".into(), self.opened.to_string().into()));
        event.details = Some(Json::Object(members));
        Some(event)
    }
}

/// The outcome of what a reader asked for and got.
pub(crate) fn success(event: Event<'static>) -> Event<'static> {
    Event { outcome: Outcome::Success, source: Source::Internal, ..event }
}

/// Says in a sentence what was done, unless the event brings its own.
fn worded(mut event: Event<'static>) -> Event<'static> {
    let Some(action) = taxonomy::lookup(&event.action).filter(|_| event.message.is_none()) else {
        return event;
    };
    let actor = event.actor.as_ref().and_then(|actor| actor.name.as_deref().or(actor.id.as_deref()));
    let target = event.target.as_ref().and_then(|target| target.name.as_deref().or(target.id.as_deref()));
    event.message = Some(action.sentence(actor.unwrap_or("Someone"), target).into());
    event
}

#[cfg(test)]
mod tests;

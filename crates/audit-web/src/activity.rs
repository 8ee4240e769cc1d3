//! Reading the audit log is itself on the record.
//!
//! Searches, views, proofs, live tails and refused requests become events through a bounded queue and one thread. What is
//! guaranteed, also to readers of `docs/LOOKS.md`:
//!
//! - The first look is durable before its answer leaves ([`receipts`]).
//! - The same again by the same visitor within ten minutes is only counted; the sum is recorded when the ten minutes are
//!   over, when too many deeds are remembered, and at an orderly stop.
//! - A crash loses no first look, and no sum in silence: how many repetitions are not recorded yet is kept in the control
//!   database, and the next start records it (`audit.repeats_lost`).
//! - What we record ourselves may use the reserve of free space. When even that is gone reading goes on, and what should be
//!   recorded waits in memory until it can be, over an orderly stop in the control database ([`left`]); what does not fit
//!   is counted, and the count is recorded. So are the events of sources that were refused ([`Refusals`]).
//! - What changes something is recorded before it is changed, or is not changed ([`acts`]).

mod acts;
mod fit;
mod left;
mod receipts;
mod recorder;
mod searched;
mod viewed;
mod windows;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;

use audit_control::Control;
use audit_event::{Clock, Event, Json, Outcome, Source, taxonomy};
use audit_pipeline::Intake;
use parking_lot::Mutex;

use crate::sources::Refusals;
use crate::visitor::Visitor;
use left::Left;
use receipts::Receipt;
use recorder::Recorder;
use windows::{Deed, Windows};

pub(crate) use acts::change;
pub use left::record_or_keep;
pub(crate) use receipts::{recorded_elsewhere, settled};
pub(crate) use searched::Searched;
#[cfg(test)]
pub(crate) use viewed::UNRECORDED;
pub(crate) use viewed::{Viewed, route_of};

/// Events on their way to the recording thread.
const QUEUED: usize = 1_024;
/// Importers remembered at once; whoever is forgotten waits once more.
const MOST_IMPORTERS: usize = 1_024;

/// The way to record what readers do.
pub(crate) struct Activity {
    intake: Intake,
    queue: Mutex<Option<SyncSender<Message>>>,
    dropped: Arc<AtomicU64>,
    refusals: Arc<Refusals>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Keys of those whose first import since the start is durable.
    importers: Mutex<HashSet<String>>,
}

enum Message {
    Deed(Box<Deed>, Receipt),
    #[cfg(test)]
    Flush(SyncSender<()>),
}

impl Activity {
    /// Starts the recording thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(intake: Intake, control: Arc<Control>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (queue, deeds) = mpsc::sync_channel(QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let refusals = Arc::<Refusals>::default();
        let mut recorder = Recorder {
            intake: intake.of_ourselves(),
            refusals: Arc::clone(&refusals),
            clock,
            control,
            windows: Windows::default(),
            pending: VecDeque::new(),
            dropped: Arc::clone(&dropped),
            told_of_dropped: 0,
            told_of_failure: false,
            kept: None,
            left: Left::default(),
        };
        let thread = std::thread::Builder::new()
            .name("audit-activity".to_owned())
            .spawn(move || recorder.run(&deeds))?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { intake, queue, dropped, refusals, thread, importers: Mutex::default() })
    }

    /// Notes what a visitor did; never waits, but the answer to their request does. Deeds with the same `subject` by the
    /// same visitor repeat each other.
    pub fn note(&self, event: Event<'static>, visitor: &str, subject: &str) {
        let key = format!("{visitor}\0{}\0{subject}", event.action);
        self.send(Deed { event: worded(event), key: Some(key) });
    }

    /// Notes that somebody imports. The first time since the start it is durable when this returns, before their events
    /// are; later, as all that is noted, before the answer leaves.
    pub async fn note_import(&self, visitor: &Visitor) {
        let key = visitor.key().into_owned();
        let note = || self.note(visitor.did("audit.imported"), &key, "");
        if self.importers.lock().contains(&key) {
            return note();
        }
        settled(async { note() }).await;
        let mut importers = self.importers.lock();
        if importers.len() >= MOST_IMPORTERS {
            importers.clear();
        }
        importers.insert(key);
    }

    /// Notes what never counts as a repetition; waits as [`Activity::note`] does.
    pub fn note_each(&self, event: Event<'static>) {
        self.send(Deed { event: worded(event), key: None });
    }

    /// Records an event and returns when it is durable. When the ledger does not accept events it is noted instead:
    /// a full disk must not keep an auditor from the evidence. For reads; what changes something is a [`change`]. Blocks;
    /// not for the runtime's threads.
    pub fn record(&self, event: Event<'static>) {
        let event = worded(event);
        if let Err(error) = self.intake.record_internal(event.clone()) {
            tracing::warn!(error.message = %error, "what is done could not be recorded yet");
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
        match queue.try_send(Message::Deed(Box::new(deed), Receipt::of_this_request())) {
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

/// The outcome of what a reader asked for and got.
pub(crate) fn success(event: Event<'static>) -> Event<'static> {
    Event { outcome: Outcome::Success, source: Source::Internal, ..event }
}

/// Cuts what is too long to be recorded, and says in a sentence what was done, unless the event brings its own.
fn worded(mut event: Event<'static>) -> Event<'static> {
    debug_assert!(taxonomy::lookup(&event.action).is_some(), "{} is not in the taxonomy", event.action);
    fit::fit(&mut event);
    let Some(action) = taxonomy::lookup(&event.action).filter(|_| event.message.is_none()) else {
        return event;
    };
    let actor = event.actor.as_ref().and_then(|actor| actor.name.as_deref().or(actor.id.as_deref()));
    let target = event.target.as_ref().and_then(|target| target.name.as_deref().or(target.id.as_deref()));
    event.message = Some(action.sentence(actor.unwrap_or("Someone"), target).into());
    event
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles; counts stay far below 2^53")]
fn number(value: u64) -> Json<'static> {
    Json::Number(value as f64)
}

#[cfg(test)]
mod tests;

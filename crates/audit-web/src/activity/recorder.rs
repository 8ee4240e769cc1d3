//! The one thread that records what readers do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use audit_control::Control;
use audit_event::{Clock, Event, Json, Outcome, Source, Timestamp};
use audit_pipeline::Intake;
use audit_pipeline::intake::OnError;

use super::left::Left;
use super::receipts::Receipt;
use super::windows::{Uncounted, Windows};
use super::{Message, number};
use crate::sources::Refusals;

/// Events that wait for the ledger to accept again.
const PENDING: usize = 10_000;
/// How often the thread looks for windows that have ended, offers what is pending again, and keeps how many repetitions
/// are not recorded yet.
const TICK: Duration = Duration::from_secs(5);
/// Events appended at once.
const BATCH: usize = 256;
/// Where the control database has the repetitions that are not recorded yet. It is there while windows are open.
const UNCOUNTED: &str = "looks.uncounted";
/// Of more people and actions a crash leaves the sum alone.
const MOST_NAMED: usize = 100;

/// What the thread owns.
pub(super) struct Recorder {
    pub intake: Intake,
    pub refusals: Arc<Refusals>,
    pub clock: Arc<dyn Clock>,
    pub control: Arc<Control>,
    pub windows: Windows,
    /// Events not recorded yet, oldest first.
    pub pending: VecDeque<Waiting>,
    pub dropped: Arc<AtomicU64>,
    /// How many of the dropped an event tells of.
    pub told_of_dropped: u64,
    pub told_of_failure: bool,
    /// What the control database has, and since when.
    pub kept: Option<(Vec<Uncounted>, Timestamp)>,
    /// What the process before this one could not record.
    pub left: Left,
}

/// An event not recorded yet, and who waits for it.
pub(super) struct Waiting {
    event: Event<'static>,
    /// Let go of when the event is durable, or cannot be for now.
    receipt: Option<Receipt>,
}

impl Waiting {
    fn nobody(event: Event<'static>) -> Self {
        Self { event, receipt: None }
    }
}

impl Recorder {
    /// Until the last sender is gone.
    pub fn run(&mut self, deeds: &Receiver<Message>) {
        self.take_up_left();
        self.append_pending();
        self.tell_of_crash();
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
            self.pending.extend(ended.into_iter().map(Waiting::nobody));
            self.tell_of_dropped();
            self.append_pending();
            self.keep_uncounted(now);
            self.refusals.tell(&self.intake);
        }
        let repeated = self.windows.close_all();
        self.pending.extend(repeated.into_iter().map(Waiting::nobody));
        self.tell_of_dropped();
        self.append_pending();
        self.leave_pending();
        self.keep_uncounted(self.clock.now());
        self.refusals.tell(&self.intake);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Deed(deed, receipt) => {
                let now = self.clock.now();
                let mut receipt = Some(receipt);
                let mut events = self.windows.admit(*deed, now);
                // The last one is the deed itself, unless it repeats one before.
                let own = if events.last().is_some_and(|event| !is_repetition(event)) {
                    events.pop()
                } else {
                    None
                };
                self.pending.extend(events.into_iter().map(Waiting::nobody));
                self.pending.extend(own.map(|event| Waiting { event, receipt: receipt.take() }));
                while self.pending.len() > PENDING {
                    self.pending.pop_front();
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            #[cfg(test)]
            Message::Flush(done) => {
                self.append_pending();
                self.keep_uncounted(self.clock.now());
                self.refusals.tell(&self.intake);
                let _ = done.send(());
            }
        }
    }

    fn take_up_left(&mut self) {
        match Left::behind(&self.control) {
            Ok(left) => self.left = left,
            Err(error) => note_failure(Err(error)),
        }
    }

    /// Keeps what still waits for the next start.
    fn leave_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        for waiting in &self.pending {
            self.left.add(&self.intake, &waiting.event);
        }
        match self.left.keep(&self.control, self.clock.now()) {
            Ok(()) => self.pending.clear(),
            Err(error) => tracing::error!(
                error.message = %error,
                events = self.pending.len(),
                "what readers did could be neither recorded nor kept"
            ),
        }
    }

    fn append_pending(&mut self) {
        if !self.left.is_empty() && self.left.record(&self.intake, &self.control).is_ok() {
            self.left = Left::default();
        }
        while !self.pending.is_empty() {
            let count = self.pending.len().min(BATCH);
            let batch = self.pending.iter().take(count).map(|waiting| waiting.event.clone());
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
                    // Reading goes on; the events are offered again.
                    for waiting in &mut self.pending {
                        waiting.receipt = None;
                    }
                    return;
                }
            }
        }
    }

    /// Keeps what a crash would lose, so that the next start can tell of it.
    fn keep_uncounted(&mut self, now: Timestamp) {
        if self.windows.is_empty() {
            if self.kept.take().is_some() && self.pending.is_empty() {
                note_failure(self.control.forget(UNCOUNTED));
            }
            return;
        }
        let is_due = self.kept.as_ref().is_none_or(|(_, since)| {
            u128::try_from(now.as_micros() - since.as_micros()).is_ok_and(|waited| waited >= TICK.as_micros())
        });
        if !is_due {
            return;
        }
        let uncounted = self.windows.uncounted();
        if self.kept.as_ref().is_some_and(|(kept, _)| *kept == uncounted) {
            return;
        }
        let text = serde_json::to_string(&uncounted).unwrap_or_default();
        note_failure(self.control.remember(UNCOUNTED, &text, now));
        self.kept = Some((uncounted, now));
    }

    /// Records what the process before this one could not: it ended without warning while it was counting.
    fn tell_of_crash(&mut self) {
        let kept = match self.control.remembered(UNCOUNTED) {
            Ok(kept) => kept,
            Err(error) => return note_failure(Err(error)),
        };
        let Some((text, at)) = kept else { return };
        let uncounted: Vec<Uncounted> = serde_json::from_str(&text).unwrap_or_default();
        self.pending.push_back(Waiting::nobody(lost(&uncounted, at)));
        self.append_pending();
        if self.pending.is_empty() {
            note_failure(self.control.forget(UNCOUNTED));
        }
    }

    fn tell_of_dropped(&mut self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let untold = dropped - self.told_of_dropped;
        if untold == 0 || self.told_of_failure {
            return;
        }
        self.told_of_dropped = dropped;
        let details = [("count", number(untold)), ("of", Json::from("looks"))];
        let event = Event {
            outcome: Outcome::Failure,
            reason: Some("queue_full".into()),
            details: Some(Json::object(details)),
            message: Some(
                format!("{untold} notes of what readers did were lost: too many came at once").into(),
            ),
            ..Event::new("ledger.events_dropped", Source::Internal)
        };
        self.pending.push_back(Waiting::nobody(event));
    }
}

/// The event that tells of repetitions that were not recorded. What is named was kept seconds before the end at most.
fn lost(uncounted: &[Uncounted], at: Timestamp) -> Event<'static> {
    let sum: u64 = uncounted.iter().map(|sum| sum.repeats).sum();
    let named = uncounted.iter().take(MOST_NAMED).map(Uncounted::to_json).collect();
    let details = [
        ("at_least", number(sum)),
        ("counted_at", Json::from(at.to_string())),
        ("repeats", Json::Array(named)),
    ];
    let message = format!(
        "Recording ended without warning: at least {sum} repetitions of looks recorded before are in no other event"
    );
    Event {
        outcome: Outcome::Failure,
        reason: Some("unclean_stop".into()),
        details: Some(Json::object(details)),
        message: Some(message.into()),
        ..Event::new("audit.repeats_lost", Source::Internal)
    }
}

fn is_repetition(event: &Event<'_>) -> bool {
    event.details.as_ref().is_some_and(|details| details.get("repeated").is_some())
}

fn note_failure(result: audit_control::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(error.message = %error, "how many looks are not recorded yet could not be kept");
    }
}

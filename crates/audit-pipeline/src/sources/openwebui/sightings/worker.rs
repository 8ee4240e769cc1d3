//! The thread that decides what becomes of what is offered, and writes it down.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use audit_event::{Clock, Event, Source, Timestamp};
use audit_ledger::{Direction, Reader};
use parking_lot::Mutex;

use super::journal::Journal;
use super::memory::{Fate, Kept, Memory, Pair, Sighting};
use super::{Done, Error, Message, Receipt, Status, recall, wording};
use crate::Intake;
use crate::intake::OnError;

/// Events dealt with at once.
const BATCH: usize = 512;
/// How often what waits is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long corroborations are gathered, in microseconds.
const GATHER_MICROS: i64 = 60 * 1_000_000;
/// Corroborations in one event: with two targets each and the longest ids it stays below the greatest size of an event.
const GATHERED: usize = 150;

/// The thread's own: the only one that writes.
pub(super) struct Worker {
    pub memory: Arc<Mutex<Memory>>,
    pub status: Arc<Mutex<Status>>,
    pub clock: Arc<dyn Clock>,
    pub intake: Intake,
    pub journal: Journal,
    pub reader: Reader,
    /// How many of the ledger's entries were looked into.
    pub looked_into: u64,
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
    pub fn run(&mut self, messages: &Receiver<Message>) {
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
        let events: Vec<_> = own.iter().map(|(event, _)| event).collect();
        let recorded = self.intake.append_surely(&events, OnError::Skip);
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

    /// Records the sightings whose owner has not reported in time, some at once: what is not being recorded stays in the
    /// memory, so that the journal is not emptied while it is the only one to have them.
    fn give_up_waiting(&mut self) {
        if self.intake.accepts().is_err() {
            return;
        }
        let now = self.clock.now().as_micros();
        let mut due = self.memory.lock().due(now, BATCH);
        if !due.is_empty() {
            self.look_into_the_ledger(now);
        }
        while !due.is_empty() && self.give_up(&due, now) {
            due = self.memory.lock().due(now, BATCH);
        }
    }

    /// Notes owners' events that nobody told of, such as those recovered after a crash. Before a sighting counts as unseen,
    /// this is worth reading what is new in the ledger.
    fn look_into_the_ledger(&mut self, now: i64) {
        let size = self.reader.size().get();
        let from = self.looked_into.max(size.saturating_sub(recall::ENTRIES));
        self.looked_into = size;
        if from == size {
            return;
        }
        let known = self.memory.lock().recorded_ids();
        // What cannot be read is the reader's to report; here it means that no owner is found in it.
        for frame in self.reader.scan(from..size, Direction::Forward).flatten() {
            for (_, bytes) in frame.iter() {
                let is_news = |source, id: &str| !known.contains(&(source, id.into()));
                let Some(json) = recall::json_if(bytes, is_news) else { continue };
                if let Ok(event) = Event::parse(&json) {
                    self.memory.lock().remember(&event, now);
                }
            }
        }
    }

    /// Records sightings as events of their own; false when the ledger does not take them now, and they wait again.
    fn give_up(&mut self, due: &[Sighting], now: i64) -> bool {
        let mut events = Vec::new();
        let mut alone = Vec::new();
        for sighting in due {
            let mut memory = self.memory.lock();
            let Some(finding) = memory.give_up(sighting, now) else { continue };
            let Ok(event) = Event::parse(&sighting.json) else { continue };
            let event = match finding.unseen_by {
                Some(owner) => wording::not_seen_by(owner, event),
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
        if self.intake.append_surely(&events, OnError::Skip).is_err() {
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
            if !is_time || self.intake.record_internal(wording::corroboration(&pairs)).is_err() {
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

//! Batch after batch, encoded while earlier ones are on their way to the disk.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use audit_event::Event;
use audit_tlog::{LeafIndex, TreeSize};
use parking_lot::{Condvar, Mutex};

use super::batch::Batch;
use super::{BadLines, Error, Intake, OnError, Taken};

/// Batches on their way to the disk at once: enough to keep it busy while the next one is encoded.
const IN_FLIGHT: usize = 3;
/// How often a batch is offered again to a full queue before the feed fails.
const OFFERS: u32 = 50;

/// What a feed brought; durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fed {
    /// Events recorded, duplicates included.
    pub taken: u64,
    /// How many of them had been recorded before under the same id.
    pub duplicates: u64,
    /// First index of those newly recorded.
    pub first: Option<LeafIndex>,
    /// Last index of those newly recorded; others' events may lie between.
    pub last: Option<LeafIndex>,
    /// A durable tree size that includes all of them.
    pub tree_size: TreeSize,
    /// What was not taken; empty unless [`OnError::Skip`]. Lines are counted through all batches.
    pub skipped: BadLines,
}

/// Takes one batch after the other, in order; blocks while the disk is behind and offers a batch again when the
/// ledger is busy. After an error nothing more is taken, but what was taken before stays.
pub struct Feed {
    intake: Intake,
    on_error: OnError,
    /// Lines of the batches so far.
    lines: u64,
    shared: Arc<Shared>,
}

/// What the ledger's thread reports back.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// Batches that the ledger dropped without an answer.
    unanswered: usize,
    fed: Fed,
    failed: Option<Error>,
}

impl Feed {
    pub(super) fn new(intake: Intake, on_error: OnError) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        Self { intake, on_error, lines: 0, shared }
    }

    /// Takes a batch of lines.
    ///
    /// # Errors
    /// As [`Intake::append`], for this batch or one before it.
    pub fn lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.offer(|batch| batch.lines(lines))
    }

    /// Takes a batch of events.
    ///
    /// # Errors
    /// As [`Intake::append`], for this batch or one before it.
    pub fn events<'e, B: Borrow<Event<'e>>>(&mut self, events: &[B]) -> Result<(), Error> {
        self.offer(|batch| events.iter().try_for_each(|event| batch.event(event.borrow())))
    }

    /// Waits until all is durable.
    ///
    /// # Errors
    /// The first error of any batch.
    pub fn finish(self) -> Result<Fed, Error> {
        let mut state = self.shared.state.lock();
        while state.in_flight > 0 {
            self.shared.changed.wait(&mut state);
        }
        state.check()?;
        Ok(std::mem::take(&mut state.fed))
    }

    /// A refused batch is gone with its memory, so it is encoded again; that is rare.
    fn offer(&mut self, fill: impl Fn(&mut Batch) -> Result<(), Error>) -> Result<(), Error> {
        let mut offers = 0;
        loop {
            let mut batch = self.intake.batch(self.on_error)?.starting_after(self.lines);
            fill(&mut batch)?;
            let lines_seen = batch.lines_seen();
            let ticket = Ticket::take(&self.shared, self.intake.config.max_listed)?;
            match batch.submit(&self.intake.ledger, move |result| ticket.answer(result)) {
                Ok(()) => {
                    self.lines = lines_seen;
                    return Ok(());
                }
                Err(error) => {
                    self.shared.state.lock().unanswered -= 1;
                    match error {
                        Error::Busy { retry_after_ms } if offers < OFFERS => {
                            offers += 1;
                            std::thread::sleep(Duration::from_millis(retry_after_ms.clamp(1, 200)));
                        }
                        error => return Err(error),
                    }
                }
            }
        }
    }
}

/// A batch on its way; dropped without an answer, it counts as unanswered.
struct Ticket {
    shared: Arc<Shared>,
    max_listed: usize,
    answered: bool,
}

impl Ticket {
    /// Waits until there are few enough.
    fn take(shared: &Arc<Shared>, max_listed: usize) -> Result<Self, Error> {
        let mut state = shared.state.lock();
        while state.in_flight >= IN_FLIGHT && state.check().is_ok() {
            shared.changed.wait(&mut state);
        }
        state.check()?;
        state.in_flight += 1;
        Ok(Self { shared: shared.clone(), max_listed, answered: false })
    }

    fn answer(mut self, result: Result<Taken, Error>) {
        self.answered = true;
        let mut state = self.shared.state.lock();
        match result {
            Ok(taken) => state.fed.add(taken, self.max_listed),
            Err(error) => {
                state.failed.get_or_insert(error);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.in_flight -= 1;
        state.unanswered += usize::from(!self.answered);
        self.shared.changed.notify_all();
    }
}

impl State {
    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            // The ledger's thread ended with batches in its hands.
            None if self.unanswered > 0 => Err(Error::Closed),
            None => Ok(()),
        }
    }
}

impl Fed {
    fn add(&mut self, taken: Taken, max_listed: usize) {
        self.taken += taken.placements.len() as u64;
        self.duplicates += taken.duplicates() as u64;
        let new = || {
            taken.placements.iter().filter(|placement| !placement.duplicate).map(|placement| placement.index)
        };
        self.first = self.first.into_iter().chain(new().min()).min();
        self.last = self.last.into_iter().chain(new().max()).max();
        self.tree_size = self.tree_size.max(taken.tree_size);
        self.skipped.add(max_listed, taken.skipped);
    }
}

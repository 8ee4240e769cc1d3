//! A request that comes in pieces.

use std::sync::Arc;
use std::time::Duration;

use audit_tlog::{LeafIndex, TreeSize};
use parking_lot::{Condvar, Mutex};

use super::{BadLines, Error, Intake, OnError, Taken};

/// A skipping upload appends when so many bytes of lines have come: some 2,000 events.
const BATCH_BYTES: usize = 2 << 20;
/// A line may not be longer than this: an event is at most 64 KiB, and escapes make JSON longer.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Batches on their way to the disk at once: enough to keep it busy while the next one is encoded.
const IN_FLIGHT: usize = 3;
/// How often a batch is offered again to a full queue before the upload fails.
const OFFERS: u32 = 50;

/// What an upload brought; durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Events taken, duplicates included.
    pub taken: u64,
    /// How many of them had been recorded before under the same id.
    pub duplicates: u64,
    /// First index of those newly recorded.
    pub first: Option<LeafIndex>,
    /// Last index of those newly recorded; others' events may lie between.
    pub last: Option<LeafIndex>,
    /// A durable tree size that includes all of them.
    pub tree_size: TreeSize,
    /// What was not taken; empty unless [`OnError::Skip`].
    pub skipped: BadLines,
}

/// Lines that come in pieces of any size; blocks while the disk is behind.
///
/// A skipping upload is appended piece by piece while it is read: if it ends early, what was appended stays, and
/// sending it again gives duplicates that are recognised by their ids. A rejecting one is kept in memory until
/// [`finish`](Self::finish).
pub struct Upload {
    intake: Intake,
    on_error: OnError,
    /// Complete lines not yet encoded, then the beginning of the next one.
    buffer: Vec<u8>,
    /// Lines encoded so far.
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
    uploaded: Uploaded,
    failed: Option<Error>,
}

impl Upload {
    pub(super) fn new(intake: Intake, on_error: OnError) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        Self { intake, on_error, buffer: Vec::new(), lines: 0, shared }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// As [`Intake::append`]; the upload has failed then. [`Error::TooLarge`] when a rejecting upload exceeds
    /// [`Config::max_request_bytes`](super::Config::max_request_bytes), or a line 1 MiB.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(piece);
        match self.on_error {
            OnError::Reject => self.check_length(self.intake.config.max_request_bytes),
            OnError::Skip if self.buffer.len() >= BATCH_BYTES => self.append_complete_lines(),
            OnError::Skip => Ok(()),
        }
    }

    /// Takes what is left and waits until all is durable.
    ///
    /// # Errors
    /// As [`Intake::append`]. A skipping upload may have been recorded in part.
    pub fn finish(mut self) -> Result<Uploaded, Error> {
        let rest = std::mem::take(&mut self.buffer);
        self.append_lines(&rest)?;
        let mut state = self.shared.state.lock();
        while state.in_flight > 0 {
            self.shared.changed.wait(&mut state);
        }
        match state.failed.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut state.uploaded)),
        }
    }

    fn check_length(&self, limit_bytes: usize) -> Result<(), Error> {
        if self.buffer.len() > limit_bytes { Err(Error::TooLarge { limit_bytes }) } else { Ok(()) }
    }

    fn append_complete_lines(&mut self) -> Result<(), Error> {
        let Some(end) = memchr::memrchr(b'\n', &self.buffer) else {
            return self.check_length(MAX_LINE_BYTES.max(BATCH_BYTES));
        };
        let next = self.buffer.split_off(end + 1);
        let lines = std::mem::replace(&mut self.buffer, next);
        self.append_lines(&lines)
    }

    fn append_lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.wait_for_a_slot()?;
        let mut offers = 0;
        loop {
            let mut batch = self.intake.batch(self.on_error)?.starting_after(self.lines);
            batch.lines(lines)?;
            let seen = batch.lines_seen();
            let shared = self.shared.clone();
            let max_listed = self.intake.config.max_listed;
            match batch.submit(&self.intake.ledger, move |result| shared.arrived(result, max_listed)) {
                Err(Error::Busy { retry_after_ms }) if offers < OFFERS => {
                    offers += 1;
                    std::thread::sleep(Duration::from_millis(retry_after_ms.clamp(1, 200)));
                }
                Err(error) => {
                    self.shared.give_back_slot();
                    return Err(error);
                }
                Ok(()) => {
                    self.lines = seen;
                    return Ok(());
                }
            }
        }
    }

    fn wait_for_a_slot(&self) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        while state.in_flight >= IN_FLIGHT && state.failed.is_none() {
            self.shared.changed.wait(&mut state);
        }
        match state.failed.clone() {
            Some(error) => Err(error),
            None => {
                state.in_flight += 1;
                Ok(())
            }
        }
    }
}

impl Shared {
    fn arrived(&self, result: Result<Taken, Error>, max_listed: usize) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        match result {
            Ok(taken) => state.uploaded.add(taken, max_listed),
            Err(error) => state.failed = Some(error),
        }
        self.changed.notify_all();
    }

    fn give_back_slot(&self) {
        self.state.lock().in_flight -= 1;
        self.changed.notify_all();
    }
}

impl Uploaded {
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

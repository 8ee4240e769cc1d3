//! The bounded queue between producers and the sequencer.
//!
//! Whoever takes from it holds the sequencer before, so that batches are committed in the order they came in.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use crate::batch::PreparedBatch;
use crate::error::Error;
use crate::ledger::OnDone;

/// Bytes of prepared batches that go into one group commit, unless one batch alone is larger.
const GROUP_BYTES: usize = 8 << 20;

/// Advice given when the queue is full: about what it takes to write a full one.
const RETRY_AFTER_MS: u64 = 100;

/// A batch and whom to tell.
pub(crate) struct Submission {
    pub(crate) batch: PreparedBatch,
    pub(crate) on_done: OnDone,
}

/// Batches waiting for the sequencer.
pub(crate) struct Queue {
    limit: usize,
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Submission>,
    /// Bytes of what waits and of what the sequencer is working on.
    bytes: usize,
    /// Why nothing more is taken.
    refusal: Option<Error>,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), filled: Condvar::new() }
    }

    pub(crate) fn push(&self, submission: Submission) -> Result<(), Error> {
        let mut state = self.state.lock();
        self.admit(&mut state, &submission)?;
        state.waiting.push_back(submission);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Gives a batch straight back to be committed by the caller, who holds the sequencer; if others wait, it
    /// is queued behind them and `None` comes back.
    pub(crate) fn pass(&self, submission: Submission) -> Result<Option<Submission>, Error> {
        let mut state = self.state.lock();
        self.admit(&mut state, &submission)?;
        if state.waiting.is_empty() {
            return Ok(Some(submission));
        }
        state.waiting.push_back(submission);
        drop(state);
        self.filled.notify_one();
        Ok(None)
    }

    fn admit(&self, state: &mut State, submission: &Submission) -> Result<(), Error> {
        if let Some(refusal) = &state.refusal {
            return Err(refusal.clone());
        }
        let weight = submission.batch.weight();
        let full = state.bytes > 0 && state.bytes + weight > self.limit;
        if full {
            return Err(Error::Busy { retry_after_ms: RETRY_AFTER_MS });
        }
        state.bytes += weight;
        Ok(())
    }

    /// Waits until batches wait; `false` once the queue refuses more and is empty.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.refusal.is_some() {
                return false;
            }
            self.filled.wait(&mut state);
        }
        true
    }

    /// Takes all batches that wait, up to what makes a group.
    pub(crate) fn take(&self) -> Vec<Submission> {
        let mut state = self.state.lock();
        let mut bytes = 0;
        let mut group = Vec::new();
        while let Some(next) = state.waiting.front() {
            bytes += next.batch.weight();
            if !group.is_empty() && bytes > GROUP_BYTES {
                break;
            }
            group.extend(state.waiting.pop_front());
        }
        group
    }

    /// Gives back the room of batches that are done.
    pub(crate) fn release(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
    }

    /// Takes no more; what waits is still worked on. The first refusal stands.
    pub(crate) fn refuse(&self, why: Error) {
        self.state.lock().refusal.get_or_insert(why);
        self.filled.notify_all();
    }

    /// As [`refuse`](Self::refuse), and what waits is given back to be told so. A refusal that calls for an
    /// operator replaces that of an ordinary end.
    pub(crate) fn refuse_all(&self, why: &Error) -> Vec<Submission> {
        let mut state = self.state.lock();
        state.refusal = Some(why.clone());
        let waiting: Vec<Submission> = state.waiting.drain(..).collect();
        state.bytes -= waiting.iter().map(|submission| submission.batch.weight()).sum::<usize>();
        drop(state);
        self.filled.notify_all();
        waiting
    }

    pub(crate) fn refusal(&self) -> Option<Error> {
        self.state.lock().refusal.clone()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

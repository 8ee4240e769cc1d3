//! What the index's threads fail at, for as long as they do.

use crate::Error;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// What fails, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The last error.
    pub error: String,
    /// How long it has been failing without a success in between.
    pub elapsed: Duration,
}

/// What can fail, one thread each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Reading the ledger.
    Follow,
    /// Writing partitions.
    Write,
}

/// The failures of each kind of work that have not been followed by a success.
#[derive(Debug, Default)]
pub(crate) struct Failures([Mutex<Option<(String, Instant)>>; 2]);

impl Failures {
    /// Notes how an attempt ended.
    pub(crate) fn note<T>(&self, work: Work, outcome: &Result<T, Error>) {
        let mut failure = self.0[work as usize].lock();
        *failure = outcome.as_ref().err().map(|error| {
            let since = failure.take().map_or_else(Instant::now, |(_, since)| since);
            (error.to_string(), since)
        });
    }

    /// What has been failing the longest.
    pub(crate) fn longest(&self) -> Option<Failing> {
        let failing = self.0.iter().filter_map(|failure| failure.lock().clone());
        let (error, since) = failing.min_by_key(|(_, since)| *since)?;
        Some(Failing { error, elapsed: since.elapsed() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_first_time_and_last_error_until_a_success() {
        let failures = Failures::default();
        assert_eq!(failures.longest(), None);
        let note = |work, outcome: Result<(), Error>| failures.note(work, &outcome);
        note(Work::Write, Err(Error::TimedOut));
        let first = failures.longest().expect("one failure");
        note(Work::Follow, Ok(()));
        note(Work::Follow, Err(Error::TimedOut));
        note(Work::Write, Err(Error::Cancelled));
        let longest = failures.longest().expect("two failures");
        assert_eq!(longest.error, Error::Cancelled.to_string(), "writing began to fail first");
        assert!(longest.elapsed >= first.elapsed);
        note(Work::Write, Ok(()));
        assert_eq!(failures.longest().map(|failing| failing.error), Some(Error::TimedOut.to_string()));
        note(Work::Follow, Ok(()));
        assert_eq!(failures.longest(), None);
    }
}

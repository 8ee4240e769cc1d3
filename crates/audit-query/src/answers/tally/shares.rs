//! Rows shared out among threads.
//!
//! Each thread takes neighbouring partitions and chunks and comes to a result of its own; the results are put together
//! in the order of the rows. Who takes what depends on the rows alone: sums of fractions come out the same each time.

use crate::Error;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{Builder, ScopedJoinHandle, scope};

/// How the rows of a question are shared out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sharing {
    /// Threads that work on one question.
    pub(crate) threads: NonZero<usize>,
    /// Rows that are worth a thread.
    pub(crate) rows: u64,
}

impl Default for Sharing {
    /// No sharing.
    fn default() -> Sharing {
        Sharing { threads: NonZero::<usize>::MIN, rows: u64::MAX }
    }
}

impl Sharing {
    /// Does `work` on shares of the parts, of `rows` each, every share in a thread; `join` puts two neighbouring results
    /// together.
    pub(super) fn gather<P: Sync, T: Send>(
        self,
        parts: &[P],
        rows: impl Fn(&P) -> u64,
        work: impl Fn(&[P]) -> Result<T, Error> + Sync,
        join: impl Fn(&mut T, T),
    ) -> Result<T, Error> {
        let shares = self.shares(parts, rows);
        let Some((first, others)) = shares.split_first().filter(|(_, others)| !others.is_empty()) else {
            return work(parts);
        };
        let work = &work;
        scope(|scope| {
            let begun: Vec<_> = others
                .iter()
                .map(|share| {
                    let thread = Builder::new().name("query-share".to_owned());
                    (*share, thread.spawn_scoped(scope, move || work(share)).ok())
                })
                .collect();
            let mut result = work(first)?;
            for (share, thread) in begun {
                join(&mut result, ended(thread).unwrap_or_else(|| work(share))?);
            }
            Ok(result)
        })
    }

    /// Neighbours, of about as many rows each.
    fn shares<P>(self, parts: &[P], rows: impl Fn(&P) -> u64) -> Vec<&[P]> {
        let counts: Vec<u64> = parts.iter().map(rows).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total / self.rows.max(1)).clamp(1, self.threads.get() as u64);
        let (mut shares, mut start, mut before) = (Vec::new(), 0, 0);
        for (at, count) in counts.iter().enumerate() {
            before += count;
            let begun = shares.len() as u64 + 1;
            if begun < wanted && before * wanted >= total * begun {
                shares.push(&parts[start..=at]);
                start = at + 1;
            }
        }
        shares.push(&parts[start..]);
        shares
    }
}

/// What a thread came to; `None` where none could be had.
fn ended<T>(thread: Option<ScopedJoinHandle<'_, T>>) -> Option<T> {
    thread.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
}

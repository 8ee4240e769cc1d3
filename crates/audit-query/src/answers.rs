//! How questions are answered from partitions and from rows in memory.
//!
//! Three ways, picked by the question's shape: in order and no further than asked ([`ordered`]) for lists and
//! scans; from what was counted when a partition was written, and by codes for the rest ([`tally`]) for counts
//! and groups; by table for single events ([`find`]).

mod buckets;
mod find;
mod ordered;
mod tally;

pub(crate) use find::{contains_ids, find_id};
pub(crate) use ordered::{list, scan};
pub(crate) use tally::{Sharing, count, group, groups, rank};

use crate::Error;
use crate::columns::Bits;
use crate::memory::ChunkView;
use crate::partition::{PageSpan, Partition};
use crate::question::TimeRange;
use crate::rows::Rows;
use audit_event::Timestamp;
use std::sync::Arc;

/// What is searchable at one moment.
#[derive(Clone)]
pub(crate) struct View {
    /// In ledger order, without gap or overlap.
    pub(crate) partitions: Vec<Arc<Partition>>,
    /// The rows after those of the partitions, likewise.
    pub(crate) chunks: Vec<Arc<ChunkView>>,
    /// How many threads look at them.
    pub(crate) sharing: Sharing,
}

impl View {
    /// Every ledger index below this one is searchable.
    pub(crate) fn end(&self) -> u64 {
        match (self.chunks.last(), self.partitions.last()) {
            (Some(chunk), _) => chunk.end,
            (None, Some(partition)) => partition.range().end,
            (None, None) => 0,
        }
    }

    /// All rows, newest ledger indices first.
    fn newest_first(&self) -> impl Iterator<Item = &dyn Rows> {
        let chunks = self.chunks.iter().rev().map(|chunk| &**chunk as &dyn Rows);
        chunks.chain(self.partitions.iter().rev().map(|partition| &**partition as &dyn Rows))
    }
}

/// Which rows exist for a question.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// First and last instant, both inclusive.
    from: i64,
    to: i64,
    /// Only ledger indices below this.
    snapshot: u64,
}

impl Scope {
    /// `None` if there is no such row.
    fn new(range: TimeRange, snapshot: u64) -> Option<Scope> {
        // The end of time is inside, any other end is not.
        let to = if range.to == Timestamp::MAX { range.to.as_micros() } else { range.to.as_micros() - 1 };
        let scope = Scope { from: range.from.as_micros(), to, snapshot };
        (scope.from <= scope.to && snapshot > 0).then_some(scope)
    }

    /// The part of it between two instants, the second one exclusive.
    fn between(&self, from: i64, to: i64) -> Scope {
        Scope { from: self.from.max(from), to: self.to.min(to - 1), snapshot: self.snapshot }
    }

    fn touches(&self, page: &PageSpan) -> bool {
        page.min_time <= self.to && page.max_time >= self.from && page.min_index < self.snapshot
    }

    fn covers(&self, page: &PageSpan) -> bool {
        page.min_time >= self.from && page.max_time <= self.to && page.max_index < self.snapshot
    }

    /// Whether every one of the rows exists for the question.
    fn covers_all(&self, rows: &dyn Rows) -> bool {
        rows.range().end <= self.snapshot && (0..rows.page_count()).all(|page| self.covers(&rows.span(page)))
    }

    /// The pages that have rows for the question.
    fn pages(&self, rows: &dyn Rows) -> std::ops::Range<usize> {
        let count = rows.page_count();
        if !rows.is_sorted() {
            return 0..count;
        }
        let first_where = |reached: &dyn Fn(&PageSpan) -> bool| {
            let (mut low, mut high) = (0, count);
            while low < high {
                let middle = (low + high) / 2;
                if reached(&rows.span(middle)) { high = middle } else { low = middle + 1 }
            }
            low
        };
        let start = first_where(&|page| page.max_time >= self.from);
        start..first_where(&|page| page.min_time > self.to).max(start)
    }

    /// The rows of a page that exist for the question.
    fn rows(&self, rows: &dyn Rows, page: usize) -> Result<Bits, Error> {
        let span = rows.span(page);
        if !self.touches(&span) {
            return Ok(Bits::NONE);
        }
        let mut inside = Bits::first(span.rows as usize);
        if span.min_time < self.from || span.max_time > self.to {
            let times = rows.times(page)?;
            inside = if rows.is_sorted() {
                let start = times.partition_point(|time| *time < self.from);
                Bits::between(start, times.partition_point(|time| *time <= self.to))
            } else {
                Bits::from_slice(&times, |time| self.from <= time && time <= self.to)
            };
        }
        if span.max_index >= self.snapshot {
            let indices = rows.indices(page)?;
            inside = inside.retain(|row| indices.get(row) < self.snapshot);
        }
        Ok(inside)
    }
}

//! Lists and scans: matching rows in order of time, page by page, no further than asked.
//!
//! Each partition and chunk offers its pages in order of their most extreme row. The page that could hold the
//! next row is judged first; its matching rows become a *run*. Rows of the runs are given out as long as no page
//! still unread could hold an earlier one, so partitions that overlap in time come out merged.

use super::{Scope, View};
use crate::Error;
use crate::filter::Filter;
use crate::predicate::{Predicate, compile};
use crate::question::{Budget, List, Order, Page, RowRef, Scan, TimeRange};
use crate::rows::Rows;
use audit_event::Timestamp;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

/// Rows given to a scan's visitor at once, at most.
const BATCH: usize = 4096;

pub(crate) fn list(view: &View, question: &List, budget: &Budget) -> Result<Page, Error> {
    let snapshot = question.snapshot.unwrap_or(view.end());
    let mut rows = Vec::new();
    let asked = Asked {
        filter: &question.filter,
        range: question.range,
        order: question.order,
        after: question.after,
        snapshot,
    };
    // One more than the page holds tells whether another page follows.
    let wanted = question.limit.saturating_add(1);
    in_order(view, &asked, budget, &mut |run| {
        rows.extend_from_slice(&run[..run.len().min(wanted - rows.len())]);
        if rows.len() < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let has_more = rows.len() > question.limit;
    rows.truncate(question.limit);
    let is_complete = question.after.is_none() && !has_more;
    let total = match question.count {
        false => None,
        true if is_complete => Some(rows.len() as u64),
        true => Some(super::tally::count_matching(view, &question.filter, question.range, snapshot, budget)?),
    };
    let next = rows.last().copied().filter(|_| has_more);
    Ok(Page { rows, next, total, snapshot })
}

pub(crate) fn scan(
    view: &View,
    question: &Scan,
    budget: &Budget,
    visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
) -> Result<u64, Error> {
    let snapshot = question.snapshot.unwrap_or(view.end());
    let asked = Asked {
        filter: &question.filter,
        range: question.range,
        order: question.order,
        after: question.after,
        snapshot,
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut has_ended = false;
    in_order(view, &asked, budget, &mut |run| {
        for row in run {
            batch.push(*row);
            if batch.len() == BATCH {
                has_ended = visit(&batch).is_break();
                batch.clear();
                if has_ended {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    if !batch.is_empty() && !has_ended {
        let _ = visit(&batch);
    }
    Ok(snapshot)
}

struct Asked<'q> {
    filter: &'q Filter,
    range: TimeRange,
    order: Order,
    after: Option<RowRef>,
    snapshot: u64,
}

impl Asked<'_> {
    /// The range, cut off where `after` stands.
    fn scope(&self) -> Option<Scope> {
        let mut scope = Scope::new(self.range, self.snapshot)?;
        if let Some(after) = self.after {
            match self.order {
                Order::NewestFirst => scope.to = scope.to.min(after.time.as_micros()),
                Order::OldestFirst => scope.from = scope.from.max(after.time.as_micros()),
            }
        }
        Some(scope)
    }
}

/// Shows `visit` all matching rows in order until it breaks off, at least one at a time.
fn in_order(
    view: &View,
    asked: &Asked<'_>,
    budget: &Budget,
    visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
) -> Result<(), Error> {
    let Some(scope) = asked.scope() else { return Ok(()) };
    let mut unread: BinaryHeap<Ranked<Source<'_>>> = BinaryHeap::new();
    for rows in view.newest_first() {
        let source = Source::new(rows, &scope, asked.order);
        unread.extend(source.ranked(asked.order));
    }
    let mut runs: BinaryHeap<Ranked<Run>> = BinaryHeap::new();
    loop {
        let bound = unread.peek().map(|source| source.first);
        while let Some(mut next) = runs.pop() {
            let rival = runs.peek().map(|run| run.first);
            let given = next.item.before(bound, rival, asked.order);
            if given.is_empty() {
                runs.push(next);
                break;
            }
            if visit(given).is_break() {
                return Ok(());
            }
            next.item.at += given.len();
            runs.extend(next.item.ranked(asked.order));
        }
        let Some(mut source) = unread.pop() else { return Ok(()) };
        budget.check()?;
        if let Some(run) = source.item.read_page(&scope, asked)? {
            runs.extend(run.ranked(asked.order));
        }
        unread.extend(source.item.ranked(asked.order));
    }
}

/// Something that begins with a row, ranked by it: the first in order is the greatest.
struct Ranked<T> {
    first: RowRef,
    order: Order,
    item: T,
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Ranked<T>) -> bool {
        self.first == other.first
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Ranked<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Ranked<T>) -> std::cmp::Ordering {
        self.order.compare(other.first, self.first)
    }
}

/// Matching rows of one page, in order, as far as they are not given out.
struct Run {
    rows: Vec<RowRef>,
    at: usize,
}

impl Run {
    fn ranked(self, order: Order) -> Option<Ranked<Run>> {
        let first = *self.rows.get(self.at)?;
        Some(Ranked { first, order, item: self })
    }

    /// The rows that come before both `bound` and `rival`.
    fn before(&self, bound: Option<RowRef>, rival: Option<RowRef>, order: Order) -> &[RowRef] {
        let rest = &self.rows[self.at..];
        let limits = |row: &RowRef| {
            let precedes =
                |limit: Option<RowRef>| limit.is_none_or(|limit| order.compare(*row, limit).is_lt());
            precedes(bound) && precedes(rival)
        };
        &rest[..rest.partition_point(limits)]
    }
}

/// The pages of one partition or chunk that are still to be read.
struct Source<'v> {
    rows: &'v dyn Rows,
    /// The next one last.
    pages: Vec<usize>,
    /// Compiled when the first page is read: many a source is never reached.
    predicate: Option<Predicate>,
}

impl<'v> Source<'v> {
    fn new(rows: &'v dyn Rows, scope: &Scope, order: Order) -> Source<'v> {
        let mut pages: Vec<usize> = Vec::new();
        if rows.range().start < scope.snapshot {
            pages.extend(scope.pages(rows).filter(|page| scope.touches(&rows.span(*page))));
        }
        if !rows.is_sorted() {
            pages.sort_by_key(|page| match (order, rows.span(*page)) {
                (Order::NewestFirst, span) => (span.max_time, span.max_index),
                (Order::OldestFirst, span) => (span.min_time, span.min_index),
            });
            if order == Order::OldestFirst {
                pages.reverse();
            }
        } else if order == Order::OldestFirst {
            pages.reverse();
        }
        Source { rows, pages, predicate: None }
    }

    /// Ranked by the first row that its next page could hold.
    fn ranked(self, order: Order) -> Option<Ranked<Source<'v>>> {
        let span = self.rows.span(*self.pages.last()?);
        let first = match order {
            Order::NewestFirst => row_ref(span.max_time, span.max_index),
            Order::OldestFirst => row_ref(span.min_time, span.min_index),
        };
        Some(Ranked { first, order, item: self })
    }

    /// The matching rows of the next page.
    fn read_page(&mut self, scope: &Scope, asked: &Asked<'_>) -> Result<Option<Run>, Error> {
        let Some(page) = self.pages.pop() else { return Ok(None) };
        if self.predicate.is_none() {
            let predicate = compile(asked.filter, self.rows)?;
            let pages = predicate.pages();
            self.pages.retain(|page| pages >> page & 1 == 1);
            self.predicate = Some(predicate);
        }
        let Some(predicate) = &self.predicate else { return Ok(None) };
        if predicate.pages() >> page & 1 == 0 {
            return Ok(None);
        }
        let accepted = predicate.accepted(self.rows, page, scope.rows(self.rows, page)?)?;
        if accepted.is_empty() {
            return Ok(None);
        }
        let (times, indices) = (self.rows.times(page)?, self.rows.indices(page)?);
        let mut rows: Vec<RowRef> =
            accepted.iter().map(|row| row_ref(times[row], indices.get(row))).collect();
        if !self.rows.is_sorted() {
            rows.sort_unstable_by(|a, b| asked.order.compare(*a, *b));
        } else if asked.order == Order::NewestFirst {
            rows.reverse();
        }
        if let Some(after) = asked.after {
            rows.retain(|row| asked.order.compare(after, *row).is_lt());
        }
        Ok(Some(Run { rows, at: 0 }))
    }
}

fn row_ref(time: i64, index: u64) -> RowRef {
    RowRef { time: Timestamp::from_micros(time), index }
}

//! Counts and groups.
//!
//! For each partition or chunk the cheapest way that is exact: the counts of its values, its rollups, else its
//! rows, judged and put together by codes. What the calendar or the range cuts out of a rollup's cell is counted
//! by rows.

mod groups;
mod lanes;
mod local;
mod shares;
mod together;

pub(crate) use shares::Sharing;
pub(crate) use together::groups;

use super::buckets::span_around;
use super::{Scope, View};
use crate::Error;
use crate::columns::{Bits, CodeColumn};
use crate::filter::Filter;
use crate::partition::{COUNT_COLUMNS, DAY_US, Rollup, Sums, USAGE_COLUMNS};
use crate::predicate::{Predicate, compile};
use crate::question::{Budget, Count, Group, Measure, Ranking, Table, TableRow, TimeRange};
use crate::rows::{RollupKind, Rows, ValueCounts, row_count};
use groups::Groups;
use local::{LocalKeys, RowReader};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

pub(crate) fn count(view: &View, question: &Count, budget: &Budget) -> Result<u64, Error> {
    let snapshot = question.snapshot.unwrap_or(view.end());
    count_matching(view, &question.filter, question.range, snapshot, budget)
}

/// How many events match.
pub(super) fn count_matching(
    view: &View,
    filter: &Filter,
    range: TimeRange,
    snapshot: u64,
    budget: &Budget,
) -> Result<u64, Error> {
    let Some(scope) = Scope::new(range, snapshot) else { return Ok(0) };
    let begin = || Groups::new(&[], &[Measure::Count]);
    let (mut groups, mut total, mut others) = (begin(), 0, Vec::new());
    for rows in rows_for(view, &scope) {
        budget.check()?;
        let predicate = compile(filter, rows)?;
        let known = if scope.covers_all(rows) { predicate.known_count(rows)? } else { None };
        match known {
            Some(count) => total += count,
            None if Tally { rows, scope, predicate: &predicate, budget }.add_known_to(&mut groups)? => {}
            None => others.push(Looked { rows, predicate }),
        }
    }
    groups.merge(&counted(view, &others, scope, budget, begin)?);
    Ok(total + groups.total_events())
}

pub(crate) fn group(view: &View, question: &Group, budget: &Budget) -> Result<Table, Error> {
    let snapshot = question.snapshot.unwrap_or(view.end());
    Ok(table(all_groups(view, question, snapshot, budget)?, question, snapshot))
}

/// The answer to a question of which these are all groups.
fn table(mut rows: Vec<TableRow>, question: &Group, snapshot: u64) -> Table {
    let left_out = cut(&mut rows, 0, question.limit, Group::largest_first);
    if question.is_by_time() {
        rows.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
    }
    Table { rows, left_out, snapshot }
}

/// Whether it measures nothing but what is tallied with codes and kept in rollups.
fn is_plain(question: &Group) -> bool {
    question.measures.iter().all(|measure| matches!(measure, Measure::Count | Measure::Sum(_)))
}

pub(crate) fn rank(view: &View, question: &Ranking, budget: &Budget) -> Result<Table, Error> {
    let snapshot = question.group.snapshot.unwrap_or(view.end());
    let mut rows = all_groups(view, &question.group, snapshot, budget)?;
    let left_out = cut(&mut rows, question.skip, question.group.limit, |a: &TableRow, b: &TableRow| {
        question.compare(a, b)
    });
    Ok(Table { rows, left_out, snapshot })
}

/// Sorts and leaves `limit` rows after the first `skip`; says how many there were behind.
fn cut(
    rows: &mut Vec<TableRow>,
    skip: usize,
    limit: usize,
    compare: impl Fn(&TableRow, &TableRow) -> Ordering,
) -> u64 {
    let end = skip.saturating_add(limit);
    let left_out = rows.len().saturating_sub(end) as u64;
    if left_out > 0 {
        rows.select_nth_unstable_by(end, &compare);
        rows.truncate(end);
    }
    rows.sort_unstable_by(compare);
    rows.drain(..skip.min(rows.len()));
    left_out
}

/// All groups of the question, whatever its limit, in no order.
fn all_groups(view: &View, question: &Group, snapshot: u64, budget: &Budget) -> Result<Vec<TableRow>, Error> {
    let Some(scope) = Scope::new(question.range, snapshot) else { return Ok(Vec::new()) };
    if !is_plain(question) {
        return lanes::groups(view, question, scope, budget);
    }
    let begin = || Groups::new(&question.keys, &question.measures);
    let (mut groups, mut others) = (begin(), Vec::new());
    for rows in rows_for(view, &scope) {
        budget.check()?;
        let predicate = compile(&question.filter, rows)?;
        if !(Tally { rows, scope, predicate: &predicate, budget }).add_known_to(&mut groups)? {
            others.push(Looked { rows, predicate });
        }
    }
    groups.merge(&counted(view, &others, scope, budget, begin)?);
    Ok(groups.into_rows())
}

/// Rows that have to be looked at, and the condition on them.
struct Looked<'v> {
    rows: &'v dyn Rows,
    predicate: Predicate,
}

/// Groups of rows of which nothing is known without a look at them.
fn counted(
    view: &View,
    looked: &[Looked<'_>],
    scope: Scope,
    budget: &Budget,
    begin: impl Fn() -> Groups + Sync,
) -> Result<Groups, Error> {
    let work = |looked: &[Looked<'_>]| {
        let mut groups = begin();
        for Looked { rows, predicate } in looked {
            Tally { rows: *rows, scope, predicate, budget }.add_rows_to(&mut groups)?;
        }
        Ok(groups)
    };
    view.sharing.gather(looked, |looked| row_count(looked.rows), work, |groups, more| groups.merge(&more))
}

/// The partitions and chunks that may have rows for the question, newest first.
fn rows_for<'v>(view: &'v View, scope: &Scope) -> impl Iterator<Item = &'v dyn Rows> {
    view.newest_first().filter(|rows| has_rows_for(*rows, scope))
}

fn has_rows_for(rows: &dyn Rows, scope: &Scope) -> bool {
    rows.range().start < scope.snapshot && (0..rows.page_count()).any(|page| scope.touches(&rows.span(page)))
}

/// A rollup and the columns that its cells are told apart by.
type Cells = (Arc<Rollup>, [CodeColumn; 3]);

/// The rows of one partition or chunk, on their way into groups.
struct Tally<'t> {
    rows: &'t dyn Rows,
    scope: Scope,
    predicate: &'t Predicate,
    budget: &'t Budget,
}

impl Tally<'_> {
    /// Adds what is known without a look at the rows, if everything is.
    fn add_known_to(&self, groups: &mut Groups) -> Result<bool, Error> {
        if matches!(self.predicate, Predicate::Nothing) {
            return Ok(true);
        }
        let mut keys = LocalKeys::new(groups, self.rows)?;
        let is_known = self.add_known(&mut keys, groups)?;
        keys.flush(groups)?;
        Ok(is_known)
    }

    fn add_rows_to(&self, groups: &mut Groups) -> Result<(), Error> {
        let mut keys = LocalKeys::new(groups, self.rows)?;
        self.add_rows(self.scope, &mut keys, groups)?;
        keys.flush(groups)
    }

    /// Adds what the counts of values or a rollup tell, if they do.
    fn add_known(&self, keys: &mut LocalKeys<'_>, groups: &mut Groups) -> Result<bool, Error> {
        if let Some(counts) = self.value_counts(keys, groups)? {
            for (code, count) in (0..).zip(&counts.0).filter(|(_, count)| **count > 0) {
                keys.add_codes(&|_| code, &Sums { events: u64::from(*count), ..Sums::default() });
            }
            return Ok(true);
        }
        let Some((rollup, columns)) = self.rollup(groups)? else { return Ok(false) };
        self.add_cells(&rollup, columns, keys, groups)?;
        Ok(true)
    }

    /// The counts of the values of the only key, if every row counts.
    fn value_counts(&self, keys: &LocalKeys<'_>, groups: &Groups) -> Result<Option<Arc<ValueCounts>>, Error> {
        let every_row = matches!(self.predicate, Predicate::Everything) && self.scope.covers_all(self.rows);
        match keys.only_column() {
            Some(column) if every_row && !groups.needs_sums() => self.rows.value_counts(column),
            _ => Ok(None),
        }
    }

    /// The rollup that can answer for these rows, with its columns.
    fn rollup(&self, groups: &Groups) -> Result<Option<Cells>, Error> {
        if self.rows.range().end > self.scope.snapshot {
            return Ok(None);
        }
        let by_day = self.days_are_whole(groups);
        let kinds = [
            (RollupKind::DailyCounts, COUNT_COLUMNS, by_day && !groups.needs_sums()),
            (RollupKind::HourlyCounts, COUNT_COLUMNS, !groups.needs_sums()),
            (RollupKind::DailyUsage, USAGE_COLUMNS, true),
        ];
        for (kind, columns, is_fine) in kinds {
            let fits = is_fine && groups.keys_are_within(&columns) && self.predicate.is_within(&columns);
            if fits && let Some(rollup) = self.rows.rollup(kind)? {
                return Ok(Some((rollup, columns)));
            }
        }
        Ok(None)
    }

    /// Whether neither the range nor the calendar cuts a UTC day of these rows.
    fn days_are_whole(&self, groups: &Groups) -> bool {
        let spans = (0..self.rows.page_count()).map(|page| self.rows.span(page));
        let Some(first) = spans.clone().map(|span| span.min_time).min() else { return false };
        let in_range =
            spans.clone().all(|span| span.min_time >= self.scope.from && span.max_time <= self.scope.to);
        in_range
            && groups.calendars().all(|(bucket, tz)| {
                let span = span_around(bucket, tz, first);
                span.from % DAY_US == 0 && span.to % DAY_US == 0
            })
    }

    /// Adds the cells that lie in the scope as a whole, and row by row what the scope or the calendar cuts.
    fn add_cells(
        &self,
        rollup: &Rollup,
        columns: [CodeColumn; 3],
        keys: &mut LocalKeys<'_>,
        groups: &mut Groups,
    ) -> Result<(), Error> {
        let mut cut: Vec<Range<i64>> = Vec::new();
        for (time, cells) in rollup.spans() {
            let last = time + rollup.width_us - 1;
            if last < self.scope.from || time > self.scope.to {
                continue;
            }
            let is_inside = self.scope.from <= time && last <= self.scope.to;
            if !is_inside || keys.move_to(time, groups)?.is_some_and(|end| last >= end) {
                match cut.last_mut() {
                    Some(before) if before.end == time => before.end = last + 1,
                    _ => cut.push(time..last + 1),
                }
                continue;
            }
            for cell in cells {
                let codes = rollup.codes(cell).map(u32::from);
                let code_of = |wanted: CodeColumn| {
                    columns.iter().position(|column| *column == wanted).map_or(0, |at| codes[at])
                };
                if self.predicate.accepts_codes(&code_of) {
                    let sums = if groups.needs_sums() {
                        rollup.sums(cell)
                    } else {
                        Sums { events: rollup.events(cell), ..Sums::default() }
                    };
                    keys.add_codes(&code_of, &sums);
                }
            }
        }
        for span in cut {
            self.add_rows(self.scope.between(span.start, span.end), keys, groups)?;
        }
        Ok(())
    }

    fn add_rows(&self, scope: Scope, keys: &mut LocalKeys<'_>, groups: &mut Groups) -> Result<(), Error> {
        let candidates = self.predicate.pages();
        for page in scope.pages(self.rows).filter(|page| candidates >> page & 1 == 1) {
            self.budget.check()?;
            let inside = scope.rows(self.rows, page)?;
            let accepted: Bits = self.predicate.accepted(self.rows, page, inside)?;
            if !accepted.is_empty() {
                let mut reader = RowReader::new(self.rows, page, groups)?;
                keys.add_page(&mut reader, accepted, groups)?;
            }
        }
        Ok(())
    }
}

impl Predicate {
    /// Whether it depends on nothing but these columns.
    fn is_within(&self, columns: &[CodeColumn]) -> bool {
        match self {
            Predicate::Everything | Predicate::Nothing => true,
            Predicate::Code(column, _) | Predicate::Codes(column, _) => columns.contains(column),
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().all(|part| part.is_within(columns)),
            Predicate::Not(inner) => inner.is_within(columns),
            _ => false,
        }
    }

    /// Whether rows with these codes are accepted; for a predicate that depends on nothing else.
    fn accepts_codes(&self, code_of: &impl Fn(CodeColumn) -> u32) -> bool {
        match self {
            Predicate::Everything => true,
            Predicate::Code(column, code) => code_of(*column) == *code,
            Predicate::Codes(column, accepted) => {
                accepted.get(code_of(*column) as usize).copied().unwrap_or(false)
            }
            Predicate::And(parts) => parts.iter().all(|part| part.accepts_codes(code_of)),
            Predicate::Or(parts) => parts.iter().any(|part| part.accepts_codes(code_of)),
            Predicate::Not(inner) => !inner.accepts_codes(code_of),
            _ => false,
        }
    }
}

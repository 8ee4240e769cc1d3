//! Several groupings of the same time in one pass over the rows.
//!
//! What their filters have in common is judged once for each page, and every grouping adds from the rows that are
//! left those that fulfil the rest of its own filter. A grouping that a rollup can answer needs no rows at all.

use super::groups::Groups;
use super::local::{LocalKeys, RowReader};
use super::{Tally, has_rows_for, is_plain, table};
use crate::Error;
use crate::answers::{Scope, View};
use crate::filter::Filter;
use crate::predicate::{Predicate, compile};
use crate::question::{Budget, Group, Tables};
use crate::rows::Rows;
use audit_event::Timestamp;
use std::time::{Duration, Instant};

/// The answers to all questions, from one moment of the index.
pub(crate) fn groups(
    view: &View,
    questions: &[Group],
    patience: Option<Duration>,
    budget: &Budget,
) -> Result<Tables, Error> {
    let [first, others @ ..] = questions else {
        return Ok(Tables { tables: Vec::new(), complete_after: None });
    };
    let is_of_one_time =
        others.iter().all(|other| (other.range, other.snapshot) == (first.range, first.snapshot));
    if !is_of_one_time || !questions.iter().all(is_plain) {
        let tables = questions.iter().map(|question| super::group(view, question, budget));
        return Ok(Tables { tables: tables.collect::<Result<_, _>>()?, complete_after: None });
    }
    let patience = Patience { until: patience.and_then(|patience| Instant::now().checked_add(patience)) };
    let mut left_out: Option<i64> = None;
    let snapshot = first.snapshot.unwrap_or(view.end());
    let (common, rests) = factored(questions);
    let mut groups: Vec<Groups> =
        questions.iter().map(|question| Groups::new(&question.keys, &question.measures)).collect();
    if let Some(scope) = Scope::new(first.range, snapshot) {
        for rows in view.newest_first() {
            budget.check()?;
            if has_rows_for(rows, &scope) {
                let pass = Pass { rows, scope, patience, budget };
                left_out = left_out.max(pass.run(&common, &rests, &mut groups)?);
            }
        }
    }
    let answers = groups.into_iter().zip(questions);
    Ok(Tables {
        tables: answers.map(|(groups, question)| table(groups.into_rows(), question, snapshot)).collect(),
        complete_after: left_out.map(Timestamp::from_micros),
    })
}

/// How long pages are read from partitions.
#[derive(Clone, Copy)]
struct Patience {
    until: Option<Instant>,
}

impl Patience {
    fn is_over(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// The conditions that all questions have in common, and the others of each.
fn factored(questions: &[Group]) -> (Filter, Vec<Filter>) {
    let each: Vec<Vec<&Filter>> = questions.iter().map(|question| conditions(&question.filter)).collect();
    let is_common = |condition: &Filter| each.iter().all(|conditions| conditions.contains(&condition));
    let all_of = |conditions: &[&Filter], wanted: bool| {
        let chosen = conditions.iter().filter(|condition| is_common(condition) == wanted);
        Filter::And(chosen.map(|condition| (*condition).clone()).collect())
    };
    let common = each.first().map_or(Filter::All, |conditions| all_of(conditions, true));
    (common, each.iter().map(|conditions| all_of(conditions, false)).collect())
}

/// The conditions that have all to be fulfilled.
fn conditions(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::All => Vec::new(),
        Filter::And(parts) => parts.iter().flat_map(conditions).collect(),
        other => vec![other],
    }
}

/// The rows of one partition or chunk, on their way into the groups of several questions.
struct Pass<'p> {
    rows: &'p dyn Rows,
    scope: Scope,
    patience: Patience,
    budget: &'p Budget,
}

/// A question that has to look at the rows.
struct Waiting<'p> {
    /// Its place among the questions.
    at: usize,
    /// What is left of its filter.
    rest: Predicate,
    keys: LocalKeys<'p>,
}

impl Pass<'_> {
    /// Returns the latest time of what was left out.
    fn run(&self, common: &Filter, rests: &[Filter], groups: &mut [Groups]) -> Result<Option<i64>, Error> {
        let common = compile(common, self.rows)?;
        if matches!(common, Predicate::Nothing) {
            return Ok(None);
        }
        let mut waiting = Vec::new();
        for (at, rest) in rests.iter().enumerate() {
            let rest = compile(rest, self.rows)?;
            let predicate = Predicate::all_of([common.clone(), rest.clone()]);
            if matches!(predicate, Predicate::Nothing) {
                continue;
            }
            let tally =
                Tally { rows: self.rows, scope: self.scope, predicate: &predicate, budget: self.budget };
            let mut keys = LocalKeys::new(&mut groups[at], self.rows)?;
            if tally.add_known(&mut keys, &mut groups[at])? {
                keys.flush(&mut groups[at])?;
            } else {
                waiting.push(Waiting { at, rest, keys });
            }
        }
        if waiting.is_empty() {
            return Ok(None);
        }
        let left_out = self.add_rows(&common, &mut waiting, groups)?;
        waiting.iter_mut().try_for_each(|one| one.keys.flush(&mut groups[one.at]))?;
        Ok(left_out)
    }

    fn add_rows(
        &self,
        common: &Predicate,
        waiting: &mut [Waiting<'_>],
        groups: &mut [Groups],
    ) -> Result<Option<i64>, Error> {
        let candidates = common.pages();
        let pages = self.scope.pages(self.rows).filter(|page| candidates >> page & 1 == 1);
        for page in pages.rev() {
            self.budget.check()?;
            // Sorted rows are on disk, and no page before this one has later ones. Those in memory are quick.
            if self.rows.is_sorted() && self.patience.is_over() {
                return Ok(Some(self.rows.span(page).max_time.min(self.scope.to)));
            }
            let inside = self.scope.rows(self.rows, page)?;
            let accepted = common.accepted(self.rows, page, inside)?;
            if accepted.is_empty() {
                continue;
            }
            for one in &mut *waiting {
                let fulfilling = one.rest.accepted(self.rows, page, accepted)?;
                if !fulfilling.is_empty() {
                    let groups = &mut groups[one.at];
                    let mut reader = RowReader::new(self.rows, page, groups)?;
                    one.keys.add_page(&mut reader, fulfilling, groups)?;
                }
            }
        }
        Ok(None)
    }
}

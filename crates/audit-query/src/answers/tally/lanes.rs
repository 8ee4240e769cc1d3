//! Groups with measures of all kinds: for each measure a lane of its own.
//!
//! One pass over the rows that match. For each page it is found out once which group each row belongs to; then each
//! lane judges the rows by its own condition and adds what it accepts to its own column of states, one a group.

mod state;

use super::groups::Groups;
use super::local::{LocalKeys, RowReader};
use super::rows_for;
use crate::Error;
use crate::answers::{Scope, View};
use crate::columns::Bits;
use crate::filter::Filter;
use crate::predicate::{Predicate, compile};
use crate::question::{Budget, Group, Measure, TableRow};
use crate::rows::{Rows, row_count};
use crate::words::mix;
use hashbrown::HashTable;
use state::State;

/// All groups of the question, in no order.
pub(super) fn groups(
    view: &View,
    question: &Group,
    scope: Scope,
    budget: &Budget,
) -> Result<Vec<TableRow>, Error> {
    let rows: Vec<&dyn Rows> = rows_for(view, &scope).collect();
    let work = |rows: &[&dyn Rows]| Lanes::of(question, scope, rows, budget);
    Ok(view.sharing.gather(&rows, |rows| row_count(*rows), work, Lanes::merge)?.into_rows())
}

/// All measures of the groups of some rows.
struct Lanes {
    keys: Groups,
    numbers: GroupNumbers,
    lanes: Vec<Lane>,
}

impl Lanes {
    fn of(question: &Group, scope: Scope, rows: &[&dyn Rows], budget: &Budget) -> Result<Lanes, Error> {
        let mut keys = Groups::new(&question.keys, &[]);
        let mut numbers = GroupNumbers::default();
        let mut lanes: Vec<Lane> = question.measures.iter().map(Lane::new).collect();
        for rows in rows {
            budget.check()?;
            let predicate = compile(&question.filter, *rows)?;
            if !matches!(predicate, Predicate::Nothing) {
                Pass { rows: *rows, scope, predicate, budget }.run(&mut keys, &mut numbers, &mut lanes)?;
            }
        }
        Ok(Lanes { keys, numbers, lanes })
    }

    /// Adds the groups of other rows.
    fn merge(&mut self, other: Lanes) {
        let values = self.keys.numbers_of(&other.keys);
        let own_of = |group: &[u32]| -> Box<[u32]> {
            values.iter().zip(group).map(|(numbers, number)| numbers[*number as usize]).collect()
        };
        let groups: Vec<u32> =
            other.numbers.keys.iter().map(|group| self.numbers.of(&own_of(group))).collect();
        for (own, mut other) in self.lanes.iter_mut().zip(other.lanes) {
            own.state.resize(self.numbers.len());
            other.state.resize(groups.len());
            own.state.merge(other.state, &groups);
        }
    }

    fn into_rows(self) -> Vec<TableRow> {
        let Lanes { keys, numbers, lanes } = self;
        let groups = numbers.len();
        let mut values: Vec<_> = lanes.into_iter().map(|lane| lane.state.into_values(groups)).collect();
        let rows = numbers.keys.iter().map(|group| TableRow {
            keys: keys.named(group),
            values: values.iter_mut().filter_map(Iterator::next).collect(),
        });
        rows.collect()
    }
}

/// One measure, over the rows that fulfil its own condition.
struct Lane {
    condition: Filter,
    state: State,
}

impl Lane {
    fn new(measure: &Measure) -> Lane {
        let (conditions, measure) = measure.parts();
        Lane { condition: Filter::And(conditions.into_iter().cloned().collect()), state: State::new(measure) }
    }
}

/// A number for each group, in the order of their appearance.
#[derive(Default)]
pub(super) struct GroupNumbers {
    by_key: HashTable<u32>,
    /// The keys' numbers of each group.
    keys: Vec<Box<[u32]>>,
}

impl GroupNumbers {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The number of the group with these keys.
    pub(super) fn of(&mut self, key: &[u32]) -> u32 {
        let hash_of = |key: &[u32]| key.iter().fold(0, |hash, number| mix(hash, u64::from(*number) + 1));
        let (hash, keys) = (hash_of(key), &mut self.keys);
        if let Some(number) = self.by_key.find(hash, |at| *keys[*at as usize] == *key) {
            return *number;
        }
        let number = u32::try_from(keys.len()).expect("fewer groups than rows");
        keys.push(key.into());
        *self.by_key.insert_unique(hash, number, |at| hash_of(&keys[*at as usize])).get()
    }
}

/// The groups that the accepted rows of a page belong to.
pub(super) enum Members {
    /// Each row to the one at its place; what stands at the others means nothing.
    One(Vec<u32>),
    /// Each row to those between its place's number and the next.
    Several { starts: Vec<u32>, groups: Vec<u32> },
}

impl Members {
    #[inline]
    fn visit(&self, rows: impl Iterator<Item = usize>, mut visit: impl FnMut(usize, usize)) {
        match self {
            Members::One(groups) => rows.for_each(|row| visit(row, groups[row] as usize)),
            Members::Several { starts, groups } => rows.for_each(|row| {
                let members = starts[row] as usize..starts[row + 1] as usize;
                groups[members].iter().for_each(|group| visit(row, *group as usize));
            }),
        }
    }
}

/// The rows of one partition or chunk, on their way into the lanes.
struct Pass<'p> {
    rows: &'p dyn Rows,
    scope: Scope,
    predicate: Predicate,
    budget: &'p Budget,
}

impl Pass<'_> {
    fn run(&self, keys: &mut Groups, numbers: &mut GroupNumbers, lanes: &mut [Lane]) -> Result<(), Error> {
        let mut local = LocalKeys::new(keys, self.rows)?;
        let mut conditions = Vec::with_capacity(lanes.len());
        for lane in &mut *lanes {
            conditions.push(compile(&lane.condition, self.rows)?);
            lane.state.begin(self.rows)?;
        }
        let candidates = self.predicate.pages();
        let pages = self.scope.pages(self.rows).filter(|page| candidates >> page & 1 == 1);
        // The latest first, so that what is sought of each group is mostly found at once.
        for page in pages.rev() {
            self.budget.check()?;
            let inside = self.scope.rows(self.rows, page)?;
            let accepted: Bits = self.predicate.accepted(self.rows, page, inside)?;
            if accepted.is_empty() {
                continue;
            }
            let reader = RowReader::new(self.rows, page, keys)?;
            let members = local.members(&reader, accepted, keys, numbers)?;
            for (lane, condition) in lanes.iter_mut().zip(&conditions) {
                let fulfilling = condition.accepted(self.rows, page, accepted)?;
                if !fulfilling.is_empty() {
                    lane.state.resize(numbers.len());
                    lane.state.add(&reader, fulfilling, &members)?;
                }
            }
        }
        Ok(())
    }
}

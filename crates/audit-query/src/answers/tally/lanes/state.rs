//! What a lane has come to so far, for each group.

use super::Members;
use crate::Error;
use crate::answers::tally::local::{RowReader, single_column};
use crate::columns::{ABSENT, Bits, CodeColumn, IdColumn, NumberColumn, Numbers, wide_id_hash};
use crate::filter::Field;
use crate::question::{Measure, NumberField, RowRef, Value};
use crate::rows::{Indices, Rows};
use audit_event::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;

/// One state a group, by the groups' numbers.
pub(super) enum State {
    Count(Vec<u64>),
    Whole(NumberField, Vec<u64>),
    Fraction(NumberField, Vec<f64>),
    First(Vec<Option<RowRef>>),
    Last(Vec<Option<RowRef>>),
    Latest(Latest),
    Distinct(Distinct),
}

/// The value of a field in the latest event that has one.
pub(super) struct Latest {
    field: Field,
    /// The column of the rows at hand, if each of them has one value in it at most.
    column: Option<CodeColumn>,
    found: Vec<Option<(RowRef, String)>>,
}

/// How many distinct values a field has.
pub(super) struct Distinct {
    field: Field,
    column: Option<CodeColumn>,
    /// The groups' codes in the rows at hand that are counted.
    codes: HashSet<(u32, u32)>,
    /// The groups' values that are counted, each as a hash of 128 bits: that two of a billion meet has a probability
    /// below 10^-20.
    values: HashSet<(u32, u128)>,
    counts: Vec<u64>,
}

impl State {
    pub(super) fn new(measure: &Measure) -> State {
        match measure {
            Measure::Count => State::Count(Vec::new()),
            Measure::Sum(field @ (NumberField::CostUsd | NumberField::LatencyMs)) => {
                State::Fraction(*field, Vec::new())
            }
            Measure::Sum(field) => State::Whole(*field, Vec::new()),
            Measure::First => State::First(Vec::new()),
            Measure::Last => State::Last(Vec::new()),
            Measure::Latest(field) => {
                State::Latest(Latest { field: *field, column: None, found: Vec::new() })
            }
            Measure::Distinct(field) => State::Distinct(Distinct {
                field: *field,
                column: None,
                codes: HashSet::new(),
                values: HashSet::new(),
                counts: Vec::new(),
            }),
            Measure::If(_, inner) => State::new(inner),
        }
    }

    /// Prepares for the rows of another partition or chunk.
    pub(super) fn begin(&mut self, rows: &dyn Rows) -> Result<(), Error> {
        match self {
            State::Latest(latest) => latest.column = single_column(latest.field, rows)?,
            State::Distinct(distinct) => {
                distinct.column = single_column(distinct.field, rows)?;
                distinct.codes.clear();
            }
            _ => {}
        }
        Ok(())
    }

    /// Makes room for so many groups.
    pub(super) fn resize(&mut self, groups: usize) {
        match self {
            State::Count(counts) | State::Whole(_, counts) => counts.resize(groups, 0),
            State::Fraction(_, sums) => sums.resize(groups, 0.0),
            State::First(chosen) | State::Last(chosen) => chosen.resize(groups, None),
            State::Latest(latest) => latest.found.resize(groups, None),
            State::Distinct(distinct) => distinct.counts.resize(groups, 0),
        }
    }

    /// Adds these rows of the reader's page.
    pub(super) fn add(&mut self, reader: &RowReader<'_>, rows: Bits, members: &Members) -> Result<(), Error> {
        match self {
            State::Count(counts) => members.visit(rows.iter(), |_, group| counts[group] += 1),
            State::Whole(field, sums) => {
                for numbers in numbers(*field, reader)? {
                    members.visit(rows.iter(), |row, group| sums[group] += numbers.whole(row).unwrap_or(0));
                }
            }
            State::Fraction(field, sums) => {
                for numbers in numbers(*field, reader)? {
                    let value = |row| numbers.fraction(row).unwrap_or(0.0);
                    members.visit(rows.iter(), |row, group| sums[group] += value(row));
                }
            }
            State::First(chosen) => return add_first(chosen, reader, rows, members),
            State::Last(chosen) => return add_last(chosen, reader, rows, members),
            State::Latest(latest) => return latest.add(reader, rows, members),
            State::Distinct(distinct) => return distinct.add(reader, rows, members),
        }
        Ok(())
    }

    /// Adds what other rows came to; `groups` are the own numbers of the other's groups. Both have room for all theirs.
    pub(super) fn merge(&mut self, other: State, groups: &[u32]) {
        let places = groups.iter().map(|group| *group as usize);
        match (self, other) {
            (State::Count(own), State::Count(other)) | (State::Whole(_, own), State::Whole(_, other)) => {
                places.zip(other).for_each(|(group, count)| own[group] += count);
            }
            (State::Fraction(_, own), State::Fraction(_, other)) => {
                places.zip(other).for_each(|(group, sum)| own[group] += sum);
            }
            (State::First(own), State::First(other)) => {
                for (group, place) in found(places, other) {
                    if own[group].is_none_or(|known| is_later(known, Some(place))) {
                        own[group] = Some(place);
                    }
                }
            }
            (State::Last(own), State::Last(other)) => {
                for (group, place) in found(places, other) {
                    if is_later(place, own[group]) {
                        own[group] = Some(place);
                    }
                }
            }
            (State::Latest(own), State::Latest(other)) => {
                for (group, latest) in found(places, other.found) {
                    if is_later(latest.0, own.found[group].as_ref().map(|(place, _)| *place)) {
                        own.found[group] = Some(latest);
                    }
                }
            }
            (State::Distinct(own), State::Distinct(other)) => {
                for (group, value) in other.values {
                    let group = groups[group as usize];
                    own.counts[group as usize] += u64::from(own.values.insert((group, value)));
                }
            }
            _ => unreachable!("the lanes of one question are of the same kinds in the same order"),
        }
    }

    /// One value a group.
    pub(super) fn into_values(mut self, groups: usize) -> Box<dyn Iterator<Item = Value>> {
        self.resize(groups);
        match self {
            State::Count(counts) | State::Whole(_, counts) => Box::new(counts.into_iter().map(Value::Whole)),
            State::Distinct(distinct) => Box::new(distinct.counts.into_iter().map(Value::Whole)),
            State::Fraction(_, sums) => Box::new(sums.into_iter().map(Value::Fraction)),
            State::First(chosen) | State::Last(chosen) => Box::new(chosen.into_iter().map(Value::Event)),
            State::Latest(latest) => {
                let text = |found: Option<(RowRef, String)>| Value::Text(found.map(|(_, text)| text));
                Box::new(latest.found.into_iter().map(text))
            }
        }
    }
}

/// The groups that have something.
fn found<T>(groups: impl Iterator<Item = usize>, values: Vec<Option<T>>) -> impl Iterator<Item = (usize, T)> {
    groups.zip(values).filter_map(|(group, value)| Some((group, value?)))
}

/// The columns that make up a number field.
fn numbers(field: NumberField, reader: &RowReader<'_>) -> Result<Vec<Arc<Numbers>>, Error> {
    let columns: &[NumberColumn] = match field {
        NumberField::InputTokens => &[NumberColumn::InputTokens],
        NumberField::OutputTokens => &[NumberColumn::OutputTokens],
        NumberField::TotalTokens => &[NumberColumn::InputTokens, NumberColumn::OutputTokens],
        NumberField::CostUsd => &[NumberColumn::CostUsd],
        NumberField::LatencyMs => &[NumberColumn::LatencyMs],
    };
    let read = columns.iter().map(|column| reader.rows.numbers(*column, reader.page));
    let read: Vec<Arc<Numbers>> = read.collect::<Result<_, _>>()?;
    Ok(read.into_iter().filter(|numbers| !matches!(**numbers, Numbers::Absent(_))).collect())
}

/// Times and indices of a page's rows, read when they are first needed: mostly they are not.
struct Places<'r> {
    reader: &'r RowReader<'r>,
    read: Option<(Arc<Vec<i64>>, Arc<Indices>)>,
    failure: Option<Error>,
}

impl<'r> Places<'r> {
    fn new(reader: &'r RowReader<'r>) -> Places<'r> {
        Places { reader, read: None, failure: None }
    }

    /// `None` after a failure.
    fn of(&mut self, row: usize) -> Option<RowRef> {
        if self.read.is_none() && self.failure.is_none() {
            let (rows, page) = (self.reader.rows, self.reader.page);
            match rows.times(page).and_then(|times| Ok((times, rows.indices(page)?))) {
                Ok(read) => self.read = Some(read),
                Err(failure) => self.failure = Some(failure),
            }
        }
        let (times, indices) = self.read.as_ref()?;
        Some(RowRef { time: Timestamp::from_micros(times[row]), index: indices.get(row) })
    }

    fn end(self) -> Result<(), Error> {
        self.failure.map_or(Ok(()), Err)
    }
}

fn is_later(row: RowRef, than: Option<RowRef>) -> bool {
    than.is_none_or(|than| (row.time, row.index) > (than.time, than.index))
}

fn add_first(
    chosen: &mut [Option<RowRef>],
    reader: &RowReader<'_>,
    rows: Bits,
    members: &Members,
) -> Result<(), Error> {
    let earliest = reader.rows.span(reader.page).min_time;
    let mut places = Places::new(reader);
    members.visit(rows.iter(), |row, group| {
        if chosen[group].is_some_and(|known| known.time.as_micros() < earliest) {
            return;
        }
        if let Some(place) = places.of(row)
            && chosen[group].is_none_or(|known| is_later(known, Some(place)))
        {
            chosen[group] = Some(place);
        }
    });
    places.end()
}

fn add_last(
    chosen: &mut [Option<RowRef>],
    reader: &RowReader<'_>,
    rows: Bits,
    members: &Members,
) -> Result<(), Error> {
    let latest = reader.rows.span(reader.page).max_time;
    let mut places = Places::new(reader);
    members.visit(rows.iter_back(), |row, group| {
        if chosen[group].is_some_and(|known| known.time.as_micros() > latest) {
            return;
        }
        if let Some(place) = places.of(row)
            && is_later(place, chosen[group])
        {
            chosen[group] = Some(place);
        }
    });
    places.end()
}

impl Latest {
    fn add(&mut self, reader: &RowReader<'_>, rows: Bits, members: &Members) -> Result<(), Error> {
        let latest = reader.rows.span(reader.page).max_time;
        let codes = self.column.map(|column| reader.rows.codes(column, reader.page)).transpose()?;
        let (mut places, mut failure) = (Places::new(reader), None);
        members.visit(rows.iter_back(), |row, group| {
            let known = self.found[group].as_ref().map(|(place, _)| *place);
            let is_settled = known.is_some_and(|known| known.time.as_micros() > latest);
            if is_settled || codes.as_ref().is_some_and(|codes| codes.get(row) == ABSENT) {
                return;
            }
            let Some(place) = places.of(row).filter(|place| is_later(*place, known)) else { return };
            match reader.texts(self.field, row) {
                Ok(texts) => {
                    if let Some(text) = texts.into_iter().next().flatten() {
                        self.found[group] = Some((place, text));
                    }
                }
                Err(error) => failure = Some(error),
            }
        });
        failure.map_or(Ok(()), Err)?;
        places.end()
    }
}

impl Distinct {
    fn add(&mut self, reader: &RowReader<'_>, rows: Bits, members: &Members) -> Result<(), Error> {
        let (page, mut failure) = (reader.page, None);
        // An event may have a list of targets, whose ids are not in the column.
        let has_lists = self.field == Field::TargetId && reader.has_target_lists()?;
        let ids = match IdColumn::of(self.field).filter(|_| !has_lists) {
            Some(column) => Some(reader.rows.ids(column, page)?),
            None => None,
        };
        let codes = self.column.map(|column| reader.rows.codes(column, page)).transpose()?;
        members.visit(rows.iter(), |row, group| {
            let number = u32::try_from(group).expect("a group's number");
            if let Some(ids) = &ids {
                let is_new = ids.wide_hash(row).is_some_and(|hash| self.values.insert((number, hash)));
                self.counts[group] += u64::from(is_new);
                return;
            }
            if let Some(code) = codes.as_ref().map(|codes| codes.get(row))
                && (code == ABSENT || !self.codes.insert((number, code)))
            {
                return;
            }
            match reader.texts(self.field, row) {
                Ok(texts) => {
                    for text in texts.into_iter().flatten() {
                        self.counts[group] += u64::from(self.values.insert((number, wide_id_hash(&text))));
                    }
                }
                Err(error) => failure = Some(error),
            }
        });
        failure.map_or(Ok(()), Err)
    }
}

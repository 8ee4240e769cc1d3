//! Groups within one partition or chunk, by codes; they become groups of the answer when time moves on.

use super::groups::{Groups, coded_column};
use super::lanes::{GroupNumbers, Members};
use crate::Error;
use crate::answers::buckets::{Span, span_around};
use crate::columns::{Bits, CodeColumn, Codes, IdColumn, NumberColumn, Numbers};
use crate::filter::Field;
use crate::memory::read_groups;
use crate::partition::Sums;
use crate::predicate::listed_targets;
use crate::question::{GroupKey, NumberField};
use crate::rows::Rows;
use crate::words::WordMap;
use std::sync::Arc;

/// The most combinations of codes that are tallied in a dense table.
const DENSE: usize = 1 << 16;

/// How the keys of the question are read from these rows.
pub(super) struct LocalKeys<'r> {
    rows: &'r dyn Rows,
    keys: Vec<LocalKey>,
    /// The current calendar unit of each time key, as its number in the answer.
    times: Vec<u32>,
    /// The span of time in which no time key changes; `None` before the first row, or without time keys.
    span: Option<Span>,
    table: LocalTable,
    /// The answer's number of each code that has occurred.
    numbers: Vec<Vec<Option<u32>>>,
    /// The number of the group of each combination of codes that has occurred in the current calendar units.
    groups: WordMap<u32>,
}

enum LocalKey {
    Time,
    /// One code a row.
    Code(CodeColumn),
    /// Any number of texts a row.
    Texts(Field),
}

impl<'r> LocalKeys<'r> {
    pub(super) fn new(groups: &mut Groups, rows: &'r dyn Rows) -> Result<LocalKeys<'r>, Error> {
        let local_key = |key: &GroupKey| {
            Ok(match key {
                GroupKey::Time { .. } => LocalKey::Time,
                GroupKey::Field(field) => {
                    single_column(*field, rows)?.map_or(LocalKey::Texts(*field), LocalKey::Code)
                }
            })
        };
        let keys: Vec<LocalKey> =
            groups.keys().iter().map(|values| local_key(&values.key)).collect::<Result<_, Error>>()?;
        let mut radix = Vec::new();
        let mut numbers = Vec::new();
        for key in &keys {
            let mut codes = 1;
            if let LocalKey::Code(column) = key {
                rows.with_dictionary(*column, &mut |dictionary| codes = dictionary.len() + 1)?;
            }
            radix.push(codes);
            numbers.push(vec![None; codes]);
        }
        let (table, times) = (LocalTable::new(&radix), vec![0; keys.len()]);
        Ok(LocalKeys { rows, table, times, keys, span: None, numbers, groups: WordMap::default() })
    }

    /// The column that is the only key, if there is such a one.
    pub(super) fn only_column(&self) -> Option<CodeColumn> {
        match self.keys.as_slice() {
            [LocalKey::Code(column)] => Some(*column),
            _ => None,
        }
    }

    /// Whether every key has exactly one value a row, told by codes and time.
    fn is_simple(&self) -> bool {
        !self.keys.iter().any(|key| matches!(key, LocalKey::Texts(_)))
    }

    /// The answer's number of a code of a coded key.
    fn number(&mut self, at: usize, code: usize, groups: &mut Groups) -> Result<u32, Error> {
        let known = self.numbers[at].get(code).copied().flatten();
        match (known, &self.keys[at]) {
            (Some(number), _) => Ok(number),
            (None, LocalKey::Code(column)) => {
                let (mut number, wanted) = (0, u32::try_from(code).expect("a code"));
                self.rows.with_dictionary(*column, &mut |dictionary| {
                    number = groups.keys()[at].number_of_text(dictionary.value(wanted));
                })?;
                if let Some(place) = self.numbers[at].get_mut(code) {
                    *place = Some(number);
                }
                Ok(number)
            }
            (None, _) => Ok(0),
        }
    }

    /// Moves to the calendar units around `time`; returns until when they last, `None` without time keys.
    pub(super) fn move_to(&mut self, time: i64, groups: &mut Groups) -> Result<Option<i64>, Error> {
        if let Some(span) = self.span.filter(|span| span.contains(time)) {
            return Ok(Some(span.to));
        }
        if !self.keys.iter().any(|key| matches!(key, LocalKey::Time)) {
            return Ok(None);
        }
        self.flush(groups)?;
        self.groups.clear();
        let mut common: Option<Span> = None;
        for (at, values) in groups.keys().iter_mut().enumerate() {
            let GroupKey::Time { bucket, tz } = &values.key else { continue };
            let span = span_around(*bucket, tz, time);
            self.times[at] = values.number_of_time(span.begin);
            common = Some(match common {
                Some(other) => Span { from: other.from.max(span.from), to: other.to.min(span.to), ..other },
                None => span,
            });
        }
        self.span = common;
        Ok(common.map(|span| span.to))
    }

    /// Adds what has these codes, within the current calendar units.
    pub(super) fn add_codes(&mut self, code_of: &impl Fn(CodeColumn) -> u32, sums: &Sums) {
        let mut place = 0;
        for (key, radix) in self.keys.iter().zip(&self.table.radix) {
            let code = if let LocalKey::Code(column) = key { u64::from(code_of(*column)) } else { 0 };
            place = place * radix + code;
        }
        self.table.add(place, sums);
    }

    /// Adds the accepted rows of a page.
    pub(super) fn add_page(
        &mut self,
        reader: &mut RowReader<'_>,
        accepted: Bits,
        groups: &mut Groups,
    ) -> Result<(), Error> {
        if !self.is_simple() {
            return self.add_rows_with_texts(reader, accepted, groups);
        }
        let codes = self.codes(reader)?;
        let span = reader.rows.span(reader.page);
        let whole_page = self.move_to(span.min_time, groups)?.is_none_or(|end| span.max_time < end);
        if whole_page && self.keys.is_empty() && !reader.has_sums() {
            self.table.add(0, &Sums { events: accepted.count() as u64, ..Sums::default() });
            return Ok(());
        }
        let times = if whole_page { None } else { Some(reader.rows.times(reader.page)?) };
        for row in accepted.iter() {
            if let Some(times) = &times {
                self.move_to(times[row], groups)?;
            }
            self.table.add(self.place(&codes, row), &reader.sums(row));
        }
        Ok(())
    }

    /// The general way: every combination of the row's values.
    fn add_rows_with_texts(
        &mut self,
        reader: &mut RowReader<'_>,
        accepted: Bits,
        groups: &mut Groups,
    ) -> Result<(), Error> {
        let times = reader.rows.times(reader.page)?;
        for row in accepted.iter() {
            self.move_to(times[row], groups)?;
            let sums = reader.sums(row);
            self.combinations(reader, row, groups)?.iter().for_each(|numbers| groups.add(numbers, &sums));
        }
        Ok(())
    }

    /// Every combination of a row's values, within the current calendar units.
    fn combinations(
        &mut self,
        reader: &RowReader<'_>,
        row: usize,
        groups: &mut Groups,
    ) -> Result<Vec<Vec<u32>>, Error> {
        let mut combinations: Vec<Vec<u32>> = vec![Vec::new()];
        for at in 0..groups.key_count() {
            let numbers = match &self.keys[at] {
                LocalKey::Time => vec![self.times[at]],
                LocalKey::Code(column) => {
                    let code = reader.rows.codes(*column, reader.page)?.get(row) as usize;
                    vec![self.number(at, code, groups)?]
                }
                LocalKey::Texts(field) => {
                    let values = &mut groups.keys()[at];
                    reader
                        .texts(*field, row)?
                        .iter()
                        .map(|text| values.number_of_text(text.as_deref()))
                        .collect()
                }
            };
            combinations = combinations
                .iter()
                .flat_map(|begun| numbers.iter().map(|number| [begun.as_slice(), &[*number]].concat()))
                .collect();
        }
        Ok(combinations)
    }

    /// The groups that the accepted rows of a page belong to; `numbers` gets those that are new.
    pub(super) fn members(
        &mut self,
        reader: &RowReader<'_>,
        accepted: Bits,
        groups: &mut Groups,
        numbers: &mut GroupNumbers,
    ) -> Result<Members, Error> {
        let span = reader.rows.span(reader.page);
        if !self.is_simple() {
            return self.members_by_text(reader, accepted, groups, numbers);
        }
        let codes = self.codes(reader)?;
        let whole_page = self.move_to(span.min_time, groups)?.is_none_or(|end| span.max_time < end);
        let times = if whole_page { None } else { Some(reader.rows.times(reader.page)?) };
        let mut members = vec![0; span.rows as usize];
        // Neighbours are often of one group.
        let mut last: Option<(u64, u32)> = None;
        for row in accepted.iter() {
            if let Some(times) = &times
                && !self.span.is_some_and(|span| span.contains(times[row]))
            {
                self.move_to(times[row], groups)?;
                last = None;
            }
            let place = self.place(&codes, row);
            members[row] = match last {
                Some((same, group)) if same == place => group,
                _ => self.group(place, groups, numbers)?,
            };
            last = Some((place, members[row]));
        }
        Ok(Members::One(members))
    }

    fn members_by_text(
        &mut self,
        reader: &RowReader<'_>,
        accepted: Bits,
        groups: &mut Groups,
        numbers: &mut GroupNumbers,
    ) -> Result<Members, Error> {
        let times = reader.rows.times(reader.page)?;
        let (mut starts, mut members) = (vec![0], Vec::new());
        for (row, time) in times.iter().enumerate() {
            if accepted.contains(row) {
                self.move_to(*time, groups)?;
                let combinations = self.combinations(reader, row, groups)?;
                members.extend(combinations.iter().map(|key| numbers.of(key)));
            }
            starts.push(u32::try_from(members.len()).expect("few groups a row"));
        }
        Ok(Members::Several { starts, groups: members })
    }

    /// The number of the group with this combination of codes, within the current calendar units.
    fn group(&mut self, place: u64, groups: &mut Groups, numbers: &mut GroupNumbers) -> Result<u32, Error> {
        let spread = place.wrapping_mul(SPREAD);
        if let Some(group) = self.groups.get(&spread) {
            return Ok(*group);
        }
        let key = (0..self.keys.len()).zip(self.table.codes(place)).map(|(at, code)| match self.keys[at] {
            LocalKey::Time => Ok(self.times[at]),
            _ => self.number(at, code, groups),
        });
        let key: Vec<u32> = key.collect::<Result<_, _>>()?;
        let group = numbers.of(&key);
        self.groups.insert(spread, group);
        Ok(group)
    }

    /// The page's codes for each key.
    fn codes(&self, reader: &RowReader<'_>) -> Result<Vec<Arc<Codes>>, Error> {
        let codes = self.keys.iter().map(|key| match key {
            LocalKey::Code(column) => reader.rows.codes(*column, reader.page),
            _ => Ok(Arc::new(Codes::Same(0, 0))),
        });
        codes.collect()
    }

    /// The combination of a row's codes.
    #[inline]
    fn place(&self, codes: &[Arc<Codes>], row: usize) -> u64 {
        let mut place = 0;
        for ((key, radix), codes) in self.keys.iter().zip(&self.table.radix).zip(codes) {
            let code = if let LocalKey::Code(_) = key { u64::from(codes.get(row)) } else { 0 };
            place = place * radix + code;
        }
        place
    }

    /// Adds what was tallied to the groups of the answer.
    pub(super) fn flush(&mut self, groups: &mut Groups) -> Result<(), Error> {
        let mut named = vec![0; self.keys.len()];
        for (codes, sums) in self.table.drain() {
            for (at, code) in codes.iter().enumerate() {
                named[at] = match self.keys[at] {
                    LocalKey::Time => self.times[at],
                    _ => self.number(at, *code, groups)?,
                };
            }
            groups.add(&named, &sums);
        }
        Ok(())
    }
}

/// Sums by the combination of codes, in a table if the combinations are few enough.
struct LocalTable {
    /// Codes of each key.
    radix: Vec<u64>,
    dense: Vec<Sums>,
    sparse: WordMap<Sums>,
    in_use: Vec<u64>,
}

impl LocalTable {
    fn new(codes: &[usize]) -> LocalTable {
        let combinations = codes.iter().try_fold(1_usize, |product, count| product.checked_mul(*count));
        let dense = combinations.filter(|count| *count <= DENSE).unwrap_or(0);
        LocalTable {
            radix: codes.iter().map(|count| *count as u64).collect(),
            dense: vec![Sums::default(); dense],
            sparse: WordMap::default(),
            in_use: Vec::new(),
        }
    }

    fn add(&mut self, place: u64, sums: &Sums) {
        let cell = match usize::try_from(place).ok().and_then(|at| self.dense.get_mut(at)) {
            Some(cell) => cell,
            // An odd factor maps 64 bits one to one, and spreads neighbours over the table.
            None => self.sparse.entry(place.wrapping_mul(SPREAD)).or_default(),
        };
        if cell.events == 0 {
            self.in_use.push(place);
        }
        cell.add(sums);
    }

    fn drain(&mut self) -> Vec<(Vec<usize>, Sums)> {
        let mut drained = Vec::with_capacity(self.in_use.len());
        for place in self.in_use.drain(..) {
            let sums = match usize::try_from(place).ok().and_then(|at| self.dense.get_mut(at)) {
                Some(cell) => std::mem::take(cell),
                None => self.sparse.remove(&place.wrapping_mul(SPREAD)).unwrap_or_default(),
            };
            drained.push((place, sums));
        }
        drained.into_iter().map(|(place, sums)| (self.codes(place), sums)).collect()
    }

    /// The codes that are combined at this place.
    fn codes(&self, place: u64) -> Vec<usize> {
        let mut codes = vec![0; self.radix.len()];
        let mut rest = place;
        for (code, radix) in codes.iter_mut().zip(&self.radix).rev() {
            *code = usize::try_from(rest % radix).expect("a code");
            rest /= radix;
        }
        codes
    }
}

/// The column of a field if each of these rows has one value in it at most.
pub(super) fn single_column(field: Field, rows: &dyn Rows) -> Result<Option<CodeColumn>, Error> {
    if matches!(field, Field::TargetType | Field::TargetName) && has_target_lists(rows)? {
        return Ok(None);
    }
    Ok(coded_column(field))
}

/// Whether one of these rows has a list of targets.
fn has_target_lists(rows: &dyn Rows) -> Result<bool, Error> {
    let mut has_lists = false;
    rows.with_dictionary(CodeColumn::Targets, &mut |dictionary| has_lists = dictionary.len() > 0)?;
    Ok(has_lists)
}

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Reads what is measured, and texts, of one page's rows.
pub(super) struct RowReader<'r> {
    pub(super) rows: &'r dyn Rows,
    pub(super) page: usize,
    input_tokens: Option<Arc<Numbers>>,
    output_tokens: Option<Arc<Numbers>>,
    cost_usd: Option<Arc<Numbers>>,
    latency_ms: Option<Arc<Numbers>>,
}

impl<'r> RowReader<'r> {
    pub(super) fn new(rows: &'r dyn Rows, page: usize, groups: &Groups) -> Result<RowReader<'r>, Error> {
        let read = |column: NumberColumn, fields: &[NumberField]| {
            if groups.sums_any(fields) { rows.numbers(column, page).map(Some) } else { Ok(None) }
        };
        use NumberField as F;
        Ok(RowReader {
            rows,
            page,
            input_tokens: read(NumberColumn::InputTokens, &[F::InputTokens, F::TotalTokens])?,
            output_tokens: read(NumberColumn::OutputTokens, &[F::OutputTokens, F::TotalTokens])?,
            cost_usd: read(NumberColumn::CostUsd, &[F::CostUsd])?,
            latency_ms: read(NumberColumn::LatencyMs, &[F::LatencyMs])?,
        })
    }

    /// Whether one of the rows, in whatever page, has a list of targets.
    pub(super) fn has_target_lists(&self) -> Result<bool, Error> {
        has_target_lists(self.rows)
    }

    fn has_sums(&self) -> bool {
        let read = [&self.input_tokens, &self.output_tokens, &self.cost_usd, &self.latency_ms];
        read.iter().any(|numbers| numbers.is_some())
    }

    fn sums(&self, row: usize) -> Sums {
        let whole = |numbers: &Option<Arc<Numbers>>| {
            numbers.as_ref().and_then(|numbers| numbers.whole(row)).unwrap_or(0)
        };
        let fraction = |numbers: &Option<Arc<Numbers>>| {
            numbers.as_ref().and_then(|numbers| numbers.fraction(row)).unwrap_or(0.0)
        };
        Sums {
            events: 1,
            input_tokens: whole(&self.input_tokens),
            output_tokens: whole(&self.output_tokens),
            cost_usd: fraction(&self.cost_usd),
            latency_ms: fraction(&self.latency_ms),
        }
    }

    /// The row's distinct values of a field; `None` alone if it has none.
    pub(super) fn texts(&self, field: Field, row: usize) -> Result<Vec<Option<String>>, Error> {
        let mut texts: Vec<String> = Vec::new();
        if let Some(column) = CodeColumn::of(field) {
            let value = self.value(column, row)?;
            match column {
                CodeColumn::Groups => texts.extend(value.iter().flat_map(|list| read_groups(list))),
                _ => texts.extend(value),
            }
        } else if let Some(column) = IdColumn::of(field) {
            texts.extend(self.rows.ids(column, self.page)?.write(row));
        } else if let Some(column) = NumberColumn::of(field) {
            let number = self.rows.numbers(column, self.page)?.fraction(row);
            texts.extend(number.map(|number| number.to_string()));
        } else if field == Field::Message {
            texts.extend(self.rows.messages(self.page)?.get(row).map(str::to_owned));
        }
        if matches!(field, Field::TargetType | Field::TargetId | Field::TargetName) {
            let list = self.value(CodeColumn::Targets, row)?;
            texts.extend(list.iter().flat_map(|list| listed_targets(field, list)));
        }
        texts.sort_unstable();
        texts.dedup();
        Ok(if texts.is_empty() { vec![None] } else { texts.into_iter().map(Some).collect() })
    }

    fn value(&self, column: CodeColumn, row: usize) -> Result<Option<String>, Error> {
        let code = self.rows.codes(column, self.page)?.get(row);
        let mut value = None;
        self.rows
            .with_dictionary(column, &mut |dictionary| value = dictionary.value(code).map(str::to_owned))?;
        Ok(value)
    }
}

//! The oracle: every question answered over entries in memory by the plainest code that can be right.
//!
//! Tests compare the index with it. It decodes every entry for every question, sorts everything and prunes
//! nothing; whoever makes it faster takes its purpose away.

use crate::filter::{Field, FieldKind};
use crate::question::{
    Answers, Bucket, Budget, Count, Group, GroupKey, Key, List, Measure, NumberField, Order, Page, Ranking,
    RowRef, Scan, Table, TableRow, Tables, TimeRange, Value,
};
use crate::{Entries, Error, Filter, Identity};
use audit_event::{Entry, Fields, Timestamp};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::time::Duration;

/// Entries in memory, by index; both the [`Answers`] and the [`Entries`] of a test.
#[derive(Debug, Clone, Default)]
pub struct Naive {
    entries: Vec<Vec<u8>>,
}

impl Naive {
    /// The oracle of these entries.
    #[must_use]
    pub fn new(entries: Vec<Vec<u8>>) -> Naive {
        Naive { entries }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: Vec<u8>) {
        self.entries.push(entry);
    }

    /// The matching rows, in order.
    fn rows(
        &self,
        filter: &Filter,
        range: TimeRange,
        order: Order,
        snapshot: Option<u64>,
    ) -> Result<Vec<RowRef>, Error> {
        let mut rows = Vec::new();
        self.for_each_match(filter, range, snapshot, &mut |row, _| rows.push(row))?;
        rows.sort_by(|a, b| order.compare(*a, *b));
        Ok(rows)
    }

    /// All groups of the question, whatever its limit.
    fn groups(&self, question: &Group, budget: &Budget) -> Result<Vec<TableRow>, Error> {
        budget.check()?;
        let mut groups: BTreeMap<Vec<Key>, Vec<Measured>> = BTreeMap::new();
        self.for_each_match(&question.filter, question.range, question.snapshot, &mut |row, event| {
            for keys in combinations(&question.keys, row.time, event) {
                let measured = groups
                    .entry(keys)
                    .or_insert_with(|| question.measures.iter().map(Measured::of).collect());
                for (measured, measure) in measured.iter_mut().zip(&question.measures) {
                    measured.add(measure, row, event);
                }
            }
        })?;
        let row = |(keys, measured): (_, Vec<Measured>)| TableRow {
            keys,
            values: measured.into_iter().map(Measured::value).collect(),
        };
        Ok(groups.into_iter().map(row).collect())
    }

    fn for_each_match(
        &self,
        filter: &Filter,
        range: TimeRange,
        snapshot: Option<u64>,
        visit: &mut dyn FnMut(RowRef, &Fields<'_>),
    ) -> Result<(), Error> {
        for (index, bytes) in (0..snapshot.unwrap_or(u64::MAX)).zip(&self.entries) {
            let decoded = Entry::decode(bytes).and_then(|entry| Fields::decode(&entry));
            let event = decoded.map_err(|source| Error::Undecodable { index, source })?;
            if range.contains(event.time) && filter.matches(&event) {
                visit(RowRef { time: event.time, index }, &event);
            }
        }
        Ok(())
    }
}

impl Answers for Naive {
    fn snapshot(&self) -> u64 {
        self.entries.len() as u64
    }

    fn list(&self, question: &List, budget: &Budget) -> Result<Page, Error> {
        budget.check()?;
        let all = self.rows(&question.filter, question.range, question.order, question.snapshot)?;
        let total = question.count.then_some(all.len() as u64);
        let mut rest = after(all, question.order, question.after);
        let has_more = rest.len() > question.limit;
        rest.truncate(question.limit);
        let next = rest.last().copied().filter(|_| has_more);
        Ok(Page { rows: rest, next, total, snapshot: question.snapshot.unwrap_or(self.snapshot()) })
    }

    fn count(&self, question: &Count, budget: &Budget) -> Result<u64, Error> {
        budget.check()?;
        let rows = self.rows(&question.filter, question.range, Order::OldestFirst, question.snapshot)?;
        Ok(rows.len() as u64)
    }

    fn group(&self, question: &Group, budget: &Budget) -> Result<Table, Error> {
        let mut rows = self.groups(question, budget)?;
        let left_out = rows.len().saturating_sub(question.limit) as u64;
        rows.sort_by(Group::largest_first);
        rows.truncate(question.limit);
        if question.is_by_time() {
            rows.sort_by(|a, b| a.keys.cmp(&b.keys));
        }
        Ok(Table { rows, left_out, snapshot: question.snapshot.unwrap_or(self.snapshot()) })
    }

    fn groups(
        &self,
        questions: &[Group],
        _patience: Option<Duration>,
        budget: &Budget,
    ) -> Result<Tables, Error> {
        let tables = questions.iter().map(|question| self.group(question, budget));
        Ok(Tables { tables: tables.collect::<Result<_, _>>()?, complete_after: None })
    }

    fn rank(&self, question: &Ranking, budget: &Budget) -> Result<Table, Error> {
        let mut rows = self.groups(&question.group, budget)?;
        rows.sort_by(|a, b| question.compare(a, b));
        let rest: Vec<TableRow> = rows.into_iter().skip(question.skip).collect();
        let left_out = rest.len().saturating_sub(question.group.limit) as u64;
        let rows = rest.into_iter().take(question.group.limit).collect();
        Ok(Table { rows, left_out, snapshot: question.group.snapshot.unwrap_or(self.snapshot()) })
    }

    fn scan(
        &self,
        question: &Scan,
        budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        let all = self.rows(&question.filter, question.range, question.order, question.snapshot)?;
        for batch in after(all, question.order, question.after).chunks(1000) {
            budget.check()?;
            if visit(batch).is_break() {
                break;
            }
        }
        Ok(question.snapshot.unwrap_or(self.snapshot()))
    }
}

impl Entries for Naive {
    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn wait_beyond(&self, _size: u64, _timeout: Duration) -> u64 {
        Entries::size(self)
    }

    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error> {
        let wanted = (0..).zip(&self.entries).filter(|(index, _)| range.contains(index));
        wanted.for_each(|(index, bytes)| visit(index, bytes));
        Ok(())
    }

    fn identity(&self, size: u64) -> Result<Identity, Error> {
        let mut hash = Sha256::new();
        for (_, bytes) in (0..size).zip(&self.entries) {
            hash.update(Sha256::digest(bytes));
        }
        Ok(Identity { origin: "memory".to_owned(), root: hash.finalize().into() })
    }
}

fn after(mut rows: Vec<RowRef>, order: Order, position: Option<RowRef>) -> Vec<RowRef> {
    if let Some(position) = position {
        rows.retain(|row| order.compare(position, *row).is_lt());
    }
    rows
}

/// Every group the event belongs to: one value of each key.
fn combinations(keys: &[GroupKey], time: Timestamp, event: &Fields<'_>) -> Vec<Vec<Key>> {
    let mut all = vec![Vec::new()];
    for key in keys {
        let values = key_values(key, time, event);
        all = all
            .iter()
            .flat_map(|begun| values.iter().map(|value| [begun, std::slice::from_ref(value)].concat()))
            .collect();
    }
    all
}

fn key_values(key: &GroupKey, time: Timestamp, event: &Fields<'_>) -> BTreeSet<Key> {
    let mut values = BTreeSet::new();
    match key {
        GroupKey::Time { bucket, tz } => {
            values.insert(Key::Time(begin_of(*bucket, time, tz)));
        }
        GroupKey::Field(Field::Ip) => values.extend(event.ip.map(|ip| Key::Text(ip.to_string()))),
        GroupKey::Field(field) if field.kind() == FieldKind::Number => {
            values.extend(field.number(event).map(|number| Key::Text(number.to_string())));
        }
        GroupKey::Field(field) => {
            field.any_text(event, |text| {
                values.insert(Key::Text(text.to_owned()));
                false
            });
        }
    }
    if values.is_empty() {
        values.insert(Key::Missing);
    }
    values
}

const DAY: i64 = 86_400 * 1_000_000;

/// The instant at which the calendar unit around `time` begins.
fn begin_of(bucket: Bucket, time: Timestamp, tz: &TimeZone) -> Timestamp {
    let Ok(instant) = jiff::Timestamp::from_microsecond(time.as_micros()) else {
        // jiff ends 26 hours before we do; the calendar repeats every 400 years.
        const CYCLE: i64 = 400 * 365 * DAY + 97 * DAY;
        let earlier = begin_of(bucket, Timestamp::from_micros(time.as_micros() - CYCLE), tz);
        return Timestamp::from_micros(earlier.as_micros() + CYCLE);
    };
    let local = instant.to_zoned(tz.clone());
    let day = local.date();
    let first = match bucket {
        Bucket::Hour => {
            let into_hour = i64::from(local.minute()) * 60 + i64::from(local.second());
            let micros = time.as_micros() - time.as_micros().rem_euclid(1_000_000) - into_hour * 1_000_000;
            return Timestamp::from_micros(micros);
        }
        Bucket::Day => day,
        Bucket::Week => day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days()),
        Bucket::Month => day.first_of_month(),
    };
    first
        .to_zoned(tz.clone())
        .map_or(time, |begin| Timestamp::from_micros(begin.timestamp().as_microsecond()))
}

/// What a measure has come to so far.
enum Measured {
    Whole(u64),
    Fraction(f64),
    Event(Option<RowRef>),
    Text(Option<(RowRef, String)>),
    Distinct(BTreeSet<Key>),
}

impl Measured {
    fn of(measure: &Measure) -> Measured {
        match measure {
            Measure::Sum(NumberField::CostUsd | NumberField::LatencyMs) => Measured::Fraction(0.0),
            Measure::Count | Measure::Sum(_) => Measured::Whole(0),
            Measure::First | Measure::Last => Measured::Event(None),
            Measure::Latest(_) => Measured::Text(None),
            Measure::Distinct(_) => Measured::Distinct(BTreeSet::new()),
            Measure::If(_, inner) => Measured::of(inner),
        }
    }

    fn add(&mut self, measure: &Measure, row: RowRef, event: &Fields<'_>) {
        if let Measure::If(filter, inner) = measure {
            if filter.matches(event) {
                self.add(inner, row, event);
            }
            return;
        }
        match self {
            Measured::Whole(sum) => *sum += whole(measure, event),
            Measured::Fraction(sum) => *sum += fraction(measure, event),
            Measured::Event(chosen) => {
                let order = if *measure == Measure::First { Order::OldestFirst } else { Order::NewestFirst };
                if chosen.is_none_or(|chosen| order.compare(row, chosen).is_lt()) {
                    *chosen = Some(row);
                }
            }
            Measured::Text(latest) => {
                let is_later =
                    latest.as_ref().is_none_or(|(at, _)| Order::OldestFirst.compare(*at, row).is_lt());
                if let (true, Some(Key::Text(text))) =
                    (is_later, values_of(measure, row, event).into_iter().next())
                {
                    *latest = Some((row, text));
                }
            }
            Measured::Distinct(values) => values.extend(values_of(measure, row, event)),
        }
    }

    fn value(self) -> Value {
        match self {
            Measured::Whole(sum) => Value::Whole(sum),
            Measured::Fraction(sum) => Value::Fraction(sum),
            Measured::Event(chosen) => Value::Event(chosen),
            Measured::Text(latest) => Value::Text(latest.map(|(_, text)| text)),
            Measured::Distinct(values) => {
                Value::Whole(values.iter().filter(|value| **value != Key::Missing).count() as u64)
            }
        }
    }
}

fn values_of(measure: &Measure, row: RowRef, event: &Fields<'_>) -> BTreeSet<Key> {
    match measure {
        Measure::Latest(field) | Measure::Distinct(field) => {
            key_values(&GroupKey::Field(*field), row.time, event)
        }
        _ => BTreeSet::new(),
    }
}

fn whole(measure: &Measure, event: &Fields<'_>) -> u64 {
    let (input, output) = (event.input_tokens.unwrap_or(0), event.output_tokens.unwrap_or(0));
    match measure {
        Measure::Count => 1,
        Measure::Sum(NumberField::InputTokens) => input,
        Measure::Sum(NumberField::OutputTokens) => output,
        Measure::Sum(NumberField::TotalTokens) => input + output,
        _ => 0,
    }
}

fn fraction(measure: &Measure, event: &Fields<'_>) -> f64 {
    let value = match measure {
        Measure::Sum(NumberField::CostUsd) => event.cost_usd,
        Measure::Sum(NumberField::LatencyMs) => event.latency_ms,
        _ => None,
    };
    value.unwrap_or(0.0)
}

//! Groups of events: what they are put together by, what is computed for each, in which order they come.

use super::{RowRef, TimeRange};
use crate::filter::{Field, Filter};
use audit_event::Timestamp;
use std::cmp::Ordering;

/// Events put together by equal keys, with measures for each group.
///
/// An event counts in the group of each value it has; without a value its key is [`Key::Missing`]. A list of
/// values (groups, targets) without repetition puts it into several groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Which events.
    pub filter: Filter,
    /// From which time.
    pub range: TimeRange,
    /// By what; no key gives one group of everything (none if no event matches).
    pub keys: Vec<GroupKey>,
    /// What to compute for each group.
    pub measures: Vec<Measure>,
    /// How many groups at most: those with the largest first measure, ties by ascending keys.
    pub limit: usize,
    /// Only events with an index below this; `None` for all that are searchable now.
    pub snapshot: Option<u64>,
}

/// What events are put together by.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupKey {
    /// Equal values of a leaf field with text (not `user` or `target`, which stand for several; not a number,
    /// except [`Field::HttpStatus`]). Values are told apart as stored, letter case included.
    Field(Field),
    /// The calendar unit of this time zone in which the event happened.
    Time {
        /// Which unit.
        bucket: Bucket,
        /// Where days begin at midnight.
        tz: jiff::tz::TimeZone,
    },
}

/// A calendar unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// The hours of a local day.
    Hour,
    /// Days begin at local midnight.
    Day,
    /// Weeks begin on Monday (ISO 8601).
    Week,
    /// Months begin on their first.
    Month,
}

/// One hour, day, week or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The [`Key::Time`] of its events.
    pub key: Timestamp,
    /// When it begins and ends. An hour in which clocks are put by less than an hour begins after its key.
    pub range: TimeRange,
}

/// What is computed for a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// The number of events.
    Count,
    /// The sum of a numeric field over the events that have it; zero if none has.
    Sum(NumberField),
    /// Its earliest event, of equal times the one with the lowest index.
    First,
    /// Its latest event, of equal times the one with the highest index.
    Last,
    /// A field's value in the latest event that has one, of several values the first by bytes. The same fields as in
    /// [`GroupKey::Field`].
    Latest(Field),
    /// How many distinct values a field has in it. The same fields as in [`GroupKey::Field`]. Takes memory for each of
    /// the values.
    Distinct(Field),
    /// The measure over only those of its events that match. The group is there even if none does.
    If(Filter, Box<Measure>),
}

impl Measure {
    /// This measure over only those events of the group that match.
    #[must_use]
    pub fn when(self, filter: Filter) -> Measure {
        Measure::If(filter, Box::new(self))
    }

    /// What is measured in the end, and of which events.
    pub(crate) fn parts(&self) -> (Vec<&Filter>, &Measure) {
        let (mut filters, mut measure) = (Vec::new(), self);
        while let Measure::If(filter, inner) = measure {
            filters.push(filter);
            measure = inner;
        }
        (filters, measure)
    }
}

/// The fields that can be summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named like the fields")]
pub enum NumberField {
    InputTokens,
    OutputTokens,
    TotalTokens,
    CostUsd,
    LatencyMs,
}

/// The answer to a [`Group`].
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The groups. By ascending keys if one of the keys is a time; otherwise the largest first measure first,
    /// ties by ascending keys.
    pub rows: Vec<TableRow>,
    /// How many groups there were beyond the limit (in a ranking: after this page).
    pub left_out: u64,
    /// The snapshot it was answered for.
    pub snapshot: u64,
}

/// The answers to several questions for groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// One a question, in their order.
    pub tables: Vec<Table>,
    /// `None` if every event is in them. Else those after this time are, and some of the others.
    pub complete_after: Option<Timestamp>,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// One value a key of the question.
    pub keys: Vec<Key>,
    /// One value a measure of the question.
    pub values: Vec<Value>,
}

/// A group's value for one key. Missing sorts first, text by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The events without the field.
    Missing,
    /// The field's value.
    Text(String),
    /// The instant at which the calendar unit begins.
    Time(Timestamp),
}

/// A measure's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count, or a sum of whole numbers.
    Whole(u64),
    /// A sum of fractional numbers (cost, latency), exact to double precision but for the order of summation.
    Fraction(f64),
    /// An event, if there is one.
    Event(Option<RowRef>),
    /// A field's value, if there is one.
    Text(Option<String>),
}

impl Value {
    /// The value as a floating-point number, for display: of an event its time in microseconds since 1970, of what
    /// is no number zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "axes need no more than 53 bits")]
    pub fn as_f64(&self) -> f64 {
        match self {
            Value::Whole(n) => *n as f64,
            Value::Fraction(x) => *x,
            Value::Event(Some(row)) => row.time.as_micros() as f64,
            Value::Event(None) | Value::Text(_) => 0.0,
        }
    }

    /// How two values of one measure follow each other, the smaller first: numbers by size, events by time and index,
    /// texts by bytes, and what is not there before everything.
    #[must_use]
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Whole(a), Value::Whole(b)) => a.cmp(b),
            (Value::Event(a), Value::Event(b)) => {
                let place = |row: &RowRef| (row.time, row.index);
                a.as_ref().map(place).cmp(&b.as_ref().map(place))
            }
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            _ => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

/// A page of groups in any order.
///
/// The groups are computed anew for each page; with the same `snapshot` the pages fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The groups; its `limit` is the length of a page, and the order of its answers has no influence.
    pub group: Group,
    /// By what they are ordered, ties by ascending keys.
    pub by: RankBy,
    /// Whether the largest comes first.
    pub descending: bool,
    /// How many groups the pages before had.
    pub skip: usize,
}

/// What groups are ordered by. One that the question has not makes all of them equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankBy {
    /// The key at this place.
    Key(usize),
    /// The measure at this place.
    Measure(usize),
}

impl Ranking {
    /// How two groups follow each other.
    pub(crate) fn compare(&self, a: &TableRow, b: &TableRow) -> Ordering {
        let ascending = match self.by {
            RankBy::Key(at) => a.keys.get(at).cmp(&b.keys.get(at)),
            RankBy::Measure(at) => match (a.values.get(at), b.values.get(at)) {
                (Some(a), Some(b)) => a.compare(b),
                _ => Ordering::Equal,
            },
        };
        let first = if self.descending { ascending.reverse() } else { ascending };
        first.then_with(|| a.keys.cmp(&b.keys))
    }
}

impl Group {
    /// How two groups follow each other where the largest first measure comes first.
    pub(crate) fn largest_first(a: &TableRow, b: &TableRow) -> Ordering {
        let by_measure = match (a.values.first(), b.values.first()) {
            (Some(a), Some(b)) => b.compare(a),
            _ => Ordering::Equal,
        };
        by_measure.then_with(|| a.keys.cmp(&b.keys))
    }

    /// Whether one of the keys is a time, so that the answer is in order of keys.
    pub(crate) fn is_by_time(&self) -> bool {
        self.keys.iter().any(|key| matches!(key, GroupKey::Time { .. }))
    }
}

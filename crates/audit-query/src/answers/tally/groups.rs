//! The groups of an answer, across all partitions.

use crate::columns::CodeColumn;
use crate::filter::Field;
use crate::partition::Sums;
use crate::question::{Bucket, GroupKey, Key, Measure, NumberField, TableRow, Value};
use crate::words::{mix, word_hash};
use audit_event::Timestamp;
use hashbrown::HashTable;
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// Groups by their keys' numbers.
pub(super) struct Groups {
    keys: Vec<KeyValues>,
    measures: Vec<Measure>,
    by_key: HashTable<(Box<[u32]>, Sums)>,
}

/// One key of the question, and a number for each of its values.
pub(super) struct KeyValues {
    pub(super) key: GroupKey,
    texts: HashTable<u32>,
    times: HashMap<i64, u32>,
    missing: Option<u32>,
    values: Vec<Key>,
}

impl KeyValues {
    fn new(key: &GroupKey) -> KeyValues {
        let (texts, times) = (HashTable::new(), HashMap::new());
        KeyValues { key: key.clone(), texts, times, missing: None, values: Vec::new() }
    }

    /// The number of a text, or of "missing".
    pub(super) fn number_of_text(&mut self, text: Option<&str>) -> u32 {
        let next = next_number(&self.values);
        let Some(text) = text else {
            return *self.missing.get_or_insert_with(|| {
                self.values.push(Key::Missing);
                next
            });
        };
        let (values, hash) = (&mut self.values, word_hash(text));
        if let Some(number) = self.texts.find(hash, |at| text_of(values, *at) == text) {
            return *number;
        }
        values.push(Key::Text(text.to_owned()));
        *self.texts.insert_unique(hash, next, |at| word_hash(text_of(values, *at))).get()
    }

    /// The number of a value.
    fn number_of(&mut self, value: &Key) -> u32 {
        match value {
            Key::Missing => self.number_of_text(None),
            Key::Text(text) => self.number_of_text(Some(text)),
            Key::Time(begin) => self.number_of_time(begin.as_micros()),
        }
    }

    /// The number of the calendar unit that begins at this instant.
    pub(super) fn number_of_time(&mut self, begin: i64) -> u32 {
        let next = next_number(&self.values);
        *self.times.entry(begin).or_insert_with(|| {
            self.values.push(Key::Time(Timestamp::from_micros(begin)));
            next
        })
    }
}

fn next_number(values: &[Key]) -> u32 {
    u32::try_from(values.len()).expect("fewer groups than rows")
}

fn text_of(values: &[Key], at: u32) -> &str {
    match &values[at as usize] {
        Key::Text(text) => text,
        Key::Missing | Key::Time(_) => "",
    }
}

fn hash_of(numbers: &[u32]) -> u64 {
    numbers.iter().fold(0, |hash, number| mix(hash, u64::from(*number) + 1))
}

impl Groups {
    pub(super) fn new(keys: &[GroupKey], measures: &[Measure]) -> Groups {
        let keys = keys.iter().map(KeyValues::new).collect();
        Groups { keys, measures: measures.to_vec(), by_key: HashTable::new() }
    }

    pub(super) fn keys(&mut self) -> &mut [KeyValues] {
        &mut self.keys
    }

    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The calendar units and time zones among the keys.
    pub(super) fn calendars(&self) -> impl Iterator<Item = (Bucket, &TimeZone)> {
        self.keys.iter().filter_map(|values| match &values.key {
            GroupKey::Time { bucket, tz } => Some((*bucket, tz)),
            GroupKey::Field(_) => None,
        })
    }

    /// Whether anything but events is measured.
    pub(super) fn needs_sums(&self) -> bool {
        self.measures.iter().any(|measure| *measure != Measure::Count)
    }

    /// Whether one of these fields is summed.
    pub(super) fn sums_any(&self, fields: &[NumberField]) -> bool {
        self.measures.iter().any(|measure| matches!(measure, Measure::Sum(field) if fields.contains(field)))
    }

    /// Whether every key but time is one of these columns.
    pub(super) fn keys_are_within(&self, columns: &[CodeColumn]) -> bool {
        self.keys.iter().all(|values| match &values.key {
            GroupKey::Time { .. } => true,
            GroupKey::Field(field) => CodeColumn::of(*field).is_some_and(|column| columns.contains(&column)),
        })
    }

    pub(super) fn add(&mut self, numbers: &[u32], sums: &Sums) {
        let hash = hash_of(numbers);
        match self.by_key.find_mut(hash, |(known, _)| **known == *numbers) {
            Some((_, group)) => group.add(sums),
            None => {
                self.by_key.insert_unique(hash, (numbers.into(), *sums), |(numbers, _)| hash_of(numbers));
            }
        }
    }

    /// Adds the groups of another part of the rows.
    pub(super) fn merge(&mut self, other: &Groups) {
        let numbers = self.numbers_of(other);
        for (group, sums) in &other.by_key {
            let own: Box<[u32]> =
                numbers.iter().zip(group).map(|(numbers, number)| numbers[*number as usize]).collect();
            self.add(&own, sums);
        }
    }

    /// For each key, the own numbers of the other's values.
    pub(super) fn numbers_of(&mut self, other: &Groups) -> Vec<Vec<u32>> {
        let keys = self.keys.iter_mut().zip(&other.keys);
        keys.map(|(own, other)| other.values.iter().map(|value| own.number_of(value)).collect()).collect()
    }

    /// Events in all groups.
    pub(super) fn total_events(&self) -> u64 {
        self.by_key.iter().map(|(_, sums)| sums.events).sum()
    }

    /// The values behind the keys' numbers of a group.
    pub(super) fn named(&self, numbers: &[u32]) -> Vec<Key> {
        self.keys.iter().zip(numbers).map(|(key, number)| key.values[*number as usize].clone()).collect()
    }

    /// All groups, in no order.
    pub(super) fn into_rows(self) -> Vec<TableRow> {
        let row = |(numbers, sums): &(Box<[u32]>, Sums)| TableRow {
            keys: self.named(numbers),
            values: self.measures.iter().map(|measure| measured(measure, sums)).collect(),
        };
        self.by_key.iter().map(row).collect()
    }
}

/// Only counts and sums come here.
fn measured(measure: &Measure, sums: &Sums) -> Value {
    match measure {
        Measure::Count => Value::Whole(sums.events),
        Measure::Sum(NumberField::InputTokens) => Value::Whole(sums.input_tokens),
        Measure::Sum(NumberField::OutputTokens) => Value::Whole(sums.output_tokens),
        Measure::Sum(NumberField::TotalTokens) => Value::Whole(sums.input_tokens + sums.output_tokens),
        Measure::Sum(NumberField::CostUsd) => Value::Fraction(sums.cost_usd),
        Measure::Sum(NumberField::LatencyMs) => Value::Fraction(sums.latency_ms),
        Measure::If(_, inner) => measured(inner, sums),
        Measure::First | Measure::Last => Value::Event(None),
        Measure::Latest(_) => Value::Text(None),
        Measure::Distinct(_) => Value::Whole(0),
    }
}

/// Whether the field has one value an event at most and a column of codes (bulk targets aside).
pub(super) fn coded_column(field: Field) -> Option<CodeColumn> {
    CodeColumn::of(field).filter(|column| *column != CodeColumn::Groups)
}

//! The groups of an answer, across all partitions.

use crate::columns::CodeColumn;
use crate::filter::Field;
use crate::partition::Sums;
use crate::question::{GroupKey, Key, Measure, NumberField, TableRow, Value};
use audit_event::Timestamp;
use std::collections::HashMap;

/// Groups by their keys' numbers.
pub(super) struct Groups {
    keys: Vec<KeyValues>,
    measures: Vec<Measure>,
    by_key: HashMap<Box<[u32]>, Sums>,
}

/// One key of the question, and a number for each of its values.
pub(super) struct KeyValues {
    pub(super) key: GroupKey,
    numbers: HashMap<Key, u32>,
    values: Vec<Key>,
}

impl KeyValues {
    /// The number of a value.
    pub(super) fn number(&mut self, value: Key) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer groups than rows");
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    pub(super) fn number_of_text(&mut self, text: Option<&str>) -> u32 {
        self.number(text.map_or(Key::Missing, |text| Key::Text(text.to_owned())))
    }

    pub(super) fn number_of_time(&mut self, begin: i64) -> u32 {
        self.number(Key::Time(Timestamp::from_micros(begin)))
    }
}

impl Groups {
    pub(super) fn new(keys: &[GroupKey], measures: &[Measure]) -> Groups {
        let values =
            |key: &GroupKey| KeyValues { key: key.clone(), numbers: HashMap::new(), values: Vec::new() };
        Groups {
            keys: keys.iter().map(values).collect(),
            measures: measures.to_vec(),
            by_key: HashMap::new(),
        }
    }

    pub(super) fn keys(&mut self) -> &mut [KeyValues] {
        &mut self.keys
    }

    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
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
        match self.by_key.get_mut(numbers) {
            Some(group) => group.add(sums),
            None => {
                self.by_key.insert(numbers.into(), *sums);
            }
        }
    }

    /// Events in all groups.
    pub(super) fn total_events(&self) -> u64 {
        self.by_key.values().map(|sums| sums.events).sum()
    }

    /// The answer's rows, and how many there were beyond `limit`.
    pub(super) fn into_rows(self, limit: usize) -> (Vec<TableRow>, u64) {
        let mut rows: Vec<TableRow> = self
            .by_key
            .iter()
            .map(|(numbers, sums)| TableRow {
                keys: self
                    .keys
                    .iter()
                    .zip(numbers)
                    .map(|(key, number)| key.values[*number as usize].clone())
                    .collect(),
                values: self.measures.iter().map(|measure| measured(*measure, sums)).collect(),
            })
            .collect();
        let left_out = rows.len().saturating_sub(limit) as u64;
        let largest_first = |a: &TableRow, b: &TableRow| {
            let first = |row: &TableRow| row.values.first().map_or(0.0, |value| value.as_f64());
            first(b).total_cmp(&first(a)).then_with(|| a.keys.cmp(&b.keys))
        };
        if left_out > 0 {
            rows.select_nth_unstable_by(limit, largest_first);
            rows.truncate(limit);
        }
        if self.keys.iter().any(|values| matches!(values.key, GroupKey::Time { .. })) {
            rows.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
        } else {
            rows.sort_unstable_by(largest_first);
        }
        (rows, left_out)
    }
}

fn measured(measure: Measure, sums: &Sums) -> Value {
    match measure {
        Measure::Count => Value::Whole(sums.events),
        Measure::Sum(NumberField::InputTokens) => Value::Whole(sums.input_tokens),
        Measure::Sum(NumberField::OutputTokens) => Value::Whole(sums.output_tokens),
        Measure::Sum(NumberField::TotalTokens) => Value::Whole(sums.input_tokens + sums.output_tokens),
        Measure::Sum(NumberField::CostUsd) => Value::Fraction(sums.cost_usd),
        Measure::Sum(NumberField::LatencyMs) => Value::Fraction(sums.latency_ms),
    }
}

/// Whether the field has one value an event at most and a column of codes (bulk targets aside).
pub(super) fn coded_column(field: Field) -> Option<CodeColumn> {
    CodeColumn::of(field).filter(|column| *column != CodeColumn::Groups)
}

//! What questions about people are made of, and how their answers are read.

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter, Test};
use audit_query::question::{Key, TableRow, Value};

/// The field has this value.
pub(in crate::endpoints::people) fn is(field: Field, value: &str) -> Filter {
    Filter::Test(Test::Equals { field, value: value.to_owned() })
}

pub(super) fn exists(field: Field) -> Filter {
    Filter::Test(Test::Exists(field))
}

/// One of these actions, written with commas between them as addresses have them.
pub(in crate::endpoints::people) fn actions(list: &str) -> Filter {
    Filter::any_of(list.split(',').map(|action| is(Field::Action, action)).collect())
}

/// A key that is there.
pub(in crate::endpoints::people) fn text(row: &TableRow, at: usize) -> Option<String> {
    match row.keys.get(at) {
        Some(Key::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// A count or a sum.
pub(in crate::endpoints::people) fn whole(row: &TableRow, at: usize) -> u64 {
    match row.values.get(at) {
        Some(Value::Whole(number)) => *number,
        _ => 0,
    }
}

/// When the event happened.
pub(in crate::endpoints::people) fn time(row: &TableRow, at: usize) -> Option<Timestamp> {
    match row.values.get(at) {
        Some(Value::Event(Some(event))) => Some(event.time),
        _ => None,
    }
}

/// The latest value that there was.
pub(super) fn latest(row: &TableRow, at: usize) -> Option<String> {
    match row.values.get(at) {
        Some(Value::Text(Some(text))) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

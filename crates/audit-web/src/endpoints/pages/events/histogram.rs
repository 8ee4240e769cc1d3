//! How many events of a view there were when, by category.

use std::collections::HashSet;

use audit_event::Timestamp;
use audit_query::filter::Field;
use audit_query::params::Request as Question;
use audit_query::question::{Group, GroupKey, Key, Measure, Table, TableRow, TimeRange, Value};

use super::view::View;
use crate::endpoints::pages::chart::Histogram;
use crate::endpoints::pages::units::{Units, bucket_for};

/// Units of time with events in them, by category. They may lie in all the years that there are.
const MOST_GROUPS: usize = 1_000_000;

/// What is asked to draw it, in a question that differs from the list's only in what is counted. `span` is the question's
/// time with both ends.
pub(super) fn question(view: &View, question: &Question, span: TimeRange, snapshot: Option<u64>) -> Group {
    Group {
        filter: question.filter.clone(),
        range: question.range,
        keys: vec![
            GroupKey::Time { bucket: bucket_for(span), tz: view.zone().clone() },
            GroupKey::Field(Field::Category),
        ],
        measures: vec![Measure::Count],
        limit: MOST_GROUPS,
        snapshot,
    }
}

/// Draws the answer to [`question`].
pub(super) fn draw(view: &View, span: TimeRange, asked: TimeRange, answer: &Table) -> Histogram {
    let counted = || answer.rows.iter().filter_map(counted);
    let keys: HashSet<_> = counted().map(|(time, ..)| time).collect();
    let units = Units::over(bucket_for(span), span, asked, view.zone(), &keys);
    Histogram::draw(&units, counted(), |time| view.between(time.from, time.to).href())
}

fn counted(row: &TableRow) -> Option<(Timestamp, &str, u64)> {
    match (row.keys.as_slice(), row.values.first()) {
        ([Key::Time(time), Key::Text(category)], Some(Value::Whole(count))) => {
            Some((*time, category, *count))
        }
        _ => None,
    }
}

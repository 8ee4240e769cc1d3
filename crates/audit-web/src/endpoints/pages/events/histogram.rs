//! How many events there were when, by category, as a picture.

use audit_event::{Category, Timestamp};
use audit_query::filter::Field;
use audit_query::params::Request as Question;
use audit_query::question::{Group, GroupKey, Key, Measure, Table, TableRow, TimeRange, Value};

use super::view::View;
use crate::endpoints::pages::units::{Span, Units, bucket_for};

/// The picture's size in its own units.
const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 100;
/// Units of time with events in them, by category. They may lie in all the years that there are.
const MOST_GROUPS: usize = 1_000_000;

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Left to right, without gaps.
    pub bars: Vec<Bar>,
    /// The outlines of each category's parts of all bars.
    pub shapes: Vec<Shape>,
    /// The tallest bar's count.
    pub tallest: u64,
    /// All of them together.
    pub total: u64,
    /// `hour`, `day`, `week`, `month`.
    pub each: &'static str,
    /// What stands below: a few of the bars' names.
    pub ticks: Vec<String>,
}

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Left edge and width.
    pub x: String,
    pub width: String,
    /// When it is.
    pub name: String,
    /// How many events it has.
    pub count: u64,
    /// How many of each category that it has.
    pub parts: Vec<(&'static str, u64)>,
    /// The address of its events.
    pub href: String,
}

/// All parts of a category.
#[derive(Debug)]
pub(crate) struct Shape {
    pub category: &'static str,
    /// An SVG path.
    pub path: String,
}

impl Histogram {
    /// What is asked to draw it, in a question that differs from the list's only in what is counted. `span` is the
    /// question's time with both ends.
    pub fn question(view: &View, question: &Question, span: TimeRange, snapshot: Option<u64>) -> Group {
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

    /// Draws the answer to [`Histogram::question`].
    pub fn of(view: &View, span: TimeRange, asked: TimeRange, answer: &Table) -> Self {
        let keys = answer.rows.iter().filter_map(time).collect();
        Self::draw(view, &Units::over(bucket_for(span), span, asked, view.zone(), &keys), &answer.rows)
    }

    fn draw(view: &View, units: &Units, rows: &[TableRow]) -> Self {
        let mut counts = vec![[0_u64; Category::ALL.len()]; units.spans.len()];
        let mut total = 0;
        for row in rows {
            let Some(Value::Whole(count)) = row.values.first() else { continue };
            total += count;
            let bar = time(row).and_then(|key| units.place(key)).and_then(|at| counts.get_mut(at));
            if let (Some(cells), Some(category)) = (bar, category(row)) {
                cells[category] += count;
            }
        }
        let tallest = counts.iter().map(|cells| cells.iter().sum::<u64>()).max().unwrap_or_default();
        let bars = units.spans.iter().zip(&counts).enumerate();
        let bars = bars.map(|(at, (span, cells))| bar(view, at, counts.len(), span, cells)).collect();
        let shapes = Category::ALL.iter().enumerate();
        let shapes = shapes
            .map(|(at, category)| Shape { category: category.as_str(), path: outline(at, &counts, tallest) })
            .filter(|shape| !shape.path.is_empty())
            .collect();
        Self { bars, shapes, tallest, total, each: units.each(), ticks: units.ticks() }
    }
}

fn time(row: &TableRow) -> Option<Timestamp> {
    match row.keys.first() {
        Some(Key::Time(time)) => Some(*time),
        _ => None,
    }
}

fn category(row: &TableRow) -> Option<usize> {
    let Some(Key::Text(category)) = row.keys.get(1) else { return None };
    Category::NAMES.iter().position(|name| name == category)
}

fn bar(view: &View, at: usize, bars: usize, span: &Span, cells: &[u64; Category::ALL.len()]) -> Bar {
    let (left, right) = (across(at, bars), across(at + 1, bars));
    let parts = Category::ALL.iter().zip(cells).filter(|(_, count)| **count > 0);
    Bar {
        x: format!("{left:.2}"),
        width: format!("{:.2}", right - left),
        name: span.name.clone(),
        count: cells.iter().sum(),
        parts: parts.map(|(category, count)| (super::name_of_category(*category), *count)).collect(),
        href: view.between(span.range.from, span.range.to).href(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture's coordinates")]
fn across(at: usize, bars: usize) -> f64 {
    at as f64 * f64::from(WIDTH) / bars.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture's coordinates")]
fn upwards(count: u64, tallest: u64) -> f64 {
    count as f64 * f64::from(HEIGHT) / tallest.max(1) as f64
}

/// The rectangles of one category, each on top of the categories before it.
fn outline(category: usize, counts: &[[u64; Category::ALL.len()]], tallest: u64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    for (at, cells) in counts.iter().enumerate() {
        if cells[category] == 0 {
            continue;
        }
        let below: u64 = cells[..category].iter().sum();
        let (left, right) = (across(at, counts.len()), across(at + 1, counts.len()));
        let gap = (right - left) * 0.12;
        let foot = f64::from(HEIGHT) - upwards(below, tallest);
        // A single event among thousands is still to be seen.
        let tall = upwards(cells[category], tallest).max(if below == 0 { 1.0 } else { 0.0 });
        let (x, width) = (left + gap, right - left - 2.0 * gap);
        let _ = write!(path, "M{x:.1} {foot:.1}v-{tall:.1}h{width:.1}v{tall:.1}z");
    }
    path
}

#[cfg(test)]
mod tests;

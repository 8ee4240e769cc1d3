//! How many events there were when, by category, as a picture.

use audit_event::{Category, Timestamp};
use audit_query::filter::Field;
use audit_query::params::Request as Question;
use audit_query::question::{Bucket, Group, GroupKey, Key, Measure, Table, TableRow, TimeRange, Value};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Unit, Zoned, ZonedRound};

use super::view::View;

/// The picture's size in its own units.
const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 100;
/// More bars than this are not told apart.
const MOST_BARS: usize = 400;

const HOUR: i64 = 3_600 * 1_000_000;
const DAY: i64 = 24 * HOUR;

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
            limit: MOST_BARS * Category::ALL.len(),
            snapshot,
        }
    }

    /// Draws the answer to [`Histogram::question`].
    pub fn of(view: &View, span: TimeRange, answer: &Table) -> Self {
        let bucket = bucket_for(span);
        Self::draw(view, bucket, &edges(bucket, span, view.zone()), &answer.rows)
    }

    fn draw(view: &View, bucket: Bucket, edges: &[Zoned], rows: &[TableRow]) -> Self {
        let mut counts = vec![[0_u64; Category::ALL.len()]; edges.len().saturating_sub(1)];
        for row in rows {
            let Some((bar, category)) = place(row, edges) else { continue };
            if let (Some(Value::Whole(count)), Some(cells)) = (row.values.first(), counts.get_mut(bar)) {
                cells[category] += count;
            }
        }
        let totals: Vec<u64> = counts.iter().map(|cells| cells.iter().sum()).collect();
        let tallest = totals.iter().copied().max().unwrap_or_default();
        let bars = edges.windows(2).zip(&counts).enumerate();
        let bars = bars.map(|(at, (edge, cells))| bar(view, bucket, at, counts.len(), edge, cells)).collect();
        let shapes = Category::ALL.iter().enumerate();
        let shapes = shapes
            .map(|(at, category)| Shape { category: category.as_str(), path: outline(at, &counts, tallest) })
            .filter(|shape| !shape.path.is_empty())
            .collect();
        Self {
            bars,
            shapes,
            tallest,
            total: totals.iter().sum(),
            each: name_of(bucket),
            ticks: ticks(bucket, edges),
        }
    }
}

/// The bucket that makes neither too few bars nor too many.
pub(crate) fn bucket_for(span: TimeRange) -> Bucket {
    let length = span.to.as_micros().saturating_sub(span.from.as_micros());
    match length {
        _ if length <= 3 * DAY => Bucket::Hour,
        _ if length <= 130 * DAY => Bucket::Day,
        _ if length <= 800 * DAY => Bucket::Week,
        _ => Bucket::Month,
    }
}

pub(crate) fn name_of(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Hour => "hour",
        Bucket::Day => "day",
        Bucket::Week => "week",
        Bucket::Month => "month",
    }
}

/// Where the bars begin, and where the last one ends.
pub(crate) fn edges(bucket: Bucket, span: TimeRange, zone: &TimeZone) -> Vec<Zoned> {
    let zoned = |time: Timestamp| {
        jiff::Timestamp::from_microsecond(time.as_micros()).ok().map(|at| at.to_zoned(zone.clone()))
    };
    let (Some(from), Some(to)) = (zoned(span.from), zoned(span.to)) else { return Vec::new() };
    let mut edges: Vec<Zoned> = begin(bucket, &from).into_iter().collect();
    while let Some(last) = edges.last()
        && *last < to
        && edges.len() <= MOST_BARS
    {
        match next(bucket, last) {
            Some(edge) => edges.push(edge),
            None => break,
        }
    }
    edges
}

fn begin(bucket: Bucket, time: &Zoned) -> Option<Zoned> {
    match bucket {
        Bucket::Hour => {
            let floor = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Floor);
            time.round(floor).ok()
        }
        Bucket::Day => time.start_of_day().ok(),
        Bucket::Week => {
            let since_monday = time.date().weekday().to_monday_zero_offset();
            let monday = time.date().checked_sub(i64::from(since_monday).days()).ok()?;
            monday.to_zoned(time.time_zone().clone()).ok()
        }
        Bucket::Month => time.date().first_of_month().to_zoned(time.time_zone().clone()).ok(),
    }
}

fn next(bucket: Bucket, edge: &Zoned) -> Option<Zoned> {
    let step = match bucket {
        Bucket::Hour => 1.hour(),
        Bucket::Day => 1.day(),
        Bucket::Week => 1.week(),
        Bucket::Month => 1.month(),
    };
    edge.checked_add(step).ok()
}

/// Bar and category of a row.
fn place(row: &TableRow, edges: &[Zoned]) -> Option<(usize, usize)> {
    let [Key::Time(time), Key::Text(category)] = row.keys.as_slice() else { return None };
    let after = edges.partition_point(|edge| edge.timestamp().as_microsecond() <= time.as_micros());
    let category = Category::NAMES.iter().position(|name| name == category)?;
    Some((after.checked_sub(1)?, category))
}

fn bar(
    view: &View,
    bucket: Bucket,
    at: usize,
    bars: usize,
    edge: &[Zoned],
    cells: &[u64; Category::ALL.len()],
) -> Bar {
    let instant = |edge: &Zoned| Timestamp::from_micros(edge.timestamp().as_microsecond());
    let (left, right) = (across(at, bars), across(at + 1, bars));
    let parts = Category::ALL.iter().zip(cells).filter(|(_, count)| **count > 0);
    Bar {
        x: format!("{left:.2}"),
        width: format!("{:.2}", right - left),
        name: label(bucket, &edge[0]),
        count: cells.iter().sum(),
        parts: parts.map(|(category, count)| (super::name_of_category(*category), *count)).collect(),
        href: view.between(instant(&edge[0]), instant(&edge[1])).href(),
    }
}

pub(crate) fn label(bucket: Bucket, edge: &Zoned) -> String {
    let form = match bucket {
        Bucket::Hour => "%a %-d %b, %H:%M",
        Bucket::Day => "%a %-d %b %Y",
        Bucket::Week => "Week of %-d %b %Y",
        Bucket::Month => "%B %Y",
    };
    edge.strftime(form).to_string()
}

/// First, middle and last.
fn ticks(bucket: Bucket, edges: &[Zoned]) -> Vec<String> {
    let form = match bucket {
        Bucket::Hour => "%-d %b %H:%M",
        Bucket::Day | Bucket::Week => "%-d %b %Y",
        Bucket::Month => "%b %Y",
    };
    let bars = edges.len().saturating_sub(1);
    let chosen: &[usize] = if bars >= 5 { &[0, bars / 4, bars / 2, 3 * bars / 4] } else { &[0] };
    if bars == 0 {
        return Vec::new();
    }
    chosen.iter().map(|at| edges[*at].strftime(form).to_string()).collect()
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

//! How many events there were when, by category.

use std::fmt::Write as _;

use askama::Template;
use audit_event::{Category, Timestamp};
use audit_query::question::TimeRange;

use super::super::events::name_of_category;
use super::super::units::{Span, Units};
use super::Placed;

/// The picture's size in its own units.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;
/// How much of its span a bar takes, and how wide it is at most: a single one is a bar, not a wall.
const SHARE: f64 = 0.76;
const WIDEST: f64 = 260.0;

/// Events of each category.
type Counts = [u64; Category::ALL.len()];

/// The chart: a bar for each unit of time. Made by [`Histogram::draw`].
#[derive(Debug, Default, Template)]
#[template(path = "chart/histogram.html")]
pub(crate) struct Histogram {
    /// Left to right, without gaps.
    bars: Vec<Bar>,
    /// Each category that has events, and the outlines of its parts of all bars as an SVG path.
    shapes: Vec<(&'static str, String)>,
    /// The tallest bar's count.
    tallest: u64,
    /// All of them together.
    pub total: u64,
    /// `hour`, `day`, `week`, `month`.
    pub each: &'static str,
    /// What stands below: a few of the bars' names.
    ticks: Vec<Placed>,
}

#[derive(Debug)]
struct Bar {
    /// Left edge and width.
    x: String,
    width: String,
    /// When it is.
    name: String,
    /// How many events it has.
    count: u64,
    /// How many of each category that it has.
    parts: Vec<(&'static str, u64)>,
    /// The address of its events.
    href: String,
}

impl Histogram {
    /// Draws events, told by the time that places them, their category's name, and how many they are. `href` gives the
    /// address of the events of a time.
    pub fn draw<'a>(
        units: &Units,
        events: impl IntoIterator<Item = (Timestamp, &'a str, u64)>,
        href: impl Fn(TimeRange) -> String,
    ) -> Self {
        let mut counts = vec![Counts::default(); units.spans.len()];
        let mut total = 0;
        for (time, category, count) in events {
            total += count;
            let bar = units.place(time).and_then(|at| counts.get_mut(at));
            let category = Category::NAMES.iter().position(|name| *name == category);
            if let Some((bar, category)) = bar.zip(category) {
                bar[category] += count;
            }
        }
        let tallest = counts.iter().map(|parts| parts.iter().sum()).max().unwrap_or_default();
        let bars = units.spans.iter().zip(&counts).enumerate();
        let shapes = Category::ALL.iter().enumerate();
        let shapes = shapes.map(|(at, category)| (category.as_str(), outline(at, &counts, tallest)));
        Self {
            bars: bars.map(|(at, (span, parts))| bar(at, counts.len(), span, parts, &href)).collect(),
            shapes: shapes.filter(|(_, path)| !path.is_empty()).collect(),
            tallest,
            total,
            each: units.each(),
            ticks: units
                .ticks()
                .into_iter()
                .map(|(at, tick)| Placed::below(at, counts.len(), tick))
                .collect(),
        }
    }
}

fn bar(at: usize, of: usize, span: &Span, parts: &Counts, href: impl Fn(TimeRange) -> String) -> Bar {
    let (left, right) = (across(at, of), across(at + 1, of));
    let named = Category::ALL.iter().zip(parts).filter(|(_, count)| **count > 0);
    Bar {
        x: format!("{left:.2}"),
        width: format!("{:.2}", right - left),
        name: span.name.clone(),
        count: parts.iter().sum(),
        parts: named.map(|(category, count)| (name_of_category(*category), *count)).collect(),
        href: href(span.range),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture's coordinates")]
fn across(at: usize, bars: usize) -> f64 {
    at as f64 * WIDTH / bars.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture's coordinates")]
fn upwards(count: u64, tallest: u64) -> f64 {
    count as f64 * HEIGHT / tallest.max(1) as f64
}

/// The rectangles of one category, each on top of the categories before it.
fn outline(category: usize, counts: &[Counts], tallest: u64) -> String {
    let mut path = String::new();
    for (at, parts) in counts.iter().enumerate().filter(|(_, parts)| parts[category] > 0) {
        let below: u64 = parts[..category].iter().sum();
        let (left, right) = (across(at, counts.len()), across(at + 1, counts.len()));
        let width = ((right - left) * SHARE).min(WIDEST);
        let (x, foot) = ((left + right - width) / 2.0, HEIGHT - upwards(below, tallest));
        // A single event among thousands is still to be seen.
        let tall = upwards(parts[category], tallest).max(if below == 0 { 1.0 } else { 0.0 });
        let _ = write!(path, "M{x:.1} {foot:.1}v-{tall:.1}h{width:.1}v{tall:.1}z");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_the_tallest_fills_the_picture() {
        let mut counts = [Counts::default(); 10];
        (counts[0], counts[1]) = ([1, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 2]);
        assert_eq!(outline(0, &counts, 4), "M12.0 100.0v-25.0h76.0v25.0z");
        assert_eq!(outline(5, &counts, 4), "M12.0 75.0v-75.0h76.0v75.0zM112.0 100.0v-50.0h76.0v50.0z");
        assert_eq!(outline(1, &counts, 4), "");
    }

    #[test]
    fn a_single_bar_is_no_wall() {
        assert_eq!(outline(0, &[[1, 0, 0, 0, 0, 0]], 1), "M370.0 100.0v-100.0h260.0v100.0z");
    }
}

//! How much somebody did when: a bar for each day, week or month, by category.

use audit_event::{Category, Timestamp};
use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};

use super::events;
use crate::endpoints::pages::{events as events_page, grouped};
use crate::endpoints::people::asked::Asked;
use crate::endpoints::people::seen::Person;

/// The picture's size in its own units.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;
/// More days than this are shown as weeks, more weeks as months.
const MOST_DAYS: usize = 130;
const MOST_WEEKS: usize = 120;
/// More bars than this are not told apart; the latest are shown.
const MOST_BARS: usize = 400;

type Counts = [u64; Category::ALL.len()];

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct Days {
    pub bars: Vec<Bar>,
    /// The outlines of each category's parts of all bars.
    pub shapes: Vec<(&'static str, String)>,
    /// `day`, `week`, `month`.
    pub each: &'static str,
    /// The tallest bar's count.
    pub tallest: u64,
    /// A few of the bars' names.
    pub ticks: Vec<String>,
}

/// A day, a week, or a month.
#[derive(Debug)]
pub(crate) struct Bar {
    pub x: String,
    pub width: String,
    pub name: String,
    pub count: u64,
    /// What it is made of, a line each.
    pub parts: String,
    pub href: String,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Day,
    Week,
    Month,
}

impl Days {
    /// From the first day to the last of the time that was asked for, as far as there was anything.
    pub fn of(hours: &[(Timestamp, String, u64)], asked: &Asked, person: &Person) -> Self {
        let dated: Vec<(Date, usize, u64)> = hours
            .iter()
            .filter_map(|(hour, category, events)| {
                let at = jiff::Timestamp::from_microsecond(hour.as_micros()).ok()?;
                let category = Category::NAMES.iter().position(|name| name == category)?;
                Some((at.to_zoned(asked.zone.clone()).date(), category, *events))
            })
            .collect();
        let (Some(first), Some(last)) =
            (dated.iter().map(|(date, ..)| *date).min(), dated.iter().map(|(date, ..)| *date).max())
        else {
            return Self::default();
        };
        let bounded = |time: Timestamp, or: Date| {
            let at = jiff::Timestamp::from_microsecond(time.as_micros()).ok();
            at.map_or(or, |at| at.to_zoned(asked.zone.clone()).date())
        };
        let from = if asked.range.from > Timestamp::MIN { bounded(asked.range.from, first) } else { first };
        // The last instant that is inside.
        let end = Timestamp::from_micros(asked.end().as_micros() - 1);
        let (from, to) = (from.min(first), bounded(end, last).max(last));
        let unit = Unit::of(from, to);
        let mut edges = unit.edges(from, to);
        if edges.len() > MOST_BARS + 1 {
            edges.drain(..edges.len() - MOST_BARS - 1);
        }
        let mut counts: Vec<Counts> = vec![Counts::default(); edges.len().saturating_sub(1)];
        for (date, category, events) in dated {
            let after = edges.partition_point(|edge| *edge <= date);
            if let Some(bar) = after.checked_sub(1).and_then(|at| counts.get_mut(at)) {
                bar[category] += events;
            }
        }
        Self::draw(unit, &edges, &counts, asked, person)
    }

    fn draw(unit: Unit, edges: &[Date], counts: &[Counts], asked: &Asked, person: &Person) -> Self {
        let totals: Vec<u64> = counts.iter().map(|parts| parts.iter().sum()).collect();
        let tallest = totals.iter().copied().max().unwrap_or_default();
        let bars =
            edges.windows(2).zip(counts).zip(&totals).enumerate().map(|(at, ((edge, parts), total))| {
                let (left, right) = (across(at, counts.len()), across(at + 1, counts.len()));
                Bar {
                    x: format!("{left:.2}"),
                    width: format!("{:.2}", right - left),
                    name: unit.label(edge[0]),
                    count: *total,
                    parts: lines(parts),
                    href: between(asked, person, edge[0], edge[1]),
                }
            });
        let shapes = Category::ALL.iter().enumerate();
        let shapes = shapes
            .map(|(at, category)| (category.as_str(), outline(at, counts, tallest)))
            .filter(|(_, path)| !path.is_empty());
        Self {
            bars: bars.collect(),
            shapes: shapes.collect(),
            each: unit.name(),
            tallest,
            ticks: ticks(unit, edges),
        }
    }
}

impl Unit {
    fn of(from: Date, to: Date) -> Self {
        let days = usize::try_from(from.until(to).map_or(0, |span| span.get_days())).unwrap_or_default();
        match days {
            _ if days <= MOST_DAYS => Self::Day,
            _ if days / 7 <= MOST_WEEKS => Self::Week,
            _ => Self::Month,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    fn label(self, date: Date) -> String {
        let form = match self {
            Self::Day => "%a %-d %b %Y",
            Self::Week => "Week of %-d %b %Y",
            Self::Month => "%B %Y",
        };
        date.strftime(form).to_string()
    }

    /// Where the bars begin, and where the last one ends.
    fn edges(self, from: Date, to: Date) -> Vec<Date> {
        let mut edges = vec![match self {
            Self::Day => from,
            Self::Week => from.saturating_sub(i64::from(from.weekday().to_monday_zero_offset()).days()),
            Self::Month => from.first_of_month(),
        }];
        while let Some(last) = edges.last()
            && *last <= to
        {
            let next = match self {
                Self::Day => last.tomorrow(),
                Self::Week => last.checked_add(1.week()),
                Self::Month => last.checked_add(1.month()),
            };
            match next {
                Ok(next) => edges.push(next),
                Err(_) => break,
            }
        }
        edges
    }
}

/// The address of a bar's events.
fn between(asked: &Asked, person: &Person, from: Date, to: Date) -> String {
    let instant = |date: Date| {
        let at: Option<Zoned> = date.to_zoned(asked.zone.clone()).ok();
        at.map(|at| Timestamp::from_micros(at.timestamp().as_microsecond()))
    };
    let (Some(from), Some(to)) = (instant(from), instant(to)) else { return events(asked, person, &[]) };
    events(&asked.between(from, to), person, &[])
}

/// What a bar is made of.
fn lines(parts: &Counts) -> String {
    let parts = Category::ALL.iter().zip(parts).filter(|(_, count)| **count > 0);
    let lines = parts
        .map(|(category, count)| format!("{} {}", events_page::name_of_category(*category), grouped(count)));
    lines.collect::<Vec<_>>().join("\n")
}

fn ticks(unit: Unit, edges: &[Date]) -> Vec<String> {
    let form = if matches!(unit, Unit::Month) { "%b %Y" } else { "%-d %b %Y" };
    let bars = edges.len().saturating_sub(1);
    let chosen: &[usize] = if bars >= 5 { &[0, bars / 4, bars / 2, 3 * bars / 4] } else { &[0] };
    chosen.iter().filter_map(|at| edges.get(*at)).map(|date| date.strftime(form).to_string()).collect()
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
    use std::fmt::Write as _;
    let mut path = String::new();
    for (at, parts) in counts.iter().enumerate().filter(|(_, parts)| parts[category] > 0) {
        let below: u64 = parts[..category].iter().sum();
        let (left, right) = (across(at, counts.len()), across(at + 1, counts.len()));
        // A single day among a year is a bar, not a wall.
        let width = ((right - left) * 0.76).min(60.0);
        let (x, foot) = ((left + right - width) / 2.0, HEIGHT - upwards(below, tallest));
        let tall = upwards(parts[category], tallest).max(if below == 0 { 1.0 } else { 0.0 });
        let _ = write!(path, "M{x:.1} {foot:.1}v-{tall:.1}h{width:.1}v{tall:.1}z");
    }
    path
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_bar_is_a_day_a_week_or_a_month_by_how_long_the_time_is() {
        let begin = date(2026, 3, 4);
        assert!(matches!(Unit::of(begin, date(2026, 3, 4)), Unit::Day));
        assert!(matches!(Unit::of(begin, date(2026, 7, 1)), Unit::Day));
        assert!(matches!(Unit::of(begin, date(2027, 3, 4)), Unit::Week));
        assert!(matches!(Unit::of(begin, date(2036, 3, 4)), Unit::Month));
    }

    #[test]
    fn bars_leave_no_gap() {
        let (from, to) = (date(2026, 3, 4), date(2026, 3, 18));
        let weeks = Unit::Week.edges(from, to);
        assert_eq!(weeks, [date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 23)]);
        assert_eq!(Unit::Day.edges(from, from), [from, date(2026, 3, 5)]);
        assert_eq!(Unit::Month.edges(from, to), [date(2026, 3, 1), date(2026, 4, 1)]);
    }
}

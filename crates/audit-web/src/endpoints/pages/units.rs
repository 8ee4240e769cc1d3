//! Bars of time: calendar units in a reader's zone, as the index puts events together by them.
//!
//! Where units begin is asked of the index itself, so that what a bar counts is what its link shows, also where clocks
//! change at midnight or by half an hour.

use std::collections::HashSet;

use audit_event::{Timestamp, limits};
use audit_query::question::{Bucket, TimeRange, Unit};
use jiff::Zoned;
use jiff::tz::TimeZone;

use super::events::view::after;

/// More units than this are not told apart: the latest are, and those before are one.
const MOST: usize = 400;

const HOUR: i64 = 3_600 * 1_000_000;
const DAY: i64 = 24 * HOUR;

/// Units next to each other, the first and the last of which may hold all that is before and after.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    pub bucket: Bucket,
    /// The earliest first, without gaps.
    pub spans: Vec<Span>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// The key of its events, or the least there is.
    key: Timestamp,
    /// The part of it that is asked about.
    pub range: TimeRange,
    pub name: String,
    /// Its name below a picture, beside others.
    pub tick: Tick,
    /// The shortest name that tells it from its neighbours.
    pub short: Tick,
}

/// What stands below a picture for a time. A script writes it as the reader is used to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tick {
    pub text: String,
    /// The time, RFC 3339, and how it is written; nothing where the text is no time.
    pub time: Option<(String, &'static str)>,
}

impl Tick {
    fn words(text: String) -> Self {
        Self { text, time: None }
    }
}

impl Units {
    /// The units of a time with both ends, in a question about `asked`; where there are events of `keys` before or after
    /// them, with a span for those.
    pub fn over(
        bucket: Bucket,
        span: TimeRange,
        asked: TimeRange,
        zone: &TimeZone,
        keys: &HashSet<Timestamp>,
    ) -> Self {
        let within =
            |range: TimeRange| TimeRange { from: range.from.max(asked.from), to: range.to.min(asked.to) };
        let units = latest(bucket, span, zone);
        let (Some(first), Some(last)) = (units.first(), units.last()) else {
            return Self { bucket, spans: Vec::new() };
        };
        let mut spans = Vec::with_capacity(units.len() + 2);
        if keys.iter().any(|key| *key < first.key) {
            let until = name(bucket, first.range.from, zone);
            spans.push(Span {
                key: Timestamp::MIN,
                range: within(TimeRange { from: Timestamp::MIN, to: first.range.from }),
                name: format!("Before {until}"),
                tick: Tick::words(format!("before {}", tick(bucket, first.range.from, zone).text)),
                short: Tick::words("before".to_owned()),
            });
        }
        spans.extend(units.iter().map(|unit| Span {
            key: unit.key,
            range: within(unit.range),
            name: name(bucket, unit.range.from, zone),
            tick: tick(bucket, unit.range.from, zone),
            short: short(bucket, unit.range.from, zone),
        }));
        if keys.iter().any(|key| *key >= last.range.to) {
            let since = name(bucket, last.range.to, zone);
            spans.push(Span {
                key: last.range.to,
                range: within(TimeRange { from: last.range.to, to: Timestamp::MAX }),
                name: format!("From {since} on"),
                tick: Tick::words("later".to_owned()),
                short: Tick::words("later".to_owned()),
            });
        }
        Self { bucket, spans }
    }

    /// Which of the spans has the events of a key.
    pub fn place(&self, key: Timestamp) -> Option<usize> {
        let after = self.spans.partition_point(|span| span.key <= key);
        (!self.spans.is_empty()).then(|| after.saturating_sub(1))
    }

    /// `hour`, `day`, `week` or `month`.
    pub fn each(&self) -> &'static str {
        match self.bucket {
            Bucket::Hour => "hour",
            Bucket::Day => "day",
            Bucket::Week => "week",
            Bucket::Month => "month",
        }
    }

    /// The first and some others, by their places.
    pub fn ticks(&self) -> Vec<(usize, &Tick)> {
        let count = self.spans.len();
        let chosen: &[usize] = if count >= 5 { &[0, count / 4, count / 2, 3 * count / 4] } else { &[0] };
        chosen.iter().filter_map(|at| Some((*at, &self.spans.get(*at)?.tick))).collect()
    }
}

/// The time that bars are drawn for, with both ends: the question's own; where it has none, from the first event of the
/// last ten years, as `first_in` tells it, to now. What lies before or after has a bar of its own.
///
/// # Errors
/// Those of `first_in`.
pub(crate) fn span<E>(
    asked: TimeRange,
    now: Timestamp,
    first_in: impl FnOnce(TimeRange) -> Result<Option<Timestamp>, E>,
) -> Result<TimeRange, E> {
    let TimeRange { from, to } = asked;
    let to = if to < Timestamp::MAX { to } else { after(now).max(from) };
    if from > Timestamp::MIN {
        return Ok(TimeRange { from, to });
    }
    // A single event of long ago must not make all others one bar.
    let from = Timestamp::from_micros(to.as_micros().saturating_sub(limits::PAST_MICROS)).max(Timestamp::MIN);
    let first = first_in(TimeRange { from, to })?.unwrap_or(to);
    Ok(TimeRange { from: first.min(to), to })
}

/// The units that make neither too few bars nor too many.
pub(crate) fn bucket_for(span: TimeRange) -> Bucket {
    let length = span.to.as_micros().saturating_sub(span.from.as_micros());
    match length {
        _ if length <= 3 * DAY => Bucket::Hour,
        _ if length <= 130 * DAY => Bucket::Day,
        _ if length <= 800 * DAY => Bucket::Week,
        _ => Bucket::Month,
    }
}

/// The latest [`MOST`] units that have a part in the span, the earliest first.
fn latest(bucket: Bucket, span: TimeRange, zone: &TimeZone) -> Vec<Unit> {
    if span.to < span.from {
        return Vec::new();
    }
    // The end is not inside, if there is any inside.
    let end = Timestamp::from_micros(span.to.as_micros() - 1).max(span.from);
    let mut units = vec![bucket.unit_around(zone, end)];
    while let Some(first) = units.last()
        && first.range.from > span.from
        && units.len() < MOST
    {
        units.push(bucket.unit_around(zone, Timestamp::from_micros(first.range.from.as_micros() - 1)));
    }
    units.reverse();
    units
}

fn name(bucket: Bucket, time: Timestamp, zone: &TimeZone) -> String {
    let form = match bucket {
        Bucket::Hour => "%a %-d %b, %H:%M",
        Bucket::Day => "%a %-d %b %Y",
        Bucket::Week => "Week of %-d %b %Y",
        Bucket::Month => "%B %Y",
    };
    written(time, zone, form)
}

fn tick(bucket: Bucket, time: Timestamp, zone: &TimeZone) -> Tick {
    let (form, style) = match bucket {
        Bucket::Hour => ("%-d %b %H:%M", "hour"),
        Bucket::Day | Bucket::Week => ("%-d %b %Y", "day"),
        Bucket::Month => ("%b %Y", "month"),
    };
    Tick { text: written(time, zone, form), time: Some((time.to_string(), style)) }
}

fn short(bucket: Bucket, time: Timestamp, zone: &TimeZone) -> Tick {
    let (form, style) = match bucket {
        Bucket::Hour => ("%H:%M", "clock"),
        Bucket::Day | Bucket::Week => ("%-d %b", "date"),
        Bucket::Month => ("%b %Y", "month"),
    };
    Tick { text: written(time, zone, form), time: Some((time.to_string(), style)) }
}

/// In the last hours of the year 9999, where the calendar ends, as it is recorded.
fn written(time: Timestamp, zone: &TimeZone, form: &str) -> String {
    let local: Option<Zoned> =
        jiff::Timestamp::from_microsecond(time.as_micros()).ok().map(|at| at.to_zoned(zone.clone()));
    local.map_or_else(|| time.to_string(), |local| local.strftime(form).to_string())
}

#[cfg(test)]
mod tests;

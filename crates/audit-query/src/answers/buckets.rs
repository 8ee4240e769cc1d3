//! Calendar units in a time zone.

use crate::calendar;
use crate::question::{Bucket, TimeRange, Unit};
use audit_event::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const SECOND_US: i64 = 1_000_000;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// A span of instants within one calendar unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// When the unit begins: what names it.
    pub(crate) begin: i64,
    /// The span's first instant and the first one after it: all of the unit, or the part of it up to a change of
    /// the clocks.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Span {
    pub(crate) fn contains(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// The span around an instant, in microseconds since 1970.
pub(crate) fn span_around(bucket: Bucket, tz: &TimeZone, time: i64) -> Span {
    let Some(instant) = calendar::instant(time) else {
        let Span { begin, from, to } = span_around(bucket, tz, time - calendar::CYCLE_US);
        return Span {
            begin: begin + calendar::CYCLE_US,
            from: from + calendar::CYCLE_US,
            to: to + calendar::CYCLE_US,
        };
    };
    let local = instant.to_zoned(tz.clone());
    let date = local.date();
    let into_hour = i64::from(local.minute()) * 60 + i64::from(local.second());
    let into_day = i64::from(local.hour()) * HOUR_S + into_hour;
    let second = time - time.rem_euclid(SECOND_US);
    let (first, into, length) = match bucket {
        Bucket::Hour => (None, into_hour, HOUR_S),
        Bucket::Day => (Some(date), into_day, DAY_S),
        Bucket::Week => {
            let days = i64::from(date.weekday().to_monday_zero_offset());
            (Some(date.saturating_sub(days.days())), days * DAY_S + into_day, 7 * DAY_S)
        }
        Bucket::Month => {
            let days = i64::from(date.day()) - 1;
            (Some(date.first_of_month()), days * DAY_S + into_day, i64::from(date.days_in_month()) * DAY_S)
        }
    };
    let from = second - into * SECOND_US;
    let begin = first.map_or(from, |date| midnight(date, tz, time));
    let mut span = Span {
        // As a key tells it: the unit around the first instant may have begun earlier.
        begin: Timestamp::from_micros(begin).as_micros(),
        from,
        to: from + length * SECOND_US,
    };
    // Across a change of the clocks the arithmetic above is wrong: the span ends there.
    let changes_at =
        |at: Option<jiff::tz::TimeZoneTransition<'_>>| at.map(|at| at.timestamp().as_microsecond());
    if let Some(change) = changes_at(tz.following(instant).next()) {
        span.to = span.to.min(change);
    }
    let at_or_before = instant.saturating_add(1.nanosecond()).unwrap_or(instant);
    if let Some(change) = changes_at(tz.preceding(at_or_before).next()) {
        span.from = span.from.max(change);
    }
    span
}

impl Bucket {
    /// The calendar unit of this kind around an instant, as events are put together by it.
    ///
    /// Units follow each other without a gap: the one after this is around the end of its range.
    #[must_use]
    pub fn unit_around(self, tz: &TimeZone, time: Timestamp) -> Unit {
        let of = |time: i64| span_around(self, tz, time);
        let span = of(time.as_micros());
        let (mut from, mut to) = (span.from, span.to);
        while from > Timestamp::MIN.as_micros()
            && let before = of(from - 1)
            && before.begin == span.begin
        {
            from = before.from;
        }
        while to <= Timestamp::MAX.as_micros()
            && let after = of(to)
            && after.begin == span.begin
        {
            to = after.to;
        }
        let at = |micros: i64| Timestamp::from_micros(micros).clamp(Timestamp::MIN, Timestamp::MAX);
        Unit { key: Timestamp::from_micros(span.begin), range: TimeRange { from: at(from), to: at(to) } }
    }
}

fn midnight(date: Date, tz: &TimeZone, otherwise: i64) -> i64 {
    date.to_zoned(tz.clone()).map_or(otherwise, |begin| begin.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).expect("an instant").as_micros()
    }

    fn check(bucket: Bucket, tz: &str, time: &str, begin: &str) {
        let tz = TimeZone::get(tz).expect("a time zone");
        let time = instant(time);
        let span = span_around(bucket, &tz, time);
        assert_eq!(span.begin, instant(begin));
        assert!(span.contains(time));
        // Everywhere in the span the unit is the same, and just outside of it is another or another offset.
        for within in [span.from, span.to - 1, (span.from + span.to) / 2] {
            assert_eq!(span_around(bucket, &tz, within), span);
        }
    }

    #[test]
    fn units_begin_at_local_midnight() {
        check(Bucket::Hour, "UTC", "2026-03-29T10:59:59.999999Z", "2026-03-29T10:00:00Z");
        check(Bucket::Hour, "Asia/Kolkata", "2026-03-29T10:10:00Z", "2026-03-29T09:30:00Z");
        check(Bucket::Day, "America/New_York", "2026-07-01T03:59:00Z", "2026-06-30T04:00:00Z");
        check(Bucket::Week, "Europe/Berlin", "2026-01-04T22:00:00Z", "2025-12-28T23:00:00Z");
        check(Bucket::Month, "UTC", "2024-02-29T23:00:00Z", "2024-02-01T00:00:00Z");
    }

    #[test]
    fn so_they_do_before_1970_and_on_the_last_day() {
        check(Bucket::Day, "UTC", "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z");
        check(Bucket::Hour, "UTC", "1965-01-01T00:59:59.000001Z", "1965-01-01T00:00:00Z");
        check(Bucket::Week, "UTC", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
        check(Bucket::Month, "America/New_York", "1914-07-29T00:00:00.5Z", "1914-07-01T05:00:00Z");
        // The time of Berlin's own meridian, 53 minutes and 28 seconds ahead of Greenwich.
        check(Bucket::Hour, "Europe/Berlin", "1850-06-01T10:00:00Z", "1850-06-01T09:06:32Z");
        for time in ["9999-12-30T12:00:00Z", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
            check(Bucket::Month, "UTC", time, "9999-12-01T00:00:00Z");
            check(Bucket::Week, "UTC", time, "9999-12-27T00:00:00Z");
        }
        check(Bucket::Day, "UTC", "9999-12-31T23:59:59.999999Z", "9999-12-31T00:00:00Z");
        check(Bucket::Hour, "Asia/Kolkata", "9999-12-31T10:00:00Z", "9999-12-31T09:30:00Z");
    }

    /// Over all that changes in a year, each unit begins where the one before ends, and holds what has its key.
    #[test]
    fn units_follow_each_other_in_every_zone() {
        let (from, to) = (instant("2024-12-25T00:00:00Z"), instant("2026-01-10T00:00:00Z"));
        for name in jiff::tz::db().available() {
            let Ok(tz) = TimeZone::get(name.as_str()) else { continue };
            for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
                let mut unit = bucket.unit_around(&tz, Timestamp::from_micros(from));
                while unit.range.to.as_micros() < to {
                    let next = bucket.unit_around(&tz, unit.range.to);
                    assert!(next.key > unit.key, "{name} {unit:?} {next:?}");
                    assert_eq!(next.range.from, unit.range.to, "{name} {bucket:?}");
                    let ends = [next.range.from.as_micros(), next.range.to.as_micros() - 1];
                    assert_eq!(
                        ends.map(|end| span_around(bucket, &tz, end).begin),
                        [next.key.as_micros(); 2],
                        "{name} {next:?}"
                    );
                    unit = next;
                }
            }
            let changes = tz.following(calendar::instant(from).expect("an instant"));
            for change in changes.take_while(|change| change.timestamp().as_microsecond() < to) {
                let at = Timestamp::from_micros(change.timestamp().as_microsecond() - 3 * HOUR_S * SECOND_US);
                let mut unit = Bucket::Hour.unit_around(&tz, at);
                for _ in 0..6 {
                    let next = Bucket::Hour.unit_around(&tz, unit.range.to);
                    assert!(
                        next.key > unit.key && next.range.from == unit.range.to,
                        "{name} {unit:?} {next:?}"
                    );
                    unit = next;
                }
            }
        }
    }

    #[test]
    fn a_day_without_midnight_begins_when_its_clock_does() {
        let tz = TimeZone::get("Africa/Cairo").expect("a time zone");
        let unit = |time: &str| Bucket::Day.unit_around(&tz, Timestamp::from_micros(instant(time)));
        let changed = unit("2025-04-25T12:00:00Z");
        let range = |from: &str, to: &str| TimeRange {
            from: Timestamp::from_micros(instant(from)),
            to: Timestamp::from_micros(instant(to)),
        };
        assert_eq!(changed.range, range("2025-04-24T22:00:00Z", "2025-04-25T21:00:00Z"));
        assert_eq!(unit("2025-04-26T12:00:00Z").range, range("2025-04-25T21:00:00Z", "2025-04-26T21:00:00Z"));
    }

    #[test]
    fn the_first_and_the_last_unit_end_with_time() {
        for bucket in [Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month] {
            let first = bucket.unit_around(&TimeZone::UTC, Timestamp::MIN);
            let last = bucket.unit_around(&TimeZone::UTC, Timestamp::MAX);
            assert_eq!((first.range.from, last.range.to), (Timestamp::MIN, Timestamp::MAX));
        }
    }

    /// Groups of several partitions are put together by their keys.
    #[test]
    fn a_unit_is_named_as_its_key_even_where_it_began_before_time() {
        let tz = TimeZone::get("Europe/Berlin").expect("a time zone");
        for bucket in [Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month] {
            let span = span_around(bucket, &tz, Timestamp::MIN.as_micros());
            assert_eq!(span.begin, bucket.unit_around(&tz, Timestamp::MIN).key.as_micros());
        }
    }

    #[test]
    fn a_unit_with_a_change_of_clocks_has_two_spans_with_one_name() {
        check(Bucket::Day, "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-28T23:00:00Z");
        check(Bucket::Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z");
        check(Bucket::Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z");
        check(Bucket::Month, "Europe/Berlin", "2026-10-31T12:00:00Z", "2026-09-30T22:00:00Z");
    }
}

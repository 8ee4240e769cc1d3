//! Between instants and the calendar of a time zone, up to the last day of the year 9999.
//!
//! jiff ends a day and two hours earlier, so that every instant has a date in every time zone. Times on the last
//! day are not far-fetched (`9999-12-31` is how many programs write "never"): beyond jiff's end the calendar of
//! 400 years before is read, which has the same dates, weekdays and rules for summer time.

use audit_event::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Microseconds of the 400 years after which the Gregorian calendar repeats: 20,871 weeks.
pub(crate) const CYCLE_US: i64 = 146_097 * 86_400 * 1_000_000;

/// As jiff knows it; `None` in the last hours of the year 9999.
pub(crate) fn instant(micros: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(micros).ok()
}

/// When clocks in `tz` show `local`; `None` before the year 1. What falls beyond the first or the last instant
/// in UTC gives that one.
pub(crate) fn at(local: DateTime, tz: &TimeZone) -> Option<Timestamp> {
    let micros_of = |local: DateTime| Some(local.to_zoned(tz.clone()).ok()?.timestamp().as_microsecond());
    let micros = match micros_of(local) {
        Some(micros) => micros,
        None => micros_of(local.checked_sub(400.years()).ok()?)? + CYCLE_US,
    };
    (local.year() >= 1).then(|| Timestamp::from_micros(micros))
}

/// When a day begins in `tz`, as [`at`].
pub(crate) fn begin(date: Date, tz: &TimeZone) -> Option<Timestamp> {
    at(date.to_datetime(Time::midnight()), tz)
}

/// When a day ends in `tz`; the last day of the year 9999 ends with time itself.
pub(crate) fn end(date: Date, tz: &TimeZone) -> Option<Timestamp> {
    date.tomorrow().map_or(Some(Timestamp::MAX), |next| begin(next, tz))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(date: &str, tz: &str) -> Option<String> {
        let (date, tz) = (date.parse().expect("a date"), TimeZone::get(tz).expect("a zone"));
        begin(date, &tz).map(|begin| begin.to_string().replace(".000000Z", "Z"))
    }

    #[test]
    fn days_begin_at_local_midnight_in_every_year() {
        assert_eq!(begins("2026-03-29", "Europe/Berlin").as_deref(), Some("2026-03-28T23:00:00Z"));
        assert_eq!(begins("1965-01-01", "UTC").as_deref(), Some("1965-01-01T00:00:00Z"));
        // Before 1893 Berlin kept the time of its own meridian.
        assert_eq!(begins("1850-01-01", "Europe/Berlin").as_deref(), Some("1849-12-31T23:06:32Z"));
    }

    #[test]
    fn the_ends_of_time_are_within_it() {
        assert_eq!(begins("9999-12-31", "UTC").as_deref(), Some("9999-12-31T00:00:00Z"));
        assert_eq!(begins("9999-12-31", "Europe/Berlin").as_deref(), Some("9999-12-30T23:00:00Z"));
        assert_eq!(begins("9999-12-31", "America/New_York").as_deref(), Some("9999-12-31T05:00:00Z"));
        assert_eq!(begins("0001-01-01", "UTC").as_deref(), Some("0001-01-01T00:00:00Z"));
        assert_eq!(begins("0001-01-01", "Europe/Berlin").as_deref(), Some("0001-01-01T00:00:00Z"));
        assert_eq!(begins("0000-12-31", "UTC"), None);
        let last = "9999-12-31".parse().expect("a date");
        assert_eq!(end(last, &TimeZone::UTC), Some(Timestamp::MAX));
        assert_eq!(instant(Timestamp::MAX.as_micros()), None);
    }
}

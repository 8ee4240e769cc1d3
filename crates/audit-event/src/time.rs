//! Instants in UTC with microseconds, and the clock as an argument.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

/// An instant of the years 1 to 9999, those that RFC 3339 can write: microseconds since 1970-01-01T00:00:00Z,
/// negative before. The calendar is Gregorian throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Not an RFC 3339 time of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-03-01T12:00:00.000000Z, years 0001 to 9999")]
pub struct TimestampError;

/// Tells the time. The only implementation that looks at a real clock lives in the binary.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is moved: for tests and for generated histories.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> ManualClock {
        ManualClock(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }

    /// Sets the clock, backward too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl Timestamp {
    /// 1970-01-01T00:00:00Z; also the default.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// The first microsecond of the year 1.
    pub const MIN: Timestamp = Timestamp(-62_135_596_800_000_000);
    /// The last microsecond of the year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);
    /// Length of the text form.
    pub const TEXT_LEN: usize = 27;

    /// From microseconds since the epoch; values outside the range give its nearer end.
    #[must_use]
    #[inline]
    pub const fn from_micros(micros: i64) -> Timestamp {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(micros)
        }
    }

    /// Microseconds since the epoch, negative before it: divide with `div_euclid` and `rem_euclid`.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 with any offset; digits beyond microseconds are dropped, a leap second counts as the
    /// second before it.
    ///
    /// # Errors
    /// [`TimestampError`] for anything else, and for instants outside the years 1 to 9999 UTC.
    pub fn parse_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
        parse(text.as_bytes()).ok_or(TimestampError)
    }

    /// Parses exactly what [`Timestamp::to_text`] writes.
    pub(crate) fn parse_canonical(text: &[u8]) -> Option<Timestamp> {
        let is_canonical = text.len() == Self::TEXT_LEN && text[10] == b'T' && text[19] == b'.';
        let time = parse(text)?;
        (is_canonical && text[26] == b'Z').then_some(time)
    }

    /// Appends the text form, `2026-03-01T12:00:00.000000Z`.
    #[inline]
    pub fn write_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_text());
    }

    /// The text form, always 27 ASCII characters.
    #[must_use]
    #[inline]
    pub fn to_text(self) -> [u8; Self::TEXT_LEN] {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MICROS_PER_DAY));
        let of_day = self.0.rem_euclid(MICROS_PER_DAY).unsigned_abs();
        let (seconds, micros) = (of_day / 1_000_000, of_day % 1_000_000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put2(&mut text, 0, year / 100);
        put2(&mut text, 2, year % 100);
        put2(&mut text, 5, month);
        put2(&mut text, 8, day);
        put2(&mut text, 11, seconds / 3600);
        put2(&mut text, 14, seconds / 60 % 60);
        put2(&mut text, 17, seconds % 60);
        put2(&mut text, 20, micros / 10_000);
        put2(&mut text, 22, micros / 100 % 100);
        put2(&mut text, 24, micros % 100);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_text();
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Timestamp::parse_rfc3339(text)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

#[inline]
fn put2(text: &mut [u8; Timestamp::TEXT_LEN], at: usize, value: u64) {
    text[at] = b'0' + (value / 10 % 10) as u8;
    text[at + 1] = b'0' + (value % 10) as u8;
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let date_time = text.first_chunk::<19>()?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = date_time
    else {
        return None;
    };
    let year = digits2(text, 0)? * 100 + digits2(text, 2)?;
    let (month, day) = (digits2(text, 5)?, digits2(text, 8)?);
    let (hour, minute, second) = (digits2(text, 11)?, digits2(text, 14)?, digits2(text, 17)?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let (fraction, rest) = parse_fraction(&text[19..])?;
    let offset_seconds = parse_offset(rest)?;
    let seconds = hour * 3600 + minute * 60 + second.min(59) - offset_seconds;
    let micros = days_from_civil(year, month, day) * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + fraction;
    (Timestamp::MIN.0..=Timestamp::MAX.0).contains(&micros).then_some(Timestamp(micros))
}

/// Microseconds of an optional `.digits`, and what follows.
fn parse_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else { return Some((0, text)) };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let places = digits[..count].iter().copied().chain(std::iter::repeat(b'0')).take(6);
    let micros = places.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    Some((micros, &digits[count..]))
}

fn parse_offset(text: &[u8]) -> Option<i64> {
    match *text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (digits2(text, 1)?, digits2(text, 4)?);
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            Some(if sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

#[inline]
fn digits2(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar (years from March, so that the leap
/// day is the last of its year).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`], for days from 0000-03-01 on.
fn civil_from_days(days: i64) -> (u64, u64, u64) {
    let days = (days + 719_468).unsigned_abs();
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let time = Timestamp::parse_rfc3339(text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(time.to_string(), expected);
        assert_eq!(Timestamp::parse_canonical(expected.as_bytes()), Some(time));
    }

    #[test]
    fn any_offset_becomes_utc_with_microseconds() {
        check("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z");
        check("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z");
        check("1965-01-01T00:30:00+01:00", "1964-12-31T23:30:00.000000Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z");
        check("0000-12-31T23:30:00-00:30", "0001-01-01T00:00:00.000000Z");
        check("2026-03-01T12:00:00.5+02:00", "2026-03-01T10:00:00.500000Z");
        check("2026-03-01t12:00:00.123456789z", "2026-03-01T12:00:00.123456Z");
        check("2024-02-29 23:30:00-01:30", "2024-03-01T01:00:00.000000Z");
        check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z");
        check("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn other_texts_and_years_are_refused() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:60:00Z",
            "2026-03-01T12:00:61Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00+24:00",
            "2026-03-01T12:00:00+0100",
            "2026-03-01T12:00:00Zulu",
            "0000-12-31T23:59:59.999999Z",
            "-001-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "２026-03-01T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Err(TimestampError), "{text}");
        }
        for text in
            ["2026-03-01T12:00:00Z", "2026-03-01 12:00:00.000000Z", "2026-03-01T12:00:00.000000+00:00"]
        {
            assert_eq!(Timestamp::parse_canonical(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_has_its_date() {
        let mut expected = (1, 1, 1);
        for day in -719_162..2_932_896 {
            if day == 0 {
                assert_eq!(expected, (1970, 1, 1));
            }
            assert_eq!(civil_from_days(day), expected);
            let (year, month, of_month) =
                (expected.0.cast_signed(), expected.1.cast_signed(), expected.2.cast_signed());
            assert_eq!(days_from_civil(year, month, of_month), day);
            expected = match of_month < days_in_month(year, month) {
                true => (expected.0, expected.1, expected.2 + 1),
                false if month < 12 => (expected.0, expected.1 + 1, 1),
                false => (expected.0 + 1, 1, 1),
            };
        }
        assert_eq!(expected, (9999, 12, 31));
    }

    #[test]
    fn the_ends_of_time_are_what_the_text_can_say() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::EPOCH.to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::from_micros(i64::MAX), Timestamp::MAX);
    }

    proptest::proptest! {
        #[test]
        fn every_instant_comes_back_and_texts_sort_as_instants_do(
            a in Timestamp::MIN.0..=Timestamp::MAX.0,
            b in Timestamp::MIN.0..=Timestamp::MAX.0,
        ) {
            let (a, b) = (Timestamp(a), Timestamp(b));
            proptest::prop_assert_eq!(Timestamp::parse_canonical(&a.to_text()), Some(a));
            proptest::prop_assert_eq!(a.to_text().cmp(&b.to_text()), a.cmp(&b));
        }
    }
}

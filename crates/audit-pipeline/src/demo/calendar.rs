//! Days, weekdays and how busy they are. No time zone database: each site has a fixed offset.

use audit_event::Timestamp;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub i64);

/// Monday is 0.
pub(super) const FRIDAY: i64 = 4;
pub(super) const SATURDAY: i64 = 5;
pub(super) const SUNDAY: i64 = 6;

impl Day {
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.as_micros().div_euclid(DAY))
    }

    /// The day's first moment, in microseconds since the epoch.
    pub(super) fn start(self) -> i64 {
        self.0 * DAY
    }

    /// 0 (Monday) to 6 (Sunday); 1970-01-01 was a Thursday.
    pub(super) fn weekday(self) -> i64 {
        (self.0 + 3).rem_euclid(7)
    }

    /// The newest day at or before this one that falls on `weekday`.
    pub(super) fn back_to(self, weekday: i64) -> Self {
        Self(self.0 - (self.weekday() - weekday).rem_euclid(7))
    }

    /// Year, month and day of month in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms", `civil_from_days`).
    pub(super) fn civil(self) -> (i64, i64, i64) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day)
    }

    /// The share of people at work, compared with an ordinary Tuesday.
    pub(super) fn attendance(self) -> f64 {
        if self.is_holiday() {
            return 0.04;
        }
        let weekday = match self.weekday() {
            SATURDAY => 0.07,
            SUNDAY => 0.04,
            FRIDAY => 0.84,
            _ => 1.0,
        };
        weekday * self.season()
    }

    fn is_holiday(self) -> bool {
        matches!(self.civil(), (_, 1, 1) | (_, 5, 1) | (_, 12, 24..=26) | (_, 12, 31))
    }

    /// Holidays in summer and around the turn of the year empty the offices.
    fn season(self) -> f64 {
        match self.civil() {
            (_, 12, 20..=31) | (_, 1, 1..=5) => 0.45,
            (_, 7, 15..=31) | (_, 8, _) => 0.74,
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_know_their_date_and_weekday() {
        assert_eq!(Day(0).civil(), (1970, 1, 1));
        assert_eq!(Day(0).weekday(), 3);
        assert_eq!(Day(20_513).civil(), (2026, 3, 1));
        assert_eq!(Day(20_513).weekday(), SUNDAY);
        assert_eq!(Day(20_513).back_to(FRIDAY).civil(), (2026, 2, 27));
        assert_eq!(Day(20_513).back_to(SUNDAY), Day(20_513));
    }

    #[test]
    fn holidays_and_weekends_are_quiet() {
        let tuesday = Day(20_513 + 2);
        assert!(tuesday.attendance() > 10.0 * Day(20_513).attendance());
        assert!((Day(20_513 + 61).attendance() - 0.04).abs() < 1e-9, "1 May is a holiday");
    }
}

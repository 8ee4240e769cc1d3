//! When somebody is active: the hours of the week, as a picture.

use audit_event::Timestamp;
use jiff::tz::TimeZone;

/// A cell's size in the picture's units, and how much of it is gap.
const CELL: u32 = 20;
const GAP: u32 = 2;
/// Room for the days' names on the left, and the hours above.
const LEFT: u32 = 40;
const TOP: u32 = 18;
/// Shades besides that of nothing.
const SHADES: u64 = 5;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The picture: days of the week from top to bottom, hours of the day from left to right.
#[derive(Debug, Default)]
pub(crate) struct Heat {
    counts: [[u64; 24]; 7],
}

/// One hour of the week.
#[derive(Debug)]
pub(crate) struct Cell {
    pub x: u32,
    pub y: u32,
    /// From 0 (nothing) to 5.
    pub shade: u64,
    pub name: String,
}

impl Heat {
    /// Of events by hour, in the reader's days.
    pub fn of(hours: &[(Timestamp, String, u64)], zone: &TimeZone) -> Self {
        let mut heat = Self::default();
        for (hour, _, events) in hours {
            let Ok(at) = jiff::Timestamp::from_microsecond(hour.as_micros()) else { continue };
            let at = at.to_zoned(zone.clone());
            let day = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or_default();
            let hour = usize::try_from(at.hour()).unwrap_or_default();
            heat.counts[day][hour] += events;
        }
        heat
    }

    fn most(&self) -> u64 {
        self.counts.iter().flatten().copied().max().unwrap_or_default()
    }

    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        self.most() == 0
    }

    /// All 168 of them.
    pub fn cells(&self) -> Vec<Cell> {
        let most = self.most();
        let mut cells = Vec::with_capacity(168);
        for ((day, counts), y) in (0..).zip(&self.counts).zip((TOP..).step_by(20)) {
            for ((hour, count), x) in (0..24).zip(counts).zip((LEFT..).step_by(20)) {
                let name: &str = NAMES[day];
                cells.push(Cell {
                    x: x + GAP / 2,
                    y: y + GAP / 2,
                    // One event among thousands is still to be seen.
                    shade: (count * SHADES).div_ceil(most.max(1)),
                    name: format!(
                        "{name}, {hour:02}:00 to {:02}:00: {}",
                        hour + 1,
                        super::super::grouped(count)
                    ),
                });
            }
        }
        cells
    }

    /// The days' names, and where they stand.
    pub fn days(&self) -> Vec<(&'static str, u32)> {
        DAYS.into_iter().zip((TOP + 14..).step_by(20)).collect()
    }

    /// Every third hour, and where it stands.
    pub fn hours(&self) -> Vec<(String, u32)> {
        (0..24).step_by(3).map(|hour| (format!("{hour:02}"), LEFT + hour * CELL)).collect()
    }

    /// Width and height of a cell.
    pub fn size(&self) -> u32 {
        CELL - GAP
    }

    /// Width and height of the picture.
    pub fn extent(&self) -> (u32, u32) {
        (LEFT + 24 * CELL, TOP + 7 * CELL)
    }

    /// What it says, in a sentence: the busiest hour, and how much lies outside of working days.
    pub fn summary(&self) -> String {
        let total: u64 = self.counts.iter().flatten().sum();
        let weekend: u64 = self.counts[5..].iter().flatten().sum();
        let night: u64 = self.counts.iter().flat_map(|day| day[..6].iter().chain(&day[22..])).sum();
        let busiest = self
            .counts
            .iter()
            .enumerate()
            .flat_map(|(day, hours)| hours.iter().enumerate().map(move |(hour, count)| (*count, day, hour)))
            .max_by_key(|(count, day, hour)| (*count, std::cmp::Reverse((*day, *hour))));
        let Some((_, day, hour)) = busiest.filter(|_| total > 0) else {
            return "Nothing was recorded in this time.".to_owned();
        };
        let percent = |part: u64| part * 100 / total;
        format!(
            "Most is done on {}s from {hour:02}:00 to {:02}:00; {} % on weekends, {} % at night (22:00 to 06:00).",
            NAMES[day],
            hour + 1,
            percent(weekend),
            percent(night)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(time: &str, events: u64) -> (Timestamp, String, u64) {
        (Timestamp::parse_rfc3339(time).unwrap(), "file".to_owned(), events)
    }

    #[test]
    fn hours_are_those_of_the_readers_days() {
        // A Sunday evening in London is a Monday morning in Auckland.
        let hours = [hour("2026-03-22T20:00:00Z", 7)];
        let cell = |zone: &str| {
            let heat = Heat::of(&hours, &TimeZone::get(zone).unwrap());
            heat.cells().into_iter().find(|cell| cell.shade > 0).unwrap().name
        };
        assert_eq!(cell("Europe/London"), "Sunday, 20:00 to 21:00: 7");
        assert_eq!(cell("Pacific/Auckland"), "Monday, 09:00 to 10:00: 7");
    }

    #[test]
    fn what_happened_once_is_seen_beside_what_happened_a_thousand_times() {
        let heat =
            Heat::of(&[hour("2026-03-16T09:00:00Z", 1_000), hour("2026-03-17T23:00:00Z", 1)], &TimeZone::UTC);
        let shades: Vec<u64> =
            heat.cells().iter().map(|cell| cell.shade).filter(|shade| *shade > 0).collect();
        assert_eq!(shades, [5, 1]);
        assert_eq!(heat.cells().len(), 168);
    }

    #[test]
    fn the_sentence_says_what_stands_out() {
        let heat =
            Heat::of(&[hour("2026-03-16T09:00:00Z", 8), hour("2026-03-21T23:00:00Z", 2)], &TimeZone::UTC);
        assert_eq!(
            heat.summary(),
            "Most is done on Mondays from 09:00 to 10:00; 20 % on weekends, 20 % at night (22:00 to 06:00)."
        );
        assert_eq!(Heat::default().summary(), "Nothing was recorded in this time.");
    }
}

//! How the sources of events beat: events an hour, when the last one came, and whether one has fallen silent.

use std::collections::BTreeMap;

use audit_event::{Source, Timestamp};
use audit_query::filter::{Field, Filter};
use audit_query::question::{
    Answers as _, Bucket, Budget, Group, GroupKey, Key, List, Measure, Order, TimeRange, Value,
};
use jiff::tz::TimeZone;

use crate::problem::{Problem, Result};
use crate::state::AppState;

const HOUR_US: i64 = 3_600_000_000;
/// Hours of a week.
const WEEK: i64 = 168;
/// So many weeks before are compared with.
const WEEKS: i64 = 4;
/// How far back hours are counted: the weeks compared with, and two in which a source may be silent.
const DAYS: i64 = 42;
/// Most sources that are told apart.
const MOST: usize = 64;
/// Where there are no two weeks to compare with: a silence of fewer hours is none.
const SHORT_SILENCE: i64 = 6;
/// And it is one only if it is so many times longer than any before.
const LONGER: i64 = 3;

/// One source's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// Its name: a value of the field asked for.
    pub name: String,
    /// When its newest event happened, of those that do not say they are yet to come: one dated years ahead would hide
    /// every silence until then.
    pub last: Timestamp,
    /// Events of each hour (hours since 1970) of the last weeks that has any.
    pub hours: BTreeMap<i64, u64>,
    now: i64,
}

/// The events by which a source shows that it is there: its own, and not what somebody handed in under its name.
pub(crate) fn foreign() -> Filter {
    Filter::first_hand_of(Source::ALL.iter().copied().filter(|source| *source != Source::Internal))
}

/// The pulses of all values of `field` among the events that `filter` accepts. Blocks.
///
/// # Errors
/// When the index cannot answer.
pub(crate) fn of(state: &AppState, field: Field, filter: &Filter, budget: &Budget) -> Result<Vec<Pulse>> {
    let now = state.now();
    let from = Timestamp::from_micros(now.as_micros() - DAYS * 24 * HOUR_US);
    let group = |keys: Vec<GroupKey>, range: TimeRange, limit: usize| Group {
        filter: filter.clone(),
        range,
        keys,
        measures: vec![Measure::Count],
        limit,
        snapshot: None,
    };
    let past = TimeRange { from: Timestamp::MIN, to: Timestamp::from_micros(now.as_micros() + 1) };
    let names = state.index().group(&group(vec![GroupKey::Field(field)], past, MOST), budget)?;
    let hour = GroupKey::Time { bucket: Bucket::Hour, tz: TimeZone::UTC };
    let range = TimeRange { from, ..past };
    let rows = usize::try_from(DAYS * 24).unwrap_or(usize::MAX).saturating_mul(MOST);
    let counted = state.index().group(&group(vec![GroupKey::Field(field), hour], range, rows), budget)?;
    let mut hours: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for row in counted.rows {
        let (Some(Key::Text(name)), Some(Key::Time(time)), Some(Value::Whole(count))) =
            (row.keys.first(), row.keys.get(1), row.values.first())
        else {
            continue;
        };
        *hours.entry(name.clone()).or_default().entry(time.as_micros().div_euclid(HOUR_US)).or_default() +=
            *count;
    }
    let mut pulses = Vec::new();
    for row in names.rows {
        let Some(Key::Text(name)) = row.keys.first() else { continue };
        let of_name = Filter::of_field(field, name).map_err(Problem::internal)?;
        let newest = List {
            filter: Filter::all_of(vec![filter.clone(), of_name]),
            range: past,
            order: Order::NewestFirst,
            limit: 1,
            after: None,
            snapshot: None,
            count: false,
        };
        let Some(last) = state.index().list(&newest, budget)?.rows.first().map(|row| row.time) else {
            continue;
        };
        let hours = hours.remove(name).unwrap_or_default();
        pulses.push(Pulse { name: name.clone(), last, hours, now: now.as_micros().div_euclid(HOUR_US) });
    }
    Ok(pulses)
}

/// The sources that have fallen silent, and since when. Blocks.
///
/// # Errors
/// When the index cannot answer.
pub(crate) fn silent(state: &AppState, budget: &Budget) -> Result<Vec<(String, Timestamp)>> {
    let pulses = of(state, Field::Source, &foreign(), budget)?;
    Ok(pulses.into_iter().filter(Pulse::is_silent).map(|pulse| (pulse.name, pulse.last)).collect())
}

/// How many sources, and providers of models, have fallen silent. Blocks.
///
/// # Errors
/// When the index cannot answer.
pub(crate) fn silent_with_parts(state: &AppState, budget: &Budget) -> Result<usize> {
    let providers = of(state, Field::Provider, &Filter::first_hand(Source::ModelGateway), budget)?;
    Ok(silent(state, budget)?.len() + providers.iter().filter(|provider| provider.is_silent()).count())
}

impl Pulse {
    /// Events of the last so many hours, the present one included.
    pub fn events_of(&self, hours: i64) -> u64 {
        self.hours.range(self.now - hours + 1..=self.now).map(|(_, count)| count).sum()
    }

    /// Events of each of the last so many hours, oldest first.
    pub fn beats(&self, hours: i64) -> Vec<u64> {
        (self.now - hours + 1..=self.now).map(|hour| self.hours.get(&hour).copied().unwrap_or(0)).collect()
    }

    /// Whether it has sent nothing for much longer than it usually does at this time of the week.
    ///
    /// It is silent when whole hours have passed without an event, and in each of the last four weeks (at least two of
    /// them on record) these same hours of the week had some. A source that is too new to compare is silent when it has
    /// sent nothing for six hours and three times as long as ever before.
    pub fn is_silent(&self) -> bool {
        let last = self.last.as_micros().div_euclid(HOUR_US);
        let (from, to) = (last + 1, self.now - 1);
        if from > to {
            return false;
        }
        let Some(first) = self.hours.keys().next().copied() else {
            // Nothing in all these weeks.
            return true;
        };
        let known = (1..=WEEKS).filter(|week| first <= from - week * WEEK);
        let had_some: Vec<bool> = known
            .map(|week| self.hours.range(from - week * WEEK..=to - week * WEEK).next().is_some())
            .collect();
        if had_some.len() >= 2 {
            return had_some.iter().all(|had| *had);
        }
        let gaps = self.hours.keys().zip(self.hours.keys().skip(1)).map(|(one, next)| next - one - 1);
        let silence = to - from + 1;
        silence >= SHORT_SILENCE && silence > LONGER * gaps.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any hour of any week.
    const NOW: i64 = 490_000;

    fn pulse(hours: impl IntoIterator<Item = i64>) -> Pulse {
        let hours: BTreeMap<i64, u64> = hours.into_iter().map(|hour| (hour, 5)).collect();
        let last = *hours.keys().last().unwrap();
        Pulse {
            name: "gateway".to_owned(),
            last: Timestamp::from_micros(last * HOUR_US + 7),
            hours,
            now: NOW,
        }
    }

    /// Every hour of the last weeks in which people work: the first nine of a day, on five of seven days.
    fn working_hours(until: i64) -> impl Iterator<Item = i64> {
        (NOW - 5 * WEEK..=until).filter(|hour| {
            let of_week = (hour - NOW).rem_euclid(WEEK);
            of_week / 24 < 5 && of_week % 24 < 9
        })
    }

    #[test]
    fn a_source_that_sends_is_not_silent() {
        assert!(!pulse(working_hours(NOW)).is_silent());
        assert!(!pulse(working_hours(NOW - 1)).is_silent(), "this hour has only begun");
    }

    #[test]
    fn nights_and_weekends_are_no_silence() {
        // Now is the first working hour of a week: two days and fifteen hours nobody was there.
        let quiet = pulse(working_hours(NOW - 1));
        assert!(NOW - quiet.last.as_micros() / HOUR_US > 60);
        assert!(!quiet.is_silent());
    }

    #[test]
    fn hours_without_events_that_always_had_some_are_silence() {
        let mut stopped = pulse(working_hours(NOW));
        stopped.now = NOW + 5;
        assert!(stopped.is_silent());
    }

    #[test]
    fn a_source_that_has_sent_nothing_for_weeks_is_silent() {
        let mut gone = pulse([NOW - 2_000]);
        gone.hours.clear();
        assert!(gone.is_silent());
    }

    #[test]
    fn a_new_source_is_compared_with_its_own_gaps() {
        assert!(!pulse([NOW - 40, NOW - 30, NOW - 6]).is_silent(), "five hours are not long");
        assert!(!pulse([NOW - 60, NOW - 40, NOW - 20]).is_silent(), "such a gap there was before");
        assert!(pulse([NOW - 26, NOW - 23, NOW - 20]).is_silent());
    }

    #[test]
    fn beats_are_counted_by_the_hour() {
        let pulse = pulse([NOW - 30, NOW - 2, NOW]);
        assert_eq!((pulse.events_of(1), pulse.events_of(24)), (5, 10));
        assert_eq!(pulse.beats(3), [5, 0, 5]);
    }
}

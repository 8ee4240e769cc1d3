//! How large an export is going to be, from a sample of what it will hold.

use audit_event::Timestamp;
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::question::{
    Answers as _, Bucket, Budget, Group, GroupKey, Key, List, Measure, Order, Page, RowRef, Value,
};
use jiff::tz::TimeZone;

use super::Wish;
use crate::problem::Result;
use crate::state::AppState;

/// Places in the result that are looked at, and events at each.
const PLACES: usize = 40;
const AT_EACH: usize = 10;
/// Hours with events that are told apart.
const MOST_HOURS: usize = 1_000_000;

/// About how many bytes the file will have.
///
/// The cost of an event is measured on some from all over the result, as the growth from half of them to all: what a
/// file needs once, above all Parquet, does not count again with every event.
///
/// # Errors
/// What asking for the sample comes to.
pub(crate) fn bytes_of(
    state: &AppState,
    wish: &Wish,
    total: u64,
    tree_size: u64,
    budget: &Budget,
) -> Result<u64> {
    let sample = sample(state, wish, tree_size, budget)?;
    bytes_by_sample(state, &wish.export(), &sample, total, budget)
}

/// Events from all over what the wish is about: about as many lie between one place and the next. What is newest and
/// oldest is often not like the rest.
///
/// # Errors
/// What asking for them comes to.
pub(crate) fn sample(state: &AppState, wish: &Wish, tree_size: u64, budget: &Budget) -> Result<Vec<RowRef>> {
    let index = state.index();
    let hours = hours(state, wish, tree_size, budget)?;
    if hours.iter().map(|(_, count)| count).sum::<u64>() <= (PLACES * AT_EACH) as u64 {
        let all = wish.first(PLACES * AT_EACH, Order::OldestFirst, tree_size);
        return Ok(index.list(&all, budget)?.rows);
    }
    let mut places = vec![wish.first(AT_EACH, Order::OldestFirst, tree_size)];
    for time in places_of(&hours) {
        let after = Some(RowRef { time, index: 0 });
        places.push(List { after, ..wish.first(AT_EACH, Order::OldestFirst, tree_size) });
    }
    let found = places.iter().map(|list| Ok::<_, crate::problem::Problem>(index.list(list, budget)?.rows));
    let found = found.collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<RowRef> = Vec::with_capacity(PLACES * AT_EACH);
    // Taken in turn, so that half of the sample has as many of each place.
    for at in 0..AT_EACH {
        for row in found.iter().filter_map(|rows| rows.get(at)) {
            if !rows.contains(row) {
                rows.push(*row);
            }
        }
    }
    Ok(rows)
}

/// The hours with events, and how many each has.
fn hours(state: &AppState, wish: &Wish, tree_size: u64, budget: &Budget) -> Result<Vec<(Timestamp, u64)>> {
    let all = wish.count(tree_size);
    let group = Group {
        filter: all.filter,
        range: all.range,
        keys: vec![GroupKey::Time { bucket: Bucket::Hour, tz: TimeZone::UTC }],
        measures: vec![Measure::Count],
        limit: MOST_HOURS,
        snapshot: all.snapshot,
    };
    let rows = state.index().group(&group, budget)?.rows.into_iter();
    let hour = |row: audit_query::question::TableRow| match (row.keys.first(), row.values.first()) {
        (Some(Key::Time(hour)), Some(Value::Whole(count))) => Some((*hour, *count)),
        _ => None,
    };
    Ok(rows.filter_map(hour).collect())
}

/// Times with about as many events between each two, as if events were evenly spread over an hour.
fn places_of(hours: &[(Timestamp, u64)]) -> Vec<Timestamp> {
    const HOUR: u64 = 3_600 * 1_000_000;
    let total: u64 = hours.iter().map(|(_, count)| count).sum();
    let mut hours = hours.iter();
    let (mut before, mut hour) = (0, hours.next());
    let mut places = Vec::with_capacity(PLACES);
    for place in 1..PLACES as u64 {
        // Below 2^64 up to 2^58 events.
        let rank = total * place / PLACES as u64;
        while let Some((_, count)) = hour
            && before + count <= rank
        {
            before += count;
            hour = hours.next();
        }
        let Some((begin, count)) = hour else { break };
        let into = (rank - before) * (HOUR / count.max(&1));
        places.push(Timestamp::from_micros(begin.as_micros().saturating_add_unsigned(into.min(HOUR))));
    }
    places.dedup();
    places
}

/// [`bytes_of`] with the sample given.
///
/// # Errors
/// As [`bytes_of`].
pub(crate) fn bytes_by_sample(
    state: &AppState,
    export: &Export,
    sample: &[RowRef],
    total: u64,
    budget: &Budget,
) -> Result<u64> {
    let all = rendered(state, export, sample, budget)?;
    let events = sample.len() as u64;
    if events >= total || events < 2 {
        return Ok(all);
    }
    let half = rendered(state, export, &sample[..sample.len() / 2], budget)?;
    let more = all.saturating_sub(half);
    let of_more = events - events / 2;
    Ok(all.saturating_add((total - events).saturating_mul(more) / of_more))
}

/// Bytes of a file of these events.
fn rendered(state: &AppState, export: &Export, rows: &[RowRef], budget: &Budget) -> Result<u64> {
    let snapshot = rows.iter().map(|row| row.index + 1).max().unwrap_or(0);
    let page = Page { rows: rows.to_vec(), next: None, total: None, snapshot };
    let origin = Origin { answers: &page, entries: state.ledger() };
    let start = Position { snapshot: Some(snapshot), ..Position::default() };
    let mut nowhere = std::io::sink();
    let end = export.run(origin, budget, start, &mut nowhere, &mut |_| {});
    end.map(|end| end.bytes).map_err(|error| state.unreadable().query_problem(error))
}

/// All formats, as the pages name them.
pub(crate) const FORMATS: [Format; 4] = [Format::Csv, Format::Json, Format::Ndjson, Format::Parquet];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_as_many_events_between_them() {
        let hour = |at: i64| Timestamp::from_micros(at * 3_600_000_000);
        let places = places_of(&[(hour(0), 100), (hour(1), 300), (hour(9), 0)]);
        assert_eq!(places.len(), PLACES - 1);
        assert_eq!(places.iter().filter(|place| **place < hour(1)).count(), PLACES / 4 - 1);
        assert_eq!(places[PLACES / 4 - 1], hour(1));
        assert!(places[PLACES - 2] < hour(2));
        assert!(places_of(&[]).is_empty());
    }
}

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn over(from: &str, to: &str, zone: &str, keys: &[&str]) -> Units {
    let span = TimeRange { from: time(from), to: time(to) };
    let keys = keys.iter().map(|key| time(key)).collect();
    Units::over(bucket_for(span), span, TimeRange::ALL, &TimeZone::get(zone).unwrap(), &keys)
}

fn begins(units: &Units) -> Vec<String> {
    units.spans.iter().map(|span| span.range.from.to_string().replace(".000000Z", "Z")).collect()
}

#[test]
fn bars_are_hours_days_weeks_or_months() {
    let of = |to: &str| over("2026-01-01T00:00:00Z", to, "UTC", &[]).bucket;
    assert_eq!(of("2026-01-03T00:00:00Z"), Bucket::Hour);
    assert_eq!(of("2026-02-01T00:00:00Z"), Bucket::Day);
    assert_eq!(of("2026-12-31T00:00:00Z"), Bucket::Week);
    assert_eq!(of("2036-12-31T00:00:00Z"), Bucket::Month);
}

#[test]
fn days_begin_at_local_midnight_also_when_the_clock_changes() {
    let days = over("2026-03-28T12:00:00Z", "2026-04-01T00:00:01Z", "Europe/Berlin", &[]);
    let midnights = [
        "2026-03-27T23:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
        "2026-03-30T22:00:00Z",
        "2026-03-31T22:00:00Z",
    ];
    assert_eq!(begins(&days), midnights);
}

#[test]
fn a_day_that_has_no_midnight_shifts_no_other() {
    let days = over("2025-04-23T22:00:00Z", "2025-04-27T21:00:00Z", "Africa/Cairo", &[]);
    let begun =
        ["2025-04-23T22:00:00Z", "2025-04-24T22:00:00Z", "2025-04-25T21:00:00Z", "2025-04-26T21:00:00Z"];
    assert_eq!(begins(&days), begun);
}

#[test]
fn weeks_begin_on_monday() {
    let weeks = over("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "UTC", &[]);
    assert_eq!(begins(&weeks)[0], "2025-12-29T00:00:00Z");
}

#[test]
fn of_too_many_the_latest_are_told_apart() {
    let units = over("1900-01-01T00:00:00Z", "2026-03-15T00:00:00Z", "UTC", &["1950-01-01T00:00:00Z"]);
    assert_eq!(units.spans.len(), MOST + 1);
    assert_eq!(units.spans[0].name, "Before December 1992");
    assert_eq!(units.spans[MOST].name, "March 2026");
    assert_eq!(units.place(time("1950-01-01T00:00:00Z")), Some(0));
    assert_eq!(units.place(time("2026-03-01T00:00:00Z")), Some(MOST));
}

#[test]
fn what_is_before_and_after_has_a_place_of_its_own() {
    let keys = ["1980-01-01T00:00:00Z", "2026-03-02T00:00:00Z", "2027-01-01T00:00:00Z"];
    let units = over("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z", "UTC", &keys);
    assert_eq!(keys.map(|key| units.place(time(key))), [Some(0), Some(2), Some(10)]);
    let (first, last) = (&units.spans[0], &units.spans[10]);
    assert_eq!((first.range.from, last.range.to), (Timestamp::MIN, Timestamp::MAX));
    assert_eq!((&*first.name, &*last.name), ("Before Sun 1 Mar 2026", "From Tue 10 Mar 2026 on"));
    assert_eq!(over("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z", "UTC", &[]).spans.len(), 9);
}

#[test]
fn spans_end_where_the_question_does() {
    let asked = TimeRange { from: time("2026-03-01T09:30:00Z"), to: time("2026-03-01T11:45:00Z") };
    let hours = Units::over(Bucket::Hour, asked, asked, &TimeZone::UTC, &HashSet::new());
    assert_eq!(hours.spans.len(), 3);
    assert_eq!((hours.spans[0].range.from, hours.spans[2].range.to), (asked.from, asked.to));
    assert_eq!(hours.spans[0].name, "Sun 1 Mar, 09:00", "an hour is called by its beginning");
}

#[test]
fn names_below_a_picture_tell_their_place_and_time() {
    let days = over("2026-03-01T00:00:00Z", "2026-03-22T00:00:00Z", "UTC", &[]);
    let ticks: Vec<_> = days.ticks().into_iter().map(|(at, tick)| (at, tick.text.as_str())).collect();
    assert_eq!(ticks, [(0, "1 Mar 2026"), (5, "6 Mar 2026"), (10, "11 Mar 2026"), (15, "16 Mar 2026")]);
    let (_, first) = days.ticks()[0];
    assert_eq!(first.time, Some(("2026-03-01T00:00:00.000000Z".to_owned(), "day")));
}

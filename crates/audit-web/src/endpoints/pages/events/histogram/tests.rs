use super::*;

fn edges_between(from: &str, to: &str, zone: &str) -> (Bucket, Vec<String>) {
    let time = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let span = TimeRange { from: time(from), to: time(to) };
    let bucket = bucket_for(span);
    let edges = edges(bucket, span, &TimeZone::get(zone).unwrap());
    (bucket, edges.iter().map(|edge| edge.timestamp().to_string()).collect())
}

#[test]
fn bars_are_hours_days_weeks_or_months() {
    let of = |to: &str| edges_between("2026-01-01T00:00:00Z", to, "UTC").0;
    assert_eq!(of("2026-01-03T00:00:00Z"), Bucket::Hour);
    assert_eq!(of("2026-02-01T00:00:00Z"), Bucket::Day);
    assert_eq!(of("2026-12-31T00:00:00Z"), Bucket::Week);
    assert_eq!(of("2036-12-31T00:00:00Z"), Bucket::Month);
}

#[test]
fn days_begin_at_local_midnight_also_when_the_clock_changes() {
    let (_, edges) = edges_between("2026-03-28T12:00:00Z", "2026-03-31T12:00:01Z", "Europe/Berlin");
    let midnights = [
        "2026-03-27T23:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
        "2026-03-30T22:00:00Z",
        "2026-03-31T22:00:00Z",
    ];
    assert_eq!(edges, midnights);
}

#[test]
fn weeks_begin_on_monday() {
    let (_, edges) = edges_between("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "UTC");
    assert_eq!(edges[0], "2025-12-29T00:00:00Z");
}

#[test]
fn bars_stand_on_each_other_and_the_tallest_fills_the_picture() {
    let counts = [[1, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 2]];
    assert_eq!(outline(0, &counts, 4), "M60.0 100.0v-25.0h380.0v25.0z");
    assert_eq!(outline(5, &counts, 4), "M60.0 75.0v-75.0h380.0v75.0zM560.0 100.0v-50.0h380.0v50.0z");
    assert_eq!(outline(1, &counts, 4), "");
}

use super::*;

const NOON: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

fn view(address: &str) -> View {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    View::of(&Reader::of_everything(), &address.parse().unwrap(), Some(&zone), NOON).unwrap()
}

fn range(address: &str) -> (String, String) {
    let range = view(address).question().unwrap().range;
    (short(range.from), short(range.to))
}

#[test]
fn presets_are_days_and_months_of_the_readers_zone() {
    assert_eq!(range("/audit?range=today").0, "2026-03-19T23:00:00Z");
    assert_eq!(range("/audit?range=24h").0, "2026-03-19T12:00:00Z");
    assert_eq!(range("/audit?range=this-month").0, "2026-02-28T23:00:00Z");
    let last = ("2026-01-31T23:00:00Z".to_owned(), "2026-02-28T23:00:00Z".to_owned());
    assert_eq!(range("/audit?range=last-month"), last);
    assert!(view("/audit?range=soon").question().is_err());
}

#[test]
fn every_preset_is_a_range() {
    for (name, _) in PRESETS {
        assert!(view("/audit").in_preset(name).question().is_ok(), "{name}");
    }
}

#[test]
fn what_a_form_left_blank_does_not_count() {
    assert_eq!(view("/audit?q=&user=%20&ip=").href(), "/audit");
    assert!(!view("/audit?q=").is_filtered());
}

#[test]
fn a_click_changes_one_thing_and_goes_to_the_top() {
    let view = view("/audit?q=rotor&outcome=failure&page_token=abc&at=2026-03-20T12:00:00Z");
    assert_eq!(view.in_preset("30d").href(), "/audit?q=rotor&outcome=failure&range=30d");
    assert_eq!(view.toggled("outcome", "denied").href(), "/audit?q=rotor&outcome=failure&outcome=denied");
    assert_eq!(view.toggled("outcome", "failure").href(), "/audit?q=rotor");
    assert_eq!(view.with("q", "pad").href(), "/audit?outcome=failure&q=pad");
    assert_eq!(view.without_filters().href(), "/audit");
}

#[test]
fn later_pages_of_a_preset_speak_of_the_same_time() {
    let first = view("/audit?range=24h");
    let older = first.older("t+/=");
    assert_eq!(older, "/audit?range=24h&at=2026-03-20T12%3A00%3A00.000000Z&page_token=t%2B%2F%3D");
    let later = Timestamp::from_micros(NOON.as_micros() + 5_000_000);
    let second = View::of(&Reader::of_everything(), &older.parse().unwrap(), None, later).unwrap();
    assert_eq!(second.question().unwrap().range, first.question().unwrap().range);
}

#[test]
fn exports_and_streams_take_the_same_conditions() {
    let view = view("/audit?range=24h&q=rotor&page_token=x");
    let question = view.question().unwrap();
    let range = "from=2026-03-19T12%3A00%3A00.000000Z&to=2026-03-20T12%3A00%3A00.000001Z&tz=Europe%2FBerlin";
    assert_eq!(view.of_api(&question), format!("/api/v1/auditlog?q=rotor&{range}"));
    assert_eq!(view.of_stream(), "/api/v1/auditlog/stream?q=rotor");
}

use std::collections::{HashMap, HashSet};

use audit_event::{Category, EncodeParams, Encoder, Entry, Outcome, taxonomy};

use super::calendar::{DAY, HOUR};
use super::*;

/// 2026-11-20, a Friday, at noon.
const END: i64 = 20_777 * DAY + 12 * HOUR;

fn small() -> Demo {
    Demo { events: 20_000, ..Demo::new(Timestamp::from_micros(END)) }
}

fn within(incident: &Incident, demo: Demo) -> Vec<Event<'static>> {
    demo.events().filter(|event| event.time.is_some_and(|t| incident.from <= t && t < incident.to)).collect()
}

#[test]
fn the_same_seed_gives_the_same_year_and_another_seed_another() {
    assert!(small().events().eq(small().events()));
    let other = Demo { seed: 2, ..small() };
    assert!(!small().events().eq(other.events()));
}

#[test]
fn the_year_ends_now_and_is_in_order() {
    let mut newest = Timestamp::from_micros(END - 366 * DAY);
    for event in small().events() {
        let time = event.time.expect("every event has a time");
        assert!(newest <= time, "{} is older than the one before", event.action);
        newest = time;
    }
    assert!(newest <= Timestamp::from_micros(END));
    assert!(newest >= Timestamp::from_micros(END - DAY), "something happened on the last day");
}

#[test]
fn it_has_about_as_many_events_as_asked_for() {
    for asked in [20_000, 200_000] {
        let made = Demo { events: asked, ..small() }.events().count() as f64;
        let ratio = made / asked as f64;
        assert!((0.93..1.07).contains(&ratio), "{made} events instead of {asked}");
    }
}

#[test]
fn every_event_is_complete() {
    let mut ids = HashSet::new();
    let mut categories = HashSet::new();
    for event in small().events() {
        let info = taxonomy::lookup(&event.action).unwrap_or_else(|| panic!("{} is unknown", event.action));
        categories.insert(info.category);
        assert!(event.message.is_some(), "{} has no message", event.action);
        assert_ne!(event.outcome, Outcome::Unknown, "{}", event.action);
        assert!(ids.insert(event.id.expect("every event has an id")), "an id stands twice");
    }
    assert_eq!(categories.len(), Category::ALL.len());
}

#[test]
fn every_event_can_be_recorded() {
    let params = EncodeParams { seed: [7; 16], recorded_at: Timestamp::from_micros(END), instance: None };
    let mut encoder = Encoder::new(params);
    for event in small().events() {
        let encoded = encoder.encode(&event).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        let mut json = Vec::new();
        Entry::decode(&encoded.bytes).expect("an entry").write_json(&mut json);
        let json = String::from_utf8(json).expect("JSON is UTF-8");
        assert!(!json.contains("\"marks\""), "nothing is cut, removed or out of time in {json}");
    }
}

#[test]
fn messages_are_distinct() {
    let (mut messages, mut total) = (HashSet::new(), 0);
    for event in small().events() {
        messages.insert(event.message.expect("every event has a message"));
        total += 1;
    }
    assert!(messages.len() * 10 > total * 9, "{} messages for {total} events", messages.len());
}

#[test]
fn people_work_on_working_days_and_in_the_daytime() {
    let mut by_weekday: HashMap<i64, usize> = HashMap::new();
    let (mut day, mut night) = (0, 0);
    for event in small().events().filter(|event| event.action == "chat.created") {
        let time = event.time.expect("every event has a time");
        *by_weekday.entry(Day::of(time).weekday()).or_default() += 1;
        match time.as_micros().rem_euclid(DAY) / HOUR {
            7..17 => day += 1,
            20..24 | 0..4 => night += 1,
            _ => {}
        }
    }
    assert!(by_weekday[&1] > 8 * by_weekday[&6], "{by_weekday:?}");
    assert!(day > 3 * night, "{day} by day, {night} by night");
}

#[test]
fn incidents_are_in_order_and_within_the_year() {
    let demo = small();
    let incidents = demo.incidents();
    assert_eq!(incidents.len(), 6);
    assert!(incidents.is_sorted_by_key(|incident| incident.from));
    for incident in incidents {
        assert!(incident.from < incident.to && incident.to <= demo.end, "{}", incident.title);
        assert!(!within(&incident, demo).is_empty(), "{}", incident.title);
    }
}

#[test]
fn each_incident_has_left_its_traces() {
    let demo = small();
    let check = |title: &str, action: &str, expected: std::ops::RangeInclusive<usize>| {
        let incident = demo.incidents().into_iter().find(|incident| incident.title == title).expect(title);
        let found = within(&incident, demo).iter().filter(|event| event.action == action).count();
        assert!(expected.contains(&found), "{title}: {found} {action}");
    };
    check("Password spraying", "auth.login_failed", 138..=150);
    check("Mass download before leaving", "file.downloaded", 214..=220);
    check("Leaked API key", "model.called", 380..=460);
    check("Accidental admin", "user.role_updated", 2..=2);
    check("Provider outage", "model.provider_request.failed", 350..=600);
    check("All chats deleted", "chat.deleted_all", 1..=1);
}

#[test]
fn somebody_who_left_does_nothing_any_more() {
    let demo = small();
    let download = demo.incidents().into_iter().find(|incident| incident.query.contains("file.downloaded"));
    let download = download.expect("there is a mass download");
    let email = download.query.rsplit(':').next().expect("the query names a user").to_owned();
    let much_later = Timestamp::from_micros(download.to.as_micros() + 4 * DAY);
    let by_leaver = |event: &Event<'_>| {
        let actor = event.actor.as_ref().and_then(|actor| actor.email.as_deref());
        actor == Some(email.as_str()) && event.outcome == Outcome::Success
    };
    assert!(demo.events().any(|event| by_leaver(&event)));
    assert!(!demo.events().any(|event| event.time > Some(much_later) && by_leaver(&event)));
}

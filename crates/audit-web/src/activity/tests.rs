use audit_event::Timestamp;

use super::windows::REMEMBERED;
use super::*;

const START: i64 = 1_800_000_000_000_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(START + minutes * 60_000_000)
}

fn deed(subject: &str) -> Deed {
    Deed { event: Event::new("audit.searched", Source::Internal), key: Some(subject.to_owned()) }
}

fn repeated(event: &Event<'_>) -> Option<f64> {
    match event.details.as_ref()?.get("repeated")? {
        Json::Number(count) => Some(*count),
        _ => None,
    }
}

#[test]
fn the_first_is_recorded_and_repetitions_are_counted() {
    let mut windows = Windows::default();
    assert_eq!(windows.admit(deed("a"), at(0)).len(), 1);
    for minute in 1..=5 {
        assert!(windows.admit(deed("a"), at(minute)).is_empty());
    }
    assert!(windows.close_before(at(9)).is_empty());

    let ended = windows.close_before(at(10));
    assert_eq!(ended.len(), 1);
    assert_eq!(repeated(&ended[0]), Some(5.0));
    assert_eq!(ended[0].time, Some(at(5)), "it happened when it last happened");
    assert!(windows.close_all().is_empty());
}

#[test]
fn what_was_not_repeated_leaves_no_second_event() {
    let mut windows = Windows::default();
    windows.admit(deed("a"), at(0));
    windows.admit(deed("b"), at(0));
    assert!(windows.close_before(at(10)).is_empty());
}

#[test]
fn after_its_window_a_deed_is_new_again() {
    let mut windows = Windows::default();
    windows.admit(deed("a"), at(0));
    windows.admit(deed("a"), at(1));
    let events = windows.admit(deed("a"), at(10));
    assert_eq!(events.iter().map(repeated).collect::<Vec<_>>(), [Some(1.0), None]);
}

#[test]
fn memory_is_bounded_and_nothing_is_forgotten() {
    let mut windows = Windows::default();
    let mut recorded = 0.0;
    for number in 0..3 * REMEMBERED {
        for _ in 0..2 {
            let events = windows.admit(deed(&number.to_string()), at(0));
            recorded += events.iter().map(|event| repeated(event).unwrap_or(1.0)).sum::<f64>();
        }
    }
    assert!(windows.open.len() <= REMEMBERED && windows.order.len() == windows.open.len());
    recorded += windows.close_all().iter().filter_map(repeated).sum::<f64>();
    assert_eq!(recorded, 6.0 * REMEMBERED as f64);
}

#[test]
fn an_event_without_a_key_is_never_a_repetition() {
    let mut windows = Windows::default();
    for _ in 0..3 {
        let each = Deed { key: None, ..deed("a") };
        assert_eq!(windows.admit(each, at(0)).len(), 1);
    }
}

#[test]
fn deeds_are_told_in_a_sentence_unless_they_bring_one() {
    let actor = audit_event::Actor { name: Some("collector".into()), ..audit_event::Actor::default() };
    let searched = Event { actor: Some(actor), ..Event::new("audit.searched", Source::Internal) };
    assert_eq!(worded(searched.clone()).message.as_deref(), Some("collector searched the audit log"));
    let own = Event { message: Some("as it was".into()), ..searched };
    assert_eq!(worded(own).message.as_deref(), Some("as it was"));
}

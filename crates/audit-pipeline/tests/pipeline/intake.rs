//! What the intake takes, refuses and says about it.

use std::sync::{Arc, mpsc};

use crate::store::Store;
use audit_event::{Event, Json, Outcome, Sender, Source};
use audit_pipeline::intake::{BadLine, Config, Error, Framing, Intake, OnError, Taken};

fn lines(store: &Store, body: &str, on_error: OnError) -> Result<Taken, Error> {
    store.intake.append(body.as_bytes(), Framing::Lines, on_error)
}

fn document(store: &Store, body: &str, on_error: OnError) -> Result<Taken, Error> {
    store.intake.append(body.as_bytes(), Framing::Document, on_error)
}

fn event(id: u64) -> String {
    format!(
        r#"{{"id":"e-{id}","action":"chat.deleted","outcome":"success","source":"api","actor":{{"id":"u-1"}}}}"#
    )
}

fn events(ids: std::ops::Range<u64>) -> String {
    ids.map(|id| event(id) + "\n").collect()
}

/// Line, id, field and code of what a rejected request is blamed for.
fn blame(result: Result<Taken, Error>) -> Vec<(u64, Option<String>, String, &'static str)> {
    let Err(Error::Invalid(bad)) = result else { panic!("{result:?} is not a rejection for bad lines") };
    bad.listed.into_iter().map(|BadLine { line, id, field, code, .. }| (line, id, field, code)).collect()
}

#[test]
fn lines_are_recorded_in_order() {
    let store = Store::new();
    let taken = lines(&store, &events(0..100), OnError::Reject).expect("good lines");
    assert_eq!(taken.ids.len(), 100);
    assert_eq!(taken.tree_size.get(), 100);
    assert!(
        (0..100).all(|at| taken.placements[at].index.get() == at as u64 && !taken.placements[at].duplicate)
    );
    assert_eq!(store.event(42)["id"], "e-42");
    assert_eq!(store.event(42)["category"], "conversation");
}

#[test]
fn blank_lines_and_other_line_ends_make_no_difference() {
    let store = Store::new();
    let body = format!("\u{FEFF}{}\r\n\r\n  {}\n\n\n{}", event(1), event(2), event(3));
    assert_eq!(lines(&store, &body, OnError::Reject).expect("good lines").ids.len(), 3);
}

#[test]
fn an_empty_request_records_nothing() {
    let store = Store::new();
    for body in ["", "\n\n"] {
        assert!(lines(&store, body, OnError::Reject).expect("nothing bad").ids.is_empty());
    }
    assert!(document(&store, "[]", OnError::Reject).expect("nothing bad").ids.is_empty());
    assert_eq!(store.size(), 0);
}

#[test]
fn an_array_or_one_object_is_taken_too() {
    let store = Store::new();
    let array = format!("[\n  {},\n  {}\n]", event(1), event(2));
    assert_eq!(Framing::sniff(array.as_bytes()), Framing::Document);
    assert_eq!(document(&store, &array, OnError::Reject).expect("good elements").ids.len(), 2);
    let pretty = event(3).replace(',', ",\n  ");
    assert_eq!(document(&store, &pretty, OnError::Reject).expect("a good object").ids[0].as_ref(), "e-3");
    assert_eq!(store.size(), 3);
}

#[test]
fn one_bad_line_rejects_the_request_and_every_bad_line_is_named() {
    let store = Store::new();
    let body = [
        event(1),
        r#"{"id":"e-2","action":"chat.deleted","source":"api","colour":"red"}"#.to_owned(),
        r#"{"id":"e-3","action":oops}"#.to_owned(),
        event(4),
        r#"{"id":"e-5","action":"no.such_action","source":"api"}"#.to_owned(),
        r#"{"id":"e-6","action":"chat.deleted","source":"api","actor":{"email":7}}"#.to_owned(),
    ]
    .join("\n");
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(
        blame(lines(&store, &body, OnError::Reject)),
        [
            (2, id("e-2"), "colour".to_owned(), "unknown_field"),
            (3, None, "action".to_owned(), "malformed_json"),
            (5, id("e-5"), "action".to_owned(), "unknown_action"),
            (6, id("e-6"), "actor.email".to_owned(), "wrong_type"),
        ]
    );
    assert_eq!(store.size(), 0);
}

#[test]
fn bad_lines_can_be_skipped() {
    let store = Store::new();
    let body = format!("{}\n{{}}\n{}\nnot json\n", event(1), event(2));
    let taken = lines(&store, &body, OnError::Skip).expect("skipping");
    assert_eq!(taken.ids.len(), 2);
    assert_eq!(taken.skipped.total, 2);
    assert_eq!(taken.skipped.listed.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(store.size(), 2);
}

#[test]
fn a_request_cut_short_is_rejected() {
    let store = Store::new();
    let body = events(1..4);
    let cut = &body[..body.len() - 20];
    assert_eq!(blame(lines(&store, cut, OnError::Reject)), [(3, None, String::new(), "malformed_json")]);
    let array = format!("[{},{}", event(1), event(2));
    assert_eq!(
        blame(document(&store, &array, OnError::Reject)),
        [(3, None, String::new(), "malformed_json")]
    );
    assert_eq!(store.size(), 0);
}

#[test]
fn what_is_not_utf_8_is_rejected() {
    let store = Store::new();
    let mut body = event(1).into_bytes();
    let at = body.iter().position(|byte| *byte == b'u').expect("a letter");
    body[at] = 0xFF;
    let check = |framing, body: &[u8]| {
        assert_eq!(blame(store.intake.append(body, framing, OnError::Reject))[0].3, "invalid_utf8");
    };
    check(Framing::Lines, &body);
    check(Framing::Document, &[b"[".as_slice(), &body, b"]"].concat());
}

#[test]
fn the_report_is_bounded_but_counts_all() {
    let store = Store::with(Config { max_listed: 3, ..Config::default() }, |_| {});
    let Err(Error::Invalid(bad)) = lines(&store, &"{}\n".repeat(50), OnError::Reject) else {
        panic!("empty objects are no events")
    };
    assert_eq!((bad.total, bad.listed.len()), (50, 3));
    assert!(bad.to_string().starts_with("50 lines are bad; the first is line 1: "), "{bad}");
}

#[test]
fn a_repeated_id_gives_the_first_index() {
    let store = Store::new();
    lines(&store, &events(0..10), OnError::Reject).expect("good lines");
    let again = lines(&store, &events(5..15), OnError::Reject).expect("good lines");
    assert_eq!(again.duplicates(), 5);
    assert_eq!(again.placements[0].index.get(), 5);
    assert_eq!(store.size(), 15);
    let twice =
        lines(&store, &format!("{}\n{}\n", event(99), event(99)), OnError::Reject).expect("good lines");
    assert_eq!(twice.duplicates(), 1);
    assert_eq!(twice.placements[0].index, twice.placements[1].index);
}

#[test]
fn ids_are_filled_in_and_told() {
    let store = Store::new();
    let body = r#"{"action":"chat.deleted","source":"api"}"#;
    let taken = lines(&store, &format!("{body}\n{body}\n"), OnError::Reject).expect("good lines");
    assert_ne!(taken.ids[0], taken.ids[1]);
    assert_eq!(store.event(1)["id"], taken.ids[1].as_ref());
}

#[test]
fn a_request_beyond_the_limit_is_refused_whole() {
    let store = Store::with(Config { max_request_bytes: 1_000, ..Config::default() }, |_| {});
    let result = lines(&store, &events(0..100), OnError::Reject);
    assert!(matches!(result, Err(Error::TooLarge { limit_bytes: 1_000 })));
    assert_eq!(store.size(), 0);
}

#[test]
fn submitting_does_not_wait() {
    let store = Store::new();
    let (tell, told) = mpsc::channel();
    let done = move |result| tell.send(result).expect("the test listens");
    store.intake.submit(events(0..10).as_bytes(), Framing::Lines, OnError::Reject, done).expect("good lines");
    assert_eq!(told.recv().expect("told once").expect("recorded").ids.len(), 10);
    let rejected =
        store.intake.submit(b"{}", Framing::Lines, OnError::Reject, |_| panic!("must not be called"));
    assert!(matches!(rejected, Err(Error::Invalid(_))));
}

#[test]
fn our_own_events_go_the_same_way() {
    let store = Store::new();
    let mut event = Event::new("ledger.started", Source::Api);
    event.outcome = Outcome::Success;
    let index = store.intake.record_internal(event).expect("recorded");
    assert_eq!(store.event(index.get())["source"], "internal");
    assert_eq!(store.event(index.get())["outcome"], "success");
}

#[test]
fn a_bad_event_of_a_source_is_named_by_position_and_id() {
    let store = Store::new();
    let good = Event::new("chat.deleted", Source::Webhook);
    let bad = Event { id: Some("hook-7".into()), ..Event::new("no.such_action", Source::Webhook) };
    let result = store.intake.append_events([good, bad], OnError::Reject);
    assert_eq!(blame(result), [(2, Some("hook-7".to_owned()), "action".to_owned(), "unknown_action")]);
    assert_eq!(store.size(), 0);
}

#[test]
fn events_without_an_instance_get_the_configured_one() {
    let config = Config { instance: Some(Arc::from("chat.example")), ..Config::default() };
    let store = Store::with(config, |_| {});
    lines(&store, &event(1), OnError::Reject).expect("a good line");
    assert_eq!(store.event(0)["instance"], "chat.example");
}

#[test]
fn a_full_disk_is_told_as_such() {
    let store = Store::new();
    lines(&store, &events(0..10), OnError::Reject).expect("there is room");
    store.disk.set_capacity(store.disk.used_bytes());
    assert!(matches!(lines(&store, &events(10..20), OnError::Reject), Err(Error::DiskFull { .. })));
    assert_eq!(store.event(3)["id"], "e-3", "reads go on");
    store.disk.set_capacity(u64::MAX);
    lines(&store, &events(10..20), OnError::Reject).expect("there is room again");
}

#[test]
fn a_closed_ledger_is_told_as_such() {
    let store = Store::new();
    store.ledger.close().expect("nothing is in the way");
    assert!(matches!(lines(&store, &event(1), OnError::Reject), Err(Error::Closed)));
}

mod upload {
    use super::*;

    fn upload(
        intake: &Intake,
        body: &[u8],
        piece: usize,
        on_error: OnError,
    ) -> Result<audit_pipeline::intake::Fed, Error> {
        let mut upload = intake.upload(on_error);
        body.chunks(piece).try_for_each(|piece| upload.feed(piece))?;
        upload.finish()
    }

    #[test]
    fn pieces_of_any_size_give_the_same_events() {
        for piece in [1, 7, 1_000, 1 << 20] {
            let store = Store::new();
            let fed =
                upload(&store.intake, events(0..200).as_bytes(), piece, OnError::Reject).expect("good lines");
            assert_eq!((fed.taken, fed.duplicates, fed.tree_size.get()), (200, 0, 200));
            assert_eq!(store.event(199)["id"], "e-199");
        }
    }

    #[test]
    fn a_long_upload_is_appended_while_it_comes() {
        let store = Store::new();
        let body = events(0..60_000);
        let mut upload = store.intake.upload(OnError::Skip);
        for piece in body.as_bytes().chunks(100_000) {
            upload.feed(piece).expect("good lines");
        }
        assert!(store.size() > 0, "recorded before the end");
        let fed = upload.finish().expect("good lines");
        assert_eq!(fed.taken, 60_000);
        assert_eq!(
            (fed.first.map(|first| first.get()), fed.last.map(|last| last.get())),
            (Some(0), Some(59_999))
        );
        assert_eq!(store.event(59_999)["id"], "e-59999");
    }

    #[test]
    fn lines_are_counted_through_all_pieces() {
        let store = Store::new();
        let body = events(0..30_000) + "{}\n" + &events(30_000..30_100);
        let fed = upload(&store.intake, body.as_bytes(), 100_000, OnError::Skip).expect("skipping");
        assert_eq!(fed.taken, 30_100);
        assert_eq!(fed.skipped.listed[0].line, 30_001);
    }

    #[test]
    fn rejecting_is_all_or_nothing() {
        let store = Store::new();
        let body = events(0..30_000) + "{}\n";
        let result = upload(&store.intake, body.as_bytes(), 100_000, OnError::Reject);
        assert!(matches!(result, Err(Error::Invalid(bad)) if bad.listed[0].line == 30_001));
        assert_eq!(store.size(), 0);
    }

    #[test]
    fn a_rejecting_upload_is_limited() {
        let store = Store::with(Config { max_request_bytes: 10_000, ..Config::default() }, |_| {});
        let result = upload(&store.intake, events(0..1_000).as_bytes(), 500, OnError::Reject);
        assert!(matches!(result, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn repeating_an_upload_that_broke_off_adds_only_the_rest() {
        let store = Store::new();
        let body = events(0..40_000);
        let mut broken = store.intake.upload(OnError::Skip);
        for piece in body.as_bytes()[..3_000_000].chunks(100_000) {
            broken.feed(piece).expect("good lines");
        }
        drop(broken);
        let fed = upload(&store.intake, body.as_bytes(), 100_000, OnError::Skip).expect("good lines");
        assert_eq!(fed.taken, 40_000);
        assert!(fed.duplicates > 0);
        assert_eq!(store.size(), 40_000);
    }

    #[test]
    fn a_busy_ledger_is_waited_for() {
        let store = Store::with(Config::default(), |ledger| ledger.queue_bytes = 200_000);
        let fed =
            upload(&store.intake, events(0..60_000).as_bytes(), 100_000, OnError::Skip).expect("good lines");
        assert_eq!((fed.taken, store.size()), (60_000, 60_000));
    }
}

mod demo {
    use std::ops::ControlFlow;

    use audit_pipeline::demo::Demo;

    use super::*;

    const YEAR: Demo = Demo { end: crate::store::NOW, seed: 1, events: 10_000 };

    #[test]
    fn a_year_is_recorded_once_and_in_order() {
        let store = Store::new();
        let fed = YEAR.fill(&store.intake, &mut |_| ControlFlow::Continue(())).expect("recorded");
        assert_eq!(fed.taken, YEAR.events().count() as u64);
        assert_eq!(store.size(), fed.taken);
        let newest = store.event(fed.taken - 1);
        assert_eq!(
            newest["id"],
            YEAR.events().last().expect("there are events").id.expect("with ids").as_ref()
        );
        let again = YEAR.fill(&store.intake, &mut |_| ControlFlow::Continue(())).expect("recorded");
        assert_eq!(again.duplicates, again.taken);
        assert_eq!(store.size(), fed.taken);
    }

    #[test]
    fn recording_a_year_can_be_stopped() {
        let store = Store::new();
        let fed = YEAR.fill(&store.intake, &mut |_| ControlFlow::Break(())).expect("recorded");
        assert_eq!(fed.taken, 1_000);
    }
}

#[test]
fn an_id_that_somebody_took_loses_no_event_of_the_gateway() {
    let store = Store::new();
    let of_gateway = |id: &str, outcome| Event {
        id: Some(id.to_owned().into()),
        outcome,
        details: Some(Json::object([("kept", Json::from(true))])),
        ..Event::new("user.role_updated", Source::Gateway)
    };
    let stranger = store.intake.of_sender(Sender::new("tok_0123456789ab"));
    let squatted = r#"{"id":"x","action":"chat.read"}"#;
    stranger.append(squatted.as_bytes(), Framing::Lines, OnError::Reject).expect("a good line");
    let seen = [of_gateway("w", Outcome::Success), of_gateway("x", Outcome::Success)];
    store.intake.append_surely(&seen, OnError::Skip).expect("the ledger takes it");
    let (own, again, clash) = (store.event(1), store.event(2), store.event(3));
    assert_eq!((own["id"].as_str(), own["details"]["claimed_id"].as_str()), (Some("w"), None));
    assert_eq!(again["details"], serde_json::json!({ "claimed_id": "x", "kept": true }));
    assert_eq!((again["source"].as_str(), again.get("sender")), (Some("gateway"), None));
    assert_eq!(
        (clash["action"].as_str(), &clash["targets"][0]["id"]),
        (Some("source.id_taken"), &again["id"])
    );
    assert_eq!(clash["details"]["indices"], serde_json::json!([0]));
    // What the source itself told under the id is the same event, told in other words.
    let size = store.ledger.size();
    let taken = store.intake.append_surely(&[of_gateway("w", Outcome::Unknown)], OnError::Skip);
    assert_eq!(taken.expect("the ledger takes it").differing().collect::<Vec<_>>(), ["w"]);
    assert_eq!(store.ledger.size(), size);
}

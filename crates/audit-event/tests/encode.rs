//! Events in, entries out, through the public API.

use audit_event::{
    Actor, ActorType, Category, Change, DecodeError, EncodeParams, Encoder, Entry, Event, Fields, Group,
    GroupSet, Json, Outcome, Sender, Source, Timestamp, erase, leaf_data, limits,
};
use serde_json::{Value, json};

fn params() -> EncodeParams {
    let recorded_at = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
    EncodeParams { seed: [7; 16], recorded_at, instance: None }
}

fn encoder() -> Encoder {
    Encoder::new(params())
}

const SAMPLE: &str = r#"{"id":"5e803c033ba0445b76a0b9b6de262506","time":"2025-11-01T00:01:21.402078Z","category":"file","action":"file.uploaded","outcome":"success","actor":{"type":"user","id":"6a0a5f6f-d963-425d-ab79-7eec8bd89b93","name":"Emma Haddad","email":"emma.haddad.2202@partsco.example"},"session_id":"b9b6de262506","target":{"type":"file","id":"1040b880-6bd5-4297-a0d4-7b43b1111e1a","name":"radiator-1286"},"message":"Emma Haddad file.uploaded document radiator-catalog-1286.pdf","details":{"part":"radiator"},"org":{"role":"user","department":"IT"},"client":{"ip":"10.4.210.54","user_agent":"Mozilla/5.0"},"source":"api","instance":"bench","latency_ms":774,"http":{"method":"POST","path":"/api/v1/files/1040b880-6bd5-4297-a0d4-7b43b1111e1a","status":200,"request_id":"3da1d8888f0d4297"}}"#;

#[test]
fn an_event_survives_its_entry() {
    let encoded = encoder().encode_json(SAMPLE.as_bytes()).expect("valid");
    assert_eq!(&*encoded.id, "5e803c033ba0445b76a0b9b6de262506");
    let entry = Entry::decode(&encoded.bytes).expect("an entry");
    assert_eq!(entry.check_canonical(), Ok(()));
    assert_eq!(leaf_data(&encoded.bytes), Ok(encoded.leaf.clone()));
    let mut json = Vec::new();
    entry.write_json(&mut json);
    let event = Event::parse(&json).expect("an event");
    let mut original = Event::parse(SAMPLE.as_bytes()).expect("an event");
    original.severity = Some(audit_event::Severity::Info);
    assert_eq!(event, original);
    let fields = Fields::decode(&entry).expect("fields");
    assert_eq!(fields.category, Category::File);
    assert_eq!(fields.http_status, Some(200));
    assert_eq!(fields.latency_ms, Some(774.0));
    assert_eq!(fields.details, Some(r#"{"part":"radiator"}"#));
}

#[test]
fn erasing_keeps_the_leaf() {
    let encoded = encoder().encode_json(SAMPLE.as_bytes()).expect("valid");
    let salted = erase::to_salted(&encoded.bytes).expect("an entry");
    assert_eq!(leaf_data(&salted), Ok(encoded.leaf.clone()));
    let groups: GroupSet = [Group::Actor, Group::Org, Group::Client].into_iter().collect();
    let erased = erase::erase(&salted, groups).expect("an entry");
    assert_eq!(leaf_data(&erased), Ok(encoded.leaf));
    let fields = Fields::decode(&Entry::decode(&erased).expect("an entry"))
        .map(|f| (f.erased, f.actor_id))
        .expect("f");
    assert_eq!(fields, (groups, None));
}

fn recorded(line: &str) -> Value {
    let encoded = encoder().encode_json(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
    json_of(&encoded.bytes)
}

fn json_of(entry: &[u8]) -> Value {
    let entry = Entry::decode(entry).expect("an entry");
    assert_eq!(entry.check_canonical(), Ok(()));
    let mut json = Vec::new();
    entry.write_json(&mut json);
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn what_is_left_out_is_filled_in() {
    let event = recorded(r#"{"action":"auth.login_failed"}"#);
    let id = event["id"].as_str().expect("an id").to_owned();
    let expected = json!({
        "action": "auth.login_failed", "category": "authentication", "id": id, "outcome": "unknown",
        "recorded_at": "2026-03-01T12:00:00.000000Z", "severity": "low", "source": "api",
        "time": "2026-03-01T12:00:00.000000Z",
    });
    assert_eq!(event, expected);
}

#[test]
fn the_instance_is_the_encoders_unless_the_event_names_one() {
    let mut params = params();
    params.instance = Some("main".into());
    let mut encoder = Encoder::new(params);
    let mut instance =
        |line: &str| json_of(&encoder.encode_json(line.as_bytes()).expect("valid").bytes)["instance"].clone();
    assert_eq!(instance(r#"{"action":"auth.login"}"#), "main");
    assert_eq!(instance(r#"{"action":"auth.login","instance":"other"}"#), "other");
}

#[test]
fn ids_are_uuids_of_the_time_of_recording_and_never_the_same() {
    let mut encoder = encoder();
    let mut id = || encoder.encode(&Event::new("auth.login", Source::Internal)).expect("valid").id;
    let (first, second) = (id(), id());
    assert_ne!(first, second);
    encoder.begin(params());
    assert_eq!(encoder.encode(&Event::new("auth.login", Source::Internal)).expect("valid").id, first);
    let millis = u64::from_str_radix(&first.replace('-', "")[..12], 16).expect("hex");
    assert_eq!(millis, 1_772_366_400_000);
    assert_eq!(first.len(), 36);
    assert_eq!(&first[14..15], "7");
    assert!("89ab".contains(&first[19..20]));
}

#[test]
fn an_unknown_action_needs_a_category() {
    let error = encoder().encode_json(br#"{"action":"forklift.moved"}"#).expect_err("no category");
    assert_eq!((error.code(), &*error.field), ("unknown_action", "action"));
    assert_eq!(
        error.to_string(),
        "field `action` \"forklift.moved\" is not in the taxonomy: send a `category` along"
    );
    assert_eq!(recorded(r#"{"action":"forklift.moved","category":"system"}"#)["severity"], "info");
}

#[test]
fn an_impossible_time_is_recorded_and_marked() {
    let marks =
        |time: &str| recorded(&format!(r#"{{"action":"auth.login","time":"{time}"}}"#))["marks"].clone();
    assert_eq!(marks("2026-03-01T12:10:00Z"), Value::Null);
    assert_eq!(marks("2026-03-01T12:10:00.000001Z"), json!(["time_future"]));
    assert_eq!(marks("2016-03-01T00:00:00Z"), Value::Null);
    assert_eq!(marks("2016-02-28T00:00:00Z"), json!(["time_past"]));
    assert_eq!(marks("9999-12-31T23:59:59Z"), json!(["time_future"]));
    assert_eq!(marks("1969-12-31T23:59:59Z"), json!(["time_past"]));
    let first = recorded(r#"{"action":"auth.login","time":"0001-01-01T00:00:00Z"}"#);
    assert_eq!(
        (&first["time"], &first["marks"]),
        (&json!("0001-01-01T00:00:00.000000Z"), &json!(["time_past"]))
    );
}

#[test]
fn the_time_of_recording_is_ours_and_marks_stay() {
    let event = recorded(
        r#"{"action":"auth.login","time":"2026-01-01T00:00:00Z","recorded_at":"2026-01-01T00:00:01Z","marks":["time_future","details_truncated"]}"#,
    );
    assert_eq!(event["recorded_at"], "2026-03-01T12:00:00.000000Z");
    assert_eq!(event["marks"], json!(["details_truncated", "time_future"]));
}

#[test]
fn who_hands_an_event_in_is_ours_to_say_and_not_its_authors() {
    let line = br#"{"action":"auth.login","sender":"somebody"}"#;
    let bytes = encoder().encode_json(line).expect("valid").bytes;
    assert_eq!(json_of(&bytes)["sender"], Value::Null);
    let bytes = encoder().of_sender(Some(Sender::new("tok_1"))).encode_json(line).expect("valid").bytes;
    assert_eq!(json_of(&bytes)["sender"], "tok_1");
    let entry = Entry::decode(&bytes).expect("an entry");
    entry.check_canonical().expect("canonical");
    assert_eq!(Fields::decode(&entry).expect("fields").sender.as_deref(), Some("tok_1"));
    // A source of our own that takes events from elsewhere says from whom, and the intake may know better.
    let told = Event { sender: Some("webhook:main".into()), ..Event::new("auth.login", Source::Webhook) };
    let bytes = encoder().encode(&told).expect("valid").bytes;
    assert_eq!(json_of(&bytes)["sender"], "webhook:main");
    let bytes = encoder().of_sender(Some(Sender::new("import"))).encode(&told).expect("valid").bytes;
    assert_eq!(json_of(&bytes)["sender"], "import");
}

#[test]
fn a_sender_says_nothing_that_only_we_see() {
    let says = |sender: &Sender, action: &str, source: Source| {
        let line = json!({ "action": action, "source": source, "category": "system" }).to_string();
        let encoded = encoder().of_sender(Some(sender.clone())).encode_json(line.as_bytes());
        encoded.map(drop).map_err(|error| (error.code(), error.field))
    };
    let (some, every) = (Sender::new("tok_1"), Sender::who_may_say_all("tok_2"));
    for source in Source::ALL {
        let is_ours = matches!(source, Source::Gateway | Source::ModelGateway | Source::Internal);
        assert_eq!(says(&some, "auth.login", *source).is_err(), is_ours, "{source}");
        assert_eq!(says(&every, "audit.exported", *source), Ok(()), "{source}");
    }
    for action in
        ["audit.x", "ledger.stopped", "source.x", "gateway.x", "config.changed", "system.capture_lowered"]
    {
        assert_eq!(says(&some, action, Source::Api), Err(("invalid_value", "action".into())), "{action}");
    }
    for action in ["auditorium.booked", "config.updated", "system.startup.started", "sources.read"] {
        assert_eq!(says(&some, action, Source::Api), Ok(()), "{action}");
    }
}

#[test]
fn details_are_cut_to_what_an_event_may_hold() {
    let long = "häh ".repeat(20_000);
    let event = json!({
        "action": "file.read",
        "details": { "a": 1, "b": ["x", long, "y"], "c": { "d": true } },
        "message": "kept",
    });
    let encoded = encoder().encode_json(event.to_string().as_bytes()).expect("valid");
    let recorded = json_of(&encoded.bytes);
    assert_eq!(recorded["marks"], json!(["details_truncated"]));
    assert_eq!(recorded["message"], "kept");
    assert_eq!(recorded["details"]["a"], 1);
    assert_eq!(recorded["details"]["b"][0], "x");
    let cut = recorded["details"]["b"][1].as_str().expect("text");
    assert!(cut.ends_with('…') && long.starts_with(cut.trim_end_matches('…')));
    assert_eq!(recorded["details"].get("c"), None);
    let len = recorded.to_string().len();
    assert!((65_000..=limits::EVENT_BYTES).contains(&len), "{len}");
}

#[test]
fn an_event_too_long_without_its_details_is_refused() {
    let target = json!({ "type": "chat", "id": "x".repeat(100) });
    let event = json!({ "action": "chat.deleted_all", "targets": vec![target; 600], "details": { "a": 1 } });
    let error = encoder().encode_json(event.to_string().as_bytes()).expect_err("too long");
    assert_eq!(error.code(), "too_long");
    assert_eq!(error.to_string(), "the event is longer than 65536 bytes without its details: shorten it");
}

#[test]
fn secrets_are_removed_wherever_they_stand() {
    let event = recorded(
        r#"{"action":"config.updated","reason":"token=abcdefgh12345","message":"Bearer abcdefgh12345678",
            "actor":{"name":"sk-0123456789abcdef0123"},"org":{"groups":["pw: password=hunter2"]},
            "client":{"user_agent":"x/1 (https://ada:hunter2@example.test)","forwarded_for":["apikey=0123456789"]},
            "target":{"id":"?token=0123456789"},"targets":[{"name":"AKIAIOSFODNN7EXAMPLE"}],
            "http":{"path":"/cb?code=0123456789abcdef&page=2"},
            "changes":[{"field":"smtp.password","before":"hunter2","after":{"hash":"hunter2"}},
                       {"field":"theme","before":"dark","after":"light"}],
            "details":{"headers":{"Authorization":"abc","Accept":"*/*"},"pan":4111111111111111,"tokens":12}}"#,
    );
    assert_eq!(event["marks"], json!(["secret_removed"]));
    assert_eq!(event["reason"], "token=[removed]");
    assert_eq!(event["message"], "Bearer [removed]");
    assert_eq!(event["actor"]["name"], "[removed]");
    assert_eq!(event["org"]["groups"][0], "pw: password=[removed]");
    assert_eq!(event["client"]["user_agent"], "x/1 (https://ada:[removed]@example.test)");
    assert_eq!(event["client"]["forwarded_for"][0], "apikey=[removed]");
    assert_eq!(event["target"]["id"], "?token=[removed]");
    assert_eq!(event["targets"][0]["name"], "[removed]");
    assert_eq!(event["http"]["path"], "/cb?code=[removed]&page=2");
    assert_eq!(
        event["changes"][0],
        json!({ "field": "smtp.password", "before": "[removed]", "after": "[removed]" })
    );
    assert_eq!(event["changes"][1], json!({ "field": "theme", "before": "dark", "after": "light" }));
    let details = json!({ "headers": { "Authorization": "[removed]", "Accept": "*/*" }, "pan": "[removed]", "tokens": 12 });
    assert_eq!(event["details"], details);
}

#[test]
fn secrets_as_names_stay_distinct() {
    let (a, b) = ("a".repeat(20) + "1", "b".repeat(20) + "2");
    let event =
        recorded(&format!(r#"{{"action":"a.b","category":"file","details":{{"sk-{a}":1,"sk-{b}":2}}}}"#));
    assert_eq!(event["details"], json!({ "[removed]": 1, "[removed] 1": 2 }));
}

#[test]
fn addresses_have_one_form() {
    let ip = |text: &str| {
        recorded(&format!(r#"{{"action":"auth.login","client":{{"ip":"{text}"}}}}"#))["client"]["ip"].clone()
    };
    assert_eq!(ip("203.0.113.77"), "203.0.113.77");
    assert_eq!(ip("::ffff:203.0.113.77"), "203.0.113.77");
    assert_eq!(ip("2001:DB8:0:0:0:FF00:42:8329"), "2001:db8::ff00:42:8329");
}

#[test]
fn values_that_json_does_not_have_are_refused() {
    let refused = |details: Json<'static>| {
        let mut event = Event::new("auth.login", Source::Internal);
        event.details = Some(details);
        let error = encoder().encode(&event).expect_err("refused");
        (error.code(), error.field)
    };
    assert_eq!(refused(Json::from("text")), ("wrong_type", "details".to_owned()));
    let nan = Json::Object(vec![("x".into(), Json::Array(vec![Json::Null, Json::Number(f64::NAN)]))]);
    assert_eq!(refused(nan), ("number_range", "details.x[1]".to_owned()));
    let twice =
        Json::Object(vec![("x".into(), Json::Null), ("y".into(), Json::Null), ("x".into(), Json::Null)]);
    assert_eq!(refused(twice), ("duplicate_field", "details.x".to_owned()));
}

#[test]
fn an_event_is_pleasant_to_build() {
    let mut event = Event::new("user.role_updated", Source::Webhook);
    event.outcome = Outcome::Success;
    event.actor = Some(Actor { kind: Some(ActorType::User), name: Some("Ada".into()), ..Actor::default() });
    event.changes = vec![Change {
        field: "role".into(),
        before: Some("user".into()),
        after: Some(String::from("admin").into()),
    }];
    event.details = Some(Json::object([
        ("version", Json::from("0.12.4")),
        ("count", Json::from(3u64)),
        ("gone", Json::Null),
    ]));
    let event = json_of(&encoder().encode(&event).expect("valid").bytes);
    assert_eq!(event["changes"], json!([{ "field": "role", "before": "user", "after": "admin" }]));
    assert_eq!(event["details"], json!({ "version": "0.12.4", "count": 3, "gone": null }));
    assert_eq!(event["category"], "administration");
}

/// A seeded entry with this core and, in the actor's place, these bytes.
fn entry_with(actor: &str) -> Vec<u8> {
    let core = r#"{"action":"a.b","category":"file","id":"1","outcome":"success","recorded_at":"2026-03-01T12:00:00.000000Z","severity":"info","source":"api","time":"2026-03-01T12:00:00.000000Z"}"#;
    [&[1, 1], &[7; 16][..], core.as_bytes(), b"\x1e", actor.as_bytes(), b"\x1e\x1e\x1e\x1e\x1e\x1e"].concat()
}

#[test]
fn only_the_canonical_form_is_canonical() {
    let check = |actor: &str| Entry::decode(&entry_with(actor)).expect("an entry").check_canonical().is_ok();
    assert!(check(r#"{"actor":{"email":"a","id":"b"},"session_id":"c"}"#));
    for other in [
        r#"{"actor":{"id":"b","email":"a"},"session_id":"c"}"#,
        r#"{"session_id":"c","actor":{"email":"a","id":"b"}}"#,
        r#"{"actor": {"id":"b"}}"#,
        r#"{"actor":{"id":"\u0062"}}"#,
        r#"{"actor":{"id":"a\/b"}}"#,
        r#"{"actor":{"id":"b","id":"b"}}"#,
        r#"{"actor":{"uid":"b"}}"#,
        r#"{"actor":{}}"#,
        r#"{"actor":null}"#,
        r#"{"org":{"role":"admin"}}"#,
        r#"{"actor":{"id":"b"},"latency_ms":1}"#,
        r#"{"actor":{"id":"b"}} }"#,
    ] {
        assert!(!check(other), "{other}");
    }
}

#[test]
fn other_bytes_are_not_entries() {
    let refused = |bytes: &[u8]| Entry::decode(bytes).expect_err("refused");
    let good = entry_with(r#"{"session_id":"c"}"#);
    assert!(Entry::decode(&good).is_ok());
    assert_eq!(refused(&[]), DecodeError::Length);
    assert_eq!(refused(&[1]), DecodeError::Length);
    assert_eq!(refused(&[2, 1]), DecodeError::UnknownVersion(2));
    assert_eq!(refused(&[1, 9]), DecodeError::UnknownForm(9));
    for len in 2..good.len() {
        assert!(Entry::decode(&good[..len]).is_err(), "{len}");
    }
    assert_eq!(refused(&[&good[..], b"x"].concat()), DecodeError::Length);
    assert_eq!(refused(&[&[1, 1], &[0; 16][..], &[0x1e; 7]].concat()), DecodeError::NoCore);
    assert!(matches!(refused(&entry_with("[]")), DecodeError::NotCanonical { group: Group::Actor, .. }));
    let pruned = erase::erase(&good, [Group::Actor].into_iter().collect()).expect("an entry");
    for len in 2..pruned.len() {
        assert!(Entry::decode(&pruned[..len]).is_err(), "{len}");
    }
    assert_eq!(erase::erase(&good, GroupSet::ALL), Err(DecodeError::NoCore));
}

//! What holds for every event.

use audit_event::disclosure::Disclosure;
use audit_event::{
    ActorType, Capture, Category, EncodeParams, Encoded, Encoder, Entry, Event, Fields, Group, GroupSet,
    Opening, OpeningError, Outcome, Severity, Source, Timestamp, erase, leaf_data,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn canonical_form_round_trips(event in event()) {
        let encoded = encode(&event);
        let entry = Entry::decode(&encoded.bytes).expect("an entry");
        prop_assert_eq!(entry.check_canonical(), Ok(()));
        let again = encode(&json_of(&encoded.bytes));
        prop_assert_eq!(again.bytes, encoded.bytes);
    }

    #[test]
    fn the_entry_holds_the_event(event in event()) {
        let mut recorded = json_of(&encode(&event).bytes);
        let members = recorded.as_object_mut().expect("an object");
        for filled_in in ["recorded_at", "marks"] {
            members.remove(filled_in);
        }
        prop_assert_eq!(recorded, with_defaults(event));
    }

    #[test]
    fn building_an_event_is_the_same_as_sending_it(event in event()) {
        let line = event.to_string();
        let parsed = Event::parse(line.as_bytes()).expect("valid");
        prop_assert_eq!(encoder().encode(&parsed), encoder().encode_json(line.as_bytes()));
    }

    #[test]
    fn fields_say_what_json_says(event in event()) {
        let encoded = encode(&event);
        let fields = Fields::decode(&Entry::decode(&encoded.bytes).expect("an entry")).expect("fields");
        prop_assert_eq!(fields_as_json(&fields), json_of(&encoded.bytes));
    }

    #[test]
    fn any_changed_bit_changes_the_leaf(event in event(), place in any::<prop::sample::Index>(), bit in 0..8u8) {
        const BEHIND_SEED: usize = 18;
        let encoded = encode(&event);
        let mut altered = encoded.bytes.clone();
        let place = BEHIND_SEED + place.index(altered.len() - BEHIND_SEED);
        altered[place] ^= 1 << bit;
        prop_assert_ne!(leaf_data(&altered).ok(), Some(encoded.leaf));
    }

    #[test]
    fn any_changed_bit_of_the_seed_changes_the_leaf(event in event(), place in 2..18usize, bit in 0..8u8) {
        let encoded = encode(&event);
        let mut altered = encoded.bytes.clone();
        altered[place] ^= 1 << bit;
        prop_assert_ne!(leaf_data(&altered), Ok(encoded.leaf));
    }

    #[test]
    fn a_line_and_its_opening_give_the_leaf(event in event(), shown in groups(), erased in groups()) {
        let encoded = encode(&event);
        for entry in [encoded.bytes.clone(), erase::erase(&encoded.bytes, erased).expect("an entry")] {
            let entry = Entry::decode(&entry).expect("an entry");
            for shown in [GroupSet::ALL, shown.union([Group::Core].into_iter().collect())] {
                let line = Disclosure::new(&entry, shown).event_json();
                let opening = Opening::new(&entry, shown);
                prop_assert_eq!(opening.leaf_data(line.as_bytes()), Ok(encoded.leaf.clone()), "{}", opening);
                prop_assert_eq!(opening.to_string().parse(), Ok(opening));
            }
        }
    }

    #[test]
    fn any_changed_bit_of_a_line_changes_the_leaf(event in event(), place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let encoded = encode(&event);
        let entry = Entry::decode(&encoded.bytes).expect("an entry");
        let mut line = Disclosure::new(&entry, GroupSet::ALL).event_json().into_bytes();
        let place = place.index(line.len());
        line[place] ^= 1 << bit;
        prop_assert_ne!(Opening::new(&entry, GroupSet::ALL).leaf_data(&line).ok(), Some(encoded.leaf));
    }

    #[test]
    fn erasing_and_salting_keep_the_leaf(event in event(), first in groups(), second in groups()) {
        let encoded = encode(&event);
        let salted = erase::to_salted(&encoded.bytes).expect("an entry");
        prop_assert_eq!(json_of(&salted), json_of(&encoded.bytes));
        prop_assert_eq!(erase::shared_seed(&salted), None);
        let once = erase::erase(&salted, first).expect("an entry");
        let twice = erase::erase(&once, second).expect("an entry");
        for entry in [&salted, &once, &twice] {
            prop_assert_eq!(leaf_data(entry), Ok(encoded.leaf.clone()));
        }
        prop_assert_eq!(erase::erase(&encoded.bytes, first), Ok(once));
        let decoded = Entry::decode(&twice).expect("an entry");
        for group in first.union(second).iter() {
            prop_assert_eq!(decoded.bytes(group), None);
        }
        prop_assert!(Fields::decode(&decoded).is_ok());
    }

    #[test]
    fn disclosures_commit_to_the_same_leaf(event in event(), shown in groups(), erased in groups()) {
        let encoded = encode(&event);
        let pruned = erase::erase(&encoded.bytes, erased).expect("an entry");
        for bytes in [&encoded.bytes, &pruned] {
            let disclosure = Disclosure::new(&Entry::decode(bytes).expect("an entry"), shown);
            prop_assert_eq!(disclosure.leaf_data(), encoded.leaf.clone());
            let read = Disclosure::from_json(&disclosure.to_json()).expect("a disclosure");
            prop_assert_eq!(&read, &disclosure);
            for group in Group::ALL.iter().filter(|group| !shown.contains(**group)) {
                prop_assert_eq!(read.text(*group), None);
            }
        }
    }

    #[test]
    fn garbage_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(entry) = Entry::decode(&bytes) {
            let _ = (entry.check_canonical().is_ok(), Fields::decode(&entry).is_ok(), entry.leaf_data());
        }
        let _ = Event::parse(&bytes).is_ok();
    }

    #[test]
    fn damaged_entries_are_refused_without_panic(
        event in event(), place in any::<prop::sample::Index>(), byte in any::<u8>(), groups in groups()
    ) {
        for mut bytes in [encode(&event).bytes, erase::erase(&encode(&event).bytes, groups).expect("an entry")] {
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(entry) = Entry::decode(&bytes) {
                let _ = (entry.check_canonical().is_ok(), Fields::decode(&entry).is_ok(), entry.leaf_data());
                entry.write_json(&mut Vec::new());
            }
        }
    }
}

fn encoder() -> Encoder {
    let recorded_at = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
    Encoder::new(EncodeParams { seed: [7; 16], recorded_at, instance: None })
}

fn encode(event: &Value) -> Encoded {
    encoder().encode_json(event.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {event}"))
}

fn json_of(entry: &[u8]) -> Value {
    let mut json = Vec::new();
    Entry::decode(entry).expect("an entry").write_json(&mut json);
    serde_json::from_slice(&json).expect("JSON")
}

/// The event with what the encoder adds and without what it leaves out.
fn with_defaults(mut event: Value) -> Value {
    let severity = match event["action"].as_str().and_then(audit_event::taxonomy::lookup) {
        Some(info) => info.severity,
        None => Severity::Info,
    };
    event["severity"] = event.get("severity").cloned().unwrap_or_else(|| json!(severity));
    let members = event.as_object_mut().expect("an object");
    members.retain(|_, value| !matches!(value, Value::Object(members) if members.is_empty()));
    members.retain(|_, value| !matches!(value, Value::Array(items) if items.is_empty()));
    for part in members.values_mut().filter_map(Value::as_object_mut) {
        part.retain(|key, value| key != "groups" && key != "forwarded_for" || value != &json!([]));
    }
    members.retain(|_, value| !matches!(value, Value::Object(members) if members.is_empty()));
    event
}

/// What [`Fields`] holds, in the form of the event.
fn fields_as_json(fields: &Fields<'_>) -> Value {
    let raw = |text: Option<&str>| text.map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    let list = |items: &Vec<std::borrow::Cow<'_, str>>| (!items.is_empty()).then(|| json!(items));
    let target = |kind: &Option<_>, id: &Option<_>, name: &Option<std::borrow::Cow<'_, str>>| {
        object([("type", value(kind)), ("id", value(id)), ("name", value(name))])
    };
    let targets: Vec<Value> =
        fields.targets.iter().map(|t| target(&t.kind, &t.id, &t.name).unwrap_or_else(|| json!({}))).collect();
    let marks: Vec<&str> = fields.marks.iter().map(|mark| mark.as_str()).collect();
    let event = object([
        ("id", Some(json!(fields.id))),
        ("time", Some(json!(fields.time))),
        ("recorded_at", Some(json!(fields.recorded_at))),
        ("category", Some(json!(fields.category))),
        ("action", Some(json!(fields.action))),
        ("outcome", Some(json!(fields.outcome))),
        ("reason", value(&fields.reason)),
        ("severity", Some(json!(fields.severity))),
        ("source", Some(json!(fields.source))),
        ("sender", value(&fields.sender)),
        ("instance", value(&fields.instance)),
        ("capture", value(&fields.capture)),
        ("marks", (!marks.is_empty()).then(|| json!(marks))),
        (
            "actor",
            object([
                ("type", value(&fields.actor_type)),
                ("id", value(&fields.actor_id)),
                ("name", value(&fields.actor_name)),
                ("email", value(&fields.actor_email)),
            ]),
        ),
        ("session_id", value(&fields.session_id)),
        (
            "org",
            object([
                ("role", value(&fields.role)),
                ("department", value(&fields.department)),
                ("groups", list(&fields.groups)),
            ]),
        ),
        (
            "client",
            object([
                ("ip", value(&fields.ip)),
                ("peer_ip", value(&fields.peer_ip)),
                ("forwarded_for", list(&fields.forwarded_for)),
                ("user_agent", value(&fields.user_agent)),
            ]),
        ),
        ("target", target(&fields.target_type, &fields.target_id, &fields.target_name)),
        ("targets", (!targets.is_empty()).then(|| json!(targets))),
        ("model", object([("id", value(&fields.model)), ("provider", value(&fields.provider))])),
        (
            "usage",
            object([
                ("input_tokens", value(&fields.input_tokens)),
                ("output_tokens", value(&fields.output_tokens)),
                ("cached_tokens", value(&fields.cached_tokens)),
                ("reasoning_tokens", value(&fields.reasoning_tokens)),
                ("cost_usd", fields.cost_usd.map(number)),
            ]),
        ),
        ("latency_ms", fields.latency_ms.map(number)),
        ("message", value(&fields.message)),
        ("changes", raw(fields.changes)),
        (
            "http",
            object([
                ("method", value(&fields.http_method)),
                ("path", value(&fields.http_path)),
                ("status", value(&fields.http_status)),
                ("request_id", value(&fields.request_id)),
            ]),
        ),
        ("details", raw(fields.details)),
    ]);
    event.expect("members")
}

fn value<T: serde::Serialize>(value: &Option<T>) -> Option<Value> {
    value.as_ref().map(|value| json!(value))
}

/// As canonical JSON writes it: whole numbers without a fraction.
fn number(number: f64) -> Value {
    serde_json::from_str(ryu_js::Buffer::new().format_finite(number)).expect("a number")
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Option<Value> {
    let members: Map<String, Value> =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

/// Sets of groups that may be erased.
#[test]
fn lines_that_no_export_holds_are_refused() {
    let encoded = encode(&json!({"action": "auth.login", "outcome": "success", "message": "a \" b"}));
    let entry = Entry::decode(&encoded.bytes).expect("an entry");
    let opening = Opening::new(&entry, GroupSet::ALL);
    let line = Disclosure::new(&entry, GroupSet::ALL).event_json();
    let content_first = format!("{{\"message\":\"a\",{}", &line[1..]);
    for wrong in
        ["", "{", "}", "{,}", "[]", "{\"x\":1}", "null", &line[1..], &line[..line.len() - 1], &content_first]
    {
        assert_eq!(opening.leaf_data(wrong.as_bytes()), Err(OpeningError::Line), "{wrong:?}");
    }
    let withheld = Opening::new(&entry, [Group::Core].into_iter().collect());
    assert_eq!(withheld.leaf_data(line.as_bytes()), Err(OpeningError::Group(Group::Content)));
    // Whoever holds a line and its opening can hide groups of it, but not its core, and none that the event never had.
    let shown = Opening::new(&entry, [Group::Content].into_iter().collect()).to_string();
    let (core, others) = shown.split_once(',').expect("seven parts");
    let bare: Opening = format!("={},{others}", "00".repeat(32)).parse().expect("an opening");
    assert_ne!(core, "-");
    assert_eq!(bare.leaf_data(b"{\"message\":\"a \\\" b\"}"), Err(OpeningError::Core));
    let absent = Disclosure::new(&entry, GroupSet::ALL).to_json();
    assert!(absent.contains("\"usage\":{\"absent\":true}"));
    let phantom = withheld.to_string().replacen(",-", &format!(",={}", digest_of_absent("actor")), 1);
    assert_eq!(phantom.parse::<Opening>(), Err(OpeningError::Opening));
    let doubled = line.replacen(
        "{\"action\":\"auth.login\"",
        "{\"action\":\"auth.login\",\"action\":\"auth.login\"",
        1,
    );
    assert_ne!(doubled, line);
    assert_eq!(opening.leaf_data(doubled.as_bytes()), Err(OpeningError::Form(Group::Core)));
    for wrong in ["", "*", "*00", "-,-,-,-,-,-", "-,-,-,-,-,-,-,-", "-,-,-,-,-,-,=00", "x,-,-,-,-,-,-"] {
        assert_eq!(wrong.parse::<Opening>(), Err(OpeningError::Opening), "{wrong:?}");
    }
}

/// What FORMAT.md says of a group that is absent.
fn digest_of_absent(group: &str) -> String {
    use sha2::Digest as _;
    let mut label = format!("secureai-audit/v1/group/{group}").into_bytes();
    label.resize(64, 0);
    sha2::Sha256::digest([&label[..], b"absent"].concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn groups() -> impl Strategy<Value = GroupSet> {
    prop::collection::vec(select(&Group::ALL[1..]), 0..4).prop_map(|groups| groups.into_iter().collect())
}

/// Strings that need escapes, strings that do not, other scripts; none that looks like a secret.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,24}",
        "[a-z\"\\\\/\u{0}-\u{1f}äß中😀\u{fb33}\u{2028}\u{7f}]{0,12}",
        Just(String::new()),
        Just("brake-rotor-1286.pdf".to_owned()),
    ]
}

/// Numbers that `serde_json` reads exactly; its reader rounds some others the wrong way.
fn decimal() -> impl Strategy<Value = f64> {
    (any::<i32>(), 0..9).prop_map(|(digits, places)| f64::from(digits) / 10f64.powi(places))
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        (-1_000_000_000i64..1_000_000_000).prop_map(|n| json!(n)),
        decimal().prop_map(number),
        Just(json!(0.1)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn optional_object(
    members: impl Strategy<Value = Vec<(&'static str, Option<Value>)>>,
) -> impl Strategy<Value = Option<Value>> {
    of(members.prop_map(|members| {
        Value::Object(
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        )
    }))
}

fn opt_text() -> impl Strategy<Value = Option<Value>> {
    of(text().prop_map(Value::from))
}

fn opt_name(names: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    of(select(names).prop_map(Value::from))
}

fn opt_count() -> impl Strategy<Value = Option<Value>> {
    of((0..(1u64 << 53)).prop_map(Value::from))
}

fn opt_amount() -> impl Strategy<Value = Option<Value>> {
    of(decimal().prop_map(|decimal| number(decimal.abs())))
}

fn opt_ip() -> impl Strategy<Value = Option<Value>> {
    let ip = prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(std::net::IpAddr::from),
        any::<std::net::Ipv6Addr>().prop_map(std::net::IpAddr::from),
    ];
    of(ip.prop_map(|ip| json!(ip.to_canonical())))
}

fn opt_texts() -> impl Strategy<Value = Option<Value>> {
    of(prop::collection::vec(text(), 0..4).prop_map(Value::from))
}

macro_rules! members {
    ($($name:literal: $value:expr),+ $(,)?) => {{
        let names = [$($name),+];
        ($($value),+).prop_map(move |values| {
            names.into_iter().zip(members!(@list values, $($name),+)).collect::<Vec<_>>()
        })
    }};
    (@list $values:ident, $a:literal, $b:literal) => { [$values.0, $values.1] };
    (@list $values:ident, $a:literal, $b:literal, $c:literal) => { [$values.0, $values.1, $values.2] };
    (@list $values:ident, $a:literal, $b:literal, $c:literal, $d:literal) => {
        [$values.0, $values.1, $values.2, $values.3]
    };
    (@list $values:ident, $a:literal, $b:literal, $c:literal, $d:literal, $e:literal) => {
        [$values.0, $values.1, $values.2, $values.3, $values.4]
    };
    (@list $values:ident, $a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal) => {
        [$values.0, $values.1, $values.2, $values.3, $values.4, $values.5]
    };
}

fn target() -> impl Strategy<Value = Vec<(&'static str, Option<Value>)>> {
    members! { "type": opt_text(), "id": opt_text(), "name": opt_text() }
}

fn change() -> impl Strategy<Value = Vec<(&'static str, Option<Value>)>> {
    let field = "[a-z]{1,12}".prop_map(|field| Some(Value::from(field)));
    let side = || of(any_json().prop_filter("null is absent", |value| !value.is_null()));
    members! { "field": field, "before": side(), "after": side() }
}

fn list_of(
    members: impl Strategy<Value = Vec<(&'static str, Option<Value>)>>,
) -> impl Strategy<Value = Option<Value>> {
    let items = prop::collection::vec(
        optional_object(members).prop_map(|item| item.unwrap_or_else(|| json!({}))),
        0..3,
    );
    of(items.prop_map(Value::from))
}

fn core() -> impl Strategy<Value = Vec<(&'static str, Option<Value>)>> {
    let id = "[!-~]{1,64}".prop_map(|id| Some(Value::from(id)));
    let action = prop_oneof![Just("auth.login"), Just("chat.deleted"), Just("own.thing")];
    let all_time = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
    let time = prop_oneof![3 => 0i64..=4_000_000_000_000_000, 1 => all_time];
    let time = time.prop_map(|micros| Some(json!(Timestamp::from_micros(micros))));
    let first = members! {
        "id": id, "time": time, "action": action.prop_map(|action| Some(Value::from(action))),
        "category": select(Category::NAMES).prop_map(|name| Some(Value::from(name))),
        "outcome": select(Outcome::NAMES).prop_map(|name| Some(Value::from(name))),
        "source": select(Source::NAMES).prop_map(|name| Some(Value::from(name))),
    };
    let second = members! {
        "reason": opt_text(), "severity": opt_name(Severity::NAMES), "instance": opt_text(),
        "capture": opt_name(Capture::NAMES),
    };
    (first, second).prop_map(|(first, second)| [first, second].concat())
}

fn event() -> impl Strategy<Value = Value> {
    let who = members! {
        "actor": optional_object(members! {
            "type": opt_name(ActorType::NAMES), "id": opt_text(), "name": opt_text(), "email": opt_text(),
        }),
        "session_id": opt_text(),
        "org": optional_object(members! { "role": opt_text(), "department": opt_text(), "groups": opt_texts() }),
        "client": optional_object(members! {
            "ip": opt_ip(), "peer_ip": opt_ip(), "forwarded_for": opt_texts(), "user_agent": opt_text(),
        }),
        "target": optional_object(target()),
        "targets": list_of(target()),
    };
    let what = members! {
        "model": optional_object(members! { "id": opt_text(), "provider": opt_text() }),
        "usage": optional_object(members! {
            "input_tokens": opt_count(), "output_tokens": opt_count(), "cached_tokens": opt_count(),
            "reasoning_tokens": opt_count(), "cost_usd": opt_amount(),
        }),
        "latency_ms": opt_amount(),
    };
    let content = members! {
        "message": opt_text(),
        "changes": list_of(change()).prop_map(|changes| changes.map(only_with_field)),
        "http": optional_object(members! {
            "method": opt_text(), "path": opt_text(), "request_id": opt_text(),
            "status": of((100..=599u16).prop_map(Value::from)),
        }),
        "details": of(prop::collection::btree_map("[a-z]{1,6}", any_json(), 0..5).prop_map(|members| json!(members))),
    };
    (core(), who, what, content).prop_map(|(core, who, what, content)| {
        let members = [core, who, what, content].concat();
        Value::Object(
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        )
    })
}

fn only_with_field(changes: Value) -> Value {
    let Value::Array(items) = changes else { return changes };
    items.into_iter().filter(|change| change.get("field").is_some()).collect()
}

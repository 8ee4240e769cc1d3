//! What is accepted, what is refused, and with which words.

use crate::event::Event;
use crate::json::Json;

/// The error's code, field and sentence.
fn refused(json: impl AsRef<[u8]>) -> (&'static str, String, String) {
    let error = Event::parse(json.as_ref()).expect_err("must be refused");
    (error.code(), error.field.clone(), error.to_string())
}

/// Checks code and field of the error for an event with this member.
fn check(member: &str, code: &str, field: &str) {
    let (found_code, found_field, sentence) = refused(format!(r#"{{"action":"auth.login",{member}}}"#));
    assert_eq!((found_code, &*found_field), (code, field), "{sentence}");
}

fn details(json: &str) -> Json<'static> {
    let line = format!(r#"{{"action":"a.b","details":{{"x":{json}}}}}"#);
    let event = Event::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
    match event.details.and_then(|details| details.get("x").cloned()) {
        Some(Json::String(text)) => Json::from(text.into_owned()),
        Some(Json::Number(number)) => Json::Number(number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_fields_are_refused_by_their_dotted_name() {
    check(r#""acter":{}"#, "unknown_field", "acter");
    check(r#""actor":{"mail":"x"}"#, "unknown_field", "actor.mail");
    check(r#""targets":[{},{"typ":"chat"}]"#, "unknown_field", "targets[1].typ");
    check(r#""usage":{"tokens":1}"#, "unknown_field", "usage.tokens");
}

#[test]
fn wrong_types_are_refused() {
    check(r#""actor":"ada""#, "wrong_type", "actor");
    check(r#""actor":{"email":7}"#, "wrong_type", "actor.email");
    check(r#""http":{"status":"200"}"#, "wrong_type", "http.status");
    check(r#""details":[]"#, "wrong_type", "details");
    check(r#""org":{"groups":["a",1]}"#, "wrong_type", "org.groups[1]");
    check(r#""latency_ms":true"#, "wrong_type", "latency_ms");
    assert_eq!(refused(r#"{"action":null}"#).0, "wrong_type");
}

#[test]
fn values_outside_their_range_are_refused() {
    check(r#""category":"billing""#, "unknown_category", "category");
    check(r#""severity":"urgent""#, "invalid_value", "severity");
    check(r#""time":"yesterday""#, "invalid_value", "time");
    check(r#""time":"2026-02-30T00:00:00Z""#, "invalid_value", "time");
    check(r#""client":{"ip":"10.0.0.256"}"#, "invalid_value", "client.ip");
    check(r#""client":{"ip":"10.0.0.1:80"}"#, "invalid_value", "client.ip");
    check(r#""http":{"status":42}"#, "invalid_value", "http.status");
    check(r#""usage":{"input_tokens":-1}"#, "invalid_value", "usage.input_tokens");
    check(r#""usage":{"input_tokens":1.5}"#, "invalid_value", "usage.input_tokens");
    check(r#""latency_ms":-0.5"#, "invalid_value", "latency_ms");
    check(r#""id":"""#, "invalid_value", "id");
    check(r#""id":"two words""#, "invalid_value", "id");
    check(r#""id":"ümlaut""#, "invalid_value", "id");
}

#[test]
fn over_long_strings_and_lists_are_refused() {
    check(&format!(r#""id":"{}""#, "x".repeat(65)), "too_long", "id");
    check(&format!(r#""actor":{{"name":"{}"}}"#, "x".repeat(513)), "too_long", "actor.name");
    check(&format!(r#""message":"{}""#, "x".repeat(8193)), "too_long", "message");
    check(&format!(r#""org":{{"groups":[{}"g"]}}"#, r#""g","#.repeat(256)), "too_long", "org.groups[256]");
    check(
        &format!(r#""details":{{"x":{}1{}}}"#, "[".repeat(32), "]".repeat(32)),
        "too_long",
        &format!("details.x{}", "[0]".repeat(31)),
    );
}

#[test]
fn doubled_fields_are_refused_at_every_level() {
    check(r#""id":"a","id":"b""#, "duplicate_field", "id");
    check(r#""reason":null,"reason":"x""#, "duplicate_field", "reason");
    check(r#""actor":{"id":"a","id":"b"}"#, "duplicate_field", "actor.id");
    check(r#""details":{"a":{"x":1,"y":2,"\u0078":3}}"#, "duplicate_field", "details.a.x");
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    for json in [
        "",
        " ",
        "{",
        "}",
        "nonsense",
        "{\"action\"}",
        "{\"action\":}",
        "{\"action\":\"a\"",
        "{\"action\":\"a\",}",
        "{\"action\":\"a\"} x",
        "{\"action\":\"a\" \"id\":\"b\"}",
        "{'action':'a'}",
        "{\"action\":\"a\",\"details\":{\"x\":01}}",
        "{\"action\":\"a\",\"details\":{\"x\":1.}}",
        "{\"action\":\"a\",\"details\":{\"x\":.5}}",
        "{\"action\":\"a\",\"details\":{\"x\":1e}}",
        "{\"action\":\"a\",\"details\":{\"x\":+1}}",
        "{\"action\":\"a\",\"details\":{\"x\":NaN}}",
        "{\"action\":\"a\",\"details\":{\"x\":[1,]}}",
        "{\"action\":\"a\n\"}",
        "{\"action\":\"\\x\"}",
        "{\"action\":\"\\u12\"}",
        "{\"action\":\"\\ud800\"}",
        "{\"action\":\"\\ud800\\u0041\"}",
        "{\"action\":\"\\udc00\"}",
        "{\"action\":\"abc",
        "{\"action\":\"abc\\",
        "{\"action\":\"auth.login\",\"details\":{\"x\":tru}}",
    ] {
        assert_eq!(refused(json).0, "malformed_json", "{json}");
    }
    assert_eq!(refused("[]").0, "wrong_type");
    let (_, field, sentence) = refused(r#"{"action":"a","actor":{"id":"a",}}"#);
    assert_eq!(field, "actor");
    assert_eq!(sentence, "field `actor` is not valid JSON: a key in quotes should follow (byte 32)");
}

#[test]
fn invalid_utf8_is_refused_with_its_place() {
    let (code, _, sentence) = refused(b"{\"action\":\"a\xff\"}");
    assert_eq!(code, "invalid_utf8");
    assert_eq!(sentence, "the event is not UTF-8 at byte 12: send it encoded as UTF-8");
}

#[test]
fn errors_say_what_to_do() {
    let sentences = [
        (r#"{}"#, "field `action` is missing: say what happened, such as `auth.login`"),
        (r#"{"action":"a.b","changes":[{}]}"#, "field `changes[0].field` is missing: say what changed"),
        (
            r#"{"action":"a.b","actor":{"mail":1}}"#,
            "field `actor.mail` is unknown: use one of type, id, name, email, or `details`",
        ),
        (r#"{"action":"a.b","actor":{"email":1}}"#, "field `actor.email` must be a string, not a number"),
        (
            r#"{"action":"a.b","details":{"order":12345678901234567890}}"#,
            "field `details.order` has the number 12345678901234567890, which JSON numbers cannot hold exactly: send it as a \
             string",
        ),
    ];
    for (json, sentence) in sentences {
        assert_eq!(refused(json).2, sentence);
    }
}

#[test]
fn numbers_are_doubles_and_integers_stay_exact() {
    for (literal, number) in [
        ("0", 0.0),
        ("-0", 0.0),
        ("1", 1.0),
        ("-12.5e-1", -1.25),
        ("1E3", 1000.0),
        ("9007199254740991", 9_007_199_254_740_991.0),
        ("100000000000000000000", 1e20),
    ] {
        assert_eq!(details(literal), Json::Number(number), "{literal}");
    }
    for literal in ["9007199254740993", "-9007199254740993", "1e400", "123456789012345678901234567890"] {
        check(&format!(r#""details":{{"x":{literal}}}"#), "number_range", "details.x");
    }
}

#[test]
fn strings_are_unescaped() {
    assert_eq!(
        details(r#""a\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00é😀""#),
        Json::from("a\"\\/\u{8}\u{c}\n\r\tAé😀é😀")
    );
    assert_eq!(details(r#""\u0000""#), Json::from("\0"));
}

#[test]
fn null_is_the_same_as_absent() {
    let with_nulls = br#"{"action":"a.b","id":null,"time":null,"actor":null,"targets":null,"details":null,"usage":{"cost_usd":null},"outcome":null,"source":null}"#;
    let event = Event::parse(with_nulls).expect("an event");
    let mut expected = Event::new("a.b", crate::Source::Api);
    expected.usage = Some(crate::Usage::default());
    assert_eq!(event, expected);
}

#[test]
fn white_space_is_allowed_where_json_allows_it() {
    let event =
        Event::parse(b" {\t\"action\" :\n\"a.b\" , \"org\" : { \"groups\" : [ \"x\" , \"y\" ] } }\r\n")
            .expect("an event");
    assert_eq!(event.org.map(|org| org.groups.len()), Some(2));
}

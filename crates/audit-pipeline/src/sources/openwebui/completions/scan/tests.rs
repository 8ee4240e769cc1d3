use super::*;

/// Looks for `a`, `a.b`, `a.list[]`; writes down what it hears.
#[derive(Default)]
struct Notes(Vec<String>);

const A: Place = 1;
const B: Place = 2;
const LIST: Place = 3;
const ITEM: Place = 4;

impl Finder for Notes {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT, "a") => A,
            (A, "b") => B,
            (A, "list") => LIST,
            _ => NOWHERE,
        }
    }

    fn item(&self, of: Place) -> Place {
        if of == LIST { ITEM } else { NOWHERE }
    }

    fn found(&mut self, at: Place, value: Value<'_>, span: Span) {
        let value = match value {
            Value::Object => "{".to_owned(),
            Value::Array => "[".to_owned(),
            Value::End { is_empty: true } => "empty".to_owned(),
            Value::End { is_empty: false } => "end".to_owned(),
            Value::Text { text, is_cut } => format!("{text:?}{}", if is_cut { " cut" } else { "" }),
            Value::Literal(raw) => String::from_utf8_lossy(raw).into_owned(),
        };
        self.0.push(format!("{at} {value} {}..{}", span.start, span.end));
    }
}

fn notes(pieces: &[&[u8]]) -> (Vec<String>, Scanner) {
    let (mut scanner, mut notes) = (Scanner::default(), Notes::default());
    for piece in pieces {
        scanner.feed(piece, &mut notes);
    }
    scanner.end(&mut notes);
    (notes.0, scanner)
}

#[track_caller]
fn check(json: &str, expected: &[&str]) {
    assert_eq!(notes(&[json.as_bytes()]).0, expected, "{json}");
}

#[test]
fn known_places_are_heard_and_others_passed_over() {
    check(
        r#"{"x":{"a":{"b":1}},"a":{"c":[{"b":2}],"b":"yes","list":[3,"four",{}]},"b":5}"#,
        &[
            "0 { 0..1",
            "1 { 23..24",
            "2 \"yes\" 42..47",
            "3 [ 55..56",
            "4 3 56..57",
            "4 \"four\" 58..64",
            "4 { 65..66",
            "4 empty 66..67",
            "3 end 67..68",
            "1 end 68..69",
            "0 end 75..76",
        ],
    );
}

#[test]
fn keys_and_texts_are_unescaped() {
    check(
        r#"{"\u0061":"\"}\u00fc\ud83d\ude00\\"}"#,
        &["0 { 0..1", "1 \"\\\"}ü😀\\\\\" 10..35", "0 end 35..36"],
    );
    for (raw, text) in [
        (r"a\ud800b", "a\u{fffd}b"),
        (r"\ud800\u0041\udc00", "\u{fffd}A\u{fffd}"),
        (r"\ud83d\ude00", "😀"),
        (r"a\ud83d\ude", "a"),
        (r"a\ud83d\\", "a\u{fffd}\\"),
        (r"a\ud83d", "a"),
        (r"a\u00", "a"),
        ("a\\", "a"),
        (r"\b\f\n\r\t\/", "\u{8}\u{c}\n\r\t/"),
    ] {
        assert_eq!(unescaped(raw.as_bytes()), text, "{raw}");
    }
}

#[test]
fn a_quote_behind_an_escaped_backslash_ends_the_string() {
    check(r#"{"x":"\\","a":1}"#, &["0 { 0..1", "1 1 14..15", "0 end 15..16"]);
}

#[test]
fn no_content_can_pose_as_structure() {
    check(r#"{"x":"{\"a\":1}\\\",\"a\":2","a":3}"#, &["0 { 0..1", "1 3 33..34", "0 end 34..35"]);
}

#[test]
fn pieces_may_end_anywhere() {
    let json = r#" {"a" : {"b": "\u00e4\\\"x" , "list" : [ null, -1.5e3, ["skipped"] ] } , "z":[[{"a":1}]]}
        {"a":true}"#
        .as_bytes();
    let (whole, _) = notes(&[json]);
    assert!(whole.len() > 8);
    for first in 0..json.len() {
        let (a, rest) = json.split_at(first);
        assert_eq!(notes(&[a, rest]).0, whole, "split at {first}");
    }
    let bytes: Vec<&[u8]> = json.chunks(1).collect();
    assert_eq!(notes(&bytes).0, whole);
}

#[test]
fn documents_are_counted() {
    for (json, documents, between) in [
        ("", 0, true),
        ("{}", 1, true),
        ("{}\n{\"a\":1}\n", 2, true),
        ("{}{", 1, false),
        ("[[[", 0, false),
        ("17 ", 1, true),
        ("{\"a\":\"}", 0, false),
    ] {
        let (_, scanner) = notes(&[json.as_bytes()]);
        assert_eq!((scanner.documents(), scanner.is_between_documents()), (documents, between), "{json}");
    }
}

#[test]
fn a_long_text_is_cut_and_long_or_deep_values_cost_no_memory() {
    let long = "ä".repeat(100_000);
    let deep = "[".repeat(100_000);
    let json = format!("{{\"{long}\":1,\"x\":\"{long}\",\"a\":\"{long}\",\"y\":{deep}");
    let pieces: Vec<&[u8]> = json.as_bytes().chunks(777).collect();
    let (heard, scanner) = notes(&pieces);
    assert_eq!(heard.len(), 2);
    assert!(heard[1].starts_with("1 \"ää") && heard[1].contains("\" cut "), "{}", &heard[1][..40]);
    assert!(scanner.held() <= 2 * MAX_TEXT, "{}", scanner.held());
}

#[test]
fn what_is_no_json_gives_nothing() {
    for text in ["<html>", "}}}]]]", "{{{{", "{\"a\"", "{\"a\":", "\"", "\\", "{:,}", "\u{0}\u{1}"] {
        let (heard, _) = notes(&[text.as_bytes()]);
        assert!(heard.iter().all(|note| !note.starts_with("1 ") && !note.starts_with("2 ")), "{heard:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same(
        bytes in proptest::collection::vec(proptest::sample::select(br#"{}[]",:\ab1 nul"#.to_vec()), 0..200),
        at in 0_usize..200,
    ) {
        let (whole, _) = notes(&[&bytes]);
        let (a, b) = bytes.split_at(at.min(bytes.len()));
        proptest::prop_assert_eq!(notes(&[a, b]).0, whole);
    }
}

//! What Open WebUI makes of a request's body: Python's `json.loads`, which accepts more than RFC 8259 allows.
//!
//! It guesses between UTF-8, UTF-16 and UTF-32 (`json.detect_encoding`), takes `NaN` and `Infinity` for numbers, lets
//! a surrogate stand alone, and goes deeper than `serde_json`. Whoever writes a body in such a way would otherwise be
//! understood by Open WebUI alone. Here a body is put into plain JSON first.

use std::borrow::Cow;

/// Objects and arrays deeper than this become `null`: nothing that an event names stands there.
const MAX_DEPTH: usize = 48;
/// What stands for a surrogate without its other half.
const REPLACEMENT: &str = "\\ufffd";

/// A body as plain JSON in UTF-8; one that is no JSON in Python either is still none.
pub(super) fn plain(body: &[u8]) -> Plain {
    let (text, is_text) = decoded(body);
    Plain { json: rewritten(&text), is_text }
}

/// What [`plain`] made of a body.
pub(super) struct Plain {
    pub(super) json: String,
    /// Whether all of it is text in the encoding that Python would guess; a character cut at the end counts as text.
    pub(super) is_text: bool,
}

/// As `json.detect_encoding` guesses: by the byte order mark, or else by where the zeros are in the first four bytes.
fn decoded(body: &[u8]) -> (Cow<'_, str>, bool) {
    match body {
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf_32(rest, u32::from_be_bytes),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf_32(rest, u32::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest),
        [0, 0, _, _, ..] => utf_32(body, u32::from_be_bytes),
        [0, _, _, _, ..] | [0, _] => utf_16(body, u16::from_be_bytes),
        [_, 0, 0, 0, ..] => utf_32(body, u32::from_le_bytes),
        [_, 0, _, _, ..] | [_, 0] => utf_16(body, u16::from_le_bytes),
        _ => utf_8(body),
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> (Cow<'_, str>, bool) {
    let (units, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(units.iter().map(|bytes| unit(*bytes)))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER));
    (text.collect(), rest.is_empty())
}

fn utf_32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> (Cow<'_, str>, bool) {
    let (units, rest) = bytes.as_chunks::<4>();
    let units = || units.iter().map(|bytes| unit(*bytes));
    let is_text = rest.is_empty() && units().all(|unit| unit <= u32::from(char::MAX));
    (units().map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect(), is_text)
}

fn utf_8(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), true),
        Err(error) => {
            let is_cut = error.error_len().is_none();
            (String::from_utf8_lossy(bytes), is_cut || has_only_surrogates_wrong(bytes))
        }
    }
}

/// Python lets surrogates pass in UTF-8, too (`surrogatepass`): `ED A0 80` to `ED BF BF`.
fn has_only_surrogates_wrong(mut bytes: &[u8]) -> bool {
    loop {
        let Err(error) = std::str::from_utf8(bytes) else { return true };
        match &bytes[error.valid_up_to()..] {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, rest @ ..] => bytes = rest,
            _ => return error.error_len().is_none(),
        }
    }
}

fn rewritten(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => string_end(bytes, at),
            b'{' | b'[' | b'}' | b']' | b',' | b':' | 0..=b' ' => at + 1,
            _ => literal_end(bytes, at),
        };
        depth += usize::from(matches!(byte, b'{' | b'['));
        if depth <= MAX_DEPTH {
            write(&mut plain, &text[at..end]);
        } else if depth == MAX_DEPTH + 1 && matches!(byte, b'{' | b'[') {
            plain.push_str("null");
        }
        depth = depth.saturating_sub(usize::from(matches!(byte, b'}' | b']')));
        at = end;
    }
    plain
}

/// Writes a string, a literal or a sign of structure.
fn write(plain: &mut String, token: &str) {
    let is_too_large = || token.parse().is_ok_and(f64::is_infinite);
    match token.as_bytes() {
        [b'"', ..] => write_string(plain, token),
        b"NaN" | b"Infinity" | b"-Infinity" => plain.push_str("null"),
        [b'-' | b'0'..=b'9', ..] if is_too_large() => plain.push_str("null"),
        _ => plain.push_str(token),
    }
}

/// After the quotation mark that ends the string which begins at `start`; the end of the text when none does.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
            Some(found) if bytes[at + found] == b'\\' => at += found + 2,
            Some(found) => return at + found + 1,
            None => return bytes.len(),
        }
    }
}

fn literal_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b'{' | b'[' | b'}' | b']' | b',' | b':' | b'"' | 0..=b' ');
    bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
}

/// A string with its quotation marks, surrogates that stand alone replaced.
fn write_string(plain: &mut String, mut rest: &str) {
    while let Some(place) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..place]);
        rest = &rest[place..];
        let length = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                plain.push_str(REPLACEMENT);
                rest = &rest[6..];
                continue;
            }
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        plain.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    plain.push_str(rest);
}

enum Half {
    High,
    Low,
}

/// Which half of a pair is escaped at the beginning of this text.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> String {
        plain(body.as_bytes()).json
    }

    fn encoded(body: &str, mark: bool, unit: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
        let mark = mark.then_some(0xFEFF);
        mark.into_iter().chain(body.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn plain_json_stays_as_it_is() {
        for body in [r#"{"a": [1, -2.5e3, "x\n\\\"\u00e4\ud83d\ude00", null, true]}"#, "[]", "5", ""] {
            assert_eq!(of(body), body);
        }
    }

    #[test]
    fn what_python_takes_for_numbers_is_null() {
        assert_eq!(of("[NaN,Infinity,-Infinity,1e999,-1e999]"), "[null,null,null,null,null]");
        assert_eq!(of(r#"["NaN",nan]"#), r#"["NaN",nan]"#, "not these");
    }

    #[test]
    fn a_surrogate_alone_is_replaced() {
        assert_eq!(
            of(r#"["\ud800","\udc00x","\ud800\ud83d\ude00"]"#),
            r#"["\ufffd","\ufffdx","\ufffd\ud83d\ude00"]"#
        );
        assert_eq!(of(r#"["\\ud800","\ud80","\"#), r#"["\\ud800","\ud80","\"#);
        let raw = plain(b"[\"\xED\xA0\x80\"]");
        assert!(raw.is_text && raw.json.contains('\u{fffd}'), "{}", raw.json);
    }

    #[test]
    fn what_is_deep_is_passed_over() {
        let deep = format!(r#"{{"x":{}"]"{},"id":1}}"#, "[".repeat(5000), "]".repeat(5000));
        let read: serde_json::Value = serde_json::from_str(&of(&deep)).expect("JSON");
        assert_eq!(read["id"], 1);
    }

    #[test]
    fn encodings_are_guessed_as_python_does() {
        let body = r#"{"id":"ä😀"}"#;
        for mark in [false, true] {
            assert_eq!(plain(&encoded(body, mark, |unit| unit.to_le_bytes().into())).json, body);
            assert_eq!(plain(&encoded(body, mark, |unit| unit.to_be_bytes().into())).json, body);
            let text = if mark { format!("\u{feff}{body}") } else { body.to_owned() };
            let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
            assert_eq!((plain(&little).json, plain(&big).json), (body.to_owned(), body.to_owned()));
            assert_eq!(of(&text), body);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_apart_from_a_cut() {
        assert!(!plain(b"{\"a\":\"\xff\"}").is_text);
        assert!(!plain(b"{\0\"\0a").is_text);
        assert!(plain("{\"a\":\"ä".as_bytes().split_last().expect("bytes").1).is_text);
    }
}

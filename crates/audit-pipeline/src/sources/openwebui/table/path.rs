//! A request's path as Open WebUI's router sees it.
//!
//! Starlette decodes the path once and compares it exactly, letter case included: a decoded slash separates segments,
//! dots are not resolved, and an empty segment matches nothing. One line break at the end is overlooked, since Python's
//! `$` overlooks it: `/api/v1/configs/export%0A` exports the configuration. (Only a slash at the end makes no difference here:
//! where Open WebUI has no route for the other spelling, its refusal is recorded as one of the same route.)

use std::borrow::Cow;
use std::fmt::Write as _;

/// The path of a request's target, decoded; without query and, in absolute form, without scheme and authority.
pub(crate) fn decoded(target: &str) -> Cow<'_, str> {
    let path = path_of(target);
    if !path.as_bytes().contains(&b'%') {
        return Cow::Borrowed(path);
    }
    let mut path = undo_percent(path, false);
    if path.ends_with('\n') {
        path.pop();
    }
    Cow::Owned(path)
}

/// The path as it came.
fn path_of(target: &str) -> &str {
    let path = match target.find("://") {
        Some(at) if !target.starts_with('/') => {
            let after = &target[at + 3..];
            after.find('/').map_or("/", |slash| &after[slash..])
        }
        _ => target,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

/// A path without the keys of the model gateway, which stand in paths as `~KEY`: one that was misspelt so that it came
/// to Open WebUI must not be written down. No path of Open WebUI's own has such a segment.
pub(crate) fn without_secrets(path: String) -> String {
    let is_secret = |segment: &str| ["~", "%7E", "%7e"].iter().any(|mark| segment.starts_with(mark));
    if !path.split('/').any(is_secret) {
        return path;
    }
    let shown = |segment| if is_secret(segment) { "~***" } else { segment };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

/// A query parameter of a request's target, decoded, as Open WebUI takes it: names are decoded, too, and of several with
/// one name the last counts, be it without a value.
pub(crate) fn query_parameter(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.rfind(|(known, _)| *known == name || undo_percent(known, true) == name)?;
    Some(undo_percent(value, true))
}

/// What is not UTF-8 when decoded becomes the replacement character.
fn undo_percent(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(if plus_is_space && *first == b'+' { b' ' } else { *first });
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Writes text so that it is one segment, or one parameter, of a request that is sent.
pub(crate) fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

/// The segments of a decoded path, the first slash and one at the end left out. An empty segment stays.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> + Clone {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_decoded_once_and_nothing_is_resolved() {
        assert_eq!(decoded("/api/v1/files/?process=false"), "/api/v1/files/");
        assert_eq!(decoded("/api/v1/files/a%2F..%2Fb/content"), "/api/v1/files/a/../b/content");
        assert_eq!(decoded("/a%252Fb%zz%"), "/a%2Fb%zz%");
        assert_eq!(decoded("/%ff"), "/\u{fffd}");
        assert_eq!(decoded("http://host:1/api/x?y"), "/api/x");
        assert_eq!(decoded("https://host"), "/");
        assert_eq!(decoded("/to/http://host/x"), "/to/http://host/x");
        assert_eq!(decoded("/api/v1/configs/export%0A"), "/api/v1/configs/export");
        assert_eq!(decoded("/api/v1/configs/export%0a%0A"), "/api/v1/configs/export\n");
        assert!(matches!(decoded("/api/config"), Cow::Borrowed(_)), "nothing is copied without need");
    }

    #[test]
    fn query_parameters_are_decoded() {
        let target = "/api/v1/models/model/toggle?x=1&id=ada%2Fb%20c+%zz";
        assert_eq!(query_parameter(target, "id").as_deref(), Some("ada/b c %zz"));
        assert_eq!(query_parameter(target, "d"), None);
        assert_eq!(query_parameter("/no/query", "id"), None);
    }

    #[test]
    fn of_query_parameters_the_last_counts_however_its_name_is_written() {
        let id = |query: &str| query_parameter(&format!("/x?{query}"), "id");
        assert_eq!(id("id=harmless&id=victim").as_deref(), Some("victim"));
        assert_eq!(id("id=harmless&%69d=victim").as_deref(), Some("victim"));
        assert_eq!(id("%69%64=victim&x=1&&").as_deref(), Some("victim"));
        assert_eq!(id("id=a=b").as_deref(), Some("a=b"));
        assert_eq!(id("id=harmless&id").as_deref(), Some(""));
        assert_eq!(id("id%3Dx=1&idd=1&+id=1"), None);
    }

    #[test]
    fn what_goes_into_a_request_is_one_segment() {
        let mut out = String::new();
        encode_into(&mut out, "a/b?c ä%2e");
        assert_eq!(out, "a%2Fb%3Fc%20%C3%A4%252e");
    }
}

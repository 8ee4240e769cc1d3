//! Secrets that the name beside them gives away.

use std::ops::Range;

use memchr::memchr2_iter;

use super::names::is_secret_name;
use super::tokens::run_len;

/// `password=…`, `"api_key": "…"`, `?token=…`, `Cookie: a=b; c=d`: a value beside a name that tells.
pub(super) fn values(text: &str, found: &mut Vec<Range<usize>>) {
    // A value may reach to the end of the text: it is looked for only behind a name that tells, and what lies inside
    // one that was found is not searched again, so that a hostile text costs no more than a long one.
    let mut covered = 0;
    for at in memchr2_iter(b'=', b':', text.as_bytes()) {
        let name = if at < covered { continue } else { name_before(text, at) };
        let is_header = is_header_name(name.text);
        let is_named = !name.text.is_empty()
            && (is_header
                || is_secret_name(name.text)
                || (is_assigned(text, at) && is_query_secret(&name, text)));
        if !is_named {
            continue;
        }
        let value = value_after(text, at);
        let secret = if is_header {
            header_value(text, &value)
        } else {
            reads_as_value(text, at, &name, &value).then_some(value.range)
        };
        covered = secret.as_ref().map_or(covered, |range| range.end);
        found.extend(secret);
    }
}

struct Name<'t> {
    text: &'t str,
    start: usize,
    is_quoted: bool,
}

struct Value<'t> {
    text: &'t str,
    range: Range<usize>,
    is_quoted: bool,
}

/// The name that ends before a separator.
fn name_before(text: &str, separator: usize) -> Name<'_> {
    let before = text[..separator].trim_end_matches(' ');
    let unquoted = before.trim_end_matches(['"', '\'', '\\', ']']);
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let start = unquoted
        .rfind(|c| !is_name_char(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    // Words before the last two are prose, not the name.
    let start = unquoted[start..].rmatch_indices(' ').nth(1).map_or(start, |(at, _)| start + at + 1);
    Name { text: &unquoted[start..], start, is_quoted: unquoted.len() < before.len() }
}

/// The value that begins after a separator.
fn value_after(text: &str, separator: usize) -> Value<'_> {
    let gap = run_len(&text[separator..], |b| matches!(b, b'=' | b':' | b'>' | b' ' | b'\\'));
    let start = separator + gap;
    let quote = text[start..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`' | '['));
    if quote == Some('[') && !text[start..].starts_with("[\"") && !text[start..].starts_with("[\\\"") {
        return plain_value(text, start);
    }
    match quote {
        Some(quote) => {
            let closing = if quote == '[' { ']' } else { quote };
            let inner = start + 1;
            let end = text[inner..].find(closing).map_or(text.len(), |at| inner + at);
            let content = text[inner..end].trim_end_matches('\\');
            Value { text: content, range: inner..inner + content.len(), is_quoted: true }
        }
        None => plain_value(text, start),
    }
}

fn plain_value(text: &str, start: usize) -> Value<'_> {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(c, '&' | ';' | ',' | '"' | '\'' | '<' | '>' | '{' | '}' | '(' | ')' | '\\' | '|')
    };
    let end = text[start..].find(ends).map_or(text.len(), |at| start + at);
    let content = text[start..end].trim_end_matches('.');
    Value { text: content, range: start..start + content.len(), is_quoted: false }
}

/// Whether `=` stands there, without a space beside it.
fn is_assigned(text: &str, at: usize) -> bool {
    text.as_bytes()[at] == b'=' && !text[..at].ends_with(' ')
}

/// Names that carry secrets in queries, forms and cookies only.
fn is_query_secret(name: &Name<'_>, text: &str) -> bool {
    const ALWAYS: &[&str] =
        &["pass", "sid", "connect.sid", "session", "sessionid", "session_id", "sig", "signature"];
    const IN_QUERIES: &[&str] = &["key", "code"];
    let name_text = name.text.rsplit(' ').next().unwrap_or_default();
    let is_in_query = text[..name.start].ends_with(['?', '&']);
    let is = |names: &[&str]| names.iter().any(|other| name_text.eq_ignore_ascii_case(other));
    let lower = name_text.to_ascii_lowercase();
    let ends_in_one = ["session", "signature"].iter().any(|last| lower.ends_with(last));
    is(ALWAYS) || ends_in_one || (is_in_query && is(IN_QUERIES))
}

/// Whether what follows a telling name is a value rather than prose about it.
fn reads_as_value(text: &str, separator: usize, name: &Name<'_>, value: &Value<'_>) -> bool {
    if value.text.is_empty() || is_innocent(value.text) {
        return false;
    }
    let is_joined = text.as_bytes()[separator] == b'=' || name.is_quoted || value.is_quoted;
    if is_joined {
        return true;
    }
    let ends_the_text = text[value.range.end..].trim_start_matches(['.', ' ']).is_empty()
        || text[value.range.end..].starts_with(['\n', '\r', ',', ';', '&', '"', '\'', ')', '}']);
    let has_other_than_letters = value.text.bytes().any(|b| !b.is_ascii_lowercase() && b != b'-');
    let is_capitalised_word = value.text.len() > 1
        && value.text.as_bytes()[0].is_ascii_uppercase()
        && value.text.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    ends_the_text || (has_other_than_letters && !is_capitalised_word && value.text.len() >= 4)
}

/// Values that say something about a secret instead of being one.
pub(super) fn is_innocent(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "unknown",
        "n/a",
        "empty",
        "missing",
        "required",
        "optional",
        "invalid",
        "valid",
        "expired",
        "revoked",
        "changed",
        "updated",
        "reset",
        "rotated",
        "created",
        "deleted",
        "removed",
        "[removed]",
        "[removed",
        "redacted",
        "[redacted]",
        "<redacted>",
        "hidden",
        "masked",
        "incorrect",
        "wrong",
        "mismatch",
        "set",
        "unset",
        "enabled",
        "disabled",
        "ok",
        "failed",
        "success",
        "denied",
        "present",
        "absent",
        "string",
        "bearer",
        "basic",
        "refreshed",
        "issued",
        "accepted",
        "rejected",
        "default",
    ];
    let is_masked = value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'#'));
    let is_small_number = value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit());
    is_masked
        || is_small_number
        || value.starts_with("[removed]")
        || value.starts_with("****")
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Headers whose whole value is secret.
fn is_header_name(name: &str) -> bool {
    const NAMES: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie", "cookies"];
    let last_word = name.rsplit(' ').next().unwrap_or_default();
    NAMES.iter().any(|header| last_word.eq_ignore_ascii_case(header))
}

/// The value of `Authorization` or `Cookie`: to the end of the line, or to the closing quote.
fn header_value(text: &str, value: &Value<'_>) -> Option<Range<usize>> {
    const SCHEMES: &[&str] = &[
        "bearer",
        "basic",
        "digest",
        "token",
        "apikey",
        "negotiate",
        "ntlm",
        "aws4-hmac-sha256",
        "bot",
        "key",
    ];
    let start = value.range.start;
    let has_quotes_inside =
        text[start..].get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest "));
    let end = match value.is_quoted {
        true => value.range.end,
        false if has_quotes_inside => text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at),
        false => text[start..].find(['\n', '\r', '"', '\'', '\\']).map_or(text.len(), |at| start + at),
    };
    let line = &text[start..end];
    let first_word = line.split(' ').next().unwrap_or_default();
    let has_scheme = SCHEMES.iter().any(|scheme| first_word.eq_ignore_ascii_case(scheme))
        && line.len() > first_word.len() + 4;
    let is_cookie = line.find('=').is_some_and(|at| at > 0 && !line[..at].contains(' '));
    let is_token = line.len() >= 8
        && !line.contains(' ')
        && line.bytes().any(|b| b.is_ascii_digit())
        && !is_innocent(line);
    (has_scheme || is_cookie || is_token).then_some(start..end)
}

//! RFC 8785, the JSON Canonicalization Scheme: one byte sequence for each JSON value.
//!
//! Members of objects are sorted by the UTF-16 code units of their keys (3.2.3), strings carry only the
//! escapes that JSON demands (3.2.2.2), numbers are written as ECMAScript writes doubles (3.2.2.3).

use std::cmp::Ordering;

use crate::json::{Json, MAX_SAFE_INTEGER};

/// Appends the canonical form of a value.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Json<'_>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(out, *number),
        Json::String(text) => write_string(out, text),
        Json::Array(items) => write_array(out, items),
        Json::Object(members) if is_sorted(members) => write_object(out, members.iter()),
        Json::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| compare_keys(a, b));
            write_object(out, sorted.into_iter());
        }
    }
}

fn write_array(out: &mut Vec<u8>, items: &[Json<'_>]) {
    out.push(b'[');
    for item in items {
        write_value(out, item);
        out.push(b',');
    }
    close(out, b'[', b']');
}

fn write_object<'v, 'a: 'v>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = &'v (std::borrow::Cow<'a, str>, Json<'a>)>,
) {
    out.push(b'{');
    for (key, value) in members {
        write_string(out, key);
        out.push(b':');
        write_value(out, value);
        out.push(b',');
    }
    close(out, b'{', b'}');
}

/// Turns the comma after the last member into the closing bracket.
#[inline]
pub(crate) fn close(out: &mut Vec<u8>, opening: u8, closing: u8) {
    match out.last_mut() {
        Some(last) if *last != opening => *last = closing,
        _ => out.push(closing),
    }
}

fn is_sorted(members: &[(std::borrow::Cow<'_, str>, Json<'_>)]) -> bool {
    members.is_sorted_by(|(a, _), (b, _)| compare_keys(a, b) == Ordering::Less)
}

/// The order of keys: by UTF-16 code units. For ASCII that is the order of bytes.
pub(crate) fn compare_keys(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Appends a finite double as ECMAScript's `Number.prototype.toString` writes it.
#[inline]
pub(crate) fn write_number(out: &mut Vec<u8>, number: f64) {
    match exact_integer(number) {
        Some(integer) => out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes()),
        None => out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes()),
    }
}

/// The integer that a double is, when its magnitude is below 2^53.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked by converting back"
)]
#[inline]
pub(crate) fn exact_integer(number: f64) -> Option<i64> {
    let integer = number as i64;
    let is_exact = integer as f64 == number && integer.unsigned_abs() <= MAX_SAFE_INTEGER;
    is_exact.then_some(integer)
}

/// Appends an unsigned integer.
#[inline]
pub(crate) fn write_integer(out: &mut Vec<u8>, integer: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Appends a string in quotes.
#[inline]
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut plain_from = 0;
    loop {
        let special = plain_len(bytes, plain_from);
        out.extend_from_slice(&bytes[plain_from..special]);
        let Some(&byte) = bytes.get(special) else { break };
        write_escape(out, byte);
        plain_from = special + 1;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x09 => b't',
        0x0A => b'n',
        0x0C => b'f',
        0x0D => b'r',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Where the first `"`, `\` or control character at or after `from` stands, or the length. Looks at eight
/// bytes at a time: this is where parsing and writing spend their time.
#[inline]
pub(crate) fn plain_len(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < bytes.len() && !matches!(bytes[at], b'"' | b'\\' | 0..0x20) {
        at += 1;
    }
    at
}

/// The high bit of each byte that is `"`, `\` or below 0x20; bits above the lowest one set may be wrong.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero_where = |byte: u8| {
        let difference = word ^ (ONES * byte as u64);
        difference.wrapping_sub(ONES) & !difference
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_where(b'"') | zero_where(b'\\') | control) & HIGH
}

#[cfg(test)]
mod tests;

//! Which part of a file a request wants (RFC 9110, sections 13 and 14).

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};

/// What to answer with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing: the client has it.
    NotModified,
    /// Nothing: there are no such bytes.
    Unsatisfiable,
}

impl Wanted {
    /// Of a file of `length` bytes with this (strong) entity tag.
    pub fn of(headers: &HeaderMap, length: u64, etag: &str) -> Self {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        if text(IF_NONE_MATCH).is_some_and(|tags| names(tags, etag)) {
            return Self::NotModified;
        }
        // The rest of another file is of no use to whoever has the beginning of this one. Dates are not exact enough.
        if text(IF_RANGE).is_some_and(|known| known.trim() != etag) {
            return Self::Whole;
        }
        text(RANGE).map_or(Self::Whole, |range| requested(range, length))
    }
}

/// Whether a list of entity tags names this one; weakly compared, as `If-None-Match` is.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// One range of bytes; what is no such thing, or several at once, is as if nothing was asked for.
fn requested(range: &str, length: u64) -> Wanted {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (Some(first), _) if last.is_empty() && first < length => Wanted::Part(first..length),
        (Some(_), _) if last.is_empty() => Wanted::Unsatisfiable,
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), Some(last)) if first < length => {
            Wanted::Part(first..last.saturating_add(1).min(length))
        }
        (Some(_), Some(_)) => Wanted::Unsatisfiable,
        (None, Some(0)) if first.is_empty() => Wanted::Unsatisfiable,
        (None, Some(_)) if first.is_empty() && length == 0 => Wanted::Unsatisfiable,
        (None, Some(count)) if first.is_empty() => Wanted::Part(length.saturating_sub(count)..length),
        _ => Wanted::Whole,
    }
}

/// Digits only; more than fit stand for a position that no file has.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Wanted::{NotModified, Part, Unsatisfiable, Whole};
    use super::*;

    fn wanted(headers: &[(&'static str, &str)]) -> Wanted {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        Wanted::of(&headers.collect(), 100, "\"tag\"")
    }

    #[test]
    fn one_range_of_bytes_is_served() {
        for (range, part) in [
            ("bytes=0-", 0..100),
            ("bytes=10-", 10..100),
            ("bytes=10-19", 10..20),
            ("bytes=99-99", 99..100),
            ("bytes=90-200", 90..100),
            ("bytes=90-99999999999999999999999", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
        ] {
            assert_eq!(wanted(&[("range", range)]), Part(part), "{range}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_is_refused() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(wanted(&[("range", range)]), Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_not_asked_for() {
        for range in
            ["lines=1-2", "bytes=a-b", "bytes=20-10", "bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=+1-2", "x"]
        {
            assert_eq!(wanted(&[("range", range)]), Whole, "{range}");
        }
    }

    #[test]
    fn the_rest_is_of_the_same_file_or_all_of_it() {
        let range = ("range", "bytes=10-");
        assert_eq!(wanted(&[range, ("if-range", "\"tag\"")]), Part(10..100));
        for other in ["\"other\"", "W/\"tag\"", "Sat, 21 Mar 2026 10:00:00 GMT"] {
            assert_eq!(wanted(&[range, ("if-range", other)]), Whole, "{other}");
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for tags in ["\"tag\"", "\"a\", \"tag\"", "W/\"tag\"", "*"] {
            assert_eq!(wanted(&[("if-none-match", tags)]), NotModified, "{tags}");
        }
        assert_eq!(wanted(&[("if-none-match", "\"other\"")]), Whole);
    }
}

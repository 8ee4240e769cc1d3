//! Numbers as the reader of a page writes them: `6,933`, `6.933` or `6 933`, by the browser's first language.
//!
//! Scripts write numbers with the same separators (`data-group` of the document), so that a page never has two. What
//! programs read, and what is recorded, has none of this: outside of a page's request numbers are written as in English.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use tokio::task_local;

task_local! {
    static NUMBERS: Numbers;
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Between groups of three digits.
    group: &'static str,
    /// Before decimals.
    decimal: &'static str,
}

const ENGLISH: Numbers = Numbers { group: ",", decimal: "." };
const POINTS: Numbers = Numbers { group: ".", decimal: "," };
const SPACES: Numbers = Numbers { group: "\u{a0}", decimal: "," };
const NARROW_SPACES: Numbers = Numbers { group: "\u{202f}", decimal: "," };
const APOSTROPHES: Numbers = Numbers { group: "’", decimal: "." };

/// By language tag, and by language (Unicode CLDR 46, `numbers/symbols`).
const KNOWN: &[(Numbers, &[&str])] = &[
    (ENGLISH, &["es-mx", "es-us"]),
    (APOSTROPHES, &["de-ch", "de-li", "it-ch"]),
    (SPACES, &["de-at", "en-za", "fr-ca", "pt-pt"]),
    (
        POINTS,
        &[
            "ca", "da", "de", "el", "es", "gl", "hr", "id", "is", "it", "nl", "pt", "ro", "sl", "sr", "tr",
            "vi",
        ],
    ),
    (
        SPACES,
        &["be", "bg", "cs", "et", "fi", "hu", "lt", "lv", "nb", "nn", "no", "pl", "ru", "sk", "sv", "uk"],
    ),
    (NARROW_SPACES, &["fr"]),
];

/// Answers a request for a page with numbers as its reader writes them.
pub(crate) async fn of_reader(request: Request, next: Next) -> Response {
    NUMBERS.scope(preferred(request.headers()), next.run(request)).await
}

/// How the numbers of the page at hand are written.
pub(crate) fn numbers() -> Numbers {
    NUMBERS.try_with(|numbers| *numbers).unwrap_or(ENGLISH)
}

/// Does something on behalf of a page on another thread.
pub(crate) fn with<T>(numbers: Numbers, act: impl FnOnce() -> T) -> T {
    NUMBERS.sync_scope(numbers, act)
}

/// Does something as for a program.
pub(crate) fn plainly<T>(act: impl FnOnce() -> T) -> T {
    with(ENGLISH, act)
}

impl Numbers {
    /// What stands between groups of three digits.
    pub fn group(self) -> &'static str {
        self.group
    }
}

/// A whole number with its thousands apart.
pub(crate) fn grouped(number: impl std::fmt::Display) -> String {
    let (digits, group) = (number.to_string(), numbers().group);
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 * group.len());
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push_str(group);
        }
        grouped.push(digit);
    }
    grouped
}

/// A number that was written with a point before its decimals, and without groups.
pub(crate) fn decimals(number: &str) -> String {
    number.replace('.', numbers().decimal)
}

fn preferred(headers: &HeaderMap) -> Numbers {
    let list = headers.get(ACCEPT_LANGUAGE).and_then(|list| list.to_str().ok()).unwrap_or_default();
    let tag = list.split([',', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let language = tag.split('-').next().unwrap_or_default();
    let of = |name: &str| KNOWN.iter().find(|(_, names)| names.contains(&name)).map(|(numbers, _)| *numbers);
    of(&tag).or_else(|| of(language)).unwrap_or(ENGLISH)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn numbers_are_grouped_as_the_first_language_has_them() {
        let written = |languages: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(languages))]);
            with(preferred(&headers), || format!("{} {}", grouped(1_234_567), decimals("0.5")))
        };
        for (languages, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", "1.234.567 0,5"),
            ("en-GB", "1,234,567 0.5"),
            ("fr", "1\u{202f}234\u{202f}567 0,5"),
            ("de-CH", "1’234’567 0.5"),
            ("pl;q=1", "1\u{a0}234\u{a0}567 0,5"),
            ("", "1,234,567 0.5"),
            ("*", "1,234,567 0.5"),
        ] {
            assert_eq!(written(languages), expected, "{languages}");
        }
    }

    #[test]
    fn what_is_no_page_has_numbers_as_programs_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(with(POINTS, || plainly(|| grouped(1_000))), "1,000");
    }
}

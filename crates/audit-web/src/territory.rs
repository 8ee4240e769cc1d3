//! Which requests are ours when another application is served beside us.
//!
//! Ours is what is spelled as the router spells it. What an application behind us, a proxy in between or a careless
//! parser might take for one of our paths, but is spelled in another way, is nobody's: it is neither answered with our
//! data nor handed on.

use crate::router::PREFIXES;

/// Where our pages live.
const PAGES: &str = "/audit";

/// More rounds of percent-encoding than anybody undoes.
const MAX_ROUNDS: usize = 4;

/// Whose a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Territory {
    /// The router's.
    Ours,
    /// One of ours in disguise: it does not exist.
    Disguised,
    /// Somebody else's.
    Theirs,
}

impl Territory {
    /// Whose this path is, percent-encoding untouched.
    pub fn of(path: &str) -> Self {
        if is_ours(path) {
            Self::Ours
        } else if could_be_folded(path) && is_ours(&folded(path)) {
            Self::Disguised
        } else {
            Self::Theirs
        }
    }
}

fn is_ours(path: &str) -> bool {
    PREFIXES
        .iter()
        .copied()
        .chain([PAGES])
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Whether folding could change the path at all.
fn could_be_folded(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';') || byte.is_ascii_uppercase())
        || bytes.windows(2).any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'))
}

/// The path as the most lenient reader could understand it: percent-encoding undone as often as there is some, in
/// lower case, backslashes turned, parameters cut off, empty and dot segments resolved.
fn folded(path: &str) -> String {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..MAX_ROUNDS {
        let decoded = percent_decoded(&bytes);
        if decoded == bytes {
            break;
        }
        bytes = decoded;
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/').map(|segment| segment.split([';', '\0']).next().unwrap_or_default()) {
        match segment.trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| digit(at + 1).zip(digit(at + 2))).flatten();
        let byte = pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_what_is_spelled_as_the_router_spells_it() {
        for path in [
            "/api/v1/auditlog",
            "/api/v1/auditlog/",
            "/api/v1/auditlogs/stats",
            "/api/v1/auditlog/tokens/my%20token",
            "/api/v1/auditlog/../users",
            "/audit",
            "/audit/style.css",
        ] {
            assert_eq!(Territory::of(path), Territory::Ours, "{path}");
        }
    }

    #[test]
    fn other_spellings_are_nobody_s() {
        for path in [
            "/api/v1/%61uditlog",
            "/api/v1/%2561uditlog",
            "/api/v1/auditlog%2Ftokens",
            "/api%2Fv1%2Fauditlog",
            "//api/v1/auditlog",
            "/api//v1/auditlog/tokens",
            "/api/v1/./auditlog",
            "/static/../api/v1/auditlog",
            "/static/%2e%2e/api/v1/auditlog",
            "/API/v1/AuditLog",
            "/api/v1\\auditlog",
            "/api/v1;x=1/auditlog",
            "/api/v1/auditlog;x",
            "/Audit",
            "/audit%00",
            "/audit%20",
        ] {
            assert_eq!(Territory::of(path), Territory::Disguised, "{path}");
        }
    }

    #[test]
    fn everything_else_is_theirs() {
        for path in [
            "/",
            "*",
            "/api/v1/users",
            "/audits",
            "/auditor",
            "/api/v1/auditlogger",
            "/api/v1/files/x%2Fy",
            "//",
            "/A",
        ] {
            assert_eq!(Territory::of(path), Territory::Theirs, "{path}");
        }
    }
}

//! Terminals: WebSockets that Open WebUI authenticates by the client's first message, not by the request's headers.

use crate::sources::openwebui::completions::scan::{Finder, NOWHERE, Place, ROOT, Scanner, Span, Value};
use crate::sources::openwebui::table::decoded;

/// Whether a request's target (path and query as they came) opens a terminal.
#[must_use]
pub fn is_terminal(target: &str) -> bool {
    let path = decoded(target);
    let Some(rest) = path.strip_prefix("/api/v1/terminals/") else { return false };
    matches!(*rest.split('/').collect::<Vec<_>>(), [server, "api", "terminals", session]
        if !server.is_empty() && !session.is_empty())
}

/// The first message, `{"type": "auth", "token": "…"}`, read in pieces, however long it is.
#[derive(Debug, Default)]
pub struct FirstMessage {
    scanner: Scanner,
    found: Found,
}

impl FirstMessage {
    /// The next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.scanner.feed(piece, &mut self.found);
    }

    /// The session token, when the message brought one. A secret.
    #[must_use]
    pub fn finish(self) -> Option<String> {
        self.found.token.filter(|_| self.found.is_auth)
    }
}

#[derive(Default)]
struct Found {
    is_auth: bool,
    token: Option<String>,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("is_auth", &self.is_auth).finish_non_exhaustive()
    }
}

const TYPE: Place = 1;
const TOKEN: Place = 2;

impl Finder for Found {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT, "type") => TYPE,
            (ROOT, "token") => TOKEN,
            _ => NOWHERE,
        }
    }

    fn item(&self, _: Place) -> Place {
        NOWHERE
    }

    fn found(&mut self, at: Place, value: Value<'_>, _: Span) {
        let text = match value {
            Value::Text { text, is_cut: false } => Some(text),
            _ => None,
        };
        match at {
            TYPE => self.is_auth = text.as_deref() == Some("auth"),
            TOKEN => self.token = text.map(Into::into),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_found_however_its_path_is_spelled() {
        for target in
            ["/api/v1/terminals/s/api/terminals/t?x=1", "/api/v1/terminals/s%2Fapi/terminals/%74%0A"]
        {
            assert!(is_terminal(target), "{target}");
        }
        for target in [
            "/api/v1/terminals/s/api/terminals",
            "/api/v1/terminals/s/api/terminals/",
            "/api/v1/terminals//api/terminals/t",
        ] {
            assert!(!is_terminal(target), "{target}");
        }
    }

    fn token(message: &[u8]) -> Option<String> {
        let mut first = FirstMessage::default();
        message.chunks(7).for_each(|piece| first.feed(piece));
        first.finish()
    }

    #[test]
    fn the_first_message_brings_the_token() {
        assert_eq!(
            token(br#"{"type": "auth", "token": "ey.a.b", "chat_id": "c"}"#).as_deref(),
            Some("ey.a.b")
        );
        let padded = format!(r#"{{"pad":"{}","token":"a","token":"b","type":"auth"}}"#, "x".repeat(300_000));
        assert_eq!(token(padded.as_bytes()).as_deref(), Some("b"), "however long, and the last of two");
        for other in [&b"ls"[..], br#"{"type":"x","token":"ey"}"#, br#"{"type":"auth","token":7}"#, b"[]"] {
            assert_eq!(token(other), None);
        }
    }
}

//! Terminals: WebSockets that Open WebUI authenticates by the client's first message, not by the request's headers.

use serde_json::Value;

use crate::sources::openwebui::table::decoded;

/// Whether a request's target (path and query as they came) opens a terminal.
#[must_use]
pub fn is_terminal(target: &str) -> bool {
    let path = decoded(target);
    let Some(rest) = path.strip_prefix("/api/v1/terminals/") else { return false };
    matches!(*rest.split('/').collect::<Vec<_>>(), [server, "api", "terminals", session]
        if !server.is_empty() && !session.is_empty())
}

/// The session token of the first message, `{"type": "auth", "token": "…"}`. A secret.
#[must_use]
pub fn token(first_message: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_slice(first_message).ok()?;
    let is_auth = message.get("type").and_then(Value::as_str) == Some("auth");
    let token = message.get("token").and_then(Value::as_str).filter(|_| is_auth)?;
    Some(token.to_owned())
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

    #[test]
    fn the_first_message_brings_the_token() {
        assert_eq!(
            token(br#"{"type": "auth", "token": "ey.a.b", "chat_id": "c"}"#).as_deref(),
            Some("ey.a.b")
        );
        for other in [&b"ls"[..], br#"{"type":"x","token":"ey"}"#, br#"{"type":"auth","token":7}"#, b"[]"] {
            assert_eq!(token(other), None);
        }
    }
}

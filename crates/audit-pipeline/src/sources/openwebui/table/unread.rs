//! Whether an event may say too little, because its request could not be read to the end.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::row::Row;
use super::scene::Scene;
use crate::sources::openwebui::bodies::Unread;
use crate::sources::openwebui::exchange::Exchange;

/// Why the request's body, of which the row wants members, was not read to its end: `encoding`, `malformed` or
/// `too_long`. What Open WebUI made of it may then be something else than what the event says. `None` when all was
/// read, and for forms, which have no such members.
pub(super) fn of(row: &Row, scene: &Scene<'_>, exchange: &Exchange<'_>) -> Option<&'static str> {
    let (body, headers) = (&exchange.request_body, exchange.request_headers);
    let is_document = matches!(body.bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_empty = body.bytes.is_empty() && body.length == 0;
    if is_empty || !row.reads_request() || (is_form(headers) && !is_document) {
        return None;
    }
    if !body.has_all() {
        return Some("too_long");
    }
    Some(match scene.request.unread()? {
        Unread::TooLong => "too_long",
        Unread::Encoding => "encoding",
        // Open WebUI does not decode it, whatever the header says; but another server in between may.
        Unread::Malformed if is_packed(headers) => "encoding",
        Unread::Malformed => "malformed",
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.trim_ascii_start().to_ascii_lowercase();
    kind.starts_with("multipart/") || kind.starts_with("application/x-www-form-urlencoded")
}

fn is_packed(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|encoding| encoding.as_bytes() != b"identity")
}

//! One Socket.IO packet, read in pieces.

use super::head::{Head, Kind, Told};
use crate::sources::openwebui::completions::fields::{USAGE, UsageFields, shortened};
use crate::sources::openwebui::completions::scan::{Finder, NOWHERE, Place, ROOT, Scanner, Span, Value};

/// A packet under way.
#[derive(Debug, Default)]
pub(super) struct Packet {
    head: Head,
    rest: Rest,
    scanner: Scanner,
    found: Found,
}

/// What comes next of a packet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Rest {
    #[default]
    Head,
    Json,
    /// Not looked at.
    Other,
}

/// What a packet holds of what we look for.
#[derive(Debug, Default)]
pub(super) struct Found {
    kind_of_packet: Option<Kind>,
    /// The event, its name or its payload is to come in a frame of its own.
    is_elsewhere: bool,
    /// A token of which only the beginning was kept.
    is_token_cut: bool,
    /// The document's name is.
    is_document_elsewhere: bool,
    /// An event's name.
    pub event: Option<String>,
    pub token: Option<String>,
    pub sid: Option<String>,
    pub chat_id: Option<String>,
    pub message_id: Option<String>,
    pub document_id: Option<String>,
    pub is_shared: bool,
    pub kind: Option<String>,
    pub model: Option<String>,
    pub is_done: bool,
    pub has_error: bool,
    pub usage: UsageFields,
}

impl Packet {
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let mut at = 0;
        while self.rest == Rest::Head && at < piece.len() {
            match self.head.feed(piece[at]) {
                Told::Nothing => at += 1,
                Told::Kind(kind) => {
                    self.found.kind_of_packet = Some(kind);
                    at += 1;
                }
                Told::Json => self.rest = Rest::Json,
                Told::Other => self.rest = Rest::Other,
            }
        }
        if self.rest == Rest::Json {
            self.scanner.feed(&piece[at..], &mut self.found);
        }
    }

    /// Memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.scanner.held()
    }

    /// What was found; the next byte begins another packet.
    pub(super) fn finish(&mut self) -> Found {
        (self.head, self.rest) = (Head::default(), Rest::Head);
        self.scanner.restart();
        std::mem::take(&mut self.found)
    }
}

const NAME_OR_PAYLOAD: Place = 1;
const AUTH: Place = 2;
const TOKEN: Place = 3;
const SID: Place = 4;
const CHAT_ID: Place = 5;
const MESSAGE_ID: Place = 6;
const SHARED: Place = 7;
const DATA: Place = 8;
const KIND: Place = 9;
const INNER: Place = 10;
const MODEL: Place = 11;
const DONE: Place = 12;
const ERROR: Place = 13;
const DOCUMENT_ID: Place = 14;
const PLACEHOLDER: Place = 15;

impl Finder for Found {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT | AUTH, "token") => TOKEN,
            (ROOT, "sid") => SID,
            (NAME_OR_PAYLOAD, "auth") => AUTH,
            (NAME_OR_PAYLOAD, "chat_id") => CHAT_ID,
            (NAME_OR_PAYLOAD, "message_id") => MESSAGE_ID,
            (NAME_OR_PAYLOAD, "document_id") => DOCUMENT_ID,
            (NAME_OR_PAYLOAD, "_placeholder") => PLACEHOLDER,
            (NAME_OR_PAYLOAD, "shared") => SHARED,
            (NAME_OR_PAYLOAD, "data") => DATA,
            (DATA, "type") => KIND,
            (DATA, "data") => INNER,
            (INNER, "model") => MODEL,
            (INNER, "done") => DONE,
            (INNER, "error") => ERROR,
            (INNER, "usage") => USAGE,
            (USAGE.., key) => UsageFields::member(of, key),
            _ => NOWHERE,
        }
    }

    fn item(&self, of: Place) -> Place {
        if of == ROOT && self.is_event() { NAME_OR_PAYLOAD } else { NOWHERE }
    }

    fn found(&mut self, at: Place, value: Value<'_>, _: Span) {
        match (at, value) {
            (NAME_OR_PAYLOAD, Value::Text { text, .. }) if self.event.is_none() => {
                self.event = Some(shortened(&text));
            }
            (TOKEN, Value::Text { text, is_cut: false }) if self.may_bring_token() => {
                self.token = Some(text.into_owned());
            }
            (TOKEN, Value::Text { is_cut: true, .. }) if self.may_bring_token() => self.is_token_cut = true,
            (SID, Value::Text { text, .. }) if !self.is_event() => self.sid = Some(shortened(&text)),
            (CHAT_ID, Value::Text { text, .. }) => self.chat_id = Some(shortened(&text)),
            (MESSAGE_ID, Value::Text { text, .. }) => self.message_id = Some(shortened(&text)),
            (DOCUMENT_ID, Value::Text { text, .. }) => self.document_id = Some(shortened(&text)),
            (ROOT, Value::Object) if self.is_binary() => self.is_elsewhere = true,
            (NAME_OR_PAYLOAD, Value::Object) if self.is_binary() && self.event.is_none() => {
                self.is_elsewhere = true;
            }
            (PLACEHOLDER | DOCUMENT_ID, Value::Object | Value::Literal(_)) => {
                self.is_document_elsewhere = true
            }
            (SHARED, Value::Literal(raw)) => self.is_shared = raw == b"true",
            (KIND, Value::Text { text, .. }) => self.kind = Some(shortened(&text)),
            (MODEL, Value::Text { text, .. }) => self.model = Some(shortened(&text)),
            (DONE, Value::Literal(raw)) => self.is_done = raw == b"true",
            (ERROR, Value::Object | Value::Text { .. }) => self.has_error = true,
            (USAGE.., Value::Literal(raw)) => self.usage.count(at, raw),
            _ => {}
        }
    }
}

impl Found {
    fn is_event(&self) -> bool {
        matches!(self.kind_of_packet, Some(Kind::Event | Kind::BinaryEvent))
    }

    fn is_binary(&self) -> bool {
        self.kind_of_packet == Some(Kind::BinaryEvent)
    }

    /// Whether this may be `event` in parts that only Open WebUI puts together: Socket.IO lets any part of an event come
    /// in a frame of its own, also one without a byte that is not text.
    /// So does a token with so much that Open WebUI overlooks that it is not read to its end.
    pub fn may_hide(&self, event: &str) -> bool {
        let is_named = self.event.as_deref() == Some(event) && self.is_document_elsewhere;
        self.is_token_cut || self.is_binary() && (self.is_elsewhere || is_named)
    }

    /// The two ways in which Open WebUI's clients send their token.
    fn may_bring_token(&self) -> bool {
        !self.is_event() || self.event.as_deref() == Some("user-join")
    }
}

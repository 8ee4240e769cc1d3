//! One Socket.IO packet, read in pieces.

use crate::sources::openwebui::completions::fields::{USAGE, UsageFields, shortened};
use crate::sources::openwebui::completions::scan::{Finder, NOWHERE, Place, ROOT, Scanner, Span, Value};

/// A packet under way.
#[derive(Debug, Default)]
pub(super) struct Packet {
    head: Head,
    scanner: Scanner,
    found: Found,
}

/// How far the part before the JSON is read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Engine.IO's type.
    #[default]
    Engine,
    /// Socket.IO's type.
    Socket,
    /// Namespace and acknowledgement number, of which so many bytes were read.
    Address(u8),
    Json,
    /// Not looked at.
    Other,
}

/// What a packet holds of what we look for.
#[derive(Debug, Default)]
pub(super) struct Found {
    is_event: bool,
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

/// Longest namespace and acknowledgement number.
const ADDRESS_BYTES: u8 = 64;

impl Packet {
    pub(super) fn feed(&mut self, piece: &[u8]) {
        for (at, &byte) in piece.iter().enumerate() {
            self.head = match self.head {
                Head::Engine if byte == b'4' => Head::Socket,
                Head::Socket if byte == b'0' || byte == b'2' => {
                    self.found.is_event = byte == b'2';
                    Head::Address(0)
                }
                Head::Address(_) | Head::Json if byte == b'{' || byte == b'[' || self.head == Head::Json => {
                    self.head = Head::Json;
                    return self.scanner.feed(&piece[at..], &mut self.found);
                }
                Head::Address(count) if count < ADDRESS_BYTES => Head::Address(count + 1),
                _ => Head::Other,
            };
            if self.head == Head::Other {
                return;
            }
        }
    }

    /// Memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.scanner.held()
    }

    /// What was found; the next byte begins another packet.
    pub(super) fn finish(&mut self) -> Found {
        self.head = Head::Engine;
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

impl Finder for Found {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT | AUTH, "token") => TOKEN,
            (ROOT, "sid") => SID,
            (NAME_OR_PAYLOAD, "auth") => AUTH,
            (NAME_OR_PAYLOAD, "chat_id") => CHAT_ID,
            (NAME_OR_PAYLOAD, "message_id") => MESSAGE_ID,
            (NAME_OR_PAYLOAD, "document_id") => DOCUMENT_ID,
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
        if of == ROOT && self.is_event { NAME_OR_PAYLOAD } else { NOWHERE }
    }

    fn found(&mut self, at: Place, value: Value<'_>, _: Span) {
        match (at, value) {
            (NAME_OR_PAYLOAD, Value::Text { text, .. }) if self.event.is_none() => {
                self.event = Some(shortened(&text));
            }
            (TOKEN, Value::Text { text, is_cut: false }) if self.may_bring_token() => {
                self.token = Some(text.into_owned());
            }
            (SID, Value::Text { text, .. }) if !self.is_event => self.sid = Some(shortened(&text)),
            (CHAT_ID, Value::Text { text, .. }) => self.chat_id = Some(shortened(&text)),
            (MESSAGE_ID, Value::Text { text, .. }) => self.message_id = Some(shortened(&text)),
            (DOCUMENT_ID, Value::Text { text, .. }) => self.document_id = Some(shortened(&text)),
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
    /// The two ways in which Open WebUI's clients send their token.
    fn may_bring_token(&self) -> bool {
        !self.is_event || self.event.as_deref() == Some("user-join")
    }
}

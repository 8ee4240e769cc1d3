//! What turns records into events. A source only translates; the [`intake`](crate::intake) checks and records.

mod native;
pub mod openwebui;
pub mod tail;

use std::fmt;
use std::str::FromStr;

use audit_event::{Event, EventError};

/// A format of recorded events, one JSON object a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our own events, as the API takes and exports them.
    Native,
    /// Open WebUI's `audit.log`.
    OpenWebUiAudit,
    /// Open WebUI's webhook events.
    OpenWebUiWebhook,
}

/// A name that is not that of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format: use native, openwebui-audit or openwebui-webhook")]
pub struct UnknownFormat(pub String);

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Native, Self::OpenWebUiAudit, Self::OpenWebUiWebhook];

    /// The name, as in `--format`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenWebUiAudit => "openwebui-audit",
            Self::OpenWebUiWebhook => "openwebui-webhook",
        }
    }

    /// The format that a line looks like, if it looks like any.
    #[must_use]
    pub fn sniff(line: &[u8]) -> Option<Self> {
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
        let has = |names: &[&str]| names.iter().all(|name| members.contains_key(*name));
        if has(&["verb", "request_uri"]) {
            Some(Self::OpenWebUiAudit)
        } else if has(&["event", "created_at"]) || has(&["event", "event_id"]) || has(&["body", "path"]) {
            Some(Self::OpenWebUiWebhook)
        } else if has(&["action"]) {
            Some(Self::Native)
        } else {
            None
        }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// When it is not a record of this format.
    pub fn read<'l>(self, line: &'l [u8]) -> Result<Event<'l>, Refusal> {
        match self {
            Self::Native => native::read(line),
            Self::OpenWebUiAudit => openwebui::audit_file::read(line),
            Self::OpenWebUiWebhook => openwebui::webhook::read(line),
        }
    }
}

/// Reads an event as Open WebUI's webhooks and event functions send it.
///
/// # Errors
/// When it is not such an event.
pub fn read_webhook(body: &[u8]) -> Result<Event<'static>, Refusal> {
    openwebui::webhook::read(body)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Why a line is no record of the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field at fault, as a dotted path; empty when it is the line as a whole.
    pub field: String,
    /// A stable code.
    pub code: &'static str,
    /// One sentence that says what is wrong.
    pub message: String,
}

impl Refusal {
    fn json(what: &str, error: &serde_json::Error) -> Self {
        let code = match error.classify() {
            serde_json::error::Category::Data => "wrong_type",
            _ => "malformed_json",
        };
        Self { field: String::new(), code, message: format!("this line is not {what}: {error}") }
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        Self { code: error.code(), message: error.to_string(), field: error.field }
    }
}

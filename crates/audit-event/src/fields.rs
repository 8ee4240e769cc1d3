//! Typed, borrowed access to an entry's fields.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::entry::Entry;
use crate::error::DecodeError;
use crate::time::Timestamp;
use crate::vocabulary::{ActorType, Capture, Category, GroupSet, Marks, Outcome, Severity, Source};

/// The fields of one event, decoded from its canonical bytes. Strings borrow unless they hold an escape.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as in Event")]
pub struct Fields<'a> {
    pub id: Cow<'a, str>,
    pub time: Timestamp,
    pub recorded_at: Timestamp,
    pub category: Category,
    pub action: Cow<'a, str>,
    pub outcome: Outcome,
    pub reason: Option<Cow<'a, str>>,
    pub severity: Severity,
    pub source: Source,
    pub instance: Option<Cow<'a, str>>,
    pub capture: Option<Capture>,
    pub marks: Marks,
    pub actor_type: Option<ActorType>,
    pub actor_id: Option<Cow<'a, str>>,
    pub actor_name: Option<Cow<'a, str>>,
    pub actor_email: Option<Cow<'a, str>>,
    pub session_id: Option<Cow<'a, str>>,
    pub role: Option<Cow<'a, str>>,
    pub department: Option<Cow<'a, str>>,
    pub groups: Vec<Cow<'a, str>>,
    pub ip: Option<IpAddr>,
    pub peer_ip: Option<IpAddr>,
    pub forwarded_for: Vec<Cow<'a, str>>,
    pub user_agent: Option<Cow<'a, str>>,
    pub target_type: Option<Cow<'a, str>>,
    pub target_id: Option<Cow<'a, str>>,
    pub target_name: Option<Cow<'a, str>>,
    pub targets: Vec<TargetFields<'a>>,
    pub model: Option<Cow<'a, str>>,
    pub provider: Option<Cow<'a, str>>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub cost_usd: Option<f64>,
    pub latency_ms: Option<f64>,
    pub message: Option<Cow<'a, str>>,
    /// The canonical JSON array, undecoded.
    pub changes: Option<&'a str>,
    pub http_method: Option<Cow<'a, str>>,
    pub http_path: Option<Cow<'a, str>>,
    pub http_status: Option<u16>,
    pub request_id: Option<Cow<'a, str>>,
    /// The canonical JSON object, undecoded.
    pub details: Option<&'a str>,
    /// Groups whose content was erased: their fields are `None`.
    pub erased: GroupSet,
}

/// One of `targets`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in Target")]
pub struct TargetFields<'a> {
    pub kind: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Decodes the groups that are there.
    ///
    /// # Errors
    /// When a group is not in canonical form, as far as decoding notices.
    pub fn decode(_entry: &Entry<'a>) -> Result<Fields<'a>, DecodeError> {
        todo!()
    }
}

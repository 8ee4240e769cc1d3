//! What stands around the API: gateways, as only the binary knows them. The endpoint `status` shows it.

use audit_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sessions::Pending;

/// Tells how the gateways are. Asks the platform, so that it may take seconds.
pub trait Surroundings: Send + Sync {
    /// A look around.
    fn look(&self) -> Pending<'_, Gateways>;
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateways {
    /// The platform behind the gateway; none when there is no gateway.
    pub upstream: Option<Upstream>,
    /// Networks of the proxies in front of us whose word about addresses is taken.
    pub trusted_proxies: Vec<String>,
    /// What records what passes; none when nothing can.
    pub recorder: Option<Recorder>,
    /// Model providers, in the configuration's order.
    pub models: Vec<Provider>,
}

/// The platform, asked just now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its address, without a password.
    pub url: String,
    /// Why it does not answer; none when it does.
    pub error: Option<String>,
    /// Its version, if what answers says one.
    pub version: Option<String>,
    /// How far its clock is ahead of ours, in milliseconds. Its answers tell whole seconds.
    pub clock_ahead_ms: Option<i64>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Figures of the recorder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorder {
    /// Requests under way whose intent is in the journal, and events that it keeps for the ledger.
    pub journalled: u64,
    /// Events that wait in the queue.
    pub waiting: u64,
    /// Events dropped since the start because the queue was full.
    pub dropped: u64,
}

/// Figures of a model provider since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Calls of models.
    pub calls: u64,
    /// Those that ended well and told what they used.
    pub with_usage: u64,
    /// Those that ended well and did not.
    pub without_usage: u64,
    /// Those that did not end well.
    pub failed: u64,
    /// Those whose user was not believed.
    pub unproven: u64,
}

/// The state of the server as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// This program's version.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// Its clock.
    pub now: Timestamp,
    /// Whether emergency access is on.
    #[serde(default)]
    pub break_glass: bool,
    /// The gateways.
    pub gateways: Gateways,
    /// Webhooks and the audit file; none where nothing takes them.
    pub sources: Option<SourcesStatus>,
}

/// What came from sources since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcesStatus {
    /// Webhooks that may send.
    pub webhooks: Vec<Webhook>,
    /// How much later the last webhook event came, by our clock, than it happened by the platform's, in milliseconds.
    pub webhook_delay_ms: Option<i64>,
    /// Recorded although the gateway should have seen it and did not.
    pub unseen: u64,
    /// Events that wait for the gateway's.
    pub held: u64,
    /// Events that could not be recorded.
    pub refused: u64,
    /// The audit file, if one is followed.
    pub audit_file: Option<AuditFile>,
}

/// A webhook that may send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// Events since the start.
    pub received: u64,
    /// When the last one came.
    pub last_received: Option<Timestamp>,
    /// Events since the start that were refused: too much waited, they broke off, or nothing could keep them.
    #[serde(default)]
    pub refused: u64,
}

/// The audit file that is followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFile {
    /// Where it is.
    pub path: String,
    /// Whether it was found.
    pub is_open: bool,
    /// Bytes of it that were taken.
    pub offset: u64,
    /// Bytes that were not yet.
    pub lag_bytes: u64,
    /// Lines taken since the start.
    pub lines: u64,
    /// Lines since the start that could not be read.
    pub skipped: u64,
    /// When a line was last taken.
    pub last_line: Option<Timestamp>,
    /// Whether the file that was read before the start was gone.
    pub lost_file: bool,
    /// What keeps it from going on, if anything does.
    pub last_error: Option<String>,
}

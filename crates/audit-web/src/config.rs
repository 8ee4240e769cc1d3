//! What the binary decides about the HTTP API.

use std::time::Duration;

use crate::exports::ExportFiles;
use crate::four_eyes::Approvals;
use crate::limits::Limits;

/// Settings of the HTTP API. The defaults suit one machine and a few hundred clients.
#[derive(Debug, Clone)]
pub struct Config {
    /// `/tlog/…` without a token: its tiles carry no personal data, but tell how much is recorded.
    pub public_tlog: bool,
    /// `/metrics` without a token.
    pub public_metrics: bool,
    /// Most connections at once; more wait in the listener's backlog.
    pub max_connections: usize,
    /// Largest body of a request as it arrives, in bytes.
    pub max_body_bytes: usize,
    /// Largest body after decompression, in bytes.
    pub max_unpacked_bytes: usize,
    /// Bodies of events in memory at once, all requests together, in bytes; beyond it requests are told to retry.
    pub ingest_memory_bytes: usize,
    /// How long a connection may take to send a request's head, and may idle between requests.
    pub head_timeout: Duration,
    /// How long to wait for the next piece of a request's body.
    pub body_timeout: Duration,
    /// The same for requests that the front answers: what uploads pass may be slower than what sends events.
    pub front_body_timeout: Duration,
    /// How long a client may take to accept the next byte of an answer before the connection is closed. A slow but
    /// steady reader of an export is never cut.
    pub stall_timeout: Duration,
    /// How long a query may run (exports excepted).
    pub query_timeout: Duration,
    /// Threads that answer queries.
    pub query_threads: usize,
    /// Exports that run at once; more wait their turn. Each has a thread of its own, so that a slow reader holds up
    /// neither queries nor other exports.
    pub export_threads: usize,
    /// Where exports in the background keep their files; without it there are none. One process uses a directory.
    pub export_files: Option<ExportFiles>,
    /// Threads that parse and encode uploads of many events.
    pub ingest_threads: usize,
    /// Live tails at once.
    pub max_streams: usize,
    /// Silence on a live tail after which a comment is sent, so that proxies keep it open.
    pub heartbeat: Duration,
    /// How often the whole ledger is checked by itself; none: only when somebody asks.
    pub verify_every: Option<Duration>,
    /// What needs a second admin.
    pub approvals: Approvals,
    /// Whoever brings events needs a client certificate, beside a token or a source's secret.
    pub certificate_to_append: bool,
    /// How fast anybody may ask.
    pub limits: Limits,
    /// On shutdown, how long running requests may take to end.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_tlog: false,
            public_metrics: false,
            max_connections: 1_024,
            max_body_bytes: 32 << 20,
            max_unpacked_bytes: 64 << 20,
            ingest_memory_bytes: 128 << 20,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            front_body_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            query_timeout: Duration::from_secs(30),
            query_threads: 4,
            export_threads: 8,
            export_files: None,
            ingest_threads: 2,
            max_streams: 64,
            heartbeat: Duration::from_secs(15),
            verify_every: Some(Duration::from_secs(24 * 60 * 60)),
            approvals: Approvals::default(),
            certificate_to_append: false,
            limits: Limits::default(),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

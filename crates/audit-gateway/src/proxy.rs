//! The streaming reverse proxy.
//!
//! [`Gateway::handle`] answers one request. A read that nobody records takes the short way: its head is made ours and
//! everything else passes untouched. What is recorded leaves bounded copies of its bodies in a watch, which knows who
//! sent it, writes the intent before it is forwarded (strict mode) and the events when the answer has ended.

mod admin_entry;
mod before;
mod capture;
mod client_address;
mod counting;
mod first_message;
mod forward;
mod frames;
mod headers;
mod passing;
mod recording;
mod refusal;
mod relay;
mod socket;
mod socket_answers;
pub mod socket_io;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use audit_event::Clock;
use audit_pipeline::sources::openwebui::identity::TrustedHeaders;
use audit_pipeline::sources::openwebui::table::RouteTable;
use bytes::Bytes;
use http::{HeaderName, Method, Request, Response};
use http_body_util::BodyExt as _;
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::client_address::TrustedProxies;
pub use self::counting::Counting;
pub use self::frames::Piece;
use self::refusal::Refusal;
pub use self::relay::{Direction, SocketTap, Verdict};
pub use self::socket::{SocketListener, SocketOpening};
use self::watch::Seen;
use crate::body::{Body, BoxError};
use crate::identity::Resolver;
use crate::recorder::Recorder;
use crate::upstream::UpstreamClient;

/// What the binary decides about the proxy.
#[derive(Debug, Clone)]
pub struct Config {
    /// Networks of the proxies in front of us whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Headers that sign people in, taken out of every request that no trusted proxy sent.
    pub trusted_headers: TrustedHeaders,
    /// The header in which API keys may come (Open WebUI's `CUSTOM_API_KEY_HEADER`).
    pub api_key_header: HeaderName,
    /// Most WebSockets at once.
    pub max_sockets: usize,
    /// A WebSocket in which nothing passes for this long is closed. Socket.IO sends a ping every 25 seconds.
    pub socket_idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            trusted_headers: TrustedHeaders::default(),
            api_key_header: HeaderName::from_static("x-api-key"),
            max_sockets: 10_000,
            socket_idle_timeout: Duration::from_secs(60 * 60),
        }
    }
}

/// What the proxy works with.
pub struct Parts {
    /// Open WebUI.
    pub upstream: UpstreamClient,
    /// What its requests mean.
    pub table: Arc<RouteTable>,
    /// Who sends them.
    pub resolver: Arc<Resolver>,
    /// Where events go.
    pub recorder: Recorder,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Looks at WebSockets.
    pub sockets: Option<SocketListener>,
    /// Where model calls are counted.
    pub counting: Counting,
}

/// How a request reached us.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The other end of the connection.
    pub ip: IpAddr,
    /// Whether the connection is TLS.
    pub is_tls: bool,
}

/// The reverse proxy; clones share it.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    upstream: UpstreamClient,
    table: Arc<RouteTable>,
    resolver: Arc<Resolver>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    sockets: Option<SocketListener>,
    counting: Counting,
    trusted_proxies: TrustedProxies,
    trusted_headers: TrustedHeaders,
    api_key_header: HeaderName,
    socket_permits: Arc<Semaphore>,
    socket_idle_timeout: Duration,
    /// What was seen of settings, users and groups.
    states: before::States,
    /// Open WebUI was last found unreachable; each change is an event, not each request.
    is_down: AtomicBool,
    ids_without_randomness: AtomicU64,
    /// WebSockets, and exchanges that are being recorded.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Gateway {
    /// Puts the proxy together.
    #[must_use]
    pub fn build(config: Config, parts: Parts) -> Self {
        Self(Arc::new(Inner {
            upstream: parts.upstream,
            table: parts.table,
            resolver: parts.resolver,
            recorder: parts.recorder,
            clock: parts.clock,
            sockets: parts.sockets,
            counting: parts.counting,
            trusted_proxies: TrustedProxies::new(config.trusted_proxies),
            trusted_headers: config.trusted_headers,
            api_key_header: config.api_key_header,
            socket_permits: Arc::new(Semaphore::new(config.max_sockets)),
            socket_idle_timeout: config.socket_idle_timeout,
            states: before::States::default(),
            is_down: AtomicBool::new(false),
            ids_without_randomness: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Passes a request on and answers it; never fails.
    pub async fn handle<B>(&self, mut request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let upgrade = socket::upgrade_of(&mut request);
        let (mut head, body) = request.into_parts();
        let body = Body::new(body.map_err(Into::into));
        if head.method == Method::CONNECT {
            return Refusal::NotProxied.answer(&head.method, &head.headers);
        }
        if let Err(ambiguity) = headers::check(&head) {
            tracing::debug!(error.message = %ambiguity, "a request was refused");
            return Refusal::Ambiguous.answer(&head.method, &head.headers);
        }
        let target = forward::target_of(&head.uri);
        let origin = self.0.trusted_proxies.origin(peer.ip, &head.headers);
        let plan = self.0.table.plan(&head.method, target.as_str());
        let is_watched = plan.is_recorded || plan.remember.is_some() || upgrade.is_some();
        let client = is_watched.then(|| origin.client(&head.headers));
        self.0.make_ours(&mut head, &origin, peer, target.clone());
        if admin_entry::is_asked_for(&head.method, target.path()) {
            return self.0.extended_loader(head).await;
        }
        let Some(client) = client else { return self.0.pass(head, body, plan, target, &origin).await };
        let seen = Seen {
            plan,
            method: head.method.clone(),
            target: target.to_string(),
            headers: head.headers.clone(),
            client,
        };
        match upgrade {
            Some(upgrade) => self.0.tunnel(upgrade, head, seen).await,
            None => self.0.watched(head, body, seen).await,
        }
    }

    /// Ends WebSockets and waits until what has passed is recorded, at most `timeout`. Call it when no request can
    /// come any more, and before [`Recorder::finish`].
    pub async fn drain(&self, timeout: Duration) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(timeout, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.0.tasks.len(), "some exchanges were not recorded in time");
        }
    }

    /// WebSockets that may still be opened.
    #[must_use]
    pub fn free_sockets(&self) -> usize {
        self.0.socket_permits.available_permits()
    }
}

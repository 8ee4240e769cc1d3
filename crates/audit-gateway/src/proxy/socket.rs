//! WebSockets: the change of protocol, and the tunnel behind it.

use std::sync::Arc;

use audit_event::Client;
use audit_pipeline::sources::openwebui::socket::terminal;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::first_message;
use super::forward::from_upstream;
use super::passing::WatchedAnswer;
use super::refusal::Refusal;
use super::watch::{Seen, Watch};
use super::{Inner, headers, relay};
use crate::body::{Body, empty};
use crate::upstream::Tunnel;
use relay::SocketTap;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// A WebSocket that is about to be opened.
#[derive(Debug, Clone, Copy)]
pub struct SocketOpening<'o> {
    /// Path and query.
    pub target: &'o str,
    /// The request's headers, as forwarded.
    pub headers: &'o HeaderMap,
    /// From where.
    pub client: &'o Client<'static>,
    /// Where to spawn what a stopping gateway shall wait for.
    pub tasks: &'o TaskTracker,
}

/// Decides whether the messages of a WebSocket are looked at. Those that are carry no compression: to undo it would
/// take more memory than a connection may have.
pub type SocketListener = Arc<dyn Fn(SocketOpening<'_>) -> Option<SocketTap> + Send + Sync>;

/// The client's wish to change to the WebSocket protocol (RFC 6455, 4.1), if the request has it. Other protocols are
/// not passed on, nor is the wish of a request with a body, which no browser sends; it then goes on as if it had not asked.
pub(super) fn upgrade_of<B: http_body::Body>(request: &mut Request<B>) -> Option<OnUpgrade> {
    let is_first_version = request.version() == Version::HTTP_11 && request.method() == Method::GET;
    let names = |name, wanted: &[u8]| {
        let lines = request.headers().get_all(name).iter();
        lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    let wants = is_first_version
        && request.body().is_end_stream()
        && names(UPGRADE, b"websocket")
        && names(CONNECTION, b"upgrade");
    wants.then(|| hyper::upgrade::on(request))
}

impl Inner {
    /// Opens a WebSocket to upstream and joins it with the client's.
    pub async fn tunnel(
        self: &Arc<Self>,
        upgrade: OnUpgrade,
        mut head: Head,
        mut seen: Seen,
    ) -> Response<Body> {
        let (method, accept) = (seen.method.clone(), seen.headers.clone());
        let Ok(permit) = Arc::clone(&self.socket_permits).try_acquire_owned() else {
            return Refusal::TooManySockets.answer(&method, &accept);
        };
        let is_recorded = seen.plan.is_recorded;
        // To open one is to begin something, though the method is GET: strict mode is about it.
        seen.plan.changes_state |= is_recorded;
        let (tap, told) = if is_recorded && terminal::is_terminal(&seen.target) {
            let (tap, told) = first_message::listen();
            (Some(tap), Some(told))
        } else {
            (self.tap(&seen), None)
        };
        headers::forward_upgrade(&mut head.headers, WEBSOCKET, tap.is_some());
        let mut watch = Watch::begin(self, seen);
        if told.is_some() {
            watch.is_named_later();
        }
        if let Err(error) = watch.prepare().await {
            tracing::warn!(error.message = %error, "a WebSocket was refused because it could not be recorded");
            watch.give_up();
            return Refusal::Unrecordable.answer(&method, &accept);
        }
        let mut answer = match self.upstream.send(Request::from_parts(head, empty())).await {
            Ok(answer) => answer,
            Err(error) => {
                drop(watch.conclude(super::forward::ending_of(&error)));
                return self.fail(&error).answer(&method, &accept);
            }
        };
        self.note_up();
        watch.answered(&answer);
        let Some(tunnel) = Tunnel::open(&mut answer).await else {
            return from_upstream(answer.map(|body| Body::new(WatchedAnswer::new(body, watch))));
        };
        if is_recorded {
            self.tasks.spawn(first_message::record_opening(watch, told));
        } else {
            watch.forget();
        }
        self.spawn_tunnel(upgrade, tunnel, tap, permit);
        switched(answer.map(|_| empty()))
    }

    fn tap(&self, seen: &Seen) -> Option<SocketTap> {
        let listener = self.sockets.as_ref()?;
        listener(SocketOpening {
            target: &seen.target,
            headers: &seen.headers,
            client: &seen.client,
            tasks: &self.tasks,
        })
    }

    /// `permit` is the WebSocket's place among the allowed, held while it is open.
    fn spawn_tunnel(
        self: &Arc<Self>,
        upgrade: OnUpgrade,
        tunnel: Tunnel,
        tap: Option<SocketTap>,
        permit: OwnedSemaphorePermit,
    ) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Ok(client) = upgrade.await {
                let limit = gateway.socket_idle_timeout;
                let end = relay::join(TokioIo::new(client), tunnel, tap, limit, &gateway.stopping).await;
                tracing::trace!(socket.end = ?end, "a WebSocket ended");
            }
            drop(permit);
        });
    }
}

/// The answer of 101 to the client: the change of protocol is between it and us.
fn switched(answer: Response<Body>) -> Response<Body> {
    debug_assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut answer = from_upstream(answer);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.headers_mut().insert(UPGRADE, WEBSOCKET);
    answer
}

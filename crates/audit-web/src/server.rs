//! Connections: accept, TLS, HTTP/1.1 and HTTP/2, drain.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::certificate::ClientCertificate;
use crate::endpoints::fallback;
use crate::front::{Front, FrontBody, Via};
use crate::headers;
use crate::origins::{Origin, Origins};
use crate::places::{Place, Places};
use crate::shards::Shards;
use crate::stall::{StallLimit, SteadyBody};
use crate::state::AppState;
use crate::territory::Territory;
use crate::tls::Tls;
use crate::verifications;

/// After a failed `accept` (no file descriptors left, most likely) wait a moment instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Endpoints that wait for events give a silent body up and say so. Whatever else reads a body is ended so much later.
const AFTER_THE_ENDPOINTS: Duration = Duration::from_secs(1);

/// The address a request's connection came from; every request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddr(pub SocketAddr);

/// What is served beside the API, and how.
#[derive(Clone, Default)]
pub struct Around {
    /// Answers what is not ours; without it, there is nothing else.
    pub front: Option<Front>,
    /// Speak TLS, with HTTP/2 for those who can.
    pub tls: Option<Tls>,
    /// Knows the proxies in front of us; without it, the other end of a connection is the client.
    pub origins: Option<Arc<dyn Origins>>,
    /// Where connections live; without them, in the runtime that serves.
    pub shards: Option<Shards>,
}

/// Serves the API on `listener` until `stop` completes, then drains: no new connections, live tails end, running
/// requests have [`crate::Config::drain_timeout`] to finish, and what was noted about readers is recorded. The ledger
/// must be closed only after this returns.
///
/// # Errors
/// When the listener has no address (it was closed under us).
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    around: Around,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listener.local_addr()?;
    let tls = around.tls.clone();
    let connections = Connections::new(&state, around);
    // Before anybody can begin an export that would be taken for one left behind.
    state.take_up_exports().await;
    tokio::select! {
        () = connections.accept(&listener) => {}
        () = keep_fresh(tls.as_ref()) => {}
        () = state.keep_house() => {}
        () = verifications::keep_schedule(&state) => {}
        () = stop => {}
    }
    drop(listener);
    connections.drain(state.config().drain_timeout).await;
    state.finish().await;
    Ok(())
}

async fn keep_fresh(tls: Option<&Tls>) {
    match tls {
        Some(tls) => tls.keep_fresh().await,
        None => std::future::pending().await,
    }
}

struct Connections {
    serving: Serving,
    shards: Option<Shards>,
    places: Places,
    tracker: TaskTracker,
}

impl Connections {
    fn new(state: &AppState, around: Around) -> Self {
        let shards = around.shards.clone();
        Self {
            serving: Serving::new(state, around),
            shards,
            places: Places::new(state.config().max_connections),
            tracker: TaskTracker::new(),
        }
    }

    /// Accepts for ever.
    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Some(permit) = self.places.wait().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let is_proxy = self.serving.service.is_proxy(peer.ip());
                    match self.places.give(permit, peer.ip(), is_proxy) {
                        Some(place) => self.begin(stream, peer, place),
                        None => tracing::debug!("a connection was closed: its address has its share of all"),
                    }
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection, in one of the shards where there are any.
    fn begin(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Answers are written whole: waiting for more to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let serving = self.serving.clone();
        let Some(shards) = &self.shards else {
            self.tracker.spawn(async move {
                serving.run(stream, peer).await;
                drop(place);
            });
            return;
        };
        // Out of the runtime that accepted it, into the one that will hear of its bytes.
        let Ok(stream) = stream.into_std() else { return };
        shards.spawn(self.tracker.track_future(async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                serving.run(stream, peer).await;
            }
            drop(place);
        }));
    }

    async fn drain(self, timeout: Duration) {
        self.serving.stopping.cancel();
        self.tracker.close();
        if tokio::time::timeout(timeout, self.tracker.wait()).await.is_err() {
            tracing::warn!(connections = self.tracker.len(), "some requests did not end in time");
        }
    }
}

/// How connections are served.
#[derive(Clone)]
struct Serving {
    service: Service,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<Tls>,
    head_timeout: Duration,
    stall_timeout: Duration,
    stopping: CancellationToken,
}

impl Serving {
    fn new(state: &AppState, around: Around) -> Self {
        let config = state.config();
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(config.head_timeout);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2.timer(TokioTimer::new()).keep_alive_interval(config.head_timeout);
        Self {
            service: Service {
                router: crate::router::router(state.clone()),
                body_timeout: config.body_timeout + AFTER_THE_ENDPOINTS,
                front: around.front,
                front_body_timeout: config.front_body_timeout,
                origins: around.origins,
                certificate: None,
            },
            http1,
            http2,
            tls: around.tls,
            head_timeout: config.head_timeout,
            stall_timeout: config.stall_timeout,
            stopping: state.draining().clone(),
        }
    }

    /// Serves one connection until it ends or, when the server stops, until its running requests are answered.
    async fn run(self, stream: TcpStream, peer: SocketAddr) {
        let Self { mut service, http1, http2, tls, head_timeout, stall_timeout, stopping } = self;
        let stream = StallLimit::new(stream, stall_timeout);
        let via = Via { peer, is_tls: tls.is_some() };
        let Some(tls) = tls else {
            return serve_http1(&http1, stream, service, via, &stopping).await;
        };
        let handshake = tokio::time::timeout(head_timeout, tls.acceptor().accept(stream));
        let Ok(Ok(stream)) = handshake.await else {
            return tracing::debug!("a TLS handshake failed");
        };
        // The session is large: on the heap, so that plain connections do not pay for it.
        let stream = Box::new(stream);
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        service.certificate = shown.map(ClientCertificate::of);
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            serve_http2(&http2, stream, service, via, &stopping).await;
        } else {
            Box::pin(serve_http1(&http1, stream, service, via, &stopping)).await;
        }
    }
}

async fn serve_http1(
    http: &http1::Builder,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
    via: Via,
    stopping: &CancellationToken,
) {
    let answer = hyper::service::service_fn(move |request| service.clone().answer(request, via));
    let connection = http.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    note_end(ended);
}

async fn serve_http2(
    http: &http2::Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
    via: Via,
    stopping: &CancellationToken,
) {
    let answer = hyper::service::service_fn(move |request| service.clone().answer(request, via));
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    note_end(ended);
}

fn note_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(error.message = %error, "a connection ended early");
    }
}

/// Decides who answers a request.
#[derive(Clone)]
struct Service {
    router: Router,
    body_timeout: Duration,
    front: Option<Front>,
    front_body_timeout: Duration,
    origins: Option<Arc<dyn Origins>>,
    /// The client's, of a connection that has one.
    certificate: Option<ClientCertificate>,
}

impl Service {
    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.origins.as_ref().is_some_and(|origins| origins.is_proxy(peer))
    }

    async fn answer(
        self,
        mut request: Request<Incoming>,
        via: Via,
    ) -> Result<Response<FrontBody>, Infallible> {
        if let Some(front) = &self.front {
            match Territory::of(request.uri().path()) {
                Territory::Theirs => {
                    let request = request.map(|body| SteadyBody::new(body, self.front_body_timeout));
                    return Ok(front.answer(request, via).await);
                }
                Territory::Disguised => {
                    let problem = fallback::no_such_route(request.uri());
                    let mut response = problem.into_response();
                    headers::complete(response.headers_mut(), via.is_tls);
                    return Ok(boxed(response));
                }
                Territory::Ours => {}
            }
        }
        request.extensions_mut().insert(PeerAddr(via.peer));
        request.extensions_mut().insert(via);
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        if let Some(origins) = &self.origins {
            let client = origins.client(via.peer.ip(), request.headers());
            request.extensions_mut().insert(Origin(client));
        }
        let request = request.map(|body| Body::new(SteadyBody::new(body, self.body_timeout)));
        let Ok(answer) = self.router.oneshot(request).await;
        Ok(boxed(answer))
    }
}

fn boxed(answer: axum::response::Response) -> Response<FrontBody> {
    answer.map(|body| FrontBody::new(body.map_err(Into::into)))
}

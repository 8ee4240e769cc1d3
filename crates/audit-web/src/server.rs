//! Connections: accept, serve HTTP/1.1, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::stall::StallLimit;
use crate::state::AppState;

/// After a failed `accept` (no file descriptors left, most likely) wait a moment instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The address a request came from; every request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddr(pub SocketAddr);

/// Serves the API on `listener` until `stop` completes, then drains: no new connections, live tails end, running
/// requests have [`crate::Config::drain_timeout`] to finish, and what was noted about readers is recorded. The ledger
/// must be closed only after this returns.
///
/// # Errors
/// When the listener has no address (it was closed under us).
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listener.local_addr()?;
    let connections = Connections::new(&state);
    tokio::select! {
        () = connections.accept(&listener) => {}
        () = state.keep_house() => {}
        () = stop => {}
    }
    drop(listener);
    connections.drain(state.config().drain_timeout).await;
    state.finish().await;
    Ok(())
}

struct Connections {
    router: Router,
    http: http1::Builder,
    stall_timeout: Duration,
    permits: Arc<Semaphore>,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Connections {
    fn new(state: &AppState) -> Self {
        let config = state.config();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(config.head_timeout);
        Self {
            router: crate::router::router(state.clone()),
            http,
            stall_timeout: config.stall_timeout,
            permits: Arc::new(Semaphore::new(config.max_connections)),
            tracker: TaskTracker::new(),
            stopping: state.draining().clone(),
        }
    }

    /// Accepts for ever.
    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = self.connection(stream, peer);
                    self.tracker.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection until it ends or, when the server stops, until its running request is answered.
    fn connection(&self, stream: TcpStream, peer: SocketAddr) -> impl Future<Output = ()> + Send + use<> {
        // Answers are written whole: waiting for more to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let io = TokioIo::new(StallLimit::new(stream, self.stall_timeout));
        let connection = self.http.serve_connection(io, service);
        let stopping = self.stopping.clone();
        async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error.message = %error, "a connection ended early");
            }
        }
    }

    async fn drain(self, timeout: Duration) {
        self.stopping.cancel();
        self.tracker.close();
        if tokio::time::timeout(timeout, self.tracker.wait()).await.is_err() {
            tracing::warn!(connections = self.tracker.len(), "some requests did not end in time");
        }
    }
}

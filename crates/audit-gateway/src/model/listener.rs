//! A listener of the model gateway's own, for installations where Open WebUI reaches us by another network than people do.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ModelGateway;

/// Most connections at once; more wait to be accepted. Open WebUI keeps one for each call under way.
const MOST_CONNECTIONS: usize = 10_000;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the system has no more sockets.
const PAUSE: Duration = Duration::from_millis(100);
/// How long calls under way may take once we are asked to stop.
const GRACE: Duration = Duration::from_secs(30);

impl ModelGateway {
    /// Serves connections until `stop` is done; then ends idle ones, and waits a while for calls under way.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let (stopping, connections) = (CancellationToken::new(), TaskTracker::new());
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut stop = std::pin::pin!(stop);
        loop {
            let place = Arc::clone(&places).acquire_owned();
            tokio::select! {
                () = &mut stop => break,
                (place, accepted) = async { (place.await, listener.accept().await) } => match accepted {
                    Ok((stream, peer)) => {
                        let served = connection(self.clone(), stream, peer, stopping.clone());
                        connections.spawn(async move {
                            served.await;
                            drop(place);
                        });
                    }
                    // The client is gone already, or there are too many files open: neither ends the listener.
                    Err(error) => {
                        tracing::warn!(error.message = %error, "a connection to the model gateway was not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        stopping.cancel();
        connections.close();
        if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
            tracing::warn!("model calls were still under way at the end");
        }
        Ok(())
    }
}

async fn connection(gateway: ModelGateway, stream: TcpStream, peer: SocketAddr, stopping: CancellationToken) {
    // Small pieces of a stream are to arrive at once; a socket that refuses this works all the same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.handle(request, peer.ip()).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        ended = served.as_mut() => return log(ended),
        () = stopping.cancelled() => served.as_mut().graceful_shutdown(),
    }
    log(served.await);
}

fn log(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(error.message = %error, "a connection to the model gateway ended");
    }
}

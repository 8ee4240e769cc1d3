//! One connection to upstream, driven by whoever uses it.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep};

use super::Error;
use super::bell::Bell;
use super::connect::{Moved, Stream};
use crate::body::Body;

/// A connection: hyper's state machine and the handle that gives it requests.
pub(super) struct Link {
    requests: SendRequest<Body>,
    machine: Connection<TokioIo<Stream>, Body>,
    has_ended: bool,
    bell: Bell,
    pub moved: Moved,
    /// Since when nobody uses it.
    pub idle_since: Instant,
}

/// A request of which no byte was written; it may go out on another connection.
pub(super) struct Unsent(pub Box<Request<Body>>);

impl Link {
    /// HTTP over an open stream.
    pub async fn over(stream: Stream) -> Result<Box<Self>, Error> {
        let moved = stream.moved();
        let (requests, machine) =
            http1::Builder::new().handshake(stream.into_io()).await.map_err(Error::Broke)?;
        Ok(Box::new(Self {
            requests,
            machine,
            has_ended: false,
            bell: Bell::new(),
            moved,
            idle_since: Instant::now(),
        }))
    }

    /// Polls something that this connection feeds, moving what can be moved before each look.
    pub fn poll_with<T>(
        &mut self,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let (machine, has_ended) = (&mut self.machine, &mut self.has_ended);
        self.bell.attend(cx, |cx| {
            // Errors are told to the request or the body that they hit.
            if !*has_ended && Pin::new(&mut *machine).poll(cx).is_ready() {
                *has_ended = true;
            }
            poll(cx)
        })
    }

    /// Whether it can take a request now; a connection that the other side has closed cannot.
    pub fn poll_is_ready(&mut self, cx: &Context<'_>) -> bool {
        let _ = self.poll_with(cx, |_| Poll::<()>::Pending);
        !self.has_ended && self.requests.is_ready()
    }

    /// Sends a request and waits for the answer's head.
    pub async fn exchange(
        &mut self,
        request: Request<Body>,
        quiet_limit: Duration,
    ) -> Result<Result<Response<Incoming>, Unsent>, Error> {
        let mut answer = pin!(self.requests.try_send_request(request));
        let mut quiet = pin!(Quiet::new(self.moved.clone(), quiet_limit));
        let result = std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_with(cx, |cx| answer.as_mut().poll(cx)) {
                return Poll::Ready(Some(result));
            }
            quiet.as_mut().poll(cx).map(|()| None)
        })
        .await;
        match result {
            None => Err(Error::TimedOut),
            Some(Ok(answer)) => Ok(Ok(answer)),
            Some(Err(mut error)) => match error.take_message() {
                Some(request) => Ok(Err(Unsent(Box::new(request)))),
                None => Err(Error::Broke(error.into_error())),
            },
        }
    }

    /// After an answer of 101: the bare stream, and what was read of it already.
    pub async fn into_stream(mut self: Box<Self>) -> (Stream, Bytes) {
        std::future::poll_fn(|cx| {
            let _ = self.poll_with(cx, |_| Poll::<()>::Pending);
            if self.has_ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.machine.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }
}

/// Completes when nothing has moved on a connection for as long as the limit.
///
/// The timer is not touched while bytes flow; when it fires, it looks whether any did.
pub(crate) struct Quiet {
    moved: Moved,
    seen: u64,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Quiet {
    pub fn new(moved: Moved, limit: Duration) -> Self {
        let seen = moved.load(Ordering::Relaxed);
        Self { moved, seen, limit, timer: Box::pin(tokio::time::sleep(limit)) }
    }
}

impl Future for Quiet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let moved = self.moved.load(Ordering::Relaxed);
            if moved == self.seen {
                return Poll::Ready(());
            }
            self.seen = moved;
            let deadline = Instant::now() + self.limit;
            self.timer.as_mut().reset(deadline);
        }
    }
}

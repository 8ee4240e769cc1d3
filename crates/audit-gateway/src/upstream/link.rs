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
use tokio::runtime::{self, Handle};
use tokio::time::{Instant, Sleep};

use super::Error;
use super::bell::Bell;
use super::connect::{Moved, Stream};
use super::outgoing::{Outgoing, Whole};

/// A connection: hyper's state machine and the handle that gives it requests.
pub(super) struct Link {
    requests: SendRequest<Outgoing>,
    machine: Connection<TokioIo<Stream>, Outgoing>,
    has_ended: bool,
    /// Of the last request, every byte that its head announced was given to the machine.
    is_whole: Whole,
    bell: Bell,
    pub quiet: Quiet,
    /// Since when nobody uses it.
    pub idle_since: Instant,
    /// The runtime that hears of its bytes.
    pub home: runtime::Id,
}

/// A request of which no byte was written; it may go out on another connection.
pub(super) struct Unsent(pub Box<Request<Outgoing>>);

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
            is_whole: Whole::new(true.into()),
            bell: Bell::new(),
            quiet: Quiet::new(moved),
            idle_since: Instant::now(),
            home: Handle::current().id(),
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

    /// Whether it can take a request now. A connection that the other side has closed cannot; nor can one on which the
    /// other side still waits for the end of a request's body, since it would take the next request for that.
    pub fn poll_is_ready(&mut self, cx: &Context<'_>) -> bool {
        let _ = self.poll_with(cx, |_| Poll::<()>::Pending);
        !self.has_ended && self.is_whole.load(Ordering::Relaxed) && self.requests.is_ready()
    }

    /// Sends a request and waits for the answer's head.
    pub async fn exchange(
        &mut self,
        mut request: Request<Outgoing>,
        quiet_limit: Duration,
    ) -> Result<Result<Response<Incoming>, Unsent>, Error> {
        request.body_mut().tell(&self.is_whole);
        let mut answer = pin!(self.requests.try_send_request(request));
        self.quiet.begin(quiet_limit);
        let result = std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_with(cx, |cx| answer.as_mut().poll(cx)) {
                return Poll::Ready(Some(result));
            }
            self.quiet.poll(cx).map(|()| None)
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
/// The timer is touched neither while bytes flow nor at the beginning of a request: when it fires, it looks whether
/// there is a reason, and else waits for what is left.
pub(crate) struct Quiet {
    moved: Moved,
    seen: u64,
    limit: Duration,
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Quiet {
    /// Not watching yet; see [`Quiet::begin`].
    pub fn new(moved: Moved) -> Self {
        Self { moved, seen: 0, limit: Duration::MAX, since: Instant::now(), timer: None }
    }

    /// Watches from now on.
    pub fn begin(&mut self, limit: Duration) {
        self.seen = self.moved.load(Ordering::Relaxed);
        self.since = Instant::now();
        self.limit = limit;
        let deadline = self.since + limit;
        if let Some(timer) = self.timer.as_mut().filter(|timer| timer.deadline() > deadline) {
            timer.as_mut().reset(deadline);
        }
    }

    /// Ready when nothing has moved for too long.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (since, limit) = (self.since, self.limit);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(since + limit)));
        loop {
            ready!(timer.as_mut().poll(cx));
            let moved = self.moved.load(Ordering::Relaxed);
            if moved != self.seen {
                self.seen = moved;
                self.since = Instant::now();
            } else if self.since.elapsed() >= self.limit {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.since + self.limit);
        }
    }
}

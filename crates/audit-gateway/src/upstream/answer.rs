//! What comes back: a body, or after 101 a stream of another protocol.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Error;
use super::connect::Stream;
use super::link::Link;
use super::pool::Pool;
use crate::body::BoxError;

/// An answer's body. Its connection goes back to the pool when the end was read, and is closed when it was not.
pub struct AnswerBody {
    incoming: Incoming,
    link: Option<Box<Link>>,
    pool: Option<Arc<Pool>>,
    idle_timeout: Duration,
    /// It was waited for: most answers are there at once.
    is_awaited: bool,
    /// The body broke off; said at the next poll, so that what came before is on its way first.
    broken: Option<hyper::Error>,
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl AnswerBody {
    pub(super) fn new(
        incoming: Incoming,
        link: Box<Link>,
        pool: Option<Arc<Pool>>,
        idle_timeout: Duration,
    ) -> Self {
        Self { incoming, link: Some(link), pool, idle_timeout, is_awaited: false, broken: None }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let incoming = &mut self.incoming;
        match &mut self.link {
            Some(link) => link.poll_with(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx)),
            None => Pin::new(incoming).poll_frame(cx),
        }
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(link) = &mut self.link else { return Poll::Pending };
        if !self.is_awaited {
            self.is_awaited = true;
            link.quiet.begin(self.idle_timeout);
        }
        link.quiet.poll(cx)
    }

    /// Gives the connection back if the whole answer was read.
    fn release(&mut self, cx: &mut Context<'_>) {
        let Some(pool) = &self.pool else { return };
        if let Some(mut link) = self.link.take()
            && link.poll_is_ready(cx)
        {
            pool.put(link);
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error.into())));
        }
        match self.poll_incoming(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if self.incoming.is_end_stream() {
                    self.release(cx);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.link = None;
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => {
                self.release(cx);
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_quiet(cx).map(|()| {
                self.link = None;
                Some(Err(Error::TimedOut.into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if self.link.is_some() && self.incoming.is_end_stream() {
            self.release(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// The stream of another protocol that a connection has become.
pub struct Tunnel {
    /// What came together with the answer's head.
    early: Bytes,
    stream: Stream,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

impl Tunnel {
    /// The stream behind an answer of 101; `None` for any other answer.
    pub async fn open(answer: &mut Response<AnswerBody>) -> Option<Self> {
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return None;
        }
        let (stream, early) = answer.body_mut().link.take()?.into_stream().await;
        Some(Self { early, stream })
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early[..length]);
        self.early.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

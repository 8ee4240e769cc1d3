//! A connection that gives up on a peer which takes no bytes, and a body that gives up on one which sends none.
//!
//! A total time limit would cut long exports and uploads, none would let a dead client hold its connection for ever. So
//! the clock runs only while a write or a piece of the body is waited for, and any byte that moves stops it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Wraps a stream; a write that waits longer than the limit fails with [`io::ErrorKind::TimedOut`].
pub(crate) struct StallLimit<T> {
    stream: T,
    patience: Patience,
}

/// How long something has been waited for.
struct Patience {
    limit: Duration,
    /// Made at the first wait: most connections never need it.
    timer: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None, waits: false }
    }

    /// Lets through what is ready; what has been pending for longer than the limit becomes `None`.
    fn judge<R>(&mut self, cx: &mut Context<'_>, result: Poll<R>) -> Poll<Option<R>> {
        if let Poll::Ready(result) = result {
            self.waits = false;
            return Poll::Ready(Some(result));
        }
        let deadline = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waits {
            self.waits = true;
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).map(|()| None)
    }
}

impl<T> StallLimit<T> {
    /// Wraps `stream`.
    pub fn new(stream: T, limit: Duration) -> Self {
        Self { stream, patience: Patience::new(limit) }
    }

    fn judge<R>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        let judged = self.patience.judge(cx, result);
        judged.map(|result| result.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())))
    }
}

/// Wraps a body; a piece that is waited for longer than the limit is the error [`io::ErrorKind::TimedOut`].
pub struct SteadyBody<B> {
    body: B,
    patience: Patience,
}

impl<B> SteadyBody<B> {
    /// Wraps `body`.
    pub(crate) fn new(body: B, limit: Duration) -> Self {
        Self { body, patience: Patience::new(limit) }
    }
}

impl<B> Body for SteadyBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.patience.judge(cx, frame).map(|frame| match frame {
            Some(frame) => frame.map(|frame| frame.map_err(Into::into)),
            None => Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for StallLimit<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for StallLimit<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = StallLimit::new(ours, LIMIT);
        let error = ours.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_peer_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = StallLimit::new(ours, LIMIT);
        let reader = tokio::spawn(async move {
            let mut taken = 0;
            let mut piece = [0; 16];
            while taken < 160 {
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                taken += theirs.read(&mut piece).await.unwrap();
            }
        });
        ours.write_all(&[0; 160]).await.unwrap();
        reader.await.unwrap();
    }

    /// A body whose pieces come so long after each other.
    fn body(pauses: [u64; 3]) -> SteadyBody<impl Body<Data = Bytes, Error = io::Error> + Unpin> {
        let pieces = stream::unfold(pauses.into_iter(), |mut pauses| async move {
            tokio::time::sleep(Duration::from_secs(pauses.next()?)).await;
            Some((Ok(Frame::data(Bytes::from_static(b"x"))), pauses))
        });
        SteadyBody::new(StreamBody::new(Box::pin(pieces)), LIMIT)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_breaks_off() {
        let error = body([1, 1, 61]).collect().await.map(drop).unwrap_err();
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_body_does_not() {
        assert_eq!(body([59, 59, 59]).collect().await.unwrap().to_bytes(), "xxx");
    }
}

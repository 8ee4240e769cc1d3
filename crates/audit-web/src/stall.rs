//! A connection that gives up on a peer which takes no bytes.
//!
//! A total time limit would cut long exports, none would let a dead client hold its connection for ever. So the clock
//! runs only while a write waits, and any byte that moves stops it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Wraps a stream; a write that waits longer than the limit fails with [`io::ErrorKind::TimedOut`].
pub(crate) struct StallLimit<T> {
    stream: T,
    limit: Duration,
    /// Made at the first wait: most connections never need it.
    timer: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl<T> StallLimit<T> {
    /// Wraps `stream`.
    pub fn new(stream: T, limit: Duration) -> Self {
        Self { stream, limit, timer: None, waits: false }
    }

    fn judge<R>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if result.is_ready() {
            self.waits = false;
            return result;
        }
        let deadline = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waits {
            self.waits = true;
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
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
}

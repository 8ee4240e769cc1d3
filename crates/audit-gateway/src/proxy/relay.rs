//! Two streams joined after a change of protocol: WebSockets.
//!
//! Bytes pass through a buffer on the stack, so that a quiet connection holds none; only what the other side does not
//! take at once is kept.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::frames::{FrameReader, Piece};
use crate::upstream::Quiet;

/// Most bytes moved at once.
const PIECE: usize = 8 << 10;

/// A close frame with "try again later" (1013), to the client.
const TRY_LATER: [u8; 4] = [0x88, 0x02, 0x03, 0xF5];

/// Close frames with "going away" (1001): to the client, and masked (with a key of zeros) to the server.
const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];
const GOING_AWAY_MASKED: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

/// How long the two sides may take to accept the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From Open WebUI.
    ToClient,
}

/// Looks at the text messages of one WebSocket, in the order of their arrival, before the other side has them. Runs where
/// the bytes pass: must be brief.
pub type SocketTap = Box<dyn FnMut(Direction, Piece<'_>) -> Verdict + Send>;

/// Whether what was looked at may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It may.
    Pass,
    /// The message must not arrive whole: the WebSocket is closed.
    Stop,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides were done, or one broke off.
    Closed,
    /// Nothing passed for too long.
    Quiet,
    /// We are about to stop.
    Stopped,
    /// What came must not pass.
    Refused,
}

/// Why a direction ended before its time.
#[derive(Debug)]
enum Broken {
    Off,
    Refused,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Off
    }
}

/// Joins two streams until both are done.
pub(super) async fn join<C, U>(
    client: C,
    upstream: U,
    mut tap: Option<SocketTap>,
    quiet_limit: Duration,
    stop: &CancellationToken,
) -> End
where
    C: AsyncRead + AsyncWrite,
    U: AsyncRead + AsyncWrite,
{
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = pin!(client);
    let mut upstream = pin!(upstream);
    let mut to_server = Half::new(Direction::ToServer);
    let mut to_client = Half::new(Direction::ToClient);
    let mut quiet = Quiet::new(Arc::clone(&moved));
    quiet.begin(quiet_limit);
    let both = std::future::poll_fn(|cx| {
        let up = to_server.poll(cx, client.as_mut(), upstream.as_mut(), &mut tap, &moved)?;
        let down = to_client.poll(cx, upstream.as_mut(), client.as_mut(), &mut tap, &moved)?;
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok::<_, Broken>(())) } else { Poll::Pending }
    });
    let end = tokio::select! {
        ended = both => if matches!(ended, Err(Broken::Refused)) { End::Refused } else { End::Closed },
        () = std::future::poll_fn(|cx| quiet.poll(cx)) => End::Quiet,
        () = stop.cancelled() => End::Stopped,
    };
    if end != End::Closed {
        let goodbye = async {
            let is_refused = end == End::Refused;
            if to_client.is_between_frames() {
                client.write_all(if is_refused { &TRY_LATER } else { &GOING_AWAY }).await?;
            }
            // The server has half of what was refused: more bytes could complete it.
            if to_server.is_between_frames() && !is_refused {
                upstream.write_all(&GOING_AWAY_MASKED).await?;
            }
            client.shutdown().await?;
            upstream.shutdown().await
        };
        // Whoever does not listen any more needs no goodbye.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
    end
}

/// One direction.
struct Half {
    direction: Direction,
    /// What was read and not yet taken.
    waiting: Vec<u8>,
    /// The reading side has ended.
    is_over: bool,
    is_shut: bool,
    needs_flush: bool,
    frames: FrameReader,
}

impl Half {
    fn new(direction: Direction) -> Self {
        let frames = FrameReader::default();
        Self { direction, waiting: Vec::new(), is_over: false, is_shut: false, needs_flush: false, frames }
    }

    fn is_between_frames(&self) -> bool {
        self.waiting.is_empty() && !self.is_shut && self.frames.is_between_frames()
    }

    /// Moves what can be moved; ready when this direction is done.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut impl AsyncRead>,
        mut to: Pin<&mut impl AsyncWrite>,
        tap: &mut Option<SocketTap>,
        moved: &AtomicU64,
    ) -> Poll<Result<(), Broken>> {
        loop {
            ready!(self.poll_drain(cx, to.as_mut()))?;
            if self.is_over {
                return self.poll_shut(cx, to).map_err(Into::into);
            }
            let mut space = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut space);
            if from.as_mut().poll_read(cx, &mut piece)?.is_pending() {
                if self.needs_flush {
                    ready!(to.as_mut().poll_flush(cx))?;
                    self.needs_flush = false;
                }
                return Poll::Pending;
            }
            let bytes = piece.filled();
            moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.is_over = bytes.is_empty();
            if self.look(bytes, tap) == Verdict::Stop {
                return Poll::Ready(Err(Broken::Refused));
            }
            match to.as_mut().poll_write(cx, bytes)? {
                Poll::Ready(written) => self.waiting.extend_from_slice(&bytes[written..]),
                Poll::Pending => self.waiting.extend_from_slice(bytes),
            }
            self.needs_flush = true;
        }
    }

    fn look(&mut self, bytes: &[u8], tap: &mut Option<SocketTap>) -> Verdict {
        let direction = self.direction;
        match tap {
            Some(tap) => self.frames.feed(bytes, &mut |piece| tap(direction, piece)),
            None => {
                self.frames.skip(bytes);
                Verdict::Pass
            }
        }
    }

    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        mut to: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let written = ready!(to.as_mut().poll_write(cx, &self.waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..written);
            if self.waiting.is_empty() {
                self.waiting = Vec::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>, to: Pin<&mut impl AsyncWrite>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(to.poll_shutdown(cx))?;
            self.is_shut = true;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;

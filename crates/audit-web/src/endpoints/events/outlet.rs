//! Where an export's bytes go: hashed, without those that the client has, packed, to the connection.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::resume::{self, Resume};
use crate::encoding::{Encoder, Encoding};
use crate::problem::{Problem, Result};

/// Pieces on their way to the connection.
const PIECES_AHEAD: usize = 4;
/// Compressed pieces are sent when they have this many bytes.
const PIECE_BYTES: usize = 128 << 10;

/// The SHA-256 of the whole file, before any content encoding, in hexadecimal.
pub(crate) struct Digest(pub String);

/// What the export thread sends to the connection.
enum Piece {
    Bytes(Bytes),
    /// The export is whole. Without it the answer must not end like one that is.
    End,
}

/// Where the export writes to.
pub(crate) struct Outlet {
    encoder: Encoder,
    hash: Sha256,
    /// Bytes the client has that have not been written yet.
    to_skip: u64,
    /// What the skipped bytes must hash to.
    skipped_hash: Option<String>,
    /// Told once when the first byte may leave, or why none will.
    opened: Option<oneshot::Sender<Result<()>>>,
    pieces: mpsc::Sender<Piece>,
    stall_timeout: Duration,
    runtime: Handle,
}

/// The connection's side of an [`Outlet`].
pub(crate) struct Intake {
    /// The answer's body.
    pub body: Body,
    /// Completes when what the client has is the beginning of the export; nothing is sent before.
    pub opened: oneshot::Receiver<Result<()>>,
}

impl Outlet {
    /// An outlet to a connection and its other side. Call from the runtime.
    ///
    /// # Errors
    /// When the encoder cannot be made.
    pub fn new(encoding: Encoding, resume: &Resume, stall_timeout: Duration) -> io::Result<(Self, Intake)> {
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let (open, opened) = oneshot::channel();
        let outlet = Self {
            encoder: Encoder::new(encoding)?,
            hash: Sha256::new(),
            to_skip: resume.skip_bytes,
            skipped_hash: resume.skip_sha256.clone(),
            opened: Some(open),
            pieces,
            stall_timeout,
            runtime: Handle::current(),
        };
        Ok((outlet, Intake { body: body(received), opened }))
    }

    /// Begins to send unless there is something to skip first.
    ///
    /// # Errors
    /// When the client has left.
    pub fn begin(&mut self) -> io::Result<()> {
        if self.to_skip == 0 { self.open() } else { Ok(()) }
    }

    /// Answers that there will be no export.
    pub fn refuse(mut self, problem: Problem) {
        self.tell(Err(problem));
    }

    /// Sends the rest and the end.
    ///
    /// # Errors
    /// When the client has left, or has more bytes than there are.
    pub fn finish(mut self) -> io::Result<Digest> {
        if self.to_skip > 0 {
            self.tell(Err(resume::differs("the export has fewer bytes than skip_bytes says; begin again")));
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let rest = std::mem::replace(&mut self.encoder, Encoder::new(Encoding::Identity)?).finish()?;
        if !rest.is_empty() {
            self.send(Piece::Bytes(Bytes::from(rest)))?;
        }
        self.send(Piece::End)?;
        Ok(Digest(hexadecimal(self.hash)))
    }

    /// Passes over what the client has; returns what comes after.
    fn skip<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let length = usize::try_from(self.to_skip).unwrap_or(usize::MAX).min(bytes.len());
        let (had, new) = bytes.split_at(length);
        self.hash.update(had);
        self.to_skip -= length as u64;
        if self.to_skip == 0 {
            self.open()?;
        } else if self.opened.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(new)
    }

    /// Lets the answer begin, if what the client has is right.
    fn open(&mut self) -> io::Result<()> {
        let is_right =
            self.skipped_hash.take().is_none_or(|expected| hexadecimal(self.hash.clone()) == expected);
        if !is_right {
            self.tell(Err(resume::differs(
                "the first skip_bytes bytes of the export do not hash to skip_sha256; begin again",
            )));
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.tell(Ok(())) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    /// Whether somebody heard it.
    fn tell(&mut self, verdict: Result<()>) -> bool {
        self.opened.take().is_some_and(|opened| opened.send(verdict).is_ok())
    }

    /// Hands a piece to the connection; waits while it is behind.
    fn send(&self, piece: Piece) -> io::Result<()> {
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, self.stall_timeout));
        sent.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => io::ErrorKind::TimedOut.into(),
            mpsc::error::SendTimeoutError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let new = if self.to_skip > 0 { self.skip(bytes)? } else { bytes };
        self.hash.update(new);
        self.encoder.write_all(new)?;
        if self.encoder.ready() >= PIECE_BYTES {
            let piece = self.encoder.take();
            self.send(Piece::Bytes(Bytes::from(piece)))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn body(received: mpsc::Receiver<Piece>) -> Body {
    Body::from_stream(stream::unfold(Some(received), |received| async {
        let mut received = received?;
        match received.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(received))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    }))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

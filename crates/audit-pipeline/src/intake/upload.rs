//! A request that comes in pieces.

use super::{Error, Fed, Feed, Intake, OnError};

/// A skipping upload appends when so many bytes of lines have come: some 2,000 events.
const BATCH_BYTES: usize = 2 << 20;

/// Lines that come in pieces of any size; blocks while the disk is behind.
///
/// A skipping upload is appended piece by piece while it is read: if it ends early, what was appended stays, and
/// sending it again gives duplicates that are recognised by their ids. A rejecting one is kept in memory until
/// [`finish`](Self::finish), so that it is recorded as a whole or not at all.
pub struct Upload {
    feed: Feed,
    on_error: OnError,
    max_request_bytes: usize,
    /// Complete lines not yet encoded, then the beginning of the next one.
    buffer: Vec<u8>,
}

impl Upload {
    pub(super) fn new(intake: Intake, on_error: OnError) -> Self {
        let max_request_bytes = intake.config.max_request_bytes;
        Self { feed: Feed::new(intake, on_error), on_error, max_request_bytes, buffer: Vec::new() }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// As [`Intake::append`]; the upload has failed then. [`Error::TooLarge`] when a rejecting upload, or one line of
    /// a skipping one, exceeds [`Config::max_request_bytes`](super::Config::max_request_bytes).
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(piece);
        if self.on_error == OnError::Skip && self.buffer.len() >= BATCH_BYTES {
            self.take_complete_lines()?;
        }
        if self.buffer.len() > self.max_request_bytes {
            return Err(Error::TooLarge { limit_bytes: self.max_request_bytes });
        }
        Ok(())
    }

    /// Takes what is left and waits until all is durable.
    ///
    /// # Errors
    /// As [`Intake::append`]. A skipping upload may have been recorded in part.
    pub fn finish(mut self) -> Result<Fed, Error> {
        self.feed.lines(&self.buffer)?;
        self.feed.finish()
    }

    fn take_complete_lines(&mut self) -> Result<(), Error> {
        let Some(end) = memchr::memrchr(b'\n', &self.buffer) else { return Ok(()) };
        let next = self.buffer.split_off(end + 1);
        let lines = std::mem::replace(&mut self.buffer, next);
        self.feed.lines(&lines)
    }
}

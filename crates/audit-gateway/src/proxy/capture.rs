//! The bounded copy of a body that is looked at; the body itself passes untouched.

mod decoder;

use std::io::{self, Write};

use audit_pipeline::sources::openwebui::exchange::{Captured, GistReader};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use decoder::Decoder;

/// Last bytes kept of a body that is longer than what is kept of its beginning.
const TAIL: usize = 32 << 10;

/// Bytes after decoding beyond which a body is no longer followed: no honest JSON is that long, and a compressed bomb
/// must not keep a thread busy.
const MAX_DECODED: u64 = 64 << 20;

/// Takes a copy while a body passes.
pub(super) struct Capture {
    decoder: Decoder,
    length: u64,
    /// Reads what may be too long to be kept.
    gist: Option<GistReader>,
}

/// The copy, when the body has passed.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    tail: Vec<u8>,
    is_whole: bool,
    length: u64,
    gist: Vec<u8>,
}

impl Capture {
    /// Keeps `limit` bytes of a body with these headers, its content encoding undone; with a limit of 0, only the
    /// length is taken.
    pub fn new(limit: usize, headers: &HeaderMap) -> Self {
        let decoder =
            if limit == 0 { Decoder::blind() } else { Decoder::of(headers, Sink::new(limit, TAIL)) };
        Self { decoder, length: 0, gist: None }
    }

    /// Keeps `limit` bytes of a request's body as they are. Open WebUI takes no notice of a request's
    /// `Content-Encoding`: to undo one would show something else than what it acts on.
    ///
    /// `gist` reads all of it, unless `headers` announce no more than is kept.
    pub fn of_request(limit: usize, headers: &HeaderMap, gist: impl FnOnce() -> Option<GistReader>) -> Self {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let is_kept = length.is_some_and(|length: usize| length <= limit);
        let gist = if is_kept { None } else { gist() };
        Self { gist, ..Self::new(limit, &HeaderMap::new()) }
    }

    /// The next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.decoder.feed(bytes);
        if let Some(gist) = &mut self.gist {
            gist.feed(bytes);
        }
    }

    /// What was kept; `is_complete` says whether the body passed to its end.
    pub fn finish(&mut self, is_complete: bool) -> Kept {
        let decoder = std::mem::replace(&mut self.decoder, Decoder::blind());
        let mut kept = decoder.finish(is_complete);
        kept.length = self.length;
        kept.gist = self.gist.take().map(GistReader::finish).unwrap_or_default();
        kept
    }
}

impl Kept {
    /// As the route table reads it.
    pub fn captured(&self) -> Captured<'_> {
        let Self { bytes, tail, is_whole, length, gist } = self;
        Captured { bytes, tail, is_whole: *is_whole, length: *length, gist }
    }
}

/// Keeps the beginning and the end of what is written to it.
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    tail: Vec<u8>,
    tail_limit: usize,
    written: u64,
}

impl Sink {
    fn new(limit: usize, tail_limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, tail: Vec::new(), tail_limit, written: 0 }
    }

    fn into_kept(mut self, is_complete: bool) -> Kept {
        let surplus = self.tail.len().saturating_sub(self.tail_limit);
        self.tail.drain(..surplus);
        let is_whole = is_complete && self.written == self.bytes.len() as u64;
        Kept { bytes: self.bytes, tail: self.tail, is_whole, ..Kept::default() }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written > MAX_DECODED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let (head, rest) = bytes.split_at(bytes.len().min(self.limit - self.bytes.len()));
        self.bytes.extend_from_slice(head);
        self.tail.extend_from_slice(&rest[rest.len().saturating_sub(self.tail_limit)..]);
        if self.tail.len() > 2 * self.tail_limit {
            self.tail.drain(..self.tail.len() - self.tail_limit);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Lines of a file of any size, some at a time.

use std::io::{self, BufRead};
use std::ops::Range;

/// Longer lines are skipped. Open WebUI's longest have two bodies of `MAX_BODY_LOG_SIZE` bytes each, escaped.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;
const CHUNK_LINES: usize = 1_000;
const CHUNK_BYTES: usize = 4 << 20;

/// Some lines, and what they hold.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    lines: Vec<(u64, Range<usize>, LineEnd)>,
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// With a line feed.
    Feed,
    /// With the input.
    Input,
    /// Not within [`MAX_LINE_BYTES`]; its bytes were passed over.
    TooLong,
}

/// A line without white space around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'c> {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: &'c [u8],
    pub(super) end: LineEnd,
}

impl Chunk {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().map(|(number, range, end)| Line {
            number: *number,
            bytes: without_mark(*number, self.bytes[range.clone()].trim_ascii()),
            end: *end,
        })
    }
}

/// A byte order mark at the beginning of a file belongs to no line.
fn without_mark(number: u64, line: &[u8]) -> &[u8] {
    match line.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) if number == 1 => rest,
        _ => line,
    }
}

/// Cuts its input into chunks.
pub(super) struct Chunks<'i> {
    input: &'i mut dyn BufRead,
    bytes: u64,
    lines: u64,
}

impl<'i> Chunks<'i> {
    pub(super) fn new(input: &'i mut dyn BufRead) -> Self {
        Self { input, bytes: 0, lines: 0 }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines read so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The next lines; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        let mut chunk = Chunk { bytes: Vec::new(), lines: Vec::new() };
        while chunk.lines.len() < CHUNK_LINES && chunk.bytes.len() < CHUNK_BYTES {
            let start = chunk.bytes.len();
            let Some(end) = self.read_line(&mut chunk.bytes)? else { break };
            self.lines += 1;
            chunk.lines.push((self.lines, start..chunk.bytes.len(), end));
        }
        Ok((!chunk.lines.is_empty()).then_some(chunk))
    }

    /// Appends a line to `into`, without its line feed; `None` at the end of the input.
    fn read_line(&mut self, into: &mut Vec<u8>) -> io::Result<Option<LineEnd>> {
        let start = into.len();
        let mut length = 0;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                return Ok((length > 0).then(|| line_end(into, start, length, LineEnd::Input)));
            }
            let feed = memchr::memchr(b'\n', available);
            let part = &available[..feed.unwrap_or(available.len())];
            length += part.len();
            if length <= MAX_LINE_BYTES {
                into.extend_from_slice(part);
            }
            let used = part.len() + usize::from(feed.is_some());
            self.input.consume(used);
            self.bytes += used as u64;
            if feed.is_some() {
                return Ok(Some(line_end(into, start, length, LineEnd::Feed)));
            }
        }
    }
}

fn line_end(into: &mut Vec<u8>, start: usize, length: usize, end: LineEnd) -> LineEnd {
    if length <= MAX_LINE_BYTES {
        return end;
    }
    into.truncate(start);
    LineEnd::TooLong
}

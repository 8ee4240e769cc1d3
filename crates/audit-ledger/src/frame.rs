//! Frames: runs of consecutive entries, the unit that is compressed, read and handed to followers.

use std::ops::Range;
use std::sync::Arc;

use audit_tlog::LeafIndex;
use bytes::Bytes;

mod codec;

pub(crate) use codec::{Codec, EncodedFrame, FrameHeader, HEADER_LEN, LEVEL, Packing};

/// Entries in a frame, at most.
pub const FRAME_ENTRIES: usize = 128;

/// A frame is cut when its entries have so many bytes, so that reading one entry stays cheap.
const FRAME_BYTES: usize = 256 << 10;

/// Gathers entries until they make a frame.
#[derive(Debug, Default)]
pub(crate) struct FrameBuilder {
    body: Vec<u8>,
    ends: Vec<u32>,
}

impl FrameBuilder {
    pub(crate) fn push(&mut self, entry: &[u8]) {
        self.body.extend_from_slice(entry);
        self.ends.push(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether the frame is to be cut here.
    pub(crate) const fn is_full(&self) -> bool {
        self.ends.len() >= FRAME_ENTRIES || self.body.len() >= FRAME_BYTES
    }

    /// The frame of what was gathered, which must be something; the builder is empty then.
    pub(crate) fn encode(&mut self, codec: &Codec, packing: Packing) -> EncodedFrame {
        let capacity = self.body.len();
        let body = std::mem::replace(&mut self.body, Vec::with_capacity(capacity));
        codec.encode(body, std::mem::take(&mut self.ends), packing)
    }
}

/// Consecutive entries, decoded and at known indices. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    first: u64,
    entries: Arc<Entries>,
    shown: Range<usize>,
}

/// Entries of one frame, one after the other in one buffer.
#[derive(Debug)]
pub(crate) struct Entries {
    /// The entries' bytes, then possibly the table of their lengths.
    pub(crate) payload: Bytes,
    /// Where each entry ends in `payload`.
    pub(crate) ends: Box<[u32]>,
}

impl Entries {
    fn range(&self, at: usize) -> Range<usize> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        start..self.ends[at] as usize
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        &self.payload[self.range(at)]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory held.
    pub(crate) fn weight(&self) -> usize {
        self.payload.len() + 4 * self.ends.len() + size_of::<Self>()
    }
}

impl Frame {
    pub(crate) fn new(first: u64, entries: Arc<Entries>) -> Self {
        let shown = 0..entries.len();
        Self { first, entries, shown }
    }

    /// The part of the frame that lies within `range`; `None` if there is none.
    pub(crate) fn within(mut self, range: &Range<u64>) -> Option<Self> {
        let indices = self.indices();
        let start = indices.start.max(range.start);
        let end = indices.end.min(range.end);
        if start >= end {
            return None;
        }
        let at = |index: u64| usize::try_from(index - self.first).unwrap_or(usize::MAX);
        self.shown = at(start)..at(end);
        Some(self)
    }

    /// Indices of the entries.
    pub fn indices(&self) -> Range<u64> {
        self.first + self.shown.start as u64..self.first + self.shown.end as u64
    }

    /// Number of entries; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// The entry at `index`, if the frame holds it.
    pub fn get(&self, index: LeafIndex) -> Option<&[u8]> {
        let at = self.position(index)?;
        Some(self.entries.get(at))
    }

    /// The entry at `index` as a value of its own that shares the frame's bytes.
    pub fn get_bytes(&self, index: LeafIndex) -> Option<Bytes> {
        let at = self.position(index)?;
        Some(self.entries.payload.slice(self.entries.range(at)))
    }

    /// The entries with their indices, first to last; reversible.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (LeafIndex, &[u8])> + ExactSizeIterator {
        self.shown.clone().map(|at| (LeafIndex::new(self.first + at as u64), self.entries.get(at)))
    }

    /// Bytes of memory held.
    pub(crate) fn weight(&self) -> usize {
        self.entries.weight()
    }

    /// What is compressed when the frame is.
    pub(crate) fn payload(&self) -> Bytes {
        self.entries.payload.clone()
    }

    fn position(&self, index: LeafIndex) -> Option<usize> {
        let at = usize::try_from(index.get().checked_sub(self.first)?).ok()?;
        self.shown.contains(&at).then_some(at)
    }
}

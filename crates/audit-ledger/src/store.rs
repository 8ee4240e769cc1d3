//! What is durably stored, and how to read it: sealed segments, then WAL files, in the order of their
//! entries without a gap.
//!
//! Who changes it: the sequencer adds entries to the last WAL file, the sealer turns the first WAL file into
//! a segment. Readers never wait for either's disk work.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_tlog::tile::perfect_root;
use audit_tlog::{Hash, HashReader, LeafIndex, NodeId, TreeSize, leaf_hash, node_hash};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::disk::Disk;
use crate::error::{Error, Flaw};
use crate::files::Files;
use crate::frame::{Codec, Entries, Frame, FrameHeader};
use crate::ledger::LeafFn;
use crate::recent::{Cache, Ring};
use crate::segment::{OpenSegment, Summary, block_level};
use crate::wal::WalPart;

/// Footers kept in memory: 32 KiB each. Opening a segment again costs twice what reading an entry does.
const OPEN_SEGMENTS: usize = 128;
/// Blocks of leaf hashes kept in memory: 8 KiB each.
const LEAF_BLOCKS: usize = 64;

/// The durable entries and their hashes.
pub(crate) struct Store {
    pub(crate) files: Files,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) codec: Arc<Codec>,
    pub(crate) leaf_fn: LeafFn,
    pub(crate) segment_entries: u32,
    layout: RwLock<Layout>,
    /// Durable entries. Stored after the layout lists them, so whoever reads it finds them.
    size: AtomicU64,
    ring: Mutex<Ring>,
    frames: Mutex<Cache<u64, Frame>>,
    opened: Mutex<Cache<u64, OpenSegment>>,
    leaf_blocks: Mutex<Cache<u64, Vec<Hash>>>,
}

/// Which files there are.
#[derive(Default)]
struct Layout {
    sealed: Vec<Summary>,
    parts: Vec<Arc<WalPart>>,
}

/// Where an entry is.
pub(crate) enum Place {
    Sealed(Arc<OpenSegment>),
    Wal(Arc<WalPart>),
}

/// Sizes for metrics.
pub(crate) struct Sizes {
    pub(crate) sealed_entries: u64,
    pub(crate) bytes: u64,
}

impl Store {
    pub(crate) fn new(
        files: Files,
        disk: Arc<dyn Disk>,
        leaf_fn: LeafFn,
        segment_entries: u32,
        ring_bytes: usize,
        cache_bytes: usize,
    ) -> Self {
        Self {
            files,
            disk,
            codec: Arc::new(Codec::default()),
            leaf_fn,
            segment_entries,
            layout: RwLock::default(),
            size: AtomicU64::new(0),
            ring: Mutex::new(Ring::new(ring_bytes)),
            frames: Mutex::new(Cache::new(cache_bytes)),
            opened: Mutex::new(Cache::new(OPEN_SEGMENTS)),
            leaf_blocks: Mutex::new(Cache::new(LEAF_BLOCKS)),
        }
    }

    /// Durable entries.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn tree_size(&self) -> TreeSize {
        TreeSize::new(self.size())
    }

    /// Level of the blocks whose roots are kept.
    pub(crate) const fn block_level(&self) -> u8 {
        block_level(self.segment_entries)
    }

    // --- what the writers do

    /// Lists a sealed segment found when opening.
    pub(crate) fn add_sealed(&self, summary: Summary) {
        self.layout.write().sealed.push(summary);
        self.size.store(summary.end(), Ordering::Release);
    }

    /// Lists a WAL file; its entries so far become visible.
    pub(crate) fn add_part(&self, part: Arc<WalPart>) {
        let end = part.end();
        self.layout.write().parts.push(part);
        self.size.store(end, Ordering::Release);
    }

    /// Makes entries visible that the last WAL file lists as durable.
    pub(crate) fn publish(&self, frames: Vec<Frame>, end: u64) {
        let mut ring = self.ring.lock();
        frames.into_iter().for_each(|frame| ring.push(frame));
        drop(ring);
        self.size.store(end, Ordering::Release);
    }

    /// Keeps the frame that follows the newest one in memory.
    pub(crate) fn keep_recent(&self, frame: Frame) {
        self.ring.lock().push(frame);
    }

    /// The WAL file that the sequencer writes, unless it is full.
    pub(crate) fn open_part(&self) -> Option<Arc<WalPart>> {
        let layout = self.layout.read();
        layout.parts.last().filter(|part| part.entries() < u64::from(self.segment_entries)).cloned()
    }

    /// The first full WAL file, which is to be sealed next.
    pub(crate) fn full_part(&self) -> Option<Arc<WalPart>> {
        let layout = self.layout.read();
        layout.parts.first().filter(|part| part.entries() == u64::from(self.segment_entries)).cloned()
    }

    /// Number of WAL files waiting to be sealed.
    pub(crate) fn full_parts(&self) -> usize {
        let layout = self.layout.read();
        layout.parts.iter().filter(|part| part.entries() == u64::from(self.segment_entries)).count()
    }

    /// Replaces the first WAL file by the segment that has its entries.
    pub(crate) fn sealed(&self, summary: Summary) {
        let mut layout = self.layout.write();
        assert_eq!(layout.parts.first().map(|part| part.first), Some(summary.first), "sealed in order");
        layout.parts.remove(0);
        layout.sealed.push(summary);
    }

    /// Forgets what is in memory of a segment that was rewritten.
    pub(crate) fn rewritten(&self, summary: Summary) {
        let mut layout = self.layout.write();
        if let Some(known) = layout.sealed.iter_mut().find(|known| known.first == summary.first) {
            *known = summary;
        }
        drop(layout);
        self.opened.lock().remove(summary.first);
        self.ring.lock().clear();
        let mut frames = self.frames.lock();
        (summary.first..summary.end()).for_each(|index| frames.remove(index));
    }

    // --- reading entries

    /// The frame that holds entry `index`.
    pub(crate) fn frame(&self, index: u64, keep: bool) -> Result<Frame, Error> {
        let size = self.size();
        if index >= size {
            return Err(Error::NoSuchEntry { index: LeafIndex::new(index), size: TreeSize::new(size) });
        }
        if let Some(frame) = self.ring.lock().get(index) {
            return Ok(frame);
        }
        match self.place(index)? {
            Place::Sealed(segment) => {
                let place = segment.find(index).ok_or_else(|| gap(&self.files, index))?;
                let first = segment.summary.first + u64::from(place.at);
                self.cached(first, place.count, keep, || {
                    let (header, stored) = segment.read(&place)?;
                    let dictionary = segment.dictionary(header.dictionary, &self.codec.dictionaries)?;
                    let decoded = self.codec.decode(&header, stored, dictionary.as_deref());
                    decoded.map_err(|flaw| Error::damage(segment.path(), place.offset, Some(first), flaw))
                })
            }
            Place::Wal(part) => {
                let place = part.find(index).ok_or_else(|| gap(&self.files, index))?;
                let first = part.first + u64::from(place.at);
                self.cached(first, place.count, keep, || {
                    let (header, stored) = part.read(&place)?;
                    let decoded = self.decode_known(&header, stored);
                    decoded.map_err(|flaw| Error::damage(&part.path, place.offset, Some(first), flaw))
                })
            }
        }
    }

    /// Decodes a frame whose dictionary, if any, is known, as those of WAL frames are.
    pub(crate) fn decode_known(&self, header: &FrameHeader, stored: Bytes) -> Result<Entries, Flaw> {
        let dictionary = self.codec.dictionaries.get(header.dictionary);
        self.codec.decode(header, stored, dictionary.as_deref())
    }

    /// The frame of `count` entries from `first` on, out of memory or from `read`. Sealing may have made
    /// longer frames of short ones: one of another length is not the one meant.
    fn cached(
        &self,
        first: u64,
        count: u16,
        keep: bool,
        read: impl FnOnce() -> Result<Entries, Error>,
    ) -> Result<Frame, Error> {
        let known = self.frames.lock().get(first).filter(|frame| frame.len() == usize::from(count));
        if let Some(frame) = known {
            return Ok(Frame::clone(&frame));
        }
        let frame = Frame::new(first, Arc::new(read()?));
        if keep {
            let weight = frame.weight();
            self.frames.lock().insert(first, Arc::new(frame.clone()), weight);
        }
        Ok(frame)
    }

    pub(crate) fn place(&self, index: u64) -> Result<Place, Error> {
        let first = index - index % u64::from(self.segment_entries);
        let layout = self.layout.read();
        if let Some(part) = layout.parts.iter().find(|part| part.first == first) {
            return Ok(Place::Wal(Arc::clone(part)));
        }
        drop(layout);
        self.open_segment(first).map(Place::Sealed)
    }

    pub(crate) fn open_segment(&self, first: u64) -> Result<Arc<OpenSegment>, Error> {
        if let Some(segment) = self.opened.lock().get(first) {
            return Ok(segment);
        }
        let segment = Arc::new(OpenSegment::open(&*self.disk, &self.files.segment(first), first)?);
        self.opened.lock().insert(first, Arc::clone(&segment), 1);
        Ok(segment)
    }

    /// When entry `index` was recorded, at the latest.
    pub(crate) fn time_of(&self, index: u64) -> Result<i64, Error> {
        Ok(match self.place(index)? {
            Place::Sealed(segment) => segment.summary.times_us.1,
            Place::Wal(part) => part.times_us().unwrap_or_default().1,
        })
    }

    /// Runs of entries: with which index each begins and when its last one was recorded, oldest first.
    pub(crate) fn marks(&self) -> Vec<(u64, i64)> {
        let layout = self.layout.read();
        let sealed = layout.sealed.iter().map(|summary| (summary.first, summary.times_us.1));
        let parts = layout.parts.iter().filter_map(|part| Some((part.first, part.times_us()?.1)));
        sealed.chain(parts).collect()
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let layout = self.layout.read();
        let sealed: u64 = layout.sealed.iter().map(|summary| summary.file_len).sum();
        let wal: u64 = layout.parts.iter().map(|part| part.file_len()).sum();
        let sealed_entries = layout.sealed.last().map_or(0, Summary::end);
        Sizes { sealed_entries, bytes: sealed + wal }
    }

    pub(crate) fn parts(&self) -> Vec<Arc<WalPart>> {
        self.layout.read().parts.clone()
    }

    // --- reading the tree

    /// Hash of a node whose leaves are all durable.
    fn node(&self, node: NodeId) -> Result<Hash, Error> {
        let segment_level = crate::segment::level_of(self.segment_entries);
        if node.level > segment_level {
            let child = |side| self.node(NodeId { level: node.level - 1, index: node.index * 2 + side });
            return Ok(node_hash(&child(0)?, &child(1)?));
        }
        let first = node.index << node.level;
        if node.level == segment_level {
            let sealed =
                self.layout.read().sealed.get(usize::try_from(node.index).unwrap_or(usize::MAX)).copied();
            if let Some(summary) = sealed {
                return Ok(summary.root);
            }
        }
        match self.place(first)? {
            Place::Wal(part) => part.node(node, self.block_level()).ok_or_else(|| gap(&self.files, first)),
            Place::Sealed(segment) => self.sealed_node(&segment, node),
        }
    }

    fn sealed_node(&self, segment: &OpenSegment, node: NodeId) -> Result<Hash, Error> {
        let block_level = self.block_level();
        let first = node.index << node.level;
        let inside = |level: u8, base: u64| {
            let start = usize::try_from((first - base) >> level).unwrap_or(usize::MAX);
            start..start + (1 << (node.level - level))
        };
        if node.level >= block_level {
            let hashes = &segment.blocks[inside(block_level, segment.summary.first)];
            return Ok(perfect_root(hashes)?);
        }
        let block_first = first >> block_level << block_level;
        let leaves = self.leaf_block(block_first, segment)?;
        Ok(perfect_root(&leaves[inside(0, block_first)])?)
    }

    /// Leaf hashes of the block that begins with entry `first`, recomputed from its entries and compared with
    /// the root stored.
    fn leaf_block(&self, first: u64, segment: &OpenSegment) -> Result<Arc<Vec<Hash>>, Error> {
        if let Some(leaves) = self.leaf_blocks.lock().get(first) {
            return Ok(leaves);
        }
        let len = 1u64 << self.block_level();
        let mut leaves = Vec::new();
        self.for_each_leaf(first..first + len, |leaf| leaves.push(leaf_hash(leaf)))?;
        let at = usize::try_from((first - segment.summary.first) / len).unwrap_or(usize::MAX);
        if perfect_root(&leaves)? != segment.blocks[at] {
            return Err(Error::damage(segment.path(), 0, Some(first), Flaw::TreeHash));
        }
        let leaves = Arc::new(leaves);
        self.leaf_blocks.lock().insert(first, Arc::clone(&leaves), 1);
        Ok(leaves)
    }

    /// Calls `take` with the leaf data of each entry of `range`.
    pub(crate) fn for_each_leaf(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut leaf = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let frame = self.frame(next, true)?;
            let Some(frame) = frame.within(&(next..range.end)) else { break };
            for (index, entry) in frame.iter() {
                leaf.clear();
                let no_entry = |_| Error::damage(self.files.root(), 0, Some(index.get()), Flaw::Entry);
                (self.leaf_fn)(entry, &mut leaf).map_err(no_entry)?;
                take(&leaf);
            }
            next = frame.indices().end;
        }
        Ok(())
    }
}

impl HashReader for Store {
    type Error = Error;

    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Error> {
        let size = self.tree_size();
        let read = |node: &NodeId| {
            let leaves = u128::from(node.index + 1) << node.level;
            let outside = leaves > u128::from(size.get());
            if outside {
                return Err(audit_tlog::Error::NodeOutsideTree { node: *node, size }.into());
            }
            self.node(*node)
        };
        nodes.iter().map(read).collect()
    }
}

/// Entry `index` is below the size, yet no file lists it.
fn gap(files: &Files, index: u64) -> Error {
    Error::damage(files.root(), 0, Some(index), Flaw::Gap)
}

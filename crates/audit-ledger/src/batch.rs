//! Batches as their producer prepares them: hashed and compressed before they reach the sequencer.

use std::sync::Arc;

use audit_tlog::{Hash, LeafIndex, TreeSize, leaf_hash};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::Error;
use crate::frame::{Codec, EncodedFrame, FrameBuilder, Packing};
use crate::window::KeyHash;

/// An entry to append.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Idempotency key; the ledger's [`KeyFn`](crate::KeyFn) must find the same in `bytes`.
    pub key: &'a [u8],
    /// What is stored.
    pub bytes: &'a [u8],
    /// Leaf data of `bytes`; the ledger's [`LeafFn`](crate::LeafFn) must compute the same.
    pub leaf: &'a [u8],
}

/// Takes entries one by one; see [`Ledger::batch`](crate::Ledger::batch).
///
/// The work is done in the caller's thread: one hash for the leaf, one for the key, and compression, once,
/// of every 128 entries. Small batches are left uncompressed; the sealer puts those together.
pub struct BatchBuilder {
    codec: Arc<Codec>,
    key_seed: u64,
    max_entry_bytes: usize,
    frame: FrameBuilder,
    batch: PreparedBatch,
}

/// Entries hashed, framed and compressed: what remains is to place, write and sync them.
#[derive(Debug, Default)]
pub struct PreparedBatch {
    pub(crate) leaves: Vec<Hash>,
    pub(crate) keys: Vec<KeyHash>,
    pub(crate) frames: Vec<EncodedFrame>,
    /// Whether it may use the reserve of free space.
    pub(crate) uses_reserve: bool,
}

/// Where a batch's entries are; they are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// One for each entry, in the batch's order.
    pub placements: Vec<Placement>,
    /// A durable tree size that includes all of them.
    pub tree_size: TreeSize,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its index; for a duplicate, that of the entry first recorded under the key.
    pub index: LeafIndex,
    /// Whether the key was recorded before, so that this entry's bytes were not stored.
    pub duplicate: bool,
    /// Whether it is a duplicate with other content than the entry recorded under the key, which stands.
    pub differs: bool,
}

impl BatchBuilder {
    pub(crate) fn new(codec: Arc<Codec>, key_seed: u64, max_entry_bytes: usize) -> Self {
        let (frame, batch) = (FrameBuilder::default(), PreparedBatch::default());
        Self { codec, key_seed, max_entry_bytes, frame, batch }
    }

    /// Adds an entry: hashes its leaf data and copies its bytes; compresses when a frame is full.
    ///
    /// # Errors
    /// [`Error::EntryTooLong`]; the builder is as before.
    pub fn push(&mut self, entry: NewEntry<'_>) -> Result<(), Error> {
        if entry.bytes.len() > self.max_entry_bytes {
            let (position, bytes, limit) = (self.len(), entry.bytes.len(), self.max_entry_bytes);
            return Err(Error::EntryTooLong { position, bytes, limit });
        }
        self.frame.push(entry.bytes);
        self.batch.leaves.push(leaf_hash(entry.leaf));
        self.batch.keys.push(hash_key(entry.key, self.key_seed));
        if self.frame.is_full() {
            self.cut();
        }
        Ok(())
    }

    /// Number of entries added.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether no entry was added.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Lets the batch use the reserve of free space, all but an eighth: for the few entries that have to be recorded
    /// before something else may happen.
    #[must_use]
    pub fn from_reserve(mut self) -> Self {
        self.batch.uses_reserve = true;
        self
    }

    /// Compresses what remains.
    pub fn finish(mut self) -> PreparedBatch {
        if !self.frame.is_empty() {
            self.cut();
        }
        self.batch
    }

    fn cut(&mut self) {
        let frame = self.frame.encode(&self.codec, Packing::IfWorthwhile);
        self.batch.frames.push(frame);
    }
}

impl PreparedBatch {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Bytes of memory held while it waits.
    pub(crate) fn weight(&self) -> usize {
        let frame = |frame: &EncodedFrame| frame.entries.weight() + frame.stored.len();
        self.frames.iter().map(frame).sum::<usize>() + 40 * self.leaves.len()
    }

    /// Bytes that it takes in the WAL.
    pub(crate) fn stored_len(&self) -> u64 {
        self.frames.iter().map(|frame| frame.header.total_len()).sum()
    }
}

pub(crate) fn hash_key(key: &[u8], seed: u64) -> KeyHash {
    KeyHash(xxh3_64_with_seed(key, seed))
}

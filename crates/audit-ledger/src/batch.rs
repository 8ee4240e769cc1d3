//! Batches as their producer prepares them: hashed and compressed before they reach the sequencer.

use audit_tlog::{Hash, LeafIndex, TreeSize};

use crate::error::Error;

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
#[derive(Debug)]
pub struct BatchBuilder {
    pub(crate) leaves: Vec<Hash>,
}

/// Entries hashed, framed and compressed: what remains is to place, write and sync them.
#[derive(Debug)]
pub struct PreparedBatch {
    pub(crate) leaves: Vec<Hash>,
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
}

impl BatchBuilder {
    /// Adds an entry: hashes its leaf data and copies its bytes; compresses when a frame is full.
    ///
    /// # Errors
    /// [`Error::EntryTooLong`]; the builder is as before.
    pub fn push(&mut self, entry: NewEntry<'_>) -> Result<(), Error> {
        let _ = entry;
        todo!()
    }

    /// Number of entries added.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether no entry was added.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Compresses what remains.
    pub fn finish(self) -> PreparedBatch {
        todo!()
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
}

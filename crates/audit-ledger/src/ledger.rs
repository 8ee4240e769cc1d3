//! The ledger's handle: all that the rest of the product calls.

use std::sync::Arc;
use std::time::Duration;

use audit_tlog::{BundleId, ConsistencyProof, InclusionProof, LeafIndex, Signer, TileId, TreeSize};

use crate::batch::{Appended, BatchBuilder, NewEntry, PreparedBatch};
use crate::config::Config;
use crate::disk::Disk;
use crate::error::Error;
use crate::follower::{Follower, FollowerHandle};
use crate::reader::Reader;

/// Appends an entry's leaf data to the buffer. Pure; the same bytes give the same leaf data for ever.
pub type LeafFn = fn(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry>;

/// Appends an entry's idempotency key to the buffer. Pure.
pub type KeyFn = fn(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry>;

/// The bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry")]
pub struct BadEntry;

/// Microseconds since the Unix epoch, UTC.
pub type ClockFn = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Called once with the outcome, on the sequencer's thread: must be brief and must not call the ledger.
pub type OnDone = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

/// What the ledger needs from outside.
#[derive(Clone)]
pub struct Environment {
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: ClockFn,
    /// Signs checkpoints.
    pub signer: Arc<Signer>,
    /// Keys that the stored checkpoint may be signed by besides the signer's own: those used before.
    pub former_keys: Vec<audit_tlog::Verifier>,
    /// Leaf data of an entry.
    pub leaf_fn: LeafFn,
    /// Idempotency key of an entry.
    pub key_fn: KeyFn,
}

/// What opening found and repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Entries there are.
    pub entries: u64,
    /// The torn tail that was cut off, if there was one: never acknowledged to anybody.
    pub torn_tail: Option<TornTail>,
    /// Files of interrupted work that were removed.
    pub removed_files: usize,
}

/// A write that a crash interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: std::path::PathBuf,
    /// Where it was cut.
    pub offset: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

/// Whether entries are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Yes.
    Accepting,
    /// Not now: there is too little room. Reads go on.
    DiskFull {
        /// Bytes free at the last attempt.
        free_bytes: u64,
    },
    /// Not until opened again. Reads go on.
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The ledger was closed.
    Closed,
}

/// Figures for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Durable entries.
    pub entries: u64,
    /// Entries of them in sealed segments.
    pub sealed_entries: u64,
    /// Bytes of segments, WAL and dictionaries.
    pub disk_bytes: u64,
    /// Bytes of prepared batches waiting.
    pub queued_bytes: u64,
    /// Idempotency keys remembered.
    pub window_ids: u64,
    /// Group commits since opening.
    pub commits: u64,
    /// Microseconds spent in them.
    pub commit_us: u64,
}

/// A ledger, open for appending and reading. Cloning gives another handle; the last one dropped, or
/// [`close`](Self::close), ends it.
#[derive(Clone)]
pub struct Ledger {}

#[expect(clippy::todo, reason = "being written")]
#[expect(unused_variables, clippy::needless_pass_by_value)]
impl Ledger {
    /// Opens the directory, making a new ledger if there is none: takes the lock, recovers the WAL, and
    /// checks that what is there continues the newest signed checkpoint. Appends wait until the
    /// idempotency window is rebuilt in the background; reads do not.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NewerFormat`], [`Error::Damage`], [`Error::CheckpointContradicted`],
    /// [`Error::Config`] or [`Error::Io`]; nothing has been changed then.
    pub fn open(config: Config, environment: Environment) -> Result<Self, Error> {
        todo!()
    }

    /// What opening found and repaired.
    pub fn recovery(&self) -> &Recovery {
        todo!()
    }

    /// Starts a batch.
    pub fn batch(&self) -> BatchBuilder {
        todo!()
    }

    /// Hashes and compresses a batch in the caller's thread.
    ///
    /// # Errors
    /// [`Error::EntryTooLong`].
    pub fn prepare<'a>(
        &self,
        entries: impl IntoIterator<Item = NewEntry<'a>>,
    ) -> Result<PreparedBatch, Error> {
        let mut batch = self.batch();
        entries.into_iter().try_for_each(|entry| batch.push(entry))?;
        Ok(batch.finish())
    }

    /// Queues a batch; `on_done` is called when it is durable, or has failed.
    ///
    /// A batch is recorded as a whole or not at all, in order, without others between its entries.
    ///
    /// # Errors
    /// [`Error::Busy`] if the queue is full, [`Error::Poisoned`], [`Error::Closed`]; `on_done` is dropped
    /// without being called.
    pub fn submit(&self, batch: PreparedBatch, on_done: OnDone) -> Result<(), Error> {
        todo!()
    }

    /// Appends and waits until it is durable.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare) and [`submit`](Self::submit), and [`Error::DiskFull`].
    pub fn append<'a>(&self, entries: impl IntoIterator<Item = NewEntry<'a>>) -> Result<Appended, Error> {
        todo!()
    }

    /// Durable entries.
    pub fn size(&self) -> TreeSize {
        todo!()
    }

    /// Waits until there are more than `size` durable entries, the time is over or the ledger closes;
    /// returns how many there are.
    pub fn wait_beyond(&self, size: TreeSize, timeout: Duration) -> TreeSize {
        todo!()
    }

    /// A reader of entries.
    pub fn reader(&self) -> Reader {
        todo!()
    }

    /// The newest published checkpoint, as a signed note.
    pub fn checkpoint(&self) -> Arc<[u8]> {
        todo!()
    }

    /// Signs and publishes a checkpoint of all durable entries now, unless there is one already.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish_checkpoint(&self) -> Result<Arc<[u8]>, Error> {
        todo!()
    }

    /// A tile's bytes (C2SP tlog-tiles).
    ///
    /// # Errors
    /// [`Error::Tree`] if the tree has no such tile, [`Error::Damage`], [`Error::Io`].
    pub fn tile(&self, tile: TileId) -> Result<Vec<u8>, Error> {
        todo!()
    }

    /// An entry bundle's bytes (C2SP tlog-tiles): leaf data, recomputed from the entries.
    ///
    /// # Errors
    /// As [`tile`](Self::tile).
    pub fn entry_bundle(&self, bundle: BundleId) -> Result<Vec<u8>, Error> {
        todo!()
    }

    /// Proves that an entry is in the tree of `size` entries.
    ///
    /// # Errors
    /// [`Error::Tree`] if `index` or `size` is beyond, [`Error::Damage`], [`Error::Io`].
    pub fn inclusion_proof(&self, index: LeafIndex, size: TreeSize) -> Result<InclusionProof, Error> {
        todo!()
    }

    /// Proves that the tree of `old` entries is a prefix of that of `new` entries.
    ///
    /// # Errors
    /// As [`inclusion_proof`](Self::inclusion_proof).
    pub fn consistency_proof(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof, Error> {
        todo!()
    }

    /// Starts a follower on a thread of its own.
    pub fn follow(&self, follower: Box<dyn Follower>) -> FollowerHandle {
        todo!()
    }

    /// Seals every full segment now; with [`Drive::Threads`](crate::Drive::Threads) the sealer does.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damage`].
    pub fn seal_pending(&self) -> Result<(), Error> {
        todo!()
    }

    /// Replaces an entry's bytes by others with the same leaf data.
    ///
    /// # Errors
    /// [`Error::LeafDiffers`], [`Error::NotSealed`], [`Error::NoSuchEntry`], [`Error::Io`], [`Error::Damage`].
    pub fn replace(&self, index: LeafIndex, bytes: &[u8]) -> Result<(), Error> {
        todo!()
    }

    /// Whether entries are accepted.
    pub fn health(&self) -> Health {
        todo!()
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        todo!()
    }

    /// Writes what is queued, publishes a last checkpoint, stops the threads and followers. Reads through
    /// remaining handles go on; appends get [`Error::Closed`].
    ///
    /// # Errors
    /// [`Error::Io`] if the last checkpoint could not be stored: what was acknowledged is durable all the
    /// same.
    pub fn close(&self) -> Result<(), Error> {
        todo!()
    }
}

//! The ledger's handle: all that the rest of the product calls.

mod environment;
mod running;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use audit_tlog::tile::encode_tile;
use audit_tlog::{
    BundleId, ConsistencyProof, Hash, InclusionProof, LeafIndex, TileId, TreeSize, consistency_proof,
    inclusion_proof, push_bundle_entry, subset_proof,
};
use audit_tlog::{HashReader as _, NodeId};
use parking_lot::Mutex;

use crate::batch::{Appended, BatchBuilder, NewEntry, PreparedBatch};
use crate::checkpointer::{self, Checkpoints};
use crate::config::{Config, Drive};
use crate::core::{Core, Figures, Progress, Signal};
use crate::error::Error;
use crate::follower::{Follower, FollowerHandle};
use crate::open::{self, Opened};
use crate::queue::{Queue, Submission};
use crate::reader::Reader;
use crate::replace;
use crate::sealer::{self, Ratio};
use crate::sequencer::{self, Sequencer};
pub use environment::{BadEntry, ClockFn, Environment, KeyFn, LeafFn, SameFn};
use running::{PoisonOnPanic, Running};

/// Full WAL files that may wait for the sealer; beyond, appends are told to come back.
const MAX_UNSEALED: usize = 8;
const SEALER_BEHIND_RETRY_MS: u64 = 500;

/// Called once with the outcome, on the thread that committed: must be brief and must not call the ledger.
pub type OnDone = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

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
    /// Bytes of segments and WAL.
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
pub struct Ledger {
    core: Arc<Core>,
    running: Arc<Running>,
}

impl Ledger {
    /// Opens the directory, making a new ledger if there is none: takes the lock, recovers the WAL, and
    /// checks that what is there continues the newest signed checkpoint. Appends wait until the
    /// idempotency window is rebuilt in the background; reads do not.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NewerFormat`], [`Error::Damage`], [`Error::CheckpointContradicted`] or
    /// [`Error::Config`]: entries and checkpoint have not been touched. [`Error::Io`].
    pub fn open(config: Config, environment: Environment) -> Result<Self, Error> {
        let Opened { store, frontier, published, recovery, lock } = open::open(&config, &environment)?;
        let (window, remembered, key_seed) = open::window(&store, &config, &environment);
        let sequencer = Sequencer::new(frontier.clone(), window, remembered);
        let core = Arc::new(Core {
            queue: Queue::new(config.queue_bytes),
            checkpoints: Checkpoints::new(published),
            progress: Progress::new(frontier),
            key_seed,
            store: Arc::new(store),
            sequencer: Mutex::new(None),
            sealing: Mutex::default(),
            seal_signal: Signal::default(),
            figures: Figures::default(),
            lock: Mutex::new(Some(lock)),
            config,
            environment,
            recovery,
        });
        tracing::info!(ledger.size = core.store.size(), "opened the ledger");
        let running = Arc::new(Running::new(Arc::clone(&core)));
        running.start(sequencer)?;
        Ok(Self { core, running })
    }

    /// What opening found and repaired.
    pub fn recovery(&self) -> &Recovery {
        &self.core.recovery
    }

    // --- appending

    /// Starts a batch.
    pub fn batch(&self) -> BatchBuilder {
        let codec = Arc::clone(&self.core.store.codec);
        BatchBuilder::new(codec, self.core.key_seed, self.core.config.max_entry_bytes)
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
    /// A batch's entries are recorded in order, without others between them. Until it is acknowledged, a
    /// crash may leave all, the first few or none of them; a retry finds those that are there by their keys.
    ///
    /// # Errors
    /// [`Error::Busy`] if the queue is full or the sealer is behind, [`Error::Poisoned`], [`Error::Closed`];
    /// `on_done` is dropped without being called.
    pub fn submit(&self, batch: PreparedBatch, on_done: OnDone) -> Result<(), Error> {
        let submission = Submission { batch, on_done };
        if self.core.config.drive == Drive::Caller {
            self.core.queue.push(submission)?;
            sequencer::commit_waiting(&self.core);
            return Ok(());
        }
        self.check_sealer()?;
        self.core.queue.push(submission)
    }

    /// Whether an append would be alone: nothing is being recorded or waits. Then
    /// [`append_prepared`](Self::append_prepared) most likely records in the caller's thread, which takes about
    /// as long as the disk's sync; otherwise [`submit`](Self::submit) shares a sync with others.
    pub fn is_quiet(&self) -> bool {
        self.core.is_quiet()
    }

    fn check_sealer(&self) -> Result<(), Error> {
        if self.core.store.full_parts() > MAX_UNSEALED {
            return Err(Error::Busy { retry_after_ms: SEALER_BEHIND_RETRY_MS });
        }
        Ok(())
    }

    /// Appends and waits until it is durable.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare) and [`submit`](Self::submit), and [`Error::DiskFull`].
    pub fn append<'a>(&self, entries: impl IntoIterator<Item = NewEntry<'a>>) -> Result<Appended, Error> {
        self.append_prepared(self.prepare(entries)?)
    }

    /// As [`append`](Self::append), for a batch prepared already. Nobody else about, this thread writes and syncs
    /// itself.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), and [`Error::DiskFull`].
    pub fn append_prepared(&self, batch: PreparedBatch) -> Result<Appended, Error> {
        let (done, outcome) = mpsc::sync_channel(1);
        let on_done = move |result| {
            // Nobody waits any more only if the waiting thread died.
            let _ = done.send(result);
        };
        if self.core.config.drive == Drive::Threads && self.is_quiet() {
            self.check_sealer()?;
            let _told = PoisonOnPanic::new(&self.core);
            sequencer::commit_alone(&self.core, Submission { batch, on_done: Box::new(on_done) })?;
        } else {
            self.submit(batch, Box::new(on_done))?;
        }
        // Dropped without an answer: the sequencer died.
        outcome.recv().unwrap_or_else(|_| Err(self.core.queue.refusal().unwrap_or(Error::Closed)))
    }

    // --- reading

    /// Durable entries.
    pub fn size(&self) -> TreeSize {
        self.core.store.tree_size()
    }

    /// Waits until there are more than `size` durable entries, the time is over or the ledger closes;
    /// returns how many there are.
    pub fn wait_beyond(&self, size: TreeSize, timeout: Duration) -> TreeSize {
        self.core.progress.wait_beyond(size, timeout, || false)
    }

    /// A reader of entries.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.core.store))
    }

    /// Starts a follower on a thread of its own. It ends when the ledger closes, having seen every entry, or
    /// when its handle is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] if no thread can be started.
    pub fn follow(&self, follower: Box<dyn Follower>) -> Result<FollowerHandle, Error> {
        FollowerHandle::start(Arc::clone(&self.core), follower)
    }

    // --- the tree

    /// The newest published checkpoint, as a signed note.
    pub fn checkpoint(&self) -> Arc<[u8]> {
        self.core.checkpoints.newest().note
    }

    /// Size of the newest published checkpoint.
    pub fn checkpoint_size(&self) -> TreeSize {
        self.core.checkpoints.newest().size
    }

    /// Signs and publishes a checkpoint of all durable entries now, unless there is one already; with a
    /// poisoned ledger, returns the one there is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish_checkpoint(&self) -> Result<Arc<[u8]>, Error> {
        checkpointer::publish(&self.core)
    }

    /// A tile's bytes (C2SP tlog-tiles).
    ///
    /// # Errors
    /// [`Error::Tree`] if the tree has no such tile, [`Error::Damage`], [`Error::Io`].
    pub fn tile(&self, tile: TileId) -> Result<Vec<u8>, Error> {
        self.check_in_tree(tile)?;
        let nodes: Vec<NodeId> = tile.nodes().collect();
        Ok(encode_tile(&self.core.store.read_hashes(&nodes)?))
    }

    /// An entry bundle's bytes (C2SP tlog-tiles): leaf data, recomputed from the entries.
    ///
    /// # Errors
    /// As [`tile`](Self::tile).
    pub fn entry_bundle(&self, bundle: BundleId) -> Result<Vec<u8>, Error> {
        let leaves = TileId::new(0, bundle.index(), bundle.width());
        leaves.map(|tile| self.check_in_tree(tile)).transpose()?;
        let mut bytes = Vec::new();
        let mut refused = None;
        let range = bundle.entries();
        self.core.store.for_each_leaf(range, |leaf| {
            refused = refused.take().or(push_bundle_entry(&mut bytes, leaf).err());
        })?;
        refused.map_or(Ok(bytes), |error| Err(error.into()))
    }

    /// Proves that an entry is in the tree of `size` entries.
    ///
    /// # Errors
    /// [`Error::Tree`] if `index` or `size` is beyond, [`Error::Damage`], [`Error::Io`].
    pub fn inclusion_proof(&self, index: LeafIndex, size: TreeSize) -> Result<InclusionProof, Error> {
        inclusion_proof(index, size, &*self.core.store)
    }

    /// Proves that the entries at `indices` (ascending) are in the tree of `size` entries; `give` gets the proof's hashes
    /// in their order, some at a time.
    ///
    /// # Errors
    /// As [`inclusion_proof`](Self::inclusion_proof); [`Error::Tree`] if the indices do not ascend, too.
    pub fn subset_proof(
        &self,
        indices: &[u64],
        size: TreeSize,
        give: impl FnMut(&[Hash]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        subset_proof(indices, size, &*self.core.store, give)
    }

    /// Proves that the tree of `old` entries is a prefix of that of `new` entries.
    ///
    /// # Errors
    /// As [`inclusion_proof`](Self::inclusion_proof).
    pub fn consistency_proof(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof, Error> {
        consistency_proof(old, new, &*self.core.store)
    }

    fn check_in_tree(&self, tile: TileId) -> Result<(), Error> {
        let widest = TileId::in_tree(tile.level(), tile.index(), self.size());
        if widest.is_some_and(|widest| widest.width() >= tile.width()) {
            return Ok(());
        }
        let node = tile.nodes().last().unwrap_or(NodeId { level: 0, index: 0 });
        Err(audit_tlog::Error::NodeOutsideTree { node, size: self.size() }.into())
    }

    // --- keeping

    /// Seals every full WAL file now; with [`Drive::Threads`](crate::Drive::Threads) the sealer does.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damage`].
    pub fn seal_pending(&self) -> Result<(), Error> {
        sealer::work(&self.core, &mut Ratio::default())
    }

    /// Replaces entries' bytes by others with the same leaf data, so that every proof stays valid. What is
    /// replaced is gone from the segments; see the erasure notes in `docs/adr/0002-compress-once.md` for what
    /// dictionaries may remember.
    ///
    /// # Errors
    /// [`Error::LeafDiffers`], [`Error::NotSealed`] or [`Error::NoSuchEntry`]: nothing was replaced.
    /// [`Error::Io`], [`Error::Damage`]: entries of some segments may have been.
    pub fn replace(&self, replacements: &[(LeafIndex, &[u8])]) -> Result<(), Error> {
        replace::replace(&self.core, replacements)
    }

    /// Whether entries are accepted.
    pub fn health(&self) -> Health {
        self.core.health()
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        let sizes = self.core.store.sizes();
        let figures = &self.core.figures;
        Stats {
            entries: self.core.store.size(),
            sealed_entries: sizes.sealed_entries,
            disk_bytes: sizes.bytes,
            queued_bytes: self.core.queue.bytes() as u64,
            window_ids: figures.window_ids.load(Ordering::Relaxed),
            commits: figures.commits.load(Ordering::Relaxed),
            commit_us: figures.commit_us.load(Ordering::Relaxed),
        }
    }

    /// Writes what is queued, publishes a last checkpoint, stops the threads and lets go of the directory.
    /// Reads through remaining handles go on; appends get [`Error::Closed`].
    ///
    /// # Errors
    /// [`Error::Io`] if the last checkpoint could not be stored: what was acknowledged is durable all the
    /// same.
    pub fn close(&self) -> Result<(), Error> {
        self.running.end()
    }
}

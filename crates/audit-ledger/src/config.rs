//! What a ledger is opened with.

use std::path::PathBuf;

use crate::error::Error;

const MIB: usize = 1 << 20;

/// How a ledger is kept. [`Config::new`] gives the values meant for production.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory of the ledger's files; made if there is none.
    pub dir: PathBuf,
    /// The log's name in its checkpoints (C2SP origin), for instance `example.org/audit`.
    pub origin: String,
    /// Entries in a sealed segment; a power of two.
    pub segment_entries: u32,
    /// Bytes of prepared batches that may wait for the disk; beyond, [`Error::Busy`].
    pub queue_bytes: usize,
    /// Longest entry taken, in bytes.
    pub max_entry_bytes: usize,
    /// How long an idempotency key is remembered.
    pub window: Window,
    /// Bytes that must stay free on the disk; below, [`Error::DiskFull`]. Batches that may use the reserve
    /// ([`BatchBuilder::from_reserve`](crate::BatchBuilder::from_reserve)) leave an eighth of it.
    pub min_free_bytes: u64,
    /// Bytes of newest entries kept in memory for followers and readers.
    pub ring_bytes: usize,
    /// Bytes of decoded frames kept in memory for readers.
    pub cache_bytes: usize,
    /// Shortest time between two checkpoints, in milliseconds.
    pub checkpoint_interval_ms: u64,
    /// Entries that a dictionary is trained on; none is trained from fewer than a quarter of it.
    pub dictionary_samples: usize,
    /// Who takes the ledger's steps.
    pub drive: Drive,
}

/// How long an idempotency key is remembered: for the newest `min_ids` entries or for `min_age_s` seconds,
/// whichever is more, but never for more than `max_ids` entries.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Newest entries always remembered.
    pub min_ids: u64,
    /// Age up to which entries are remembered, in seconds.
    pub min_age_s: u64,
    /// Most entries remembered, whatever their age: bounds the memory, 11 to 27 bytes each (16 MiB for a
    /// million, 64 MiB for 4 million), and the file `ids`, 6 bytes each. Who takes in more than that within
    /// `min_age_s` (with the defaults 46 a second, day and night) recognises older repetitions by other means.
    pub max_ids: u64,
}

/// Who takes the ledger's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// Threads of the ledger's own: sequencer, sealer, checkpointer.
    Threads,
    /// The caller: [`submit`](crate::Ledger::submit) writes and syncs before it returns, and
    /// [`seal_pending`](crate::Ledger::seal_pending) and
    /// [`publish_checkpoint`](crate::Ledger::publish_checkpoint) do the rest. Deterministic, for tests and
    /// one-shot tools.
    Caller,
}

impl Config {
    /// The production values for a ledger in `dir` named `origin`.
    pub fn new(dir: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            origin: origin.into(),
            segment_entries: 65_536,
            queue_bytes: 32 * MIB,
            max_entry_bytes: MIB,
            window: Window { min_ids: 1_000_000, min_age_s: 24 * 3600, max_ids: 4_000_000 },
            min_free_bytes: 256 * MIB as u64,
            ring_bytes: 16 * MIB,
            cache_bytes: 8 * MIB,
            checkpoint_interval_ms: 1_000,
            dictionary_samples: 1_024,
            drive: Drive::Threads,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |key, problem| Err(Error::Config { key, problem });
        if !self.segment_entries.is_power_of_two() || self.segment_entries < 2 {
            return refuse("segment_entries", "must be a power of two, at least 2");
        }
        if self.segment_entries > 1 << 20 {
            return refuse("segment_entries", "must be at most 1048576");
        }
        if self.max_entry_bytes > 16 * MIB {
            return refuse("max_entry_bytes", "must be at most 16 MiB");
        }
        if self.window.max_ids > 8_000_000 || self.window.min_ids > self.window.max_ids {
            return refuse("window.max_ids", "must be at least min_ids and at most 8000000");
        }
        if self.origin.is_empty() {
            return refuse("origin", "must not be empty");
        }
        Ok(())
    }
}

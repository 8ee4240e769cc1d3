//! The index: what it is opened with, what it tells about itself, and the calls it answers.

use crate::entries::Entries;
use crate::question::{Answers, Budget, Count, Group, List, Page, RowRef, Scan, Table};
use crate::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How an index is kept. [`Config::new`] gives the values meant for production.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the index's files; made if there is none.
    pub dir: PathBuf,
    /// Rows after which the rows in memory become a partition. At most 262,144.
    pub partition_rows: usize,
    /// Age after which they do so even when they are fewer.
    pub flush_after: Duration,
    /// How long appended rows may stay invisible while more arrive.
    pub publish_interval: Duration,
    /// Bytes of decoded columns kept in memory.
    pub cache_bytes: usize,
}

impl Config {
    /// The production values for an index in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config {
            dir: dir.into(),
            partition_rows: 262_144,
            flush_after: Duration::from_secs(15 * 60),
            publish_interval: Duration::from_millis(100),
            cache_bytes: 96 << 20,
        }
    }
}

/// How the index is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Entries that are searchable: every index below.
    pub searchable: u64,
    /// Entries in the ledger that are not searchable yet.
    pub lag: u64,
    /// Entries that are in partitions on disk: every index below.
    pub flushed: u64,
    /// Partitions on disk.
    pub partitions: usize,
    /// Bytes of the index's files.
    pub disk_bytes: u64,
    /// Bytes of decoded columns in memory.
    pub cache_bytes: usize,
    /// Entries that could not be decoded and are not searchable.
    pub undecodable: u64,
    /// Files found damaged since the start; each has been or is being rebuilt from the ledger.
    pub damaged: Vec<String>,
}

/// The index over a ledger's entries. Cloning gives another handle to the same index.
#[derive(Clone)]
pub struct Index {
    entries: Arc<dyn Entries>,
}

impl Index {
    /// Opens the index in `config.dir` and starts to follow `entries`. What is damaged or left over from a
    /// crash is put right; the call does not wait for that nor for the newest entries.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(config: Config, entries: impl Entries + 'static) -> Result<Index, Error> {
        let _ = config;
        Ok(Index { entries: Arc::new(entries) })
    }

    /// Stops following, writes what is in memory to disk and ends the index's threads. Questions are answered on.
    ///
    /// # Errors
    /// When the rows in memory cannot be written; nothing is lost, the next start reads them from the ledger.
    pub fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Waits until the entries below `size` are searchable, at most `timeout`. Says whether they are.
    #[must_use]
    pub fn wait_for(&self, size: u64, timeout: Duration) -> bool {
        let _ = timeout;
        self.snapshot() >= size
    }

    /// The ledger index of the event with this id (the newest, should there be several).
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find_id(&self, id: &str) -> Result<Option<u64>, Error> {
        let _ = id;
        todo!()
    }

    /// For each id whether an event with it is searchable.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn contains_ids(&self, ids: &[&str]) -> Result<Vec<bool>, Error> {
        let _ = ids;
        todo!()
    }

    /// How the index is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { lag: self.entries.size(), ..Status::default() }
    }

    /// Writes every partition anew from the ledger, while questions are answered from the old ones.
    /// `progress` is shown how many entries are done and how many there are.
    ///
    /// # Errors
    /// When the ledger cannot be read or the directory not written; what was replaced so far stays.
    pub fn reindex(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
        progress(0, 0);
        todo!()
    }
}

impl Answers for Index {
    fn snapshot(&self) -> u64 {
        0
    }

    fn list(&self, _question: &List, _budget: &Budget) -> Result<Page, Error> {
        todo!()
    }

    fn count(&self, _question: &Count, _budget: &Budget) -> Result<u64, Error> {
        todo!()
    }

    fn group(&self, _question: &Group, _budget: &Budget) -> Result<Table, Error> {
        todo!()
    }

    fn scan(
        &self,
        _question: &Scan,
        _budget: &Budget,
        _visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        todo!()
    }
}

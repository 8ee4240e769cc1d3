//! The index: what it is opened with, what it tells about itself, and the calls it answers.

use crate::answers::Sharing;
use crate::entries::Entries;
pub use crate::failures::Failing;
use crate::indexer::{Shared, Threads};
use crate::memory::Size;
use crate::question::{Answers, Budget, Count, Group, List, Page, Ranking, RowRef, Scan, Table, Tables};
use crate::rows::Rows;
pub use crate::store::Rebuilt;
use crate::{Error, answers};
use parking_lot::Mutex;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;

/// How an index is kept. [`Config::new`] gives the values meant for production.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the index's files; made if there is none.
    pub dir: PathBuf,
    /// Rows after which the rows in memory become a partition; at most 64 pages.
    pub partition_rows: usize,
    /// Rows of a page, the unit that is read, judged and kept in memory; at most 4,096.
    pub page_rows: usize,
    /// Age after which they do so even when they are fewer.
    pub flush_after: Duration,
    /// How long appended rows may stay invisible while more arrive.
    pub publish_interval: Duration,
    /// Bytes of decoded columns kept in memory.
    pub cache_bytes: usize,
    /// Threads that may look at the rows of one question.
    pub threads: NonZero<usize>,
    /// Rows for each of which one of these threads is started.
    pub thread_rows: u64,
    /// Pause after a failed write, such as on a full disk, before the next attempt.
    pub retry_interval: Duration,
}

impl Config {
    /// The production values for an index in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config {
            dir: dir.into(),
            partition_rows: 262_144,
            page_rows: 4_096,
            flush_after: Duration::from_secs(15 * 60),
            publish_interval: Duration::from_millis(100),
            cache_bytes: 96 << 20,
            threads: half_of_the_cores(),
            thread_rows: 131_072,
            retry_interval: Duration::from_secs(2),
        }
    }

    pub(crate) fn sharing(&self) -> Sharing {
        Sharing { threads: self.threads, rows: self.thread_rows }
    }

    pub(crate) fn size(&self) -> Size {
        Size::nearest(self.partition_rows, self.page_rows)
    }
}

/// So that one question leaves room for what else the machine does; two where there are two.
fn half_of_the_cores() -> NonZero<usize> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    NonZero::new((cores / 2).max(cores.min(2))).unwrap_or(NonZero::<usize>::MIN)
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
    /// Why the index that was there at the start was given up and is made anew from the ledger, if it was.
    pub rebuilt: Option<Rebuilt>,
    /// What the index fails at now: reading the ledger, or writing its files. What is in memory is searchable all
    /// the same; it tries again until it succeeds.
    pub failing: Option<Failing>,
}

/// The index over a ledger's entries. Cloning gives another handle to the same index.
#[derive(Clone)]
pub struct Index {
    running: Arc<Running>,
}

struct Running {
    shared: Arc<Shared>,
    /// `None` once stopped.
    threads: Mutex<Option<Threads>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.lock().take() {
            // What could not be written is read from the ledger at the next start.
            let _ = threads.stop(&self.shared);
        }
    }
}

impl Index {
    /// Opens the index in `config.dir` and starts to follow `entries`.
    ///
    /// Damaged files are rebuilt from the entries and what a crash has left over is removed. An index that was not
    /// made of these entries is given up and made anew ([`Status::rebuilt`] says why). The call does not
    /// wait for entries that are not in the index yet: see [`Index::wait_for`].
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(config: Config, entries: impl Entries + 'static) -> Result<Index, Error> {
        let shared = Arc::new(Shared::open(config, Arc::new(entries))?);
        let threads = Mutex::new(Some(Threads::start(&shared)?));
        Ok(Index { running: Arc::new(Running { shared, threads }) })
    }

    /// Stops following, writes what is in memory to disk and ends the index's threads. Questions are answered on.
    ///
    /// # Errors
    /// When the rows in memory cannot be written; nothing is lost, the next start reads them from the ledger.
    pub fn close(&self) -> Result<(), Error> {
        match self.running.threads.lock().take() {
            Some(threads) => threads.stop(self.shared()),
            None => Ok(()),
        }
    }

    /// Waits until the entries below `size` are searchable, at most `timeout`. Says whether they are.
    #[must_use]
    pub fn wait_for(&self, size: u64, timeout: Duration) -> bool {
        self.shared().wait_for(size, timeout)
    }

    /// The ledger index of the event with this id (the newest, should there be several).
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find_id(&self, id: &str) -> Result<Option<u64>, Error> {
        answers::find_id(&self.shared().view(), id)
    }

    /// For each id whether an event with it is searchable.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn contains_ids(&self, ids: &[&str]) -> Result<Vec<bool>, Error> {
        answers::contains_ids(&self.shared().view(), ids)
    }

    /// How the index is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = self.shared();
        let view = shared.view();
        Status {
            searchable: view.end(),
            lag: shared.entries.size().saturating_sub(view.end()),
            flushed: shared.flushed(),
            partitions: view.partitions.len(),
            disk_bytes: view.partitions.iter().map(|partition| partition.disk_bytes()).sum(),
            cache_bytes: shared.cache.bytes(),
            undecodable: shared.undecodable.load(Ordering::Relaxed),
            damaged: shared.damaged.lock().clone(),
            rebuilt: shared.rebuilt,
            failing: shared.failures.longest(),
        }
    }

    /// Writes every partition anew from the ledger, while questions are answered from the old ones.
    /// `progress` is shown how many entries are done and how many there are.
    ///
    /// # Errors
    /// When the ledger cannot be read or the directory not written; what was replaced so far stays.
    pub fn reindex(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
        let shared = self.shared();
        let total = shared.flushed();
        let mut done = 0;
        progress(done, total);
        while done < total {
            let view = shared.view();
            // Partitions that together fit into one are put together on the way.
            let mut end = done;
            for partition in view.partitions.iter().skip_while(|partition| partition.range().start < done) {
                let fits = partition.range().end - done <= shared.config.size().partition_rows as u64;
                if !fits && end > done {
                    break;
                }
                end = partition.range().end;
            }
            if end == done {
                break;
            }
            shared.rebuild(done..end)?;
            done = end;
            progress(done.min(total), total);
        }
        Ok(())
    }

    fn shared(&self) -> &Shared {
        &self.running.shared
    }
}

impl Answers for Index {
    fn snapshot(&self) -> u64 {
        self.shared().view().end()
    }

    fn list(&self, question: &List, budget: &Budget) -> Result<Page, Error> {
        answers::list(&self.shared().view(), question, budget)
    }

    fn count(&self, question: &Count, budget: &Budget) -> Result<u64, Error> {
        answers::count(&self.shared().view(), question, budget)
    }

    fn group(&self, question: &Group, budget: &Budget) -> Result<Table, Error> {
        answers::group(&self.shared().view(), question, budget)
    }

    fn groups(
        &self,
        questions: &[Group],
        patience: Option<Duration>,
        budget: &Budget,
    ) -> Result<Tables, Error> {
        answers::groups(&self.shared().view(), questions, patience, budget)
    }

    fn rank(&self, question: &Ranking, budget: &Budget) -> Result<Table, Error> {
        answers::rank(&self.shared().view(), question, budget)
    }

    fn scan(
        &self,
        question: &Scan,
        budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        answers::scan(&self.shared().view(), question, budget, visit)
    }
}

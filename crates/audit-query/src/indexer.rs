//! Keeping the index up to date: two threads and what they share with the questions.
//!
//! The *follower* reads new entries into the open chunk and publishes it. A full chunk is handed to the *writer*,
//! which makes a partition of it, and merges and repairs partitions when it has nothing else to do. Questions
//! take the published [`View`] and need no lock. A chunk waits for the writer at most one at a time: the follower
//! then waits too, which bounds the memory.

use crate::Error;
use crate::answers::View;
use crate::cache::Cache;
use crate::entries::Entries;
use crate::failures::{Failures, Work};
use crate::index::Config;
use crate::memory::{Chunk, ChunkView, Size};
use crate::partition::Partition;
use crate::rows::Rows;
use crate::store::{Rebuilt, Store, append_entry};
use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Entries appended between two looks at the clock.
const APPEND_AT_ONCE: u64 = 2048;
/// How long the follower sleeps at most when nothing arrives.
const IDLE_WAIT: Duration = Duration::from_millis(200);
/// How often the writer looks for partitions to repair and merge, in publishing intervals.
const UPKEEP_EVERY: u32 = 10;
/// Small partitions that are merged once there are so many side by side.
const MERGE_AT: usize = 4;
/// Fewer rows are not worth a partition of their own: the next start reads them from the ledger.
const MIN_FLUSH_ROWS: usize = 1024;

/// What the threads and the questions share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) entries: Arc<dyn Entries>,
    pub(crate) cache: Arc<Cache>,
    /// What is searchable now. Changed under `publishing`, read by everyone.
    view: ArcSwap<View>,
    publishing: Mutex<()>,
    /// Signalled, under `publishing`, whenever `view` changes.
    published: Condvar,
    /// The directory; held while partitions are written or replaced.
    store: Mutex<Store>,
    pub(crate) damaged: Mutex<Vec<String>>,
    pub(crate) rebuilt: Option<Rebuilt>,
    pub(crate) failures: Failures,
    pub(crate) undecodable: AtomicU64,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn open(config: Config, entries: Arc<dyn Entries>) -> Result<Shared, Error> {
        let cache = Arc::new(Cache::new(config.cache_bytes));
        let opened = Store::open(&config.dir, config.size(), Arc::clone(&cache), Arc::clone(&entries))?;
        Ok(Shared {
            view: ArcSwap::from_pointee(View {
                partitions: opened.partitions,
                chunks: Vec::new(),
                sharing: config.sharing(),
            }),
            publishing: Mutex::new(()),
            published: Condvar::new(),
            store: Mutex::new(opened.store),
            damaged: Mutex::new(opened.damaged),
            rebuilt: opened.rebuilt,
            failures: Failures::default(),
            undecodable: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            config,
            entries,
            cache,
        })
    }

    /// What is searchable now.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Waits until the entries below `size` are searchable, at most `timeout`.
    pub(crate) fn wait_for(&self, size: u64, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut publishing = self.publishing.lock();
        loop {
            if self.view().end() >= size {
                return true;
            }
            match deadline {
                Some(deadline) if self.published.wait_until(&mut publishing, deadline).timed_out() => {
                    return self.view().end() >= size;
                }
                Some(_) => {}
                None => self.published.wait(&mut publishing),
            }
        }
    }

    fn publish(&self, change: impl FnOnce(&mut View)) {
        let _publishing = self.publishing.lock();
        let mut view = View::clone(&self.view.load());
        change(&mut view);
        self.view.store(Arc::new(view));
        self.published.notify_all();
    }

    /// Shows the open chunk as it is now, after those that are complete.
    fn publish_open(&self, open: ChunkView) {
        self.publish(|view| {
            view.chunks.retain(|chunk| chunk.first != open.first);
            view.chunks.push(Arc::new(open));
        });
    }

    /// Makes a partition of the oldest chunk.
    fn flush(&self, chunk: &ChunkView) -> Result<(), Error> {
        let mut store = self.store.lock();
        let partition = if chunk.end > chunk.first { Some(store.append(chunk)?) } else { None };
        self.publish(|view| {
            view.chunks.retain(|waiting| waiting.first != chunk.first);
            view.partitions.extend(partition);
        });
        Ok(())
    }

    /// Writes the partitions of `range` anew; it must begin and end where partitions do.
    pub(crate) fn rebuild(&self, range: Range<u64>) -> Result<(), Error> {
        let mut store = self.store.lock();
        let written = store.rebuild(range.clone())?;
        self.publish(|view| {
            view.partitions.retain(|partition| {
                partition.range().start < range.start || partition.range().start >= range.end
            });
            let at = view.partitions.partition_point(|partition| partition.range().start < range.start);
            view.partitions.splice(at..at, written);
        });
        Ok(())
    }

    /// Every ledger index below this one is in a partition.
    pub(crate) fn flushed(&self) -> u64 {
        self.view().partitions.last().map_or(0, |partition| partition.range().end)
    }

    fn upkeep_interval(&self) -> Duration {
        self.config.publish_interval * UPKEEP_EVERY
    }

    /// Waits before the next attempt, not beyond the end of everything.
    fn pause_after_failure(&self) {
        let until = Instant::now() + self.config.retry_interval;
        while !self.is_stopping() && Instant::now() < until {
            std::thread::sleep(self.config.retry_interval.min(Duration::from_millis(20)));
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The running threads.
pub(crate) struct Threads {
    follower: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Threads {
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Threads, Error> {
        let (chunks, waiting) = sync_channel(1);
        let follower = Follower::new(Arc::clone(shared), chunks);
        let writer = Writer { shared: Arc::clone(shared), waiting };
        Ok(Threads {
            follower: spawn("index-follow", move || follower.run())?,
            writer: spawn("index-write", move || writer.run())?,
        })
    }

    /// Ends the threads; with the rows in memory written to disk, if they are worth it.
    pub(crate) fn stop(self, shared: &Shared) -> Result<(), Error> {
        shared.stopping.store(true, Ordering::Relaxed);
        // A thread that panicked has said so; what it held in memory is read from the ledger at the next start.
        let _ = self.follower.join();
        let _ = self.writer.join();
        let view = shared.view();
        for chunk in &view.chunks {
            let worthwhile = MIN_FLUSH_ROWS.min(shared.config.partition_rows);
            if chunk.rows() >= worthwhile && chunk.first == shared.flushed() {
                shared.flush(chunk)?;
            }
        }
        Ok(())
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(run)?)
}

/// Reads new entries into the open chunk.
struct Follower {
    shared: Arc<Shared>,
    chunks: SyncSender<Arc<ChunkView>>,
    chunk: Chunk,
    /// When the open chunk got its first row.
    chunk_since: Instant,
    /// When the open chunk was last published, and whether it has grown since.
    published_at: Option<Instant>,
    is_dirty: bool,
}

impl Follower {
    fn new(shared: Arc<Shared>, chunks: SyncSender<Arc<ChunkView>>) -> Follower {
        let chunk = Chunk::new(shared.flushed(), shared.config.size());
        Follower { shared, chunks, chunk, chunk_since: Instant::now(), published_at: None, is_dirty: false }
    }

    fn run(mut self) {
        while !self.shared.is_stopping() {
            let cursor = self.chunk.range().end;
            let size = self.shared.entries.wait_beyond(cursor, self.patience());
            if size > cursor && !self.append(cursor..size.min(cursor + APPEND_AT_ONCE)) {
                self.shared.pause_after_failure();
            }
            let caught_up = self.chunk.range().end >= size;
            self.publish_if_due(caught_up);
            if self.chunk.is_full() || self.is_old() {
                self.seal();
            }
        }
        self.publish();
    }

    /// How long to wait for entries: not beyond the time when rows must become visible.
    fn patience(&self) -> Duration {
        if self.is_dirty { self.shortest_interval() } else { IDLE_WAIT }
    }

    /// Publishing copies the page that is filling: not for every single event under load.
    fn shortest_interval(&self) -> Duration {
        self.shared.config.publish_interval / 5
    }

    fn append(&mut self, range: Range<u64>) -> bool {
        if self.chunk.rows() == 0 {
            self.chunk_since = Instant::now();
        }
        let (chunk, shared) = (&mut self.chunk, &self.shared);
        let mut rest = true;
        let read = shared.entries.read(range, &mut |index, bytes| {
            rest = rest && !chunk.is_full();
            if rest && !append_entry(chunk, index, bytes) {
                shared.undecodable.fetch_add(1, Ordering::Relaxed);
            }
        });
        self.is_dirty = true;
        self.shared.failures.note(Work::Follow, &read);
        if let Err(error) = &read {
            tracing::error!(%error, "the index cannot read the ledger");
        }
        read.is_ok()
    }

    fn publish_if_due(&mut self, caught_up: bool) {
        let interval = if caught_up { self.shortest_interval() } else { self.shared.config.publish_interval };
        let is_due = self.published_at.is_none_or(|at| at.elapsed() >= interval);
        if self.is_dirty && is_due {
            self.publish();
        }
    }

    fn publish(&mut self) {
        if self.is_dirty {
            self.shared.publish_open(self.chunk.view());
            self.published_at = Some(Instant::now());
            self.is_dirty = false;
        }
    }

    fn is_old(&self) -> bool {
        let worthwhile = MIN_FLUSH_ROWS.min(self.shared.config.partition_rows);
        self.chunk.rows() >= worthwhile && self.chunk_since.elapsed() >= self.shared.config.flush_after
    }

    /// Hands the chunk to the writer and begins the next one.
    fn seal(&mut self) {
        let end = self.chunk.range().end;
        let next = Chunk::new(end, self.shared.config.size());
        let full = Arc::new(std::mem::replace(&mut self.chunk, next).finish());
        self.shared.publish(|view| {
            view.chunks.retain(|chunk| chunk.first != full.first);
            view.chunks.push(Arc::clone(&full));
        });
        self.is_dirty = false;
        let mut waiting = full;
        while let Err(TrySendError::Full(again)) = self.chunks.try_send(waiting) {
            if self.shared.is_stopping() {
                return;
            }
            waiting = again;
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Makes partitions of chunks, repairs and merges them.
struct Writer {
    shared: Arc<Shared>,
    waiting: Receiver<Arc<ChunkView>>,
}

impl Writer {
    fn run(self) {
        loop {
            match self.waiting.recv_timeout(self.shared.upkeep_interval()) {
                Ok(chunk) => self.flush(&chunk),
                Err(RecvTimeoutError::Timeout) => self.upkeep(),
                // The follower has ended, and everything it sent is written.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tries until it succeeds or everything stops: the chunk stays searchable in memory meanwhile.
    fn flush(&self, chunk: &ChunkView) {
        while let Err(error) = self.flush_in_turn(chunk) {
            tracing::error!(%error, "the index cannot write a partition; it will try again");
            self.shared.pause_after_failure();
            if self.shared.is_stopping() {
                return;
            }
        }
    }

    /// Partitions follow each other: a chunk whose predecessor was given up has to wait for the next start.
    fn flush_in_turn(&self, chunk: &ChunkView) -> Result<(), Error> {
        if chunk.first != self.shared.flushed() {
            return Ok(());
        }
        let flushed = self.shared.flush(chunk);
        self.shared.failures.note(Work::Write, &flushed);
        flushed
    }

    fn upkeep(&self) {
        let view = self.shared.view();
        let damaged = view.partitions.iter().find(|partition| partition.is_damaged());
        let work = match damaged {
            Some(partition) => {
                self.shared.damaged.lock().push(partition.name().to_owned());
                Some(partition.range())
            }
            None => to_merge(&view.partitions, self.shared.config.size()),
        };
        drop(view);
        let Some(range) = work else { return };
        let rewritten = self.shared.rebuild(range);
        self.shared.failures.note(Work::Write, &rewritten);
        if let Err(error) = rewritten {
            tracing::error!(%error, "the index cannot rewrite a partition");
        }
    }
}

/// A run of small partitions side by side that together fit into one.
///
/// Small is less than half of the most. A run is merged when it has four of them, or when a larger one follows so
/// that it cannot grow any more: each row is rewritten a few times at most.
fn to_merge(partitions: &[Arc<Partition>], size: Size) -> Option<Range<u64>> {
    let most_rows = size.partition_rows as u64;
    let sizes: Vec<u64> = partitions.iter().map(|partition| partition.rows()).collect();
    let run = small_run(&sizes, most_rows)?;
    Some(partitions[run.start].range().start..partitions[run.end - 1].range().end)
}

fn small_run(sizes: &[u64], most_rows: u64) -> Option<Range<usize>> {
    let mut start = 0;
    let mut rows = 0;
    for (at, size) in sizes.iter().enumerate() {
        let is_small = *size < most_rows / 2;
        if is_small && rows + size <= most_rows {
            rows += size;
            if at + 1 - start >= MERGE_AT {
                return Some(start..at + 1);
            }
            continue;
        }
        if at - start >= 2 {
            return Some(start..at);
        }
        (start, rows) = if is_small { (at, *size) } else { (at + 1, 0) };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_neighbours_are_merged() {
        assert_eq!(small_run(&[], 100), None);
        assert_eq!(small_run(&[100, 100, 3], 100), None);
        assert_eq!(small_run(&[100, 3, 4, 5], 100), None, "they may still grow");
        assert_eq!(small_run(&[100, 3, 4, 5, 6], 100), Some(1..5));
        assert_eq!(small_run(&[100, 3, 4, 100], 100), Some(1..3), "they cannot grow any more");
        assert_eq!(small_run(&[100, 3, 100, 4, 100], 100), None, "nothing to merge with");
        assert_eq!(small_run(&[49, 49, 49, 1], 100), Some(0..2), "no more than fits");
    }
}

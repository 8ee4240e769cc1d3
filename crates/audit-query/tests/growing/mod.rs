//! Entries in memory that come to light bit by bit, and an index over them with partitions of a few rows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its part")]

use audit_query::naive::Naive;
use audit_query::{Config, Entries, Error, Identity, Index};
use std::num::NonZero;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Entries of which only the first ones are there yet.
#[derive(Clone)]
pub struct Growing {
    entries: Arc<Vec<Vec<u8>>>,
    shown: Arc<(Mutex<u64>, Condvar)>,
}

impl Growing {
    pub fn new(entries: Vec<Vec<u8>>) -> Growing {
        Growing { entries: Arc::new(entries), shown: Arc::default() }
    }

    pub fn show(&self, size: usize) {
        *self.shown.0.lock().unwrap() = size as u64;
        self.shown.1.notify_all();
    }
}

impl Entries for Growing {
    fn size(&self) -> u64 {
        *self.shown.0.lock().unwrap()
    }

    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64 {
        let shown = self.shown.0.lock().unwrap();
        *self.shown.1.wait_timeout_while(shown, timeout, |shown| *shown <= size).unwrap().0
    }

    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error> {
        range.for_each(|index| visit(index, &self.entries[usize::try_from(index).unwrap()]));
        Ok(())
    }

    fn identity(&self, size: u64) -> Result<Identity, Error> {
        Naive::new(self.entries[..usize::try_from(size).unwrap()].to_vec()).identity(size)
    }
}

/// Partitions of 16 rows in pages of 4, a cache that holds few of them, and a thread for every few rows.
pub fn open(dir: &Path, entries: &Growing) -> Index {
    let mut config = Config::new(dir);
    (config.partition_rows, config.page_rows) = (16, 4);
    config.cache_bytes = 20_000;
    (config.threads, config.thread_rows) = (NonZero::new(3).unwrap(), 8);
    config.publish_interval = Duration::from_millis(1);
    config.retry_interval = Duration::from_millis(10);
    Index::open(config, entries.clone()).unwrap()
}

//! Where the indexer reads entries from.

use crate::Error;
use std::time::Duration;

/// A growing sequence of entries, read from any index on: the ledger, or entries in memory (tests, benches).
pub trait Entries: Send + Sync {
    /// How many entries there are; every index below is readable.
    fn size(&self) -> u64;

    /// Waits until there are more than `size` entries, at most `timeout`. Returns how many there are.
    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64;

    /// Shows `visit` the entries `range.start..range.end` in order, each with its index.
    ///
    /// # Errors
    /// When an entry cannot be read; the entries before it have been shown.
    fn read(&self, range: std::ops::Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error>;
}

//! Where the index and the exports read entries from.

use crate::Error;
use audit_ledger::{Direction, Ledger};
use std::ops::Range;
use std::time::Duration;

/// Tells the first entries of one ledger from those of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The ledger's name.
    pub origin: String,
    /// A digest of the entries: the root of their tree.
    pub root: [u8; 32],
}

/// A growing sequence of entries, read from any index on: the ledger, or entries in memory (tests, benches).
pub trait Entries: Send + Sync {
    /// How many entries there are; every index below is readable.
    fn size(&self) -> u64;

    /// Waits until there are more than `size` entries, at most `timeout`. Returns how many there are.
    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64;

    /// Shows `visit` the entries of `range` in order, each with its index.
    ///
    /// # Errors
    /// When an entry cannot be read; the entries before it have been shown.
    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error>;

    /// What the first `size` entries are; two sequences that agree in it agree in these entries.
    ///
    /// # Errors
    /// When there are fewer, or they cannot be read.
    fn identity(&self, size: u64) -> Result<Identity, Error>;
}

impl Entries for Ledger {
    fn size(&self) -> u64 {
        Ledger::size(self).get()
    }

    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64 {
        let now = Ledger::size(self);
        if now.get() > size { now.get() } else { Ledger::wait_beyond(self, now, timeout).get() }
    }

    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error> {
        for frame in self.reader().scan(range, Direction::Forward) {
            frame?.iter().for_each(|(index, entry)| visit(index.get(), entry));
        }
        Ok(())
    }

    fn identity(&self, size: u64) -> Result<Identity, Error> {
        let root = *self.reader().root(size)?.as_bytes();
        // A checkpoint's first line is the log's name.
        let checkpoint = self.checkpoint();
        let origin = checkpoint.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Identity { origin: String::from_utf8_lossy(origin).into_owned(), root })
    }
}

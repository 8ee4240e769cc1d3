//! Reading entries back.

use std::ops::Range;
use std::sync::Arc;

use audit_tlog::{Frontier, Hash, LeafIndex, TreeSize};
use bytes::Bytes;

use crate::error::Error;
use crate::frame::Frame;
use crate::store::Store;

/// Reads entries; cheap to clone, usable from any thread, and for as long as it is kept.
#[derive(Clone)]
pub struct Reader {
    store: Arc<Store>,
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first; within a frame, iterate it in reverse.
    Backward,
}

/// Frames of a range of entries, each trimmed to the range. Ends after the first error.
pub struct Scan {
    store: Arc<Store>,
    rest: Range<u64>,
    direction: Direction,
}

impl Reader {
    pub(crate) const fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Durable entries.
    pub fn size(&self) -> TreeSize {
        self.store.tree_size()
    }

    /// An entry's bytes.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`], [`Error::Damage`], [`Error::Io`].
    pub fn get(&self, index: LeafIndex) -> Result<Bytes, Error> {
        let absent = || Error::NoSuchEntry { index, size: self.size() };
        self.frame(index)?.get_bytes(index).ok_or_else(absent)
    }

    /// The frame that holds an entry; kept in memory for a while.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn frame(&self, index: LeafIndex) -> Result<Frame, Error> {
        self.store.frame(index.get(), true)
    }

    /// Root of the tree of the first `size` entries: with the origin it tells whether something derived from
    /// them was derived from this ledger.
    ///
    /// # Errors
    /// [`Error::Tree`] if there are fewer entries, [`Error::Damage`], [`Error::Io`].
    pub fn root(&self, size: u64) -> Result<Hash, Error> {
        Ok(Frontier::read(TreeSize::new(size), &*self.store)?.root())
    }

    /// The frames of `range`, as far as there are entries now. Frames are not kept in memory.
    pub fn scan(&self, range: Range<u64>, direction: Direction) -> Scan {
        let end = range.end.min(self.store.size());
        Scan { store: Arc::clone(&self.store), rest: range.start.min(end)..end, direction }
    }
}

impl Iterator for Scan {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let index = match self.direction {
            Direction::Forward => self.rest.start,
            Direction::Backward => self.rest.end - 1,
        };
        let frame = match self.store.frame(index, false) {
            Ok(frame) => frame.within(&self.rest)?,
            Err(error) => {
                self.rest = 0..0;
                return Some(Err(error));
            }
        };
        match self.direction {
            Direction::Forward => self.rest.start = frame.indices().end,
            Direction::Backward => self.rest.end = frame.indices().start,
        }
        Some(Ok(frame))
    }
}

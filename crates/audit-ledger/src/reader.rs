//! Reading entries back.

use std::ops::Range;

use audit_tlog::{LeafIndex, TreeSize};
use bytes::Bytes;

use crate::error::Error;
use crate::frame::Frame;

/// Reads entries; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Reader {}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first; within a frame, iterate it in reverse.
    Backward,
}

/// Frames of a range of entries, each trimmed to the range.
pub struct Scan {}

#[expect(clippy::todo, reason = "being written")]
#[expect(unused_variables)]
impl Reader {
    /// Durable entries.
    pub fn size(&self) -> TreeSize {
        todo!()
    }

    /// An entry's bytes.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`], [`Error::Damage`], [`Error::Io`].
    pub fn get(&self, index: LeafIndex) -> Result<Bytes, Error> {
        todo!()
    }

    /// The frame that holds an entry.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn frame(&self, index: LeafIndex) -> Result<Frame, Error> {
        todo!()
    }

    /// The frames of `range`, as far as there are entries.
    pub fn scan(&self, range: Range<u64>, direction: Direction) -> Scan {
        todo!()
    }
}

#[expect(clippy::todo, reason = "being written")]
impl Iterator for Scan {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

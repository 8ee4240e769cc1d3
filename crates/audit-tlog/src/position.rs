//! Index and size are different things: a tree of size *n* holds the indices `0..n`.

use core::fmt;
use core::str::FromStr;

use crate::error::{Error, Flaw, Format};
use crate::text;

/// Position of a leaf in the log, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

/// Number of leaves in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl LeafIndex {
    /// The leaf at `index`, counted from 0.
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The index as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Size of the smallest tree that holds this leaf, unless it exceeds what 64 bits count.
    pub const fn size_including(self) -> Option<TreeSize> {
        match self.0.checked_add(1) {
            Some(size) => Some(TreeSize(size)),
            None => None,
        }
    }
}

impl TreeSize {
    /// The tree without leaves.
    pub const EMPTY: Self = Self(0);

    /// A tree of `size` leaves.
    pub const fn new(size: u64) -> Self {
        Self(size)
    }

    /// The size as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the tree has no leaves.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `index` is one of the tree's leaves.
    pub const fn contains(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }

    /// Index that the next leaf appended will get.
    pub const fn next_index(self) -> LeafIndex {
        LeafIndex(self.0)
    }

    /// The last leaf, unless the tree is empty.
    pub const fn last_index(self) -> Option<LeafIndex> {
        match self.0.checked_sub(1) {
            Some(index) => Some(LeafIndex(index)),
            None => None,
        }
    }

    /// The size after `leaves` more, unless it exceeds what 64 bits count.
    pub const fn checked_add(self, leaves: u64) -> Option<Self> {
        match self.0.checked_add(leaves) {
            Some(size) => Some(Self(size)),
            None => None,
        }
    }
}

/// Reads a decimal without sign or leading zeroes, as the formats of a log write it.
impl FromStr for LeafIndex {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text::decimal(text).map(Self).ok_or(Error::malformed(Format::LeafIndex, 1, Flaw::Decimal))
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! Addresses of hashes in the tree, and where hashes come from.

use crate::error::Error;
use crate::hash::Hash;
use crate::position::TreeSize;

/// A perfect subtree: the node over the leaves `index * 2^level .. (index + 1) * 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves; a leaf is at level 0.
    pub level: u8,
    /// Position from the left within the level.
    pub index: u64,
}

/// Where proofs get their hashes from: a store's tiles, a cache, a tree in memory.
pub trait HashReader {
    /// The store's own error, which a question outside the tree is turned into as well.
    type Error: From<Error>;

    /// Hashes of the given perfect subtrees, in the order asked for.
    ///
    /// Only nodes whose leaves all lie within the tree asked about are requested, all in one call, so that
    /// an implementation can fetch each tile once.
    ///
    /// # Errors
    /// Whatever keeps the store from reading one of them; nothing is retried here.
    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Self::Error>;
}

impl<R: HashReader + ?Sized> HashReader for &R {
    type Error = R::Error;

    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Self::Error> {
        (**self).read_hashes(nodes)
    }
}

/// The perfect subtrees that make up the leaves `start..end`, left to right.
///
/// `start` must be a multiple of the largest power of two below `end - start` (or equal to it), as it is for
/// every range that RFC 6962's recursion visits.
pub(crate) fn subtrees(start: u64, end: u64) -> impl Iterator<Item = NodeId> {
    let mut at = start;
    core::iter::from_fn(move || {
        let left = end.checked_sub(at).filter(|left| *left > 0)?;
        let level = left.ilog2();
        let node = NodeId { level: level_u8(level), index: at >> level };
        at += 1 << level;
        Some(node)
    })
}

/// The perfect subtrees of a tree's frontier, left to right.
pub(crate) fn frontier_nodes(size: TreeSize) -> impl Iterator<Item = NodeId> {
    subtrees(0, size.get())
}

#[expect(clippy::cast_possible_truncation, reason = "a binary logarithm of 64 bits is at most 63")]
const fn level_u8(level: u32) -> u8 {
    level as u8
}

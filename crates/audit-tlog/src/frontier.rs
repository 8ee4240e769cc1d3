//! The growing edge of the tree: a compact range from leaf 0.

use crate::error::Error;
use crate::hash::{Hash, node_hash};
use crate::node::{HashReader, NodeId, frontier_nodes};
use crate::position::TreeSize;

/// Room for every perfect subtree of a tree with 64-bit size.
const LEVELS: usize = 64;

/// The roots of the perfect subtrees that a tree of [`size`](Self::size) leaves consists of, one per set bit
/// of its size: all that is needed to append and to compute the root.
///
/// Appending a leaf costs one [`node_hash`] on average, and no allocation.
#[derive(Clone)]
pub struct Frontier {
    size: u64,
    /// `nodes[level]` is the subtree of `2^level` leaves, meaningful only where `size` has that bit.
    nodes: [Hash; LEVELS],
}

impl Frontier {
    /// The frontier of the empty tree.
    pub const fn new() -> Self {
        Self { size: 0, nodes: [Hash::EMPTY_ROOT; LEVELS] }
    }

    /// The frontier of a tree of `size` leaves from its hashes, largest subtree first, as
    /// [`hashes`](Self::hashes) gives them.
    ///
    /// # Errors
    /// [`Error::HashCount`] if there is not one hash per set bit of `size`.
    pub fn from_hashes(size: TreeSize, hashes: &[Hash]) -> Result<Self, Error> {
        let expected = size.get().count_ones() as usize;
        if hashes.len() != expected {
            return Err(Error::HashCount { expected, found: hashes.len() });
        }
        let mut frontier = Self { size: size.get(), ..Self::new() };
        for (node, hash) in frontier_nodes(size).zip(hashes) {
            frontier.nodes[usize::from(node.level)] = *hash;
        }
        Ok(frontier)
    }

    /// Reads the frontier of a tree of `size` leaves out of a store.
    ///
    /// # Errors
    /// The reader's own.
    pub fn read<R: HashReader>(size: TreeSize, reader: &R) -> Result<Self, R::Error> {
        let nodes: Vec<NodeId> = frontier_nodes(size).collect();
        let hashes = reader.read_hashes(&nodes)?;
        Ok(Self::from_hashes(size, &hashes)?)
    }

    /// Number of leaves.
    pub const fn size(&self) -> TreeSize {
        TreeSize::new(self.size)
    }

    /// The subtrees' hashes, largest subtree first; all that needs storing besides the size.
    pub fn hashes(&self) -> Vec<Hash> {
        frontier_nodes(self.size()).map(|node| self.nodes[usize::from(node.level)]).collect()
    }

    /// Appends a leaf by its hash.
    ///
    /// # Panics
    /// If the tree already holds `u64::MAX` leaves.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_, _| {});
    }

    /// Appends a leaf and hands every node that it completes to `completed`, the leaf itself first, then
    /// upwards: what a store of tiles needs to keep.
    ///
    /// # Panics
    /// If the tree already holds `u64::MAX` leaves.
    pub fn push_with(&mut self, leaf: Hash, completed: impl FnMut(NodeId, &Hash)) {
        assert!(self.size < u64::MAX, "a tree holds fewer than 2^64 leaves");
        self.carry(0, leaf, completed);
    }

    /// Appends the `2^height` leaves of a perfect subtree at once.
    ///
    /// # Errors
    /// [`Error::SubtreeMisplaced`] unless the size is a multiple of `2^height`; [`Error::TreeFull`] if the
    /// size would no longer fit 64 bits.
    pub fn push_perfect_subtree(&mut self, height: u8, root: Hash) -> Result<(), Error> {
        let misplaced = Error::SubtreeMisplaced { height, size: self.size() };
        let leaves = 1u64.checked_shl(u32::from(height)).ok_or(misplaced.clone())?;
        if self.size & (leaves - 1) != 0 {
            return Err(misplaced);
        }
        self.size.checked_add(leaves).ok_or(Error::TreeFull)?;
        self.carry(height, root, |_, _| {});
        Ok(())
    }

    /// Root hash of the tree as it stands.
    pub fn root(&self) -> Hash {
        let mut rest = self.size;
        let mut root = None;
        while rest != 0 {
            let node = &self.nodes[rest.trailing_zeros() as usize];
            root = Some(root.map_or(*node, |right| node_hash(node, &right)));
            rest &= rest - 1;
        }
        root.unwrap_or(Hash::EMPTY_ROOT)
    }

    /// Adds a subtree of `2^level` leaves, merging equals upwards as a binary counter carries.
    fn carry(&mut self, level: u8, hash: Hash, mut completed: impl FnMut(NodeId, &Hash)) {
        let mut node = NodeId { level, index: self.size >> level };
        let mut hash = hash;
        completed(node, &hash);
        while node.index & 1 == 1 {
            hash = node_hash(&self.nodes[usize::from(node.level)], &hash);
            node = NodeId { level: node.level + 1, index: node.index >> 1 };
            completed(node, &hash);
        }
        self.nodes[usize::from(node.level)] = hash;
        self.size += 1 << level;
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Frontier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frontier").field("size", &self.size).field("root", &self.root()).finish()
    }
}

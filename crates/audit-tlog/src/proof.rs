//! Inclusion and consistency proofs: made after the recursive definitions of RFC 6962, sections 2.1.1 and
//! 2.1.2, verified by the iterative algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use crate::error::Error;
use crate::hash::{Hash, node_hash};
use crate::node::{HashReader, NodeId, subtrees};
use crate::position::{LeafIndex, TreeSize};

/// Hashes that lead from a leaf to the root, the leaf's sibling first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InclusionProof(pub Vec<Hash>);

/// Hashes that show one tree to be a prefix of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsistencyProof(pub Vec<Hash>);

/// Proves that leaf `index` is in the tree of `size` leaves.
///
/// # Errors
/// [`Error::LeafOutsideTree`], or the reader's own.
pub fn inclusion_proof<R: HashReader>(
    index: LeafIndex,
    size: TreeSize,
    reader: &R,
) -> Result<InclusionProof, R::Error> {
    if !size.contains(index) {
        return Err(Error::LeafOutsideTree { index, size }.into());
    }
    let ranges = inclusion_ranges(index.get(), size.get());
    Ok(InclusionProof(read_range_roots(&ranges, reader)?))
}

/// Proves that the tree of `old` leaves is a prefix of the tree of `new` leaves. The proof is empty if they
/// are equal or `old` is the empty tree.
///
/// # Errors
/// [`Error::SizesReversed`], or the reader's own.
pub fn consistency_proof<R: HashReader>(
    old: TreeSize,
    new: TreeSize,
    reader: &R,
) -> Result<ConsistencyProof, R::Error> {
    if old > new {
        return Err(Error::SizesReversed { old, new }.into());
    }
    let ranges = consistency_ranges(old.get(), new.get());
    Ok(ConsistencyProof(read_range_roots(&ranges, reader)?))
}

/// Checks that `leaf` is the hash of leaf `index` in the tree of `size` leaves with that `root`.
///
/// # Errors
/// [`Error::LeafOutsideTree`], [`Error::ProofLength`] or [`Error::RootMismatch`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: LeafIndex,
    size: TreeSize,
    root: &Hash,
    proof: &InclusionProof,
) -> Result<(), Error> {
    if root_from_inclusion(leaf, index, size, proof)? == *root { Ok(()) } else { Err(Error::RootMismatch) }
}

/// Checks that the tree of `old` leaves with root `old_root` is a prefix of the tree of `new` leaves with
/// root `new_root`.
///
/// # Errors
/// [`Error::SizesReversed`], [`Error::ProofLength`] or [`Error::RootMismatch`].
pub fn verify_consistency(
    old: TreeSize,
    old_root: &Hash,
    new: TreeSize,
    new_root: &Hash,
    proof: &ConsistencyProof,
) -> Result<(), Error> {
    if old > new {
        return Err(Error::SizesReversed { old, new });
    }
    let hashes = proof.0.as_slice();
    check_length(consistency_length(old.get(), new.get()), hashes.len())?;
    let genuine = if old == new {
        old_root == new_root
    } else if old.is_empty() {
        *old_root == Hash::EMPTY_ROOT
    } else {
        roots_from_consistency(old, old_root, new, hashes) == Some((*old_root, *new_root))
    };
    if genuine { Ok(()) } else { Err(Error::RootMismatch) }
}

/// The root that the proof leads to.
fn root_from_inclusion(
    leaf: &Hash,
    index: LeafIndex,
    size: TreeSize,
    proof: &InclusionProof,
) -> Result<Hash, Error> {
    let last = size.last_index().filter(|_| size.contains(index));
    let last = last.ok_or(Error::LeafOutsideTree { index, size })?;
    check_length(inclusion_length(index.get(), size.get()), proof.0.len())?;
    let (mut fnode, mut snode) = (index.get(), last.get());
    let mut root = *leaf;
    for hash in &proof.0 {
        if fnode & 1 == 1 || fnode == snode {
            root = node_hash(hash, &root);
            // The last node of its level has no sibling on the levels it was carried up.
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            root = node_hash(&root, hash);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    Ok(root)
}

/// The old and the new root that the proof leads to, for `0 < old < new`; `None` if it is too short.
fn roots_from_consistency(
    old: TreeSize,
    old_root: &Hash,
    new: TreeSize,
    proof: &[Hash],
) -> Option<(Hash, Hash)> {
    let old_is_perfect = old.get().is_power_of_two();
    let (first, rest) = if old_is_perfect { (old_root, proof) } else { proof.split_first()? };
    let (mut fnode, mut snode) = (old.get() - 1, new.get() - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut old_found, mut new_found) = (*first, *first);
    for hash in rest {
        if fnode & 1 == 1 || fnode == snode {
            old_found = node_hash(hash, &old_found);
            new_found = node_hash(hash, &new_found);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            new_found = node_hash(&new_found, hash);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    Some((old_found, new_found))
}

fn check_length(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::ProofLength { expected, found }) }
}

/// A range of leaves, `start..end`, that is one node of the tree (not perfect at the right edge).
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    pub const fn leaves(self) -> u64 {
        self.end - self.start
    }

    /// RFC 6962's split: the left part is the largest power of two below the number of leaves.
    pub fn split(self) -> (Self, Self) {
        let left = 1 << (self.leaves() - 1).ilog2();
        let middle = self.start + left;
        (Self { start: self.start, end: middle }, Self { start: middle, end: self.end })
    }
}

/// The siblings on the way from leaf `index` up to the root.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Span> {
    let mut siblings = Vec::new();
    let mut span = Span { start: 0, end: size };
    while span.leaves() > 1 {
        let (left, right) = span.split();
        let goes_left = index < left.end;
        siblings.push(if goes_left { right } else { left });
        span = if goes_left { left } else { right };
    }
    siblings.reverse();
    siblings
}

/// RFC 6962's `SUBPROOF`, from the smallest node up.
fn consistency_ranges(old: u64, new: u64) -> Vec<Span> {
    if old == 0 || old == new {
        return Vec::new();
    }
    let mut ranges = Vec::new();
    let mut span = Span { start: 0, end: new };
    while span.end != old {
        let (left, right) = span.split();
        let old_ends_left = old <= left.end;
        ranges.push(if old_ends_left { right } else { left });
        span = if old_ends_left { left } else { right };
    }
    let old_tree_itself = span.start == 0;
    if !old_tree_itself {
        ranges.push(span);
    }
    ranges.reverse();
    ranges
}

/// Number of siblings of leaf `index`: one per level below the point where its path and the last leaf's
/// part, then one per left sibling of what they share.
fn inclusion_length(index: u64, size: u64) -> usize {
    let inner = bit_len(index ^ (size - 1));
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (inner + border) as usize
}

fn consistency_length(old: u64, new: u64) -> usize {
    if old == 0 || old == new {
        return 0;
    }
    let perfect_base = old.trailing_zeros();
    let inner = bit_len((old - 1) ^ (new - 1)).saturating_sub(perfect_base);
    let border = (old - 1).checked_shr(perfect_base + inner).unwrap_or(0).count_ones();
    let first = u32::from(!old.is_power_of_two());
    (inner + border + first) as usize
}

const fn bit_len(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Roots of the ranges, with all the perfect subtrees they consist of read in one call.
pub(crate) fn read_range_roots<R: HashReader>(ranges: &[Span], reader: &R) -> Result<Vec<Hash>, R::Error> {
    let parts = |span: &Span| subtrees(span.start, span.end);
    let nodes: Vec<NodeId> = ranges.iter().flat_map(parts).collect();
    let hashes = reader.read_hashes(&nodes)?;
    if hashes.len() != nodes.len() {
        return Err(Error::HashCount { expected: nodes.len(), found: hashes.len() }.into());
    }
    let mut rest = hashes.as_slice();
    let roots = ranges.iter().filter_map(|span| {
        let (own, after) = rest.split_at(parts(span).count());
        rest = after;
        own.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
    });
    Ok(roots.collect())
}

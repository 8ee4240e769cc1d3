//! Proofs for many leaves at once: the roots of the largest subtrees that hold none of them, left to right.
//!
//! Whoever has the leaves and these roots can compute the tree's root by RFC 6962, section 2.1. One leaf's proof holds
//! the hashes of its inclusion proof, in the tree's order; the proof for all leaves is empty.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::hash::{Hash, node_hash};
use crate::node::HashReader;
use crate::position::{LeafIndex, TreeSize};
use crate::proof::{Span, read_range_roots};

/// Roots asked of the reader at once.
const AT_ONCE: usize = 4_096;

/// Proves that the leaves at `indices`, in ascending order, are in the tree of `size` leaves. `give` is handed the
/// hashes of the proof in their order, so that a long one need not be in memory, and ends it by breaking off.
///
/// # Errors
/// [`Error::LeavesUnordered`] unless the indices ascend, [`Error::LeafOutsideTree`], or the reader's own.
pub fn subset_proof<R: HashReader>(
    indices: &[u64],
    size: TreeSize,
    reader: &R,
    mut give: impl FnMut(&[Hash]) -> ControlFlow<()>,
) -> Result<(), R::Error> {
    check_order(indices.iter().copied(), size)?;
    let mut waiting = Vec::new();
    let mut flush = |waiting: &mut Vec<Span>| match read_range_roots(waiting, reader) {
        Ok(roots) => {
            waiting.clear();
            give(&roots).map_break(Ok)
        }
        Err(error) => ControlFlow::Break(Err(error)),
    };
    let walked = for_each_empty(whole(size), indices, &mut |span| {
        waiting.push(span);
        if waiting.len() == AT_ONCE { flush(&mut waiting) } else { ControlFlow::Continue(()) }
    });
    let ended = if walked.is_continue() { flush(&mut waiting) } else { walked };
    ended.break_value().unwrap_or(Ok(()))
}

/// The root of the tree of `size` leaves that has `leaves` (ascending by index) and, around them, the subtrees of the
/// proof. To be compared with a checkpoint's.
///
/// # Errors
/// [`Error::LeavesUnordered`], [`Error::LeafOutsideTree`], [`Error::ProofLength`], or what the proof's source reports.
pub fn root_from_subset<E: From<Error>>(
    leaves: &[(u64, Hash)],
    size: TreeSize,
    proof: &mut dyn Iterator<Item = Result<Hash, E>>,
) -> Result<Hash, E> {
    check_order(leaves.iter().map(|(index, _)| *index), size)?;
    let mut climb = Climb { proof, wanted: 0, missing: 0 };
    let root = if size.is_empty() { Hash::EMPTY_ROOT } else { climb.root(whole(size), leaves)? };
    let Climb { proof, wanted, missing } = climb;
    let mut left = 0;
    for hash in proof {
        hash?;
        left += 1;
    }
    if (left, missing) == (0, 0) {
        return Ok(root);
    }
    Err(Error::ProofLength { expected: wanted, found: wanted - missing + left }.into())
}

fn whole(size: TreeSize) -> Span {
    Span { start: 0, end: size.get() }
}

fn check_order(indices: impl Iterator<Item = u64>, size: TreeSize) -> Result<(), Error> {
    let mut before = None;
    for index in indices {
        if before.is_some_and(|before| before >= index) {
            return Err(Error::LeavesUnordered { index: LeafIndex::new(index) });
        }
        if !size.contains(LeafIndex::new(index)) {
            return Err(Error::LeafOutsideTree { index: LeafIndex::new(index), size });
        }
        before = Some(index);
    }
    Ok(())
}

/// Shows `visit` the largest spans within `span` without any of the indices, until it breaks off. Deep as the tree is
/// high.
fn for_each_empty<B>(
    span: Span,
    indices: &[u64],
    visit: &mut impl FnMut(Span) -> ControlFlow<B>,
) -> ControlFlow<B> {
    if indices.is_empty() {
        return if span.leaves() > 0 { visit(span) } else { ControlFlow::Continue(()) };
    }
    if span.leaves() > indices.len() as u64 {
        let (left, right) = span.split();
        let (in_left, in_right) = indices.split_at(indices.partition_point(|index| *index < left.end));
        for_each_empty(left, in_left, visit)?;
        for_each_empty(right, in_right, visit)?;
    }
    ControlFlow::Continue(())
}

/// On the way from the leaves to the root.
struct Climb<'p, E> {
    proof: &'p mut dyn Iterator<Item = Result<Hash, E>>,
    /// Hashes that were wanted so far, and those of them that were not there.
    wanted: usize,
    missing: usize,
}

impl<E> Climb<'_, E> {
    /// The root of a span, of no account once a hash is missing: the rest is then only counted.
    fn root(&mut self, span: Span, leaves: &[(u64, Hash)]) -> Result<Hash, E> {
        match leaves {
            [] => self.next(),
            [(_, leaf)] if span.leaves() == 1 => Ok(*leaf),
            _ => {
                let (left, right) = span.split();
                let middle = leaves.partition_point(|(index, _)| *index < left.end);
                let (in_left, in_right) = leaves.split_at(middle);
                let left = self.root(left, in_left)?;
                Ok(node_hash(&left, &self.root(right, in_right)?))
            }
        }
    }

    fn next(&mut self) -> Result<Hash, E> {
        self.wanted += 1;
        self.proof.next().unwrap_or_else(|| {
            self.missing += 1;
            Ok(Hash::EMPTY_ROOT)
        })
    }
}

//! Many leaves proved at once.

use std::ops::ControlFlow;

use audit_tlog::{Error, Hash, LeafIndex, TreeSize, inclusion_proof, root_from_subset, subset_proof};
use proptest::prelude::*;

use crate::deterministic;
use crate::naive::NaiveTree;

/// Leaves of a tree, and what proves them.
struct Proved {
    leaves: Vec<(u64, Hash)>,
    size: TreeSize,
    hashes: Vec<Hash>,
}

impl Proved {
    fn new(tree: &NaiveTree, size: usize, indices: &[usize]) -> Result<Self, Error> {
        let size = TreeSize::new(size as u64);
        let places: Vec<u64> = indices.iter().map(|index| *index as u64).collect();
        let mut hashes = Vec::new();
        subset_proof(&places, size, tree, |more| {
            hashes.extend_from_slice(more);
            ControlFlow::Continue(())
        })?;
        let leaves = places.into_iter().zip(indices.iter().map(|index| tree.leaf(*index))).collect();
        Ok(Self { leaves, size, hashes })
    }

    fn root(&self) -> Result<Hash, Error> {
        root_from_subset(&self.leaves, self.size, &mut self.hashes.iter().copied().map(Ok))
    }
}

/// A tree's size and some of its leaves.
fn subsets() -> impl Strategy<Value = (usize, Vec<usize>)> {
    (1..200usize).prop_flat_map(|size| {
        let indices = proptest::collection::btree_set(0..size, 0..=size);
        (Just(size), indices.prop_map(|indices| indices.into_iter().collect()))
    })
}

proptest! {
    #![proptest_config(deterministic(300))]

    #[test]
    fn leaves_and_proof_lead_to_the_root((size, indices) in subsets()) {
        let tree = NaiveTree::of_size(size);
        prop_assert_eq!(Proved::new(&tree, size, &indices)?.root()?, tree.root(size));
    }

    #[test]
    fn whatever_is_altered_leads_elsewhere(
        (size, indices) in subsets(),
        place: prop::sample::Index,
        bit in 0..256usize,
    ) {
        let tree = NaiveTree::of_size(size);
        let mut proved = Proved::new(&tree, size, &indices)?;
        let place = place.index(proved.leaves.len() + proved.hashes.len());
        let hash = match proved.leaves.get_mut(place) {
            Some((_, leaf)) => leaf,
            None => &mut proved.hashes[place - indices.len()],
        };
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        *hash = Hash::from_bytes(bytes);
        prop_assert_ne!(proved.root()?, tree.root(size));
    }

    #[test]
    fn a_hash_too_many_or_too_few_is_refused((size, indices) in subsets()) {
        let tree = NaiveTree::of_size(size);
        let mut proved = Proved::new(&tree, size, &indices)?;
        let expected = proved.hashes.len();
        proved.hashes.push(Hash::EMPTY_ROOT);
        prop_assert_eq!(proved.root(), Err(Error::ProofLength { expected, found: expected + 1 }));
        proved.hashes.truncate(expected.saturating_sub(1));
        if expected > 0 {
            prop_assert_eq!(proved.root(), Err(Error::ProofLength { expected, found: expected - 1 }));
        }
    }
}

#[test]
fn one_leaf_takes_the_hashes_of_its_inclusion_proof_and_all_leaves_take_none() {
    let tree = NaiveTree::of_size(21);
    for index in 0..21 {
        let place = LeafIndex::new(index as u64);
        let mut hashes = inclusion_proof(place, TreeSize::new(21), &tree).expect("in the tree").0;
        let mut proof = Proved::new(&tree, 21, &[index]).expect("in the tree").hashes;
        hashes.sort_unstable();
        proof.sort_unstable();
        assert_eq!(proof, hashes);
    }
    let all: Vec<usize> = (0..21).collect();
    assert_eq!(Proved::new(&tree, 21, &all).expect("in the tree").hashes, []);
}

#[test]
fn no_leaves_are_proved_by_the_root_itself() {
    let tree = NaiveTree::of_size(21);
    assert_eq!(Proved::new(&tree, 21, &[]).expect("in the tree").hashes, [tree.root(21)]);
    let empty = Proved::new(&tree, 0, &[]).expect("in the tree");
    assert_eq!((empty.hashes.len(), empty.root()), (0, Ok(Hash::EMPTY_ROOT)));
}

#[test]
fn leaves_come_in_order_and_from_the_tree() {
    let tree = NaiveTree::of_size(6);
    let refused = |indices: &[usize]| Proved::new(&tree, 5, indices).err();
    let unordered = |index| Some(Error::LeavesUnordered { index: LeafIndex::new(index) });
    assert_eq!(refused(&[1, 1]), unordered(1));
    assert_eq!(refused(&[3, 2]), unordered(2));
    let outside = Error::LeafOutsideTree { index: LeafIndex::new(5), size: TreeSize::new(5) };
    assert_eq!(refused(&[5]), Some(outside));
}

//! Trees, proofs and tiles against the naive tree.

use audit_tlog::{
    ConsistencyProof, Error, Frontier, Hash, HashReader, InclusionProof, LeafIndex, NodeId, TileHashes,
    TileId, TileReader, TreeSize, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::deterministic;
use crate::naive::NaiveTree;

const EXHAUSTIVE: usize = 300;

#[test]
fn the_frontier_has_the_root_of_every_size() {
    let tree = NaiveTree::of_size(EXHAUSTIVE);
    let mut frontier = Frontier::new();
    for size in 0..EXHAUSTIVE {
        assert_eq!(frontier.root(), tree.root(size), "size {size}");
        assert_eq!(frontier.size(), tree_size(size));
        let restored = Frontier::from_hashes(frontier.size(), &frontier.hashes()).expect("its own hashes");
        assert_eq!(restored.root(), frontier.root());
        let read = Frontier::read(frontier.size(), &tree).expect("the tree has them");
        assert_eq!(read.hashes(), frontier.hashes());
        frontier.push(tree.leaf(size));
    }
}

#[test]
fn every_inclusion_proof_is_the_naive_one_and_verifies() {
    let tree = NaiveTree::of_size(EXHAUSTIVE);
    for size in 1..=EXHAUSTIVE {
        for index in 0..size {
            check_inclusion(&tree, index, size);
        }
    }
}

#[test]
fn every_consistency_proof_is_the_naive_one_and_verifies() {
    let tree = NaiveTree::of_size(EXHAUSTIVE);
    for new in 0..=EXHAUSTIVE {
        for old in 0..=new {
            check_consistency(&tree, old, new);
        }
    }
}

#[test]
fn no_altered_inclusion_proof_verifies() {
    let tree = NaiveTree::of_size(200);
    for size in (1..=70).chain([100, 127, 128, 129, 200]) {
        for index in 0..size {
            let genuine = Inclusion::of(&tree, index, size);
            genuine.verify().expect("genuine");
            for (how, altered) in genuine.altered() {
                assert!(altered.verify().is_err(), "index {index}, size {size}: {how}");
            }
        }
    }
}

#[test]
fn no_altered_consistency_proof_verifies() {
    let tree = NaiveTree::of_size(200);
    for new in (1..=70).chain([100, 127, 128, 129, 200]) {
        for old in 1..new {
            let genuine = Consistency::of(&tree, old, new);
            genuine.verify().expect("genuine");
            for (how, altered) in genuine.altered() {
                assert!(altered.verify().is_err(), "{old} to {new}: {how}");
            }
        }
    }
}

#[test]
fn a_question_outside_the_tree_is_an_error() {
    let tree = NaiveTree::of_size(8);
    let (index, size) = (LeafIndex::new(5), tree_size(5));
    assert_eq!(inclusion_proof(index, size, &tree), Err(Error::LeafOutsideTree { index, size }));
    let (old, new) = (tree_size(6), tree_size(5));
    assert_eq!(consistency_proof(old, new, &tree), Err(Error::SizesReversed { old, new }));
}

#[test]
fn sizes_and_indices_up_to_the_limit_are_refused_without_panic() {
    let empty = InclusionProof::default();
    for size in [0, 1, 2, u64::MAX - 1, u64::MAX] {
        for index in [0, 1, size.saturating_sub(1), size, u64::MAX] {
            let (index, size) = (LeafIndex::new(index), TreeSize::new(size));
            let refused = verify_inclusion(&Hash::EMPTY_ROOT, index, size, &leaf(1), &empty);
            assert!(refused.is_err(), "{index} of {size}");
        }
        for old in [1, 3, 1 << 63, (1 << 63) + 1, u64::MAX] {
            let (old, new) = (TreeSize::new(old), TreeSize::new(size));
            let proof = ConsistencyProof(vec![leaf(1); 3]);
            assert!(verify_consistency(old, &leaf(2), new, &leaf(3), &proof).is_err(), "{old} to {new}");
        }
    }
}

#[test]
fn everything_is_consistent_with_the_empty_tree_and_only_that_is() {
    let (empty, five) = (TreeSize::EMPTY, tree_size(5));
    let (root, none) = (leaf(5), ConsistencyProof::default());
    assert_eq!(verify_consistency(empty, &Hash::EMPTY_ROOT, five, &root, &none), Ok(()));
    assert_eq!(verify_consistency(empty, &root, five, &root, &none), Err(Error::RootMismatch));
    assert_eq!(verify_consistency(five, &root, five, &root, &none), Ok(()));
    assert_eq!(verify_consistency(five, &leaf(4), five, &root, &none), Err(Error::RootMismatch));
}

#[test]
fn a_perfect_subtree_is_appended_as_its_leaves_are() {
    let tree = NaiveTree::of_size(256);
    for height in 0..=5u8 {
        let leaves = 1usize << height;
        for size in (0..=128).step_by(leaves) {
            let mut frontier = Frontier::read(tree_size(size), &tree).expect("in the tree");
            let subtree = node_of(&tree, height, size >> height);
            frontier.push_perfect_subtree(height, subtree).expect("aligned");
            assert_eq!(frontier.root(), tree.root(size + leaves), "height {height} at {size}");
        }
    }
}

#[test]
fn a_subtree_out_of_place_is_refused_and_changes_nothing() {
    let tree = NaiveTree::of_size(6);
    let mut frontier = Frontier::read(tree_size(6), &tree).expect("in the tree");
    let before = frontier.root();
    for height in [2, 3, 63, 64, 255] {
        let refused = frontier.push_perfect_subtree(height, leaf(0));
        assert_eq!(refused, Err(Error::SubtreeMisplaced { height, size: tree_size(6) }));
    }
    assert_eq!(frontier.root(), before);
    let mut half = Frontier::from_hashes(TreeSize::new(1 << 63), &[leaf(0)]).expect("one subtree");
    assert_eq!(half.push_perfect_subtree(63, leaf(0)), Err(Error::TreeFull));
}

#[test]
fn a_frontier_needs_one_hash_per_set_bit() {
    let refused = Frontier::from_hashes(tree_size(5), &[leaf(0)]).map(|frontier| frontier.size());
    assert_eq!(refused, Err(Error::HashCount { expected: 2, found: 1 }));
}

#[test]
fn pushing_reports_each_completed_node_once() {
    let size = 77;
    let tree = NaiveTree::of_size(size);
    let mut frontier = Frontier::new();
    let mut completed = Vec::new();
    for index in 0..size {
        frontier.push_with(tree.leaf(index), |node, hash| completed.push((node, *hash)));
    }
    for (node, hash) in &completed {
        let index = usize::try_from(node.index).expect("small");
        assert_eq!(*hash, node_of(&tree, node.level, index), "{node:?}");
    }
    let expected: usize = (0..7).map(|level| size >> level).sum();
    assert_eq!(completed.len(), expected);
}

#[test]
fn proofs_read_from_tiles_are_the_naive_ones() {
    let tree = NaiveTree::of_size(5_000);
    for size in [1, 2, 255, 256, 257, 300, 511, 512, 513, 4_095, 4_096, 4_999, 5_000] {
        let reader = TileHashes::new(Tiles(&tree), tree_size(size));
        for index in [0, 1, size / 3, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            let proof = inclusion_proof(leaf_index(index), tree_size(size), &reader).expect("readable");
            assert_eq!(proof.0, tree.path(index, size), "index {index}, size {size}");
            let proof = consistency_proof(tree_size(index), tree_size(size), &reader).expect("readable");
            let naive = if index == 0 { Vec::new() } else { tree.proof(index, size) };
            assert_eq!(proof.0, naive, "from {index} to {size}");
        }
        let frontier = Frontier::read(tree_size(size), &reader).expect("readable");
        assert_eq!(frontier.root(), tree.root(size));
    }
}

#[test]
fn a_tile_of_the_wrong_width_is_an_error() {
    struct Short;
    impl TileReader for Short {
        type Error = Error;
        fn read_tile(&self, _: TileId) -> Result<Vec<Hash>, Error> {
            Ok(vec![leaf(0); 3])
        }
    }
    let reader = TileHashes::new(Short, tree_size(5));
    let refused = inclusion_proof(leaf_index(0), tree_size(5), &reader);
    assert_eq!(refused, Err(Error::HashCount { expected: 5, found: 3 }));
}

#[test]
fn a_node_that_is_not_wholly_in_the_tree_is_an_error() {
    let (tree, size) = (NaiveTree::of_size(300), tree_size(300));
    let reader = TileHashes::new(Tiles(&tree), size);
    for (level, index) in [(0, 300), (2, 75), (6, 4), (8, 1), (9, 0), (63, 0), (63, 1)] {
        let node = NodeId { level, index };
        assert_eq!(reader.read_hashes(&[node]), Err(Error::NodeOutsideTree { node, size }));
    }
}

proptest! {
    #![proptest_config(deterministic(48))]

    #[test]
    fn larger_trees_agree_with_the_naive_one(size in 1usize..5_000, picks in prop::collection::vec(any::<prop::sample::Index>(), 8)) {
        let tree = NaiveTree::of_size(size);
        let mut frontier = Frontier::new();
        (0..size).for_each(|index| frontier.push(tree.leaf(index)));
        prop_assert_eq!(frontier.root(), tree.root(size));
        for pick in picks {
            let at = pick.index(size);
            check_inclusion(&tree, at, size);
            check_consistency(&tree, at, size);
            for (how, altered) in Inclusion::of(&tree, at, size).altered() {
                prop_assert!(altered.verify().is_err(), "{}", how);
            }
            if at > 0 {
                for (how, altered) in Consistency::of(&tree, at, size).altered() {
                    prop_assert!(altered.verify().is_err(), "{}", how);
                }
            }
        }
    }
}

fn check_inclusion(tree: &NaiveTree, index: usize, size: usize) {
    let proof = inclusion_proof(leaf_index(index), tree_size(size), tree).expect("in the tree");
    assert_eq!(proof.0, tree.path(index, size), "index {index}, size {size}");
    let verdict =
        verify_inclusion(&tree.leaf(index), leaf_index(index), tree_size(size), &tree.root(size), &proof);
    assert_eq!(verdict, Ok(()), "index {index}, size {size}");
}

fn check_consistency(tree: &NaiveTree, old: usize, new: usize) {
    let proof = consistency_proof(tree_size(old), tree_size(new), tree).expect("old is not larger");
    let naive = if old == 0 { Vec::new() } else { tree.proof(old, new) };
    assert_eq!(proof.0, naive, "{old} to {new}");
    let verdict =
        verify_consistency(tree_size(old), &tree.root(old), tree_size(new), &tree.root(new), &proof);
    assert_eq!(verdict, Ok(()), "{old} to {new}");
}

/// An inclusion proof with all that it is verified against.
#[derive(Clone)]
struct Inclusion {
    leaf: Hash,
    index: u64,
    size: u64,
    root: Hash,
    proof: Vec<Hash>,
}

impl Inclusion {
    fn of(tree: &NaiveTree, index: usize, size: usize) -> Self {
        let proof = tree.path(index, size);
        let (leaf, root) = (tree.leaf(index), tree.root(size));
        Self { leaf, index: index as u64, size: size as u64, root, proof }
    }

    fn verify(&self) -> Result<(), Error> {
        let (index, size) = (LeafIndex::new(self.index), TreeSize::new(self.size));
        verify_inclusion(&self.leaf, index, size, &self.root, &InclusionProof(self.proof.clone()))
    }

    /// A proof does not commit to the tree's size (the checkpoint does), so of the sizes only those that
    /// change the tree's height must fail.
    fn altered(&self) -> Vec<(String, Self)> {
        let mut altered = vec![
            ("index + 1".to_owned(), Self { index: self.index + 1, ..self.clone() }),
            ("index - 1".to_owned(), Self { index: self.index.wrapping_sub(1), ..self.clone() }),
            ("index ^ 2".to_owned(), Self { index: self.index ^ 2, ..self.clone() }),
            ("twice the size".to_owned(), Self { size: self.size * 2, ..self.clone() }),
            ("half the size".to_owned(), Self { size: self.size / 2, ..self.clone() }),
            ("other leaf".to_owned(), Self { leaf: flipped(self.leaf), ..self.clone() }),
            ("other root".to_owned(), Self { root: flipped(self.root), ..self.clone() }),
            ("empty root".to_owned(), Self { root: Hash::EMPTY_ROOT, ..self.clone() }),
        ];
        altered.extend(
            altered_hashes(&self.proof, self.root)
                .into_iter()
                .map(|(how, proof)| (how, Self { proof, ..self.clone() })),
        );
        altered
    }
}

/// A consistency proof with all that it is verified against.
#[derive(Clone)]
struct Consistency {
    old: u64,
    old_root: Hash,
    new: u64,
    new_root: Hash,
    proof: Vec<Hash>,
}

impl Consistency {
    fn of(tree: &NaiveTree, old: usize, new: usize) -> Self {
        let proof = tree.proof(old, new);
        let (old_root, new_root) = (tree.root(old), tree.root(new));
        Self { old: old as u64, old_root, new: new as u64, new_root, proof }
    }

    fn verify(&self) -> Result<(), Error> {
        let (old, new) = (TreeSize::new(self.old), TreeSize::new(self.new));
        verify_consistency(old, &self.old_root, new, &self.new_root, &ConsistencyProof(self.proof.clone()))
    }

    fn altered(&self) -> Vec<(String, Self)> {
        let mut altered = vec![
            ("old - 1".to_owned(), Self { old: self.old - 1, ..self.clone() }),
            ("old + 1".to_owned(), Self { old: self.old + 1, ..self.clone() }),
            ("old ^ 2".to_owned(), Self { old: self.old ^ 2, ..self.clone() }),
            ("twice the new size".to_owned(), Self { new: self.new * 2, ..self.clone() }),
            ("half the new size".to_owned(), Self { new: self.new / 2, ..self.clone() }),
            ("other old root".to_owned(), Self { old_root: flipped(self.old_root), ..self.clone() }),
            ("other new root".to_owned(), Self { new_root: flipped(self.new_root), ..self.clone() }),
            (
                "roots exchanged".to_owned(),
                Self { old_root: self.new_root, new_root: self.old_root, ..self.clone() },
            ),
        ];
        altered.extend(
            altered_hashes(&self.proof, self.old_root)
                .into_iter()
                .map(|(how, proof)| (how, Self { proof, ..self.clone() })),
        );
        altered
    }
}

fn altered_hashes(proof: &[Hash], foreign: Hash) -> Vec<(String, Vec<Hash>)> {
    let mut altered = Vec::new();
    for at in 0..proof.len() {
        let mut flipped_one = proof.to_vec();
        flipped_one[at] = flipped(flipped_one[at]);
        altered.push((format!("a bit of hash {at}"), flipped_one));
        let mut without = proof.to_vec();
        without.remove(at);
        altered.push((format!("without hash {at}"), without));
    }
    for at in 1..proof.len() {
        let mut exchanged = proof.to_vec();
        exchanged.swap(at - 1, at);
        altered.push((format!("hashes {} and {at} exchanged", at - 1), exchanged));
    }
    altered.push(("one more at the front".to_owned(), [&[foreign], proof].concat()));
    altered.push(("one more at the end".to_owned(), [proof, &[foreign]].concat()));
    altered
}

fn flipped(hash: Hash) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[7] ^= 0x10;
    Hash::from_bytes(bytes)
}

/// The naive tree as a store of tiles.
struct Tiles<'a>(&'a NaiveTree);

impl TileReader for Tiles<'_> {
    type Error = Error;

    fn read_tile(&self, tile: TileId) -> Result<Vec<Hash>, Error> {
        self.0.read_hashes(&tile.nodes().collect::<Vec<_>>())
    }
}

fn node_of(tree: &NaiveTree, level: u8, index: usize) -> Hash {
    let node = NodeId { level, index: index as u64 };
    tree.read_hashes(&[node]).expect("in the tree")[0]
}

fn leaf(number: u8) -> Hash {
    Hash::from_bytes([number; 32])
}

fn tree_size(size: usize) -> TreeSize {
    TreeSize::new(size as u64)
}

fn leaf_index(index: usize) -> LeafIndex {
    LeafIndex::new(index as u64)
}

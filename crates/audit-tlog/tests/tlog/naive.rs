//! RFC 6962, section 2.1, word for word and without regard to cost: the oracle for everything else. It shares
//! nothing with the crate but the type `Hash`.

use std::cell::RefCell;
use std::collections::HashMap;

use audit_tlog::{Error, Hash, HashReader, NodeId};
use sha2::{Digest, Sha256};

pub struct NaiveTree {
    leaves: Vec<Vec<u8>>,
    /// MTH of `start..end`, remembered because the definitions recurse.
    known: RefCell<HashMap<(usize, usize), Hash>>,
}

impl NaiveTree {
    /// The leaves are the decimal numbers of their indices.
    pub fn of_size(size: usize) -> Self {
        let leaves = (0..size).map(|index| index.to_string().into_bytes()).collect();
        Self { leaves, known: RefCell::default() }
    }

    pub fn leaf(&self, index: usize) -> Hash {
        self.mth(index, index + 1)
    }

    /// MTH(D[0:size]).
    pub fn root(&self, size: usize) -> Hash {
        self.mth(0, size)
    }

    /// PATH(m, D[0:size]).
    pub fn path(&self, m: usize, size: usize) -> Vec<Hash> {
        self.path_in(m, 0, size)
    }

    /// PROOF(m, D[0:size]).
    pub fn proof(&self, m: usize, size: usize) -> Vec<Hash> {
        self.subproof(m, 0, size, true)
    }

    fn mth(&self, start: usize, end: usize) -> Hash {
        if let Some(hash) = self.known.borrow().get(&(start, end)) {
            return *hash;
        }
        let hash = match end - start {
            0 => sha256(&[]),
            1 => sha256(&[&[0], &self.leaves[start]]),
            n => {
                let k = split(n);
                let (left, right) = (self.mth(start, start + k), self.mth(start + k, end));
                sha256(&[&[1], left.as_bytes(), right.as_bytes()])
            }
        };
        self.known.borrow_mut().insert((start, end), hash);
        hash
    }

    fn path_in(&self, m: usize, start: usize, end: usize) -> Vec<Hash> {
        let n = end - start;
        if n == 1 {
            return Vec::new();
        }
        let k = split(n);
        let (mut path, sibling) = if m < k {
            (self.path_in(m, start, start + k), self.mth(start + k, end))
        } else {
            (self.path_in(m - k, start + k, end), self.mth(start, start + k))
        };
        path.push(sibling);
        path
    }

    fn subproof(&self, m: usize, start: usize, end: usize, whole: bool) -> Vec<Hash> {
        let n = end - start;
        if m == n {
            return if whole { Vec::new() } else { vec![self.mth(start, end)] };
        }
        let k = split(n);
        let (mut proof, sibling) = if m <= k {
            (self.subproof(m, start, start + k, whole), self.mth(start + k, end))
        } else {
            (self.subproof(m - k, start + k, end, false), self.mth(start, start + k))
        };
        proof.push(sibling);
        proof
    }
}

impl HashReader for NaiveTree {
    type Error = Error;

    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Error> {
        let read = |node: &NodeId| {
            let start = usize::try_from(node.index << node.level).expect("test trees are small");
            let end = start + (1 << node.level);
            assert!(end <= self.leaves.len(), "{node:?} is not wholly in the tree");
            self.mth(start, end)
        };
        Ok(nodes.iter().map(read).collect())
    }
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    (0..usize::BITS).map(|bit| 1 << bit).take_while(|power| *power < n).last().expect("n is at least 2")
}

fn sha256(parts: &[&[u8]]) -> Hash {
    Hash::from_bytes(Sha256::digest(parts.concat()).into())
}

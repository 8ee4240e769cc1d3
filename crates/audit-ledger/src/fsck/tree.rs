//! The tree as the files make it, and what checkpoints promised about it.

use std::path::{Path, PathBuf};

use audit_tlog::{Checkpoint, Frontier, Hash, TreeSize};

use super::findings::Findings;
use super::{Checked, Finding, damage, wal};
use crate::error::{Contradiction, Flaw};
use crate::files::Files;

/// What checkpoints say about the tree.
pub(super) struct Promises {
    made: Vec<Promise>,
}

struct Promise {
    file: PathBuf,
    size: TreeSize,
    root: Hash,
    found_root: Option<Hash>,
}

impl Promises {
    pub(super) fn new(files: &Files, stored: Option<&Checkpoint>, external: Option<&Checkpoint>) -> Self {
        let promise = |file: PathBuf, checkpoint: &Checkpoint| Promise {
            file,
            size: checkpoint.size(),
            root: *checkpoint.root(),
            found_root: checkpoint.size().is_empty().then_some(Hash::EMPTY_ROOT),
        };
        let stored = stored.map(|checkpoint| promise(files.checkpoint(), checkpoint));
        let external = external.map(|checkpoint| promise("external checkpoint".into(), checkpoint));
        Self { made: stored.into_iter().chain(external).collect() }
    }

    pub(super) fn sizes(&self) -> Vec<u64> {
        self.made.iter().map(|promise| promise.size.get()).collect()
    }
}

/// The tree as the files make it.
pub(super) struct Tree {
    pub(super) frontier: Frontier,
    /// Index after the last entry found.
    pub(super) next: u64,
    /// Whether the frontier is that of all entries so far: false once some could not be read.
    pub(super) is_known: bool,
    promises: Promises,
}

impl Tree {
    pub(super) const fn new(promises: Promises) -> Self {
        Self { frontier: Frontier::new(), next: 0, is_known: true, promises }
    }

    pub(super) fn add_segment(&mut self, path: &Path, first: u64, segment: Checked, findings: &mut Findings) {
        segment.damages.into_iter().for_each(|damage| findings.altered(damage));
        self.check_follows(path, first, findings);
        let Some(count) = segment.count else {
            // Where the next file begins will tell how many there were.
            self.is_known = false;
            return;
        };
        self.next = first + count;
        match (segment.leaves, segment.root) {
            (Some(leaves), _) => self.push_leaves(&leaves),
            (None, Some(root)) => {
                let level = count.trailing_zeros().to_le_bytes()[0];
                self.is_known &= self.frontier.push_perfect_subtree(level, root).is_ok();
                self.note_root();
            }
            (None, None) => self.is_known = false,
        }
    }

    pub(super) fn add_wal(&mut self, path: &Path, first: u64, wal: wal::Found, findings: &mut Findings) {
        wal.damages.into_iter().for_each(|damage| findings.altered(damage));
        self.check_follows(path, first, findings);
        self.next = first + wal.leaves.len() as u64;
        self.push_leaves(&wal.leaves);
        self.is_known &= wal.is_readable;
    }

    /// Reports entries missing before a file that begins with entry `first`.
    fn check_follows(&mut self, path: &Path, first: u64, findings: &mut Findings) {
        if first == self.next {
            return;
        }
        let unreadable_before = !self.is_known && first > self.next;
        if !unreadable_before {
            let flaw = if first > self.next { Flaw::Gap } else { Flaw::Structure };
            findings.missing(damage(path, 0, Some(self.next), flaw));
        }
        self.is_known = false;
    }

    fn push_leaves(&mut self, leaves: &[Hash]) {
        for leaf in leaves {
            self.frontier.push(*leaf);
            self.note_root();
        }
    }

    fn note_root(&mut self) {
        let size = self.frontier.size();
        let concerned = self.promises.made.iter_mut().filter(|promise| promise.size == size);
        concerned.for_each(|promise| promise.found_root = self.is_known.then(|| self.frontier.root()));
    }

    pub(super) fn keep_promises(&mut self, findings: &mut Findings) {
        for promise in &self.promises.made {
            if promise.found_root == Some(promise.root) {
                continue;
            }
            let contradiction = Contradiction {
                file: promise.file.clone(),
                promised_size: promise.size,
                promised_root: promise.root,
                found_size: TreeSize::new(self.next),
                found_root: promise.found_root,
            };
            if promise.size.get() > self.next {
                findings.incomplete(Finding::Contradiction(contradiction));
            } else if promise.found_root.is_some() {
                findings.tampered(Finding::Contradiction(contradiction));
            }
        }
    }
}

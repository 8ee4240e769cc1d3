//! The whole-log check, from the files alone.

use std::path::Path;

use audit_tlog::{Checkpoint, TreeSize, Verifier};

use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::ledger::LeafFn;

/// What to check a directory against.
pub struct Question<'a> {
    /// The ledger's directory.
    pub dir: &'a Path,
    /// Leaf data of an entry.
    pub leaf_fn: LeafFn,
    /// Keys that the stored checkpoint may be signed by.
    pub keys: &'a [Verifier],
    /// A checkpoint kept elsewhere (already verified) that the ledger must contain.
    pub external: Option<&'a Checkpoint>,
    /// Threads to use; 0 for one per core, at most 8.
    pub threads: usize,
}

/// What the check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Nothing altered?
    pub integrity: Verdict,
    /// Nothing missing, from the first entry to the newest checkpoint known?
    pub completeness: Verdict,
    /// Intact entries, from the first on without a gap.
    pub entries: u64,
    /// Root of the tree of these, as 64 hexadecimal digits' worth of hash.
    pub root: audit_tlog::Hash,
    /// Size of the stored checkpoint, if it can be read.
    pub checkpoint_size: Option<TreeSize>,
    /// Bytes after the last whole record: a write in progress or torn; not damage.
    pub unfinished_bytes: u64,
}

/// One of the two verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Sound,
    /// Not so: where and how, first to last, at most 100.
    Broken(Vec<Finding>),
}

/// One thing found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Bytes are not what was written.
    Damage(Damage),
    /// A checkpoint promises other or more entries than there are.
    Contradiction(crate::error::Contradiction),
}

impl Report {
    /// Whether both verdicts are sound.
    pub fn is_sound(&self) -> bool {
        self.integrity == Verdict::Sound && self.completeness == Verdict::Sound
    }
}

/// Checks a ledger's directory, read-only and without its lock: a server may be appending meanwhile.
///
/// `progress` is called with entries done and entries expected, from one thread at a time.
///
/// # Errors
/// Only if the directory cannot be read at all ([`Error::Io`], [`Error::NewerFormat`]); damage is a verdict.
#[expect(clippy::todo, reason = "being written")]
pub fn fsck(
    disk: &dyn Disk,
    question: &Question<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, Error> {
    let _ = (disk, question, progress);
    todo!()
}

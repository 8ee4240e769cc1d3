//! What can go wrong, sorted by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_tlog::{Hash, LeafIndex, TreeSize};

/// Why the ledger could not do what it was asked.
///
/// Cloneable, because one failed write fails everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The queue is full or sealing is behind. Nothing was recorded; try again later.
    #[error("the ledger is busy: try again in {retry_after_ms} ms")]
    Busy {
        /// Advice: how long to wait, in milliseconds.
        retry_after_ms: u64,
    },
    /// There is less room than the configured reserve. Nothing was written; try again when there is room.
    #[error("the disk is full: {free_bytes} bytes free, {needed_bytes} needed (reserve included)")]
    DiskFull {
        /// Bytes free now.
        free_bytes: u64,
        /// Bytes that the append and the reserve need.
        needed_bytes: u64,
    },
    /// An entry is longer than the ledger takes. Nothing of its batch was recorded.
    #[error("entry {position} of the batch has {bytes} bytes, at most {limit} are taken")]
    EntryTooLong {
        /// Position in the batch, counted from 0.
        position: usize,
        /// The entry's length.
        bytes: usize,
        /// Longest entry taken.
        limit: usize,
    },
    /// The bytes offered in place of an entry have other leaf data, or none. Nothing was replaced.
    #[error("the bytes offered for entry {index} do not have its leaf data")]
    LeafDiffers {
        /// The entry.
        index: LeafIndex,
    },
    /// The entry is not in a sealed segment yet, where alone entries are replaced. Try again later.
    #[error("entry {index} is not sealed yet")]
    NotSealed {
        /// The entry.
        index: LeafIndex,
    },
    /// No such entry (yet).
    #[error("there is no entry {index}: the ledger holds {size}")]
    NoSuchEntry {
        /// The entry asked for.
        index: LeafIndex,
        /// Entries there are.
        size: TreeSize,
    },
    /// A question about the tree that no tree of this size answers.
    #[error(transparent)]
    Tree(#[from] audit_tlog::Error),
    /// A write or sync failed earlier; what is on disk beyond the last durable entry is unknown until the
    /// ledger is opened again. Reads go on.
    #[error("the ledger stopped accepting entries: {reason}")]
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// Whoever asked for the work broke it off. Nothing was changed.
    #[error("broken off")]
    Cancelled,
    /// Another process has the directory open.
    #[error("{} is in use by process {}", path.display(), pid.map_or("(unknown)".into(), |pid| pid.to_string()))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        pid: Option<u32>,
    },
    /// The directory was written by a newer version of this program.
    #[error("{} has format version {found}, this program knows up to {supported}", path.display())]
    NewerFormat {
        /// The version file.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Newest version understood.
        supported: u32,
    },
    /// Bytes at rest are not what was written. Never skipped: an operator has to look.
    #[error(transparent)]
    Damage(Box<Damage>),
    /// What was recovered does not continue the newest signed checkpoint: entries are missing or altered.
    #[error(transparent)]
    CheckpointContradicted(Box<Contradiction>),
    /// The configuration cannot work.
    #[error("configuration: {key} {problem}")]
    Config {
        /// The field of [`Config`](crate::Config).
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
}

/// Where stored bytes are damaged, and how it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, offset {offset}{}: {flaw}", file.display(), index.map_or(String::new(), |index| format!(", entry {index}")))]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Byte offset in the file of the structure that is damaged.
    pub offset: u64,
    /// First entry concerned, where known.
    pub index: Option<LeafIndex>,
    /// How it shows.
    pub flaw: Flaw,
}

/// How damage shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Not the magic bytes or version that the place asks for.
    #[error("not the header that belongs here")]
    Header,
    /// The stored checksum is not that of the bytes.
    #[error("the checksum does not fit")]
    Checksum,
    /// The file ends before the structure does.
    #[error("the file is too short")]
    Truncated,
    /// Lengths, counts or indices contradict each other.
    #[error("lengths or counts contradict each other")]
    Structure,
    /// Indices do not continue those before.
    #[error("entries are missing before this place")]
    Gap,
    /// A compressed frame does not decompress.
    #[error("the frame does not decompress")]
    Compression,
    /// A dictionary that a frame names is nowhere.
    #[error("the frame's dictionary is missing")]
    Dictionary,
    /// The entry's bytes have no leaf data.
    #[error("the entry cannot be read")]
    Entry,
    /// Stored tree hashes are not those of the entries.
    #[error("the tree hash is not that of the entries")]
    TreeHash,
    /// A file that must be there is not.
    #[error("the file is missing")]
    Missing,
    /// The checkpoint does not parse or is not signed by a known key.
    #[error("not a checkpoint signed by a known key")]
    Signature,
}

/// A signed checkpoint that the entries on disk contradict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} promises {promised_size} entries with root {promised_root}, found {found_size} entries{}", file.display(),
    found_root.map_or(String::new(), |root| format!(", root at that size {root}"))
)]
pub struct Contradiction {
    /// The checkpoint's file.
    pub file: PathBuf,
    /// Size it promises.
    pub promised_size: TreeSize,
    /// Root it promises at that size.
    pub promised_root: Hash,
    /// Entries there are.
    pub found_size: TreeSize,
    /// Root of the first `promised_size` entries, if there are as many.
    pub found_root: Option<Hash>,
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing happened; the same call may succeed later.
    RetryLater,
    /// The input is at fault.
    FixInput,
    /// What was asked for is not there.
    Absent,
    /// The ledger does not accept entries until it is opened again.
    Stopped,
    /// An operator has to look: the directory or its disk is not as it should be.
    CallOperator,
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy { .. } | Self::DiskFull { .. } | Self::NotSealed { .. } | Self::Cancelled => {
                ErrorKind::RetryLater
            }
            Self::EntryTooLong { .. } | Self::LeafDiffers { .. } | Self::Config { .. } => ErrorKind::FixInput,
            Self::NoSuchEntry { .. } | Self::Tree(_) => ErrorKind::Absent,
            Self::Poisoned { .. } | Self::Closed => ErrorKind::Stopped,
            Self::Locked { .. }
            | Self::NewerFormat { .. }
            | Self::Damage(_)
            | Self::CheckpointContradicted(_)
            | Self::Io { .. } => ErrorKind::CallOperator,
        }
    }

    pub(crate) fn damage(file: &Path, offset: u64, index: Option<u64>, flaw: Flaw) -> Self {
        let index = index.map(LeafIndex::new);
        Self::Damage(Box::new(Damage { file: file.to_path_buf(), offset, index, flaw }))
    }
}

/// Names what was tried on which file when the system refuses.
pub(crate) trait IoContext<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { operation, path: path.to_path_buf(), source: Arc::new(source) })
    }
}

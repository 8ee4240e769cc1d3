//! The ledger's files: every name once, and how a file is replaced.
//!
//! ```text
//! VERSION                      format version; written first, once
//! lock                         held by the one process that has the ledger open
//! checkpoint                   newest signed checkpoint; replaced atomically by the checkpointer
//! wal/<first entry>.wal        entries not sealed yet; appended to by the sequencer, removed by the sealer
//! segments/<first entry>.seg   sealed entries; written by the sealer, then never touched but by `replace`
//! dictionaries/<id>.dict       compression dictionaries; written by the sealer before first use
//! ids                          the idempotency window as of the last close; a cache, written when closing
//! *.tmp                        interrupted work; removed when the ledger is opened
//! ```

use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::{Error, IoContext as _};

/// Version of the format that this code writes, and the newest it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;
pub(crate) const VERSION_PREFIX: &str = "secureai-audit ledger ";

const WAL_SUFFIX: &str = ".wal";
const SEGMENT_SUFFIX: &str = ".seg";
const DICTIONARY_SUFFIX: &str = ".dict";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Where the files of one ledger are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn version(&self) -> PathBuf {
        self.root.join("VERSION")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    pub(crate) fn ids(&self) -> PathBuf {
        self.root.join("ids")
    }

    pub(crate) fn wal_dir(&self) -> PathBuf {
        self.root.join("wal")
    }

    pub(crate) fn wal(&self, first: u64) -> PathBuf {
        self.wal_dir().join(format!("{first:020}{WAL_SUFFIX}"))
    }

    pub(crate) fn segment_dir(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub(crate) fn segment(&self, first: u64) -> PathBuf {
        self.segment_dir().join(format!("{first:020}{SEGMENT_SUFFIX}"))
    }

    pub(crate) fn dictionary_dir(&self) -> PathBuf {
        self.root.join("dictionaries")
    }

    pub(crate) fn dictionary(&self, id: u32) -> PathBuf {
        self.dictionary_dir().join(format!("{id:010}{DICTIONARY_SUFFIX}"))
    }

    pub(crate) fn sub_dirs(&self) -> [PathBuf; 3] {
        [self.wal_dir(), self.segment_dir(), self.dictionary_dir()]
    }

    /// First entries of the WAL files there are, ascending.
    pub(crate) fn list_wals(&self, disk: &dyn Disk) -> Result<Vec<u64>, Error> {
        numbered(disk, &self.wal_dir(), WAL_SUFFIX)
    }

    /// First entries of the segments there are, ascending.
    pub(crate) fn list_segments(&self, disk: &dyn Disk) -> Result<Vec<u64>, Error> {
        numbered(disk, &self.segment_dir(), SEGMENT_SUFFIX)
    }

    /// Ids of the dictionaries there are, ascending.
    pub(crate) fn list_dictionaries(&self, disk: &dyn Disk) -> Result<Vec<u64>, Error> {
        numbered(disk, &self.dictionary_dir(), DICTIONARY_SUFFIX)
    }

    /// Files of interrupted work.
    pub(crate) fn list_temporary(&self, disk: &dyn Disk) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        for dir in std::iter::once(self.root.clone()).chain(self.sub_dirs()) {
            let names = disk.list(&dir).context("list", &dir)?;
            found.extend(
                names.iter().filter(|name| name.ends_with(TEMPORARY_SUFFIX)).map(|name| dir.join(name)),
            );
        }
        Ok(found)
    }
}

/// Numbers of the files in `dir` that are called `<number><suffix>`, ascending.
fn numbered(disk: &dyn Disk, dir: &Path, suffix: &str) -> Result<Vec<u64>, Error> {
    let names = disk.list(dir).context("list", dir)?;
    let number = |name: &String| name.strip_suffix(suffix)?.parse().ok();
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The name under which a file is written before it takes its place.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
    name.into()
}

/// Writes a file in place of the one of that name, so that after a crash it is the old or the new one.
///
/// Died before the rename: the old file stands. Died after it: either, until the directory is synced.
pub(crate) fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let staged = temporary(path);
    let file = disk.create(&staged).context("create", &staged)?;
    file.write_at(bytes, 0).context("write", &staged)?;
    file.sync_data().context(SYNC, &staged)?;
    put_in_place(disk, path)
}

/// Gives the synced temporary file its name, durably.
pub(crate) fn put_in_place(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(path);
    disk.rename(&temporary(path), path).context("rename", path)?;
    disk.sync_dir(dir).context(SYNC, dir)
}

/// The operation named in an error after which nothing is known about what is durable.
pub(crate) const SYNC: &str = "sync";

/// Whether an error leaves it unknown what is durable: then only opening again helps.
pub(crate) fn leaves_durability_unknown(error: &Error) -> bool {
    matches!(error, Error::Io { operation: SYNC | "rename", .. })
}

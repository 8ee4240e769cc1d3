//! How far a file was read: which file that was, and how many of its bytes.
//!
//! `audit_file.position` in the data directory, one JSON object; replaced in one step after the events of what was read
//! are durable. A file is known by its device and inode and by the SHA-256 of its beginning, so that neither a rotated
//! file nor an inode that is used again is taken for another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of the beginning that tell files apart: an audit line has an id and a time in its first hundred.
const PREFIX_BYTES: u64 = 1_024;

/// How far which file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    device: u64,
    inode: u64,
    /// Bytes whose lines were taken.
    pub offset: u64,
    /// Length of the beginning that was hashed; at most `offset`.
    prefix_bytes: u64,
    /// Its SHA-256, in hexadecimal.
    prefix_sha256: String,
}

impl Position {
    /// The beginning of a file.
    pub fn start_of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset: 0,
            prefix_bytes: 0,
            prefix_sha256: hash_of(&[]),
        })
    }

    /// Moves on.
    pub fn advance(&mut self, file: &File, offset: u64) -> io::Result<()> {
        let prefix_bytes = offset.min(PREFIX_BYTES);
        if prefix_bytes > self.prefix_bytes {
            self.prefix_sha256 = hash_of(&read_prefix(file, prefix_bytes)?);
            self.prefix_bytes = prefix_bytes;
        }
        self.offset = offset;
        Ok(())
    }

    /// Whether this is the file by its inode.
    pub fn is_inode_of(&self, metadata: &fs::Metadata) -> bool {
        (self.device, self.inode) == (metadata.dev(), metadata.ino())
    }

    /// Whether the file still begins as it did and is at least as long: that it was neither truncated nor replaced.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        if file.metadata()?.len() < self.offset {
            return Ok(false);
        }
        match read_prefix(file, self.prefix_bytes) {
            Ok(prefix) => Ok(hash_of(&prefix) == self.prefix_sha256),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The saved position, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Saves it: after a crash the file holds the old or the new one.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("position.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(&new, path)
    }
}

fn read_prefix(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut prefix = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut prefix, 0)?;
    Ok(prefix)
}

fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

//! The file of an export: hashed while it is written, durable before it gets its name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_control::{Export, ExportState};
use sha2::{Digest as _, Sha256};

use super::space::{Shortage, Space};

/// Bytes between two looks at the room that is left.
const LOOK_EVERY: u64 = 8 << 20;

/// Where a finished export's file is.
pub(super) fn path(dir: &Path, id: &str) -> PathBuf {
    dir.join(id)
}

fn part_path(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.part"))
}

/// A file that is being written.
pub(super) struct Part {
    file: File,
    dir: PathBuf,
    id: String,
    hash: Sha256,
    written: u64,
    looked_at: u64,
    space: Arc<Space>,
    shortage: Option<Shortage>,
    /// Whether the file stays, so that its bytes go on to count.
    is_finished: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            self.space.give_back(self.written);
        }
    }
}

impl Part {
    /// Opens the file of export `id` with its first `keep` bytes, which were synced; makes it if there is none. What comes
    /// after them is cut off. Says how many bytes it has: `keep`, or none if it had fewer.
    ///
    /// # Errors
    /// The system's.
    pub fn open(dir: &Path, id: &str, keep: u64, space: &Arc<Space>) -> io::Result<(Self, u64)> {
        let (part, whole) = (part_path(dir, id), path(dir, id));
        // A crash between the file's naming and its noting: the name is taken back.
        if whole.exists() {
            fs::rename(&whole, &part)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&part)?;
        let kept = if file.metadata()?.len() >= keep { keep } else { 0 };
        file.set_len(kept)?;
        let mut hash = Sha256::new();
        hash_first(&mut file, kept, &mut hash)?;
        file.seek(SeekFrom::Start(kept))?;
        space.keep(kept);
        let part = Self {
            file,
            dir: dir.to_owned(),
            id: id.to_owned(),
            hash,
            written: kept,
            looked_at: kept,
            space: Arc::clone(space),
            shortage: None,
            is_finished: false,
        };
        Ok((part, kept))
    }

    /// Another handle, to sync while this one is being written to.
    ///
    /// # Errors
    /// The system's.
    pub fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Which room was missing, if writing failed for want of any.
    pub fn shortage(&self) -> Option<Shortage> {
        self.shortage
    }

    /// Makes the bytes durable and gives the file its name; returns the SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// The system's; the file is then still unfinished.
    pub fn finish(mut self) -> io::Result<String> {
        self.file.sync_all()?;
        fs::rename(part_path(&self.dir, &self.id), path(&self.dir, &self.id))?;
        File::open(&self.dir)?.sync_all()?;
        self.is_finished = true;
        Ok(self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Removes the file.
    ///
    /// # Errors
    /// The system's.
    pub fn discard(self) -> io::Result<()> {
        remove(&part_path(&self.dir, &self.id))
    }

    fn look(&mut self) -> io::Result<()> {
        self.looked_at = self.written;
        self.space.check(0).map_err(|shortage| {
            self.shortage = Some(shortage);
            io::ErrorKind::StorageFull.into()
        })
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).inspect_err(|error| {
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                self.shortage = Some(Shortage::Disk { min_free_bytes: 0 });
            }
        })?;
        self.hash.update(&bytes[..written]);
        self.written += written as u64;
        self.space.keep(written as u64);
        if self.written - self.looked_at >= LOOK_EVERY {
            self.look()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash_first(file: &mut File, length: u64, hash: &mut Sha256) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut rest = file.take(length);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match rest.read(&mut buffer)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what was written of an export that never became whole.
pub(super) fn remove_part(dir: &Path, id: &str) -> io::Result<()> {
    remove(&part_path(dir, id))
}

/// Makes the directory, for its owner alone.
pub(super) fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Removes the files of ours that belong to no export: a crash may leave them.
pub(super) fn remove_strangers(dir: &Path, known: &[Export]) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("exp_")) else { continue };
        let id = name.strip_suffix(".part").unwrap_or(name);
        let is_wanted = known.iter().any(|export| {
            export.id == id && (export.state == ExportState::Done || export.state.is_unfinished())
        });
        if !is_wanted {
            remove(&dir.join(name))?;
        }
    }
    Ok(())
}

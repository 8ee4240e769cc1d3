//! An export's unfinished file and how far it is.
//!
//! The state is written after the bytes it speaks of. A process that dies leaves both to the system, so that the file
//! holds at least those bytes. Syncing each time would hold the export down to the disk's speed, so a machine that dies
//! may lose bytes: the state names the boot it was written in, and after another one only bytes that were synced (on
//! Ctrl-C) are believed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use audit_event::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::data_dir::replace;

/// Bytes between two saved states. Saving takes some 0.1 ms.
const SAVE_EVERY: u64 = 16 << 20;
const VERSION: u32 = 2;

/// What is saved: for which question, and a position that the writer understands.
#[derive(Debug, Serialize, Deserialize)]
struct Saved<P> {
    version: u32,
    question: String,
    /// When the export began, in microseconds since 1970: ages such as `7d` count back from there.
    began: i64,
    bytes: u64,
    /// The boot in which it was written.
    boot: String,
    /// Whether the bytes were durable then.
    synced: bool,
    position: P,
}

/// What the bytes are worth that were written after the last saved state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing: nobody knows which position they lead to.
    Cut,
    /// As much as the others: the position holds for any number of bytes.
    Keep,
}

/// A file that is being written.
pub(super) struct Unfinished<P> {
    path: PathBuf,
    part: PathBuf,
    state: PathBuf,
    question: String,
    began: Timestamp,
    file: File,
    length: u64,
    saved_at: Option<u64>,
    saved: Option<Saved<P>>,
}

impl<P: Serialize + DeserializeOwned> Unfinished<P> {
    /// Opens the unfinished file for `path`; if there is none yet, the export begins `now`.
    ///
    /// # Errors
    /// When the file is of another `question`, or cannot be written.
    pub(super) fn open(path: &Path, question: &str, now: Timestamp) -> anyhow::Result<Self> {
        let (part, state) = (beside(path, ".part"), beside(path, ".part.state"));
        let saved: Option<Saved<P>> = match fs::read(&state) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(_) => None,
        };
        let saved = saved.filter(|saved| saved.version == VERSION);
        if let Some(saved) = saved.as_ref().filter(|saved| saved.question != question) {
            bail!(
                "{} is unfinished and of another export ({}): finish that one, or delete it and {}",
                part.display(),
                saved.question,
                state.display()
            );
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&part);
        let file = file.with_context(|| format!("cannot write {}", part.display()))?;
        let began = saved.as_ref().map_or(now, |saved| Timestamp::from_micros(saved.began));
        let question = question.to_owned();
        let path = path.to_owned();
        Ok(Self { path, part, state, question, began, file, length: 0, saved_at: None, saved })
    }

    /// When the export began, perhaps in an earlier run.
    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// Goes on with what there is: cuts the file to what can be believed and returns its position. `None` when there
    /// is nothing; the file is empty then.
    pub(super) fn resume(&mut self, tail: Tail) -> io::Result<Option<P>> {
        let held = self.file.metadata()?.len();
        let is_this_boot = |saved: &Saved<P>| saved.boot == boot_id();
        let usable = self.saved.take().filter(|saved| saved.synced || is_this_boot(saved));
        let usable = usable.filter(|saved| held >= saved.bytes);
        let Some(saved) = usable else {
            self.cut(0)?;
            return Ok(None);
        };
        let keeps_tail = tail == Tail::Keep && is_this_boot(&saved);
        self.cut(if keeps_tail { held } else { saved.bytes })?;
        Ok(Some(saved.position))
    }

    /// Throws away what there is: for a writer that cannot go on in the middle. The export begins `now`.
    pub(super) fn begin_anew(&mut self, now: Timestamp) -> io::Result<()> {
        self.began = now;
        self.cut(0)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        self.length = length;
        Ok(())
    }

    /// Bytes written so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the bytes written so far, in hexadecimal.
    pub(super) fn sha256(&mut self) -> io::Result<String> {
        self.file.rewind()?;
        let (mut hash, mut buffer, mut rest) = (Sha256::new(), vec![0; 1 << 20], self.length);
        while rest > 0 {
            let most = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
            let count = self.file.read(&mut buffer[..most])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hash.update(&buffer[..count]);
            rest -= count as u64;
        }
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A second handle to write through; what it writes is told by [`Self::at`].
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// All bytes up to `length` are written, and the export is at `position`: saved the first time, and then from time
    /// to time.
    pub(super) fn at(&mut self, length: u64, position: &P) -> io::Result<()> {
        self.length = length;
        if self.saved_at.is_none_or(|saved_at| length - saved_at >= SAVE_EVERY) {
            self.write_state(position, false)?;
        }
        Ok(())
    }

    /// Makes the bytes durable, then says in the state that they are.
    pub(super) fn save(&mut self, position: &P) -> io::Result<()> {
        self.file.sync_data()?;
        self.write_state(position, true)
    }

    fn write_state(&mut self, position: &P, synced: bool) -> io::Result<()> {
        let saved = Saved {
            version: VERSION,
            question: self.question.clone(),
            began: self.began.as_micros(),
            bytes: self.length,
            boot: boot_id(),
            synced,
            position,
        };
        let json = serde_json::to_vec(&saved)?;
        if synced {
            replace(&self.state, &json, 0o600)?;
        } else {
            let new = beside(&self.state, ".new");
            fs::write(&new, json)?;
            fs::rename(new, &self.state)?;
        }
        self.saved_at = Some(self.length);
        Ok(())
    }

    /// The export is complete: gives the file its name.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        fs::rename(&self.part, &self.path).with_context(|| format!("cannot make {}", self.path.display()))?;
        match fs::remove_file(&self.state) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Tells this boot of the system from others; empty where the system does not say.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests;

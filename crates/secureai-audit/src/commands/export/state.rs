//! An export's unfinished file and how far it is.
//!
//! The state is written after the bytes it speaks of. A process that dies leaves both to the system, so that the file
//! holds at least those bytes; what is beyond them is cut off when the export goes on. Syncing each time would hold
//! the export down to the disk's speed, so a machine that dies may lose bytes: the state names the boot it was written
//! in, and after another one only bytes that were synced (on Ctrl-C) are believed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::data_dir::replace;

/// Bytes between two saved states.
const SAVE_EVERY: u64 = 64 << 20;

/// What is saved: for which question, and a position that the writer understands.
#[derive(Debug, Serialize, Deserialize)]
struct Saved<P> {
    version: u32,
    question: String,
    bytes: u64,
    /// The boot in which it was written.
    boot: String,
    /// Whether the bytes were durable then.
    synced: bool,
    position: P,
}

/// A file that is being written.
pub(super) struct Unfinished<P> {
    path: PathBuf,
    part: PathBuf,
    state: PathBuf,
    question: String,
    file: File,
    length: u64,
    saved_at: u64,
    resumed: Option<P>,
}

impl<P: Serialize + DeserializeOwned> Unfinished<P> {
    /// Opens the unfinished file for `path` and goes on with it if it answers the same `question`.
    pub(super) fn open(path: &Path, question: &str) -> anyhow::Result<Self> {
        let (part, state) = (beside(path, ".part"), beside(path, ".part.state"));
        let saved: Option<Saved<P>> = match fs::read(&state) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(_) => None,
        };
        if let Some(saved) = saved.as_ref().filter(|saved| saved.question != question) {
            bail!(
                "{} is unfinished and of another export ({}): finish that one, or delete it and {}",
                part.display(),
                saved.question,
                state.display()
            );
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&part);
        let mut file = file.with_context(|| format!("cannot write {}", part.display()))?;
        let usable = saved.filter(|saved| saved.synced || saved.boot == boot_id());
        let usable = usable.filter(|saved| file.metadata().is_ok_and(|data| data.len() >= saved.bytes));
        let length = usable.as_ref().map_or(0, |saved| saved.bytes);
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let resumed = usable.map(|saved| saved.position);
        let question = question.to_owned();
        Ok(Self { path: path.to_owned(), part, state, question, file, length, saved_at: length, resumed })
    }

    /// Where the interrupted export was, the first time it is asked.
    pub(super) fn take_position(&mut self) -> Option<P> {
        self.resumed.take()
    }

    /// Throws away what there is: for a writer that cannot go on in the middle.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        (self.length, self.saved_at, self.resumed) = (0, 0, None);
        Ok(())
    }

    /// A second handle to write through; what it writes is told by [`Self::at`].
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// All bytes up to `length` are written, and the export is at `position`: saved from time to time.
    pub(super) fn at(&mut self, length: u64, position: &P) -> io::Result<()> {
        self.length = length;
        if length - self.saved_at >= SAVE_EVERY {
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
        let (question, boot) = (self.question.clone(), boot_id());
        let saved = Saved { version: 1, question, bytes: self.length, boot, synced, position };
        replace(&self.state, &serde_json::to_vec(&saved)?, 0o600)?;
        self.saved_at = self.length;
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
mod tests {
    use super::*;

    #[test]
    fn goes_on_at_the_last_saved_position() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let mut unfinished = Unfinished::<u64>::open(&path, "q").unwrap();
        unfinished.writer().unwrap().write_all(b"one\ntwo\n").unwrap();
        unfinished.at(4, &1).unwrap();
        unfinished.save(&1).unwrap();
        drop(unfinished);

        let mut again = Unfinished::<u64>::open(&path, "q").unwrap();
        assert_eq!((again.take_position(), again.length), (Some(1), 4));
        again.writer().unwrap().write_all(b"2\n").unwrap();
        again.at(6, &2).unwrap();
        again.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n2\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_question_is_refused_and_lost_bytes_begin_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let mut unfinished = Unfinished::<u64>::open(&path, "q").unwrap();
        unfinished.writer().unwrap().write_all(b"one\n").unwrap();
        unfinished.at(4, &1).unwrap();
        unfinished.save(&1).unwrap();
        let error = Unfinished::<u64>::open(&path, "other").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("of another export (q)"), "{error}");
        unfinished.file.set_len(3).unwrap();
        let mut again = Unfinished::<u64>::open(&path, "q").unwrap();
        assert_eq!((again.take_position(), again.length), (None, 0));
    }

    #[test]
    fn bytes_never_synced_are_not_believed_after_another_boot() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let mut unfinished = Unfinished::<u64>::open(&path, "q").unwrap();
        unfinished.writer().unwrap().write_all(b"one\n").unwrap();
        unfinished.at(4, &1).unwrap();
        unfinished.write_state(&1, false).unwrap();
        let state = fs::read_to_string(&unfinished.state).unwrap();
        assert_eq!(Unfinished::<u64>::open(&path, "q").unwrap().take_position(), Some(1));
        fs::write(&unfinished.state, state.replace(&boot_id(), "another")).unwrap();
        assert_eq!(Unfinished::<u64>::open(&path, "q").unwrap().take_position(), None);
    }
}

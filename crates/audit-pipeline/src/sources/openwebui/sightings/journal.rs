//! The sightings that were acknowledged and are not in the ledger yet.
//!
//! `sightings.journal` in the data directory, one JSON object a line:
//!
//! - `{"arrived":T,"sighting":{…}}`: a sighting was taken at `T` (microseconds since 1970). The event is as it would be
//!   recorded, secrets removed. The line is on the disk before its sender is told.
//! - `{"done":["S:ID",…]}`: the sightings with these sources and ids are in the ledger, as events of their own or in a
//!   `source.corroborated`. Not synced: a sighting that is taken up again is recognised by its id.
//!
//! A last line that is not whole is cut off: nobody was told of it. A damaged line elsewhere is set aside, in
//! `sightings.journal.damaged`, and the rest is used. The file is emptied when nothing in it waits any more, and written
//! anew, with what waits, when it has grown.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use audit_event::Source;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An open journal is written anew when it is longer than this and than four times what waits, in bytes.
const REWRITE_AT: u64 = 1 << 20;

/// The file, open for appending.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// What a journal holds that the ledger may not.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub sightings: Vec<Kept>,
    /// Lines that could not be read and were set aside.
    pub damaged: u64,
}

/// A sighting on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// In microseconds since 1970.
    pub arrived: i64,
    pub json: Box<[u8]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    arrived: Option<i64>,
    #[serde(borrow)]
    sighting: Option<&'l RawValue>,
    #[serde(default)]
    done: Vec<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    source: String,
}

impl Journal {
    /// Opens the journal at `path`, making it if there is none, and reads what it holds.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Replay)> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let (replay, damaged) = read(&text);
        if !damaged.is_empty() {
            private().open(damaged_path(path))?.write_all(&damaged)?;
        }
        let mut journal = Self { path: path.to_owned(), file: private().open(path)?, bytes: 0 };
        journal.rewrite(replay.sightings.iter().map(|kept| (kept.arrived, &*kept.json)))?;
        Ok((journal, replay))
    }

    /// Appends sightings and returns when they are on the disk.
    ///
    /// # Errors
    /// When they may not be; then none counts as kept.
    pub fn keep<'s>(&mut self, sightings: impl IntoIterator<Item = (i64, &'s [u8])>) -> io::Result<()> {
        let mut lines = Vec::new();
        for (arrived, json) in sightings {
            push_line(&mut lines, arrived, json);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let before = self.bytes;
        let written = self.append(&lines).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line would spoil the next one.
            self.file.set_len(before)?;
            self.bytes = before;
        }
        written
    }

    /// Notes that these sightings are in the ledger; `others` are not.
    ///
    /// # Errors
    /// When it cannot be written; the sightings are then taken up again by the next start, which recognises them.
    pub fn done<'s>(
        &mut self,
        recorded: impl IntoIterator<Item = (Source, &'s str)>,
        others: impl FnOnce() -> Vec<(i64, Box<[u8]>)>,
        others_count: usize,
    ) -> io::Result<()> {
        if others_count == 0 {
            return self.empty();
        }
        let names: Vec<_> = recorded.into_iter().map(|(source, id)| name_of(source, id)).collect();
        let mut line = serde_json::to_vec(&serde_json::json!({ "done": names }))?;
        line.push(b'\n');
        self.append(&line)?;
        if self.bytes < REWRITE_AT {
            return Ok(());
        }
        let others = others();
        let size: usize = others.iter().map(|(_, json)| json.len()).sum();
        if self.bytes / 4 > size as u64 {
            self.rewrite(others.iter().map(|(arrived, json)| (*arrived, &**json)))?;
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        if self.bytes > 0 {
            self.file.set_len(0)?;
            self.bytes = 0;
        }
        Ok(())
    }

    /// Replaces the file in one step: after a crash it is the old or the new one.
    fn rewrite<'s>(&mut self, waiting: impl Iterator<Item = (i64, &'s [u8])>) -> io::Result<()> {
        let mut lines = Vec::new();
        for (arrived, json) in waiting {
            push_line(&mut lines, arrived, json);
        }
        let new = self.path.with_extension("journal.new");
        let mut file = private().append(false).write(true).truncate(true).open(&new)?;
        file.write_all(&lines)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        self.file = private().open(&self.path)?;
        self.bytes = lines.len() as u64;
        Ok(())
    }
}

/// How a sighting is named in `done` lines and in `source.corroborated` events.
pub(super) fn name_of(source: Source, id: &str) -> String {
    format!("{source}:{id}")
}

fn push_line(lines: &mut Vec<u8>, arrived: i64, json: &[u8]) {
    lines.extend_from_slice(format!("{{\"arrived\":{arrived},\"sighting\":").as_bytes());
    lines.extend_from_slice(json);
    lines.extend_from_slice(b"}\n");
}

fn read(text: &[u8]) -> (Replay, Vec<u8>) {
    let mut replay = Replay::default();
    let mut damaged = Vec::new();
    let mut named: Vec<(String, Kept)> = Vec::new();
    let mut done = HashSet::new();
    // What follows the last line end was being written when the process ended.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
        match understand(line) {
            Some(Entry::Sighting(name, kept)) => named.push((name, kept)),
            Some(Entry::Done(names)) => done.extend(names),
            None => {
                replay.damaged += 1;
                damaged.extend_from_slice(line);
            }
        }
    }
    replay.sightings =
        named.into_iter().filter(|(name, _)| !done.contains(name)).map(|(_, kept)| kept).collect();
    (replay, damaged)
}

enum Entry {
    Sighting(String, Kept),
    Done(Vec<String>),
}

fn understand(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let Some(sighting) = line.sighting else { return Some(Entry::Done(line.done)) };
    let named: Named = serde_json::from_str(sighting.get()).ok()?;
    let source: Source = named.source.parse().ok()?;
    let kept = Kept { arrived: line.arrived?, json: sighting.get().as_bytes().into() };
    Some(Entry::Sighting(name_of(source, &named.id), kept))
}

/// For appending, readable by the owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options
}

fn damaged_path(path: &Path) -> PathBuf {
    path.with_extension("journal.damaged")
}

//! The journal of intents: what is about to be done, written down before it is done.
//!
//! ```text
//! file   = "SAAJ" version:u8=1  record*
//! record = length:u32  crc:u32  body            little-endian; the CRC32C is that of the body
//! body   = kind:u8  sequence:u64  payload
//! ```
//!
//! | kind | payload | meaning |
//! |---|---|---|
//! | 1 | an event's JSON, outcome `unknown` | a request is about to be forwarded |
//! | 2 | events' JSON, one a line | it was answered, and the ledger has not taken its events yet |
//! | 3 | – | its events are in the ledger |
//!
//! A record of kind 1 survives the process (it is written before the request is forwarded) and, with
//! [`Durability::Synced`], a power failure too. A record of kind 2 is always synced: an answer may be released on it.
//! What has a record but no kind 3 is open; opening the journal returns it. A torn tail is cut off: nothing was
//! forwarded or released on a record that was not whole.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::reserve::Reserve;

const HEADER: &[u8; 5] = b"SAAJ\x01";
const KIND_INTENT: u8 = 1;
const KIND_ANSWERED: u8 = 2;
const KIND_SETTLED: u8 = 3;
/// Length and checksum.
const FRAME_HEAD: usize = 8;
/// Kind and sequence.
const BODY_HEAD: usize = 9;
/// The longest body: 16 events of the greatest size.
const MAX_BODY: usize = 1 << 20;
/// An idle journal longer than this is emptied.
const EMPTY_AT: u64 = 1 << 20;
/// A busy one longer than this is written anew with what is open.
const REWRITE_AT: u64 = 64 << 20;

/// Which record; numbers are not used twice while a journal is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence(u64);

/// What an intent survives before its request is forwarded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it comes: the record is with the operating system.
    #[default]
    Written,
    /// A power failure as well: the record is on the disk. Costs one more sync a request.
    Synced,
}

/// What a journal holds that the ledger may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub sequence: Sequence,
    /// One event's JSON a line.
    pub events: Vec<u8>,
    /// Whether these are the events, or only the intent.
    pub is_answered: bool,
}

/// The journal; one process has it open, which the data directory's lock ensures.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Held for a write, never for a sync.
    state: Mutex<State>,
    /// `None`: there was no room for it.
    reserve: Option<Mutex<Reserve>>,
}

#[derive(Debug)]
struct State {
    /// Shared with whoever syncs it meanwhile.
    file: Arc<File>,
    length: u64,
    next: u64,
    open: BTreeMap<Sequence, Open>,
    /// The record that stands in the reserve.
    reserved: Option<Sequence>,
    /// After a failed write the end of the file is unknown: nothing more is taken, so that nothing is forwarded.
    failed: Option<io::ErrorKind>,
}

impl Journal {
    /// Opens or makes the journal and its reserve; gives what was open when the process ended.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is no journal.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Open>)> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if !bytes.is_empty() && !bytes.starts_with(HEADER) && !HEADER.starts_with(&bytes) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not a journal of intents"));
        }
        let (mut open, whole) = replay(bytes.get(HEADER.len()..).unwrap_or_default());
        let length = (HEADER.len() + whole) as u64;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(HEADER)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_data()?;
        let mut next = open.keys().next_back().map_or(0, |last| last.0 + 1);
        let reserve = open_reserve(path);
        let mut reserved = None;
        if let Some(events) = reserve.as_ref().map(Reserve::lines).filter(|lines| !lines.is_empty()) {
            let sequence = Sequence(next);
            next += 1;
            open.insert(sequence, Open { sequence, events: events.to_vec(), is_answered: true });
            reserved = Some(sequence);
        }
        let found = open.values().cloned().collect();
        let state = State { file: Arc::new(file), length, next, open, reserved, failed: None };
        let reserve = reserve.map(Mutex::new);
        Ok((Self { path: path.to_owned(), state: Mutex::new(state), reserve }, found))
    }

    /// Notes what is about to be forwarded.
    ///
    /// # Errors
    /// When it could not be written; it must not be forwarded.
    pub(super) fn intend(&self, event: &[u8]) -> io::Result<Sequence> {
        let mut state = self.state.lock();
        let sequence = Sequence(state.next);
        state.next += 1;
        state.write(KIND_INTENT, sequence, event)?;
        state.open.insert(sequence, Open { sequence, events: event.to_vec(), is_answered: false });
        Ok(sequence)
    }

    /// Makes durable what was written before; others write meanwhile. Blocks.
    ///
    /// # Errors
    /// When it is not durable; nothing more is taken then.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = Arc::clone(&self.state.lock().file);
        file.sync_data().inspect_err(|error| self.state.lock().failed = Some(error.kind()))
    }

    /// Keeps the events of an answered request, durably, until the ledger takes them. Blocks for a sync.
    ///
    /// # Errors
    /// When they are not durable.
    pub(super) fn keep(&self, sequence: Option<Sequence>, events: &[u8]) -> io::Result<Sequence> {
        let sequence = {
            let mut state = self.state.lock();
            let sequence = sequence.unwrap_or_else(|| {
                state.next += 1;
                Sequence(state.next - 1)
            });
            state.write(KIND_ANSWERED, sequence, events)?;
            state.open.insert(sequence, Open { sequence, events: events.to_vec(), is_answered: true });
            sequence
        };
        self.sync()?;
        Ok(sequence)
    }

    /// Its events are in the ledger. Should this record be lost, they are offered again, and the ledger knows them.
    pub(super) fn settle(&self, sequence: Sequence) {
        let mut state = self.state.lock();
        state.open.remove(&sequence);
        if state.reserved == Some(sequence) {
            state.reserved = None;
            self.clear_reserve();
        }
        let settled = if state.open.is_empty() && state.length > EMPTY_AT {
            state.empty()
        } else {
            state.write(KIND_SETTLED, sequence, &[])
        };
        if let Err(error) = settled {
            tracing::warn!(error.message = %error, "the journal of intents cannot be written");
        }
    }

    /// Keeps events, one JSON object a line, in the reserve. For the end of the process, when [`Journal::keep`] fails. Blocks
    /// for a sync.
    ///
    /// # Errors
    /// When they are not durable, or the reserve has no room for them.
    pub(super) fn keep_in_reserve(&self, events: &[u8]) -> io::Result<()> {
        let reserve = self.reserve.as_ref().ok_or(io::ErrorKind::StorageFull)?;
        reserve.lock().keep(events)
    }

    /// Bytes that the reserve can keep.
    pub(super) fn reserve_room(&self) -> usize {
        self.reserve.as_ref().map_or(0, |reserve| reserve.lock().room())
    }

    fn clear_reserve(&self) {
        let cleared = self.reserve.as_ref().map_or(Ok(()), |reserve| reserve.lock().clear());
        if let Err(error) = cleared {
            tracing::warn!(error.message = %error, "the reserve of the journal cannot be written");
        }
    }

    /// As on a full disk: nothing more is written.
    #[cfg(test)]
    pub(super) fn fill_disk(&self) {
        self.state.lock().failed = Some(io::ErrorKind::StorageFull);
    }

    /// Replaces a journal that has grown long by what is open. Blocks.
    pub(super) fn tidy(&self) {
        let mut state = self.state.lock();
        if state.length > REWRITE_AT
            && let Err(error) = state.rewrite(&self.path)
        {
            tracing::warn!(error.message = %error, "the journal of intents cannot be written anew");
        }
    }

    /// What a record that is open holds.
    pub(super) fn get(&self, sequence: Sequence) -> Option<Open> {
        self.state.lock().open.get(&sequence).cloned()
    }

    /// Records that are open.
    pub(super) fn open_count(&self) -> usize {
        self.state.lock().open.len()
    }
}

impl State {
    fn write(&mut self, kind: u8, sequence: Sequence, payload: &[u8]) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        let record = record(kind, sequence, payload)?;
        match (&*self.file).write_all(&record) {
            Ok(()) => {
                self.length += record.len() as u64;
                Ok(())
            }
            Err(error) => self.take_back(error),
        }
    }

    /// A record that was written in part is cut off again; if even that fails, nothing more is taken.
    fn take_back(&mut self, error: io::Error) -> io::Result<()> {
        let cut = self.file.set_len(self.length).and_then(|()| (&*self.file).seek(SeekFrom::End(0)));
        if cut.is_err() {
            self.failed = Some(error.kind());
        }
        Err(error)
    }

    fn empty(&mut self) -> io::Result<()> {
        self.length = HEADER.len() as u64;
        self.file.set_len(self.length)?;
        (&*self.file).seek(SeekFrom::End(0)).map(drop)
    }

    /// Replaces the file by one that holds only what is open.
    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        let mut bytes = HEADER.to_vec();
        for open in self.open.values() {
            let kind = if open.is_answered { KIND_ANSWERED } else { KIND_INTENT };
            bytes.extend(record(kind, open.sequence, &open.events)?);
        }
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.file = Arc::new(file);
        self.length = bytes.len() as u64;
        Ok(())
    }
}

/// The reserve beside this journal. Without it the journal is as good as it was; on a disk that is full already there is
/// no room for one.
fn open_reserve(journal: &Path) -> Option<Reserve> {
    let mut path = journal.as_os_str().to_owned();
    path.push(".reserve");
    let opened = Reserve::open(Path::new(&path));
    opened
        .inspect_err(|error| {
            tracing::warn!(error.message = %error, "there is no reserve for events on a full disk");
        })
        .ok()
}

fn record(kind: u8, sequence: Sequence, payload: &[u8]) -> io::Result<Vec<u8>> {
    let length = BODY_HEAD + payload.len();
    let frame = u32::try_from(length).ok().filter(|_| length <= MAX_BODY);
    let frame = frame.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the record is too long"))?;
    let mut record = Vec::with_capacity(FRAME_HEAD + length);
    record.extend_from_slice(&frame.to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.push(kind);
    record.extend_from_slice(&sequence.0.to_le_bytes());
    record.extend_from_slice(payload);
    let crc = crc32c::crc32c(&record[FRAME_HEAD..]);
    record[4..FRAME_HEAD].copy_from_slice(&crc.to_le_bytes());
    Ok(record)
}

/// What is open after these records, and how many bytes of them are whole.
fn replay(bytes: &[u8]) -> (BTreeMap<Sequence, Open>, usize) {
    let mut open = BTreeMap::new();
    let mut whole = 0;
    while let Some((kind, sequence, payload, length)) = next_record(&bytes[whole..]) {
        if kind == KIND_SETTLED {
            open.remove(&sequence);
        } else {
            let events = payload.to_vec();
            open.insert(sequence, Open { sequence, events, is_answered: kind == KIND_ANSWERED });
        }
        whole += length;
    }
    (open, whole)
}

/// The first record, if it is whole: kind, sequence, payload and length.
fn next_record(bytes: &[u8]) -> Option<(u8, Sequence, &[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_BODY)?;
    let body = rest.get(..length)?;
    let (kind, rest) = body.split_first()?;
    let (sequence, payload) = rest.split_first_chunk::<8>()?;
    let is_sound =
        crc32c::crc32c(body) == u32::from_le_bytes(*crc) && (KIND_INTENT..=KIND_SETTLED).contains(kind);
    is_sound.then(|| (*kind, Sequence(u64::from_le_bytes(*sequence)), payload, FRAME_HEAD + length))
}

#[cfg(test)]
mod tests;

//! Reading a WAL file back after whatever happened.

use std::path::Path;
use std::sync::Arc;

use audit_tlog::{Frontier, Hash, leaf_hash};
use bytes::Bytes;

use super::{FILE_HEADER_LEN, FileHeader, PartTable, RECORD_HEADER_LEN, RECORD_MAGIC, RecordHeader, WalPart};
use crate::disk::{Access, DiskFile};
use crate::error::{Error, Flaw, IoContext as _};
use crate::files::SYNC;
use crate::frame::{Frame, FrameHeader, HEADER_LEN};
use crate::store::Store;

/// Bytes looked through at a time for a record after a bad one.
const WINDOW: usize = 1 << 20;

/// A WAL file that was read back. Nothing on disk has been changed.
pub(crate) struct Recovered {
    pub(crate) part: Arc<WalPart>,
    /// Bytes after the last good record; 0 unless the last write was torn.
    pub(crate) torn_bytes: u64,
    /// Offset of the last good record, if there is one.
    last_record: Option<u64>,
    file: Arc<dyn DiskFile>,
}

/// Reads the WAL file of the entries from `first` on. Pushes the entries' leaves to the frontier and hands
/// the frames to `keep`.
///
/// `None` if the file was being made when the process died, so that it holds nothing.
///
/// # Errors
/// [`Error::Damage`] if a record is bad and another one follows, or a good one contradicts itself;
/// [`Error::Io`].
pub(crate) fn recover(
    store: &Store,
    path: &Path,
    first: u64,
    frontier: &mut Frontier,
    keep: &mut dyn FnMut(Frame),
) -> Result<Option<Recovered>, Error> {
    let disk = &*store.disk;
    let file = disk.open(path, Access::ReadWrite).context("open", path)?;
    let len = file.len().context("read", path)?;
    if len < FILE_HEADER_LEN as u64 {
        return Ok(None);
    }
    let mut bytes = [0; FILE_HEADER_LEN];
    file.read_at(&mut bytes, 0).context("read", path)?;
    let Some(header) = FileHeader::decode(&bytes).filter(|header| header.first == first) else {
        let never_synced = len == FILE_HEADER_LEN as u64;
        return if never_synced { Ok(None) } else { Err(Error::damage(path, 0, Some(first), Flaw::Header)) };
    };
    let source = Source { file: &*file, path, len, salt: header.salt };
    let mut table = PartTable::new();
    let mut last_record = None;
    loop {
        let next = first + table.leaves.len() as u64;
        let Some((record, payload)) = source.record(table.len, next)? else { break };
        last_record = Some(table.len);
        table.len += RECORD_HEADER_LEN as u64;
        Intake { store, path, part_first: first, table: &mut table, frontier, keep }
            .take(&record, payload)?;
        table.push_time(record.time_us);
    }
    if let Some(follower) = source.find_record_after(table.len)? {
        tracing::error!(file = %path.display(), wal.offset = table.len, wal.next = follower, "a bad record is followed by another one");
        let index = first + table.leaves.len() as u64;
        return Err(Error::damage(path, table.len, Some(index), Flaw::Checksum));
    }
    let torn_bytes = len - table.len;
    let part = Arc::new(WalPart::new(header, path.to_path_buf(), Arc::clone(&file), table));
    Ok(Some(Recovered { part, torn_bytes, last_record, file }))
}

impl Recovered {
    /// Cuts off what is torn, and makes sure that what is left is durable.
    ///
    /// The last record may be readable only because it is still in the system's cache: if its sync failed,
    /// the system may believe it clean. So it is written once more. Records before it were durable when it
    /// was written.
    pub(crate) fn repair(&self) -> Result<(), Error> {
        let path = &self.part.path;
        let len = self.part.file_len();
        if self.torn_bytes > 0 {
            self.file.set_len(len).context("cut", path)?;
        }
        if let Some(offset) = self.last_record {
            let mut record = vec![0; usize::try_from(len - offset).unwrap_or(usize::MAX)];
            self.file.read_at(&mut record, offset).context("read", path)?;
            self.file.write_at(&record, offset).context("write", path)?;
        } else {
            let header = FileHeader { first: self.part.first, salt: self.part.salt };
            self.file.write_at(&header.to_bytes(), 0).context("write", path)?;
        }
        self.file.sync_data().context(SYNC, path)
    }
}

/// A WAL file being read.
struct Source<'a> {
    file: &'a dyn DiskFile,
    path: &'a Path,
    len: u64,
    salt: u64,
}

impl Source<'_> {
    /// The record at `offset` if it is whole, good, and begins with entry `next`.
    fn record(&self, offset: u64, next: u64) -> Result<Option<(RecordHeader, Bytes)>, Error> {
        let Some(header) = self.header(offset)? else { return Ok(None) };
        let start = offset + RECORD_HEADER_LEN as u64;
        let whole = start + u64::from(header.payload_len) <= self.len;
        if !whole || header.first != next {
            return Ok(None);
        }
        let mut payload = vec![0; header.payload_len as usize];
        self.file.read_at(&mut payload, start).context("read", self.path)?;
        let good = crc32c::crc32c(&payload) == header.payload_crc;
        Ok(good.then(|| (header, payload.into())))
    }

    fn header(&self, offset: u64) -> Result<Option<RecordHeader>, Error> {
        if offset + RECORD_HEADER_LEN as u64 > self.len {
            return Ok(None);
        }
        let mut bytes = [0; RECORD_HEADER_LEN];
        self.file.read_at(&mut bytes, offset).context("read", self.path)?;
        Ok(RecordHeader::decode(&bytes, self.salt))
    }

    /// Offset of a record header anywhere after `offset`.
    fn find_record_after(&self, offset: u64) -> Result<Option<u64>, Error> {
        let mut start = offset + 1;
        let mut window = vec![0; WINDOW];
        while start + (RECORD_HEADER_LEN as u64) <= self.len {
            let len = usize::try_from(self.len - start).unwrap_or(WINDOW).min(WINDOW);
            self.file.read_at(&mut window[..len], start).context("read", self.path)?;
            for at in magic_positions(&window[..len]) {
                let found = start + at as u64;
                if self.header(found)?.is_some() {
                    return Ok(Some(found));
                }
            }
            // A magic may straddle two windows.
            start += (len - (RECORD_MAGIC.len() - 1).min(len - 1)) as u64;
        }
        Ok(None)
    }
}

fn magic_positions(window: &[u8]) -> impl Iterator<Item = usize> {
    window
        .windows(RECORD_MAGIC.len())
        .enumerate()
        .filter(|(_, bytes)| bytes == RECORD_MAGIC)
        .map(|(at, _)| at)
}

/// What a good record's entries are added to.
struct Intake<'a> {
    store: &'a Store,
    path: &'a Path,
    part_first: u64,
    table: &'a mut PartTable,
    frontier: &'a mut Frontier,
    keep: &'a mut dyn FnMut(Frame),
}

impl Intake<'_> {
    fn take(&mut self, record: &RecordHeader, payload: Bytes) -> Result<(), Error> {
        let mut rest = payload;
        for _ in 0..record.frames {
            self.take_frame(&mut rest)?;
        }
        let as_announced = self.next() == record.first + u64::from(record.count);
        let structure = || Error::damage(self.path, self.table.len, Some(record.first), Flaw::Structure);
        if rest.is_empty() && as_announced { Ok(()) } else { Err(structure()) }
    }

    fn take_frame(&mut self, rest: &mut Bytes) -> Result<(), Error> {
        let (path, offset, index) = (self.path, self.table.len, self.next());
        let damaged = |flaw| Error::damage(path, offset, Some(index), flaw);
        let header = rest.first_chunk::<HEADER_LEN>().ok_or_else(|| damaged(Flaw::Structure))?;
        let header = FrameHeader::decode(header).map_err(damaged)?;
        let total = usize::try_from(header.total_len()).unwrap_or(usize::MAX);
        if total > rest.len() {
            return Err(damaged(Flaw::Structure));
        }
        let stored = rest.split_to(total).slice(HEADER_LEN..);
        let entries = self.store.decode_known(&header, stored).map_err(damaged)?;
        let mut leaf = Vec::new();
        for at in 0..entries.len() {
            leaf.clear();
            (self.store.leaf_fn)(entries.get(at), &mut leaf).map_err(|_| damaged(Flaw::Entry))?;
            self.push_leaf(leaf_hash(&leaf));
        }
        self.table.push_frame(&header);
        (self.keep)(Frame::new(index, Arc::new(entries)));
        Ok(())
    }

    fn push_leaf(&mut self, leaf: Hash) {
        self.table.leaves.push(leaf);
        let (block_level, blocks) = (self.store.block_level(), &mut self.table.blocks);
        self.frontier.push_with(leaf, |node, hash| {
            if node.level == block_level {
                blocks.push(*hash);
            }
        });
    }

    fn next(&self) -> u64 {
        self.part_first + self.table.leaves.len() as u64
    }
}

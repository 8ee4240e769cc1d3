//! One WAL file and what is known of its durable entries.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_tlog::tile::perfect_root;
use audit_tlog::{Hash, NodeId};
use bytes::Bytes;
use parking_lot::RwLock;

use super::{FILE_HEADER_LEN, FileHeader};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Flaw, IoContext as _};
use crate::files::SYNC;
use crate::frame::{EncodedFrame, FrameHeader, HEADER_LEN};

/// A WAL file. The sequencer alone writes; anybody reads what the table lists, which is durable.
pub(crate) struct WalPart {
    pub(crate) first: u64,
    pub(crate) salt: u64,
    pub(crate) path: PathBuf,
    file: Arc<dyn DiskFile>,
    table: RwLock<PartTable>,
}

/// What a WAL file durably holds.
#[derive(Clone, Debug)]
pub(crate) struct PartTable {
    pub(crate) frames: Vec<FrameRef>,
    /// Leaf hashes of the entries.
    pub(crate) leaves: Vec<Hash>,
    /// Roots of the whole blocks of 256 entries (or of a segment, if that is smaller).
    pub(crate) blocks: Vec<Hash>,
    /// Bytes of the file.
    pub(crate) len: u64,
    /// When the first and the last record were written, microseconds since the Unix epoch.
    pub(crate) times_us: Option<(i64, i64)>,
}

/// Where a frame is in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRef {
    /// First entry, counted from the file's first.
    pub(crate) at: u32,
    pub(crate) count: u16,
    /// Bytes including the header.
    pub(crate) len: u32,
    pub(crate) offset: u64,
}

impl WalPart {
    /// Makes the file of the entries from `first` on, durably.
    ///
    /// Died before the directory was synced: no file or an empty one, which opening removes.
    pub(crate) fn create(disk: &dyn Disk, path: PathBuf, first: u64, salt: u64) -> Result<Self, Error> {
        let file = disk.create(&path).context("create", &path)?;
        let header = FileHeader { first, salt };
        file.write_at(&header.to_bytes(), 0).context("write", &path)?;
        file.sync_data().context(SYNC, &path)?;
        let dir = path.parent().unwrap_or(&path);
        disk.sync_dir(dir).context(SYNC, dir)?;
        Ok(Self::new(header, path, file, PartTable::new()))
    }

    pub(crate) fn new(header: FileHeader, path: PathBuf, file: Arc<dyn DiskFile>, table: PartTable) -> Self {
        Self { first: header.first, salt: header.salt, path, file, table: RwLock::new(table) }
    }

    /// Writes a record after the last one and makes it durable; the table is not changed yet.
    pub(crate) fn write(&self, record: &[u8]) -> Result<(), Error> {
        let offset = self.table.read().len;
        self.file.write_at(record, offset).context("write", &self.path)?;
        self.file.sync_data().context(SYNC, &self.path)
    }

    /// Lists what was written as durable.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut PartTable)) {
        change(&mut self.table.write());
    }

    pub(crate) fn entries(&self) -> u64 {
        self.table.read().leaves.len() as u64
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries()
    }

    pub(crate) fn file_len(&self) -> u64 {
        self.table.read().len
    }

    pub(crate) fn times_us(&self) -> Option<(i64, i64)> {
        self.table.read().times_us
    }

    /// A copy of the table; the sealer works on it when the file is full.
    pub(crate) fn snapshot(&self) -> PartTable {
        self.table.read().clone()
    }

    /// The frame that holds entry `index`, which must be listed.
    pub(crate) fn find(&self, index: u64) -> Option<FrameRef> {
        let at = u32::try_from(index.checked_sub(self.first)?).ok()?;
        let table = self.table.read();
        let next = table.frames.partition_point(|frame| frame.at <= at);
        table.frames.get(next.checked_sub(1)?).filter(|frame| at < frame.at + u32::from(frame.count)).copied()
    }

    /// Reads a frame's header and stored bytes.
    pub(crate) fn read(&self, frame: &FrameRef) -> Result<(FrameHeader, Bytes), Error> {
        read_frame(&*self.file, &self.path, frame, self.first)
    }

    /// The hash of a node all of whose leaves are listed here.
    pub(crate) fn node(&self, node: NodeId, block_level: u8) -> Option<Hash> {
        let table = self.table.read();
        let (level, base) =
            if node.level >= block_level { (block_level, &table.blocks) } else { (0, &table.leaves) };
        let height = node.level - level;
        let start = usize::try_from((node.index << height) - (self.first >> level)).ok()?;
        perfect_root(base.get(start..start + (1 << height))?).ok()
    }
}

impl PartTable {
    pub(crate) const fn new() -> Self {
        Self {
            frames: Vec::new(),
            leaves: Vec::new(),
            blocks: Vec::new(),
            len: FILE_HEADER_LEN as u64,
            times_us: None,
        }
    }

    /// Lists the frames of a record that begins at the end of the file.
    pub(crate) fn push_record(&mut self, record_header_len: usize, time_us: i64, frames: &[EncodedFrame]) {
        self.len += record_header_len as u64;
        frames.iter().for_each(|frame| self.push_frame(&frame.header));
        self.push_time(time_us);
    }

    pub(crate) fn push_frame(&mut self, header: &FrameHeader) {
        let at = self.frames.last().map_or(0, |frame| frame.at + u32::from(frame.count));
        let len = u32::try_from(header.total_len()).unwrap_or(u32::MAX);
        self.frames.push(FrameRef { at, count: header.count, len, offset: self.len });
        self.len += u64::from(len);
    }

    pub(crate) fn push_time(&mut self, time_us: i64) {
        let first = self.times_us.map_or(time_us, |(first, _)| first);
        self.times_us = Some((first, time_us));
    }
}

/// Reads a frame's header and stored bytes out of a file whose first entry is `first`. They are as the file
/// lists them; the checksum is not checked yet.
pub(crate) fn read_frame(
    file: &dyn DiskFile,
    path: &Path,
    place: &FrameRef,
    first: u64,
) -> Result<(FrameHeader, Bytes), Error> {
    let damaged = |flaw| Error::damage(path, place.offset, Some(first + u64::from(place.at)), flaw);
    let mut bytes = vec![0; place.len as usize];
    file.read_at(&mut bytes, place.offset).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(Flaw::Truncated),
        _ => Error::Io { operation: "read", path: path.to_path_buf(), source: Arc::new(error) },
    })?;
    let header = bytes.first_chunk::<HEADER_LEN>().ok_or_else(|| damaged(Flaw::Truncated))?;
    let header = FrameHeader::decode(header).map_err(damaged)?;
    let as_listed = header.total_len() == u64::from(place.len) && header.count == place.count;
    if as_listed {
        Ok((header, Bytes::from(bytes).slice(HEADER_LEN..)))
    } else {
        Err(damaged(Flaw::Structure))
    }
}

//! Writing a segment: streamed, so that memory does not grow with the entries' size.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_tlog::Hash;
use audit_tlog::tile::perfect_root;

use super::{FOOTER_FIXED_LEN, HEADER_LEN, Summary, TRAILER_LEN, TRAILER_MAGIC, block_level, encode_header};
use crate::dictionary::{Dictionaries, Dictionary};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Flaw, IoContext as _};
use crate::files::{SYNC, put_in_place, temporary};
use crate::frame::FrameHeader;

/// Bytes gathered before they are written.
const CHUNK: usize = 1 << 20;

/// A segment being written under a temporary name.
pub(crate) struct SegmentWriter<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    staged: PathBuf,
    file: Arc<dyn DiskFile>,
    first: u64,
    count: u32,
    buffer: Vec<u8>,
    /// Bytes written so far, without the buffer.
    written: u64,
    crc: u32,
    frames: Vec<FrameHeader>,
    dictionaries: BTreeMap<u32, Arc<Dictionary>>,
}

impl<'a> SegmentWriter<'a> {
    /// Begins the segment of `count` entries from `first` on, which will be called `path`.
    pub(crate) fn create(disk: &'a dyn Disk, path: &Path, first: u64, count: u32) -> Result<Self, Error> {
        let staged = temporary(path);
        let file = disk.create(&staged).context("create", &staged)?;
        Ok(Self {
            disk,
            path: path.to_path_buf(),
            staged,
            file,
            first,
            count,
            buffer: encode_header(first, count).to_vec(),
            written: 0,
            crc: 0,
            frames: Vec::new(),
            dictionaries: BTreeMap::new(),
        })
    }

    /// Adds a frame as it is stored.
    pub(crate) fn push(
        &mut self,
        header: FrameHeader,
        stored: &[u8],
        known: &Dictionaries,
    ) -> Result<(), Error> {
        let id = header.dictionary;
        if id != 0 && !self.dictionaries.contains_key(&id) {
            let missing = || Error::damage(&self.path, self.written, None, Flaw::Dictionary);
            self.dictionaries.insert(id, known.get(id).ok_or_else(missing)?);
        }
        self.buffer.extend_from_slice(&header.to_bytes());
        self.buffer.extend_from_slice(stored);
        self.frames.push(header);
        self.flush_if(CHUNK)
    }

    /// Bytes of the frames so far, and of their payloads.
    pub(crate) fn ratio(&self) -> (u64, u64) {
        let stored = self.frames.iter().map(FrameHeader::total_len).sum();
        (stored, self.frames.iter().map(|header| u64::from(header.payload_len)).sum())
    }

    /// Writes what follows the frames, syncs, and gives the file its name.
    ///
    /// Died before the rename: a temporary file, removed when the ledger is opened, and the WAL is still
    /// there. Died after it: the segment, and possibly the WAL as well, which is then removed.
    pub(crate) fn finish(mut self, blocks: &[Hash], times_us: (i64, i64)) -> Result<Summary, Error> {
        let dictionaries = std::mem::take(&mut self.dictionaries);
        for dictionary in dictionaries.values() {
            self.buffer.extend_from_slice(dictionary.bytes());
            self.flush_if(CHUNK)?;
        }
        let root = perfect_root(blocks)?;
        let footer_offset = self.written + self.buffer.len() as u64;
        let footer = self.footer(&dictionaries, blocks, &root, times_us);
        self.buffer.extend_from_slice(&footer);
        self.flush_if(0)?;
        self.buffer.extend_from_slice(&trailer(footer_offset, &footer, self.crc));
        self.flush_if(0)?;
        self.file.sync_data().context(SYNC, &self.staged)?;
        put_in_place(self.disk, &self.path)?;
        Ok(Summary { first: self.first, count: self.count, root, times_us, file_len: self.written })
    }

    fn footer(
        &self,
        dictionaries: &BTreeMap<u32, Arc<Dictionary>>,
        blocks: &[Hash],
        root: &Hash,
        times_us: (i64, i64),
    ) -> Vec<u8> {
        let entries: u64 = self.frames.iter().map(|header| u64::from(header.count)).sum();
        assert_eq!(entries, u64::from(self.count), "a segment's frames hold exactly its entries");
        let mut footer = Vec::with_capacity(FOOTER_FIXED_LEN + 10 * self.frames.len() + 32 * blocks.len());
        for number in [self.frames.len(), dictionaries.len(), blocks.len()] {
            footer.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        footer.extend_from_slice(&u32::from(block_level(self.count)).to_le_bytes());
        footer.extend_from_slice(&times_us.0.to_le_bytes());
        footer.extend_from_slice(&times_us.1.to_le_bytes());
        footer.extend_from_slice(root.as_bytes());
        for header in &self.frames {
            footer.extend_from_slice(&header.count.to_le_bytes());
            footer.extend_from_slice(&u32::try_from(header.total_len()).unwrap_or(u32::MAX).to_le_bytes());
            footer.extend_from_slice(&header.crc.to_le_bytes());
        }
        for dictionary in dictionaries.values() {
            let len = u32::try_from(dictionary.bytes().len()).unwrap_or(u32::MAX);
            footer.extend_from_slice(&dictionary.id().to_le_bytes());
            footer.extend_from_slice(&len.to_le_bytes());
            footer.extend_from_slice(&crc32c::crc32c(dictionary.bytes()).to_le_bytes());
        }
        blocks.iter().for_each(|block| footer.extend_from_slice(block.as_bytes()));
        footer
    }

    /// Writes the buffer if it holds more than `bytes`.
    fn flush_if(&mut self, bytes: usize) -> Result<(), Error> {
        if self.buffer.len() <= bytes {
            return Ok(());
        }
        self.file.write_at(&self.buffer, self.written).context("write", &self.staged)?;
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn trailer(footer_offset: u64, footer: &[u8], file_crc: u32) -> [u8; TRAILER_LEN] {
    let mut bytes = [0; TRAILER_LEN];
    bytes[..8].copy_from_slice(&footer_offset.to_le_bytes());
    bytes[8..12].copy_from_slice(&u32::try_from(footer.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes[12..16].copy_from_slice(&crc32c::crc32c(footer).to_le_bytes());
    bytes[16..20].copy_from_slice(&file_crc.to_le_bytes());
    bytes[24..].copy_from_slice(TRAILER_MAGIC);
    bytes
}

const _: () = assert!(HEADER_LEN == 32 && TRAILER_LEN == 32);

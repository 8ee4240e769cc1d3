//! Reading a segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_tlog::Hash;
use audit_tlog::tile::perfect_root;
use bytes::Bytes;

use super::{
    DICTIONARY_ENTRY_LEN, FOOTER_FIXED_LEN, FRAME_ENTRY_LEN, HEADER_LEN, Summary, TRAILER_LEN, TRAILER_MAGIC,
    block_level, encode_header,
};
use crate::dictionary::{Dictionaries, Dictionary};
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Error, Flaw, IoContext as _};
use crate::frame::FrameHeader;
use crate::wal::{FrameRef, read_frame};

/// A segment with its footer in memory.
pub(crate) struct OpenSegment {
    pub(crate) summary: Summary,
    pub(crate) frames: Vec<FrameRef>,
    /// Roots of the blocks, left to right.
    pub(crate) blocks: Vec<Hash>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    dictionaries: Vec<DictionaryRef>,
}

struct DictionaryRef {
    id: u32,
    len: u32,
    crc: u32,
    offset: u64,
}

impl OpenSegment {
    /// Opens the segment of the entries from `first` on and reads its footer.
    ///
    /// # Errors
    /// [`Error::Damage`] if header, footer or trailer are not as written; frames are not looked at.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, first: u64) -> Result<Self, Error> {
        let file = disk.open(path, Access::Read).context("open", path)?;
        let file_len = file.len().context("read", path)?;
        let fixed = (HEADER_LEN + FOOTER_FIXED_LEN + TRAILER_LEN) as u64;
        if file_len < fixed {
            return Err(Error::damage(path, file_len, Some(first), Flaw::Truncated));
        }
        let read = |offset: u64, len: usize| {
            let mut bytes = vec![0; len];
            file.read_at(&mut bytes, offset).context("read", path)?;
            Ok::<_, Error>(bytes)
        };
        let trailer_offset = file_len - TRAILER_LEN as u64;
        let trailer = read(trailer_offset, TRAILER_LEN)?;
        let (footer_offset, footer_len, footer_crc) =
            (u64_at(&trailer, 0), u32_at(&trailer, 8), u32_at(&trailer, 12));
        let ends_at_trailer = footer_offset.checked_add(u64::from(footer_len)) == Some(trailer_offset);
        if &trailer[24..] != TRAILER_MAGIC || u32_at(&trailer, 20) != 0 || !ends_at_trailer {
            return Err(Error::damage(path, trailer_offset, Some(first), Flaw::Header));
        }
        let footer = read(footer_offset, footer_len as usize)?;
        if crc32c::crc32c(&footer) != footer_crc {
            return Err(Error::damage(path, footer_offset, Some(first), Flaw::Checksum));
        }
        let header = read(0, HEADER_LEN)?;
        let count = u32_at(&header, 16);
        if header != encode_header(first, count) {
            return Err(Error::damage(path, 0, Some(first), Flaw::Header));
        }
        let contents = Footer::decode(&footer, first, count, file_len, footer_offset);
        let contents = contents.map_err(|flaw| Error::damage(path, footer_offset, Some(first), flaw))?;
        let Footer { summary, frames, blocks, dictionaries } = contents;
        Ok(Self { summary, frames, blocks, path: path.to_path_buf(), file, dictionaries })
    }

    /// The frame that holds entry `index`, which must be in the segment.
    pub(crate) fn find(&self, index: u64) -> Option<FrameRef> {
        let at = u32::try_from(index.checked_sub(self.summary.first)?).ok()?;
        let next = self.frames.partition_point(|frame| frame.at <= at);
        self.frames.get(next.checked_sub(1)?).copied()
    }

    /// Reads a frame's header and stored bytes.
    pub(crate) fn read(&self, frame: &FrameRef) -> Result<(FrameHeader, Bytes), Error> {
        read_frame(&*self.file, &self.path, frame, self.summary.first)
    }

    /// The dictionary `id`, from those known or else from the segment itself.
    pub(crate) fn dictionary(&self, id: u32, known: &Dictionaries) -> Result<Option<Arc<Dictionary>>, Error> {
        if id == 0 {
            return Ok(None);
        }
        if let Some(dictionary) = known.get(id) {
            return Ok(Some(dictionary));
        }
        let Some(place) = self.dictionaries.iter().find(|place| place.id == id) else { return Ok(None) };
        let mut bytes = vec![0; place.len as usize];
        self.file.read_at(&mut bytes, place.offset).context("read", &self.path)?;
        if crc32c::crc32c(&bytes) != place.crc {
            return Err(Error::damage(&self.path, place.offset, None, Flaw::Checksum));
        }
        Ok(Some(known.get_or_insert(Dictionary::new(id, bytes))))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// What a footer says.
struct Footer {
    summary: Summary,
    frames: Vec<FrameRef>,
    blocks: Vec<Hash>,
    dictionaries: Vec<DictionaryRef>,
}

impl Footer {
    fn decode(
        footer: &[u8],
        first: u64,
        count: u32,
        file_len: u64,
        footer_offset: u64,
    ) -> Result<Self, Flaw> {
        let (fixed, tables) = footer.split_at_checked(FOOTER_FIXED_LEN).ok_or(Flaw::Truncated)?;
        let [frames, dictionaries, blocks] = [0, 4, 8].map(|at| u32_at(fixed, at) as usize);
        let sane = count.is_power_of_two() && u32_at(fixed, 12) == u32::from(block_level(count));
        let lengths = [frames * FRAME_ENTRY_LEN, dictionaries * DICTIONARY_ENTRY_LEN, blocks * Hash::LEN];
        if !sane
            || lengths.iter().sum::<usize>() != tables.len()
            || blocks != count as usize >> block_level(count)
        {
            return Err(Flaw::Structure);
        }
        let (frame_table, rest) = tables.split_at(lengths[0]);
        let (dictionary_table, block_table) = rest.split_at(lengths[1]);
        let (frames, frames_end) = frame_refs(frame_table, count)?;
        let (dictionaries, dictionaries_end) = dictionary_refs(dictionary_table, frames_end);
        let blocks: Vec<Hash> =
            block_table.as_chunks().0.iter().map(|hash| Hash::from_bytes(*hash)).collect();
        let root = fixed.last_chunk().map(|root| Hash::from_bytes(*root)).ok_or(Flaw::Structure)?;
        if dictionaries_end != footer_offset {
            return Err(Flaw::Structure);
        }
        if perfect_root(&blocks).ok() != Some(root) {
            return Err(Flaw::TreeHash);
        }
        let times_us = (u64_at(fixed, 16).cast_signed(), u64_at(fixed, 24).cast_signed());
        let summary = Summary { first, count, root, times_us, file_len };
        Ok(Self { summary, frames, blocks, dictionaries })
    }
}

/// The frames and where they end.
fn frame_refs(table: &[u8], count: u32) -> Result<(Vec<FrameRef>, u64), Flaw> {
    let (mut at, mut offset) = (0u32, HEADER_LEN as u64);
    let mut frames = Vec::with_capacity(table.len() / FRAME_ENTRY_LEN);
    for entry in table.as_chunks::<FRAME_ENTRY_LEN>().0 {
        let (entries, len) = (u16::from_le_bytes([entry[0], entry[1]]), u32_at(entry, 2));
        frames.push(FrameRef { at, count: entries, len, offset });
        at = at.checked_add(u32::from(entries)).ok_or(Flaw::Structure)?;
        offset += u64::from(len);
    }
    if at == count { Ok((frames, offset)) } else { Err(Flaw::Structure) }
}

/// The dictionaries and where they end.
fn dictionary_refs(table: &[u8], start: u64) -> (Vec<DictionaryRef>, u64) {
    let mut offset = start;
    let entries = table.as_chunks::<DICTIONARY_ENTRY_LEN>().0.iter();
    let dictionaries = entries.map(|entry| {
        let place =
            DictionaryRef { id: u32_at(entry, 0), len: u32_at(entry, 4), crc: u32_at(entry, 8), offset };
        offset += u64::from(place.len);
        place
    });
    (dictionaries.collect(), offset)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

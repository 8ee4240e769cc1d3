//! Checking a sealed segment.

use std::path::Path;
use std::sync::Arc;

use audit_tlog::{Frontier, Hash};
use zstd::zstd_safe::DDict;

use super::frame::{Decoder, Dictionaries, HEADER_LEN as FRAME_HEADER_LEN, Header};
use super::{Checked, Meter, damage, u32_at, u64_at};
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Damage, Error, Flaw, IoContext as _};
use crate::ledger::LeafFn;

const HEADER_LEN: u64 = 32;
const TRAILER_LEN: u64 = 32;
const FOOTER_FIXED_LEN: usize = 64;
/// Bytes read at a time.
const CHUNK: u64 = 4 << 20;

/// What a thread reuses from segment to segment.
#[derive(Default)]
pub(super) struct Context {
    decoder: Decoder,
    chunk: Vec<u8>,
}

pub(super) struct Check<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) path: &'a Path,
    pub(super) first: u64,
    pub(super) leaf_fn: LeafFn,
    pub(super) promised_sizes: &'a [u64],
}

/// What the end of the file says about the rest.
struct Footer {
    bytes: Vec<u8>,
    offset: u64,
    frames: usize,
    dictionaries: usize,
    blocks: usize,
    block_level: u8,
    root: Hash,
    file_crc: u32,
}

/// Number of entries and footer; or where, and how, the file contradicts the format.
type Ends = Result<(u64, Footer), (u64, Flaw)>;

/// A segment being read through.
struct Reading<'a> {
    check: &'a Check<'a>,
    file: &'a dyn DiskFile,
    footer: &'a Footer,
    leaves: Option<Vec<Hash>>,
    tree: Frontier,
    /// Blocks completed and compared so far.
    blocks: usize,
    damages: Vec<Damage>,
    crc: u32,
}

impl Check<'_> {
    /// Reads and checks every byte of the file.
    pub(super) fn run(&self, context: &mut Context, meter: &Meter<'_>) -> Result<Checked, Error> {
        let file: Arc<dyn DiskFile> = self.disk.open(self.path, Access::Read).context("open", self.path)?;
        let len = file.len().context("read", self.path)?;
        let (count, footer) = match self.read_ends(&*file, len)? {
            Ok(ends) => ends,
            Err((offset, flaw)) => {
                let damages = vec![damage(self.path, offset, Some(self.first), flaw)];
                return Ok(Checked { count: None, root: None, leaves: None, damages });
            }
        };
        let last = self.first + count;
        let promised_inside = self.promised_sizes.iter().any(|size| self.first < *size && *size < last);
        let mut reading = Reading {
            check: self,
            file: &*file,
            footer: &footer,
            leaves: promised_inside.then(Vec::new),
            tree: Frontier::new(),
            blocks: 0,
            damages: Vec::new(),
            crc: 0,
        };
        let dictionaries = reading.dictionaries()?;
        reading.frames(context, &dictionaries, meter)?;
        reading.rest(len)?;
        let is_readable = reading.tree.size().get() == count;
        let root = reading.tree.root();
        if is_readable && root != footer.root {
            reading.note(footer.offset, Some(self.first), Flaw::TreeHash);
        }
        if reading.damages.is_empty() && reading.crc != footer.file_crc {
            reading.note(len - TRAILER_LEN, None, Flaw::Checksum);
        }
        let leaves = reading.leaves.take().filter(|_| is_readable);
        // An unreadable frame is reported; the rest of the tree can be checked with the root stored for it.
        let root = Some(if is_readable { root } else { footer.root });
        Ok(Checked { count: Some(count), root, leaves, damages: reading.damages })
    }

    /// Number of entries and footer; or where the file contradicts the format.
    fn read_ends(&self, file: &dyn DiskFile, len: u64) -> Result<Ends, Error> {
        if len < HEADER_LEN + FOOTER_FIXED_LEN as u64 + TRAILER_LEN {
            return Ok(Err((len, Flaw::Truncated)));
        }
        let read = |offset: u64, len: u64| {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            file.read_at(&mut bytes, offset).context("read", self.path)?;
            Ok::<_, Error>(bytes)
        };
        let header = read(0, HEADER_LEN)?;
        let count = u32_at(&header, 16);
        let header_is_good = header[..8] == *b"saa-seg\x01"
            && u64_at(&header, 8) == self.first
            && count.is_power_of_two()
            && header[20..28] == [0; 8]
            && u32_at(&header, 28) == crc32c::crc32c(&header[..28]);
        if !header_is_good {
            return Ok(Err((0, Flaw::Header)));
        }
        let trailer_offset = len - TRAILER_LEN;
        let trailer = read(trailer_offset, TRAILER_LEN)?;
        let (offset, footer_len) = (u64_at(&trailer, 0), u64::from(u32_at(&trailer, 8)));
        let trailer_is_good = trailer[24..] == *b"saa-end\x01"
            && trailer[20..24] == [0; 4]
            && offset.checked_add(footer_len) == Some(trailer_offset)
            && footer_len >= FOOTER_FIXED_LEN as u64;
        if !trailer_is_good {
            return Ok(Err((trailer_offset, Flaw::Header)));
        }
        let bytes = read(offset, footer_len)?;
        if crc32c::crc32c(&bytes) != u32_at(&trailer, 12) {
            return Ok(Err((offset, Flaw::Checksum)));
        }
        let [frames, dictionaries, blocks] = [0, 4, 8].map(|at| u32_at(&bytes, at) as usize);
        let block_level = 8.min(count.trailing_zeros());
        let consistent = bytes.len() == FOOTER_FIXED_LEN + 10 * frames + 12 * dictionaries + 32 * blocks
            && u32_at(&bytes, 12) == block_level
            && blocks == (count >> block_level) as usize;
        if !consistent {
            return Ok(Err((offset, Flaw::Structure)));
        }
        let root = hash_at(&bytes, 32);
        let file_crc = u32_at(&trailer, 16);
        let block_level = block_level.to_le_bytes()[0];
        let footer = Footer { bytes, offset, frames, dictionaries, blocks, block_level, root, file_crc };
        Ok(Ok((u64::from(count), footer)))
    }
}

impl Footer {
    /// Number of entries, bytes and checksum of each frame.
    fn frames(&self) -> impl Iterator<Item = (u16, u32, u32)> {
        let table = &self.bytes[FOOTER_FIXED_LEN..][..10 * self.frames];
        table
            .chunks_exact(10)
            .map(|entry| (u16::from_le_bytes([entry[0], entry[1]]), u32_at(entry, 2), u32_at(entry, 6)))
    }

    /// Id, bytes and checksum of each dictionary.
    fn dictionaries(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let table = &self.bytes[FOOTER_FIXED_LEN + 10 * self.frames..][..12 * self.dictionaries];
        table.chunks_exact(12).map(|entry| (u32_at(entry, 0), u32_at(entry, 4), u32_at(entry, 8)))
    }

    fn block(&self, at: usize) -> Option<Hash> {
        let start = FOOTER_FIXED_LEN + 10 * self.frames + 12 * self.dictionaries + 32 * at;
        (at < self.blocks).then(|| hash_at(&self.bytes, start))
    }
}

impl Reading<'_> {
    /// The dictionaries, which are stored behind the frames.
    fn dictionaries(&mut self) -> Result<Dictionaries, Error> {
        let footer = self.footer;
        let total: u64 = footer.dictionaries().map(|(_, len, _)| u64::from(len)).sum();
        let mut dictionaries = Dictionaries::new();
        let Some(mut offset) = footer.offset.checked_sub(total).filter(|offset| *offset >= HEADER_LEN) else {
            self.note(footer.offset, Some(self.check.first), Flaw::Structure);
            return Ok(dictionaries);
        };
        for (id, len, crc) in footer.dictionaries() {
            let bytes = self.read(offset, u64::from(len))?;
            let good = crc32c::crc32c(&bytes) == crc;
            match DDict::try_create(&bytes).filter(|_| good) {
                Some(dictionary) => drop(dictionaries.insert(id, dictionary)),
                None => self.note(offset, None, Flaw::Checksum),
            }
            offset += u64::from(len);
        }
        Ok(dictionaries)
    }

    /// Reads the header and the frames, in chunks of whole frames.
    fn frames(
        &mut self,
        context: &mut Context,
        dictionaries: &Dictionaries,
        meter: &Meter<'_>,
    ) -> Result<(), Error> {
        let header = self.read(0, HEADER_LEN)?;
        self.crc = crc32c::crc32c(&header);
        let mut offset = HEADER_LEN;
        let mut index = self.check.first;
        let footer = self.footer;
        let mut frames = footer.frames().peekable();
        while frames.peek().is_some() {
            let mut in_chunk = Vec::new();
            let mut len = 0;
            while let Some(frame) = frames.next_if(|frame| len == 0 || len + u64::from(frame.1) <= CHUNK) {
                len += u64::from(frame.1);
                in_chunk.push(frame);
            }
            if offset + len > footer.offset {
                self.note(offset, Some(index), Flaw::Structure);
                return Ok(());
            }
            context.chunk.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
            self.file.read_at(&mut context.chunk, offset).context("read", self.check.path)?;
            self.crc = crc32c::crc32c_append(self.crc, &context.chunk);
            let mut rest = context.chunk.as_slice();
            let before = index;
            for (count, len, crc) in in_chunk {
                let (bytes, after) = rest.split_at(len as usize);
                rest = after;
                if let Err(flaw) = self.frame(&mut context.decoder, bytes, (count, crc), dictionaries) {
                    self.note(offset, Some(index), flaw);
                }
                offset += u64::from(len);
                index += u64::from(count);
            }
            meter.add(index - before)?;
        }
        Ok(())
    }

    fn frame(
        &mut self,
        decoder: &mut Decoder,
        bytes: &[u8],
        (count, crc): (u16, u32),
        dictionaries: &Dictionaries,
    ) -> Result<(), Flaw> {
        let header = Header::decode(bytes)?;
        let as_listed = header.count == count && header.crc == crc;
        if !as_listed || FRAME_HEADER_LEN + header.stored != bytes.len() {
            return Err(Flaw::Structure);
        }
        let (footer, tree, blocks, kept) = (self.footer, &mut self.tree, &mut self.blocks, &mut self.leaves);
        let mut differs = false;
        decoder.leaves(&header, bytes, dictionaries, self.check.leaf_fn, |leaf| {
            kept.iter_mut().for_each(|kept| kept.push(leaf));
            tree.push_with(leaf, |node, hash| {
                if node.level == footer.block_level {
                    differs |= footer.block(*blocks) != Some(*hash);
                    *blocks += 1;
                }
            });
        })?;
        // Once a frame could not be read, the blocks no longer begin where they should.
        let comparable = self.damages.is_empty();
        if differs && comparable { Err(Flaw::TreeHash) } else { Ok(()) }
    }

    /// Reads what is between the frames and the trailer, for the file's checksum.
    fn rest(&mut self, len: u64) -> Result<(), Error> {
        let mut offset = HEADER_LEN + self.footer.frames().map(|frame| u64::from(frame.1)).sum::<u64>();
        let end = len - TRAILER_LEN;
        while offset < end {
            let bytes = self.read(offset, CHUNK.min(end - offset))?;
            self.crc = crc32c::crc32c_append(self.crc, &bytes);
            offset += bytes.len() as u64;
        }
        Ok(())
    }

    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.file.read_at(&mut bytes, offset).context("read", self.check.path)?;
        Ok(bytes)
    }

    fn note(&mut self, offset: u64, index: Option<u64>, flaw: Flaw) {
        self.damages.push(damage(self.check.path, offset, index, flaw));
    }
}

fn hash_at(bytes: &[u8], at: usize) -> Hash {
    let mut hash = [0; Hash::LEN];
    hash.copy_from_slice(&bytes[at..at + Hash::LEN]);
    Hash::from_bytes(hash)
}

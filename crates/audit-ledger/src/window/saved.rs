//! The window saved when the ledger closes, so that the next start need not read a million entries again.
//!
//! A cache and no part of the format: if it is missing, damaged, of another form or of another ledger, the window is
//! rebuilt from the entries. It may be older than the ledger; the entries since are then added.
//!
//! ```text
//!      0      8  magic "saa-ids" and version 2
//!      8      8  seed of the key hashes
//!     16      8  number of entries when it was saved
//!     24     32  root of their tree
//!     56      8  base
//!     64      4  M, number of marks
//!     68      4  N, number of ids
//!     72   16·M  marks
//!                N ids by their position: how far after the id before (LEB128), then the 40 bits of its hash;
//!                six bytes as a rule
//!             4  CRC-32C of all before
//! ```

use std::collections::VecDeque;
use std::path::Path;

use audit_tlog::{Hash, TreeSize};

use super::{IdWindow, POSITION_BITS, POSITION_MASK, is_kept, slots_for};
use crate::config::Window;
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Error, IoContext as _};
use crate::files::{SYNC, put_in_place, temporary};

const MAGIC: &[u8; 8] = b"saa-ids\x02";
const HEADER_LEN: usize = 72;
const MARK_LEN: usize = 16;
const CRC_LEN: usize = 4;
const TAG_BITS: u32 = 64 - POSITION_BITS;
const TAG_LEN: usize = 5;
/// Fewest bytes of an id.
const ID_LEN: usize = 1 + TAG_LEN;
/// Bytes read or written at a time, so that the file is never in memory as a whole.
const CHUNK: usize = 1 << 20;

/// What a window was saved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) seed: u64,
    pub(crate) size: TreeSize,
    pub(crate) root: Hash,
}

/// Saves a window in place of the one saved before, without what is too old at `now_us`.
pub(crate) fn save(
    disk: &dyn Disk,
    path: &Path,
    window: &IdWindow,
    saved: &Saved,
    now_us: i64,
) -> Result<(), Error> {
    let staged = temporary(path);
    let file = disk.create(&staged).context("create", &staged)?;
    let base = window.start(saved.size.get(), now_us).max(window.base);
    let ids = by_position(window, base - window.base);
    let mut bytes = header(window, saved, base, ids.len());
    let (mut offset, mut crc) = (0, 0);
    let mut flush = |bytes: &mut Vec<u8>| {
        crc = crc32c::crc32c_append(crc, bytes);
        file.write_at(bytes, offset).context("write", &staged)?;
        offset += bytes.len() as u64;
        bytes.clear();
        Ok::<u32, Error>(crc)
    };
    let mut before = 0;
    for id in ids {
        let position = id >> TAG_BITS;
        push_leb128(&mut bytes, position - before);
        bytes.extend_from_slice(&id.to_le_bytes()[..TAG_LEN]);
        before = position;
        if bytes.len() >= CHUNK {
            flush(&mut bytes)?;
        }
    }
    let crc = flush(&mut bytes)?;
    bytes.extend_from_slice(&crc.to_le_bytes());
    flush(&mut bytes)?;
    file.sync_data().context(SYNC, &staged)?;
    put_in_place(disk, path)
}

/// The ids that are still to be kept, the position after the new base above the bits of the hash, sorted.
fn by_position(window: &IdWindow, shift: u64) -> Vec<u64> {
    let kept = window.slots.iter().filter(|slot| is_kept(**slot, shift));
    let mut ids: Vec<u64> = kept.map(|slot| (slot - shift).rotate_right(POSITION_BITS)).collect();
    ids.sort_unstable();
    ids
}

fn header(window: &IdWindow, saved: &Saved, base: u64, ids: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + MARK_LEN * window.marks.len() + CHUNK);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&saved.seed.to_le_bytes());
    bytes.extend_from_slice(&saved.size.get().to_le_bytes());
    bytes.extend_from_slice(saved.root.as_bytes());
    bytes.extend_from_slice(&base.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(window.marks.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(ids).unwrap_or(u32::MAX).to_le_bytes());
    for (index, time_us) in &window.marks {
        bytes.extend_from_slice(&index.to_le_bytes());
        bytes.extend_from_slice(&time_us.to_le_bytes());
    }
    bytes
}

/// The saved window; `None` if there is none that is whole.
pub(crate) fn load(disk: &dyn Disk, path: &Path, limits: Window) -> Option<(IdWindow, Saved)> {
    let file = disk.open(path, Access::Read).ok()?;
    let rest = file.len().ok()?.checked_sub(CRC_LEN as u64)?;
    let mut source = Source { file: &*file, offset: 0, rest, crc: 0, bytes: Vec::new(), at: 0 };
    let header: [u8; HEADER_LEN] = source.array()?;
    let word = |at: usize| header[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let half = |at: usize| header[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let (marks, ids) = (usize::try_from(half(64)?).ok()?, usize::try_from(half(68)?).ok()?);
    let fewest = marks.checked_mul(MARK_LEN)?.checked_add(ids.checked_mul(ID_LEN)?)?;
    if header[..8] != *MAGIC || (HEADER_LEN + fewest) as u64 > rest {
        return None;
    }
    let saved = Saved {
        seed: word(8)?,
        size: TreeSize::new(word(16)?),
        root: header[24..].first_chunk().map(|root| Hash::from_bytes(*root))?,
    };
    let marks = (0..marks).map(|_| source.mark()).collect::<Option<VecDeque<_>>>()?;
    let mut window = IdWindow { limits, slots: slots_for(ids), base: word(56)?, used: 0, marks };
    let mut position = 0;
    for _ in 0..ids {
        position += source.leb128()?;
        let mut tag = [0; 8];
        tag[..TAG_LEN].copy_from_slice(&source.array::<TAG_LEN>()?);
        if position == 0 || position > POSITION_MASK {
            return None;
        }
        window.put(u64::from_le_bytes(tag) << POSITION_BITS | position);
    }
    let is_whole = source.is_at_end() && source.has_its_crc()?;
    (is_whole && window.base <= saved.size.get()).then_some((window, saved))
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// A file being read from front to back.
struct Source<'a> {
    file: &'a dyn DiskFile,
    /// Where the next bytes are read from.
    offset: u64,
    /// Bytes not read yet, the checksum at the end left out.
    rest: u64,
    /// Of all that was read.
    crc: u32,
    bytes: Vec<u8>,
    /// The next of `bytes`.
    at: usize,
}

impl Source<'_> {
    fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        if self.bytes.len() - self.at < LEN {
            self.fill()?;
        }
        let array = *self.bytes[self.at..].first_chunk()?;
        self.at += LEN;
        Some(array)
    }

    fn leb128(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..POSITION_BITS + 7).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn mark(&mut self) -> Option<(u64, i64)> {
        let (index, time_us) = (self.array()?, self.array()?);
        Some((u64::from_le_bytes(index), i64::from_le_bytes(time_us)))
    }

    /// Reads on behind what is left.
    fn fill(&mut self) -> Option<()> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let left = self.bytes.len();
        let more = usize::try_from(self.rest).unwrap_or(usize::MAX).min(CHUNK);
        self.bytes.resize(left + more, 0);
        self.file.read_at(&mut self.bytes[left..], self.offset).ok()?;
        self.crc = crc32c::crc32c_append(self.crc, &self.bytes[left..]);
        self.offset += more as u64;
        self.rest -= more as u64;
        Some(())
    }

    fn is_at_end(&self) -> bool {
        self.rest == 0 && self.at == self.bytes.len()
    }

    fn has_its_crc(&self) -> Option<bool> {
        let mut crc = [0; CRC_LEN];
        self.file.read_at(&mut crc, self.offset).ok()?;
        Some(u32::from_le_bytes(crc) == self.crc)
    }
}

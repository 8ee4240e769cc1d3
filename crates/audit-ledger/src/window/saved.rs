//! The window saved when the ledger closes, so that the next start need not read a million entries again.
//!
//! A cache and no part of the format: if it is missing, damaged or of another ledger, the window is rebuilt from
//! the entries. It may be older than the ledger; the entries since are then added.
//!
//! ```text
//!      0      8  magic "saa-ids" and version 1
//!      8      8  seed of the key hashes
//!     16      8  number of entries when it was saved
//!     24     32  root of their tree
//!     56      8  base
//!     64      8  slots in use
//!     72      4  M, number of marks
//!     76      4  S, number of slots
//!     80   16·M  marks
//!           8·S  slots
//!             4  CRC-32C of all before
//! ```

use std::collections::VecDeque;
use std::path::Path;

use audit_tlog::{Hash, TreeSize};

use super::{IdWindow, MIN_SLOTS};
use crate::config::Window;
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Error, IoContext as _};
use crate::files::{SYNC, put_in_place, temporary};

const MAGIC: &[u8; 8] = b"saa-ids\x01";
const HEADER_LEN: usize = 80;
const MARK_LEN: usize = 16;
const SLOT_LEN: usize = 8;
/// Bytes read or written at a time, so that the file is never in memory as a whole.
const CHUNK: usize = 1 << 20;

/// What a window was saved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) seed: u64,
    pub(crate) size: TreeSize,
    pub(crate) root: Hash,
}

/// Saves a window in place of the one saved before.
pub(crate) fn save(disk: &dyn Disk, path: &Path, window: &IdWindow, saved: &Saved) -> Result<(), Error> {
    let staged = temporary(path);
    let file = disk.create(&staged).context("create", &staged)?;
    let mut bytes = header(window, saved);
    let (mut offset, mut crc) = (0, 0);
    let mut flush = |bytes: &mut Vec<u8>| {
        crc = crc32c::crc32c_append(crc, bytes);
        file.write_at(bytes, offset).context("write", &staged)?;
        offset += bytes.len() as u64;
        bytes.clear();
        Ok::<u32, Error>(crc)
    };
    for slots in window.slots.chunks(CHUNK / SLOT_LEN) {
        bytes.extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        flush(&mut bytes)?;
    }
    let crc = flush(&mut bytes)?;
    bytes.extend_from_slice(&crc.to_le_bytes());
    flush(&mut bytes)?;
    file.sync_data().context(SYNC, &staged)?;
    put_in_place(disk, path)
}

fn header(window: &IdWindow, saved: &Saved) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + MARK_LEN * window.marks.len() + CHUNK);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&saved.seed.to_le_bytes());
    bytes.extend_from_slice(&saved.size.get().to_le_bytes());
    bytes.extend_from_slice(saved.root.as_bytes());
    bytes.extend_from_slice(&window.base.to_le_bytes());
    bytes.extend_from_slice(&(window.used as u64).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(window.marks.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(window.slots.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (index, time_us) in &window.marks {
        bytes.extend_from_slice(&index.to_le_bytes());
        bytes.extend_from_slice(&time_us.to_le_bytes());
    }
    bytes
}

/// The saved window; `None` if there is none that is whole.
pub(crate) fn load(disk: &dyn Disk, path: &Path, limits: Window) -> Option<(IdWindow, Saved)> {
    let file = disk.open(path, Access::Read).ok()?;
    let mut source = Source { file: &*file, offset: 0, crc: 0 };
    let header = source.take(HEADER_LEN)?;
    let word = |at: usize| header[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let (marks, slots) = (word(72)? & 0xffff_ffff, word(72)? >> 32);
    let (marks, slots) = (usize::try_from(marks).ok()?, usize::try_from(slots).ok()?);
    let lengths = HEADER_LEN + marks.checked_mul(MARK_LEN)? + slots.checked_mul(SLOT_LEN)? + 4;
    let sane = &header[..8] == MAGIC && slots.is_power_of_two() && slots >= MIN_SLOTS;
    if !sane || file.len().ok()? != lengths as u64 {
        return None;
    }
    let saved = Saved {
        seed: word(8)?,
        size: TreeSize::new(word(16)?),
        root: header[24..].first_chunk().map(|root| Hash::from_bytes(*root))?,
    };
    let marks: VecDeque<(u64, i64)> = source.words(marks * 2)?.chunks_exact(2).map(mark).collect();
    let slots = source.words(slots)?.into_boxed_slice();
    let crc = source.crc;
    let whole = source.take(4)? == crc.to_le_bytes();
    let window = IdWindow { limits, slots, base: word(56)?, used: usize::try_from(word(64)?).ok()?, marks };
    let consistent = window.base <= saved.size.get() && window.used <= window.slots.len();
    (whole && consistent).then_some((window, saved))
}

fn mark(words: &[u64]) -> (u64, i64) {
    (words[0], words[1].cast_signed())
}

/// A file being read from front to back.
struct Source<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    crc: u32,
}

impl Source<'_> {
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.file.read_at(&mut bytes, self.offset).ok()?;
        self.offset += len as u64;
        self.crc = crc32c::crc32c_append(self.crc, &bytes);
        Some(bytes)
    }

    fn words(&mut self, count: usize) -> Option<Vec<u64>> {
        let mut words = Vec::with_capacity(count);
        while words.len() < count {
            let bytes = self.take((count - words.len()).min(CHUNK / SLOT_LEN) * SLOT_LEN)?;
            words.extend(bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)));
        }
        Some(words)
    }
}

//! Sealed segments: immutable files of consecutive entries.
//!
//! ```text
//! header, 32 bytes (integers little-endian)
//!      0      8  magic "saa-seg" and format version 1
//!      8      8  index of the first entry, a multiple of the number of entries
//!     16      4  number of entries, a power of two
//!     20      8  0
//!     28      4  CRC-32C of bytes 0..28
//! frames, one after the other
//! dictionaries that the frames use, one after the other
//! footer
//!      0      4  F, number of frames
//!      4      4  D, number of dictionaries
//!      8      4  R, number of block roots
//!     12      4  block level: a block is 2^level entries, 256 or the whole segment if that is smaller
//!     16     16  when the first and the last record were written, microseconds since the Unix epoch
//!     32     32  root of the segment's entries, one perfect subtree (RFC 6962)
//!     64   10·F  for each frame: 2 number of entries, 4 bytes including its header, 4 CRC-32C as in its header
//!          12·D  for each dictionary: 4 id, 4 bytes, 4 CRC-32C
//!          32·R  roots of the blocks, left to right
//! trailer, 32 bytes, at the end of the file
//!      0      8  offset of the footer
//!      8      4  bytes of the footer
//!     12      4  CRC-32C of the footer
//!     16      4  CRC-32C of all bytes before the trailer
//!     20      4  0
//!     24      8  magic "saa-end" and format version 1
//! ```

mod open;
mod write;

pub(crate) use open::OpenSegment;
pub(crate) use write::SegmentWriter;

use audit_tlog::Hash;

pub(crate) const HEADER_LEN: usize = 32;
pub(crate) const TRAILER_LEN: usize = 32;
const FOOTER_FIXED_LEN: usize = 64;
const FRAME_ENTRY_LEN: usize = 10;
const DICTIONARY_ENTRY_LEN: usize = 12;
const HEADER_MAGIC: &[u8; 8] = b"saa-seg\x01";
const TRAILER_MAGIC: &[u8; 8] = b"saa-end\x01";

/// A sealed segment, as far as it is kept in memory for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) root: Hash,
    pub(crate) times_us: (i64, i64),
    pub(crate) file_len: u64,
}

impl Summary {
    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

fn encode_header(first: u64, count: u32) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..8].copy_from_slice(HEADER_MAGIC);
    bytes[8..16].copy_from_slice(&first.to_le_bytes());
    bytes[16..20].copy_from_slice(&count.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Level of the subtree that `entries`, a power of two, make up.
pub(crate) const fn level_of(entries: u32) -> u8 {
    entries.trailing_zeros().to_le_bytes()[0]
}

/// Level of the block roots stored for segments of so many entries.
pub(crate) const fn block_level(segment_entries: u32) -> u8 {
    let level = level_of(segment_entries);
    if level < audit_tlog::tile::TILE_HEIGHT { level } else { audit_tlog::tile::TILE_HEIGHT }
}

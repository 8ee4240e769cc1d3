//! The write-ahead log: one file for each segment to be, one record for each group commit.
//!
//! ```text
//! file header, 32 bytes (integers little-endian)
//!      0      8  magic "saa-wal" and format version 1
//!      8      8  index of the first entry
//!     16      8  salt, unpredictable: no entry's bytes can pass for a record of this file
//!     24      4  0
//!     28      4  CRC-32C of bytes 0..28
//! record header, 40 bytes, then the payload
//!      0      4  magic "rec1"
//!      4      4  L, bytes of the payload
//!      8      8  index of the first entry
//!     16      4  number of entries
//!     20      4  number of frames
//!     24      8  when it was written, microseconds since the Unix epoch
//!     32      4  CRC-32C of the payload
//!     36      4  CRC-32C of the salt and bytes 0..36
//!     40      L  frames, one after the other
//! ```
//! A record is written with one write and synced before the next one is written. So if a record is bad and
//! another one follows it anywhere, the bad one had been durable: that is damage. A bad record that nothing
//! follows is a torn tail, which was never acknowledged.
//!
//! A file ends with the entry before the next multiple of the segment size; the next file is made, headed and
//! synced, name included, before its first record is written, and only when the file before is durable.

mod part;
mod recover;

pub(crate) use part::{FrameRef, PartTable, WalPart, read_frame};
pub(crate) use recover::{Recovered, recover};

use crate::frame::EncodedFrame;

pub(crate) const FILE_HEADER_LEN: usize = 32;
pub(crate) const RECORD_HEADER_LEN: usize = 40;
const FILE_MAGIC: &[u8; 8] = b"saa-wal\x01";
const RECORD_MAGIC: &[u8; 4] = b"rec1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) first: u64,
    pub(crate) salt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) payload_len: u32,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) frames: u32,
    pub(crate) time_us: i64,
    pub(crate) payload_crc: u32,
}

impl FileHeader {
    pub(crate) fn to_bytes(self) -> [u8; FILE_HEADER_LEN] {
        let mut bytes = [0; FILE_HEADER_LEN];
        bytes[..8].copy_from_slice(FILE_MAGIC);
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` if it is no header.
    pub(crate) fn decode(bytes: &[u8; FILE_HEADER_LEN]) -> Option<Self> {
        let header = Self { first: u64_at(bytes, 8), salt: u64_at(bytes, 16) };
        (header.to_bytes() == *bytes).then_some(header)
    }
}

impl RecordHeader {
    pub(crate) fn to_bytes(self, salt: u64) -> [u8; RECORD_HEADER_LEN] {
        let mut bytes = [0; RECORD_HEADER_LEN];
        bytes[..4].copy_from_slice(RECORD_MAGIC);
        bytes[4..8].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.frames.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_us.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` if it is no header of a record in the file with that salt.
    pub(crate) fn decode(bytes: &[u8; RECORD_HEADER_LEN], salt: u64) -> Option<Self> {
        let header = Self {
            payload_len: u32_at(bytes, 4),
            first: u64_at(bytes, 8),
            count: u32_at(bytes, 16),
            frames: u32_at(bytes, 20),
            time_us: u64_at(bytes, 24).cast_signed(),
            payload_crc: u32_at(bytes, 32),
        };
        (header.to_bytes(salt) == *bytes).then_some(header)
    }
}

/// Appends a record of `frames`, which begin with entry `first`, to `out`.
pub(crate) fn encode_record(out: &mut Vec<u8>, salt: u64, first: u64, time_us: i64, frames: &[EncodedFrame]) {
    let start = out.len();
    out.resize(start + RECORD_HEADER_LEN, 0);
    frames.iter().for_each(|frame| frame.write_to(out));
    let payload = &out[start + RECORD_HEADER_LEN..];
    let header = RecordHeader {
        payload_len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        first,
        count: frames.iter().map(|frame| u32::from(frame.header.count)).sum(),
        frames: u32::try_from(frames.len()).unwrap_or(u32::MAX),
        time_us,
        payload_crc: crc32c::crc32c(payload),
    };
    out[start..start + RECORD_HEADER_LEN].copy_from_slice(&header.to_bytes(salt));
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests;

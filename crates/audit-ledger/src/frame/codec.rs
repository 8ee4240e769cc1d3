//! How a frame is stored: the same bytes in the WAL and in a segment.
//!
//! ```text
//! offset  bytes  what (integers little-endian)
//!      0      1  kind: 0 raw, 1 zstd
//!      1      1  0
//!      2      2  number of entries, 1 to 128
//!      4      4  S, bytes stored after the header
//!      8      4  P, bytes of the payload (S if raw)
//!     12      4  B, bytes of the entries
//!     16      4  id of the dictionary, 0 for none
//!     20      4  CRC-32C of header bytes 0..20 and the S stored bytes
//!     24      S  the payload as it is (raw) or as one zstd frame
//! ```
//! The payload is the entries one after the other (B bytes), then each entry's length as LEB128.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::{Entries, FRAME_ENTRIES};
use crate::dictionary::{Dictionaries, Dictionary};
use crate::error::Flaw;

pub(crate) const HEADER_LEN: usize = 24;
const CHECKSUMMED_HEADER: usize = 20;
const KIND_RAW: u8 = 0;
const KIND_ZSTD: u8 = 1;

/// The fastest level; a higher one gains under 2% on events with a dictionary and costs twice the time.
pub(crate) const LEVEL: i32 = 1;

/// Frames of fewer entries are left for the sealer to put together, unless they are long.
const WORTH_ENTRIES: usize = 32;
const WORTH_BYTES: usize = 32 << 10;

/// Longest payload that is believed when a header is read: bounds what a damaged one can make us allocate.
const MAX_PAYLOAD: usize = 32 << 20;

/// Contexts kept for reuse; each holds a megabyte or so.
const POOLED_CONTEXTS: usize = 4;

/// A stored frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    kind: u8,
    pub(crate) count: u16,
    pub(crate) stored_len: u32,
    pub(crate) payload_len: u32,
    body_len: u32,
    pub(crate) dictionary: u32,
    pub(crate) crc: u32,
}

/// A frame ready to be stored, with its entries for those who want them in memory.
#[derive(Clone, Debug)]
pub(crate) struct EncodedFrame {
    pub(crate) header: FrameHeader,
    pub(crate) stored: Bytes,
    pub(crate) entries: Arc<Entries>,
}

/// Whether a frame is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// If it is big enough for the gain to be worth it.
    IfWorthwhile,
    /// If that makes it smaller.
    Always,
    /// Never: the sealer will.
    Never,
}

/// Encodes and decodes frames, with pooled contexts; shared by all threads.
#[derive(Default)]
pub(crate) struct Codec {
    pub(crate) dictionaries: Dictionaries,
    compressors: Mutex<Vec<Compressor>>,
    decompressors: Mutex<Vec<DCtx<'static>>>,
}

struct Compressor {
    context: CCtx<'static>,
    scratch: Vec<u8>,
}

impl FrameHeader {
    pub(crate) fn is_compressed(&self) -> bool {
        self.kind == KIND_ZSTD
    }

    /// Whether the sealer may copy the frame as it is.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.is_compressed() && is_worthwhile(usize::from(self.count), self.payload_len as usize)
    }

    /// Bytes of header and stored bytes together.
    pub(crate) fn total_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.stored_len)
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = self.kind;
        bytes[2..4].copy_from_slice(&self.count.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.stored_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.dictionary.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// Reads a header; what it says is consistent, the checksum is not checked yet.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Flaw> {
        let [
            kind,
            zero,
            n0,
            n1,
            s0,
            s1,
            s2,
            s3,
            p0,
            p1,
            p2,
            p3,
            b0,
            b1,
            b2,
            b3,
            d0,
            d1,
            d2,
            d3,
            c0,
            c1,
            c2,
            c3,
        ] = *bytes;
        let header = Self {
            kind,
            count: u16::from_le_bytes([n0, n1]),
            stored_len: u32::from_le_bytes([s0, s1, s2, s3]),
            payload_len: u32::from_le_bytes([p0, p1, p2, p3]),
            body_len: u32::from_le_bytes([b0, b1, b2, b3]),
            dictionary: u32::from_le_bytes([d0, d1, d2, d3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        };
        let known_kind = zero == 0 && (kind == KIND_RAW || kind == KIND_ZSTD);
        let sane_count = (1..=FRAME_ENTRIES).contains(&usize::from(header.count));
        let sane_lengths = header.body_len <= header.payload_len
            && header.payload_len as usize <= MAX_PAYLOAD
            && header.stored_len as usize <= compress_bound(MAX_PAYLOAD);
        let raw_is_raw =
            kind == KIND_ZSTD || (header.stored_len == header.payload_len && header.dictionary == 0);
        if known_kind && sane_count && sane_lengths && raw_is_raw { Ok(header) } else { Err(Flaw::Structure) }
    }

    pub(crate) fn checksum(&self, stored: &[u8]) -> u32 {
        let header = self.to_bytes();
        crc32c::crc32c_append(crc32c::crc32c(&header[..CHECKSUMMED_HEADER]), stored)
    }
}

impl EncodedFrame {
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header.to_bytes());
        out.extend_from_slice(&self.stored);
    }
}

impl Codec {
    /// Frames entries: `body` is their bytes one after the other, `ends` where each ends.
    ///
    /// # Panics
    /// If there are no entries or more than 128; the caller cuts frames.
    pub(crate) fn encode(&self, body: Vec<u8>, ends: Vec<u32>, packing: Packing) -> EncodedFrame {
        assert!((1..=FRAME_ENTRIES).contains(&ends.len()), "a frame holds 1 to 128 entries");
        let body_len = len_u32(body.len());
        let mut payload = body;
        push_lengths(&mut payload, &ends);
        let compress = match packing {
            Packing::Always => true,
            Packing::Never => false,
            Packing::IfWorthwhile => is_worthwhile(ends.len(), payload.len()),
        };
        let dictionary = if compress { self.dictionaries.current() } else { None };
        let compressed = compress.then(|| self.compress(&payload, dictionary.as_deref())).flatten();
        let payload_len = len_u32(payload.len());
        let count = u16::try_from(ends.len()).unwrap_or(u16::MAX);
        let entries = Arc::new(Entries { payload: payload.into(), ends: ends.into() });
        let (kind, stored, dictionary) = match compressed {
            Some(stored) => (KIND_ZSTD, stored, dictionary.map_or(0, |dictionary| dictionary.id())),
            None => (KIND_RAW, entries.payload.clone(), 0),
        };
        let stored_len = len_u32(stored.len());
        let mut header = FrameHeader { kind, count, stored_len, payload_len, body_len, dictionary, crc: 0 };
        header.crc = header.checksum(&stored);
        EncodedFrame { header, stored, entries }
    }

    /// The payload as a zstd frame; `None` if that is not smaller.
    pub(crate) fn compress(&self, payload: &[u8], dictionary: Option<&Dictionary>) -> Option<Bytes> {
        let mut compressor = self.compressors.lock().pop().unwrap_or_else(Compressor::new);
        let stored = compressor.compress(payload, dictionary);
        let mut pool = self.compressors.lock();
        if pool.len() < POOLED_CONTEXTS {
            pool.push(compressor);
        }
        stored
    }

    /// Checks a stored frame and decodes its entries.
    pub(crate) fn decode(
        &self,
        header: &FrameHeader,
        stored: Bytes,
        dictionary: Option<&Dictionary>,
    ) -> Result<Entries, Flaw> {
        if header.checksum(&stored) != header.crc {
            return Err(Flaw::Checksum);
        }
        let payload =
            if header.is_compressed() { self.decompress(header, &stored, dictionary)? } else { stored };
        let body_len = header.body_len as usize;
        let lengths = payload.get(body_len..).ok_or(Flaw::Structure)?;
        let ends = decode_lengths(lengths, usize::from(header.count), body_len)?;
        Ok(Entries { payload, ends })
    }

    fn decompress(
        &self,
        header: &FrameHeader,
        stored: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> Result<Bytes, Flaw> {
        let mut context = self.decompressors.lock().pop().unwrap_or_else(DCtx::create);
        let mut payload = Vec::with_capacity(header.payload_len as usize);
        let result = match (header.dictionary, dictionary) {
            (0, _) => context.decompress(&mut payload, stored),
            (id, Some(dictionary)) if dictionary.id() == id => {
                let prepared = dictionary.for_decompression().ok_or(Flaw::Dictionary)?;
                context.decompress_using_ddict(&mut payload, stored, prepared)
            }
            _ => return Err(Flaw::Dictionary),
        };
        let mut pool = self.decompressors.lock();
        if pool.len() < POOLED_CONTEXTS {
            pool.push(context);
        }
        match result {
            Ok(len) if len == header.payload_len as usize => Ok(payload.into()),
            _ => Err(Flaw::Compression),
        }
    }
}

impl Compressor {
    fn new() -> Self {
        Self { context: CCtx::create(), scratch: Vec::new() }
    }

    fn compress(&mut self, payload: &[u8], dictionary: Option<&Dictionary>) -> Option<Bytes> {
        self.scratch.clear();
        self.scratch.reserve(compress_bound(payload.len()));
        let result = match dictionary.and_then(Dictionary::for_compression) {
            Some(prepared) => self.context.compress_using_cdict(&mut self.scratch, payload, prepared),
            None if dictionary.is_some() => return None,
            None => self.context.compress(&mut self.scratch, payload, LEVEL),
        };
        let smaller = result.is_ok_and(|len| len < payload.len());
        smaller.then(|| Bytes::copy_from_slice(&self.scratch))
    }
}

fn is_worthwhile(entries: usize, payload_len: usize) -> bool {
    entries >= WORTH_ENTRIES || payload_len >= WORTH_BYTES
}

fn push_lengths(payload: &mut Vec<u8>, ends: &[u32]) {
    let mut start = 0;
    for end in ends {
        let mut rest = end - start;
        start = *end;
        while rest >= 0x80 {
            payload.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        payload.push(low_byte(rest));
    }
}

const fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

/// Where each of `count` entries ends, from their lengths, which must add up to `body_len` exactly.
fn decode_lengths(bytes: &[u8], count: usize, body_len: usize) -> Result<Box<[u32]>, Flaw> {
    let mut ends = Vec::with_capacity(count);
    let mut rest = bytes.iter();
    let mut end: u64 = 0;
    for _ in 0..count {
        end += decode_length(&mut rest).ok_or(Flaw::Structure)?;
        ends.push(u32::try_from(end).map_err(|_| Flaw::Structure)?);
    }
    let all_used = rest.len() == 0 && end == body_len as u64;
    if all_used { Ok(ends.into()) } else { Err(Flaw::Structure) }
}

fn decode_length(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Lengths of frames are bounded well below 4 GiB by the longest entry taken.
fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

//! Decoding frames and dictionaries, independently of the code that writes them.

use std::collections::HashMap;

use audit_tlog::{Hash, leaf_hash};
use zstd::zstd_safe::{DCtx, DDict};

use super::findings::Findings;
use super::{damage, read_all, u32_at};
use crate::disk::Disk;
use crate::error::{Error, Flaw};
use crate::files::Files;
use crate::ledger::LeafFn;

pub(super) const HEADER_LEN: usize = 24;
const MAX_PAYLOAD: usize = 32 << 20;

/// Dictionaries by id.
pub(super) type Dictionaries = HashMap<u32, DDict<'static>>;

/// What decoding needs and reuses.
pub(super) struct Decoder {
    context: DCtx<'static>,
    payload: Vec<u8>,
    leaf: Vec<u8>,
}

/// What a frame's header says.
pub(super) struct Header {
    pub(super) count: u16,
    /// Bytes stored after the header.
    pub(super) stored: usize,
    pub(super) crc: u32,
    is_raw: bool,
    payload: usize,
    body: usize,
    dictionary: u32,
}

impl Header {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.len() < HEADER_LEN {
            return Err(Flaw::Truncated);
        }
        let header = Self {
            is_raw: bytes[0] == 0,
            count: u16::from_le_bytes([bytes[2], bytes[3]]),
            stored: u32_at(bytes, 4) as usize,
            payload: u32_at(bytes, 8) as usize,
            body: u32_at(bytes, 12) as usize,
            dictionary: u32_at(bytes, 16),
            crc: u32_at(bytes, 20),
        };
        let sane = bytes[0] <= 1 && bytes[1] == 0 && header.count > 0 && header.body <= header.payload;
        if sane && header.payload <= MAX_PAYLOAD { Ok(header) } else { Err(Flaw::Structure) }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { context: DCtx::create(), payload: Vec::new(), leaf: Vec::new() }
    }
}

impl Decoder {
    /// Checks a frame (`bytes` are its header and what is stored) and hands the leaf hashes of its entries to
    /// `take`.
    pub(super) fn leaves(
        &mut self,
        header: &Header,
        bytes: &[u8],
        dictionaries: &Dictionaries,
        leaf_fn: LeafFn,
        mut take: impl FnMut(Hash),
    ) -> Result<(), Flaw> {
        let stored = bytes.get(HEADER_LEN..HEADER_LEN + header.stored).ok_or(Flaw::Truncated)?;
        if crc32c::crc32c_append(crc32c::crc32c(&bytes[..20]), stored) != header.crc {
            return Err(Flaw::Checksum);
        }
        let payload = if header.is_raw {
            stored
        } else {
            self.decompress(header, stored, dictionaries)?;
            &self.payload
        };
        if payload.len() != header.payload {
            return Err(Flaw::Compression);
        }
        let (mut body, mut lengths) = payload.split_at(header.body);
        for _ in 0..header.count {
            let (entry, rest) = body.split_at_checked(take_length(&mut lengths)?).ok_or(Flaw::Structure)?;
            body = rest;
            self.leaf.clear();
            leaf_fn(entry, &mut self.leaf).map_err(|_| Flaw::Entry)?;
            take(leaf_hash(&self.leaf));
        }
        if body.is_empty() && lengths.is_empty() { Ok(()) } else { Err(Flaw::Structure) }
    }

    fn decompress(
        &mut self,
        header: &Header,
        stored: &[u8],
        dictionaries: &Dictionaries,
    ) -> Result<(), Flaw> {
        self.payload.clear();
        self.payload.reserve(header.payload);
        let done = if header.dictionary == 0 {
            self.context.decompress(&mut self.payload, stored)
        } else {
            let dictionary = dictionaries.get(&header.dictionary).ok_or(Flaw::Dictionary)?;
            self.context.decompress_using_ddict(&mut self.payload, stored, dictionary)
        };
        done.map(|_| ()).map_err(|_| Flaw::Compression)
    }
}

/// Takes a LEB128 number off the front.
fn take_length(bytes: &mut &[u8]) -> Result<usize, Flaw> {
    let mut value = 0usize;
    let mut shift = 0;
    loop {
        let (byte, rest) = bytes.split_first().ok_or(Flaw::Structure)?;
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        if shift > 28 {
            return Err(Flaw::Structure);
        }
    }
}

/// The dictionaries stored as files, which WAL frames use. A damaged one is a finding.
pub(super) fn load_dictionaries(
    disk: &dyn Disk,
    files: &Files,
    findings: &mut Findings,
) -> Result<Dictionaries, Error> {
    let mut dictionaries = Dictionaries::new();
    for id in files.list_dictionaries(disk)? {
        let id = u32::try_from(id).unwrap_or(u32::MAX);
        let path = files.dictionary(id);
        match decode_dictionary(&read_all(disk, &path)?, id) {
            Ok(dictionary) => drop(dictionaries.insert(id, dictionary)),
            Err(flaw) => findings.altered(damage(&path, 0, None, flaw)),
        }
    }
    Ok(dictionaries)
}

fn decode_dictionary(file: &[u8], id: u32) -> Result<DDict<'static>, Flaw> {
    let (header, bytes) = file.split_at_checked(24).ok_or(Flaw::Truncated)?;
    if &header[..8] != b"saa-dict" || u32_at(header, 8) != 1 || u32_at(header, 12) != id {
        return Err(Flaw::Header);
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..20]), bytes);
    if u32_at(header, 16) as usize != bytes.len() || u32_at(header, 20) != crc {
        return Err(Flaw::Checksum);
    }
    DDict::try_create(bytes).ok_or(Flaw::Dictionary)
}

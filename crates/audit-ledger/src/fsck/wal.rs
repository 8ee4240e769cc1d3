//! Checking a WAL file.

use std::path::Path;

use audit_tlog::Hash;

use super::frame::{Decoder, Dictionaries, HEADER_LEN as FRAME_HEADER_LEN, Header};
use super::{Meter, damage, u32_at, u64_at};
use crate::disk::DiskFile;
use crate::error::{Damage, Error, Flaw, IoContext as _};
use crate::ledger::LeafFn;

const FILE_HEADER_LEN: u64 = 32;
const RECORD_HEADER_LEN: u64 = 40;
const RECORD_MAGIC: &[u8] = b"rec1";
/// Bytes looked through at a time for a record after a bad one.
const WINDOW: u64 = 1 << 20;

pub(super) struct Check<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) path: &'a Path,
    pub(super) first: u64,
    pub(super) leaf_fn: LeafFn,
    pub(super) dictionaries: &'a Dictionaries,
}

/// What a WAL file holds.
pub(super) struct Found {
    /// Leaf hashes of the entries up to the first bad record.
    pub(super) leaves: Vec<Hash>,
    /// Whether all entries could be read.
    pub(super) is_readable: bool,
    pub(super) unfinished_bytes: u64,
    pub(super) damages: Vec<Damage>,
}

struct Record {
    payload: Vec<u8>,
    count: u32,
    frames: u32,
}

impl Check<'_> {
    /// Reads all records. Only the newest file may end in an unfinished one.
    pub(super) fn run(&self, is_newest: bool, meter: &Meter<'_>) -> Result<Found, Error> {
        let mut found =
            Found { leaves: Vec::new(), is_readable: true, unfinished_bytes: 0, damages: Vec::new() };
        let len = self.file.len().context("read", self.path)?;
        let Some(salt) = self.salt(len)? else {
            // Being made, or never finished: it holds nothing.
            if is_newest && len <= FILE_HEADER_LEN {
                found.unfinished_bytes = len;
            } else {
                found.fail(damage(self.path, 0, Some(self.first), Flaw::Header));
            }
            return Ok(found);
        };
        let mut decoder = Decoder::default();
        let mut offset = FILE_HEADER_LEN;
        while let Some(record) = self.record(offset, len, salt, self.first + found.leaves.len() as u64)? {
            if !self.take(&record, offset, &mut decoder, &mut found) {
                return Ok(found);
            }
            offset += RECORD_HEADER_LEN + record.payload.len() as u64;
            meter.add(u64::from(record.count))?;
        }
        let damaged = !is_newest || self.has_record_after(offset, len, salt)?;
        if offset < len && damaged {
            let index = self.first + found.leaves.len() as u64;
            found.fail(damage(self.path, offset, Some(index), Flaw::Checksum));
        } else {
            found.unfinished_bytes = len - offset;
        }
        Ok(found)
    }

    fn salt(&self, len: u64) -> Result<Option<[u8; 8]>, Error> {
        if len < FILE_HEADER_LEN {
            return Ok(None);
        }
        let header = self.read(0, FILE_HEADER_LEN)?;
        let good = header[..8] == *b"saa-wal\x01"
            && u64_at(&header, 8) == self.first
            && header[24..28] == [0; 4]
            && u32_at(&header, 28) == crc32c::crc32c(&header[..28]);
        Ok(header[16..24].try_into().ok().filter(|_| good))
    }

    /// The record at `offset`, if it is whole and good and begins with entry `next`.
    fn record(&self, offset: u64, len: u64, salt: [u8; 8], next: u64) -> Result<Option<Record>, Error> {
        let Some(header) = self.record_header(offset, len, salt)? else { return Ok(None) };
        let payload_len = u64::from(u32_at(&header, 4));
        if u64_at(&header, 8) != next || offset + RECORD_HEADER_LEN + payload_len > len {
            return Ok(None);
        }
        let payload = self.read(offset + RECORD_HEADER_LEN, payload_len)?;
        let good = crc32c::crc32c(&payload) == u32_at(&header, 32);
        Ok(good.then(|| Record { payload, count: u32_at(&header, 16), frames: u32_at(&header, 20) }))
    }

    fn record_header(&self, offset: u64, len: u64, salt: [u8; 8]) -> Result<Option<Vec<u8>>, Error> {
        if offset + RECORD_HEADER_LEN > len {
            return Ok(None);
        }
        let header = self.read(offset, RECORD_HEADER_LEN)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&salt), &header[..36]);
        let good = header[..4] == *RECORD_MAGIC && u32_at(&header, 36) == crc;
        Ok(good.then_some(header))
    }

    /// Takes a record's entries; returns whether all could be read.
    fn take(&self, record: &Record, offset: u64, decoder: &mut Decoder, found: &mut Found) -> bool {
        let before = found.leaves.len();
        let mut rest = record.payload.as_slice();
        for _ in 0..record.frames {
            let at = offset + RECORD_HEADER_LEN + (record.payload.len() - rest.len()) as u64;
            let index = self.first + found.leaves.len() as u64;
            if let Err(flaw) = self.frame(&mut rest, decoder, &mut found.leaves) {
                found.fail(damage(self.path, at, Some(index), flaw));
                return false;
            }
        }
        let as_announced = rest.is_empty() && found.leaves.len() - before == record.count as usize;
        if !as_announced {
            found.fail(damage(self.path, offset, Some(self.first + before as u64), Flaw::Structure));
        }
        as_announced
    }

    fn frame(&self, rest: &mut &[u8], decoder: &mut Decoder, leaves: &mut Vec<Hash>) -> Result<(), Flaw> {
        let header = Header::decode(rest)?;
        let (bytes, after) =
            rest.split_at_checked(FRAME_HEADER_LEN + header.stored).ok_or(Flaw::Structure)?;
        *rest = after;
        decoder.leaves(&header, bytes, self.dictionaries, self.leaf_fn, |leaf| leaves.push(leaf))
    }

    fn has_record_after(&self, offset: u64, len: u64, salt: [u8; 8]) -> Result<bool, Error> {
        let mut start = offset + 1;
        while start + RECORD_HEADER_LEN <= len {
            let window = self.read(start, WINDOW.min(len - start))?;
            let places = window.windows(RECORD_MAGIC.len()).enumerate();
            for (at, _) in places.filter(|(_, bytes)| *bytes == RECORD_MAGIC) {
                if self.record_header(start + at as u64, len, salt)?.is_some() {
                    return Ok(true);
                }
            }
            // Windows overlap, so that none of them cuts a magic in two.
            start += (window.len() as u64).saturating_sub(RECORD_MAGIC.len() as u64 - 1).max(1);
        }
        Ok(false)
    }

    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.file.read_at(&mut bytes, offset).context("read", self.path)?;
        Ok(bytes)
    }
}

impl Found {
    fn fail(&mut self, damage: Damage) {
        self.is_readable = false;
        self.damages.push(damage);
    }
}

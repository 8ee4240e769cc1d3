//! Compression dictionaries: trained on entries, stored before first use, and embedded in the segments whose
//! frames use them.
//!
//! ```text
//! offset  bytes  what (integers little-endian)
//!      0      8  magic "saa-dict"
//!      8      4  format version, 1
//!     12      4  id, counted from 1
//!     16      4  L, length of the dictionary
//!     20      4  CRC-32C of bytes 0..20 and the dictionary
//!     24      L  the dictionary (zstd's own format)
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use parking_lot::RwLock;
use zstd::zstd_safe::{CDict, DDict};

use crate::error::Flaw;
use crate::frame::LEVEL;

/// The size that measured best: frames of events are a twentieth smaller than with half of it, and training
/// on a thousand samples takes 60 ms.
pub(crate) const DICTIONARY_BYTES: usize = 64 << 10;

pub(crate) const FILE_HEADER_LEN: usize = 24;
const MAGIC: &[u8; 8] = b"saa-dict";
const FORMAT: u32 = 1;

/// A dictionary; prepared for either use when first used so.
pub(crate) struct Dictionary {
    id: u32,
    bytes: Vec<u8>,
    compression: OnceLock<Option<CDict<'static>>>,
    decompression: OnceLock<Option<DDict<'static>>>,
}

/// The dictionaries known, and which one new frames are compressed with.
#[derive(Default)]
pub(crate) struct Dictionaries {
    known: RwLock<BTreeMap<u32, Arc<Dictionary>>>,
    current: ArcSwapOption<Dictionary>,
}

impl Dictionary {
    pub(crate) fn new(id: u32, bytes: Vec<u8>) -> Self {
        Self { id, bytes, compression: OnceLock::new(), decompression: OnceLock::new() }
    }

    /// Makes a dictionary of what `samples` have in common; `None` if zstd finds too little.
    pub(crate) fn train(id: u32, samples: &[&[u8]]) -> Option<Self> {
        let total: usize = samples.iter().map(|sample| sample.len()).sum();
        let bytes = zstd::dict::from_samples(samples, DICTIONARY_BYTES.min(total / 4)).ok()?;
        let dictionary = Self::new(id, bytes);
        dictionary.for_compression().is_some().then_some(dictionary)
    }

    pub(crate) const fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `None` if zstd refuses the bytes.
    pub(crate) fn for_compression(&self) -> Option<&CDict<'static>> {
        self.compression.get_or_init(|| CDict::try_create(&self.bytes, LEVEL)).as_ref()
    }

    /// `None` if zstd refuses the bytes.
    pub(crate) fn for_decompression(&self) -> Option<&DDict<'static>> {
        self.decompression.get_or_init(|| DDict::try_create(&self.bytes)).as_ref()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(FILE_HEADER_LEN + self.bytes.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&FORMAT.to_le_bytes());
        file.extend_from_slice(&self.id.to_le_bytes());
        file.extend_from_slice(&u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&file), &self.bytes);
        file.extend_from_slice(&crc.to_le_bytes());
        file.extend_from_slice(&self.bytes);
        file
    }

    pub(crate) fn decode(file: &[u8]) -> Result<Self, Flaw> {
        let (header, bytes) = file.split_at_checked(FILE_HEADER_LEN).ok_or(Flaw::Truncated)?;
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if &header[..8] != MAGIC || word(8) != FORMAT {
            return Err(Flaw::Header);
        }
        if word(16) as usize != bytes.len() {
            return Err(Flaw::Truncated);
        }
        if crc32c::crc32c_append(crc32c::crc32c(&header[..20]), bytes) != word(20) {
            return Err(Flaw::Checksum);
        }
        Ok(Self::new(word(12), bytes.to_vec()))
    }
}

impl Dictionaries {
    /// The one that new frames are compressed with.
    pub(crate) fn current(&self) -> Option<Arc<Dictionary>> {
        self.current.load_full()
    }

    /// Uses a dictionary, which must be stored durably, for new frames.
    pub(crate) fn use_for_new(&self, dictionary: Arc<Dictionary>) {
        self.known.write().insert(dictionary.id, Arc::clone(&dictionary));
        self.current.store(Some(dictionary));
    }

    pub(crate) fn get(&self, id: u32) -> Option<Arc<Dictionary>> {
        self.known.read().get(&id).cloned()
    }

    /// Makes a dictionary that a segment embeds known; returns the one known under its id.
    pub(crate) fn get_or_insert(&self, dictionary: Dictionary) -> Arc<Dictionary> {
        Arc::clone(self.known.write().entry(dictionary.id).or_insert_with(|| Arc::new(dictionary)))
    }

    /// The id that the next dictionary gets.
    pub(crate) fn next_id(&self) -> u32 {
        self.known.read().last_key_value().map_or(1, |(id, _)| id + 1)
    }
}

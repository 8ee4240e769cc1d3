//! Hashing of RFC 6962, section 2.1: `SHA-256(0x00 || leaf)` and `SHA-256(0x01 || left || right)`.
//!
//! The inputs that matter (225 bytes of leaf data, 64 bytes of children) fit a few SHA-256 blocks, so the
//! padded message is laid out on the stack and compressed in one call: no streaming buffer, no allocation.

use core::fmt;
use core::str::FromStr;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::error::{Error, Flaw, Format};
use crate::text;

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// SHA-256 initial state (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

const BLOCK_LEN: usize = 64;
/// A leaf this long is hashed from one stack buffer of four blocks: prefix, data, 0x80, 8 bytes of length.
const SHORT_LEAF_MAX: usize = 4 * BLOCK_LEN - 10;

/// A SHA-256 hash: of a leaf, of a node, or a tree's root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; Self::LEN]);

impl Hash {
    /// Bytes in a hash.
    pub const LEN: usize = 32;

    /// Root of the tree without leaves: SHA-256 of the empty string.
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// Wraps the bytes of a hash computed or read elsewhere.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Hash of a leaf's data, `SHA-256(0x00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    if data.len() > SHORT_LEAF_MAX {
        let digest = Sha256::new().chain_update([LEAF_PREFIX]).chain_update(data).finalize();
        return Hash(digest.into());
    }
    let mut message = [[0u8; BLOCK_LEN]; 4];
    let bytes = message.as_flattened_mut();
    let len = 1 + data.len();
    bytes[0] = LEAF_PREFIX;
    bytes[1..len].copy_from_slice(data);
    bytes[len] = 0x80;
    let blocks = (len + 9).div_ceil(BLOCK_LEN);
    let bit_len = 8 * len as u64;
    bytes[blocks * BLOCK_LEN - 8..blocks * BLOCK_LEN].copy_from_slice(&bit_len.to_be_bytes());
    compress(&message[..blocks])
}

/// Hash of an inner node, `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    const MESSAGE_BITS: u16 = 8 * (1 + 32 + 32);
    let mut message = [[0u8; BLOCK_LEN]; 2];
    message[0][0] = NODE_PREFIX;
    message[0][1..33].copy_from_slice(&left.0);
    message[0][33..].copy_from_slice(&right.0[..31]);
    message[1][0] = right.0[31];
    message[1][1] = 0x80;
    message[1][62..].copy_from_slice(&MESSAGE_BITS.to_be_bytes());
    compress(&message)
}

/// SHA-256 of a message that already carries its padding.
fn compress(padded: &[[u8; BLOCK_LEN]]) -> Hash {
    let mut state = INITIAL_STATE;
    compress256(&mut state, padded);
    let words = state.map(u32::to_be_bytes);
    let mut hash = [0; Hash::LEN];
    hash.copy_from_slice(words.as_flattened());
    Hash(hash)
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Hash {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

/// Standard base64 with padding, as checkpoints and proof files write hashes.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::base64(&self.0))
    }
}

/// Lower-case hexadecimal.
impl fmt::LowerHex for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self:x})")
    }
}

/// Reads canonical base64 of exactly 32 bytes.
impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = text::from_base64(text).ok_or(Error::malformed(Format::Hash, 1, Flaw::Base64))?;
        let bytes = bytes.try_into().map_err(|_| Error::malformed(Format::Hash, 1, Flaw::Length))?;
        Ok(Self(bytes))
    }
}

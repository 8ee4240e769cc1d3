//! The commitment: what the Merkle tree sees of an event (`docs/FORMAT.md`, "Commitment").
//!
//! Every hash here is SHA-256 over one 64-byte block that holds a label, zero-padded, and then the data.
//! The state after the label's block is computed once, so that a hash costs only the blocks of its data.

use std::fmt;
use std::sync::LazyLock;

use sha2::block_api::compress256;

use crate::vocabulary::Group;

/// A group's digest.
pub type Digest = [u8; 32];
/// What all salts of a batch, or of one event, derive from.
pub type Seed = [u8; 16];
/// The salt of one group.
pub type GroupSalt = [u8; 16];
/// The salts of all groups, by [`Group::index`](crate::Group::index).
pub type GroupSalts = [GroupSalt; Group::COUNT];

/// What the Merkle tree commits to: a version byte and the seven groups' digests. It carries no personal
/// data, so that the tree may be published.
#[derive(Clone, PartialEq, Eq)]
pub struct LeafData([u8; LeafData::LEN]);

impl LeafData {
    /// Length in bytes.
    pub const LEN: usize = 1 + Group::COUNT * size_of::<Digest>();
    /// The first byte.
    pub const VERSION: u8 = 1;

    pub(crate) fn new(digests: &[Digest; Group::COUNT]) -> LeafData {
        let mut bytes = [Self::VERSION; Self::LEN];
        bytes[1..].copy_from_slice(digests.as_flattened());
        LeafData(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LeafData::LEN] {
        &self.0
    }
}

impl fmt::Debug for LeafData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafData(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The salt of an event in a batch.
pub(crate) fn event_salt(seed: &Seed, id: &str) -> Seed {
    first_half(&MIDSTATES.event_salt.digest(seed, id.as_bytes()))
}

/// The salts of an event's groups: each digest gives two.
pub(crate) fn group_salts(event_salt: &Seed) -> GroupSalts {
    let mut salts = [GroupSalt::default(); Group::COUNT];
    for (pair, k) in salts.chunks_mut(2).zip(0u8..) {
        let digest = MIDSTATES.group_salt.digest(event_salt, &[k]);
        let (halves, _) = digest.as_chunks::<16>();
        pair.iter_mut().zip(halves).for_each(|(salt, half)| *salt = *half);
    }
    salts
}

/// Bits for the `nth` id filled in for a batch.
pub(crate) fn random_bits(seed: &Seed, nth: u64) -> [u8; 10] {
    let digest = MIDSTATES.event_id.digest(seed, &nth.to_be_bytes());
    std::array::from_fn(|index| digest[index])
}

/// The digest of a group that is there.
pub(crate) fn present(group: Group, salt: &GroupSalt, bytes: &[u8]) -> Digest {
    MIDSTATES.groups[group.index()].digest(salt, bytes)
}

/// The digest of a group that the event does not have.
pub(crate) fn absent(group: Group) -> Digest {
    MIDSTATES.absent[group.index()]
}

fn first_half(digest: &Digest) -> Seed {
    digest.as_chunks::<16>().0[0]
}

static MIDSTATES: LazyLock<Midstates> = LazyLock::new(Midstates::new);

struct Midstates {
    event_id: Midstate,
    event_salt: Midstate,
    group_salt: Midstate,
    groups: [Midstate; Group::COUNT],
    absent: [Digest; Group::COUNT],
}

impl Midstates {
    fn new() -> Midstates {
        let groups = std::array::from_fn(|index| {
            Midstate::of_label(&format!("secureai-audit/v1/group/{}", Group::ALL[index]))
        });
        Midstates {
            event_id: Midstate::of_label("secureai-audit/v1/event-id"),
            event_salt: Midstate::of_label("secureai-audit/v1/event-salt"),
            group_salt: Midstate::of_label("secureai-audit/v1/group-salt"),
            absent: std::array::from_fn(|index| groups[index].digest_unsalted(b"absent")),
            groups,
        }
    }
}

const BLOCK: usize = 64;
/// The bit that ends the data and its length in bits.
const PADDING: usize = 1 + 8;
const ONE_CALL_BLOCKS: usize = 8;
const ONE_CALL_DATA: usize = ONE_CALL_BLOCKS * BLOCK - 16 - PADDING;

/// SHA-256's state after a label's block.
#[derive(Clone, Copy)]
struct Midstate([u32; 8]);

impl Midstate {
    fn of_label(label: &str) -> Midstate {
        let mut block = [0; BLOCK];
        block[..label.len()].copy_from_slice(label.as_bytes());
        let mut state = INITIAL;
        compress256(&mut state, &[block]);
        Midstate(state)
    }

    fn digest_unsalted(self, data: &[u8]) -> Digest {
        self.finish(data, data.len())
    }

    /// The digest of label, salt and data.
    fn digest(self, salt: &[u8; 16], data: &[u8]) -> Digest {
        if data.len() <= ONE_CALL_DATA {
            self.digest_in_one_call(salt, data)
        } else {
            self.digest_by_blocks(salt, data)
        }
    }

    /// Copies all into one buffer: most groups are short, and each call of the block function costs.
    fn digest_in_one_call(mut self, salt: &[u8; 16], data: &[u8]) -> Digest {
        let mut blocks = [[0; BLOCK]; ONE_CALL_BLOCKS];
        let flat = blocks.as_flattened_mut();
        flat[..16].copy_from_slice(salt);
        flat[16..16 + data.len()].copy_from_slice(data);
        flat[16 + data.len()] = 0x80;
        let used = (16 + data.len() + PADDING).div_ceil(BLOCK);
        flat[used * BLOCK - 8..used * BLOCK].copy_from_slice(&bits_after_label(16 + data.len()));
        compress256(&mut self.0, &blocks[..used]);
        self.to_digest()
    }

    /// Copies only the salt's block and the last one.
    fn digest_by_blocks(mut self, salt: &[u8; 16], data: &[u8]) -> Digest {
        let (beside, rest) = data.split_at(BLOCK - 16);
        let mut first = [0; BLOCK];
        first[..16].copy_from_slice(salt);
        first[16..].copy_from_slice(beside);
        compress256(&mut self.0, &[first]);
        let (blocks, tail) = rest.as_chunks::<BLOCK>();
        compress256(&mut self.0, blocks);
        self.finish(tail, 16 + data.len())
    }

    /// Pads and closes. `tail` is what has not been compressed, shorter than a block; `data_len` counts all
    /// bytes after the label.
    fn finish(mut self, tail: &[u8], data_len: usize) -> Digest {
        let mut padded = [[0; BLOCK]; 2];
        let flat = padded.as_flattened_mut();
        flat[..tail.len()].copy_from_slice(tail);
        flat[tail.len()] = 0x80;
        let used = (tail.len() + PADDING).div_ceil(BLOCK);
        flat[used * BLOCK - 8..used * BLOCK].copy_from_slice(&bits_after_label(data_len));
        compress256(&mut self.0, &padded[..used]);
        self.to_digest()
    }

    fn to_digest(self) -> Digest {
        let mut digest = Digest::default();
        digest.chunks_mut(4).zip(self.0).for_each(|(out, word)| out.copy_from_slice(&word.to_be_bytes()));
        digest
    }
}

/// The length that SHA-256 closes with: of the label's block and the data, in bits.
fn bits_after_label(data_len: usize) -> [u8; 8] {
    ((BLOCK + data_len) as u64 * 8).to_be_bytes()
}

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn naive(label: &str, parts: &[&[u8]]) -> Digest {
        let mut hash = Sha256::new();
        hash.update(label);
        hash.update(vec![0; BLOCK - label.len()]);
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }

    #[test]
    fn midstates_agree_with_plain_sha256_at_every_length() {
        let data: Vec<u8> = (0..700u16).map(|i| i.to_le_bytes()[0]).collect();
        let salt = [7; 16];
        for len in 0..data.len() {
            let expected = naive("secureai-audit/v1/group/content", &[&salt, &data[..len]]);
            assert_eq!(present(Group::Content, &salt, &data[..len]), expected, "{len}");
        }
    }

    #[test]
    fn absent_groups_have_unsalted_digests() {
        assert_eq!(absent(Group::Usage), naive("secureai-audit/v1/group/usage", &[b"absent"]));
    }

    #[test]
    fn salts_are_halves_of_digests() {
        let seed = [9; 16];
        let salt = event_salt(&seed, "event-1");
        assert_eq!(salt, naive("secureai-audit/v1/event-salt", &[&seed, b"event-1"])[..16]);
        let salts = group_salts(&salt);
        for group in Group::ALL {
            let k = u8::try_from(group.index() / 2).expect("small");
            let digest = naive("secureai-audit/v1/group-salt", &[&salt, &[k]]);
            let half = (group.index() % 2) * 16;
            assert_eq!(salts[group.index()], digest[half..half + 16]);
        }
    }
}

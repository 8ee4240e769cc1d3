//! Hashes of the words in a text, for the filters that say where a word cannot be.

use crate::filter::tokens;
use std::hash::{BuildHasherDefault, Hasher};

/// A set of word hashes.
pub(crate) type WordSet = hashbrown::HashSet<u64, BuildHasherDefault<AsItIs>>;

/// A map from word hashes.
pub(crate) type WordMap<T> = hashbrown::HashMap<u64, T, BuildHasherDefault<AsItIs>>;

/// Takes a word's hash for its hash.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only word hashes are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The hash of a token as [`tokens`] gives it, lower-cased. Part of the file format: it must not change.
pub(crate) fn word_hash(token: &str) -> u64 {
    finish(token.as_bytes().chunks(8).fold(SEED, |state, chunk| mix(state, read_word(chunk))), token.len())
}

/// Calls `visit` with the hash of each token of `text`.
pub(crate) fn for_each_word_hash(text: &str, mut visit: impl FnMut(u64)) {
    if !text.is_ascii() {
        tokens(text).for_each(|token| visit(word_hash(&token)));
        return;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length > 0 {
            visit(hash_ascii(&bytes[at..at + length]));
        }
        at += length + 1;
    }
}

/// [`word_hash`] of a run of ASCII letters and digits in any case.
fn hash_ascii(run: &[u8]) -> u64 {
    // Setting this bit lower-cases a letter and leaves a digit as it is.
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let lowered = |chunk: &[u8]| {
        let unused_bits = 64 - 8 * chunk.len();
        read_word(chunk) | LOWER << unused_bits >> unused_bits
    };
    finish(run.chunks(8).fold(SEED, |state, chunk| mix(state, lowered(chunk))), run.len())
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Stirs a number into a hash.
pub(crate) fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * 0xA076_1D64_78BD_642F_u128;
    let (low, high) = (product & u128::from(u64::MAX), product >> 64);
    u64::try_from(low ^ high).expect("both halves have 64 bits")
}

fn finish(state: u64, length: usize) -> u64 {
    mix(state, length as u64 ^ 0xE703_7ED1_A0B4_28DB)
}

fn read_word(chunk: &[u8]) -> u64 {
    match <[u8; 8]>::try_from(chunk) {
        Ok(bytes) => u64::from_le_bytes(bytes),
        Err(_) => chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let mut fast = Vec::new();
        for_each_word_hash(text, |hash| fast.push(hash));
        let plain: Vec<u64> = tokens(text).map(|token| word_hash(&token)).collect();
        assert_eq!(fast, plain, "{text}");
    }

    #[test]
    fn both_ways_cut_and_hash_alike() {
        check("");
        check("Sign-in failed for Ada.Lovelace.17@partsco.example: auth.login_failed");
        check("ABCDEFGH abcdefgh ABCDEFGHIJ0123456789xyz Z");
        check("...a--B__9");
        check("Müller ΣΊΣΥΦΟΣ İstanbul ﬁ x");
    }

    #[test]
    fn words_differ() {
        let words =
            ["a", "b", "aa", "ab", "ba", "abcdefgh", "abcdefghi", "abcdefgh0", "0abcdefgh", "zephyrine"];
        let mut hashes: Vec<u64> = words.iter().map(|word| word_hash(word)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), words.len());
    }
}

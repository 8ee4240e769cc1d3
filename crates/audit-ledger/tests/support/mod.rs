//! Stand-ins for what the ledger is handed: entries, their leaf data and keys, a signer, a clock.
//!
//! An entry here is `<key>\n<text>` and may end in `\0<anything>`, which its leaf data leaves out: the part that
//! can be replaced.

#![allow(dead_code, reason = "each test file uses its share")]
#![expect(clippy::cast_possible_truncation, reason = "simulated logs are small")]

pub mod run;

use std::sync::Arc;

use audit_ledger::disk::Disk;
use audit_ledger::{BadEntry, Environment, NewEntry};
use audit_tlog::note::KeyName;
use audit_tlog::{Checkpoint, Signer, Verifier};

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x1234_5678)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

pub fn signer() -> Signer {
    Signer::from_seed(KeyName::new("test/log").expect("a name"), &[7; 32])
}

pub fn verifier() -> Verifier {
    signer().verifier().clone()
}

pub fn environment(disk: Arc<dyn Disk>, now_us: i64) -> Environment {
    Environment {
        disk,
        clock: Arc::new(move || now_us),
        signer: Arc::new(signer()),
        former_keys: Vec::new(),
        leaf_fn,
        key_fn,
        same_fn: |recorded, offered| leaf_of(recorded) == leaf_of(offered),
    }
}

/// The entry recorded under a key: always the same for the same key.
pub fn entry(key: u64) -> Vec<u8> {
    let mut random = Random::new(key);
    let words =
        ["brake-rotor", "alternator", "fuel-pump", "signed in", "deleted chat", "gpt-5.2", "10.4.210.54"];
    let mut text = format!("k{key}\n");
    for _ in 0..random.below(12) {
        text.push_str(words[random.below(words.len())]);
        text.push(' ');
    }
    text.push_str(&format!("{:016x}", random.next()));
    text.into_bytes()
}

pub fn key_of(entry: &[u8]) -> &[u8] {
    entry.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

pub fn leaf_of(entry: &[u8]) -> Vec<u8> {
    entry.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

pub fn new_entry(bytes: &[u8]) -> NewEntry<'_> {
    let leaf = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    NewEntry { key: key_of(bytes), bytes, leaf }
}

pub fn leaf_fn(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    if !entry.contains(&b'\n') {
        return Err(BadEntry);
    }
    leaf.extend_from_slice(&leaf_of(entry));
    Ok(())
}

pub fn key_fn(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry> {
    key.extend_from_slice(key_of(entry));
    Ok(())
}

pub fn checkpoint_of(note: &[u8]) -> Checkpoint {
    Checkpoint::open(note, "test/log", &[verifier()]).expect("genuine").checkpoint
}

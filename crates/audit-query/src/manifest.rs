//! Which files are the index, and how far it has come: one small file, replaced as a whole.
//!
//! Its first line is the XXH3 (64 bits, hexadecimal) of the rest, which is JSON. A partition exists once the
//! manifest names it; files that it does not name are left over from a crash and removed.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// The manifest's name.
pub(crate) const FILE: &str = "manifest";
/// Where it is written before it replaces the old one.
pub(crate) const NEW_FILE: &str = "manifest.new";
/// The version of the index's files that this program writes and reads; others are rebuilt.
const VERSION: u32 = 1;

/// Which files are the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// The number of the next partition; numbers are never used twice.
    next_number: u64,
    /// In ledger order, without gap or overlap, from index 0 on.
    pub(crate) partitions: Vec<Named>,
}

/// A partition of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// The ledger indices it covers.
    pub(crate) first: u64,
    pub(crate) end: u64,
}

impl Default for Manifest {
    fn default() -> Manifest {
        Manifest { version: VERSION, next_number: 0, partitions: Vec::new() }
    }
}

impl Manifest {
    /// The cursor: every ledger index below it is in a partition.
    pub(crate) fn cursor(&self) -> u64 {
        self.partitions.last().map_or(0, |partition| partition.end)
    }

    /// A name for a new partition.
    pub(crate) fn new_name(&mut self) -> String {
        let number = self.next_number;
        self.next_number += 1;
        format!("p{number:010}")
    }

    /// Reads the manifest of a directory; `None` if there is none or it cannot be trusted.
    pub(crate) fn load(dir: &Path) -> Result<Option<Manifest>, Error> {
        let text = match std::fs::read_to_string(dir.join(FILE)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                return Ok(None);
            }
            other => other?,
        };
        Ok(Manifest::decode(&text))
    }

    /// Replaces the manifest of a directory. Once this returns, the new one survives a crash; until then the old
    /// one does.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), Error> {
        let mut file = File::create(dir.join(NEW_FILE))?;
        file.write_all(self.encode().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(dir.join(NEW_FILE), dir.join(FILE))?;
        sync_dir(dir)
    }

    fn encode(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("a manifest is JSON");
        format!("{:016x}\n{json}\n", xxh3_64(json.as_bytes()))
    }

    fn decode(text: &str) -> Option<Manifest> {
        let (checksum, json) = text.split_once('\n')?;
        let json = json.trim_end();
        if u64::from_str_radix(checksum, 16) != Ok(xxh3_64(json.as_bytes())) {
            return None;
        }
        let manifest: Manifest = serde_json::from_str(json).ok()?;
        let mut expected = 0;
        let follows_on = manifest.partitions.iter().all(|partition| {
            let fits = partition.first == expected && partition.end > partition.first;
            expected = partition.end;
            fits
        });
        (manifest.version == VERSION && follows_on).then_some(manifest)
    }
}

/// Makes the directory's entries (new, renamed and removed files) survive a crash.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    Ok(File::open(dir)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let mut manifest = Manifest::default();
        for (first, end) in [(0, 10), (10, 25)] {
            let name = manifest.new_name();
            manifest.partitions.push(Named { name, first, end });
        }
        manifest
    }

    #[test]
    fn a_manifest_comes_back_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Manifest::load(dir.path()).expect("readable"), None);
        Manifest::default().save(dir.path()).expect("written");
        sample().save(dir.path()).expect("written");
        assert_eq!(Manifest::load(dir.path()).expect("readable"), Some(sample()));
        assert_eq!(sample().cursor(), 25);
    }

    #[test]
    fn a_damaged_manifest_is_not_trusted() {
        let text = sample().encode();
        for at in 0..text.trim_end().len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            if let Ok(damaged) = String::from_utf8(damaged) {
                assert_eq!(Manifest::decode(&damaged), None, "byte {at}");
            }
            assert_eq!(Manifest::decode(&text[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn partitions_with_a_gap_are_not_trusted() {
        let mut manifest = sample();
        manifest.partitions[1].first = 11;
        assert_eq!(Manifest::decode(&manifest.encode()), None);
    }
}

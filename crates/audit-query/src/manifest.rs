//! Which files are the index, and how far it has come: one small file, replaced as a whole.
//!
//! Its first line is the XXH3 (64 bits, hexadecimal) of the rest, which is JSON. A partition exists once the
//! manifest names it; files that it does not name are left over from a crash and removed. It also says of which
//! entries the partitions were made, so that an index that meets another ledger (restored from a backup, or put
//! in its place) is noticed.

use crate::entries::Identity;
use crate::{Error, files};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
const VERSION: u32 = 3;

/// Which files are the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// The number of the next partition; numbers are never used twice.
    next_number: u64,
    /// The entries below the cursor; `None` if there are none.
    ledger: Option<Ledger>,
    /// In ledger order, without gap or overlap, from index 0 on.
    pub(crate) partitions: Vec<Named>,
}

/// The first entries of a ledger, as a manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ledger {
    origin: String,
    /// Root of the tree of the entries below the cursor, in base64 as in a checkpoint.
    root: String,
}

/// What is found in place of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// Nothing: the index is new.
    Absent,
    /// Something that is not what was written.
    Damaged,
    /// The manifest of a version of the program that keeps its index differently.
    OtherVersion,
    /// A manifest that can be trusted.
    Whole(Manifest),
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
        Manifest { version: VERSION, next_number: 0, ledger: None, partitions: Vec::new() }
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

    /// Notes of which entries the partitions are made.
    pub(crate) fn bind(&mut self, identity: Identity) {
        self.ledger = Some(Ledger::from(identity));
    }

    /// Whether the partitions were made of these entries.
    pub(crate) fn is_bound_to(&self, identity: Identity) -> bool {
        self.ledger == Some(Ledger::from(identity))
    }

    /// Names no partition any more; the numbers of those it had stay used.
    pub(crate) fn clear(&mut self) {
        self.partitions.clear();
        self.ledger = None;
    }

    /// Reads the manifest of a directory.
    pub(crate) fn load(dir: &Path) -> Result<Loaded, Error> {
        match std::fs::read_to_string(dir.join(FILE)) {
            Ok(text) => Ok(Manifest::decode(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Loaded::Absent),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Loaded::Damaged),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the manifest of a directory. Once this returns, the new one is what is read; once the directory
    /// is synced it survives a crash, and until then either does.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), Error> {
        let mut file = files::create(&dir.join(NEW_FILE))?;
        file.write_all(self.encode().as_bytes())?;
        file.sync_all()?;
        Ok(std::fs::rename(dir.join(NEW_FILE), dir.join(FILE))?)
    }

    fn encode(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("a manifest is JSON");
        format!("{:016x}\n{json}\n", xxh3_64(json.as_bytes()))
    }

    fn decode(text: &str) -> Loaded {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Some(json) = checked(text) else { return Loaded::Damaged };
        match serde_json::from_str::<Versioned>(json) {
            Ok(Versioned { version: VERSION }) => {}
            Ok(_) => return Loaded::OtherVersion,
            Err(_) => return Loaded::Damaged,
        }
        let manifest = serde_json::from_str(json).ok().filter(Manifest::is_sound);
        manifest.map_or(Loaded::Damaged, Loaded::Whole)
    }

    /// Whether the partitions follow on each other, and the entries they are made of are told.
    fn is_sound(&self) -> bool {
        let mut expected = 0;
        let follows_on = self.partitions.iter().all(|partition| {
            let fits = partition.first == expected && partition.end > partition.first;
            expected = partition.end;
            fits
        });
        follows_on && (self.ledger.is_some() || self.partitions.is_empty())
    }
}

impl From<Identity> for Ledger {
    fn from(identity: Identity) -> Ledger {
        Ledger { origin: identity.origin, root: STANDARD.encode(identity.root) }
    }
}

/// What follows the checksum, if it fits.
fn checked(text: &str) -> Option<&str> {
    let (checksum, json) = text.split_once('\n')?;
    let json = json.trim_end();
    (u64::from_str_radix(checksum, 16) == Ok(xxh3_64(json.as_bytes()))).then_some(json)
}

/// Makes the directory's entries (new, renamed and removed files) survive a crash.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    Ok(File::open(dir)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(origin: &str, root: u8) -> Identity {
        Identity { origin: origin.to_owned(), root: [root; 32] }
    }

    fn sample() -> Manifest {
        let mut manifest = Manifest::default();
        for (first, end) in [(0, 10), (10, 25)] {
            let name = manifest.new_name();
            manifest.partitions.push(Named { name, first, end });
        }
        manifest.bind(identity("test.example/audit", 7));
        manifest
    }

    #[test]
    fn a_manifest_comes_back_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Manifest::load(dir.path()).expect("readable"), Loaded::Absent);
        Manifest::default().save(dir.path()).expect("written");
        assert_eq!(Manifest::load(dir.path()).expect("readable"), Loaded::Whole(Manifest::default()));
        sample().save(dir.path()).expect("written");
        assert_eq!(Manifest::load(dir.path()).expect("readable"), Loaded::Whole(sample()));
        assert_eq!(sample().cursor(), 25);
    }

    #[test]
    fn a_damaged_manifest_is_not_trusted() {
        let text = sample().encode();
        for at in 0..text.trim_end().len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            if let Ok(damaged) = String::from_utf8(damaged) {
                assert_eq!(Manifest::decode(&damaged), Loaded::Damaged, "byte {at}");
            }
            assert_eq!(Manifest::decode(&text[..at]), Loaded::Damaged, "cut at {at}");
        }
    }

    #[test]
    fn partitions_with_a_gap_are_not_trusted() {
        let mut manifest = sample();
        manifest.partitions[1].first = 11;
        assert_eq!(Manifest::decode(&manifest.encode()), Loaded::Damaged);
    }

    #[test]
    fn a_manifest_knows_the_entries_it_was_made_of() {
        assert!(sample().is_bound_to(identity("test.example/audit", 7)));
        assert!(!sample().is_bound_to(identity("test.example/audit", 8)));
        assert!(!sample().is_bound_to(identity("other.example/audit", 7)));
        let unbound = Manifest { ledger: None, ..sample() };
        assert_eq!(Manifest::decode(&unbound.encode()), Loaded::Damaged);
    }

    #[test]
    fn the_manifest_of_another_version_is_told_from_a_damaged_one() {
        let json = r#"{"version":2,"next_number":0,"partitions":[]}"#;
        let text = format!("{:016x}\n{json}\n", xxh3_64(json.as_bytes()));
        assert_eq!(Manifest::decode(&text), Loaded::OtherVersion);
    }
}

//! Directories written by released versions open in this one, unchanged in every byte that matters.
//!
//! `tests/data/v1` was written by version 0.1.0: segments of 64 entries, two of them sealed, one of these with a
//! replaced entry, a dictionary, and a WAL file with compressed and raw frames.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_ledger::disk::RealDisk;
use audit_ledger::fsck::{Question, fsck};
use audit_ledger::{Config, Direction, Drive, Ledger};

use support::{entry, environment, new_entry, verifier};

const ENTRIES: u64 = 180;
const REPLACED: u64 = 70;
const ROOT: &str = "jAuB7Tise4QpdAyWswAZiNOC4bsdusN0sHE2qkcqSXQ=";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

fn config(dir: &Path) -> Config {
    let mut config = Config::new(dir, "test/log");
    config.segment_entries = 64;
    config.dictionary_samples = 64;
    config.min_free_bytes = 0;
    config.drive = Drive::Caller;
    config
}

fn open(dir: &Path) -> Ledger {
    Ledger::open(config(dir), environment(Arc::new(RealDisk), 1_800_000_000_000_000)).expect("opens")
}

fn recorded(index: u64) -> Vec<u8> {
    let mut bytes = entry(index);
    if index == REPLACED {
        bytes.extend_from_slice(b"\0replaced");
    }
    bytes
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for file in std::fs::read_dir(from).expect("there").flatten() {
        let target = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).expect("copied");
        }
    }
}

#[test]
fn a_directory_of_version_1_is_sound_and_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    copy(&fixture(), dir.path());
    let keys = [verifier()];
    let question =
        Question { dir: dir.path(), leaf_fn: support::leaf_fn, keys: &keys, external: None, threads: 1 };
    let check = || fsck(&RealDisk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable");
    let report = check();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.entries, ENTRIES);
    assert_eq!(report.root.map(|root| root.to_string()).as_deref(), Some(ROOT));

    let ledger = open(dir.path());
    let frames = ledger.reader().scan(0..u64::MAX, Direction::Forward);
    let entries: Vec<Vec<u8>> = frames
        .flat_map(|frame| {
            frame.expect("readable").iter().map(|(_, bytes)| bytes.to_vec()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(entries, (0..ENTRIES).map(recorded).collect::<Vec<_>>());
    let again = entry(ENTRIES - 1);
    let appended = ledger.append([new_entry(&again)]).expect("appends");
    assert!(appended.placements[0].duplicate);
    let next = entry(ENTRIES);
    ledger.append([new_entry(&next)]).expect("appends");
    ledger.close().expect("closes");
    assert!(check().is_sound());
}

/// Writes the fixture; run once for a released version: `cargo test -p audit-ledger --test fixture -- --ignored`.
#[test]
#[ignore = "writes the fixture that the other test reads"]
fn write_the_fixture() {
    let dir = fixture();
    let ledger = open(&dir);
    let append = |keys: std::ops::Range<u64>| {
        let entries: Vec<Vec<u8>> = keys.map(entry).collect();
        ledger.append(entries.iter().map(|bytes| new_entry(bytes))).expect("appends");
    };
    append(0..64);
    ledger.seal_pending().expect("seals");
    append(64..100);
    (100..130).for_each(|key| append(key..key + 1));
    ledger.seal_pending().expect("seals");
    ledger.replace(&[(audit_tlog::LeafIndex::new(REPLACED), &recorded(REPLACED))]).expect("replaces");
    append(130..175);
    (175..ENTRIES).for_each(|key| append(key..key + 1));
    ledger.close().expect("closes");
    ["lock", "ids"].iter().for_each(|name| std::fs::remove_file(dir.join(name)).expect("removed"));
}

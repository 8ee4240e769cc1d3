//! Entries offered again under a key: where they are found, and whether they are the same.

mod support;

use std::sync::Arc;

use audit_ledger::disk::RealDisk;
use audit_ledger::{Config, Ledger, Placement};
use audit_tlog::{LeafIndex, TreeSize};

use support::{environment, new_entry};

const NOW_US: i64 = 1_800_000_000_000_000;

fn append(ledger: &Ledger, entries: &[&str]) -> Vec<(u64, &'static str)> {
    let appended = ledger.append(entries.iter().map(|entry| new_entry(entry.as_bytes())));
    let told = |placement: &Placement| {
        let word = match (placement.duplicate, placement.differs) {
            (false, false) => "new",
            (true, false) => "same",
            (true, true) => "differs",
            (false, true) => "a new entry cannot differ",
        };
        (placement.index.get(), word)
    };
    appended.expect("appends").placements.iter().map(told).collect()
}

#[test]
fn a_repetition_with_other_content_is_told_apart_wherever_the_first_one_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = Config::new(dir.path(), "test/log");
    config.min_free_bytes = 0;
    config.segment_entries = 4;
    let ledger = Ledger::open(config, environment(Arc::new(RealDisk), NOW_US)).expect("opens");
    let in_one_batch = append(&ledger, &["a\n1", "b\n1", "a\n1", "b\n2"]);
    assert_eq!(in_one_batch, [(0, "new"), (1, "new"), (0, "same"), (1, "differs")]);
    let in_the_wal = append(&ledger, &["b\n1", "a\n2", "c\n1"]);
    assert_eq!(in_the_wal, [(1, "same"), (0, "differs"), (2, "new")]);
    append(&ledger, &["d\n1", "e\n1"]);
    ledger.seal_pending().expect("seals");
    let in_a_segment = append(&ledger, &["a\n1\0a part that can be replaced", "a\n3", "d\n1"]);
    assert_eq!(in_a_segment, [(0, "same"), (0, "differs"), (3, "same")]);
    assert_eq!(ledger.size(), TreeSize::new(5));
    assert_eq!(&ledger.reader().get(LeafIndex::new(0)).expect("there")[..], b"a\n1", "the first one stands");
}

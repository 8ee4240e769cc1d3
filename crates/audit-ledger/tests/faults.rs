//! Seeded runs on a simulated disk: random appends, seals and checkpoints, crashes at any point with any fault,
//! reopening, and at the end the whole log checked from disk against a model.
//!
//! What must hold, whatever happens:
//! - no acknowledged entry is lost, none is doubled, none is altered, and their order never changes;
//! - what was not acknowledged is there as a prefix of the batch or not at all, and a retry finds it;
//! - a published checkpoint is never contradicted;
//! - a bit flipped on the disk is refused or reported, never returned as an entry.

mod support;

use audit_ledger::Error;
use audit_ledger::fsck::Verdict;

use support::run::Run;
use support::{entry, new_entry};

const CRASH_RUNS: u64 = 2_000;
const BIT_FLIP_RUNS: u64 = 400;

#[test]
fn nothing_acknowledged_is_lost_doubled_or_altered() {
    for seed in 0..CRASH_RUNS {
        let run = std::panic::catch_unwind(|| Run::new(seed).crash_and_recover());
        assert!(run.is_ok(), "failed with seed {seed}");
    }
}

#[test]
fn a_flipped_bit_is_never_returned() {
    for seed in 0..BIT_FLIP_RUNS {
        let run = std::panic::catch_unwind(|| Run::new(1_000_000 + seed).flip_a_bit());
        assert!(run.is_ok(), "failed with seed {}", 1_000_000 + seed);
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    for seed in 0..100 {
        let run = std::panic::catch_unwind(|| Run::new(2_000_000 + seed).fill_the_disk());
        assert!(run.is_ok(), "failed with seed {}", 2_000_000 + seed);
    }
}

#[test]
fn verdicts_tell_missing_from_altered() {
    let mut run = Run::new(42);
    run.config.segment_entries = 16;
    let ledger = run.open().expect("opens");
    let entries: Vec<Vec<u8>> = (0..100).map(entry).collect();
    ledger.append(entries.iter().map(|bytes| new_entry(bytes))).expect("appends");
    ledger.seal_pending().expect("seals");
    ledger.close().expect("closes");
    drop(ledger);
    let newest = run.disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|ext| ext == "wal"));
    let newest = newest.expect("a WAL file");
    let bytes = run.disk.contents(&newest).expect("there");
    run.disk.put(&newest, &bytes[..32]);
    let report = run.fsck();
    assert_eq!(report.integrity, Verdict::Sound);
    assert!(matches!(report.completeness, Verdict::Broken(_)), "{report:?}");
    assert!(matches!(run.open(), Err(Error::CheckpointContradicted(_))));
}

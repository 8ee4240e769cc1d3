//! A producer that is alone commits in its own thread; all that is promised of the sequencer's thread holds there.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};

use audit_ledger::disk::{Disk, Fault, RealDisk, SimDisk};
use audit_ledger::fsck::{Question, fsck};
use audit_ledger::{Config, Environment, Error, ErrorKind, Health, Ledger, Placement};
use audit_tlog::{LeafIndex, TreeSize};

use support::{entry, environment, new_entry, verifier};

const NOW_US: i64 = 1_800_000_000_000_000;
/// More groups of one batch than it takes to be taken for alone.
const A_FEW: u64 = 20;

fn open(dir: &Path, environment: Environment) -> Ledger {
    let mut config = Config::new(dir, "test/log");
    config.segment_entries = 512;
    config.min_free_bytes = 0;
    Ledger::open(config, environment).expect("opens")
}

fn append(ledger: &Ledger, key: u64) -> Result<u64, Error> {
    let appended = ledger.append([new_entry(&entry(key))])?;
    assert!(appended.tree_size > TreeSize::new(appended.placements[0].index.get()));
    Ok(appended.placements[0].index.get())
}

/// Appends one after the other, from the first on.
fn append_a_few(ledger: &Ledger) {
    (0..A_FEW).for_each(|key| assert_eq!(append(ledger, key).expect("appends"), key));
}

/// An environment whose clock, which is asked once for each commit, tells `seen` who commits.
fn watched(disk: Arc<dyn Disk>, seen: impl Fn(ThreadId) + Send + Sync + 'static) -> Environment {
    let clock = Arc::new(move || {
        seen(thread::current().id());
        NOW_US
    });
    Environment { clock, ..environment(disk, NOW_US) }
}

#[test]
fn a_producer_that_stays_alone_commits_in_its_own_thread() {
    let dir = tempfile::tempdir().expect("a directory");
    let last = Arc::new(Mutex::new(None));
    let told = Arc::clone(&last);
    let ledger = open(
        dir.path(),
        watched(Arc::new(RealDisk), move |thread| *told.lock().expect("sound") = Some(thread)),
    );
    let committed_by = || last.lock().expect("sound").expect("committed");
    append(&ledger, 0).expect("appends");
    assert_ne!(
        committed_by(),
        thread::current().id(),
        "one append alone says little about who else is about"
    );
    append_a_few(&ledger);
    assert_eq!(committed_by(), thread::current().id());
    assert!(ledger.is_quiet());
}

#[test]
fn batches_are_recorded_in_the_order_in_which_a_thread_sends_them_whoever_commits() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path(), environment(Arc::new(RealDisk), NOW_US));
    let (done, outcomes) = mpsc::channel();
    let mut next = 0;
    for _ in 0..50 {
        for _ in 0..A_FEW {
            assert_eq!(append(&ledger, next).expect("appends"), next);
            next += 1;
        }
        for key in next..next + 3 {
            let batch = ledger.prepare([new_entry(&entry(key))]).expect("fits");
            let done = done.clone();
            let on_done = move |outcome| done.send((key, outcome)).expect("waited for");
            ledger.submit(batch, Box::new(on_done)).expect("taken");
        }
        assert_eq!(append(&ledger, next + 3).expect("appends"), next + 3, "not before those that waited");
        for _ in 0..3 {
            let (key, outcome) = outcomes.recv().expect("told");
            let placement = Placement { index: LeafIndex::new(key), duplicate: false, differs: false };
            assert_eq!(outcome.expect("recorded").placements, [placement]);
        }
        next += 4;
    }
}

#[test]
fn a_failed_sync_of_a_lone_producer_stops_the_ledger() {
    let disk = SimDisk::new(1);
    let ledger = open(Path::new("/ledger"), environment(Arc::new(disk.clone()), NOW_US));
    append_a_few(&ledger);
    ledger.publish_checkpoint().expect("publishes");
    disk.fail_after(1, Fault::FailsBefore);
    assert_eq!(append(&ledger, A_FEW).expect_err("fails").kind(), ErrorKind::Stopped);
    assert!(matches!(ledger.health(), Health::Poisoned { .. }));
    assert!(matches!(append(&ledger, A_FEW), Err(Error::Poisoned { .. })));
    assert_eq!(ledger.size(), TreeSize::new(A_FEW));
}

#[test]
fn a_lone_producer_that_panics_while_committing_stops_the_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    let panics = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&panics);
    let seen = move |_| assert!(!now.load(Ordering::Relaxed), "on purpose");
    let ledger = open(dir.path(), watched(Arc::new(RealDisk), seen));
    append_a_few(&ledger);
    panics.store(true, Ordering::Relaxed);
    catch_unwind(AssertUnwindSafe(|| append(&ledger, A_FEW))).expect_err("panics");
    panics.store(false, Ordering::Relaxed);
    assert!(matches!(ledger.health(), Health::Poisoned { .. }));
    assert!(matches!(append(&ledger, A_FEW), Err(Error::Poisoned { .. })));
    ledger.close().expect("closes");
    drop(ledger);
    let ledger = open(dir.path(), environment(Arc::new(RealDisk), NOW_US));
    assert_eq!(ledger.size(), TreeSize::new(A_FEW));
}

#[test]
fn what_a_lone_producer_was_told_is_there_when_the_ledger_was_closed_meanwhile() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..20 {
        let ledger = open(dir.path(), environment(Arc::new(RealDisk), NOW_US));
        let first = ledger.size().get();
        let (acknowledged, so_far) = mpsc::channel();
        let producer = {
            let ledger = ledger.clone();
            thread::spawn(move || {
                let mut next = first;
                loop {
                    match append(&ledger, next) {
                        Ok(index) => acknowledged.send(index).expect("waited for"),
                        Err(error) => return error,
                    }
                    next += 1;
                }
            })
        };
        so_far.iter().take(usize::try_from(A_FEW + round).expect("small")).for_each(drop);
        ledger.close().expect("closes");
        assert!(matches!(producer.join().expect("ends"), Error::Closed));
        let newest = so_far.iter().last();
        drop(ledger);
        let ledger = open(dir.path(), environment(Arc::new(RealDisk), NOW_US));
        assert!(ledger.size().get() > newest.unwrap_or(first));
        assert_eq!(ledger.checkpoint_size(), ledger.size(), "the last checkpoint is of all");
    }
    let keys = [verifier()];
    let question =
        Question { dir: dir.path(), leaf_fn: support::leaf_fn, keys: &keys, external: None, threads: 1 };
    assert!(
        fsck(&RealDisk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable").is_sound()
    );
}

//! The ledger as its users see it: real threads, real files.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_ledger::disk::{Fault, RealDisk, SimDisk};
use audit_ledger::fsck::{Finding, Question, Report, Verdict, fsck};
use audit_ledger::{
    Config, Direction, Error, ErrorKind, Follower, FollowerError, Frame, Health, Ledger, NewEntry, Placement,
};
use audit_tlog::{
    BundleId, Hash, LeafIndex, TileHashes, TileId, TileReader, TreeSize, decode_bundle, inclusion_proof,
    leaf_hash, tile, verify_inclusion,
};

use support::{checkpoint_of, entry, environment, leaf_of, new_entry, verifier};

const NOW_US: i64 = 1_800_000_000_000_000;
const A_WHILE: Duration = Duration::from_secs(30);

fn config(dir: &Path) -> Config {
    let mut config = Config::new(dir, "test/log");
    config.segment_entries = 512;
    config.min_free_bytes = 0;
    config.dictionary_samples = 128;
    config.checkpoint_interval_ms = 1;
    config
}

fn open(dir: &Path) -> Result<Ledger, Error> {
    Ledger::open(config(dir), environment(Arc::new(RealDisk), NOW_US))
}

fn entries(keys: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    keys.map(entry).collect()
}

fn append(ledger: &Ledger, keys: std::ops::Range<u64>) -> Vec<Placement> {
    let entries = entries(keys);
    loop {
        match ledger.append(entries.iter().map(|bytes| new_entry(bytes))) {
            // With segments as small as here a busy disk lets the sealer fall behind; the error says when to retry.
            Err(Error::Busy { retry_after_ms }) => std::thread::sleep(Duration::from_millis(retry_after_ms)),
            outcome => return outcome.expect("appends").placements,
        }
    }
}

fn check(dir: &Path) -> Report {
    let keys = [verifier()];
    let question = Question { dir, leaf_fn: support::leaf_fn, keys: &keys, external: None, threads: 2 };
    fsck(&RealDisk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable")
}

#[test]
fn entries_come_back_in_order_after_closing_and_opening() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    for first in (0..5_000).step_by(250) {
        let placements = append(&ledger, first..first + 250);
        let expected =
            |nth: u64| Placement { index: LeafIndex::new(first + nth), duplicate: false, differs: false };
        assert_eq!(placements, (0..250).map(expected).collect::<Vec<_>>());
    }
    ledger.close().expect("closes");
    assert!(matches!(ledger.append([new_entry(&entry(1))]), Err(Error::Closed)));
    assert_eq!(ledger.health(), Health::Closed);
    drop(ledger);
    let report = check(dir.path());
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.entries, 5_000);

    let ledger = open(dir.path()).expect("opens again");
    assert_eq!(ledger.size(), TreeSize::new(5_000));
    assert_eq!(ledger.recovery().torn_tail, None);
    let reader = ledger.reader();
    let mut next = 0;
    for frame in reader.scan(0..u64::MAX, Direction::Forward) {
        for (index, bytes) in frame.expect("readable").iter() {
            assert_eq!((index.get(), bytes), (next, &entry(next)[..]));
            next += 1;
        }
    }
    assert_eq!(next, 5_000);
    let absent = reader.get(LeafIndex::new(5_000)).expect_err("absent");
    assert_eq!(absent.kind(), ErrorKind::Absent);
    assert!(append(&ledger, 4_000..4_010).iter().all(|placement| placement.duplicate));
}

#[test]
fn concurrent_producers_share_syncs_and_lose_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    const PRODUCERS: u64 = 16;
    const EACH: u64 = 100;
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let ledger = ledger.clone();
            scope.spawn(move || {
                for nth in 0..EACH {
                    let key = producer * EACH + nth;
                    let placement = append(&ledger, key..key + 1)[0];
                    let found = ledger.reader().get(placement.index).expect("readable once acknowledged");
                    assert_eq!(&found[..], &entry(key)[..]);
                }
            });
        }
    });
    assert_eq!(ledger.size(), TreeSize::new(PRODUCERS * EACH));
    assert!(ledger.stats().commits <= PRODUCERS * EACH);
    ledger.close().expect("closes");
    assert!(check(dir.path()).is_sound());
}

/// Collects the keys it is given; fails once on purpose.
struct Collector {
    cursor: u64,
    seen: Arc<Mutex<Vec<u64>>>,
    has_failed: bool,
}

impl Follower for Collector {
    fn name(&self) -> &'static str {
        "collector"
    }

    fn cursor(&self) -> LeafIndex {
        LeafIndex::new(self.cursor)
    }

    fn apply(&mut self, frame: &Frame) -> Result<(), FollowerError> {
        if !self.has_failed {
            self.has_failed = true;
            return Err("not in the mood".into());
        }
        self.seen.lock().expect("sound").extend(frame.indices());
        Ok(())
    }
}

#[test]
fn a_follower_sees_every_entry_once_from_its_cursor_on_even_if_it_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..700);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let follower = Collector { cursor: 33, seen: Arc::clone(&seen), has_failed: false };
    let handle = ledger.follow(Box::new(follower)).expect("starts");
    for first in 700..800 {
        append(&ledger, first..first + 1);
    }
    ledger.close().expect("closes");
    // A closed ledger's followers end when they have seen everything.
    while handle.status().lag > 0 {
        std::thread::yield_now();
    }
    handle.stop();
    assert_eq!(*seen.lock().expect("sound"), (33..800).collect::<Vec<_>>());
}

#[test]
fn waiting_ends_when_there_is_more_and_when_the_ledger_closes() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let waiting = ledger.clone();
    let waiter = std::thread::spawn(move || {
        let first = waiting.wait_beyond(TreeSize::EMPTY, A_WHILE);
        (first, waiting.wait_beyond(TreeSize::new(1), A_WHILE))
    });
    append(&ledger, 0..1);
    ledger.close().expect("closes");
    assert_eq!(waiter.join().expect("ends"), (TreeSize::new(1), TreeSize::new(1)));
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let Err(Error::Locked { pid, .. }) = open(dir.path()) else { panic!("must be refused") };
    assert_eq!(pid, Some(std::process::id()));
    ledger.close().expect("closes");
    open(dir.path()).expect("free again, though a handle remains");
}

#[test]
fn a_newer_directory_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(open(dir.path()).expect("opens"));
    std::fs::write(dir.path().join("VERSION"), "secureai-audit ledger 2\n").expect("written");
    let Err(error) = open(dir.path()) else { panic!("must be refused") };
    assert!(matches!(error, Error::NewerFormat { found: 2, supported: 1, .. }), "{error}");
}

#[test]
fn overlong_entries_are_refused_with_their_position() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let long = vec![b'x'; (1 << 20) + 1];
    let batch = [entry(1), long];
    let refused = ledger.append(batch.iter().map(|bytes| NewEntry { key: b"k", bytes, leaf: b"l" }));
    assert!(matches!(refused, Err(Error::EntryTooLong { position: 1, .. })), "{refused:?}");
    assert_eq!(ledger.size(), TreeSize::EMPTY);
}

#[test]
fn long_and_empty_entries_and_empty_batches_are_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let long = [b"long\n".as_slice(), &vec![b'x'; 1 << 19]].concat();
    let batch = [entry(1), long, b"\n".to_vec(), entry(2)];
    ledger.append(batch.iter().map(|bytes| new_entry(bytes))).expect("appends");
    assert_eq!(ledger.append([]).expect("appends").placements, []);
    for (index, bytes) in batch.iter().enumerate() {
        assert_eq!(&ledger.reader().get(LeafIndex::new(index as u64)).expect("there")[..], &bytes[..]);
    }
}

#[test]
fn a_failed_sync_stops_the_ledger_and_says_why_while_reads_go_on() {
    let disk = SimDisk::new(1);
    let ledger = Ledger::open(config(Path::new("/ledger")), environment(Arc::new(disk.clone()), NOW_US))
        .expect("opens");
    append(&ledger, 0..10);
    ledger.publish_checkpoint().expect("publishes");
    disk.fail_after(1, Fault::FailsBefore);
    let entries = entries(10..20);
    let failed = ledger.append(entries.iter().map(|bytes| new_entry(bytes))).expect_err("fails");
    assert_eq!(failed.kind(), ErrorKind::Stopped);
    let Health::Poisoned { reason } = ledger.health() else { panic!("must have stopped") };
    assert!(reason.contains("cannot sync"), "{reason}");
    assert!(matches!(ledger.append([new_entry(&entry(30))]), Err(Error::Poisoned { .. })));
    assert_eq!(&ledger.reader().get(LeafIndex::new(9)).expect("readable")[..], &entry(9)[..]);
    assert_eq!(ledger.size(), TreeSize::new(10));
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = config(dir.path());
    config.queue_bytes = 1;
    let ledger = Ledger::open(config, environment(Arc::new(RealDisk), NOW_US)).expect("opens");
    let (release, blocked) = mpsc::channel::<()>();
    let (entered, is_in) = mpsc::channel();
    let batch = |key| ledger.prepare([new_entry(&entry(key))]).expect("fits");
    let first_done = move |_| {
        entered.send(()).expect("waited for");
        blocked.recv().expect("released");
    };
    // The queue takes one batch whatever its size; while its producer is told, the next one waits.
    ledger.submit(batch(1), Box::new(first_done)).expect("taken");
    is_in.recv().expect("committed");
    ledger.submit(batch(2), Box::new(|_| {})).expect("taken");
    let refused = ledger.submit(batch(3), Box::new(|_| {}));
    assert!(matches!(refused, Err(Error::Busy { retry_after_ms: 1.. })), "{refused:?}");
    release.send(()).expect("waiting");
    ledger.close().expect("closes");
    assert_eq!(ledger.size(), TreeSize::new(2));
}

#[test]
fn the_last_handle_may_be_dropped_by_the_sequencer_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let (done, outcome) = mpsc::channel();
    let batch = ledger.prepare([new_entry(&entry(1))]).expect("fits");
    let last = ledger.clone();
    let (dropped, is_dropped) = mpsc::channel::<()>();
    let on_done = move |result: Result<_, Error>| {
        is_dropped.recv().expect_err("the other handle is gone");
        drop(last);
        done.send(result.is_ok()).expect("waited for");
    };
    ledger.submit(batch, Box::new(on_done)).expect("taken");
    drop(ledger);
    drop(dropped);
    assert_eq!(outcome.recv(), Ok(true));
}

#[test]
fn health_tells_of_a_full_disk_until_there_is_room() {
    let disk = SimDisk::new(1);
    let mut config = config(Path::new("/ledger"));
    config.min_free_bytes = 10_000;
    let ledger = Ledger::open(config, environment(Arc::new(disk.clone()), NOW_US)).expect("opens");
    append(&ledger, 0..10);
    // Or else it would be written, a digit longer, after the room was measured.
    ledger.publish_checkpoint().expect("published");
    disk.set_capacity(disk.used_bytes() + 9_000);
    let refused = ledger.append([new_entry(&entry(11))]).expect_err("refused");
    assert!(matches!(refused, Error::DiskFull { free_bytes: 9_000, .. }), "{refused:?}");
    assert_eq!(refused.kind(), ErrorKind::RetryLater);
    assert_eq!(ledger.health(), Health::DiskFull { free_bytes: 9_000 });
    disk.set_capacity(u64::MAX);
    assert_eq!(ledger.health(), Health::Accepting);
    append(&ledger, 11..12);
}

#[test]
fn a_batch_that_may_use_the_reserve_leaves_an_eighth_of_it() {
    let disk = SimDisk::new(1);
    let mut config = config(Path::new("/ledger"));
    config.min_free_bytes = 10_000;
    let ledger = Ledger::open(config, environment(Arc::new(disk.clone()), NOW_US)).expect("opens");
    ledger.publish_checkpoint().expect("published");
    let from_reserve = |number| {
        let mut batch = ledger.batch();
        batch.push(new_entry(&entry(number))).expect("short");
        ledger.append_prepared(batch.from_reserve().finish())
    };
    disk.set_capacity(disk.used_bytes() + 9_000);
    ledger.append([new_entry(&entry(0))]).expect_err("the reserve is not for everybody");
    from_reserve(0).expect("there is room in the reserve");
    assert!(matches!(ledger.health(), Health::DiskFull { .. }), "for everybody else it is still full");
    disk.set_capacity(disk.used_bytes() + 1_250);
    assert!(matches!(from_reserve(1), Err(Error::DiskFull { .. })), "the last eighth stays");
}

// --- the tree

struct Tiles<'a>(&'a Ledger);

impl TileReader for Tiles<'_> {
    type Error = Error;

    fn read_tile(&self, id: TileId) -> Result<Vec<Hash>, Error> {
        Ok(tile::decode_tile(id, &self.0.tile(id)?)?)
    }
}

#[test]
fn tiles_and_bundles_lead_from_every_entry_to_the_published_root() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..1_500);
    ledger.seal_pending().expect("seals");
    let checkpoint = checkpoint_of(&ledger.publish_checkpoint().expect("publishes"));
    let size = checkpoint.size();
    assert_eq!(size, TreeSize::new(1_500));
    assert_eq!(ledger.reader().root(size.get()).expect("readable"), *checkpoint.root());
    let hashes = TileHashes::new(Tiles(&ledger), size);
    for index in [0, 255, 256, 511, 512, 1_023, 1_024, 1_499].map(LeafIndex::new) {
        let leaf = leaf_hash(&leaf_of(&entry(index.get())));
        let from_tiles = inclusion_proof(index, size, &hashes).expect("provable");
        assert_eq!(ledger.inclusion_proof(index, size).expect("provable"), from_tiles);
        verify_inclusion(&leaf, index, size, checkpoint.root(), &from_tiles).expect("included");
    }
    let bundle = BundleId::in_tree(5, size).expect("in the tree");
    let leaves = ledger.entry_bundle(bundle).expect("there");
    let leaves = decode_bundle(bundle, &leaves).expect("well-formed");
    let expected: Vec<Vec<u8>> = bundle.entries().map(|index| leaf_of(&entry(index))).collect();
    assert_eq!(leaves, expected);
    let beyond = TileId::new(0, 6, 1).expect("a tile");
    assert_eq!(ledger.tile(beyond).expect_err("beyond").kind(), ErrorKind::Absent);
}

#[test]
fn the_root_of_the_first_entries_is_what_it_was_when_there_were_no_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    let mut roots = vec![(0, Hash::EMPTY_ROOT)];
    for size in [1, 200, 512, 700, 1_100] {
        append(&ledger, ledger.size().get()..size);
        roots.push((size, *checkpoint_of(&ledger.publish_checkpoint().expect("publishes")).root()));
    }
    ledger.seal_pending().expect("seals");
    for (size, root) in roots {
        assert_eq!(ledger.reader().root(size).expect("readable"), root);
    }
    let beyond = ledger.reader().root(1_101).expect_err("there are no more");
    assert_eq!(beyond.kind(), ErrorKind::Absent);
}

#[test]
fn checkpoints_appear_by_themselves() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    assert_eq!(checkpoint_of(&ledger.checkpoint()).size(), TreeSize::EMPTY);
    append(&ledger, 0..3);
    while ledger.checkpoint_size() < TreeSize::new(3) {
        std::thread::yield_now();
    }
    let stored = std::fs::read(dir.path().join("checkpoint")).expect("stored");
    assert_eq!(stored, &ledger.checkpoint()[..]);
}

// --- checking

#[test]
fn fsck_runs_beside_a_ledger_that_is_being_appended_to() {
    // A checker that is given little time must not face a ledger that grows for ever.
    const MOST: u64 = 20_000;
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..100);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = 100;
            while next < MOST && !done.load(Ordering::Relaxed) {
                append(&ledger, next..next + 97);
                next += 97;
            }
        });
        let unsound = (0..20).map(|_| check(dir.path())).find(|report| !report.is_sound());
        done.store(true, Ordering::Relaxed);
        assert_eq!(unsound.map(|report| format!("{report:?}")), None);
    });
    assert!(ledger.size() > TreeSize::new(100), "nothing was appended beside");
}

#[test]
fn fsck_names_file_offset_and_entry_of_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..1_100);
    ledger.seal_pending().expect("seals");
    ledger.close().expect("closes");
    let segment = dir.path().join("segments/00000000000000000512.seg");
    let mut bytes = std::fs::read(&segment).expect("there");
    bytes[40] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let Verdict::Broken(findings) = check(dir.path()).integrity else { panic!("must be found") };
    let Finding::Damage(damage) = &findings[0] else { panic!("must be damage: {findings:?}") };
    assert_eq!((&damage.file, damage.offset, damage.index), (&segment, 32, Some(LeafIndex::new(512))));
    assert_eq!(check(dir.path()).completeness, Verdict::Sound);
}

#[test]
fn fsck_tells_that_entries_behind_an_external_checkpoint_are_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..100);
    let early = ledger.publish_checkpoint().expect("publishes");
    let kept: Vec<_> = std::fs::read_dir(dir.path().join("wal")).expect("there").flatten().collect();
    let kept: Vec<_> =
        kept.iter().map(|file| (file.path(), std::fs::read(file.path()).expect("there"))).collect();
    append(&ledger, 100..200);
    let late = checkpoint_of(&ledger.publish_checkpoint().expect("publishes"));
    ledger.close().expect("closes");
    // Somebody puts yesterday's files back.
    kept.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("written"));
    std::fs::write(dir.path().join("checkpoint"), early).expect("written");
    assert!(check(dir.path()).is_sound(), "the files alone cannot tell");
    let keys = [verifier()];
    let leaf_fn = support::leaf_fn;
    let question = Question { dir: dir.path(), leaf_fn, keys: &keys, external: Some(&late), threads: 1 };
    let report = fsck(&RealDisk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable");
    assert_eq!(report.integrity, Verdict::Sound);
    assert!(matches!(report.completeness, Verdict::Broken(_)), "{report:?}");
}

#[test]
fn replaced_entries_keep_their_proofs() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..600);
    ledger.seal_pending().expect("seals");
    let root = *checkpoint_of(&ledger.publish_checkpoint().expect("publishes")).root();
    let index = LeafIndex::new(77);
    let other = [&entry(77)[..], b"\0erased"].concat();
    let refused = ledger.replace(&[(index, b"k77\nsomething else")]);
    assert!(matches!(refused, Err(Error::LeafDiffers { .. })), "{refused:?}");
    let refused = ledger.replace(&[(LeafIndex::new(599), &[&entry(599)[..], b"\0"].concat())]);
    assert!(matches!(refused, Err(Error::NotSealed { .. })), "{refused:?}");
    ledger.replace(&[(index, &other)]).expect("replaces");
    assert_eq!(&ledger.reader().get(index).expect("there")[..], &other[..]);
    let size = TreeSize::new(600);
    let proof = ledger.inclusion_proof(index, size).expect("provable");
    verify_inclusion(&leaf_hash(&entry(77)), index, size, &root, &proof).expect("included");
    ledger.close().expect("closes");
    assert!(check(dir.path()).is_sound());
}

#[test]
fn a_check_that_is_broken_off_says_so_and_ends_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path()).expect("opens");
    append(&ledger, 0..5_000);
    ledger.close().expect("closes");
    let keys = [verifier()];
    let question =
        Question { dir: dir.path(), leaf_fn: support::leaf_fn, keys: &keys, external: None, threads: 2 };
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let ended = fsck(&RealDisk, &question, &|done, expected| {
        assert!(done <= expected);
        calls.fetch_add(1, Ordering::Relaxed);
        std::ops::ControlFlow::Break(())
    });
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert_eq!(calls.into_inner(), 1, "it is not asked again once it broke off");
    assert!(check(dir.path()).is_sound(), "nothing was changed");
}

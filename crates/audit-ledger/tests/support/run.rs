//! One seeded run: a life of a ledger on a simulated disk, and the model it is compared with.

#![expect(clippy::cast_possible_truncation, reason = "simulated logs are small")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use audit_ledger::disk::{Crash, Disk, Fault, SimDisk};
use audit_ledger::fsck::{Question, Report, fsck};
use audit_ledger::{Config, Direction, Drive, Error, ErrorKind, Health, Ledger, Window};
use audit_tlog::{Frontier, Hash, LeafIndex, TreeSize, leaf_hash, verify_consistency, verify_inclusion};

use super::{Random, checkpoint_of, entry, environment, key_of, leaf_fn, leaf_of, new_entry, verifier};

/// What the outside world knows about a ledger.
#[derive(Default)]
struct Model {
    /// Acknowledged entries by index, with their keys.
    acknowledged: HashMap<u64, Vec<u8>>,
    /// Where each acknowledged key is.
    places: HashMap<u64, u64>,
    /// Bytes that a replacement whose fate is unknown may have put in an entry's place.
    perhaps: HashMap<u64, Vec<Vec<u8>>>,
    /// Keys offered whose fate is unknown.
    unknown: Vec<u64>,
    /// Checkpoints shown.
    shown: Vec<(u64, Hash)>,
    next_key: u64,
}

/// A run and its state.
pub struct Run {
    seed: u64,
    random: Random,
    pub disk: SimDisk,
    /// What the ledger is given: the disk itself, or one that keeps its promises badly.
    seen_as: Arc<dyn Disk>,
    pub config: Config,
    model: Model,
    now_us: i64,
}

impl Run {
    pub fn new(seed: u64) -> Self {
        Self::on(seed, |disk| Arc::new(disk))
    }

    /// A run whose ledger sees the disk through another one.
    pub fn on(seed: u64, seen_as: impl FnOnce(SimDisk) -> Arc<dyn Disk>) -> Self {
        let mut random = Random::new(seed);
        let mut config = Config::new("/data/ledger", "test/log");
        config.segment_entries = [16, 64, 64, 256, 512][random.below(5)];
        config.min_free_bytes = 0;
        config.window = Window { min_ids: 1 << 20, min_age_s: 3600, max_ids: 1 << 20 };
        config.dictionary_samples = if random.below(2) == 0 { 16 } else { usize::MAX / 8 };
        config.ring_bytes = [0, 20_000, 1 << 20][random.below(3)];
        config.cache_bytes = [1, 1 << 16][random.below(2)];
        config.drive = Drive::Caller;
        let disk = SimDisk::new(seed);
        Self {
            seed,
            random,
            seen_as: seen_as(disk.clone()),
            disk,
            config,
            model: Model::default(),
            now_us: 1_800_000_000_000_000,
        }
    }

    pub fn crash_and_recover(mut self) {
        let lives = 2 + self.random.below(5);
        for _ in 0..lives {
            let skip = self.random.below(60) as u64;
            let fault = self.any_fault();
            self.disk.fail_after(skip, fault);
            self.live();
            if !self.disk.is_down() {
                let crash = if self.random.below(2) == 0 { Crash::PowerLoss } else { Crash::Killed };
                self.disk.crash(crash);
            }
            self.disk.restart();
        }
        let ledger = self.open().expect("opens after any crash");
        self.append(&ledger);
        self.check_entries(&ledger);
        self.check_tree(&ledger);
        if self.random.below(2) == 0 {
            ledger.seal_pending().expect("seals");
        }
        ledger.close().expect("closes");
        self.check_files();
    }

    fn any_fault(&mut self) -> Fault {
        use Fault::*;
        let faults =
            [FailsBefore, FailsAfter, Torn, PowerLossBefore, PowerLossAfter, KilledBefore, KilledAfter];
        faults[self.random.below(faults.len())]
    }

    /// One life of the process: opens, works, ends somehow.
    fn live(&mut self) {
        let ledger = match self.open() {
            Ok(ledger) => ledger,
            Err(error) => {
                let by_the_fault = matches!(error, Error::Io { .. });
                assert!(by_the_fault, "seed {}: cannot open: {error}", self.seed);
                return;
            }
        };
        for _ in 0..self.random.below(25) {
            self.now_us += self.random.below(90_000_000) as i64;
            match self.random.below(12) {
                0..=7 => self.append(&ledger),
                8 => drop(ledger.seal_pending()),
                9 => self.publish(&ledger),
                10 => self.replace(&ledger),
                _ => self.check_some(&ledger),
            }
        }
        if self.random.below(4) == 0 {
            drop(ledger.close());
        }
    }

    pub fn open(&self) -> Result<Ledger, Error> {
        Ledger::open(self.config.clone(), environment(Arc::clone(&self.seen_as), self.now_us))
    }

    /// Appends a batch: half of the time of new entries only, so that frames are stored as prepared, else with
    /// repeated ones and ones whose fate is unknown.
    fn append(&mut self, ledger: &Ledger) {
        let len = [1, 1, 2, 5, 40, 70, 150][self.random.below(7)];
        let mut keys = Vec::new();
        let only_new = self.random.below(2) == 0;
        for _ in 0..len {
            let key = match self.random.below(10) {
                _ if only_new => self.new_key(),
                0 if self.model.next_key > 0 => self.random.below(self.model.next_key as usize) as u64,
                1 if !self.model.unknown.is_empty() => {
                    self.model.unknown[self.random.below(self.model.unknown.len())]
                }
                2 if !keys.is_empty() => keys[self.random.below(keys.len())],
                _ => self.new_key(),
            };
            keys.push(key);
        }
        let entries: Vec<Vec<u8>> = keys.iter().map(|key| entry(*key)).collect();
        let result = ledger.append(entries.iter().map(|bytes| new_entry(bytes)));
        match result {
            Ok(appended) => {
                assert_eq!(appended.placements.len(), keys.len());
                for (key, placement) in keys.iter().zip(&appended.placements) {
                    self.acknowledge(*key, placement.index.get(), placement.duplicate);
                }
                assert!(self.model.acknowledged.keys().all(|index| *index < appended.tree_size.get()));
            }
            Err(error) => {
                let expected = matches!(error.kind(), ErrorKind::Stopped | ErrorKind::RetryLater)
                    || matches!(error, Error::Io { .. });
                assert!(expected, "seed {}: {error}", self.seed);
                self.model.unknown.extend(keys.iter().filter(|key| !self.model.places.contains_key(key)));
            }
        }
    }

    fn new_key(&mut self) -> u64 {
        self.model.next_key += 1;
        self.model.next_key - 1
    }

    fn acknowledge(&mut self, key: u64, index: u64, duplicate: bool) {
        self.model.unknown.retain(|unknown| *unknown != key);
        match self.model.places.insert(key, index) {
            Some(before) => {
                assert_eq!(before, index, "key {key} is recorded once");
                assert!(duplicate, "and a repetition is called one");
            }
            None => {
                let before = self.model.acknowledged.insert(index, entry(key));
                assert_eq!(before, None, "an index is given once");
            }
        }
    }

    fn publish(&mut self, ledger: &Ledger) {
        if ledger.publish_checkpoint().is_ok() {
            let checkpoint = checkpoint_of(&ledger.checkpoint());
            self.model.shown.push((checkpoint.size().get(), *checkpoint.root()));
        }
    }

    /// Replaces some acknowledged entries by bytes with the same leaf data.
    fn replace(&mut self, ledger: &Ledger) {
        let sealed = ledger.stats().sealed_entries;
        let mut new = Vec::new();
        for _ in 0..3 {
            let index = self.random.below(sealed.max(1) as usize) as u64;
            if index < sealed
                && let Some(old) = self.model.acknowledged.get(&index)
            {
                let bytes = [&leaf_of(old)[..], b"\0", &self.random.next().to_le_bytes()].concat();
                new.push((LeafIndex::new(index), bytes));
            }
        }
        let offered: Vec<(LeafIndex, &[u8])> =
            new.iter().map(|(index, bytes)| (*index, &bytes[..])).collect();
        let replaced = ledger.replace(&offered).is_ok();
        for (index, bytes) in new {
            if replaced {
                self.model.acknowledged.insert(index.get(), bytes);
                self.model.perhaps.remove(&index.get());
            } else {
                self.model.perhaps.entry(index.get()).or_default().push(bytes);
            }
        }
    }

    /// Whether an entry read back is what it must be.
    fn is_as_recorded(&self, index: u64, found: &[u8]) -> bool {
        let recorded = self.model.acknowledged.get(&index);
        let mut perhaps = self.model.perhaps.get(&index).into_iter().flatten();
        recorded.is_none_or(|recorded| recorded == found) || perhaps.any(|bytes| bytes == found)
    }

    /// Reads some acknowledged entries back, as far as the fault lets us.
    fn check_some(&mut self, ledger: &Ledger) {
        let size = ledger.size().get();
        if size == 0 {
            return;
        }
        let index = self.random.below(size as usize) as u64;
        if let Ok(bytes) = ledger.reader().get(LeafIndex::new(index)) {
            assert!(self.is_as_recorded(index, &bytes), "entry {index}");
        }
    }

    // --- the end: everything against the model

    fn check_entries(&self, ledger: &Ledger) {
        let size = ledger.size().get();
        let reader = ledger.reader();
        let mut all = Vec::new();
        for frame in reader.scan(0..u64::MAX, Direction::Forward) {
            for (index, bytes) in frame.expect("readable").iter() {
                assert_eq!(index.get(), all.len() as u64, "in order without a gap");
                all.push(bytes.to_vec());
            }
        }
        assert_eq!(all.len() as u64, size);
        for index in self.model.acknowledged.keys() {
            let found = all.get(*index as usize);
            let kept = found.is_some_and(|bytes| self.is_as_recorded(*index, bytes));
            assert!(kept, "acknowledged entry {index} is {found:?}");
        }
        let mut keys: Vec<&[u8]> = all.iter().map(|bytes| key_of(bytes)).collect();
        keys.sort_unstable();
        let distinct = {
            keys.dedup();
            keys.len()
        };
        assert_eq!(distinct, all.len(), "no entry is doubled");
        let mut backward = Vec::new();
        for frame in reader.scan(size / 3..size, Direction::Backward) {
            backward.extend(frame.expect("readable").iter().rev().map(|(_, bytes)| bytes.to_vec()));
        }
        backward.reverse();
        assert_eq!(backward, all[(size / 3) as usize..]);
    }

    fn check_tree(&mut self, ledger: &Ledger) {
        let note = ledger.publish_checkpoint().expect("publishes");
        let newest = checkpoint_of(&note);
        let size = ledger.size();
        assert_eq!(newest.size(), size);
        let mut naive = Frontier::new();
        let mut roots = vec![naive.root()];
        let mut leaves = Vec::new();
        for frame in ledger.reader().scan(0..u64::MAX, Direction::Forward) {
            for (_, bytes) in frame.expect("readable").iter() {
                let leaf = leaf_hash(&leaf_of(bytes));
                naive.push(leaf);
                leaves.push(leaf);
                roots.push(naive.root());
            }
        }
        assert_eq!(*newest.root(), naive.root());
        for (shown, root) in &self.model.shown {
            assert_eq!(roots.get(*shown as usize), Some(root), "checkpoint of {shown} entries");
            let proof = ledger.consistency_proof(TreeSize::new(*shown), size).expect("provable");
            verify_consistency(TreeSize::new(*shown), root, size, newest.root(), &proof).expect("consistent");
        }
        for _ in 0..3 {
            let within = 1 + self.random.below(leaves.len());
            let index = LeafIndex::new(self.random.below(within) as u64);
            let within = TreeSize::new(within as u64);
            let proof = ledger.inclusion_proof(index, within).expect("provable");
            let (leaf, root) = (&leaves[index.get() as usize], &roots[within.get() as usize]);
            verify_inclusion(leaf, index, within, root, &proof).expect("included");
        }
    }

    fn check_files(&self) {
        let report = self.fsck();
        assert!(report.is_sound(), "seed {}: {report:?}", self.seed);
        assert_eq!(report.unfinished_bytes, 0);
        assert!(report.entries as usize >= self.model.acknowledged.len());
    }

    pub fn fsck(&self) -> Report {
        let question = Question {
            dir: Path::new("/data/ledger"),
            leaf_fn,
            keys: &[verifier()],
            external: None,
            threads: 1,
        };
        fsck(&self.disk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable")
    }

    // --- bit flips

    pub fn flip_a_bit(mut self) {
        let ledger = self.open().expect("opens");
        for _ in 0..1 + self.random.below(12) {
            self.append(&ledger);
        }
        if self.random.below(2) == 0 {
            ledger.seal_pending().expect("seals");
            self.replace(&ledger);
        }
        self.publish(&ledger);
        ledger.close().expect("closes");
        drop(ledger);
        self.check_files();
        self.disk.restart();
        let (file, offset) = self.disk.flip_bit(is_data).expect("there is a file");
        let place = || format!("seed {}: {} at {offset}", self.seed, file.display());
        let report = self.try_fsck();
        let found = report.is_none_or(|report| !report.is_sound());
        assert!(found, "{}: not found", place());
        // Opened all the same, it returns what was recorded, or an error.
        let Ok(ledger) = self.open() else { return };
        for index in 0..ledger.size().get() {
            if let Ok(bytes) = ledger.reader().get(LeafIndex::new(index)) {
                let expected = &self.model.acknowledged[&index];
                assert_eq!(&bytes[..], &expected[..], "{}: entry {index}", place());
            }
        }
        assert_eq!(ledger.size().get() as usize, self.model.acknowledged.len(), "{}", place());
    }

    fn try_fsck(&self) -> Option<Report> {
        let question = Question {
            dir: Path::new("/data/ledger"),
            leaf_fn,
            keys: &[verifier()],
            external: None,
            threads: 1,
        };
        fsck(&self.disk, &question, &|_, _| std::ops::ControlFlow::Continue(())).ok()
    }

    // --- a full disk

    pub fn fill_the_disk(mut self) {
        self.config.min_free_bytes = [0, 10_000][self.random.below(2)];
        let ledger = self.open().expect("opens");
        self.append(&ledger);
        let room = self.disk.used_bytes() + self.random.below(40_000) as u64;
        self.disk.set_capacity(room);
        for _ in 0..20 {
            self.append(&ledger);
            drop(ledger.seal_pending());
        }
        let size = ledger.size().get();
        for index in 0..size {
            ledger.reader().get(LeafIndex::new(index)).expect("reads go on");
        }
        self.disk.set_capacity(u64::MAX);
        let needs_reopening = matches!(ledger.health(), Health::Poisoned { .. });
        let ledger = if needs_reopening {
            drop(ledger);
            self.disk.crash(Crash::Killed);
            self.disk.restart();
            self.open().expect("opens")
        } else {
            ledger
        };
        self.append(&ledger);
        ledger.seal_pending().expect("seals");
        self.check_entries(&ledger);
        self.check_tree(&ledger);
        ledger.close().expect("closes");
        self.check_files();
    }
}

/// All files but the lock, which holds nothing, and the saved idempotency window, which is only a cache.
fn is_data(path: &Path) -> bool {
    path != Path::new("/data/ledger/lock") && path != Path::new("/data/ledger/ids")
}

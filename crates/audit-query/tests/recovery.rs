//! Whatever a crash leaves behind and whatever is damaged: the index opens, answers as the oracle does or says
//! which file is damaged, and puts itself right.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;
mod growing;

use audit_query::naive::Naive;
use audit_query::question::{Answers, Budget, Count, Group, List, Page, Table};
use audit_query::{Error, Filter, Index, Rebuilt};
use growing::{Growing, open};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EVENTS: usize = 70;
const LONG: Duration = Duration::from_secs(30);

/// Events, questions about them, and an index directory that was closed in good order.
struct Scene {
    entries: Vec<Vec<u8>>,
    growing: Growing,
    lists: Vec<(List, Page)>,
    groups: Vec<(Group, Table)>,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene::among(&mut TestRunner::deterministic(), EVENTS, tempfile::tempdir().unwrap());
        scene.open().close().unwrap();
        scene
    }

    /// Other events than those made with this runner before, over whatever is in `dir`.
    fn among(runner: &mut TestRunner, count: usize, dir: tempfile::TempDir) -> Scene {
        let events: Vec<_> = (0..count).map(|_| sample(runner, &generate::event())).collect();
        let entries = generate::encode(&events);
        let naive = Naive::new(entries.clone());
        let budget = Budget::unlimited();
        let mut lists: Vec<List> = (0..40).map(|_| sample(runner, &generate::list())).collect();
        lists.push(everything());
        let groups: Vec<Group> = (0..20).map(|_| sample(runner, &generate::group())).collect();
        let growing = Growing::new(entries.clone());
        growing.show(count);
        Scene {
            lists: lists
                .into_iter()
                .map(|list| (list.clone(), naive.list(&list, &budget).unwrap()))
                .collect(),
            groups: groups
                .into_iter()
                .map(|group| (group.clone(), naive.group(&group, &budget).unwrap()))
                .collect(),
            dir,
            entries,
            growing,
        }
    }

    /// The index, once it has caught up.
    fn open(&self) -> Index {
        let index = open(self.dir.path(), &self.growing);
        assert!(index.wait_for(self.entries.len() as u64, LONG));
        index
    }

    /// Asks everything; every answer is right, or names a damaged file. Says whether all were right.
    fn ask(&self, index: &Index) -> bool {
        let budget = Budget::unlimited();
        let lists = self.lists.iter().all(|(list, expected)| is_right(index.list(list, &budget), expected));
        let groups = self.groups.iter().all(|(group, expected)| {
            // What the answer says of groups is compared in oracle.rs; here their number tells.
            let answer = index.group(group, &budget).map(|table| (table.rows.len(), table.left_out));
            is_right(answer, &(expected.rows.len(), expected.left_out))
        });
        let count = self.entries.len();
        let ids: Vec<String> = (0..count + 1).map(|n| format!("e-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut expected = vec![true; count];
        expected.push(false);
        let contained = is_right(index.contains_ids(&ids), &expected);
        let found = (0..count).all(|n| is_right(index.find_id(&format!("e-{n}")), &Some(n as u64)));
        lists && groups && contained && found
    }

    /// Asks until every answer is right: damage that was noticed is repaired in the background.
    fn ask_until_right(&self, index: &Index) {
        let patience = std::time::Instant::now() + LONG;
        while !self.ask(index) {
            assert!(std::time::Instant::now() < patience, "the index is not repaired: {:?}", index.status());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        files
    }

    fn manifest(&self) -> PathBuf {
        self.dir.path().join("manifest")
    }
}

fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn everything() -> List {
    List {
        filter: Filter::All,
        range: audit_query::question::TimeRange::ALL,
        order: audit_query::question::Order::NewestFirst,
        limit: EVENTS,
        after: None,
        snapshot: None,
        count: true,
    }
}

fn is_right<T: PartialEq + std::fmt::Debug>(answer: Result<T, Error>, expected: &T) -> bool {
    match answer {
        Ok(answer) => {
            assert_eq!(answer, *expected);
            true
        }
        Err(Error::Damaged { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_index_closed_in_good_order_is_read_from_disk() {
    let scene = Scene::new();
    let index = scene.open();
    assert!(scene.ask(&index));
    let status = index.status();
    assert_eq!((status.searchable, status.lag, status.damaged.len()), (EVENTS as u64, 0, 0));
    assert_eq!(status.flushed, 64, "four partitions; the rest is too little for another");
}

#[test]
fn what_a_crash_left_over_is_removed() {
    let scene = Scene::new();
    let before = (scene.files("parquet"), scene.files("summary"));
    for name in ["p0000009999.parquet", "p0000009999.summary", "manifest.new"] {
        fs::write(scene.dir.path().join(name), "half written").unwrap();
    }
    let of_others = ["notes.txt", "p12.parquet", "manifest.old"].map(|name| scene.dir.path().join(name));
    of_others.iter().for_each(|path| fs::write(path, "not ours").unwrap());
    assert!(scene.ask(&scene.open()));
    assert!(of_others.iter().all(|path| path.exists()), "what is not ours stays");
    fs::remove_file(&of_others[1]).unwrap();
    assert_eq!((scene.files("parquet"), scene.files("summary")), before);
    assert!(!scene.dir.path().join("manifest.new").exists());
}

/// A crash after the files of a partition were written and before the manifest named them.
#[test]
fn a_partition_that_the_manifest_does_not_name_is_made_again() {
    let scene = Scene::new();
    let dir = tempfile::tempdir().unwrap();
    scene.growing.show(40);
    let index = open(dir.path(), &scene.growing);
    assert!(index.wait_for(40, LONG));
    index.close().unwrap();
    drop(index);
    fs::copy(dir.path().join("manifest"), scene.manifest()).unwrap();
    scene.growing.show(EVENTS);
    assert!(scene.ask(&scene.open()));
}

#[test]
fn a_manifest_that_is_gone_or_damaged_is_built_anew() {
    let scene = Scene::new();
    fs::remove_file(scene.manifest()).unwrap();
    assert!(scene.ask(&scene.open()));
    for at in [0, 20, 100] {
        scene.open().close().unwrap();
        flip(&scene.manifest(), at);
        let index = scene.open();
        assert_eq!(index.status().damaged, ["manifest"]);
        assert_eq!(index.status().rebuilt, Some(Rebuilt::ManifestDamaged));
        assert!(scene.ask(&index));
    }
    scene.open().close().unwrap();
    fs::write(scene.manifest(), "").unwrap();
    assert!(scene.ask(&scene.open()));
}

#[test]
fn files_that_are_gone_or_cut_short_are_named_and_rebuilt() {
    for extension in ["parquet", "summary"] {
        let scene = Scene::new();
        let lost = scene.files(extension).remove(1);
        fs::remove_file(&lost).unwrap();
        let index = scene.open();
        assert_eq!(index.status().damaged, [lost.file_name().unwrap().to_str().unwrap()]);
        assert!(scene.ask(&index), "rebuilt before questions are answered");
        drop(index);
        let cut = scene.files(extension).remove(2);
        let length = fs::metadata(&cut).unwrap().len();
        for keep in [length - 1, length / 2, 11, 0] {
            fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(keep).unwrap();
            scene.ask_until_right(&scene.open());
            // The rebuilt partition has new names.
            if !cut.exists() {
                break;
            }
        }
    }
}

#[test]
fn no_flipped_bit_gives_a_wrong_answer() {
    for extension in ["parquet", "summary"] {
        let length = fs::read(&Scene::new().files(extension)[0]).unwrap().len();
        for at in (0..length).step_by(length / 12) {
            let scene = Scene::new();
            flip(&scene.files(extension)[0], at);
            scene.ask_until_right(&scene.open());
        }
    }
}

#[test]
fn an_index_ahead_of_its_ledger_is_built_anew() {
    let scene = Scene::new();
    scene.growing.show(20);
    let index = open(scene.dir.path(), &scene.growing);
    assert_eq!(index.status().rebuilt, Some(Rebuilt::LedgerShorter));
    assert!(index.wait_for(20, LONG));
    let count = Count { filter: Filter::All, range: audit_query::question::TimeRange::ALL, snapshot: None };
    assert_eq!(index.count(&count, &Budget::unlimited()).unwrap(), 20);
    scene.growing.show(EVENTS);
    assert!(index.wait_for(EVENTS as u64, LONG));
    assert!(scene.ask(&index));
}

/// A ledger restored from elsewhere, as large as the one before or larger, under the index of that one.
#[test]
fn an_index_of_another_ledger_is_built_anew() {
    for size in [EVENTS, EVENTS + 50] {
        let mut runner = TestRunner::deterministic();
        let first = Scene::among(&mut runner, EVENTS, tempfile::tempdir().unwrap());
        first.open().close().unwrap();
        let second = Scene::among(&mut runner, size, first.dir);
        assert_ne!(second.entries[..EVENTS], first.entries);
        let index = second.open();
        assert_eq!(index.status().rebuilt, Some(Rebuilt::OtherLedger));
        assert!(second.ask(&index));
        index.close().unwrap();
        drop(index);
        assert_eq!(second.open().status().rebuilt, None, "it belongs to the new one now");
    }
}

/// The same ledger in an older state has grown again, by other events.
#[test]
fn an_index_whose_last_entries_were_replaced_is_built_anew() {
    let scene = Scene::new();
    let mut entries = scene.entries.clone();
    entries.swap(62, 63);
    let growing = Growing::new(entries.clone());
    growing.show(EVENTS);
    let index = open(scene.dir.path(), &growing);
    assert_eq!(index.status().rebuilt, Some(Rebuilt::OtherLedger));
    assert!(index.wait_for(EVENTS as u64, LONG));
    let (list, budget) = (everything(), Budget::unlimited());
    assert_eq!(index.list(&list, &budget).unwrap(), Naive::new(entries).list(&list, &budget).unwrap());
}

#[test]
fn entries_that_cannot_be_decoded_are_left_out_and_counted() {
    let mut scene = Scene::new();
    scene.entries[5] = b"no entry".to_vec();
    scene.entries[33] = Vec::new();
    let growing = Growing::new(scene.entries.clone());
    growing.show(EVENTS);
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), &growing);
    assert!(index.wait_for(EVENTS as u64, LONG));
    let check = |index: &Index| {
        let page = index.list(&everything(), &Budget::unlimited()).unwrap();
        let mut indices: Vec<u64> = page.rows.iter().map(|row| row.index).collect();
        indices.sort_unstable();
        let expected: Vec<u64> = (0..EVENTS as u64).filter(|index| ![5, 33].contains(index)).collect();
        assert_eq!(indices, expected);
    };
    assert_eq!(index.status().undecodable, 2);
    check(&index);
    index.close().unwrap();
    drop(index);
    let index = open(dir.path(), &growing);
    assert!(index.wait_for(EVENTS as u64, LONG));
    check(&index);
    index.reindex(&mut |_, _| {}).unwrap();
    check(&index);
}

#[test]
fn reindexing_tells_how_far_it_is() {
    let scene = Scene::new();
    let index = scene.open();
    let before = scene.files("parquet");
    let mut seen = Vec::new();
    index.reindex(&mut |done, total| seen.push((done, total))).unwrap();
    assert_eq!(seen, [(0, 64), (16, 64), (32, 64), (48, 64), (64, 64)]);
    assert!(scene.ask(&index));
    assert!(before.iter().all(|old| !old.exists()), "every file is new");
}

#[test]
fn an_index_that_cannot_write_goes_on_answering_and_catches_up() {
    let scene = Scene::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    scene.growing.show(20);
    let index = open(&path, &scene.growing);
    assert!(index.wait_for(20, LONG));
    while index.status().flushed < 16 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // As good as a disk that is gone: no file can be made.
    fs::remove_dir_all(&path).unwrap();
    scene.growing.show(EVENTS);
    assert!(index.wait_for(40, LONG), "rows in memory are searchable");
    let count =
        Count { filter: Filter::All, range: audit_query::question::TimeRange::ALL, snapshot: Some(40) };
    assert_eq!(index.count(&count, &Budget::unlimited()).unwrap(), 40);
    let failing = loop {
        if let Some(failing) = index.status().failing {
            break failing;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(failing.error.contains("No such file"), "{}", failing.error);
    assert_eq!(index.status().flushed, 16);
    fs::create_dir(&path).unwrap();
    assert!(index.wait_for(EVENTS as u64, LONG), "it tries again");
    while index.status().flushed < 64 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(index.status().failing, None);
    assert!(scene.ask(&index));
    index.close().unwrap();
    drop(index);
    let index = open(&path, &scene.growing);
    assert!(index.wait_for(EVENTS as u64, LONG));
    assert_eq!(index.status().damaged.len(), 1, "the partition that went with the directory");
    assert!(scene.ask(&index));
}

#[test]
fn failed_attempts_leave_no_files_behind() {
    let scene = Scene::new();
    let dir = tempfile::tempdir().unwrap();
    // The manifest is written under this name first: now it cannot be.
    let obstacle = dir.path().join("manifest.new");
    fs::create_dir(&obstacle).unwrap();
    let files = || {
        let names = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| name != "manifest.new" && name != "manifest").count()
    };
    scene.growing.show(20);
    let index = open(dir.path(), &scene.growing);
    // It tries every ten milliseconds.
    let many_attempts = Duration::from_millis(300);
    while index.status().failing.is_none_or(|failing| failing.elapsed < many_attempts) {
        // A directory is not read in one moment: those of an attempt that ends and of the next may be seen together.
        assert!(files() <= 2 || files() <= 2 || files() <= 2, "the files of one attempt at most");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(index.status().flushed, 0);
    fs::remove_dir(&obstacle).unwrap();
    scene.growing.show(EVENTS);
    assert!(index.wait_for(EVENTS as u64, LONG));
    while index.status().flushed < 64 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(files(), 2 * index.status().partitions);
    assert!(scene.ask(&index));
}

#[test]
fn a_rewrite_that_fails_leaves_the_index_as_it_is() {
    let scene = Scene::new();
    let index = scene.open();
    let before = (scene.files("parquet"), scene.files("summary"));
    let obstacle = scene.dir.path().join("manifest.new");
    fs::create_dir(&obstacle).unwrap();
    assert!(index.reindex(&mut |_, _| {}).is_err());
    assert_eq!((scene.files("parquet"), scene.files("summary")), before);
    assert!(scene.ask(&index));
    fs::remove_dir(&obstacle).unwrap();
    index.reindex(&mut |_, _| {}).unwrap();
    assert!(scene.ask(&index));
}

#[test]
fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let scene = Scene::new();
    let dir = scene.dir.path().join("below/index");
    let index = open(&dir, &scene.growing);
    assert!(index.wait_for(EVENTS as u64, LONG));
    index.close().unwrap();
    assert_eq!([mode(dir.parent().unwrap()), mode(&dir)], [0o700, 0o700]);
    let files: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 4);
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
}

//! The index over a real ledger: what is appended becomes searchable, and stays so when both are opened again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../generate/mod.rs"]
mod generate;
mod proof;

use audit_event::{entry_id, leaf_data};
use audit_ledger::disk::RealDisk;
use audit_ledger::{BadEntry, Environment, Ledger, NewEntry};
use audit_query::naive::Naive;
use audit_query::question::{Answers as _, Budget, List, Order, TimeRange};
use audit_query::{Config, Filter, Index, Rebuilt};
use audit_tlog::Signer;
use audit_tlog::note::KeyName;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const EVENTS: usize = 600;

fn leaf(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    leaf.extend_from_slice(leaf_data(entry).map_err(|_| BadEntry)?.as_bytes());
    Ok(())
}

fn key(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry> {
    key.extend_from_slice(entry_id(entry).map_err(|_| BadEntry)?.as_bytes());
    Ok(())
}

fn signer() -> Signer {
    Signer::from_seed(KeyName::new("test.example/audit").unwrap(), &[1; 32])
}

fn open_ledger(dir: &Path) -> Ledger {
    let mut config = audit_ledger::Config::new(dir.join("ledger"), "test.example/audit");
    (config.segment_entries, config.min_free_bytes) = (128, 0);
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(|| 1_795_176_000_000_000),
        signer: Arc::new(signer()),
        former_keys: Vec::new(),
        leaf_fn: leaf,
        key_fn: key,
        same_fn: |recorded, offered| recorded == offered,
    };
    Ledger::open(config, environment).unwrap()
}

fn open_index(dir: &Path, ledger: &Ledger) -> Index {
    let mut config = Config::new(dir.join("index"));
    (config.partition_rows, config.page_rows) = (200, 32);
    Index::open(config, ledger.clone()).unwrap()
}

fn append(ledger: &Ledger, entries: &[Vec<u8>]) {
    let leaves: Vec<_> = entries.iter().map(|bytes| leaf_data(bytes).unwrap()).collect();
    let ids: Vec<_> = entries.iter().map(|bytes| entry_id(bytes).unwrap()).collect();
    let new = entries.iter().zip(&leaves).zip(&ids);
    let new = new.map(|((bytes, leaf), id)| NewEntry { key: id.as_bytes(), bytes, leaf: leaf.as_bytes() });
    ledger.append(new).unwrap();
}

fn check(index: &Index, entries: &[Vec<u8>]) {
    assert!(index.wait_for(entries.len() as u64, Duration::from_secs(30)));
    let naive = Naive::new(entries.to_vec());
    for filter in
        ["", "brake", "category:authentication", "user:ada@example.com", "-outcome:success 10.0.0.0/8"]
    {
        let filter = Filter::parse(filter).unwrap();
        let (range, order) = (TimeRange::ALL, Order::NewestFirst);
        let list = List { filter, range, order, limit: 40, after: None, snapshot: None, count: true };
        let budget = Budget::unlimited();
        assert_eq!(
            index.list(&list, &budget).unwrap(),
            naive.list(&list, &budget).unwrap(),
            "{}",
            list.filter
        );
    }
}

#[test]
fn what_the_ledger_holds_is_searchable() {
    let mut runner = TestRunner::deterministic();
    let events: Vec<_> =
        (0..EVENTS).map(|_| generate::event().new_tree(&mut runner).unwrap().current()).collect();
    let entries = generate::encode(&events);
    let dir = tempfile::tempdir().unwrap();
    let ledger = open_ledger(dir.path());
    let index = open_index(dir.path(), &ledger);
    for end in [1, 7, 130, 350] {
        append(&ledger, &entries[usize::try_from(ledger.size().get()).unwrap()..end]);
        check(&index, &entries[..end]);
    }
    index.close().unwrap();
    append(&ledger, &entries[350..]);
    ledger.close().unwrap();
    drop((index, ledger));

    let ledger = open_ledger(dir.path());
    let index = open_index(dir.path(), &ledger);
    check(&index, &entries);
    index.reindex(&mut |_, _| {}).unwrap();
    check(&index, &entries);
}

#[test]
fn the_index_of_one_ledger_is_not_used_for_another() {
    let mut runner = TestRunner::deterministic();
    let mut events: Vec<_> =
        (0..EVENTS).map(|_| generate::event().new_tree(&mut runner).unwrap().current()).collect();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let entries = generate::encode(&events);
    let ledger = open_ledger(first.path());
    append(&ledger, &entries);
    let index = open_index(second.path(), &ledger);
    check(&index, &entries);
    index.close().unwrap();
    assert_eq!(index.status().flushed, 600);
    drop((index, ledger));
    let ledger = open_ledger(first.path());
    let index = open_index(second.path(), &ledger);
    assert_eq!((index.status().rebuilt, index.status().flushed), (None, 600));
    drop((index, ledger));

    events.swap(0, 1);
    let entries = generate::encode(&events);
    let ledger = open_ledger(second.path());
    append(&ledger, &entries);
    let index = open_index(second.path(), &ledger);
    assert_eq!(index.status().rebuilt, Some(Rebuilt::OtherLedger));
    check(&index, &entries);
}

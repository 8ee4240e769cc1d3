//! Answers while events arrive, partitions are written and others are rewritten: each is about one moment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;
mod growing;

use audit_query::filter::Field;
use audit_query::naive::Naive;
use audit_query::question::{
    Answers as _, Budget, Count, Group, GroupKey, List, Measure, Order, PageKey, TimeRange, Value,
};
use audit_query::{Filter, Index};
use growing::{Growing, open};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::time::Duration;

const EVENTS: usize = 1500;
const LONG: Duration = Duration::from_secs(60);

fn list(after: Option<PageKey>, snapshot: Option<u64>) -> List {
    let (filter, range, order) =
        (Filter::parse("-outcome:denied").unwrap(), TimeRange::ALL, Order::NewestFirst);
    List { filter, range, order, limit: 20, after, snapshot, count: true }
}

/// Everything there is at `snapshot` is counted once, in whichever way.
fn check_counts(index: &Index, snapshot: u64) {
    let (filter, range, budget) = (Filter::All, TimeRange::ALL, Budget::unlimited());
    let count = Count { filter: filter.clone(), range, snapshot: Some(snapshot) };
    assert_eq!(index.count(&count, &budget).unwrap(), snapshot);
    for field in [Field::Category, Field::Department, Field::TargetId] {
        let (keys, measures) = (vec![GroupKey::Field(field)], vec![Measure::Count]);
        let snapshot = Some(snapshot);
        let group = Group { filter: filter.clone(), range, keys, measures, limit: usize::MAX, snapshot };
        let table = index.group(&group, &budget).unwrap();
        let events = table.rows.iter().map(|row| match row.values[0] {
            Value::Whole(events) => events,
            _ => panic!("events are whole"),
        });
        let events: u64 = events.sum();
        match field {
            // With several targets an event is in several groups.
            Field::TargetId => assert!(Some(events) >= snapshot),
            _ => assert_eq!(Some(events), snapshot),
        }
    }
}

#[test]
fn pages_of_one_list_are_about_one_moment() {
    let mut runner = TestRunner::deterministic();
    let events: Vec<_> =
        (0..EVENTS).map(|_| generate::event().new_tree(&mut runner).unwrap().current()).collect();
    let entries = generate::encode(&events);
    let growing = Growing::new(entries.clone());
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), &growing);
    let (budget, mut rounds) = (Budget::unlimited(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for size in (0..=EVENTS).step_by(7).chain([EVENTS]) {
                growing.show(size);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        while index.snapshot() < EVENTS as u64 {
            let first = index.list(&list(None, None), &budget).unwrap();
            check_counts(&index, first.snapshot);
            if rounds % 16 == 3 {
                index.reindex(&mut |_, _| {}).unwrap();
            }
            let naive = Naive::new(entries[..usize::try_from(first.snapshot).unwrap()].to_vec());
            let mut page = first.clone();
            for _ in 0..3 {
                let Some(next) = page.next else { break };
                let question = list(Some(next), Some(first.snapshot));
                page = index.list(&question, &budget).unwrap();
                assert_eq!(page, naive.list(&question, &budget).unwrap());
            }
            rounds += 1;
        }
    });
    assert!(index.wait_for(EVENTS as u64, LONG));
    check_counts(&index, EVENTS as u64);
    assert_eq!(
        index.list(&list(None, None), &budget).unwrap(),
        Naive::new(entries).list(&list(None, None), &budget).unwrap()
    );
}

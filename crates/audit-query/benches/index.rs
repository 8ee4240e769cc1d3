//! Indexing entries that are in memory, and questions to an index of 300,000 events, most of them in partitions.

#![allow(clippy::unwrap_used, reason = "the bench's own index is readable")]

mod workload;

use audit_query::filter::Field;
use audit_query::question::{
    Answers as _, Bucket, Budget, Group, GroupKey, List, Measure, NumberField, Order, RankBy, Ranking, Scan,
    TimeRange,
};
use audit_query::{Config, Entries, Error, Filter, Identity, Index};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Events in the index that is asked.
const EVENTS: u64 = 300_000;
/// Events indexed at once, and rows of a partition: what is asked has several partitions and rows in memory.
const PARTITION: u64 = 65_536;
const LONG: Duration = Duration::from_secs(600);

/// Entries made when they are read.
struct Made(u64);

impl Entries for Made {
    fn size(&self) -> u64 {
        self.0
    }

    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64 {
        if size >= self.0 {
            std::thread::sleep(timeout);
        }
        self.0
    }

    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error> {
        let entries = workload::entries(range.start, range.end, EVENTS);
        range.zip(&entries).for_each(|(index, entry)| visit(index, &entry.bytes));
        Ok(())
    }

    fn identity(&self, _size: u64) -> Result<Identity, Error> {
        Ok(Identity { origin: "bench".to_owned(), root: [0; 32] })
    }
}

/// Entries made beforehand.
#[derive(Clone)]
struct Ready(Arc<Vec<Vec<u8>>>);

impl Entries for Ready {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn wait_beyond(&self, size: u64, timeout: Duration) -> u64 {
        if size >= self.size() {
            std::thread::sleep(timeout);
        }
        self.size()
    }

    fn read(&self, range: Range<u64>, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), Error> {
        let entries = self.0.iter().take(usize::try_from(range.end).unwrap());
        (0..)
            .zip(entries)
            .skip(usize::try_from(range.start).unwrap())
            .for_each(|(at, bytes)| visit(at, bytes));
        Ok(())
    }

    fn identity(&self, _size: u64) -> Result<Identity, Error> {
        Ok(Identity { origin: "bench".to_owned(), root: [0; 32] })
    }
}

fn open(dir: &Path, entries: impl Entries + 'static) -> Index {
    let mut config = Config::new(dir);
    config.partition_rows = usize::try_from(PARTITION).unwrap();
    Index::open(config, entries).unwrap()
}

fn indexing(criterion: &mut Criterion) {
    let entries = workload::entries(0, PARTITION, EVENTS).into_iter().map(|entry| entry.bytes).collect();
    let entries = Ready(Arc::new(entries));
    let mut group = criterion.benchmark_group("index");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5))
        .throughput(Throughput::Elements(PARTITION));
    group.bench_function("a partition, from entries to disk", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().unwrap(),
            |dir| {
                let index = open(dir.path(), entries.clone());
                assert!(index.wait_for(PARTITION, LONG));
                index.close().unwrap();
                dir
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn questions(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), Made(EVENTS));
    assert!(index.wait_for(EVENTS, LONG));
    let mut group = criterion.benchmark_group("question");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let budget = Budget::unlimited();
    let lists = [
        ("latest 50", ""),
        ("a department's 50 with count", "department:finance"),
        ("an address with count", "ip:10.1.2.3"),
        ("a word with count", "rotor"),
        ("failed within authentication with count", "category:authentication failed"),
    ];
    for (name, filter) in lists {
        let list = List {
            filter: Filter::parse(filter).unwrap(),
            range: TimeRange::ALL,
            order: Order::NewestFirst,
            limit: 50,
            after: None,
            snapshot: None,
            count: !filter.is_empty(),
        };
        group.bench_function(name, |bencher| bencher.iter(|| index.list(&list, &budget).unwrap()));
    }
    let day = GroupKey::Time { bucket: Bucket::Day, tz: jiff::tz::TimeZone::UTC };
    let field = GroupKey::Field;
    let groups = [
        ("events by day and category", vec![day, field(Field::Category)], Measure::Count),
        (
            "tokens by department and model",
            vec![field(Field::Department), field(Field::Model)],
            Measure::Sum(NumberField::TotalTokens),
        ),
        ("events by address", vec![field(Field::Ip)], Measure::Count),
    ];
    for (name, keys, measure) in groups {
        let (filter, range) = (Filter::All, TimeRange::ALL);
        let question = Group { filter, range, keys, measures: vec![measure], limit: 1000, snapshot: None };
        group.bench_function(name, |bencher| bencher.iter(|| index.group(&question, &budget).unwrap()));
    }
    for filter in ["", "rotor", "user:ava.smith.7@partsco.example", "category:authentication failed"] {
        let counts = page_counts(&Filter::parse(filter).unwrap());
        group.bench_function(format!("a page's counts: {filter:?}"), |bencher| {
            bencher.iter(|| index.groups(&counts, None, &budget).unwrap());
        });
    }
    let people = people();
    group.bench_function("people by their latest event", |bencher| {
        bencher.iter(|| index.rank(&people, &budget).unwrap());
    });
    group.throughput(Throughput::Elements(EVENTS));
    let (filter, range, order) = (Filter::All, TimeRange::ALL, Order::OldestFirst);
    let scan = Scan { filter, range, order, after: None, snapshot: None };
    group.bench_function("scan of everything", |bencher| {
        bencher.iter(|| index.scan(&scan, &budget, &mut |_| ControlFlow::Continue(())).unwrap());
    });
    group.finish();
}

/// What the Events page counts: by category, outcome, action, and by week and category.
fn page_counts(filter: &Filter) -> Vec<Group> {
    let week = GroupKey::Time { bucket: Bucket::Week, tz: jiff::tz::TimeZone::UTC };
    let field = |field| vec![GroupKey::Field(field)];
    let by = [
        field(Field::Category),
        field(Field::Outcome),
        field(Field::Action),
        vec![week, GroupKey::Field(Field::Category)],
    ];
    let (range, measures) = (TimeRange::ALL, vec![Measure::Count]);
    let group = |keys| Group {
        filter: filter.clone(),
        range,
        keys,
        measures: measures.clone(),
        limit: 2400,
        snapshot: None,
    };
    by.into_iter().map(group).collect()
}

/// Fifty people with what the People page shows of each.
fn people() -> Ranking {
    let when = |measure: Measure, filter: &str| measure.when(Filter::parse(filter).unwrap());
    let measures = vec![
        Measure::Count,
        Measure::First,
        Measure::Last,
        when(Measure::Last, "action:auth.login"),
        when(Measure::Count, "action:auth.login_failed"),
        Measure::Sum(NumberField::TotalTokens),
        when(Measure::Distinct(Field::TargetId), "category:conversation"),
        when(Measure::Count, "action:file.uploaded"),
        Measure::Latest(Field::Department),
    ];
    let (filter, range, keys) = (Filter::All, TimeRange::ALL, vec![GroupKey::Field(Field::ActorId)]);
    let group = Group { filter, range, keys, measures, limit: 50, snapshot: None };
    Ranking { group, by: RankBy::Measure(2), descending: true, skip: 0 }
}

criterion_group!(benches, indexing, questions);
criterion_main!(benches);

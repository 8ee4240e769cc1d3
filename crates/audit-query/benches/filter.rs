//! What a filter costs for each event, and to read.

mod workload;

use audit_event::{Entry, Fields};
use audit_query::Filter;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const EVENTS: u64 = 1000;

const QUERIES: [&str; 5] = [
    "category:authentication outcome:failure",
    "user:ava.smith.7@partsco.example",
    "ip:10.3.0.0/16 -action:model.called",
    "\"brake rotor\"",
    "zephyrine* OR tokens>5000",
];

fn matching(criterion: &mut Criterion) {
    let encoded = workload::entries(0, EVENTS, EVENTS);
    let entries: Vec<Entry<'_>> =
        encoded.iter().map(|e| Entry::decode(&e.bytes).expect("an entry")).collect();
    let events: Vec<Fields<'_>> = entries.iter().map(|e| Fields::decode(e).expect("an event")).collect();
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    for query in QUERIES {
        let filter = Filter::parse(query).expect("a query");
        group.bench_function(BenchmarkId::new("matches", query), |bencher| {
            bencher.iter(|| black_box(&events).iter().filter(|event| filter.matches(event)).count());
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let query = r#"action:auth.login_failed user:ada@x ip:10.0.0.0/8 "brake rotor" -outcome:success tokens>1000 (a OR b)"#;
    criterion.bench_function("filter/parse", |bencher| bencher.iter(|| Filter::parse(black_box(query))));
}

criterion_group!(benches, matching, parsing);
criterion_main!(benches);

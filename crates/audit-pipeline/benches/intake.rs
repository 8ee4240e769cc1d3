//! What an event costs on its way in, without the disk: parsing, scrubbing, encoding, hashing and compressing a
//! batch of 1,000 lines, and making up demo events.

use std::hint::black_box;
use std::sync::Arc;

use audit_event::{EncodeParams, Encoder, Entry, ManualClock, Timestamp};
use audit_ledger::disk::SimDisk;
use audit_ledger::{Config, Drive, Environment, Ledger};
use audit_pipeline::demo::Demo;
use audit_pipeline::intake::{Framing, Intake, OnError, key_of_entry, leaf_of_entry, same_event};
use audit_tlog::Signer;
use audit_tlog::note::KeyName;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BATCH: u64 = 1_000;
/// 2026-11-20T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_795_176_000_000_000);

/// A ledger in memory whose steps the caller takes: what is measured is processor time.
fn intake() -> Intake {
    let mut config = Config::new("/ledger", "bench.example/audit");
    config.drive = Drive::Caller;
    config.min_free_bytes = 0;
    let name = KeyName::new("bench.example/audit").expect("a valid name");
    let environment = Environment {
        disk: Arc::new(SimDisk::new(1)),
        clock: Arc::new(|| NOW.as_micros()),
        signer: Arc::new(Signer::from_seed(name, &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: leaf_of_entry,
        key_fn: key_of_entry,
        same_fn: same_event,
    };
    let ledger = Ledger::open(config, environment).expect("a new ledger opens");
    Intake::new(ledger, Arc::new(ManualClock::new(NOW)), audit_pipeline::intake::Config::default())
}

/// A batch of demo events as the API takes them.
fn body() -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeParams { seed: [1; 16], recorded_at: NOW, instance: None });
    let mut body = Vec::new();
    for event in Demo::new(NOW).events().take(1_000) {
        let encoded = encoder.encode(&event).expect("a valid event");
        Entry::decode(&encoded.bytes).expect("an entry").write_json(&mut body);
        body.push(b'\n');
    }
    body
}

fn intake_of_a_batch(criterion: &mut Criterion) {
    let (intake, body) = (intake(), body());
    let mut group = criterion.benchmark_group("intake");
    group.throughput(Throughput::Elements(BATCH));
    // Every batch is the same, so after the first the ledger finds duplicates and writes nothing.
    group.bench_function("1000 lines", |bencher| {
        bencher
            .iter(|| intake.append(black_box(&body), Framing::Lines, OnError::Reject).expect("good lines"));
    });
    group.finish();
}

fn demo_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("demo");
    group.throughput(Throughput::Elements(20_000));
    group.sample_size(10);
    group.bench_function("20000 events", |bencher| {
        bencher.iter(|| Demo { events: 20_000, ..Demo::new(NOW) }.events().map(black_box).count());
    });
    group.finish();
}

criterion_group!(benches, intake_of_a_batch, demo_events);
criterion_main!(benches);

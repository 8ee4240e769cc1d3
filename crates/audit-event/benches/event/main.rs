//! What one event costs, step by step, over a sample of 1,000 events of the kinds a chat platform records.
//!
//! `cargo bench -p audit-event`; with `AUDIT_EVENT_SAMPLE=file.ndjson` over the first lines of that file.

use std::hint::black_box;

use audit_event::{EncodeParams, Encoder, Entry, Event, Fields, Timestamp, leaf_data};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

mod sample;

fn encoder() -> Encoder {
    Encoder::new(EncodeParams {
        seed: [7; 16],
        recorded_at: Timestamp::from_micros(1_772_366_400_000_000),
        instance: None,
    })
}

fn event(c: &mut Criterion) {
    let lines = sample::lines();
    let mut encoder = encoder();
    let entries: Vec<Vec<u8>> =
        lines.iter().map(|line| encoder.encode_json(line).expect("a valid sample").bytes).collect();
    let mut group = c.benchmark_group("1000 events");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.sample_size(30);
    group.bench_function("parse", |b| {
        b.iter(|| lines.iter().for_each(|line| drop(black_box(Event::parse(line)))))
    });
    group.bench_function("encode_json", |b| {
        b.iter(|| lines.iter().for_each(|line| drop(black_box(encoder.encode_json(line)))))
    });
    let events: Vec<Event<'_>> = lines.iter().map(|line| Event::parse(line).expect("valid")).collect();
    group.bench_function("encode", |b| {
        b.iter(|| events.iter().for_each(|event| drop(black_box(encoder.encode(event)))))
    });
    group.bench_function("leaf_data", |b| {
        b.iter(|| entries.iter().for_each(|entry| drop(black_box(leaf_data(entry)))))
    });
    group.bench_function("fields", |b| {
        b.iter(|| {
            for bytes in &entries {
                let entry = Entry::decode(bytes).expect("an entry");
                drop(black_box(Fields::decode(&entry)));
            }
        })
    });
    let mut json = Vec::new();
    group.bench_function("write_json", |b| {
        b.iter(|| {
            json.clear();
            for bytes in &entries {
                Entry::decode(bytes).expect("an entry").write_json(&mut json);
            }
            black_box(json.len())
        })
    });
    group.bench_function("check_canonical", |b| {
        b.iter(|| {
            for bytes in &entries {
                Entry::decode(bytes).expect("an entry").check_canonical().expect("canonical");
            }
        })
    });
    group.finish();
}

criterion_group!(benches, event);
criterion_main!(benches);

//! Appends to a ledger in this process: what HTTP, parsing and the index leave out.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::Context as _;
use audit_event::{Clock as _, EncodeParams, Encoder};
use audit_ledger::{Environment, Ledger, NewEntry, disk::RealDisk};
use audit_pipeline::intake::{key_of_entry, leaf_of_entry, same_event};
use audit_tlog::{Signer, note::KeyName};
use serde::Serialize;

use super::{
    measure::{megabytes_per_second, per_second},
    workload::Workload,
};
use crate::clock::SystemClock;

/// Events appended.
const EVENTS: u64 = 500_000;
/// In batches of.
const BATCH: u64 = 1_000;
/// Threads that prepare batches.
const PRODUCERS: u64 = 2;

/// What it came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Appended {
    pub events: u64,
    pub events_per_s: f64,
    pub mb_per_s: f64,
}

/// An encoded batch: ids, entries, leaf data.
type Batch = Vec<(Box<str>, Vec<u8>, audit_event::LeafData)>;

/// Appends batches of encoded entries, each durable before the next of its producer.
pub(crate) fn append(directory: &Path) -> anyhow::Result<Appended> {
    let ledger = open(&directory.join("ledger"))?;
    let batches = encode()?;
    let bytes: usize = batches.iter().flatten().map(|(_, entry, _)| entry.len()).sum();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let producers: Vec<_> =
            (0..PRODUCERS).map(|_| scope.spawn(|| produce(&ledger, &batches, &next))).collect();
        producers.into_iter().try_for_each(|producer| producer.join().unwrap_or(Ok(())))
    })?;
    let took = start.elapsed();
    ledger.close()?;
    Ok(Appended {
        events: EVENTS,
        events_per_s: per_second(EVENTS, took),
        mb_per_s: megabytes_per_second(bytes as u64, took),
    })
}

fn open(directory: &Path) -> anyhow::Result<Ledger> {
    let name = KeyName::new("bench.local").context("the name is good")?;
    let config = audit_ledger::Config::new(directory, name.as_str());
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(|| SystemClock.now().as_micros()),
        signer: Arc::new(Signer::from_seed(name, &[7; 32])),
        former_keys: Vec::new(),
        leaf_fn: leaf_of_entry,
        key_fn: key_of_entry,
        same_fn: same_event,
    };
    Ok(Ledger::open(config, environment)?)
}

fn encode() -> anyhow::Result<Vec<Batch>> {
    let workload = Workload::new(EVENTS);
    let params = EncodeParams { seed: [3; 16], recorded_at: SystemClock.now(), instance: None };
    let mut encoder = Encoder::new(params);
    let mut line = Vec::new();
    let mut batches = Vec::new();
    for first in (0..EVENTS).step_by(usize::try_from(BATCH)?) {
        let mut batch = Batch::new();
        for number in first..(first + BATCH).min(EVENTS) {
            line.clear();
            workload.write_line(number, &mut line);
            let encoded = encoder.encode_json(line.trim_ascii_end())?;
            batch.push((encoded.id, encoded.bytes, encoded.leaf));
        }
        batches.push(batch);
    }
    Ok(batches)
}

fn produce(
    ledger: &Ledger,
    batches: &[Batch],
    next: &std::sync::atomic::AtomicUsize,
) -> Result<(), audit_ledger::Error> {
    loop {
        let Some(batch) = batches.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) else {
            return Ok(());
        };
        ledger.append(batch.iter().map(|(id, entry, leaf)| NewEntry {
            key: id.as_bytes(),
            bytes: entry,
            leaf: leaf.as_bytes(),
        }))?;
    }
}

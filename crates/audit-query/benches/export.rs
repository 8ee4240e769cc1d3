//! How fast an export runs from a ledger on disk to nowhere: what is measured is reading, decompressing and
//! rendering. The rate counts the bytes of the exported file.

mod workload;

use audit_event::Timestamp;
use audit_ledger::disk::RealDisk;
use audit_ledger::{BadEntry, Config, Environment, Ledger, NewEntry};
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::question::{Budget, Order, Page, RowRef};
use audit_tlog::Signer;
use audit_tlog::note::KeyName;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Two sealed segments and a little in the WAL.
const EVENTS: u64 = 140_000;

/// Every entry in order: what a question costs by itself is not measured here.
fn everything(order: Order) -> Page {
    let mut rows: Vec<RowRef> = (0..EVENTS).map(|index| RowRef { time: Timestamp::MIN, index }).collect();
    rows.sort_by(|a, b| order.compare(*a, *b));
    Page { rows, next: None, total: None, snapshot: EVENTS }
}

fn leaf(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    let data = audit_event::leaf_data(entry).map_err(|_| BadEntry)?;
    leaf.extend_from_slice(data.as_bytes());
    Ok(())
}

fn key(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry> {
    key.extend_from_slice(audit_event::entry_id(entry).map_err(|_| BadEntry)?.as_bytes());
    Ok(())
}

fn ledger(dir: &std::path::Path) -> Ledger {
    let mut config = Config::new(dir, "bench.example/audit");
    config.min_free_bytes = 0;
    let name = KeyName::new("bench.example/audit").expect("a name");
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(|| 1_795_176_000_000_000),
        signer: Arc::new(Signer::from_seed(name, &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: leaf,
        key_fn: key,
        same_fn: |recorded, offered| recorded == offered,
    };
    let ledger = Ledger::open(config, environment).expect("a new ledger opens");
    for begin in (0..EVENTS).step_by(1000) {
        let batch = workload::entries(begin, begin + 1000, EVENTS);
        let new =
            batch.iter().map(|e| NewEntry { key: e.id.as_bytes(), bytes: &e.bytes, leaf: e.leaf.as_bytes() });
        ledger.append(new).expect("there is room");
    }
    ledger.seal_pending().expect("there is room");
    ledger
}

fn exports(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    let mut group = criterion.benchmark_group("export");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for format in [Format::Ndjson, Format::Json, Format::Csv, Format::Parquet] {
        for (order, threads) in [(Order::NewestFirst, 2), (Order::OldestFirst, 2)] {
            let origin = Origin { answers: &everything(order), entries: &ledger };
            let export = Export { order, threads, ..Export::all(format) };
            let bytes = run(&export, origin, &mut io::sink());
            group.throughput(Throughput::Bytes(bytes));
            let id = BenchmarkId::new(format.name(), format!("{order:?}, {threads} threads"));
            group.bench_function(id, |bencher| bencher.iter(|| run(&export, origin, &mut io::sink())));
        }
    }
    group.finish();
}

fn run(export: &Export, origin: Origin<'_>, out: &mut (dyn Write + Send)) -> u64 {
    let end = export.run(origin, &Budget::unlimited(), Position::default(), out, &mut |_| {});
    end.expect("the ledger is readable").bytes
}

criterion_group!(benches, exports);
criterion_main!(benches);

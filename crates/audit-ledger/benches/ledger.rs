//! What the ledger's promises cost: `cargo bench -p audit-ledger`.
//!
//! Entries are like an AI chat platform's audit events, 970 bytes at the mean. Reference figures of the same
//! disk (`raw_fdatasync`) are measured beside the ledger's own.

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use audit_ledger::disk::RealDisk;
use audit_ledger::fsck::{Question, fsck};
use audit_ledger::{BadEntry, Config, Direction, Environment, Ledger, NewEntry};
use audit_tlog::note::KeyName;
use audit_tlog::{LeafIndex, Signer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 1_000;
const LEAF_LEN: usize = 225;
const ID_LEN: usize = 36;

criterion_group!(benches, append_batches, append_one, read, check);
criterion_main!(benches);

// --- entries

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.next() % from.len() as u64;
        from[usize::try_from(at).unwrap_or(0)]
    }

    /// As a power law would: small numbers often.
    fn rank(&mut self, limit: u64) -> u64 {
        let spread = self.next() % limit + 1;
        self.next() % spread
    }
}

const ACTIONS: [(&str, &str, &str); 8] = [
    ("authentication", "auth.login", "session"),
    ("authentication", "auth.sso_login", "session"),
    ("conversation", "chat.created", "chat"),
    ("conversation", "chat.updated", "chat"),
    ("conversation", "message.created", "message"),
    ("file", "file.uploaded", "file"),
    ("model_usage", "model.called", "model"),
    ("model_usage", "model.called", "model"),
];
const PARTS: [&str; 6] =
    ["brake-rotor", "alternator", "fuel-pump", "radiator", "oxygen-sensor", "timing-belt"];
const FIRST: [&str; 6] = ["Ava", "Liam", "Emma", "Omar", "Priya", "Lena"];
const LAST: [&str; 6] = ["Smith", "Patel", "Kowalski", "Okafor", "Haddad", "Dubois"];
const DEPARTMENTS: [&str; 6] = ["Parts Catalog", "Warranty", "Engineering", "Finance", "Legal", "IT"];
const MODELS: [&str; 5] = ["gpt-5.2", "claude-opus-4.7", "gemini-3-pro", "llama4:70b", "mistral-large"];
const BROWSERS: [&str; 3] =
    ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"];

/// An id of 36 characters, a salt seed shared by a batch, then seven groups of JSON.
fn entry(number: u64, random: &mut Random) -> Vec<u8> {
    let mut seed = Random(number / BATCH as u64);
    let (category, action, kind) = ACTIONS[usize::try_from(random.next() % 8).unwrap_or(0)];
    let user = random.rank(5_000);
    let mut person = Random(user);
    let (first, last) = (person.pick(&FIRST), person.pick(&LAST));
    let (user_id, address) = (person.next(), user * 7);
    let (part, target, request) = (random.pick(&PARTS), random.next(), random.next());
    let id = format!("{:016x}-{number:019}", random.next());
    let mut bytes = id.clone().into_bytes();
    bytes.extend_from_slice(&seed.next().to_le_bytes());
    bytes.extend_from_slice(&seed.next().to_le_bytes());
    let milli = number / BATCH as u64;
    write!(
        bytes,
        r#"{{"action":"{action}","category":"{category}","id":"{id}","instance":"bench","outcome":"success","recorded_at":"2026-11-23T03:{:02}:{:02}.{:03}000Z","severity":"info","source":"api","time":"2025-11-{:02}T{:02}:{:02}:21.{:06}Z"}}"#,
        milli / 60_000 % 60, milli / 1_000 % 60, milli % 1_000,
        number / 180_000 % 30 + 1, number / 7_500 % 24, number / 125 % 60, random.next() % 1_000_000,
    ).expect("memory");
    bytes.push(0x1e);
    write!(
        bytes,
        r#"{{"actor":{{"email":"{}.{}.{user}@partsco.example","id":"{user_id:016x}-a0d4-7b43b1111e1a","name":"{first} {last}","type":"user"}},"session_id":"{:012x}"}}"#,
        first.to_lowercase(), last.to_lowercase(), request >> 16,
    ).expect("memory");
    bytes.push(0x1e);
    write!(bytes, r#"{{"org":{{"department":"{}","role":"user"}}}}"#, person.pick(&DEPARTMENTS))
        .expect("memory");
    bytes.push(0x1e);
    write!(
        bytes,
        r#"{{"client":{{"ip":"10.{}.{}.{}","user_agent":"Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"}}}}"#,
        address % 7, address % 256, address % 251, random.pick(&BROWSERS), 138 + random.next() % 5,
    ).expect("memory");
    bytes.push(0x1e);
    write!(
        bytes,
        r#"{{"target":{{"id":"{target:016x}-4bd5-4297","name":"{part}-{}","type":"{kind}"}}}}"#,
        target % 4_096
    )
    .expect("memory");
    bytes.push(0x1e);
    write!(
        bytes,
        r#"{{"latency_ms":{},"model":{{"id":"{}"}},"usage":{{"input_tokens":{},"output_tokens":{}}}}}"#,
        request % 900,
        random.pick(&MODELS),
        request % 9_000,
        target % 3_000,
    )
    .expect("memory");
    bytes.push(0x1e);
    write!(
        bytes,
        r#"{{"details":{{"part":"{part}"}},"http":{{"method":"POST","path":"/api/v1/{kind}s/{target:016x}-4bd5-4297","request_id":"{request:016x}","status":200}},"message":"{first} {last} {action} conversation about {part} fitment and pricing"}}"#,
    ).expect("memory");
    bytes.push(0x1e);
    bytes
}

fn entries(first: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(first);
    (first..first + count as u64).map(|number| entry(number, &mut random)).collect()
}

/// Stands in for the event crate's commitment, at no cost: what is measured is the ledger.
fn leaf_of(entry: &[u8]) -> &[u8] {
    &entry[..LEAF_LEN]
}

#[expect(clippy::unnecessary_wraps, reason = "a leaf function may fail")]
fn leaf_fn(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    leaf.extend_from_slice(leaf_of(entry));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a key function may fail")]
fn key_fn(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry> {
    key.extend_from_slice(&entry[..ID_LEN]);
    Ok(())
}

fn new_entry(bytes: &[u8]) -> NewEntry<'_> {
    NewEntry { key: &bytes[..ID_LEN], bytes, leaf: leaf_of(bytes) }
}

fn signer() -> Signer {
    Signer::from_seed(KeyName::new("bench/log").expect("a name"), &[7; 32])
}

fn open(dir: &Path) -> Ledger {
    let mut config = Config::new(dir.join("ledger"), "bench/log");
    config.min_free_bytes = 0;
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(|| 1_800_000_000_000_000),
        signer: Arc::new(signer()),
        former_keys: Vec::new(),
        leaf_fn,
        key_fn,
        same_fn: |recorded, offered| recorded == offered,
    };
    Ledger::open(config, environment).expect("opens")
}

// --- appending

/// Appends `batches`, prepared on two threads, each waiting for at most eight batches to become durable.
fn append_all(ledger: &Ledger, batches: &[Vec<Vec<u8>>]) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let produce = || {
        let (done, outcomes) = mpsc::channel();
        let mut waiting = 0;
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(batch) = batches.get(at) else { break };
            let prepared = ledger.prepare(batch.iter().map(|bytes| new_entry(bytes))).expect("fits");
            let done = done.clone();
            ledger.submit(prepared, Box::new(move |result| drop(done.send(result)))).expect("accepted");
            waiting += 1;
            if waiting >= 8 {
                outcomes.recv().expect("answered").expect("durable");
                waiting -= 1;
            }
        }
        (0..waiting).for_each(|_| drop(outcomes.recv().expect("answered").expect("durable")));
    };
    std::thread::scope(|scope| {
        scope.spawn(produce);
        scope.spawn(produce);
    });
}

fn append_batches(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path());
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    const BATCHES: usize = 100;
    group.throughput(Throughput::Elements((BATCH * BATCHES) as u64));
    let mut first = 0;
    group.bench_function("batches of 1000, two producers", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = Duration::ZERO;
            for _ in 0..iterations {
                let batches: Vec<Vec<Vec<u8>>> = (0..BATCHES)
                    .map(|_| {
                        first += BATCH as u64;
                        entries(first, BATCH)
                    })
                    .collect();
                let started = Instant::now();
                append_all(&ledger, &batches);
                total += started.elapsed();
            }
            total
        });
    });
    let batch = entries(u64::MAX / 2, BATCH);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("prepare 1000", |bencher| {
        bencher.iter(|| black_box(ledger.prepare(batch.iter().map(|bytes| new_entry(bytes))).expect("fits")));
    });
    group.finish();
    ledger.close().expect("closes");
    let stats = ledger.stats();
    if stats.entries > 0 {
        #[expect(clippy::print_stdout, reason = "a figure beside criterion's")]
        {
            println!("bytes on disk per entry: {:.1}", stats.disk_bytes as f64 / stats.entries as f64);
        }
    }
}

fn append_one(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path());
    let mut group = criterion.benchmark_group("one client");
    group.sample_size(50);
    let mut number = 0;
    let mut random = Random(1);
    group.bench_function("append one entry", |bencher| {
        bencher.iter(|| {
            number += 1;
            let bytes = entry(number, &mut random);
            ledger.append([new_entry(&bytes)]).expect("durable")
        });
    });
    let mut file = std::fs::File::create(dir.path().join("raw")).expect("a file");
    group.bench_function("raw_fdatasync", |bencher| {
        bencher.iter(|| {
            number += 1;
            file.write_all(&entry(number, &mut random)).expect("written");
            file.sync_data().expect("synced");
        });
    });
    group.finish();
}

// --- reading

fn filled(dir: &Path, count: usize) -> Ledger {
    let ledger = open(dir);
    for first in (0..count).step_by(100 * BATCH) {
        let batches: Vec<_> = (0..100).map(|nth| entries((first + nth * BATCH) as u64, BATCH)).collect();
        append_all(&ledger, &batches);
    }
    ledger.seal_pending().expect("seals");
    ledger
}

fn read(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = filled(dir.path(), 300_000);
    let reader = ledger.reader();
    let mut group = criterion.benchmark_group("read");
    let mut random = Random(3);
    let sealed = 196_608;
    group.bench_function("get by index, sealed, not in memory", |bencher| {
        bencher.iter(|| reader.get(LeafIndex::new(random.next() % sealed)).expect("there"));
    });
    group.bench_function("inclusion proof", |bencher| {
        let size = ledger.size();
        bencher.iter(|| ledger.inclusion_proof(LeafIndex::new(random.next() % sealed), size).expect("there"));
    });
    group.throughput(Throughput::Elements(sealed)).sample_size(10);
    group.bench_function("scan forward", |bencher| {
        bencher.iter(|| {
            let frames = reader.scan(0..sealed, Direction::Forward);
            frames.map(|frame| frame.expect("readable").len()).sum::<usize>()
        });
    });
    group.finish();
}

fn check(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = filled(dir.path(), 400_000);
    ledger.close().expect("closes");
    let path = dir.path().join("ledger");
    let keys = [signer().verifier().clone()];
    let mut group = criterion.benchmark_group("fsck");
    group.throughput(Throughput::Elements(ledger.size().get())).sample_size(10);
    group.bench_function("two threads", |bencher| {
        let question = Question { dir: &path, leaf_fn, keys: &keys, external: None, threads: 2 };
        bencher.iter(|| {
            let report =
                fsck(&RealDisk, &question, &|_, _| std::ops::ControlFlow::Continue(())).expect("readable");
            assert!(report.is_sound(), "{report:?}");
        });
    });
    group.finish();
}

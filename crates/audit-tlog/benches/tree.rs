//! What a leaf costs: its hash, an inner node's hash, and appending to the frontier; beside them the bare
//! compression of as many SHA-256 blocks, which nothing here can beat.

use std::hint::black_box;

use audit_tlog::{Frontier, Hash, leaf_hash, node_hash};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::block_api::compress256;

/// Bytes of an event's leaf data.
const LEAF_DATA_LEN: usize = 225;
const LEAVES: u32 = 65_536;

fn hashes(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    group.throughput(Throughput::Elements(1));
    let data = [0x5a; LEAF_DATA_LEN];
    group.bench_function("leaf of 225 bytes", |b| b.iter(|| leaf_hash(black_box(&data))));
    group.bench_function("reference: 4 blocks", |b| b.iter(compressed::<4>));
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    group.bench_function("node", |b| b.iter(|| node_hash(black_box(&left), black_box(&right))));
    group.bench_function("reference: 2 blocks", |b| b.iter(compressed::<2>));
    group.finish();
}

fn compressed<const BLOCKS: usize>() -> [u32; 8] {
    let mut state = black_box([0x6a09_e667; 8]);
    compress256(&mut state, black_box(&[[0x5a; 64]; BLOCKS]));
    state
}

fn appends(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(LEAVES.into()));
    let data: Vec<[u8; LEAF_DATA_LEN]> = (0..LEAVES).map(numbered).collect();
    let hashes: Vec<Hash> = data.iter().map(|data| leaf_hash(data)).collect();
    group.bench_function("leaf hashes", |b| b.iter(|| root_of(hashes.iter().copied())));
    group.bench_function("leaf data", |b| b.iter(|| root_of(data.iter().map(|data| leaf_hash(data)))));
    group.finish();
}

fn numbered(number: u32) -> [u8; LEAF_DATA_LEN] {
    let mut data = [0x5a; LEAF_DATA_LEN];
    data[..4].copy_from_slice(&number.to_le_bytes());
    data
}

fn root_of(leaves: impl Iterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::new();
    leaves.for_each(|leaf| frontier.push(leaf));
    frontier.root()
}

criterion_group!(benches, hashes, appends);
criterion_main!(benches);

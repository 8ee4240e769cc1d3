//! What the machine itself can do, measured in the same run: figures of the program mean little without them.

use std::{
    fs::{File, OpenOptions},
    hint::black_box,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    measure::{Samples, Summary, megabytes_per_second},
    workload::Workload,
};

/// The machine's own figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reference {
    pub cores: usize,
    pub cpu: String,
    pub memory_bytes: u64,
    /// Processes that wanted a core in the minute before the run: what they take is missing from the figures.
    pub load_before: f64,
    /// Append 4 KiB, then `fdatasync`.
    pub fdatasync_4k: Summary,
    /// Write 512 MiB, then `fsync`.
    pub sequential_write_mb_s: f64,
    pub memcpy_mb_s: f64,
    /// zstd level 1 over the workload in blocks of 1 MiB, one core.
    pub zstd1_mb_s: f64,
    pub zstd1_ratio: f64,
    /// SHA-256 over the workload event by event, one core.
    pub sha256_mb_s: f64,
}

/// Measures in `directory`, which is on the disk that is to be measured.
pub(crate) fn measure(directory: &Path) -> anyhow::Result<Reference> {
    let load_before = load_average();
    let sample = Workload::new(40_000);
    let mut events = Vec::new();
    sample.write_all(&mut events, |_| {})?;
    let (zstd1_mb_s, zstd1_ratio) = zstd(&events)?;
    Ok(Reference {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        cpu: cpu_name(),
        memory_bytes: total_memory(),
        load_before,
        fdatasync_4k: fdatasync(&directory.join("reference-sync"))?,
        sequential_write_mb_s: sequential_write(&directory.join("reference-write"))?,
        memcpy_mb_s: memcpy(),
        zstd1_mb_s,
        zstd1_ratio,
        sha256_mb_s: sha256(&events),
    })
}

/// Times of appending 4 KiB to a file and syncing it.
pub(super) fn fdatasync(path: &Path) -> anyhow::Result<Summary> {
    let mut file = File::create(path)?;
    let block = [7; 4_096];
    let mut samples = Samples::default();
    let mut round = |samples: Option<&mut Samples>| -> std::io::Result<()> {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        if let Some(samples) = samples {
            samples.push(start.elapsed());
        }
        Ok(())
    };
    (0..20).try_for_each(|_| round(None))?;
    (0..500).try_for_each(|_| round(Some(&mut samples)))?;
    std::fs::remove_file(path)?;
    Ok(samples.summary())
}

fn sequential_write(path: &Path) -> anyhow::Result<f64> {
    const BLOCKS: u64 = 512;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let block = vec![0xa5; 1 << 20];
    let start = Instant::now();
    for _ in 0..BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let rate = megabytes_per_second(BLOCKS << 20, start.elapsed());
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn memcpy() -> f64 {
    let from = vec![1_u8; 64 << 20];
    let mut to = vec![0_u8; 64 << 20];
    let rounds = 8;
    let start = Instant::now();
    for _ in 0..rounds {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    }
    megabytes_per_second(rounds * (64 << 20), start.elapsed())
}

fn zstd(events: &[u8]) -> anyhow::Result<(f64, f64)> {
    let mut packer = zstd::bulk::Compressor::new(1)?;
    let mut packed = 0;
    let start = Instant::now();
    for block in events.chunks(1 << 20) {
        packed += black_box(packer.compress(block)?).len();
    }
    let length = events.len() as u64;
    let ratio = super::measure::mean(length, packed as u64);
    Ok((megabytes_per_second(length, start.elapsed()), ratio))
}

fn sha256(events: &[u8]) -> f64 {
    let start = Instant::now();
    for event in events.split(|byte| *byte == b'\n') {
        black_box(Sha256::digest(event));
    }
    megabytes_per_second(events.len() as u64, start.elapsed().max(Duration::from_nanos(1)))
}

fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(0.0)
}

fn total_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|total| total.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}

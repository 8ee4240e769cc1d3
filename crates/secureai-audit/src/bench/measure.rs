//! Measuring: samples and their percentiles, and what a process takes of the machine.

use std::{fs, time::Duration};

use serde::Serialize;

/// How long each of many repetitions took.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples {
    nanos: Vec<u64>,
}

/// What samples come down to, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Summary {
    pub samples: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of `other`.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.nanos.extend_from_slice(&other.nanos);
    }

    /// Median, 99th percentile, worst.
    pub(crate) fn summary(&self) -> Summary {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            millis(sorted.get(rank).copied().unwrap_or(0))
        };
        Summary { samples: sorted.len(), p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// `things` per second.
#[expect(clippy::cast_precision_loss, reason = "a rate, shown to whole numbers")]
pub(crate) fn per_second(things: u64, took: Duration) -> f64 {
    things as f64 / took.as_secs_f64().max(1e-9)
}

/// `bytes` in `took`, in MB/s (powers of ten).
pub(crate) fn megabytes_per_second(bytes: u64, took: Duration) -> f64 {
    per_second(bytes, took) / 1e6
}

/// `part` of `whole` things each.
#[expect(clippy::cast_precision_loss, reason = "a mean, shown to one decimal")]
pub(crate) fn mean(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A running process, seen through `/proc`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub u32);

impl Process {
    /// Memory that is resident now, in bytes.
    pub(crate) fn resident_bytes(self) -> u64 {
        self.status_kib("VmRSS:") * 1_024
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_resident_bytes(self) -> u64 {
        self.status_kib("VmHWM:") * 1_024
    }

    /// CPU time taken so far by all its threads.
    pub(crate) fn cpu_time(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15, in ticks.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 =
            rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
    }

    fn status_kib(self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples = Samples::default();
        (1..=100).for_each(|ms| samples.push(Duration::from_millis(ms)));
        let summary = samples.summary();
        let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(same(summary.p50_ms, 50.0) && same(summary.p99_ms, 99.0) && same(summary.max_ms, 100.0));
    }

    #[test]
    fn a_process_has_memory_and_time() {
        let this = Process(std::process::id());
        assert!(this.resident_bytes() > 100_000);
        assert!(this.peak_resident_bytes() >= this.resident_bytes() / 2);
    }
}

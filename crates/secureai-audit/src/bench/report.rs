//! What was measured, as a table and as JSON.

use serde::Serialize;

use super::{
    append::{Batched, Singles},
    exports::Exported,
    ledger::Appended,
    measure::Summary,
    queries::Answered,
    reference::Reference,
};
use crate::output::{Align, Output, Table, bytes, count};

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub version: &'static str,
    pub events: u64,
    pub reference: Reference,
    pub ledger_append: Option<Appended>,
    pub append: Option<Batched>,
    pub singles: Option<Singles>,
    pub alone: Option<Singles>,
    /// The disk's own `fdatasync`, measured right before `alone`: a disk is not equally quick all the time.
    pub alone_fdatasync_4k: Option<Summary>,
    pub storage: Option<Storage>,
    pub start: Option<Start>,
    pub queries: Vec<Answered>,
    /// Resident memory of the server after the queries.
    pub rss_after_queries_bytes: Option<u64>,
    pub exports: Vec<Exported>,
    pub verify: Option<Verified>,
}

/// Bytes on disk.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Storage {
    pub events: u64,
    pub ledger_bytes_per_event: f64,
    pub index_bytes_per_event: f64,
    pub total_bytes_per_event: f64,
}

/// From the start of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    /// To the first answer with events.
    pub first_answer_ms: f64,
    /// From SIGTERM to the end of the process.
    pub drain_ms: f64,
}

/// `verify`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verified {
    pub events: u64,
    pub seconds: f64,
    pub events_per_s: f64,
}

/// Whether a figure is as good as aimed at.
enum Aim {
    AtLeast(f64),
    AtMost(f64),
    None,
}

/// One line of the table.
struct Line {
    what: String,
    value: f64,
    shown: String,
    aim: Aim,
    aim_shown: String,
    beside: String,
}

impl Report {
    /// Prints it.
    pub(crate) fn print(&self, output: Output) -> anyhow::Result<()> {
        if output.is_json() {
            return output.json(self);
        }
        self.print_machine(output)?;
        let columns = [
            ("measured", Align::Left),
            ("", Align::Right),
            ("aim", Align::Right),
            ("", Align::Left),
            ("beside", Align::Left),
        ];
        let mut table = Table::new(&columns);
        for line in self.lines() {
            let met = line.verdict();
            table.row([line.what, line.shown, line.aim_shown, met.to_owned(), line.beside]);
        }
        Ok(output.table(&table)?)
    }

    fn print_machine(&self, output: Output) -> anyhow::Result<()> {
        let machine = &self.reference;
        output.line(format!(
            "{} events; {} × {}, {}",
            count(self.events),
            machine.cores,
            machine.cpu,
            bytes(machine.memory_bytes)
        ))?;
        if machine.load_before > 0.5 {
            let load = machine.load_before;
            output.line(format!(
                "the machine was busy before the run (load {load:.1}): figures are lower than they could be"
            ))?;
        }
        output.line(format!(
            "disk: fdatasync of 4 KiB {:.2} ms (p99 {:.2}), sequential write with fsync {:.0} MB/s",
            machine.fdatasync_4k.p50_ms, machine.fdatasync_4k.p99_ms, machine.sequential_write_mb_s
        ))?;
        output.line(format!(
            "one core: memcpy {:.0} MB/s, zstd level 1 {:.0} MB/s ({:.1} to 1), SHA-256 {:.0} MB/s\n",
            machine.memcpy_mb_s, machine.zstd1_mb_s, machine.zstd1_ratio, machine.sha256_mb_s
        ))?;
        Ok(())
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.push_appends(&mut lines);
        self.push_storage(&mut lines);
        for answered in &self.queries {
            let beside = format!(
                "p99 {:.1} ms, first {:.1} ms, {}",
                answered.warm.p99_ms,
                answered.first_ms,
                bytes(answered.answer_bytes as u64)
            );
            lines.push(Line::at_most(
                answered.question,
                answered.warm.p50_ms,
                answered.target_ms,
                "ms",
                beside,
            ));
        }
        if let Some(rss) = self.rss_after_queries_bytes {
            lines.push(Line::at_most(
                "resident memory after these",
                mebibytes(rss),
                300.0,
                "MiB",
                String::new(),
            ));
        }
        for exported in &self.exports {
            lines.push(Line::of_export(exported, &self.reference));
        }
        if let Some(verified) = &self.verify {
            let beside = format!("{} events in {:.1} s", count(verified.events), verified.seconds);
            lines.push(Line::at_least("verify", verified.events_per_s, 900_000.0, "events/s", beside));
        }
        lines
    }

    fn push_appends(&self, lines: &mut Vec<Line>) {
        if let Some(ledger) = &self.ledger_append {
            let beside = format!("{:.0} MB/s of entries", ledger.mb_per_s);
            lines.push(Line::at_least(
                "ledger append, in process",
                ledger.events_per_s,
                250_000.0,
                "events/s",
                beside,
            ));
        }
        if let Some(append) = &self.append {
            let beside = format!(
                "{:.0} MB/s, {:.1} + {:.1} µs of CPU an event (server + client), batch p50 {:.1} ms",
                append.mb_per_s,
                append.server_cpu_us_per_event,
                append.client_cpu_us_per_event,
                append.batch.p50_ms
            );
            lines.push(Line::at_least(
                "append over HTTP, batches of 1,000, durable",
                append.events_per_s,
                120_000.0,
                "events/s",
                beside,
            ));
            let after = &append.searchable_after;
            let beside = format!(
                "p99 {:.0} ms, worst {:.0} ms of {} looks",
                after.p99_ms, after.max_ms, after.samples
            );
            lines.push(Line::at_most("  searchable after, meanwhile", after.p50_ms, 1_000.0, "ms", beside));
            lines.push(Line::at_most(
                "  searchable after, at the end",
                append.searchable_at_end_s * 1e3,
                5_000.0,
                "ms",
                String::new(),
            ));
            let peak = mebibytes(append.server_rss_peak_bytes);
            lines.push(Line::plain("  most resident memory meanwhile", peak, "MiB"));
        }
        if let Some(singles) = &self.singles {
            let beside =
                format!("p50 {:.2} ms, p99 {:.2} ms", singles.request.p50_ms, singles.request.p99_ms);
            lines.push(Line::at_least(
                "append over HTTP, single events, 256 clients",
                singles.events_per_s,
                20_000.0,
                "events/s",
                beside,
            ));
        }
        if let Some(alone) = &self.alone {
            let sync = self.alone_fdatasync_4k.as_ref().unwrap_or(&self.reference.fdatasync_4k).p50_ms;
            let beside = format!(
                "{:.2} times fdatasync, p99 {:.2} ms",
                alone.request.p50_ms / sync,
                alone.request.p99_ms
            );
            lines.push(Line::at_most(
                "append over HTTP, one client, p50",
                alone.request.p50_ms,
                1.5 * sync,
                "ms",
                beside,
            ));
        }
    }

    fn push_storage(&self, lines: &mut Vec<Line>) {
        if let Some(storage) = &self.storage {
            let beside = "of the workload's 920 bytes of JSON".to_owned();
            lines.push(Line::at_most(
                "ledger on disk",
                storage.ledger_bytes_per_event,
                150.0,
                "bytes/event",
                beside,
            ));
            lines.push(Line::at_most(
                "ledger and index on disk",
                storage.total_bytes_per_event,
                230.0,
                "bytes/event",
                String::new(),
            ));
        }
        if let Some(start) = &self.start {
            let beside = format!("drained in {:.0} ms", start.drain_ms);
            lines.push(Line::at_most(
                "start of serve to first answer",
                start.first_answer_ms,
                1_000.0,
                "ms",
                beside,
            ));
        }
    }
}

impl Line {
    fn at_least(what: &str, value: f64, aim: f64, unit: &str, beside: String) -> Self {
        let aim_shown = format!("≥ {}", figure(aim));
        Self { aim: Aim::AtLeast(aim), aim_shown, beside, ..Self::plain(what, value, unit) }
    }

    fn at_most(what: &str, value: f64, aim: f64, unit: &str, beside: String) -> Self {
        let aim_shown = format!("≤ {}", figure(aim));
        Self { aim: Aim::AtMost(aim), aim_shown, beside, ..Self::plain(what, value, unit) }
    }

    fn plain(what: &str, value: f64, unit: &str) -> Self {
        let shown = format!("{} {unit}", figure(value));
        Self {
            what: what.to_owned(),
            value,
            shown,
            aim: Aim::None,
            aim_shown: String::new(),
            beside: String::new(),
        }
    }

    fn of_export(exported: &Exported, machine: &Reference) -> Self {
        let what = format!("export {} ({})", exported.format, exported.way);
        let of_memcpy = exported.mb_per_s / machine.memcpy_mb_s * 100.0;
        let beside = format!(
            "{} in {:.1} s, {:.0} MiB of memory, {of_memcpy:.0}% of memcpy",
            bytes(exported.bytes),
            exported.seconds,
            mebibytes(exported.rss_peak_bytes)
        );
        let aim = match (exported.format, exported.way) {
            ("ndjson", "http") => 250.0,
            ("ndjson", _) => 400.0,
            ("csv", "file" | "pipe") => 120.0,
            _ => return Self { beside, ..Self::plain(&what, exported.mb_per_s, "MB/s") },
        };
        Self::at_least(&what, exported.mb_per_s, aim, "MB/s", beside)
    }

    fn verdict(&self) -> &'static str {
        let met = match self.aim {
            Aim::AtLeast(aim) => self.value >= aim,
            Aim::AtMost(aim) => self.value <= aim,
            Aim::None => return "",
        };
        if met { "met" } else { "MISSED" }
    }
}

/// Whole numbers when large, decimals when small.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown as a whole number")]
fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => count(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown as a whole number")]
fn mebibytes(number: u64) -> f64 {
    number as f64 / f64::from(1 << 20)
}

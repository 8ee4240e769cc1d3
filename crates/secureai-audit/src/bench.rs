//! The benchmark: what this machine can do, and what the program makes of it, measured in one run.
//!
//! The server under test is a child process of the same program on a directory of its own; the load comes from this
//! process, on the same cores. The order is that of a life: references, appends, stop, start, questions, exports,
//! single events, stop, exports by the command, verify.

mod append;
mod exports;
mod ledger;
mod measure;
mod queries;
mod random;
mod reference;
mod report;
mod server;
mod wire;
mod workload;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::runtime::Handle;

use self::{
    measure::mean,
    report::{Report, Start, Storage, Verified},
    server::Server,
    wire::Wire,
    workload::Workload,
};
use crate::{
    cli::{BenchArgs, BenchPart},
    data_dir::size_below,
    output::{Bar, Output, note},
};

/// Runs the parts asked for and prints what they came to.
pub(crate) fn run(output: Output, args: &BenchArgs) -> anyhow::Result<()> {
    let workload = Arc::new(Workload::new(args.events));
    if let Some(path) = &args.write_workload {
        return write_workload(&workload, path);
    }
    let base = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = Scratch::make(&base, args.keep)?;
    let bench = Bench { args, workload, directory: scratch.path.clone(), runtime: Handle::current() };
    let report = tokio::task::block_in_place(|| bench.measure())?;
    report.print(output)
}

fn write_workload(workload: &Workload, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let bar = Bar::counting("writing", workload.len());
    workload.write_all(file, |done| bar.set(done))?;
    bar.clear();
    Ok(())
}

/// A directory for the run, removed at its end unless it is to be kept.
struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    fn make(base: &Path, keep: bool) -> anyhow::Result<Self> {
        let path = base.join(format!("secureai-audit-bench-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, keep })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keep {
            note(format!("kept: {}", self.path.display()));
        } else {
            // What cannot be removed is in the temporary directory, where the system cleans up.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

struct Bench<'a> {
    args: &'a BenchArgs,
    workload: Arc<Workload>,
    directory: PathBuf,
    runtime: Handle,
}

impl Bench<'_> {
    fn wants(&self, part: BenchPart) -> bool {
        self.args.only.is_empty() || self.args.only.contains(&part)
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn measure(&self) -> anyhow::Result<Report> {
        let reference = step("measuring the machine", || reference::measure(&self.directory))?;
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION"),
            events: self.workload.len(),
            reference,
            ledger_append: None,
            append: None,
            singles: None,
            alone: None,
            alone_fdatasync_4k: None,
            storage: None,
            start: None,
            queries: Vec::new(),
            rss_after_queries_bytes: None,
            exports: Vec::new(),
            verify: None,
        };
        if self.wants(BenchPart::Ledger) {
            report.ledger_append = Some(step("appending in process", || ledger::append(&self.directory))?);
            fs::remove_dir_all(self.directory.join("ledger"))?;
        }
        self.fill(&mut report)?;
        self.serve(&mut report)?;
        self.commands(&mut report)?;
        Ok(report)
    }

    /// Records the workload, and sees what it takes on the disk.
    fn fill(&self, report: &mut Report) -> anyhow::Result<()> {
        let server = Server::start(&self.data_dir())?;
        let batched = self.runtime.block_on(append::batched(&server, &self.workload))?;
        let drained = server.stop()?;
        let (ledger, index) =
            (size_below(&self.data_dir().join("ledger")), size_below(&self.data_dir().join("index")));
        let events = self.workload.len();
        report.storage = Some(Storage {
            events,
            ledger_bytes_per_event: mean(ledger, events),
            index_bytes_per_event: mean(index, events),
            total_bytes_per_event: mean(ledger + index, events),
        });
        report.start = Some(Start { first_answer_ms: 0.0, drain_ms: drained.as_secs_f64() * 1e3 });
        if self.wants(BenchPart::Append) {
            report.append = Some(batched);
        }
        Ok(())
    }

    /// Starts again on what there is now: questions, exports, single events.
    fn serve(&self, report: &mut Report) -> anyhow::Result<()> {
        let begin = Instant::now();
        let server = Server::start(&self.data_dir())?;
        self.runtime.block_on(first_answer(&server))?;
        if let Some(start) = &mut report.start {
            start.first_answer_ms = begin.elapsed().as_secs_f64() * 1e3;
        }
        if self.wants(BenchPart::Queries) {
            let asked = || self.runtime.block_on(queries::ask_all(&server, &self.workload));
            report.queries = step("asking questions", asked)?;
            report.rss_after_queries_bytes = Some(server.process().resident_bytes());
        }
        if self.wants(BenchPart::Exports) {
            for format in exports::FORMATS {
                let exported = || self.runtime.block_on(exports::over_http(&server, format));
                report.exports.push(step("exporting over HTTP", exported)?);
            }
        }
        if self.wants(BenchPart::Append) {
            report.alone_fdatasync_4k = Some(reference::fdatasync(&self.directory.join("reference-sync"))?);
            let alone = || self.runtime.block_on(append::alone(&server, 0));
            report.alone = Some(step("appending single events, one client", alone)?);
            let singles = || self.runtime.block_on(append::singles(&server, 1_000_000));
            report.singles = Some(step("appending single events, many clients", singles)?);
        }
        server.stop()?;
        Ok(())
    }

    /// What commands do on the directory itself.
    fn commands(&self, report: &mut Report) -> anyhow::Result<()> {
        if self.wants(BenchPart::Exports) {
            for format in exports::FORMATS {
                report
                    .exports
                    .push(step("exporting to a file", || exports::to_file(&self.data_dir(), format))?);
            }
            report
                .exports
                .push(step("exporting to a pipe", || exports::to_pipe(&self.data_dir(), "ndjson"))?);
        }
        if self.wants(BenchPart::Verify) {
            report.verify = Some(step("verifying", || verify(&self.data_dir()))?);
        }
        Ok(())
    }
}

/// Shows a spinner while `work` runs.
fn step<T>(what: &'static str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let bar = Bar::step(what);
    let result = work();
    bar.clear();
    result.context(what)
}

/// Asks until events come.
async fn first_answer(server: &Server) -> anyhow::Result<()> {
    let mut wire = Wire::connect(server.address, &server.token).await?;
    while !wire.get("/api/v1/auditlog?limit=50").await?.starts_with(b"{\"events\":[{") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// This program, to be run on `data_dir`.
fn this_program(data_dir: &Path) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(data_dir).env_remove("SECUREAI_AUDIT_URL");
    Ok(command)
}

fn verify(data_dir: &Path) -> anyhow::Result<Verified> {
    #[derive(Deserialize)]
    struct Outcome {
        entries: u64,
        seconds: f64,
    }
    let output = this_program(data_dir)?.args(["verify", "--json"]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "verify ended with {}", output.status);
    let Outcome { entries, seconds } = serde_json::from_slice(&output.stdout)?;
    let events_per_s = measure::per_second(entries, Duration::from_secs_f64(seconds));
    Ok(Verified { events: entries, seconds, events_per_s })
}

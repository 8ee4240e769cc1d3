//! `export`: events to a file or a pipe.
//!
//! To a file, an export that was interrupted goes on when the same command is given again ([`state`]): the bytes are
//! in `FILE.part`, how far it was in `FILE.part.state`, and both are gone when FILE is there. Parquet cannot be gone on
//! with: it begins again.

mod local;
mod proof;
mod remote;
mod state;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::bail;
use audit_query::export::Format;
use serde_json::json;

use super::Context;
use crate::{
    cli::{ExportArgs, ExportFormat},
    interrupt::Interrupt,
    output::{bytes, count, note},
};

/// What an export came to.
struct Done {
    bytes: u64,
    /// Unknown when a server wrote it.
    rows: Option<u64>,
    /// Stopped before the end.
    interrupted: bool,
    resumed_at: u64,
}

/// Where an export goes.
enum Target {
    Pipe,
    File(PathBuf),
}

/// Exports.
pub(crate) async fn run(context: &Context, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let target = match args.output.as_path() {
        path if path == Path::new("-") => Target::Pipe,
        path => {
            let proof = args.proof.then(|| proof::beside(path));
            let mut written = [Some(path.to_owned()), proof].into_iter().flatten();
            if let Some(path) = written.find(|path| path.exists() && !args.force) {
                bail!("{} exists: give another name, or --force to replace it", path.display())
            }
            Target::File(path.to_owned())
        }
    };
    proof::check(args)?;
    if let Target::File(path) = &target {
        proof::remove_stale(path)?;
    }
    let interrupt = Interrupt::listen()?;
    let start = Instant::now();
    let done = match &context.global.url {
        Some(_) => remote::export(context, args, &target, interrupt).await?,
        None => tokio::task::block_in_place(|| local::export(context, args, &target, &interrupt))?,
    };
    if done.interrupted {
        match target {
            Target::Pipe => bail!("stopped after {}", bytes(done.bytes)),
            Target::File(_) => bail!(stopped_after(done.bytes, args)),
        }
    }
    let Target::File(path) = target else { return Ok(ExitCode::SUCCESS) };
    report(context, &path, &done, start.elapsed().as_secs_f64())?;
    if args.proof {
        note(format!(
            "{}: check it with: secureai-audit proof verify {0} --key KEY",
            proof::beside(&path).display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how far an export to a file has come, and what the same command does next.
fn stopped_after(length: u64, args: &ExportArgs) -> String {
    let next = if args.format.is_resumable() { "goes on from here" } else { "begins again" };
    format!("stopped after {}: the same command {next}", bytes(length))
}

fn report(context: &Context, path: &Path, done: &Done, seconds: f64) -> anyhow::Result<()> {
    if context.output.is_json() {
        return context.output.json(&json!({
            "file": path, "bytes": done.bytes, "events": done.rows, "seconds": seconds, "resumed_at_bytes": done.resumed_at,
        }));
    }
    let events = done.rows.map_or_else(String::new, |rows| format!("{} events, ", count(rows)));
    let speed = bytes_per_second(done.bytes - done.resumed_at, seconds);
    note(format!("{}: {events}{} in {seconds:.1} s ({speed})", path.display(), bytes(done.bytes)));
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed, shown to three digits"
)]
fn bytes_per_second(written: u64, seconds: f64) -> String {
    format!("{}/s", bytes((written as f64 / seconds.max(1e-6)) as u64))
}

impl ExportArgs {
    /// The question as it was typed, by which the same command is recognised.
    fn as_typed(&self) -> anyhow::Result<String> {
        Ok(format!("{} {} {}", self.format.as_str(), self.order.as_str(), self.filter.as_typed()?))
    }
}

impl ExportFormat {
    /// Whether an interrupted export goes on where it was.
    fn is_resumable(self) -> bool {
        self.format().is_resumable()
    }

    /// The format as the exports know it.
    fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Ndjson => Format::Ndjson,
            Self::Csv => Format::Csv,
            Self::Parquet => Format::Parquet,
        }
    }

    /// The parameter's value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

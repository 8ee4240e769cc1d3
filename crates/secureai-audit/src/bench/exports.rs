//! Exports of everything: over HTTP, and by the command to a file.

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::{
    measure::{Process, megabytes_per_second},
    server::Server,
    wire::Wire,
};

/// The formats.
pub(crate) const FORMATS: [&str; 4] = ["ndjson", "json", "csv", "parquet"];

/// What an export came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exported {
    pub format: &'static str,
    pub way: &'static str,
    pub bytes: u64,
    pub seconds: f64,
    pub mb_per_s: f64,
    /// The most memory of the process that wrote it.
    pub rss_peak_bytes: u64,
}

impl Exported {
    fn new(format: &'static str, way: &'static str, bytes: u64, took: Duration, rss_peak_bytes: u64) -> Self {
        let mb_per_s = megabytes_per_second(bytes, took);
        Self { format, way, bytes, seconds: took.as_secs_f64(), mb_per_s, rss_peak_bytes }
    }
}

/// From the server, thrown away as it arrives.
pub(crate) async fn over_http(server: &Server, format: &'static str) -> anyhow::Result<Exported> {
    let mut wire = Wire::connect(server.address, &server.token).await?;
    let (bytes, took) = wire.drain(&format!("/api/v1/auditlog?format={format}")).await?;
    Ok(Exported::new(format, "http", bytes, took, server.process().peak_resident_bytes()))
}

/// By `export`, to a file beside the data directory, which is then removed.
pub(crate) fn to_file(data_dir: &Path, format: &'static str) -> anyhow::Result<Exported> {
    let file = data_dir.with_extension(format!("export.{format}"));
    let start = Instant::now();
    let mut child = super::this_program(data_dir)?
        .args(["export", "--format", format, "--force", "--output"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the export")?;
    let process = Process(child.id());
    let mut peak = 0;
    let status = loop {
        peak = peak.max(process.peak_resident_bytes());
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = start.elapsed();
    ensure!(status.success(), "the export ended with {status}");
    let bytes = std::fs::metadata(&file)?.len();
    std::fs::remove_file(&file)?;
    Ok(Exported::new(format, "file", bytes, took, peak))
}

/// By `export`, to a pipe that is thrown away.
pub(crate) fn to_pipe(data_dir: &Path, format: &'static str) -> anyhow::Result<Exported> {
    let start = Instant::now();
    let mut child = piped(super::this_program(data_dir)?.args(["export", "--format", format, "-o", "-"]))?;
    let mut out = child.stdout.take().context("the export has no output")?;
    let (mut bytes, mut peak, mut piece) = (0, 0, vec![0; 1 << 20]);
    loop {
        let read = out.read(&mut piece)?;
        if read == 0 {
            break;
        }
        if bytes % (64 << 20) < read as u64 {
            peak = peak.max(Process(child.id()).peak_resident_bytes());
        }
        bytes += read as u64;
    }
    let status = child.wait()?;
    ensure!(status.success(), "the export ended with {status}");
    Ok(Exported::new(format, "pipe", bytes, start.elapsed(), peak))
}

fn piped(command: &mut Command) -> anyhow::Result<std::process::Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the export")
}

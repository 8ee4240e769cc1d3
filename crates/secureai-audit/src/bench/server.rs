//! The server under test: this very program as a child process, so that its memory and CPU time are its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::measure::Process;

/// A running child; killed if it is dropped without [`Server::stop`].
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// An admin token.
    pub token: String,
}

/// What `serve --json` prints once it serves.
#[derive(Debug, Deserialize)]
struct Ready {
    address: SocketAddr,
    first_admin_token_file: std::path::PathBuf,
}

impl Server {
    /// Starts a server on `data_dir` and a free port of the loopback interface.
    pub(crate) fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("SECUREAI_AUDIT_LOG_LEVEL", "warn")
            // It asks faster than people do.
            .env("SECUREAI_AUDIT_LIMITS_READS_PER_SECOND", "0")
            .env("SECUREAI_AUDIT_LIMITS_ADDRESS_PER_SECOND", "0")
            .env_remove("SECUREAI_AUDIT_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server under test")?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let Ok(ready) = serde_json::from_str::<Ready>(&line) else {
            let status = child.wait()?;
            bail!("the server under test did not start ({status})");
        };
        let token = std::fs::read_to_string(&ready.first_admin_token_file)?.trim().to_owned();
        Ok(Self { child, address: ready.address, token })
    }

    /// Its process.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Asks it to stop, and says how long it took to drain.
    pub(crate) fn stop(mut self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the child has no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server under test ended with {status}");
        Ok(start.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing to do when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

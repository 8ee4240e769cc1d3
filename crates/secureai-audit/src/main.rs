//! The `secureai-audit` command: configuration, wiring, lifecycle and the command line of SecureAI Audit.
//!
//! The record itself is kept by the libraries; this crate composes them ([`app`]), gives them a clock, a disk and an
//! environment, and translates between them and people.

mod bench;
mod cli;
mod clock;
mod config;
mod data_dir;
mod environment;
mod keys;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = <cli::Cli as clap::Parser>::parse();
    ExitCode::SUCCESS
}

//! `completions`: a script for the shell.

use std::{io, process::ExitCode};

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};

/// Prints the script for the shell asked for.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "secureai-audit", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(ExitCode::SUCCESS)
}

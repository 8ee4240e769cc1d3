//! The `secureai-audit` command: configuration, wiring, lifecycle and the command line of SecureAI Audit.
//!
//! The record itself is kept by the libraries; this crate composes them ([`store`], [`app`]), gives them a clock, a
//! disk and an environment, and translates between them and people ([`commands`]).

mod api;
mod app;
mod bench;
mod capture;
mod cli;
mod clock;
mod commands;
mod config;
mod data_dir;
mod environment;
mod filters;
mod gateway;
mod interrupt;
mod keys;
mod models;
mod output;
mod platform;
mod premises;
mod provider;
mod receiving;
mod store;
mod surroundings;

use std::{io, process::ExitCode};

use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use crate::{api::Problem, cli::Cli, commands::UsageError, config::ConfigError};

/// Exit status when the command line asks for what cannot be.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match read_command_line() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("no threads can be started")),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(status) => status,
        Err(error) => fail(&error),
    }
}

/// What the command line asks for. A flag goes before the environment: who names a data directory does not mean the
/// server that `SECUREAI_AUDIT_URL` names.
fn read_command_line() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.global.data_dir_is_typed = is_typed(&matches, "data_dir");
    cli.global.url_is_typed = is_typed(&matches, "url");
    if cli.global.data_dir_is_typed && !cli.global.url_is_typed {
        cli.global.url = None;
    }
    Ok(cli)
}

/// Whether an option stands on the command line, before or behind the command.
fn is_typed(matches: &ArgMatches, option: &str) -> bool {
    let here = matches.try_contains_id(option).is_ok()
        && matches.value_source(option) == Some(ValueSource::CommandLine);
    here || matches.subcommand().is_some_and(|(_, matches)| is_typed(matches, option))
}

/// Help and version as they are; a bad command line in one line.
fn explain(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        let shown = error.print();
        return if shown.is_ok() && !error.use_stderr() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
    }
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(term))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && is_negated_term(term)
    {
        output::note("error: a term that begins with - goes behind --, or into -q");
        return ExitCode::from(USAGE);
    }
    let message: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    output::note(format!("{} (see --help)", message.join(" ")));
    ExitCode::from(USAGE)
}

/// Whether what clap took for options reads like `-outcome:success`; it tells of its first letter alone.
fn is_negated_term(term: &str) -> bool {
    std::env::args()
        .any(|argument| argument.starts_with(term) && argument.contains(':') && !argument.starts_with("--"))
}

/// One line, and the status that tells usage from failure.
fn fail(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        // Whoever read our output has read enough.
        return ExitCode::SUCCESS;
    }
    let is_usage = error.is::<UsageError>()
        || error.is::<ConfigError>()
        || error.downcast_ref::<Problem>().is_some_and(Problem::is_usage);
    output::note(format!("error: {}", format!("{error:#}").replace('\n', " ")));
    if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

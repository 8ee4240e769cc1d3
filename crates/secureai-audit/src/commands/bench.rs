//! `bench`: see [`crate::bench`].

use std::process::ExitCode;

use super::Context;
use crate::{bench, cli::BenchArgs};

/// Runs the benchmark.
pub(crate) fn run(context: &Context, args: &BenchArgs) -> anyhow::Result<ExitCode> {
    bench::run(context.output, args)?;
    Ok(ExitCode::SUCCESS)
}

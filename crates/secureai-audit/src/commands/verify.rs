//! `verify`: two verdicts on the whole record. *Integrity*: nothing was altered. *Completeness*: nothing is missing.
//!
//! On a data directory every byte is read again, whether or not a server has it open. Over `--url` the tree is
//! computed again from the published leaf data, and compared with the signed checkpoint: what an outsider can check.

mod local;
mod remote;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use audit_tlog::{Checkpoint, Verifier};
use serde::Serialize;

use super::{Context, UsageError};
use crate::{
    cli::VerifyArgs,
    output::{Align, Table, count, rate},
};

/// What was found, however it was looked at.
#[derive(Debug, Serialize)]
struct Outcome {
    integrity: Verdict,
    completeness: Verdict,
    /// Intact entries, from the first on.
    entries: u64,
    /// Root hash of their tree, base64 as in checkpoints; none when some cannot be read.
    root: Option<String>,
    /// Entries that the newest checkpoint promises.
    checkpoint_size: Option<u64>,
    /// Bytes of a write in progress, or torn, at the end: no damage.
    unfinished_bytes: u64,
    seconds: f64,
    /// What was read.
    scope: &'static str,
}

/// Sound, or what is wrong, or that nobody can tell.
#[derive(Debug, Serialize)]
struct Verdict {
    /// `None`: not checked.
    sound: Option<bool>,
    findings: Vec<String>,
}

impl Verdict {
    fn of(findings: Vec<String>) -> Self {
        Self { sound: Some(findings.is_empty()), findings }
    }

    /// The same where without what is missing nobody can say that it is sound.
    fn unchecked(self) -> Self {
        Self { sound: self.sound.filter(|sound| !sound), ..self }
    }
}

/// Exit status of a verdict that something was altered or is missing. Errors have others: nothing is said then.
const BROKEN: u8 = 3;
/// Exit status when neither was found broken, and something was not checked.
const NOT_CHECKED: u8 = 4;

/// Verifies, prints the verdicts, and tells them by the exit status: 0 both sound, 3 one broken, 4 not checked.
pub(crate) async fn run(context: &Context, args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let outcome = match &context.global.url {
        Some(_) => remote::verify(context, args).await?,
        None => local::verify(context, args)?,
    };
    print(context, &outcome)?;
    let verdicts = [outcome.integrity.sound, outcome.completeness.sound];
    Ok(if verdicts.contains(&Some(false)) {
        ExitCode::from(BROKEN)
    } else if verdicts.contains(&None) {
        ExitCode::from(NOT_CHECKED)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(context: &Context, outcome: &Outcome) -> anyhow::Result<()> {
    let output = context.output;
    if output.is_json() {
        return output.json(outcome);
    }
    let entries = count(outcome.entries);
    let mut table = Table::new(&[("question", Align::Left), ("verdict", Align::Left), ("", Align::Left)]);
    let integrity = format!("{entries} events: {}", outcome.scope);
    table.row(["nothing altered", word(&outcome.integrity), &integrity]);
    let promised = outcome.checkpoint_size.map_or_else(
        || "no checkpoint is known".to_owned(),
        |size| match outcome.completeness.sound {
            None => format!("a checkpoint that nobody checked promises {}", count(size)),
            Some(_) => format!("the signed checkpoint promises {}", count(size)),
        },
    );
    table.row(["nothing missing", word(&outcome.completeness), &promised]);
    output.table(&table)?;
    if let Some(root) = &outcome.root {
        output.line(format!("root {root}"))?;
    }
    if outcome.unfinished_bytes > 0 {
        output.line(format!(
            "{} bytes at the end are a write in progress, or one that a crash interrupted",
            count(outcome.unfinished_bytes)
        ))?;
    }
    for finding in outcome.integrity.findings.iter().chain(&outcome.completeness.findings) {
        output.line(format!("- {finding}"))?;
    }
    Ok(output.line(format!("{:.1} s, {}", outcome.seconds, rate(outcome.entries, outcome.seconds)))?)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict.sound {
        Some(true) => "sound",
        Some(false) => "BROKEN",
        None => "not checked",
    }
}

/// The key given as text or as a file with it.
pub(super) fn read_key(text: &str) -> anyhow::Result<Verifier> {
    if let Ok(key) = text.trim().parse() {
        return Ok(key);
    }
    let usage = |text: String| UsageError::new(text);
    let content = std::fs::read_to_string(text)
        .map_err(|_| usage(format!("--key {text} is neither a verifier key nor a file with one")))?;
    Ok(content.trim().parse().map_err(|_| usage(format!("--key: {text} holds no verifier key")))?)
}

/// A checkpoint kept elsewhere, whose signature is good.
fn read_checkpoint(path: &Path, keys: &[Verifier]) -> anyhow::Result<Checkpoint> {
    let note = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let origin = keys.first().context("there is no key to check the checkpoint with")?.name().as_str();
    let signed = Checkpoint::open(&note, origin, keys)
        .with_context(|| format!("{} is no checkpoint of this log", path.display()))?;
    Ok(signed.checkpoint)
}

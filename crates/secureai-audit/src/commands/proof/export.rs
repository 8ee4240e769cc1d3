//! `proof verify` of an export: every line of it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::ExitCode,
};

use anyhow::Context as _;
use audit_query::export::{PROOF_TITLE, verify_export};
use audit_tlog::Verifier;
use serde_json::json;

use super::exported;
use crate::{
    cli::ProofVerifyArgs,
    commands::Context,
    output::{Bar, count},
};

/// Whether the file is the proof of an export. Nothing is taken from it.
pub(super) fn is_one(proof: &mut dyn BufRead) -> anyhow::Result<bool> {
    Ok(proof.fill_buf().context("cannot read the proof")?.starts_with(PROOF_TITLE.as_bytes()))
}

/// Checks each line: nothing is read but the two files and the key.
pub(super) fn verify(
    context: &Context,
    args: &ProofVerifyArgs,
    key: &Verifier,
    proof: &mut dyn BufRead,
) -> anyhow::Result<ExitCode> {
    let path = exported(args, ".proof")?;
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut export = BufReader::with_capacity(1 << 20, file);
    let bar = Bar::open_count("verifying");
    let origin = key.name().as_str();
    let proved =
        verify_export(&mut export, proof, origin, std::slice::from_ref(key), &mut |lines| bar.set(lines));
    bar.clear();
    let proved = proved.with_context(|| format!("{} is NOT proved", path.display()))?;
    let (size, root) = (proved.size.get(), proved.root.to_string());
    if context.output.is_json() {
        let (first, last) = proved.indices.unzip();
        context.output.json(&json!({
            "valid": true, "file": path, "events": proved.events, "first_index": first, "last_index": last,
            "tree_size": size, "origin": origin, "root": root,
        }))?;
    } else {
        context.output.line(format!(
            "the proof holds: each of the {} events of {} is among the first {} in {origin}, as it was recorded",
            count(proved.events),
            path.display(),
            count(size),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

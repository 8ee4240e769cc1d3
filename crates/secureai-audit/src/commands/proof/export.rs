//! `proof verify` of an export: every line of it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    process::ExitCode,
};

use anyhow::Context as _;
use audit_event::Group;
use audit_query::export::{PROOF_TITLE, ProvedExport, verify_export};
use audit_tlog::Verifier;
use serde_json::json;

use super::exported;
use crate::{
    cli::ProofVerifyArgs,
    commands::Context,
    output::{Bar, count},
};

/// Whether a proof that begins like this is one of an export.
pub(super) fn is_one(beginning: &[u8]) -> bool {
    beginning == PROOF_TITLE.as_bytes()
}

/// How much of a proof tells whether it is one of an export.
pub(super) const BEGINNING: u64 = PROOF_TITLE.len() as u64;

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
    let hidden: Vec<(&str, u64)> =
        Group::ALL.iter().map(|group| (group.as_str(), proved.hidden[group.index()])).collect();
    if context.output.is_json() {
        let (first, last) = proved.indices.unzip();
        context.output.json(&json!({
            "valid": true, "file": path, "events": proved.events, "first_index": first, "last_index": last,
            "tree_size": size, "origin": origin, "root": root, "contiguous": proved.is_contiguous(),
            "events_with_hidden_groups": proved.incomplete,
            "hidden_groups": hidden.into_iter().collect::<BTreeMap<_, _>>(),
        }))?;
    } else {
        context.output.line(format!(
            "the proof holds: each of the {} events of {} is among the first {} in {origin}, as it was recorded",
            count(proved.events),
            path.display(),
            count(size),
        ))?;
        if let Some(what) = what_is_hidden(&proved, &hidden) {
            context.output.line(what)?;
        }
        context.output.line(what_is_left_out(&proved))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn what_is_hidden(proved: &ProvedExport, hidden: &[(&str, u64)]) -> Option<String> {
    let groups: Vec<String> = hidden
        .iter()
        .filter(|(_, lines)| *lines > 0)
        .map(|(group, lines)| format!("{group} {}", count(*lines)))
        .collect();
    (!groups.is_empty()).then(|| {
        format!(
            "of {} of them something is not shown ({}): withheld, erased, or taken out by whoever passed them on",
            count(proved.incomplete),
            groups.join(", ")
        )
    })
}

fn what_is_left_out(proved: &ProvedExport) -> String {
    match proved.indices.filter(|_| proved.is_contiguous()) {
        Some((first, last)) => {
            format!(
                "these are all entries from {first} to {last}; not proven: that they are in the order of the export"
            )
        }
        None => "not proven: that no event was left out or taken out, nor the order of the lines".to_owned(),
    }
}

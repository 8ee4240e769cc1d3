//! `proof get` and `proof verify`.

mod export;
mod manifest;

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use audit_event::{Group, disclosure::Disclosure};
use audit_tlog::TlogProof;
use serde_json::{Value, json};

use super::{Context, UsageError, verify::read_key};
use crate::{
    api::Query,
    cli::{ProofGetArgs, ProofVerifyArgs},
    output::{note, printable},
};

/// Writes the proof of one event.
pub(crate) async fn get(context: &Context, args: &ProofGetArgs) -> anyhow::Result<ExitCode> {
    let api = context.api()?;
    let mut query = Query::default();
    if !args.groups.is_empty() {
        query.add("groups", args.groups.join(","));
    }
    let path = format!("/{}/proof", encode_segment(&args.event));
    let proof = match api.get(&path, &query).await {
        Ok(answer) => answer.whole().await,
        Err(error) => Err(error),
    };
    api.close().await?;
    let proof = proof?;
    if args.output == Path::new("-") {
        std::io::stdout().lock().write_all(&proof)?;
    } else {
        let mut options = File::options();
        options.write(true).mode(0o600).truncate(true).create(true).create_new(!args.force);
        let mut file = options.open(&args.output).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => anyhow::anyhow!(
                "{} exists: give another name, or --force to replace it",
                args.output.display()
            ),
            _ => anyhow::Error::new(error).context(format!("cannot write {}", args.output.display())),
        })?;
        file.write_all(&proof).with_context(|| format!("cannot write {}", args.output.display()))?;
        note(format!(
            "wrote {}; check it with: secureai-audit proof verify {0} --key KEY",
            args.output.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a proof: nothing is read but the file, the key and, of an export, the export.
pub(crate) fn verify(context: &Context, args: &ProofVerifyArgs) -> anyhow::Result<ExitCode> {
    let key = read_key(&args.key)?;
    let mut proof = open(&args.file)?;
    let mut bytes = Vec::new();
    let cannot_read = || format!("cannot read {}", args.file.display());
    (&mut proof).take(export::BEGINNING).read_to_end(&mut bytes).with_context(cannot_read)?;
    if export::is_one(&bytes) {
        return export::verify(context, args, &key, &mut bytes.as_slice().chain(proof));
    }
    proof.read_to_end(&mut bytes).with_context(cannot_read)?;
    if manifest::is_one(&bytes) {
        return manifest::verify(context, args, &key, &bytes);
    }
    let proof = TlogProof::parse(&bytes).context("this is no proof file")?;
    let extra = proof.extra.as_deref().context("the proof does not show the event it is of")?;
    let shown = std::str::from_utf8(extra).context("what the proof shows is no text")?;
    let disclosure = Disclosure::from_json(shown).context("what the proof shows is no event")?;
    let leaf = disclosure.leaf_data();
    let signed = proof
        .verify(leaf.as_bytes(), key.name().as_str(), std::slice::from_ref(&key))
        .context("the proof does NOT hold")?;
    let event: Value = serde_json::from_str(&disclosure.event_json()).unwrap_or_default();
    let groups = Groups::of(&disclosure);
    let (index, size) = (proof.index.get(), signed.checkpoint.size().get());
    if context.output.is_json() {
        context.output.json(&json!({
            "valid": true, "index": index, "tree_size": size,
            "origin": signed.checkpoint.origin(), "root": signed.checkpoint.root().to_string(), "event": event,
            "groups": groups.to_json(),
        }))?;
    } else {
        context.output.line(format!(
            "the proof holds: event {index} of the first {size} in {}",
            signed.checkpoint.origin()
        ))?;
        context.output.line(groups.to_line())?;
        context.output.line(printable(&event.to_string()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a proof shows of an event, group by group.
struct Groups {
    disclosed: Vec<&'static str>,
    absent: Vec<&'static str>,
    withheld: Vec<&'static str>,
}

impl Groups {
    fn of(disclosure: &Disclosure) -> Self {
        let of = |wanted: &dyn Fn(Group) -> bool| {
            Group::ALL.iter().copied().filter(|group| wanted(*group)).map(Group::as_str).collect()
        };
        let (is_shown, is_absent) =
            (|group| disclosure.text(group).is_some(), |group| disclosure.is_absent(group));
        Self {
            disclosed: of(&is_shown),
            absent: of(&is_absent),
            withheld: of(&|group| !is_shown(group) && !is_absent(group)),
        }
    }

    fn to_json(&self) -> Value {
        json!({ "disclosed": self.disclosed, "absent": self.absent, "withheld": self.withheld })
    }

    fn to_line(&self) -> String {
        let list = |groups: &[&str]| if groups.is_empty() { "none".to_owned() } else { groups.join(", ") };
        format!(
            "groups shown: {}; empty in this event: {}; withheld or erased: {}",
            list(&self.disclosed),
            list(&self.absent),
            list(&self.withheld)
        )
    }
}

/// The file, or standard input.
fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
}

/// The export that a proof is of: the one named, or that beside the proof with its name but for the `ending`.
fn exported(args: &ProofVerifyArgs, ending: &str) -> Result<PathBuf, UsageError> {
    if let Some(path) = &args.export {
        return Ok(path.clone());
    }
    let name =
        args.file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(ending));
    name.filter(|name| !name.is_empty())
        .map(|name| args.file.with_file_name(name))
        .ok_or_else(|| UsageError::new("this is the proof of an export: say of which, with --export FILE"))
}

/// `text` as one segment of a path.
pub(super) fn encode_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

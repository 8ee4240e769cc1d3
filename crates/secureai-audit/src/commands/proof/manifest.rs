//! `proof verify` of a manifest: an exported file, its manifest and the log's public key; nothing else is read.
//!
//! The manifest holds the event with which the log recorded the export's end, and the proof that the log has it. What is
//! proven so is that the file is, bit for bit, what the log says it exported: of which question, at which tree size, with
//! how many events. That these are all events that match is the server's word, given when it wrote them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use audit_event::disclosure::Disclosure;
use audit_tlog::{TlogProof, Verifier};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::exported;
use crate::{cli::ProofVerifyArgs, commands::Context, keys::encode_hex, output::count};

const KIND: &str = "secureai-audit-export-manifest/1";

/// What a manifest holds; the checkpoint in it is that of the proof, for readers.
#[derive(Deserialize)]
struct Manifest {
    manifest: String,
    export: Value,
    proof: String,
}

/// What the log has signed.
struct Statement {
    details: Value,
    event_time: String,
    actor: String,
    origin: String,
    index: u64,
    checkpoint_size: u64,
}

/// Whether these bytes are a manifest: no other proof is JSON.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{")
}

/// Checks a file.
pub(super) fn verify(
    context: &Context,
    args: &ProofVerifyArgs,
    key: &Verifier,
    manifest: &[u8],
) -> anyhow::Result<ExitCode> {
    let path = exported(args, ".manifest.json")?;
    let manifest: Manifest = serde_json::from_slice(manifest)
        .with_context(|| format!("{} is no manifest of an export", args.file.display()))?;
    ensure!(manifest.manifest == KIND, "the manifest is of another kind: {:?}", manifest.manifest);
    let statement = signed(&manifest, key)?;
    let rows = compare(&path, &statement.details)?;
    report(context, &statement, rows)?;
    Ok(ExitCode::SUCCESS)
}

/// What the log says, if it says it.
fn signed(manifest: &Manifest, key: &Verifier) -> anyhow::Result<Statement> {
    let proof = TlogProof::parse(manifest.proof.as_bytes()).context("the manifest holds no proof")?;
    let extra = proof.extra.as_deref().context("the proof does not show the event it is of")?;
    let shown = std::str::from_utf8(extra).context("what the proof shows is no text")?;
    let disclosure = Disclosure::from_json(shown).context("what the proof shows is no event")?;
    let signed = proof
        .verify(disclosure.leaf_data().as_bytes(), key.name().as_str(), std::slice::from_ref(key))
        .context("the proof does NOT hold")?;
    let event: Value = serde_json::from_str(&disclosure.event_json()).context("the event is no JSON")?;
    // An event that somebody sent in is not the log's own word.
    let is_our_own = event["action"] == "audit.exported"
        && event["source"] == "internal"
        && event["sender"].is_null()
        && event["outcome"] == "success"
        && event["details"]["phase"] == "finished";
    ensure!(is_our_own, "the proof is of another event than the end of an export");
    ensure!(event["details"] == manifest.export, "the manifest says other things than the log");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Statement {
        event_time: text(&event["time"]),
        actor: text(&event["actor"]["name"]),
        details: manifest.export.clone(),
        origin: signed.checkpoint.origin().to_owned(),
        index: proof.index.get(),
        checkpoint_size: signed.checkpoint.size().get(),
    })
}

/// Compares the file with what was said of it; says how many events it has, where that can be counted.
fn compare(path: &Path, details: &Value) -> anyhow::Result<Option<u64>> {
    let open = || File::open(path).with_context(|| format!("cannot read {}", path.display()));
    let (bytes, sha256) = digest(open()?)?;
    let stated = &details["bytes"];
    ensure!(
        *stated == json!(bytes),
        "{} is NOT the file that was exported: it has {bytes} bytes, not {stated}",
        path.display()
    );
    if details["sha256"] != json!(sha256) {
        bail!("{} is NOT the file that was exported: its SHA-256 is {sha256}", path.display());
    }
    let reader = BufReader::with_capacity(1 << 20, open()?);
    let rows = match details["format"].as_str() {
        Some("json") => Some(events_of_document(reader)?),
        Some("ndjson") => Some(lines(reader)?),
        Some("csv") => Some(records(reader)?.saturating_sub(1)),
        _ => None,
    };
    if let Some(rows) = rows.filter(|rows| details["count"] != json!(rows)) {
        bail!("the file has {rows} events, not {} as stated", details["count"]);
    }
    Ok(rows)
}

fn digest(mut file: File) -> anyhow::Result<(u64, String)> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, encode_hex(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn events_of_document(reader: impl BufRead) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Document {
        // What is ignored takes no room, so this only counts.
        events: Vec<IgnoredAny>,
    }
    let document: Document = serde_json::from_reader(reader).context("the file is no JSON document")?;
    Ok(document.events.len() as u64)
}

fn lines(mut reader: impl BufRead) -> anyhow::Result<u64> {
    let (mut count, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        serde_json::from_slice::<IgnoredAny>(&line).with_context(|| format!("line {count} is no JSON"))?;
        line.clear();
    }
    Ok(count)
}

/// Lines of a CSV, of which those within quotation marks are none.
fn records(mut reader: impl BufRead) -> anyhow::Result<u64> {
    let (mut count, mut is_quoted) = (0, false);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(count);
        }
        for byte in bytes {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted => count += 1,
                _ => {}
            }
        }
        let length = bytes.len();
        reader.consume(length);
    }
}

fn report(context: &Context, said: &Statement, rows: Option<u64>) -> anyhow::Result<()> {
    let details = &said.details;
    if context.output.is_json() {
        return context.output.json(&json!({
            "valid": true, "export": details, "counted": rows, "exported_by": said.actor, "exported_at": said.event_time,
            "index": said.index, "checkpoint_size": said.checkpoint_size, "origin": said.origin,
        }));
    }
    let events = details["count"].as_u64().unwrap_or_default();
    let output = context.output;
    output.line(format!(
        "the file is the one that {} exported: SHA-256 and length are as recorded",
        said.origin
    ))?;
    output.line(match rows {
        Some(rows) => format!("it has {} events, as recorded", count(rows)),
        None => format!("it has {} events, as recorded (not counted again in this format)", count(events)),
    })?;
    output.line(format!(
        "recorded as event {} of the first {}: by {}, at {}, tree size {}, filter {}",
        said.index,
        said.checkpoint_size,
        said.actor,
        said.event_time,
        details["tree_size"],
        details["filter"],
    ))?;
    output.line("not proven: that these are all events that match (the server's word when it wrote them)")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_as_spreadsheets_do() {
        assert_eq!(records(&b"a,b\r\n1,\"two\nlines\"\r\n\"say \"\"x\"\"\n\",2\r\n"[..]).unwrap(), 3);
        assert_eq!(records(&b""[..]).unwrap(), 0);
    }

    #[test]
    fn every_line_has_to_be_json() {
        assert_eq!(lines(&b"{}\n{\"a\":1}\n"[..]).unwrap(), 2);
        assert!(lines(&b"{}\n{\n"[..]).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn events_of_a_document_are_counted() {
        assert_eq!(events_of_document(&b"{\"events\":[{},{\"a\":[]}],\"count\":2}"[..]).unwrap(), 2);
    }
}

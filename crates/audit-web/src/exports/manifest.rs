//! The manifest of a finished export: what its file is, and that the log says so.
//!
//! The end of every export is an event in the ledger, with the file's SHA-256, its question, the tree size it is of and
//! how many events it has. The manifest carries that statement together with the C2SP proof that this event is in the
//! log, up to a checkpoint that the log signed. With the log's public key and nothing else anybody can so check that a
//! file is, bit for bit, what this log exported then (`docs/FORMAT.md`, "Manifests").

use audit_control::Export;
use audit_event::{GroupSet, Json};
use audit_tlog::TlogProof;
use serde_json::{Map, Value, json};

use super::record::details_of_end;
use crate::endpoints::events::{one, proof};
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// What the first member of every manifest says.
const KIND: &str = "secureai-audit-export-manifest/1";

/// The manifest as JSON, indented for readers. Blocks.
///
/// # Errors
/// [`Code::ExportNotReady`] while the end is not recorded; what reading it comes to.
pub(crate) fn of(state: &AppState, export: &Export) -> Result<Vec<u8>> {
    let found = one::look_up(state, &export.event_id).map_err(|problem| match problem.code() {
        Code::NoSuchEvent => {
            let detail = "the end of this export is not recorded yet; ask again in a moment";
            Problem::new(Code::ExportNotReady, detail).retry_after_ms(2_000)
        }
        _ => problem,
    })?;
    let file = proof::prove(state, &found, GroupSet::ALL)?;
    let checkpoint = TlogProof::parse(file.as_bytes()).map_err(Problem::internal)?.checkpoint.to_string();
    let manifest = json!({
        "manifest": KIND,
        "export": value_of(&details_of_end(export)),
        "event": { "id": export.event_id, "index": found.index.get() },
        "checkpoint": checkpoint,
        "proof": file,
    });
    let mut bytes = serde_json::to_vec_pretty(&manifest).map_err(Problem::internal)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn value_of(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => whole(*number).map_or_else(|| Value::from(*number), Value::from),
        Json::String(text) => Value::from(text.as_ref()),
        Json::Array(elements) => elements.iter().map(value_of).collect(),
        Json::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.to_string(), value_of(value))).collect::<Map<_, _>>(),
        ),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
fn whole(number: f64) -> Option<u64> {
    let is_whole = number >= 0.0 && number.fract() == 0.0 && number <= 9_007_199_254_740_992.0;
    is_whole.then_some(number as u64)
}

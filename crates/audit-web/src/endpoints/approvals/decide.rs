//! `POST /approvals/{approval}`: another admin approves or refuses, or who asked takes it back.

use audit_control::Decision;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::ApprovalView;
use crate::body;
use crate::four_eyes;
use crate::params::{Params, PathPart};
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

const MAX_BODY_BYTES: usize = 16 << 10;
/// Characters of a note.
const NOTE_CHARS: usize = 500;

/// Decides a request and answers with it as it is now.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    body::require_json(&headers)?;
    let bytes = body::collect(body, MAX_BODY_BYTES, state.config().body_timeout).await?;
    let Ok(Value::Object(fields)) = serde_json::from_slice(&bytes) else {
        return Err(invalid("the body", "must be a JSON object with decision"));
    };
    if let Some(unknown) = fields.keys().find(|name| !["decision", "note"].contains(&name.as_str())) {
        return Err(invalid(unknown, "there is no such field; known are decision, note"));
    }
    let decision = fields.get("decision").and_then(Value::as_str).and_then(decision_of);
    let decision = decision.ok_or_else(|| invalid("decision", "is approve, refuse or withdraw"))?;
    let note = match fields.get("note") {
        None | Some(Value::Null) => None,
        Some(Value::String(note)) => Some(note.clone()),
        Some(_) => return Err(invalid("note", "must be a text in quotes")),
    };
    let approval = run(&state, reader, id, decision, note).await?;
    Ok(Json(json!({ "approval": approval })))
}

/// The decision of this name.
pub(crate) fn decision_of(name: &str) -> Option<Decision> {
    match name {
        "approve" => Some(Decision::Approve),
        "refuse" => Some(Decision::Refuse),
        "withdraw" => Some(Decision::Withdraw),
        _ => None,
    }
}

/// Decides on a worker's thread.
pub(crate) async fn run(
    state: &AppState,
    reader: Reader,
    id: String,
    decision: Decision,
    note: Option<String>,
) -> Result<ApprovalView> {
    let note = note.map(|note| note.trim().chars().take(NOTE_CHARS).collect::<String>());
    let worker = state.clone();
    let decided = state
        .queries()
        .run(move || {
            let note = note.as_deref().filter(|note| !note.is_empty());
            four_eyes::decide(&worker, &reader, &id, decision, note)
        })
        .await??;
    Ok(ApprovalView::new(decided))
}

fn invalid(field: &str, advice: &str) -> Problem {
    Problem::new(Code::InvalidDocument, format!("{field}: {advice}")).with("field", field)
}

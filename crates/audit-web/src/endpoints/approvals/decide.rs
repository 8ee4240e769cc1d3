//! `POST /approvals/{approval}`: another admin approves or refuses, or who asked takes it back.

use audit_control::Decision;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::ApprovalView;
use crate::endpoints::document::{Document, invalid};
use crate::four_eyes;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

const FIELDS: &[&str] = &["decision", "note"];
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
    let document = Document::read(&state, &headers, body, FIELDS).await?;
    let decision = document.given("decision").and_then(Value::as_str).and_then(decision_of);
    let decision = decision.ok_or_else(|| invalid("decision", "is approve, refuse or withdraw"))?;
    let note = document.text("note")?.map(str::to_owned);
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
    let decided = state
        .work(move |state| {
            let note = note.as_deref().filter(|note| !note.is_empty());
            four_eyes::decide(state, &reader, &id, decision, note)
        })
        .await?;
    Ok(ApprovalView::new(decided))
}

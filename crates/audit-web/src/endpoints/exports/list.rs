//! `GET /exports`: the caller's exports, newest first; to admins everybody's.

use audit_control::Export;
use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::ExportView;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// How many are listed when nobody says.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// Lists them.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri, reader: Reader) -> Result<Json<Value>> {
    let params = Params::parse(uri.query(), &[&["limit"]])?;
    let limit = params.parsed("limit")?.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid_parameter("limit", format!("is a number from 1 to {MAX_LIMIT}")));
    }
    let exports = state.work(move |state| listed(state, &reader, limit)).await?;
    let exports: Vec<_> = exports.into_iter().map(|export| ExportView::of(&state, export)).collect();
    Ok(Json(json!({ "exports": exports })))
}

/// The exports that the reader may know of, newest first.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn listed(state: &AppState, reader: &Reader, most: u32) -> Result<Vec<Export>> {
    let mut exports = state.export_jobs().list(super::owner_filter(reader), most)?;
    exports.retain(|export| super::is_within(reader, export));
    Ok(exports)
}

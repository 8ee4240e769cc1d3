//! `GET /exports/{id}`: how an export is.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{ExportView, find};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Says how it is.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let export = state.work(move |state| find(state, &id, &reader)).await?;
    Ok(Json(json!({ "export": ExportView::of(&state, export) })))
}

//! `DELETE /exports/{id}`: cancel an export that is not finished, or remove the file of one that is. It stays in the list.

use audit_control::Export;
use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{ExportView, find};
use crate::exports::about;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Cancels or removes.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let export = remove(&state, id, reader).await?;
    Ok(Json(json!({ "export": ExportView::of(&state, export) })))
}

/// Does it, and puts on record who did; an export with nothing left to remove stays as it is.
///
/// # Errors
/// [`crate::problem::Code::NoSuchExport`].
pub(crate) async fn remove(state: &AppState, id: String, reader: Reader) -> Result<Export> {
    let removed = state.work(move |state| {
        let before = find(state, &id, &reader)?;
        let after = state.export_jobs().remove(state, &before)?;
        if before.state != after.state {
            state.activity().record(about(reader.visitor().did("audit.export_deleted"), &after));
        }
        Ok(after)
    });
    removed.await
}

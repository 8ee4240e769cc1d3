//! `GET /exports/{id}/proof`: the manifest of a finished export.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use super::file::disposition;
use super::find;
use crate::exports::{about, file_name, manifest};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Answers with the manifest.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    reader: Reader,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let answer = state.work(move |state| {
        let export = find(state, &id, &reader)?;
        // A manifest outlives its file: whoever downloaded it may want to check it later.
        if export.sha256.is_none() {
            state.export_jobs().file_of(&export)?;
        }
        let manifest = manifest::of(state, &export)?;
        let event = about(reader.visitor().did("audit.proof_issued"), &export);
        state.activity().note(event, &reader.visitor().key(), &export.id);
        Ok((export, manifest))
    });
    let (export, manifest) = answer.await?;
    let mut response = manifest.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_DISPOSITION, disposition(&format!("{}.manifest.json", file_name(&export)))?);
    Ok(response)
}

//! `POST /exports`: begin an export in the background. Which events, and how, are parameters as in a list.

use audit_control::Export;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use serde_json::json;

use super::ExportView;
use crate::exports::Wish;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;

/// Parameters of a list that an export has no use for.
pub(crate) const USELESS: &[&str] = &["limit", "page_token", "count"];

/// Answers 202 with the export, and where to ask how it is.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri, reader: Reader) -> Result<Response> {
    let question = question::asked(&uri, &["name"], USELESS)?;
    let wish = Wish::new(&question, Params::any(uri.query()).one("name")?, &reader)?;
    let export = begin(&state, wish, &reader).await?;
    let address = format!("{}/exports/{}", PREFIXES[0], export.id);
    let mut response = Json(json!({ "export": ExportView::of(&state, export) })).into_response();
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(address).map_err(Problem::internal)?);
    Ok(response)
}

/// Begins the export that the reader wishes for.
///
/// # Errors
/// As [`crate::exports::Exports::begin`].
pub(crate) async fn begin(state: &AppState, wish: Wish, reader: &Reader) -> Result<Export> {
    let asker = super::asker(state, reader)?;
    let begun = state.ask(move |state, budget| state.export_jobs().begin(state, &wish, &asker, budget));
    begun.await
}

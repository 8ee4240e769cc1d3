//! `POST /views`: keep a question under a name.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::wish;
use crate::params::Params;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::views;

/// Saves a view of the caller's.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let wish = wish(&state, &headers, body).await?;
    let view = state.work(move |state| views::save(state, &reader, &wish)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "view": view }))).into_response())
}

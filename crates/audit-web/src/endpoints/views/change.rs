//! `PUT /views/{view}`: another name, another question, shared or not any more. What is not named stays as it is.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::wish;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::views;

/// Changes a view and answers with it as it is now.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let wish = wish(&state, &headers, body).await?;
    let view = state.work(move |state| views::change(state, &reader, &id, &wish)).await?;
    Ok(Json(json!({ "view": view })))
}

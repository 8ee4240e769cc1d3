//! `GET /views/{view}`: one view.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::views;

/// Answers with the view.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let view = state.work(move |state| views::one(state, &reader, &id)).await?;
    Ok(Json(json!({ "view": view })))
}

//! `DELETE /views/{view}`: the view is gone; the events that it showed are not.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::views;

/// Deletes a view and answers with it as it was.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let view = state.work(move |state| views::delete(state, &reader, &id)).await?;
    Ok(Json(json!({ "view": view })))
}

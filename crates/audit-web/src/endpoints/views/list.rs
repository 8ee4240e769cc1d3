//! `GET /views`: the views that the caller sees.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use crate::params::Params;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::views;

/// Lists the views: those of the program, then the caller's own and the shared ones by name.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri, reader: Reader) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let all = state.work(move |state| views::all(state, &reader)).await?;
    Ok(Json(json!({ "views": all })))
}

//! `DELETE /tokens/{name or id}`: the token is refused from the next request on.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{TokenView, acts};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Revokes a live token; `force=true` at the console even the last that manages tokens.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    let params = Params::parse(uri.query(), &[&["force"]])?;
    let force = params.word("force", &[("true", true), ("false", false)])?.unwrap_or(false);
    let token = state.work(move |state| acts::revoke(state, &reader, &name, force)).await?;
    Ok(Json(json!({ "token": TokenView::new(&token, state.now()) })))
}

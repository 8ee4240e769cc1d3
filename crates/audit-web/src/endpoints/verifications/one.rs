//! `GET /verifications/{id}`: one check of the whole ledger, with how far it is.

use axum::Json;
use axum::extract::State;
use http::Uri;

use super::View;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::state::AppState;

/// Answers with the check.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
) -> Result<Json<View>> {
    Params::parse(uri.query(), &[])?;
    Ok(Json(state.work(move |state| super::find(state, &id)).await?))
}

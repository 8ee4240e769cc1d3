//! `GET /verifications`: the checks of the whole ledger that are remembered.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::View;
use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;
use crate::verifications;

/// Lists them, newest first, with when the next is due.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let (checks, next) =
        state.work(move |state| Ok((state.control().verifications()?, verifications::next(state)?))).await?;
    let views: Vec<_> = checks.into_iter().map(|check| View::new(check, &state)).collect();
    let every_hours = state.config().verify_every.map(|every| every.as_secs() / 3_600);
    Ok(Json(json!({ "verifications": views, "every_hours": every_hours, "next": next })))
}

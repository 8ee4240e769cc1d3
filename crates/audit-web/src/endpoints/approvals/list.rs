//! `GET /approvals`: the requests, the newest first.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::ApprovalView;
use crate::four_eyes;
use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// Requests that are shown; older ones are in the record.
const MOST: u32 = 500;

/// Lists the requests.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    Ok(Json(json!({ "approvals": all(&state).await? })))
}

/// The requests as they are now.
pub(crate) async fn all(state: &AppState) -> Result<Vec<ApprovalView>> {
    let approvals = state
        .work(move |state| {
            four_eyes::expire(state)?;
            Ok(state.access().control().approvals(MOST)?)
        })
        .await?;
    Ok(approvals.into_iter().map(ApprovalView::new).collect())
}

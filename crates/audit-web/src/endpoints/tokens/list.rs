//! `GET /tokens`: every token ever made, without its text.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::TokenView;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::state::AppState;

/// Lists the tokens, oldest first.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let tokens = state.work(|state| state.access().control().tokens().map_err(Problem::internal)).await?;
    let now = state.now();
    let views: Vec<_> = tokens.iter().map(|token| TokenView::new(token, now)).collect();
    Ok(Json(json!({ "tokens": views })))
}

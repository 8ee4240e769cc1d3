//! `POST /tokens/{name or id}/rotate`: another secret; the one before is good for a while.

use audit_control::DEFAULT_OVERLAP_HOURS;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Uri};
use serde_json::json;

use super::TokenView;
use super::acts::{self, MAX_OVERLAP_HOURS};
use crate::endpoints::document::Document;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Rotates a token; without a body the former secret is good for a day.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let overlap = if headers.contains_key(CONTENT_TYPE) {
        let document = Document::read(&state, &headers, body, &["overlap_hours"]).await?;
        document.number("overlap_hours", 0..=MAX_OVERLAP_HOURS)?
    } else {
        None
    };
    let overlap = overlap.unwrap_or(DEFAULT_OVERLAP_HOURS);
    let (token, secret) = state.work(move |state| acts::rotate(state, &reader, &name, overlap)).await?;
    let answer = json!({ "token": TokenView::new(&token, state.now()), "secret": secret.reveal() });
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

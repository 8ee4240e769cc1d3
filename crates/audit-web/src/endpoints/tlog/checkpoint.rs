//! `GET /tlog/checkpoint`: the newest signed tree head.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// Answers with the signed note.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let note = state.ledger().checkpoint();
    let mut response = note.to_vec().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

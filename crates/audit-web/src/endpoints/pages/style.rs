//! `GET /audit/style.css`: the pages' style sheet.

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// Answers with the style sheet.
pub(crate) async fn handle() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("../../../assets/style.css")).into_response()
}

//! `GET /openapi.json`: this API, described. A test holds the document against the router.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};

/// The document, kept by hand beside the router.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers with the document.
pub(crate) async fn handle() -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=3600")], DOCUMENT)
}

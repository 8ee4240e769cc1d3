//! `GET /openapi.json`: this API, described. A test holds the document against the router.

use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};

use crate::params::Params;
use crate::problem::Result;

/// The document, kept by hand beside the router.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers with the document.
pub(crate) async fn handle(uri: Uri) -> Result<([(HeaderName, &'static str); 2], &'static str)> {
    Params::parse(uri.query(), &[])?;
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=3600")], DOCUMENT))
}

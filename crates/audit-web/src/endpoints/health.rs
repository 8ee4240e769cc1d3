//! `GET /healthz`: the process runs. Says nothing about the ledger; [`super::ready`] does.

use http::Uri;
use http::header::{CACHE_CONTROL, HeaderName};

use crate::params::Params;
use crate::problem::Result;

/// Answers `ok`.
pub(crate) async fn handle(uri: Uri) -> Result<([(HeaderName, &'static str); 1], &'static str)> {
    Params::parse(uri.query(), &[])?;
    Ok(([(CACHE_CONTROL, "no-store")], "ok\n"))
}

//! `GET /healthz`: the process runs. Says nothing about the ledger; [`super::ready`] does.

use http::header::{CACHE_CONTROL, HeaderName};

/// Answers `ok`.
pub(crate) async fn handle() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

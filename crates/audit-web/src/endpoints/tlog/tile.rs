//! `GET /tlog/tile/…`: tiles of hashes (`tile/<L>/<N>[.p/<W>]`) and bundles of leaf data
//! (`tile/entries/<N>[.p/<W>]`).

use audit_ledger::ErrorKind;
use audit_tlog::tile::TilePath;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use crate::params::{Params, PathPart};
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// Answers with the tile's bytes. A tile never changes, a partial one neither: it is replaced by a wider one under
/// another name.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(path): PathPart,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let tile: TilePath = format!("tile/{path}").parse().map_err(|_| no_such_tile(&path))?;
    let worker = state.clone();
    let bytes = state
        .queries()
        .run(move || match tile {
            TilePath::Tile(tile) => worker.ledger().tile(tile),
            TilePath::Entries(bundle) => worker.ledger().entry_bundle(bundle),
        })
        .await?;
    let bytes = bytes.map_err(|error| match error.kind() {
        ErrorKind::Absent => no_such_tile(&path),
        _ => state.unreadable().ledger_problem(error),
    })?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let caching = if state.config().public_tlog {
        "public, max-age=31536000, immutable"
    } else {
        "private, max-age=31536000, immutable"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}

fn no_such_tile(path: &str) -> Problem {
    let detail = format!("the tree has no tile/{path}; the checkpoint's size says which tiles there are");
    Problem::new(Code::NoSuchTile, detail)
}

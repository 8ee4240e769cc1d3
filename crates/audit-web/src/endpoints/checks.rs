//! `GET /checks`: everything that could be wrong, with what to do. `doctor` prints it.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use crate::checks::{self, Level};
use crate::params::Params;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Looks at everything. The platform is asked: this takes as long as its answer, at most some seconds.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri, reader: Reader) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let (findings, _) = checks::all(&state, &reader).await?;
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    Ok(Json(json!({ "level": worst, "findings": findings })))
}

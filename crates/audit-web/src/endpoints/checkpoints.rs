//! `GET /checkpoints` and `GET /checkpoints/{size}`: the signed checkpoints that were kept, one an hour at most and one
//! with each verification. The newest of all is at `GET /tlog/checkpoint`.

use audit_control::CHECKPOINTS_KEPT;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::params::{Params, PathPart};
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// Lists them, newest first.
pub(crate) async fn list(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let kept = state.work(|state| Ok(state.control().checkpoints(CHECKPOINTS_KEPT)?)).await?;
    let views: Vec<_> = kept.iter().map(|kept| json!({ "size": kept.size, "kept": kept.time })).collect();
    Ok(Json(json!({ "checkpoints": views })))
}

/// The signed note that covers so many events, as text.
pub(crate) async fn one(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(size): PathPart,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let worker = state.clone();
    let asked = size.parse::<u64>().ok();
    let find = move || asked.map(|size| worker.control().checkpoint(size)).transpose();
    let kept = state.queries().run(find).await??.flatten().ok_or_else(|| {
        let shown: String = size.chars().take(40).collect();
        Problem::new(Code::NoSuchCheckpoint, format!("no checkpoint of {shown:?} events was kept"))
    })?;
    let name = format!("attachment; filename=\"checkpoint-{}.txt\"", kept.size);
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, kept.note).into_response())
}

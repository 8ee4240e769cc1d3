//! `GET /readyz`: whether events are taken and answers given.

use audit_ledger::Health;
use axum::Json;
use axum::extract::State;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// 200 when the ledger accepts events and the server is not draining, else 503 and why. What was found damaged is told
/// beside: it does not keep the server from taking events.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<(StatusCode, Json<Value>)> {
    Params::parse(uri.query(), &[])?;
    let (is_ready, body) = readiness(&state);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(body)))
}

/// Whether events are taken, and the figures that are told beside.
pub(crate) fn readiness(state: &AppState) -> (bool, Value) {
    let draining = state.draining().is_cancelled();
    let (ready, ledger) = match state.ledger().health() {
        Health::Accepting => (true, "accepting"),
        Health::DiskFull { .. } => (false, "disk_full"),
        Health::Poisoned { .. } => (false, "stopped_after_failed_write"),
        Health::Closed => (false, "closed"),
        _ => (false, "unknown"),
    };
    let ready = ready && !draining;
    let index = state.index().status();
    let body = json!({
        "ready": ready,
        "ledger": ledger,
        "draining": draining,
        "index_lag": index.lag,
        "unreadable": state.unreadable().count(),
        "undecodable": index.undecodable,
        // The reason is in the log: errors name paths, and this is told without a token.
        "index_failing_seconds": index.failing.map(|failing| failing.elapsed.as_secs()),
        "index_rebuilt": index.rebuilt.map(|reason| reason.to_string()),
    });
    (ready, body)
}

//! `GET /readyz`: whether events are taken and answers given.

use audit_ledger::Health;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::state::AppState;

/// 200 when the ledger accepts events and the server is not draining, else 503 and why.
pub(crate) async fn handle(State(state): State<AppState>) -> (StatusCode, Json<Value>) {
    let draining = state.draining().is_cancelled();
    let (ready, ledger) = match state.ledger().health() {
        Health::Accepting => (true, "accepting"),
        Health::DiskFull { .. } => (false, "disk_full"),
        Health::Poisoned { .. } => (false, "stopped_after_failed_write"),
        Health::Closed => (false, "closed"),
        _ => (false, "unknown"),
    };
    let ready = ready && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let index_lag = state.index().status().lag;
    (status, Json(json!({ "ready": ready, "ledger": ledger, "draining": draining, "index_lag": index_lag })))
}

//! `GET /sources`: the sources, and how what they send is matched.

use audit_pipeline::sources::openwebui::sightings;
use audit_pipeline::sources::tail;
use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::SourceView;
use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// Lists the sources.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let sources = state.work(|state| Ok(state.access().control().sources()?)).await?;
    let views: Vec<_> = sources
        .iter()
        .map(|source| SourceView::new(source, state.sources().arrivals(&source.name)))
        .collect();
    let mut answer = json!({ "sources": views });
    if let Some(receiving) = state.receiving() {
        answer["sightings"] = matched(&receiving.sightings.status());
        if let Some(tail) = &receiving.audit_file {
            answer["audit_file"] = followed(&tail.status());
        }
    }
    Ok(Json(answer))
}

fn matched(status: &sightings::Status) -> Value {
    json!({
        "recorded": status.recorded,
        "corroborating": status.corroborating,
        "unseen": status.unseen,
        "held": status.held,
        "gathered": status.gathered,
        "duplicates": status.duplicates,
        "refused": status.refused,
        "damaged": status.damaged,
        "last_webhook": status.last_webhook,
        "webhook_delay_ms": status.webhook_delay_ms,
        "last_audit_line": status.last_audit_line,
    })
}

fn followed(status: &tail::Status) -> Value {
    json!({
        "path": status.path,
        "open": status.is_open,
        "offset": status.offset,
        "lag_bytes": status.lag_bytes,
        "lines": status.lines,
        "skipped": status.skipped,
        "last_line": status.last_line,
        "rotations": status.rotations,
        "truncations": status.truncations,
        "lost_file": status.lost_file,
        "last_error": status.last_error,
    })
}

//! `GET /status`: how gateways and sources are, for whoever wonders where an event is. `doctor --url` reads it.

use audit_pipeline::sources::tail;
use axum::Json;
use axum::extract::State;
use http::Uri;

use crate::params::Params;
use crate::problem::Result;
use crate::sources::Receiving;
use crate::state::AppState;
use crate::surroundings::{AuditFile, Gateways, SourcesStatus, Status, Webhook};

/// Looks around and tells. The platform is asked: this takes as long as its answer, at most some seconds.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Status>> {
    Params::parse(uri.query(), &[])?;
    look(&state).await.map(Json)
}

/// Looks around.
///
/// # Errors
/// When too much waits already, or the control database cannot be read.
pub(crate) async fn look(state: &AppState) -> Result<Status> {
    let gateways = match state.surroundings() {
        Some(surroundings) => surroundings.look().await,
        None => Gateways::default(),
    };
    let sources = match state.receiving().cloned() {
        Some(receiving) => {
            let worker = state.clone();
            let look = state.queries().run(move || sources(&worker, &receiving));
            Some(look.await??)
        }
        None => None,
    };
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: state.started(),
        now: state.now(),
        break_glass: state.emergency().since().is_some(),
        gateways,
        sources,
    })
}

fn sources(state: &AppState, receiving: &Receiving) -> audit_control::Result<SourcesStatus> {
    let sightings = receiving.sightings.status();
    let webhooks = state.access().control().sources()?.into_iter().map(|source| {
        let arrivals = state.sources().arrivals(&source.name);
        Webhook {
            refused: state.activity().refusals().of(&source.name),
            name: source.name,
            received: arrivals.events,
            last_received: arrivals.last,
        }
    });
    Ok(SourcesStatus {
        webhooks: webhooks.collect(),
        webhook_delay_ms: sightings.webhook_delay_ms,
        unseen: sightings.unseen,
        held: sightings.held as u64,
        refused: sightings.refused,
        audit_file: receiving.audit_file.as_ref().map(|tail| audit_file(tail.status())),
    })
}

fn audit_file(status: tail::Status) -> AuditFile {
    AuditFile {
        path: status.path.display().to_string(),
        is_open: status.is_open,
        offset: status.offset,
        lag_bytes: status.lag_bytes,
        lines: status.lines,
        skipped: status.skipped,
        last_line: status.last_line,
        lost_file: status.lost_file,
        last_error: status.last_error,
    }
}

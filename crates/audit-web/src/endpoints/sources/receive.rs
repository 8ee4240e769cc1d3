//! `POST /sources/openwebui/{name}`: an event of Open WebUI's, as its webhooks and event functions send them.
//!
//! Open WebUI does not send again what was refused. So the answer is not given before the event is durable, in the
//! ledger or in the journal of sightings, and what cannot be understood or is refused leaves an event that says so.

use audit_event::{Event, Outcome, Sender, taxonomy};
use audit_pipeline::sources::openwebui::sightings::{Error, Receipt};
use audit_pipeline::sources::{Refusal, read_webhook};
use axum::Json;
use axum::extract::{Extension, Request, State};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::body::{self, Reservation};
use crate::problem::{Code, Problem, Result};
use crate::sources::{self, SourceName};
use crate::state::AppState;
use crate::visitor::Visitor;

/// Open WebUI cuts strings at a thousand characters: no event of its is as large.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Takes one event.
pub(crate) async fn handle(
    State(state): State<AppState>,
    Extension(SourceName(name)): Extension<SourceName>,
    visitor: Visitor,
    request: Request,
) -> Result<Json<Value>> {
    let mut reservation = Reservation::new(state.upload_bytes());
    let timeout = state.config().body_timeout;
    let refused = |problem: &Problem| {
        state.activity().refusals().note(&name, problem.code().as_str(), state.now());
    };
    let body = body::collect_reserved(request.into_body(), MAX_EVENT_BYTES, timeout, &mut reservation);
    let bytes = body.await.inspect_err(refused)?;
    state.sources().note(&name, state.now());
    let mut event = match read_webhook(&bytes) {
        Ok(event) => event,
        Err(refusal) => return Err(not_understood(&state, &visitor, &name, &refusal)),
    };
    if taxonomy::is_reserved(&event.action) {
        state.activity().refusals().note(&name, "reserved_action", state.now());
        return Err(reserved(&event.action));
    }
    event.sender = Some(format!("{}{name}", Sender::WEBHOOK).into());
    let receipt = offer(&state, event).await.inspect_err(refused)?;
    if receipt.refused > 0 {
        let refusal = Refusal { field: String::new(), code: "invalid_event", message: String::new() };
        return Err(not_understood(&state, &visitor, &name, &refusal));
    }
    Ok(Json(json!({
        "recorded": receipt.recorded,
        "corroborating": receipt.corroborating,
        "held": receipt.held,
        "duplicates": receipt.duplicates,
    })))
}

async fn offer(state: &AppState, event: Event<'static>) -> Result<Receipt> {
    let Some(receiving) = state.receiving() else {
        return Err(Problem::new(Code::ShuttingDown, "events of sources are taken by the server alone"));
    };
    let (done, durable) = oneshot::channel();
    let answer = Box::new(move |receipt| {
        // The sender may be gone; its event is kept all the same.
        let _ = done.send(receipt);
    });
    receiving.sightings.offer(vec![event], answer).map_err(problem)?;
    durable.await.unwrap_or(Err(Error::Closed)).map_err(problem)
}

/// An event that was sent and is not on the record would be a gap that nobody knows of.
fn not_understood(state: &AppState, visitor: &Visitor, name: &str, refusal: &Refusal) -> Problem {
    let event = Event {
        outcome: Outcome::Failure,
        reason: Some(refusal.code.into()),
        target: Some(sources::target(name)),
        ..visitor.did("source.lines_skipped")
    };
    state.activity().note(event, name, refusal.code);
    Problem::new(Code::InvalidEvents, format!("nothing was recorded: {refusal}"))
}

/// What only this program records of itself no source tells.
fn reserved(action: &str) -> Problem {
    let detail = format!(
        "nothing was recorded: event {action:?} is what this server records of itself, and no event of Open WebUI is called \
         so; give events of your own functions another name"
    );
    Problem::new(Code::InvalidEvents, detail)
}

fn problem(error: Error) -> Problem {
    match error {
        Error::Busy { retry_after_ms } => {
            Problem::new(Code::Busy, "too much waits to be recorded; send the event again")
                .retry_after_ms(retry_after_ms)
        }
        Error::Closed => {
            Problem::new(Code::ShuttingDown, "the server is shutting down; send the event again")
                .retry_after_ms(5_000)
        }
        error => {
            tracing::error!(error.message = %error, "a source's event could not be kept");
            Problem::new(Code::LedgerUnavailable, "the event could not be kept; send it again")
                .retry_after_ms(30_000)
        }
    }
}

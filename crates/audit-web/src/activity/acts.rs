//! Acts: changes that are made with the event that tells of them, or not at all.

use audit_control::Control;
use audit_event::{Event, Outcome};
use audit_pipeline::intake;

use super::worded;
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// Makes a change of what the control database holds. The event that tells of it is durable before the change is; when it
/// cannot be recorded nothing is changed. Blocks; for the time of a sync nobody else asks the database.
///
/// Where there is no event nothing changes that has to be told of.
///
/// A crash between the two leaves an event of what then did not happen, never a change without its event.
///
/// # Errors
/// Those of `change`; [`Code::LedgerUnavailable`], [`Code::Busy`] and [`Code::ShuttingDown`] when it cannot be recorded.
pub(crate) fn change<T, E: Into<Option<Event<'static>>>>(
    state: &AppState,
    change: impl FnOnce(&Control) -> Result<(T, E)>,
) -> Result<T> {
    let control = state.control();
    let mut told = None;
    let changed = control.as_one(|| {
        let (changed, event) = change(control)?;
        if let Some(event) = event.into().map(worded) {
            state.activity().intake.record_internal(event.clone()).map_err(unrecorded)?;
            told = Some(event);
        }
        Ok(changed)
    });
    if changed.is_err()
        && let Some(event) = told
    {
        state.activity().note_each(not_kept(event));
    }
    changed
}

/// Of an act that is on record, and that the database then could not keep.
fn not_kept(event: Event<'static>) -> Event<'static> {
    let message = event.message.as_deref().map(|done| format!("Not kept by the database, so undone: {done}"));
    Event {
        outcome: Outcome::Failure,
        reason: Some("not_kept".into()),
        message: message.map(Into::into),
        ..event
    }
}

fn unrecorded(error: intake::Error) -> Problem {
    match error {
        intake::Error::DiskFull { free_bytes, needed_bytes } => Problem::new(
            Code::LedgerUnavailable,
            "the disk is full: this could not be recorded, so nothing was changed; free some space, then try again",
        )
        .with("free_bytes", free_bytes)
        .with("needed_bytes", needed_bytes)
        .retry_after_ms(30_000),
        intake::Error::Poisoned { reason } => {
            tracing::error!(error.message = %reason, "changes are refused since a write failed");
            Problem::new(
                Code::LedgerUnavailable,
                "a write to the disk failed and recording has stopped, so nothing was changed; a restart checks what is \
                 there and goes on",
            )
            .retry_after_ms(60_000)
        }
        intake::Error::Busy { retry_after_ms } => {
            Problem::new(Code::Busy, "too much waits to be recorded; nothing was changed, try again")
                .retry_after_ms(retry_after_ms)
        }
        intake::Error::Closed => {
            Problem::new(Code::ShuttingDown, "the server is shutting down; nothing was changed")
                .retry_after_ms(5_000)
        }
        other => Problem::internal(other),
    }
}

//! What could not be recorded before an orderly stop, kept in the control database for the next start.

use audit_control::Control;
use audit_event::{Event, Json, Outcome, Source, Timestamp};
use audit_pipeline::Intake;
use audit_pipeline::intake::{Error, Framing, OnError};
use serde::{Deserialize, Serialize};

use super::number;

/// Where the control database has it.
const LEFT: &str = "looks.left";
/// Bytes of events that are kept; of more there is the number alone.
const MOST_BYTES: usize = 512 << 10;

/// Events of our own that are not recorded yet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    /// One to a line, each with its id, so that none is recorded twice.
    lines: String,
    /// How many more there were.
    lost: u64,
}

impl Left {
    /// What the process before this one left.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub fn behind(control: &Control) -> audit_control::Result<Self> {
        let kept = control.remembered(LEFT)?;
        Ok(kept.and_then(|(text, _)| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what is not recorded either.
    pub fn add(&mut self, intake: &Intake, event: &Event<'_>) {
        let json = intake.json_of(event).ok().and_then(|json| String::from_utf8(json).ok());
        match json.filter(|json| self.lines.len() + json.len() < MOST_BYTES) {
            Some(json) => {
                self.lines.push_str(&json);
                self.lines.push('\n');
            }
            None => self.lost += 1,
        }
    }

    /// Keeps it for the next start; on a disk too full for that its number.
    ///
    /// # Errors
    /// When the control database cannot be written.
    pub fn keep(&self, control: &Control, now: Timestamp) -> audit_control::Result<()> {
        let text = |left: &Self| serde_json::to_string(left).unwrap_or_default();
        control.remember(LEFT, &text(self), now).or_else(|_| {
            let lost = self.lost + self.lines.lines().count() as u64;
            control.remember(LEFT, &text(&Self { lines: String::new(), lost }), now)
        })
    }

    /// Records it, and what was lost besides; then it is left no more.
    ///
    /// # Errors
    /// When the ledger does not accept events.
    pub fn record(&self, intake: &Intake, control: &Control) -> Result<(), Error> {
        let taken = intake.append(self.lines.as_bytes(), Framing::Lines, OnError::Skip)?;
        if !taken.skipped.is_empty() {
            tracing::error!(error.message = %taken.skipped, "what was left by the process before could not be encoded");
        }
        if self.lost > 0 {
            intake.record_internal(lost(self.lost))?;
        }
        if let Err(error) = control.forget(LEFT) {
            tracing::warn!(error.message = %error, "what was left by the process before is recorded, but not forgotten");
        }
        Ok(())
    }
}

/// The event that tells of events that were neither recorded nor kept.
fn lost(count: u64) -> Event<'static> {
    let message =
        format!("{count} notes of what readers did could not be recorded before the stop, nor kept");
    Event {
        outcome: Outcome::Failure,
        reason: Some("ledger_unavailable".into()),
        details: Some(Json::object([("count", number(count)), ("of", Json::from("looks"))])),
        message: Some(message.into()),
        ..Event::new("ledger.events_dropped", Source::Internal)
    }
}

/// Records an event of our own, or keeps it for the next start that can: for a process that ends at once. Says whether it
/// is recorded.
///
/// # Errors
/// When it can be neither recorded nor kept.
pub fn record_or_keep(
    intake: &Intake,
    control: &Control,
    event: Event<'_>,
    now: Timestamp,
) -> audit_control::Result<bool> {
    let event = Event { source: Source::Internal, time: event.time.or(Some(now)), ..event };
    let Err(error) = intake.record_internal(event.clone()) else { return Ok(true) };
    tracing::warn!(error.message = %error, "an event of our own could not be recorded yet");
    let mut left = Left::behind(control)?;
    left.add(intake, &event);
    left.keep(control, now)?;
    Ok(false)
}

//! Our own events, as the API takes them.
//!
//! Exports carry what we added (`recorded_at`, `marks`); read back, an event keeps its `id` and `time`, and is
//! recorded anew.

use audit_event::Event;

use super::Refusal;

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Result<Event<'_>, Refusal> {
    Ok(Event::parse(line)?)
}

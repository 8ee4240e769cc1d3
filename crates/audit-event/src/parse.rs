//! Strict parsing of events.
use crate::error::EventError;
use crate::event::Event;

pub(crate) fn event(_json: &[u8]) -> Result<Event<'_>, EventError> {
    todo!()
}

//! Secret removal.
use crate::event::Event;

pub(crate) fn may_hold(_event: &Event<'_>, _groups: &[u8]) -> bool {
    false
}

pub(crate) fn clean<'a>(_event: &Event<'a>) -> Option<Event<'a>> {
    None
}

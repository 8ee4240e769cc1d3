//! Whether two entries tell of the same event.

use audit_event::{Entry, Fields, Group, GroupState};

/// Whether the event offered under an id is the one recorded under it, as the ledger wants to be told
/// (`audit_ledger::SameFn`).
///
/// What differs each time an event is sent does not count: salts, `recorded_at`, `marks`, and `time` where the offered
/// event had none of its own. A group that was erased cannot be compared and does not count either.
#[must_use]
pub fn same_event(recorded: &[u8], offered: &[u8]) -> bool {
    let (Ok(recorded), Ok(offered)) = (Entry::decode(recorded), Entry::decode(offered)) else { return false };
    let mut groups = Group::ALL.iter().filter(|group| **group != Group::Core);
    groups.all(|group| same_group(recorded.group(*group), offered.group(*group)))
        && same_core(&recorded, &offered)
}

fn same_group(recorded: GroupState<'_>, offered: GroupState<'_>) -> bool {
    matches!(recorded, GroupState::Erased(_)) || recorded == offered
}

fn same_core(recorded: &Entry<'_>, offered: &Entry<'_>) -> bool {
    let (Ok(recorded), Ok(offered)) = (Fields::decode(recorded), Fields::decode(offered)) else {
        return false;
    };
    let time_was_filled_in = offered.time == offered.recorded_at;
    let stable = |core: &Fields<'_>| (core.category, core.outcome, core.severity, core.source, core.capture);
    (recorded.time == offered.time || time_was_filled_in)
        && stable(&recorded) == stable(&offered)
        && (recorded.action, recorded.reason, recorded.instance)
            == (offered.action, offered.reason, offered.instance)
}

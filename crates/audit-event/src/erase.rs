//! Erasing groups of an event while its leaf stays.
//!
//! An erased group's bytes are gone, and so must be every way to its salt: with the salt, a guess at the
//! bytes could be checked against the digest. In a *seeded* entry the salts follow from the batch's seed,
//! which every other entry of the batch holds too. So before a group of a seeded entry is erased, **all
//! other entries with the same seed are rewritten by [`to_salted`]**; the leaves never change.

use crate::commitment::Seed;
use crate::entry::{
    Entry, FORM_PRUNED, FORM_SALTED, FORM_SEEDED, GROUP_END, GroupState, TAG_ABSENT, TAG_ERASED, TAG_PRESENT,
    VERSION,
};
use crate::error::DecodeError;
use crate::vocabulary::{Group, GroupSet};

/// The seed that a seeded entry shares with its batch; `None` when the entry depends on no seed.
#[must_use]
pub fn shared_seed(entry: &[u8]) -> Option<&Seed> {
    match entry {
        [VERSION, FORM_SEEDED, rest @ ..] => rest.first_chunk(),
        _ => None,
    }
}

/// The same event with a salt of its own in place of the batch's seed. Salted and pruned entries stay as
/// they are.
///
/// # Errors
/// When the bytes are not an entry.
pub fn to_salted(entry: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let decoded = Entry::decode(entry)?;
    let Some(seed) = shared_seed(entry) else { return Ok(entry.to_vec()) };
    let salt = crate::commitment::event_salt(seed, &decoded.id()?);
    let mut salted = Vec::with_capacity(entry.len());
    salted.extend_from_slice(&[VERSION, FORM_SALTED]);
    salted.extend_from_slice(&salt);
    for group in Group::ALL {
        salted.extend_from_slice(decoded.bytes(*group).unwrap_or_default());
        salted.push(GROUP_END);
    }
    Ok(salted)
}

/// The entry without the bytes and salts of these groups; absent groups stay absent. The leaf stays the
/// same, and groups that are erased already stay so.
///
/// # Errors
/// [`DecodeError::NoCore`] when the core is among the groups (ledger and index find the event by it);
/// otherwise when the bytes are not an entry.
pub fn erase(entry: &[u8], groups: GroupSet) -> Result<Vec<u8>, DecodeError> {
    if groups.contains(Group::Core) {
        return Err(DecodeError::NoCore);
    }
    let decoded = Entry::decode(entry)?;
    decoded.id()?;
    let (salts, digests) = (decoded.group_salts(), decoded.digests());
    let mut pruned = vec![VERSION, FORM_PRUNED];
    for group in Group::ALL {
        match decoded.group(*group) {
            GroupState::Absent => pruned.push(TAG_ABSENT),
            GroupState::Present(bytes) if !groups.contains(*group) => {
                let len = u32::try_from(bytes.len()).map_err(|_| DecodeError::Length)?;
                pruned.push(TAG_PRESENT);
                pruned.extend_from_slice(&salts[group.index()]);
                pruned.extend_from_slice(&len.to_le_bytes());
                pruned.extend_from_slice(bytes);
            }
            GroupState::Present(_) | GroupState::Erased(_) => {
                pruned.push(TAG_ERASED);
                pruned.extend_from_slice(&digests[group.index()]);
            }
        }
    }
    Ok(pruned)
}

//! Erasing groups while the leaf stays.

use crate::error::DecodeError;
use crate::vocabulary::GroupSet;

/// The same event with a salt of its own in place of the batch's seed; the leaf stays the same.
///
/// # Errors
/// When the bytes are not an entry.
pub fn to_salted(_entry: &[u8]) -> Result<Vec<u8>, DecodeError> {
    todo!()
}

/// The entry without the bytes and salts of these groups; the leaf stays the same.
///
/// # Errors
/// When the bytes are not an entry, or the core group is among the groups.
pub fn erase(_entry: &[u8], _groups: GroupSet) -> Result<Vec<u8>, DecodeError> {
    todo!()
}

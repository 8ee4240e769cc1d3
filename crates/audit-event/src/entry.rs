//! Entries: the bytes that the ledger stores.

use std::borrow::Cow;

use crate::commitment::{Digest, GroupSalts, LeafData};
use crate::error::DecodeError;
use crate::vocabulary::Group;

/// A group as an entry holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState<'a> {
    /// The event has nothing in this group.
    Absent,
    /// Its canonical bytes.
    Present(&'a [u8]),
    /// Its bytes are gone; its digest stays.
    Erased(&'a Digest),
}

/// An entry, split into its parts.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    groups: [GroupState<'a>; Group::COUNT],
}

impl<'a> Entry<'a> {
    /// Splits an entry without looking into its groups.
    ///
    /// # Errors
    /// When the bytes are not an entry.
    pub fn decode(_bytes: &'a [u8]) -> Result<Entry<'a>, DecodeError> {
        todo!()
    }

    /// One group.
    #[must_use]
    pub fn group(&self, group: Group) -> GroupState<'a> {
        self.groups[group.index()]
    }

    /// Appends the event's JSON: the groups that are there, side by side in one object. Nothing is parsed.
    pub fn write_json(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// Checks that every group is the canonical form of that group.
    ///
    /// # Errors
    /// [`DecodeError::NotCanonical`].
    pub fn check_canonical(&self) -> Result<(), DecodeError> {
        todo!()
    }

    /// The salts of the groups; those of erased groups are zero.
    #[must_use]
    pub fn group_salts(&self) -> GroupSalts {
        todo!()
    }

    /// The digests of the groups.
    #[must_use]
    pub fn digests(&self) -> [Digest; Group::COUNT] {
        todo!()
    }

    /// The leaf data.
    #[must_use]
    pub fn leaf_data(&self) -> LeafData {
        todo!()
    }
}

/// The leaf data of an entry: the pure function that the ledger is given.
///
/// # Errors
/// When the bytes are not an entry.
pub fn leaf_data(entry: &[u8]) -> Result<LeafData, DecodeError> {
    Ok(Entry::decode(entry)?.leaf_data())
}

/// The event's id, the ledger's idempotency key.
///
/// # Errors
/// When the bytes are not an entry.
pub fn entry_id(_entry: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    todo!()
}

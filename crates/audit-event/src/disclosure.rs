//! What a proof shows of an event: chosen groups with their salts, the digests of the others.

use crate::commitment::LeafData;
use crate::entry::Entry;
use crate::error::DecodeError;
use crate::vocabulary::GroupSet;

/// A disclosed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {}

impl Disclosure {
    /// Discloses these groups of an entry.
    #[must_use]
    pub fn new(_entry: &Entry<'_>, _groups: GroupSet) -> Disclosure {
        todo!()
    }

    /// The leaf data that follows from what is shown.
    #[must_use]
    pub fn leaf_data(&self) -> LeafData {
        todo!()
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_json(_json: &str) -> Result<Disclosure, DecodeError> {
        todo!()
    }
}

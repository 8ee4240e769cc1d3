//! The commitment: group digests and leaf data.

/// A group's digest.
pub type Digest = [u8; 32];
/// The salt of one group.
pub type GroupSalt = [u8; 16];
/// The salts of all groups, by [`Group::index`](crate::Group::index).
pub type GroupSalts = [GroupSalt; 7];

/// What the Merkle tree commits to: a version byte and the seven groups' digests. It carries no personal
/// data.
#[derive(Clone, PartialEq, Eq)]
pub struct LeafData(pub(crate) [u8; LeafData::LEN]);

impl LeafData {
    /// Length in bytes.
    pub const LEN: usize = 1 + 7 * 32;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LeafData::LEN] {
        &self.0
    }
}

impl std::fmt::Debug for LeafData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeafData(..)")
    }
}

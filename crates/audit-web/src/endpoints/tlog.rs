//! `/tlog/…`: the Merkle tree for everybody who wants to check it, as C2SP `tlog-tiles` says
//! (<https://c2sp.org/tlog-tiles>).
//!
//! Tiles carry no personal data: leaves are salted commitments. An entry bundle holds leaf data, not events.

pub(crate) mod checkpoint;
pub(crate) mod tile;

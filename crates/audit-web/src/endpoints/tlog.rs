//! `/tlog/…`: the Merkle tree for everybody who wants to check it, as C2SP `tlog-tiles` says
//! (<https://c2sp.org/tlog-tiles>).
//!
//! Tiles carry no personal data: leaves are salted commitments. An entry bundle holds leaf data, not events.

pub(crate) mod checkpoint;
pub(crate) mod tile;

use crate::problem::{Code, Problem};

/// `GET /tlog/`: the prefix itself, where there is nothing. Somebody looked whether the address is right, so say so.
pub(crate) async fn prefix() -> Problem {
    Problem::new(
        Code::NoSuchRoute,
        "this is the log's prefix for C2SP tlog-tiles clients; what there is below it: checkpoint, tile/<L>/<N> and \
         tile/entries/<N>",
    )
}

//! Tiles and entry bundles as resources: which there are, what they are called, what is in them
//! (`c2sp.org/tlog-tiles`).
//!
//! A tile holds up to 256 consecutive hashes of one level in eight: tile level 0 holds leaf hashes, each
//! hash of level *l + 1* is the root of a full tile of level *l*. The levels between are recomputed.

mod hashes;
mod path;

pub use hashes::{TileHashes, TileReader};

use crate::error::{Error, Flaw, Format};
use crate::hash::{Hash, node_hash};
use crate::node::NodeId;
use crate::position::TreeSize;

/// Tree levels that one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile, entries in a full bundle.
pub const FULL_WIDTH: u16 = 1 << TILE_HEIGHT;

/// C2SP's syntax goes to 63, but no tree with a 64-bit size has tiles above this level.
const MAX_TILE_LEVEL: u8 = 7;

/// One version of one tile: `tile/<level>/<index>`, with `.p/<width>` while it is partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// One version of one entry bundle: `tile/entries/<index>`, with `.p/<width>` while it is partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    index: u64,
    width: u16,
}

/// What a path under `tile/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`
    Tile(TileId),
    /// `tile/entries/<N>[.p/<W>]`
    Entries(BundleId),
}

impl TileId {
    /// The tile of `width` hashes at `index` of tile level `level`; `None` if the width is not 1 to 256 or no
    /// tree with a 64-bit size has such a tile.
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let valid_width = (1..=FULL_WIDTH).contains(&width);
        let hashes = index.checked_mul(u64::from(FULL_WIDTH))?.checked_add(u64::from(width))?;
        let exists = hashes <= hashes_at_level(level, TreeSize::new(u64::MAX));
        (valid_width && exists).then_some(Self { level, index, width })
    }

    /// The tile at `index` of tile level `level` as wide as a tree of `size` leaves makes it; `None` if that
    /// tree has no such tile.
    pub fn in_tree(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        let hashes = hashes_at_level(level, size);
        let before = index.checked_mul(u64::from(FULL_WIDTH))?;
        let left = hashes.checked_sub(before).filter(|left| *left > 0)?;
        let width = left.min(u64::from(FULL_WIDTH));
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// The tiles that a tree of `new` leaves has and a tree of `old` leaves did not have (as wide): what a
    /// log publishes when it grows, lowest level first.
    pub fn grown(old: TreeSize, new: TreeSize) -> impl Iterator<Item = Self> {
        let levels = (0..=MAX_TILE_LEVEL).take_while(move |level| hashes_at_level(*level, new) > 0);
        levels.flat_map(move |level| {
            let had = hashes_at_level(level, old);
            let has = hashes_at_level(level, new);
            let first = had / u64::from(FULL_WIDTH);
            let end = if has > had { has.div_ceil(u64::from(FULL_WIDTH)) } else { first };
            (first..end).filter_map(move |index| Self::in_tree(level, index, new))
        })
    }

    /// Tile level: 0 for leaf hashes, else eight tree levels each.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Position from the left within the level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Number of hashes, 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether the tile may still grow.
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }

    /// The nodes whose hashes the tile holds, left to right.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        let level = self.level * TILE_HEIGHT;
        let first = self.index * u64::from(FULL_WIDTH);
        (first..first + u64::from(self.width)).map(move |index| NodeId { level, index })
    }
}

impl BundleId {
    /// The bundle of `width` entries at `index`; `None` if the width is not 1 to 256 or no tree with a 64-bit
    /// size has such a bundle.
    pub fn new(index: u64, width: u16) -> Option<Self> {
        TileId::new(0, index, width).map(|tile| Self { index: tile.index, width: tile.width })
    }

    /// The bundle at `index` as wide as a tree of `size` leaves makes it; `None` if there is none.
    pub fn in_tree(index: u64, size: TreeSize) -> Option<Self> {
        TileId::in_tree(0, index, size).map(|tile| Self { index, width: tile.width })
    }

    /// Position from the left.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Number of entries, 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Indices of the entries.
    pub fn entries(self) -> core::ops::Range<u64> {
        let first = self.index * u64::from(FULL_WIDTH);
        first..first + u64::from(self.width)
    }

    /// Whether the bundle may still grow.
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }
}

/// Hashes that the tiles of `level` hold together in a tree of `size` leaves.
fn hashes_at_level(level: u8, size: TreeSize) -> u64 {
    size.get().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

/// A tile's bytes: its hashes one after the other.
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}

/// A tile's hashes from its bytes.
///
/// # Errors
/// [`Error::HashCount`] or [`Error::Malformed`] unless there are exactly as many as the tile is wide.
pub fn decode_tile(tile: TileId, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LEN }>();
    if !rest.is_empty() {
        return Err(Error::malformed(Format::Tile, 1, Flaw::Length));
    }
    check_width(tile, hashes.len())?;
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

fn check_width(tile: TileId, found: usize) -> Result<(), Error> {
    let expected = usize::from(tile.width);
    if found == expected { Ok(()) } else { Err(Error::HashCount { expected, found }) }
}

/// Root of a perfect subtree from the hashes at its base, whose number must be a power of two.
///
/// # Errors
/// [`Error::HashCount`] with the next power of two if it is not.
pub fn perfect_root(hashes: &[Hash]) -> Result<Hash, Error> {
    if !hashes.len().is_power_of_two() {
        return Err(Error::HashCount { expected: hashes.len().next_power_of_two(), found: hashes.len() });
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let parents = row.len() / 2;
        for parent in 0..parents {
            row[parent] = node_hash(&row[2 * parent], &row[2 * parent + 1]);
        }
        row.truncate(parents);
    }
    Ok(row[0])
}

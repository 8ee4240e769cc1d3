//! A tree's hashes out of its tiles.

use super::{TILE_HEIGHT, TileId, check_width, perfect_root};
use crate::error::Error;
use crate::hash::Hash;
use crate::node::{HashReader, NodeId};
use crate::position::TreeSize;

/// A store of tiles: files, a cache, a server.
pub trait TileReader {
    /// The store's own error, which a malformed tile is turned into as well.
    type Error: From<Error>;

    /// The tile's hashes, exactly [`TileId::width`] of them.
    ///
    /// # Errors
    /// Whatever keeps the store from reading it; nothing is retried here.
    fn read_tile(&self, tile: TileId) -> Result<Vec<Hash>, Self::Error>;
}

/// The hashes of a tree of a given size, read from its tiles.
#[derive(Clone, Debug)]
pub struct TileHashes<R> {
    tiles: R,
    size: TreeSize,
}

impl<R: TileReader> TileHashes<R> {
    /// Hashes of the tree of `size` leaves, from tiles at least as new.
    pub const fn new(tiles: R, size: TreeSize) -> Self {
        Self { tiles, size }
    }
}

impl<R: TileReader> HashReader for TileHashes<R> {
    type Error = R::Error;

    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, R::Error> {
        let mut fetched: Vec<(TileId, Vec<Hash>)> = Vec::new();
        nodes
            .iter()
            .map(|node| {
                let place = Place::of(*node, self.size)?;
                let at = match fetched.iter().position(|(tile, _)| *tile == place.tile) {
                    Some(at) => at,
                    None => {
                        let hashes = self.tiles.read_tile(place.tile)?;
                        check_width(place.tile, hashes.len())?;
                        fetched.push((place.tile, hashes));
                        fetched.len() - 1
                    }
                };
                Ok(perfect_root(&fetched[at].1[place.base])?)
            })
            .collect()
    }
}

/// Where a node's base hashes lie.
struct Place {
    tile: TileId,
    base: core::ops::Range<usize>,
}

impl Place {
    fn of(node: NodeId, size: TreeSize) -> Result<Self, Error> {
        let height = node.level % TILE_HEIGHT;
        let tile_index = node.index >> (TILE_HEIGHT - height);
        let count = 1usize << height;
        let nodes_in_tile = 1u64 << (TILE_HEIGHT - height);
        let position = usize::try_from(node.index % nodes_in_tile).unwrap_or(0);
        let base = position * count..(position + 1) * count;
        TileId::in_tree(node.level / TILE_HEIGHT, tile_index, size)
            .filter(|tile| base.end <= usize::from(tile.width))
            .map(|tile| Self { tile, base })
            .ok_or(Error::NodeOutsideTree { node, size })
    }
}

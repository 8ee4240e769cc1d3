//! The ids of a chunk's events, for looking up many of them.

use super::Block;
use crate::columns::{IdColumn, id_hash};
use crate::words::WordMap;
use std::sync::Arc;

/// Where each id is, in the blocks looked at so far.
#[derive(Default)]
pub(super) struct SeenIds {
    blocks: usize,
    /// Block and row by the id's hash; of several with the same hash, the last.
    places: WordMap<(u8, u16)>,
}

impl SeenIds {
    /// Whether one of `blocks` holds the id. They must be those of the calls before, and perhaps more.
    pub(super) fn contains(&mut self, blocks: &[Arc<Block>], id: &str) -> bool {
        for (at, block) in blocks.iter().enumerate().skip(self.blocks) {
            self.add(at, block);
        }
        self.blocks = self.blocks.max(blocks.len());
        let Some((block, row)) = self.places.get(&id_hash(id)) else { return false };
        let found =
            blocks.get(usize::from(*block)).and_then(|block| block.ids[COLUMN].write(usize::from(*row)));
        found.as_deref() == Some(id)
    }

    fn add(&mut self, at: usize, block: &Block) {
        let ids = &block.ids[COLUMN];
        let narrow = "a chunk has few blocks and a block few rows";
        for row in 0..ids.len() {
            if let Some(hash) = ids.hash(row) {
                let place = (u8::try_from(at).expect(narrow), u16::try_from(row).expect(narrow));
                self.places.insert(hash, place);
            }
        }
    }
}

const COLUMN: usize = IdColumn::Id as usize;

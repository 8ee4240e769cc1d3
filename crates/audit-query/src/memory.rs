//! Rows that have arrived but are in no partition yet.
//!
//! The indexer alone appends to a [`Chunk`], in ledger order. Questions see it through a [`ChunkView`]: the
//! blocks it had when it was last published. Blocks never change; the page that is still filling is copied
//! when it is published. Only the dictionaries are shared between writer and readers, behind a lock: they
//! grow, and the codes of published rows keep their meaning.

mod block;
mod seen;
mod vocabulary;

pub(crate) use block::Block;
pub(crate) use vocabulary::{ListedTarget, Vocabulary, read_groups, read_targets};

use crate::columns::{IdColumn, PAGE_ROWS};
use audit_event::Fields;
use block::OpenBlock;
use parking_lot::{Mutex, RwLock};
use seen::SeenIds;
use std::sync::Arc;

/// Most blocks of a chunk, so that a set of them fits 64 bits.
pub(crate) const MAX_BLOCKS: usize = 64;

/// Rows in memory, as the indexer appends to them.
pub(crate) struct Chunk {
    view: ChunkView,
    open: OpenBlock,
    /// Rows in the full blocks.
    sealed_rows: usize,
    size: Size,
}

/// How large chunks and their pages become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Rows of a chunk, and so of a partition.
    pub(crate) partition_rows: usize,
    /// Rows of a page.
    pub(crate) page_rows: usize,
}

impl Size {
    /// The nearest size that is possible: pages of at most [`PAGE_ROWS`], at most [`MAX_BLOCKS`] of them.
    pub(crate) fn nearest(partition_rows: usize, page_rows: usize) -> Size {
        let page_rows = page_rows.clamp(1, PAGE_ROWS);
        Size { partition_rows: partition_rows.clamp(1, MAX_BLOCKS * page_rows), page_rows }
    }
}

/// Rows in memory, as questions see them.
#[derive(Clone)]
pub(crate) struct ChunkView {
    /// The dictionaries behind the rows' codes; they may hold values of rows that this view does not show.
    pub(crate) vocabulary: Arc<RwLock<Vocabulary>>,
    /// In ledger order.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// The ids in the full blocks, as far as somebody asked for them.
    seen: Arc<Mutex<SeenIds>>,
    /// The ledger index of the first row that this chunk may hold.
    pub(crate) first: u64,
    /// Every ledger index below this one and from `first` on is in the blocks (or could not be decoded).
    pub(crate) end: u64,
    /// Rows of a full block.
    pub(crate) page_rows: usize,
}

impl ChunkView {
    fn empty(first: u64, page_rows: usize) -> ChunkView {
        ChunkView {
            vocabulary: Arc::default(),
            blocks: Vec::new(),
            seen: Arc::default(),
            first,
            end: first,
            page_rows,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.blocks.iter().map(|block| block.rows()).sum()
    }

    /// Whether there is an event with this id. Made for many ids: the first call is slow, the others are not.
    pub(crate) fn contains_id(&self, id: &str) -> bool {
        let (sealed, open) = match self.blocks.split_last() {
            Some((last, before)) if last.words().is_none() => (before, Some(last)),
            _ => (self.blocks.as_slice(), None),
        };
        let column = IdColumn::Id as usize;
        self.seen.lock().contains(sealed, id)
            || open.is_some_and(|block| !block.ids[column].equal(id).is_empty())
    }
}

impl Chunk {
    /// An empty chunk for the rows from ledger index `first` on.
    pub(crate) fn new(first: u64, size: Size) -> Chunk {
        Chunk {
            view: ChunkView::empty(first, size.page_rows),
            open: OpenBlock::new(first),
            sealed_rows: 0,
            size,
        }
    }

    /// Appends the row of ledger index `index`, which is beyond all before.
    pub(crate) fn append(&mut self, index: u64, event: &Fields<'_>) {
        debug_assert!(index >= self.view.end);
        if self.is_block_full() || self.open.next_index() != index {
            self.seal_block(index);
        }
        self.open.append(event, &mut self.view.vocabulary.write());
        self.view.end = index + 1;
    }

    /// Notes that the entry at `index` has no row, for it cannot be decoded.
    pub(crate) fn skip(&mut self, index: u64) {
        self.view.end = index + 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        let is_last_block = self.view.blocks.len() + 1 >= MAX_BLOCKS;
        self.rows() >= self.size.partition_rows || (is_last_block && self.is_block_full())
    }

    fn is_block_full(&self) -> bool {
        self.open.rows() >= self.size.page_rows
    }

    pub(crate) fn rows(&self) -> usize {
        self.sealed_rows + self.open.rows()
    }

    /// The first ledger index and the one after the last.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.view.first..self.view.end
    }

    /// What questions may see from now on.
    pub(crate) fn view(&self) -> ChunkView {
        let mut view = self.view.clone();
        if self.open.rows() > 0 {
            view.blocks.push(Arc::new(self.open.snapshot()));
        }
        view
    }

    /// The complete chunk; nothing is appended any more.
    pub(crate) fn finish(mut self) -> ChunkView {
        let end = self.view.end;
        self.seal_block(end);
        self.view
    }

    fn seal_block(&mut self, next_index: u64) {
        let block = std::mem::replace(&mut self.open, OpenBlock::new(next_index));
        if block.rows() > 0 {
            self.sealed_rows += block.rows();
            self.view.blocks.push(Arc::new(block.seal()));
        }
    }
}

#[cfg(test)]
mod tests;

//! Rows in pages, whether in memory or in a partition: what questions are answered from.

use crate::Error;
use crate::columns::{CodeColumn, Codes, Dictionary, IdColumn, Ids, NumberColumn, Numbers, Texts};
use crate::memory::ChunkView;
use crate::partition::{PageSet, PageSpan, Rollup};
use crate::words::word_hash;
use std::ops::Range;
use std::sync::Arc;

/// The ledger indices of a page's rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Indices {
    /// From this one on, without a gap.
    From(u64),
    Each(Vec<u64>),
}

impl Indices {
    pub(crate) fn get(&self, row: usize) -> u64 {
        match self {
            Indices::From(first) => first + row as u64,
            Indices::Each(indices) => indices[row],
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Indices::From(_) => 0,
            Indices::Each(indices) => indices.capacity() * 8,
        }
    }
}

/// How many rows of a partition have each code of a column.
pub(crate) struct ValueCounts(pub(crate) Vec<u32>);

/// Which rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RollupKind {
    /// Events by hour, category, action and outcome.
    HourlyCounts,
    /// Events by UTC day, category, action and outcome: the same in fewer cells.
    DailyCounts,
    /// Usage by day, department, model and role.
    DailyUsage,
}

/// Rows in pages. What may be unknown (`None`) is only of use to be faster.
pub(crate) trait Rows: Sync {
    /// The ledger indices that it covers; each of them is a row, except for entries that could not be decoded.
    fn range(&self) -> Range<u64>;

    fn page_count(&self) -> usize;

    fn span(&self, page: usize) -> PageSpan;

    /// Whether the rows are in order of time, ties by index, within and across pages.
    fn is_sorted(&self) -> bool;

    fn times(&self, page: usize) -> Result<Arc<Vec<i64>>, Error>;

    fn indices(&self, page: usize) -> Result<Arc<Indices>, Error>;

    fn codes(&self, column: CodeColumn, page: usize) -> Result<Arc<Codes>, Error>;

    fn ids(&self, column: IdColumn, page: usize) -> Result<Arc<Ids>, Error>;

    fn numbers(&self, column: NumberColumn, page: usize) -> Result<Arc<Numbers>, Error>;

    fn messages(&self, page: usize) -> Result<Arc<Texts>, Error>;

    /// Shows `look` the column's dictionary. Short: the indexer may be waiting.
    fn with_dictionary(&self, column: CodeColumn, look: &mut dyn FnMut(&Dictionary)) -> Result<(), Error>;

    /// How many rows have each code.
    fn value_counts(&self, column: CodeColumn) -> Result<Option<Arc<ValueCounts>>, Error>;

    /// The pages in which a message may hold this token.
    fn pages_with_word(&self, token: &str) -> Result<PageSet, Error>;

    /// Whether a value in the dictionary of a searched column may hold this token.
    fn may_have_word(&self, column: CodeColumn, token: &str) -> Result<bool, Error>;

    /// The pages that may hold this identifier.
    fn pages_with_id(&self, column: IdColumn, id: &str) -> Result<PageSet, Error>;

    fn rollup(&self, kind: RollupKind) -> Result<Option<Arc<Rollup>>, Error>;
}

/// Rows of all pages.
pub(crate) fn row_count(rows: &dyn Rows) -> u64 {
    (0..rows.page_count()).map(|page| u64::from(rows.span(page).rows)).sum()
}

impl Rows for ChunkView {
    fn range(&self) -> Range<u64> {
        self.first..self.end
    }

    fn page_count(&self) -> usize {
        self.blocks.len()
    }

    fn span(&self, page: usize) -> PageSpan {
        let block = &self.blocks[page];
        let rows = u32::try_from(block.rows()).expect("a page is small");
        PageSpan {
            rows,
            min_time: block.min_time(),
            max_time: block.max_time(),
            min_index: block.first_index(),
            max_index: block.first_index() + u64::from(rows) - 1,
        }
    }

    fn is_sorted(&self) -> bool {
        false
    }

    fn times(&self, page: usize) -> Result<Arc<Vec<i64>>, Error> {
        Ok(Arc::clone(&self.blocks[page].times))
    }

    fn indices(&self, page: usize) -> Result<Arc<Indices>, Error> {
        Ok(Arc::new(Indices::From(self.blocks[page].first_index())))
    }

    fn codes(&self, column: CodeColumn, page: usize) -> Result<Arc<Codes>, Error> {
        Ok(Arc::clone(&self.blocks[page].codes[column as usize]))
    }

    fn ids(&self, column: IdColumn, page: usize) -> Result<Arc<Ids>, Error> {
        Ok(Arc::clone(&self.blocks[page].ids[column as usize]))
    }

    fn numbers(&self, column: NumberColumn, page: usize) -> Result<Arc<Numbers>, Error> {
        Ok(Arc::clone(&self.blocks[page].numbers[column as usize]))
    }

    fn messages(&self, page: usize) -> Result<Arc<Texts>, Error> {
        Ok(Arc::clone(&self.blocks[page].message))
    }

    fn with_dictionary(&self, column: CodeColumn, look: &mut dyn FnMut(&Dictionary)) -> Result<(), Error> {
        look(self.vocabulary.read().dictionary(column));
        Ok(())
    }

    fn value_counts(&self, _column: CodeColumn) -> Result<Option<Arc<ValueCounts>>, Error> {
        Ok(None)
    }

    fn pages_with_word(&self, token: &str) -> Result<PageSet, Error> {
        let hash = word_hash(token);
        let fitting = self.blocks.iter().enumerate().filter(|(_, block)| block.may_have_word(hash));
        Ok(fitting.fold(0, |pages, (at, _)| pages | 1 << at))
    }

    fn may_have_word(&self, column: CodeColumn, token: &str) -> Result<bool, Error> {
        Ok(self.vocabulary.read().has_word(column, word_hash(token)))
    }

    fn pages_with_id(&self, _column: IdColumn, _id: &str) -> Result<PageSet, Error> {
        Ok(PageSet::MAX)
    }

    fn rollup(&self, _kind: RollupKind) -> Result<Option<Arc<Rollup>>, Error> {
        Ok(None)
    }
}

//! Where an export's rows come from.

use crate::Error;
use crate::question::{Answers, Budget, Page, RowRef, Scan};
use std::ops::ControlFlow;

/// What an export needs of an answer: rows in order. Whoever answers questions has them, and so has a page.
pub trait RowSource: Send + Sync {
    /// How many events are searchable: every ledger index below it.
    fn snapshot(&self) -> u64;

    /// As [`Answers::scan`].
    fn scan(
        &self,
        question: &Scan,
        budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error>;
}

impl<A: Answers> RowSource for A {
    fn snapshot(&self) -> u64 {
        Answers::snapshot(self)
    }

    fn scan(
        &self,
        question: &Scan,
        budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        Answers::scan(self, question, budget, visit)
    }
}

/// The page's rows as they are, whatever is asked.
impl RowSource for Page {
    fn snapshot(&self) -> u64 {
        self.snapshot
    }

    fn scan(
        &self,
        _question: &Scan,
        _budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        if !self.rows.is_empty() {
            // Whether the visitor wants more is all the same: there is no more.
            let _ = visit(&self.rows);
        }
        Ok(self.snapshot)
    }
}

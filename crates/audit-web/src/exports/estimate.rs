//! How large an export is going to be, from a sample of what it will hold.

use audit_query::export::{Export, Format, Origin, Position};
use audit_query::question::{Answers as _, Budget, Order, Page, RowRef};

use super::Wish;
use crate::problem::Result;
use crate::state::AppState;

/// Events that are looked at from either end of the result.
const SAMPLE: usize = 200;

/// About how many bytes the file will have.
///
/// The cost of an event is measured on the newest and the oldest ones, as the growth from half of them to all: what a
/// file needs once, above all Parquet, does not count again with every event.
///
/// # Errors
/// What asking for the sample comes to.
pub(crate) fn bytes_of(
    state: &AppState,
    wish: &Wish,
    total: u64,
    tree_size: u64,
    budget: &Budget,
) -> Result<u64> {
    let sample = sample(state, wish, tree_size, budget)?;
    bytes_by_sample(state, &wish.export(), &sample, total, budget)
}

/// Some of the newest and of the oldest events that the wish is about.
///
/// # Errors
/// What asking for them comes to.
pub(crate) fn sample(state: &AppState, wish: &Wish, tree_size: u64, budget: &Budget) -> Result<Vec<RowRef>> {
    let index = state.index();
    let newest = index.list(&wish.first(SAMPLE, Order::NewestFirst, tree_size), budget)?.rows;
    let oldest = index.list(&wish.first(SAMPLE, Order::OldestFirst, tree_size), budget)?.rows;
    let mut rows: Vec<RowRef> = Vec::with_capacity(newest.len() + oldest.len());
    // Taken in turn, so that half of the sample has as many of either.
    for at in 0..newest.len().max(oldest.len()) {
        for row in [newest.get(at), oldest.get(at)].into_iter().flatten() {
            if !rows.contains(row) {
                rows.push(*row);
            }
        }
    }
    Ok(rows)
}

/// [`bytes_of`] with the sample given.
///
/// # Errors
/// As [`bytes_of`].
pub(crate) fn bytes_by_sample(
    state: &AppState,
    export: &Export,
    sample: &[RowRef],
    total: u64,
    budget: &Budget,
) -> Result<u64> {
    let all = rendered(state, export, sample, budget)?;
    let events = sample.len() as u64;
    if events >= total || events < 2 {
        return Ok(all);
    }
    let half = rendered(state, export, &sample[..sample.len() / 2], budget)?;
    let more = all.saturating_sub(half);
    let of_more = events - events / 2;
    Ok(all.saturating_add((total - events).saturating_mul(more) / of_more))
}

/// Bytes of a file of these events.
fn rendered(state: &AppState, export: &Export, rows: &[RowRef], budget: &Budget) -> Result<u64> {
    let snapshot = rows.iter().map(|row| row.index + 1).max().unwrap_or(0);
    let page = Page { rows: rows.to_vec(), next: None, total: None, snapshot };
    let origin = Origin { answers: &page, entries: state.ledger() };
    let start = Position { snapshot: Some(snapshot), ..Position::default() };
    let mut nowhere = std::io::sink();
    let end = export.run(origin, budget, start, &mut nowhere, &mut |_| {});
    end.map(|end| end.bytes).map_err(|error| state.unreadable().query_problem(error))
}

/// All formats, as the pages name them.
pub(crate) const FORMATS: [Format; 4] = [Format::Csv, Format::Json, Format::Ndjson, Format::Parquet];

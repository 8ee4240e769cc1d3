//! Single events by their id.

use super::View;
use crate::Error;
use crate::columns::{Bits, IdColumn};
use crate::partition::PageSet;
use crate::rows::Rows;

/// The ledger index of the newest event with this id.
pub(crate) fn find_id(view: &View, id: &str) -> Result<Option<u64>, Error> {
    for rows in view.newest_first() {
        let pages = rows.pages_with_id(IdColumn::Id, id)?;
        if let Some(index) = find_in_pages(rows, id, pages)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// For each id whether there is an event with it.
pub(crate) fn contains_ids(view: &View, ids: &[&str]) -> Result<Vec<bool>, Error> {
    let mut found = vec![false; ids.len()];
    for chunk in &view.chunks {
        for (found, id) in found.iter_mut().zip(ids) {
            *found = *found || chunk.contains_id(id);
        }
    }
    for partition in view.partitions.iter().rev() {
        let table = partition.id_table(IdColumn::Id)?;
        for (found, id) in found.iter_mut().zip(ids).filter(|(found, _)| !**found) {
            let pages = match &table {
                Some(table) => table.pages(id)?,
                None => PageSet::MAX,
            };
            *found = find_in_pages(&**partition, id, pages)?.is_some();
        }
    }
    Ok(found)
}

fn find_in_pages(rows: &dyn Rows, id: &str, pages: PageSet) -> Result<Option<u64>, Error> {
    let mut newest = None;
    for page in (0..rows.page_count()).filter(|page| pages >> page & 1 == 1) {
        let fitting: Bits = rows.ids(IdColumn::Id, page)?.equal(id);
        if fitting.is_empty() {
            continue;
        }
        let indices = rows.indices(page)?;
        newest = newest.max(fitting.iter().map(|row| indices.get(row)).max());
    }
    Ok(newest)
}

//! The proof of an export: what it takes to check, offline and with the log's public key alone, that every line of it is
//! an event of the ledger, byte for byte, and that none is there twice (`docs/FORMAT.md`, "Proof of an export").
//!
//! ```text
//! secureai-audit/v1/export-proof
//! <signed checkpoint>             with the empty line that it has before its signatures
//!
//! <index> <opening> <mark>        a line for each event, in the export's order
//!
//! <hash>                          the tree around these events, left to right (audit_tlog::subset_proof)
//! ```
//!
//! The checkpoint comes first, so that nothing is kept in memory for what nobody has signed.
//!
//! The mark is the first four bytes of the leaf hash. It proves nothing; by it the line that was altered can be named.

mod verify;

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use audit_event::{Entry, Group, GroupSet, Opening};
use audit_ledger::Ledger;
use audit_tlog::{Checkpoint, Hash, Note, TreeSize, leaf_hash};

pub use self::verify::{ProvedExport, VerifyError, verify_export};

use super::run::Copies;
use super::{Export, Format, Origin, Position};
use crate::Error;
use crate::question::{Budget, RowRef, Scan};

/// The first line of the proof of an export.
pub const TITLE: &str = "secureai-audit/v1/export-proof";
/// Events read at once: 32 MiB of the largest that there can be.
const CHUNK_ROWS: usize = 512;

impl Export {
    /// Whether its lines can be proved: whole events as the ledger holds them.
    #[must_use]
    pub fn is_provable(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson) && self.columns.is_none()
    }

    fn shown(&self) -> GroupSet {
        GroupSet::ALL
            .iter()
            .filter(|group| !self.withheld.contains(*group) || *group == Group::Core)
            .collect()
    }

    /// Writes the proof of what [`Export::run`] wrote until `end`, by a checkpoint that covers it. `progress` is told how
    /// many events are done.
    ///
    /// # Errors
    /// [`Error::NotProvable`]; [`Error::OtherEvents`] when these are not as many as the export has; the others as
    /// [`Export::run`].
    pub fn prove(
        &self,
        origin: Origin<'_>,
        ledger: &Ledger,
        budget: &Budget,
        end: &Position,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        if !self.is_provable() {
            return Err(Error::NotProvable);
        }
        let snapshot = end.snapshot.unwrap_or_else(|| origin.answers.snapshot());
        let (checkpoint, size) = checkpoint_covering(ledger, snapshot)?;
        writeln!(out, "{TITLE}")
            .and_then(|()| out.write_all(&checkpoint))
            .and_then(|()| writeln!(out))
            .map_err(Error::Output)?;
        let mut openings = Openings { origin, out, shown: self.shown(), indices: Vec::new() };
        let scan = Scan {
            filter: self.filter.clone(),
            range: self.range,
            order: self.order,
            after: None,
            snapshot: Some(snapshot),
        };
        openings.write(&scan, budget, progress)?;
        let Openings { out, mut indices, .. } = openings;
        let proved = indices.len() as u64;
        if end.rows > 0 && end.rows != proved {
            return Err(Error::OtherEvents { exported: end.rows, proved });
        }
        writeln!(out).map_err(Error::Output)?;
        indices.sort_unstable();
        let mut written = Ok(());
        ledger.subset_proof(&indices, size, |hashes| {
            written = budget.check().and_then(|()| write_hashes(out, hashes).map_err(Error::Output));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written
    }
}

/// Writes the line of each event.
struct Openings<'a> {
    origin: Origin<'a>,
    out: &'a mut dyn Write,
    /// The groups that the lines hold; of the others the proof has the digests.
    shown: GroupSet,
    indices: Vec<u64>,
}

impl Openings<'_> {
    fn write(&mut self, scan: &Scan, budget: &Budget, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let (answers, mut failed) = (self.origin.answers, Ok(()));
        answers.scan(scan, budget, &mut |rows| {
            failed = rows.chunks(CHUNK_ROWS).try_for_each(|rows| self.write_rows(rows));
            progress(self.indices.len() as u64);
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed
    }

    fn write_rows(&mut self, rows: &[RowRef]) -> Result<(), Error> {
        let copies = Copies::read(self.origin.entries, rows)?;
        for RowRef { index, .. } in rows {
            let undecodable = |source| Error::Undecodable { index: *index, source };
            let entry = Entry::decode(copies.get(*index)).map_err(undecodable)?;
            let leaf = leaf_hash(entry.leaf_data().as_bytes());
            let (opening, mark) = (Opening::new(&entry, self.shown), mark(&leaf));
            writeln!(self.out, "{index} {opening} {mark}").map_err(Error::Output)?;
            self.indices.push(*index);
        }
        Ok(())
    }
}

fn write_hashes(out: &mut dyn Write, hashes: &[Hash]) -> std::io::Result<()> {
    hashes.iter().try_for_each(|hash| writeln!(out, "{hash}"))
}

/// The first four bytes of a leaf hash in hexadecimal.
fn mark(leaf: &Hash) -> String {
    let mut digits = format!("{leaf:x}");
    digits.truncate(8);
    digits
}

/// The newest checkpoint, or a new one if that does not cover the first `size` entries yet.
fn checkpoint_covering(ledger: &Ledger, size: u64) -> Result<(Arc<[u8]>, TreeSize), Error> {
    let newest = ledger.checkpoint();
    match size_of(&newest) {
        Some(covered) if covered.get() >= size => Ok((newest, covered)),
        _ => {
            let fresh = ledger.publish_checkpoint()?;
            let covered = size_of(&fresh).unwrap_or(TreeSize::new(0));
            Ok((fresh, covered))
        }
    }
}

fn size_of(checkpoint: &[u8]) -> Option<TreeSize> {
    let checkpoint: Checkpoint = Note::parse(checkpoint).ok()?.text().parse().ok()?;
    Some(checkpoint.size())
}

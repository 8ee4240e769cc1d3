//! Checking an export against its proof. Needs no ledger and no network.

use std::io::BufRead;

use audit_event::{Group, GroupSet, Opening, OpeningError};
use audit_tlog::{Checkpoint, Hash, LeafIndex, TreeSize, Verifier, leaf_hash, root_from_subset};

use super::{TITLE, mark};

/// Longest line that is read: an event is at most a fraction of it.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// Longest checkpoint that is read: some hundred signatures.
const MAX_CHECKPOINT_BYTES: usize = 64 << 10;
/// How often `progress` is told.
const TELL_EVERY: u64 = 10_000;
const DOCUMENT_BEGINS: &[u8] = b"{\"events\":[";
const DOCUMENT_ENDS: &[u8] = b"],\"count\":";

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedExport {
    /// Lines, each an event of the ledger.
    pub events: u64,
    /// The lowest and the highest index among them.
    pub indices: Option<(u64, u64)>,
    /// Lines of which some group is hidden: withheld, erased, or taken out by whoever handed the export on.
    pub incomplete: u64,
    /// For each group, in the order of [`Group::ALL`], the lines that hide it.
    pub hidden: [u64; Group::COUNT],
    /// The checkpoint's size and root.
    pub size: TreeSize,
    /// The root hash that the checkpoint signs.
    pub root: Hash,
}

impl ProvedExport {
    /// Whether these are all entries between the first and the last of them, so that none was left out there.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.indices.is_some_and(|(first, last)| last - first + 1 == self.events)
    }

    /// Takes note of what a line does not show.
    fn note(&mut self, hidden: GroupSet) {
        self.events += 1;
        self.incomplete += u64::from(!hidden.is_empty());
        for group in hidden.iter() {
            self.hidden[group.index()] += 1;
        }
    }
}

/// Why an export is not proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The export cannot be read.
    #[error("cannot read the export")]
    Export(#[source] std::io::Error),
    /// The proof cannot be read.
    #[error("cannot read the proof")]
    Proof(#[source] std::io::Error),
    /// It is no proof, or was cut short.
    #[error("the proof is malformed at its line {line}: {problem}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// The export was cut short, or lines were added or taken out, and the proof was not.
    #[error("the export has {export} events where the proof has {proof}")]
    Count {
        /// Events in the export.
        export: u64,
        /// Events in the proof.
        proof: u64,
    },
    /// A line is not as the ledger holds it.
    #[error("line {line} of the export (entry {index}) is not as it was recorded")]
    Line {
        /// Which line of the file, from 1.
        line: u64,
        /// The entry that it should be.
        index: u64,
        /// What does not fit.
        source: OpeningError,
    },
    /// A line's leaf is another than the proof says.
    #[error("line {line} of the export (entry {index}) was altered")]
    Altered {
        /// Which line of the file, from 1.
        line: u64,
        /// The entry that it should be.
        index: u64,
    },
    /// The checkpoint's signature or origin is wrong, or the events are not in its tree.
    #[error(transparent)]
    Tree(#[from] audit_tlog::Error),
}

/// Checks that each event of an export (JSON or NDJSON with whole events) is in the tree of the checkpoint in its proof,
/// which one of `keys` signed under `origin`, and that no entry is there twice. It does not follow that no event was
/// taken out, nor that the lines are in their first order: whoever has an export and its proof can make those of fewer
/// lines. `progress` is told how many lines are done. Takes 40 bytes of memory an event.
///
/// # Errors
/// [`VerifyError`] says what does not fit, where it can be told with the line.
pub fn verify_export(
    export: &mut dyn BufRead,
    proof: &mut dyn BufRead,
    origin: &str,
    keys: &[Verifier],
    progress: &mut dyn FnMut(u64),
) -> Result<ProvedExport, VerifyError> {
    let mut proof = ProofLines { lines: Lines::new(proof), line: Vec::new() };
    if proof.next()? != TITLE {
        return Err(proof.malformed("it is no proof of an export"));
    }
    // Nothing is kept of what stands below a checkpoint that nobody signed.
    let checkpoint = Checkpoint::open(&proof.checkpoint()?, origin, keys)?.checkpoint;
    let size = checkpoint.size();
    let mut proved = ProvedExport {
        events: 0,
        indices: None,
        incomplete: 0,
        hidden: [0; Group::COUNT],
        size,
        root: *checkpoint.root(),
    };
    let mut leaves = matched(export, &mut proof, &mut proved, progress)?;
    leaves.sort_unstable_by_key(|(index, _)| *index);
    proved.indices = leaves.first().zip(leaves.last()).map(|(first, last)| (first.0, last.0));
    let found = root_from_subset(&leaves, size, &mut std::iter::from_fn(|| proof.hash().transpose()))?;
    if found != proved.root {
        return Err(audit_tlog::Error::RootMismatch.into());
    }
    Ok(proved)
}

/// The leaves of the lines, which fit what the proof says of them.
fn matched(
    export: &mut dyn BufRead,
    proof: &mut ProofLines<'_>,
    proved: &mut ProvedExport,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<(u64, Hash)>, VerifyError> {
    let mut events = Events::new(export);
    let (mut leaves, mut event) = (Vec::new(), Vec::new());
    loop {
        let claimed = proof.event()?;
        let read = events.next(&mut event).map_err(VerifyError::Export)?;
        match (claimed, read) {
            (None, false) => break,
            (Some(claimed), true) => {
                if !proved.size.contains(claimed.index) {
                    return Err(proof.malformed("its index is not in the checkpoint's tree"));
                }
                leaves.push((claimed.index.get(), claimed.check(&event, events.lines.number)?));
                proved.note(claimed.opening.hidden());
            }
            (claimed, read) => {
                let done = proved.events;
                let export =
                    done + if read { 1 + events.count(&mut event).map_err(VerifyError::Export)? } else { 0 };
                let proof = done + if claimed.is_some() { 1 + proof.count_events()? } else { 0 };
                return Err(VerifyError::Count { export, proof });
            }
        }
        if proved.events > proved.size.get() {
            return Err(proof.malformed("there are more events than entries in the checkpoint's tree"));
        }
        if proved.events.is_multiple_of(TELL_EVERY) {
            progress(proved.events);
        }
    }
    progress(proved.events);
    Ok(leaves)
}

/// What the proof says of one event.
struct Claim {
    index: LeafIndex,
    opening: Opening,
    mark: String,
}

impl Claim {
    fn check(&self, event: &[u8], line: u64) -> Result<Hash, VerifyError> {
        let data = self.opening.leaf_data(event);
        let index = self.index.get();
        let data = data.map_err(|source| VerifyError::Line { line, index, source })?;
        let leaf = leaf_hash(data.as_bytes());
        if mark(&leaf) == self.mark { Ok(leaf) } else { Err(VerifyError::Altered { line, index }) }
    }
}

/// Lines of a file, the line feeds at their ends taken off.
struct Lines<'r> {
    reader: &'r mut dyn BufRead,
    /// The line read last, from 1.
    number: u64,
}

impl<'r> Lines<'r> {
    fn new(reader: &'r mut dyn BufRead) -> Self {
        Self { reader, number: 0 }
    }

    /// Reads the next line; `false` at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> std::io::Result<bool> {
        line.clear();
        let read = std::io::Read::take(&mut *self.reader, MAX_LINE_BYTES).read_until(b'\n', line)?;
        if read as u64 == MAX_LINE_BYTES {
            return Err(std::io::Error::other("a line is longer than any event"));
        }
        self.number += 1;
        if read > 0 && line.pop_if(|byte| *byte == b'\n').is_none() {
            return Err(std::io::Error::other("it is cut short: its last line has no end"));
        }
        Ok(read > 0)
    }
}

/// The events of an export, a line each.
struct Events<'r> {
    lines: Lines<'r>,
    /// One JSON document, with a line before and one after the events.
    is_document: bool,
    /// Whether, in a document, another event has to follow.
    has_comma: bool,
    read: u64,
}

impl<'r> Events<'r> {
    fn new(reader: &'r mut dyn BufRead) -> Self {
        Self { lines: Lines::new(reader), is_document: false, has_comma: false, read: 0 }
    }

    /// Reads the next event; `false` when there is none.
    fn next(&mut self, event: &mut Vec<u8>) -> std::io::Result<bool> {
        let mut has_line = self.lines.next(event)?;
        if self.lines.number == 1 && event == DOCUMENT_BEGINS {
            self.is_document = true;
            has_line = self.lines.next(event)?;
        }
        if !self.is_document {
            self.read += u64::from(has_line);
            return Ok(has_line);
        }
        if event.starts_with(DOCUMENT_ENDS) {
            let is_whole = *event == [DOCUMENT_ENDS, format!("{}}}", self.read).as_bytes()].concat();
            return match is_whole && !self.has_comma && !self.lines.next(event)? {
                true => Ok(false),
                false => Err(std::io::Error::other("its last line is not as the export wrote it")),
            };
        }
        if !has_line {
            return Err(std::io::Error::other("it is cut short"));
        }
        if self.read > 0 && !self.has_comma {
            return Err(std::io::Error::other("there is no comma between two events"));
        }
        self.has_comma = event.pop_if(|byte| *byte == b',').is_some();
        self.read += 1;
        Ok(true)
    }

    /// How many are left.
    fn count(&mut self, event: &mut Vec<u8>) -> std::io::Result<u64> {
        let mut count = 0;
        while self.next(event)? {
            count += 1;
        }
        Ok(count)
    }
}

/// A proof, line by line.
struct ProofLines<'r> {
    lines: Lines<'r>,
    line: Vec<u8>,
}

impl ProofLines<'_> {
    fn next(&mut self) -> Result<&str, VerifyError> {
        if !self.lines.next(&mut self.line).map_err(VerifyError::Proof)? {
            return Err(self.malformed("it ends too early"));
        }
        let line = self.lines.number;
        std::str::from_utf8(&self.line)
            .map_err(|_| VerifyError::Malformed { line, problem: "it is not UTF-8" })
    }

    fn malformed(&self, problem: &'static str) -> VerifyError {
        VerifyError::Malformed { line: self.lines.number, problem }
    }

    /// The next event's line; none at the end of the list.
    fn event(&mut self) -> Result<Option<Claim>, VerifyError> {
        let line = self.next()?;
        if line.is_empty() {
            return Ok(None);
        }
        let mut parts = line.split(' ');
        let claim = (|| {
            let claim = Claim {
                index: parts.next()?.parse().ok()?,
                opening: parts.next()?.parse().ok()?,
                mark: parts.next()?.to_owned(),
            };
            parts.next().is_none().then_some(claim)
        })();
        claim.map(Some).ok_or_else(|| self.malformed("expected an index, an opening and a mark"))
    }

    fn count_events(&mut self) -> Result<u64, VerifyError> {
        let mut count = 0;
        while self.event()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The next hash; none at the end of the file.
    fn hash(&mut self) -> Result<Option<Hash>, VerifyError> {
        if !self.lines.next(&mut self.line).map_err(VerifyError::Proof)? {
            return Ok(None);
        }
        let line = std::str::from_utf8(&self.line);
        Ok(Some(line.map_err(|_| self.malformed("it is not UTF-8"))?.parse()?))
    }

    /// The signed checkpoint, to the second empty line.
    fn checkpoint(&mut self) -> Result<Vec<u8>, VerifyError> {
        let (mut note, mut empty_lines) = (Vec::new(), 0);
        while note.len() < MAX_CHECKPOINT_BYTES {
            let line = self.next()?;
            empty_lines += u8::from(line.is_empty());
            if empty_lines == 2 {
                return Ok(note);
            }
            note.extend_from_slice(line.as_bytes());
            note.push(b'\n');
        }
        Err(self.malformed("its checkpoint is longer than any"))
    }
}

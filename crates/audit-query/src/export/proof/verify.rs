//! Checking an export against its proof. Needs no ledger and no network.

use std::io::BufRead;

use audit_event::{Opening, OpeningError};
use audit_tlog::{Checkpoint, Hash, TreeSize, Verifier, leaf_hash, root_from_subset};

use super::{TITLE, mark};

/// Longest line that is read: an event is at most a fraction of it.
const MAX_LINE_BYTES: u64 = 16 << 20;
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
    /// The checkpoint's size and root.
    pub size: TreeSize,
    /// The root hash that the checkpoint signs.
    pub root: Hash,
}

/// Why an export is not proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The export cannot be read.
    #[error("cannot read the export: {0}")]
    Export(#[source] std::io::Error),
    /// The proof cannot be read.
    #[error("cannot read the proof: {0}")]
    Proof(#[source] std::io::Error),
    /// It is no proof, or was cut short.
    #[error("the proof is malformed at its line {line}: {problem}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// The export was cut short, or lines were added or taken out.
    #[error("the export has {export} events where the proof has {proof}: some were added or taken out")]
    Count {
        /// Events in the export.
        export: u64,
        /// Events in the proof.
        proof: u64,
    },
    /// A line is not as the ledger holds it.
    #[error("line {line} of the export (entry {index}) is not as it was recorded: {source}")]
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
/// which one of `keys` signed under `origin`, and that no entry is there twice. It does not follow that the export holds
/// all events that somebody asked for. `progress` is told how many lines are done. Takes 40 bytes of memory an event.
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
    let mut events = Events::new(export);
    if proof.next()? != TITLE {
        return Err(proof.malformed("it is no proof of an export"));
    }
    let mut leaves: Vec<(u64, Hash)> = Vec::new();
    let mut event = Vec::new();
    loop {
        let claimed = proof.event()?;
        let read = events.next(&mut event).map_err(VerifyError::Export)?;
        match (claimed, read) {
            (None, false) => break,
            (Some(claimed), true) => {
                leaves.push((claimed.index, claimed.check(&event, events.lines.number)?))
            }
            (claimed, read) => {
                let done = leaves.len() as u64;
                let export =
                    done + if read { 1 + events.count(&mut event).map_err(VerifyError::Export)? } else { 0 };
                let proof = done + if claimed.is_some() { 1 + proof.count_events()? } else { 0 };
                return Err(VerifyError::Count { export, proof });
            }
        }
        if (leaves.len() as u64).is_multiple_of(TELL_EVERY) {
            progress(leaves.len() as u64);
        }
    }
    progress(leaves.len() as u64);
    let hashes = proof.hashes()?;
    let checkpoint = Checkpoint::open(&proof.rest()?, origin, keys)?.checkpoint;
    leaves.sort_unstable_by_key(|(index, _)| *index);
    let found = root_from_subset(
        &leaves,
        checkpoint.size(),
        &mut hashes.into_iter().map(Ok::<_, audit_tlog::Error>),
    )?;
    if found != *checkpoint.root() {
        return Err(audit_tlog::Error::RootMismatch.into());
    }
    Ok(ProvedExport {
        events: leaves.len() as u64,
        indices: leaves.first().zip(leaves.last()).map(|(first, last)| (first.0, last.0)),
        size: checkpoint.size(),
        root: found,
    })
}

/// What the proof says of one event.
struct Claim {
    index: u64,
    opening: Opening,
    mark: String,
}

impl Claim {
    fn check(&self, event: &[u8], line: u64) -> Result<Hash, VerifyError> {
        let data = self.opening.leaf_data(event);
        let data = data.map_err(|source| VerifyError::Line { line, index: self.index, source })?;
        let leaf = leaf_hash(data.as_bytes());
        if mark(&leaf) == self.mark {
            Ok(leaf)
        } else {
            Err(VerifyError::Altered { line, index: self.index })
        }
    }
}

/// Lines of a file, their ends taken off.
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
        line.pop_if(|byte| *byte == b'\n');
        line.pop_if(|byte| *byte == b'\r');
        Ok(read > 0)
    }
}

/// The events of an export, a line each.
struct Events<'r> {
    lines: Lines<'r>,
    /// One JSON document, with a line before and one after the events.
    is_document: bool,
    read: u64,
}

impl<'r> Events<'r> {
    fn new(reader: &'r mut dyn BufRead) -> Self {
        Self { lines: Lines::new(reader), is_document: false, read: 0 }
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
            return match is_whole && !self.lines.next(event)? {
                true => Ok(false),
                false => Err(std::io::Error::other("its last line is not as the export wrote it")),
            };
        }
        event.pop_if(|byte| *byte == b',');
        self.read += 1;
        if has_line { Ok(true) } else { Err(std::io::Error::other("it is cut short")) }
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

    fn hashes(&mut self) -> Result<Vec<Hash>, VerifyError> {
        let mut hashes = Vec::new();
        loop {
            let line = self.next()?;
            if line.is_empty() {
                return Ok(hashes);
            }
            hashes.push(line.parse()?);
        }
    }

    /// What is left, as it is.
    fn rest(&mut self) -> Result<Vec<u8>, VerifyError> {
        let mut rest = Vec::new();
        let limited = &mut std::io::Read::take(&mut *self.lines.reader, MAX_LINE_BYTES);
        std::io::Read::read_to_end(limited, &mut rest).map_err(VerifyError::Proof)?;
        Ok(rest)
    }
}

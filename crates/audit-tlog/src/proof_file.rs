//! Proof files, `.tlog-proof` (`c2sp.org/tlog-proof`): everything needed to verify offline that an entry is
//! in a log.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>            (optional)
//! index <decimal>
//! <base64 of a hash>        (zero or more: the inclusion proof, leaf's sibling first)
//! <empty line>
//! <the checkpoint, a signed note, verbatim>
//! ```

use core::fmt;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::error::{Error, Flaw, Format};
use crate::hash::{Hash, leaf_hash};
use crate::note::{Note, Verifier};
use crate::position::LeafIndex;
use crate::proof::{InclusionProof, verify_inclusion};
use crate::text;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof file as read: well-formed, and not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Data for the application, which the proof itself does not vouch for.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: LeafIndex,
    /// From the entry's leaf to the checkpoint's root.
    pub inclusion: InclusionProof,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Reads a proof file.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let text = core::str::from_utf8(bytes).map_err(|_| malformed(1, Flaw::Utf8))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed(1, Flaw::Truncated))?;
        let mut lines = head.split('\n').zip(1..).peekable();
        lines.next_if_eq(&(HEADER, 1)).ok_or(malformed(1, Flaw::Header))?;
        let extra = lines
            .next_if(|(line, _)| line.starts_with("extra "))
            .map(|(line, at)| text::from_base64(&line["extra ".len()..]).ok_or(malformed(at, Flaw::Base64)))
            .transpose()?;
        let (index, at) = lines.next().ok_or(malformed(2, Flaw::Truncated))?;
        let index = index.strip_prefix("index ").ok_or(malformed(at, Flaw::Structure))?;
        let index = index.parse().map_err(|_| malformed(at, Flaw::Decimal))?;
        let hashes: Result<Vec<Hash>, Error> =
            lines.map(|(line, at)| line.parse().map_err(|_| malformed(at, Flaw::Base64))).collect();
        let inclusion = InclusionProof(hashes?);
        Ok(Self { extra, index, inclusion, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }

    /// Checks that an entry with that leaf data is in the log named `origin`, by a checkpoint that at least
    /// one of the keys given has signed.
    ///
    /// # Errors
    /// What [`Checkpoint::open`] and [`verify_inclusion`] give.
    pub fn verify(
        &self,
        leaf_data: &[u8],
        origin: &str,
        verifiers: &[Verifier],
    ) -> Result<SignedCheckpoint, Error> {
        let signed = Checkpoint::from_note(self.checkpoint.clone(), origin, verifiers)?;
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        verify_inclusion(&leaf_hash(leaf_data), self.index, size, root, &self.inclusion)?;
        Ok(signed)
    }
}

/// The file's content.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.inclusion.0.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

const fn malformed(line: usize, flaw: Flaw) -> Error {
    Error::malformed(Format::TlogProof, line, flaw)
}

//! Checkpoints: signed statements of a log's size and root (`c2sp.org/tlog-checkpoint`).

use core::fmt;
use core::str::FromStr;

use crate::error::{Error, Flaw, Format};
use crate::hash::Hash;
use crate::note::{Note, Signer, VerifiedSignature, Verifier};
use crate::position::TreeSize;
use crate::text;

/// A tree head: which log, how many leaves, which root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: TreeSize,
    root: Hash,
    extensions: Vec<String>,
}

/// A checkpoint whose signatures were found genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The note as signed, to be stored and passed on.
    pub note: Note,
    /// The genuine signatures of the keys asked about.
    pub signatures: Vec<VerifiedSignature>,
}

impl Checkpoint {
    /// The state of the log named `origin`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the origin is empty or has line breaks or control characters.
    pub fn new(origin: &str, size: TreeSize, root: Hash) -> Result<Self, Error> {
        check_line(1, origin)?;
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// The log's identity.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Root hash of the tree of that size.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// Lines after the root hash, opaque.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Adds an opaque line. C2SP advises against it: monitors cannot audit such lines.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is empty or has line breaks or control characters.
    pub fn push_extension(&mut self, line: &str) -> Result<(), Error> {
        check_line(4 + self.extensions.len(), line)?;
        self.extensions.push(line.to_owned());
        Ok(())
    }

    /// Signs the checkpoint.
    pub fn sign(&self, signer: &Signer) -> Note {
        Note::sign_valid(self.to_string(), signer)
    }

    /// Reads a signed checkpoint of the log named `origin` and checks it against the keys given, of which
    /// at least one must have signed.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::OtherLog`], [`Error::BadSignature`] or [`Error::UnknownSigner`].
    pub fn open(note: &[u8], origin: &str, verifiers: &[Verifier]) -> Result<SignedCheckpoint, Error> {
        Self::from_note(Note::parse(note)?, origin, verifiers)
    }

    /// As [`open`](Self::open), for a note that is parsed already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_note(note: Note, origin: &str, verifiers: &[Verifier]) -> Result<SignedCheckpoint, Error> {
        let signatures = note.verify(verifiers)?;
        let checkpoint: Self = note.text().parse()?;
        if checkpoint.origin != origin {
            return Err(Error::OtherLog { expected: origin.to_owned(), found: checkpoint.origin });
        }
        Ok(SignedCheckpoint { checkpoint, note, signatures })
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Reads a note's text; says nothing of signatures.
impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let body = text.strip_suffix('\n').ok_or(malformed(1, Flaw::Truncated))?;
        let mut lines = body.split('\n').zip(1..);
        let mut next = || lines.next().ok_or(malformed(3, Flaw::Truncated));
        let (origin, _) = next()?;
        let (size, at) = next()?;
        let size = text::decimal(size).map(TreeSize::new).ok_or(malformed(at, Flaw::Decimal))?;
        let (root, at) = next()?;
        let root = root.parse().map_err(|_| malformed(at, Flaw::Base64))?;
        let mut checkpoint = Self::new(origin, size, root)?;
        lines.try_for_each(|(line, _)| checkpoint.push_extension(line))?;
        Ok(checkpoint)
    }
}

fn check_line(at: usize, line: &str) -> Result<(), Error> {
    if line.is_empty() {
        return Err(malformed(at, Flaw::EmptyLine));
    }
    if line.contains(|c: char| c < '\u{20}') {
        return Err(malformed(at, Flaw::ControlCharacter));
    }
    Ok(())
}

const fn malformed(line: usize, flaw: Flaw) -> Error {
    Error::malformed(Format::Checkpoint, line, flaw)
}

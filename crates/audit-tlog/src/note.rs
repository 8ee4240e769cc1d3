//! Signed notes (`c2sp.org/signed-note`): text with signatures of named keys.
//!
//! ```text
//! <text, ending in a newline>
//! <empty line>
//! — <key name> <base64 of 4 bytes key id and the signature>
//! ```
//!
//! Two kinds of keys are implemented: plain Ed25519 (type `0x01`), which the log signs with, and the
//! timestamped Ed25519 cosignatures of witnesses (type `0x04`, `c2sp.org/tlog-cosignature`), which are only
//! verified.

mod key;

use core::fmt;

pub use key::{KeyId, KeyName, Signer, Verifier};

use crate::error::{Error, Flaw, Format};
use crate::text;

/// Signatures read from one note; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

const SIGNATURE_START: &str = "\u{2014} ";

/// A note as read: well-formed, and not verified. [`verify`](Self::verify) before believing the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: KeyId,
    signature: Vec<u8>,
}

/// A signature that was found genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Name of the key that signed.
    pub name: KeyName,
    /// Id of the key that signed.
    pub id: KeyId,
    /// When a witness cosigned, in seconds since the Unix epoch; `None` for plain signatures.
    pub cosigned_at_s: Option<u64>,
}

impl Note {
    /// Signs `text`.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless the text ends in a newline and has no control characters besides.
    pub fn sign(text: &str, signer: &Signer) -> Result<Self, Error> {
        check_text(text)?;
        Ok(Self::sign_valid(text.to_owned(), signer))
    }

    /// Signs a text that is valid by construction.
    pub(crate) fn sign_valid(text: String, signer: &Signer) -> Self {
        debug_assert_eq!(check_text(&text), Ok(()));
        let signatures = vec![signer.sign(&text)];
        Self { text, signatures }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let note = core::str::from_utf8(bytes).map_err(|_| malformed(1, Flaw::Utf8))?;
        check_characters(note)?;
        let end = note.rfind("\n\n").ok_or(malformed(1, Flaw::Structure))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let first_line = 2 + text.matches('\n').count();
        let lines = lines.strip_suffix('\n').ok_or(malformed(first_line, Flaw::Truncated))?;
        let signatures = lines
            .split('\n')
            .enumerate()
            .map(|(at, line)| {
                let flawed = |flaw| malformed(first_line + at, flaw);
                if at == MAX_SIGNATURES {
                    return Err(flawed(Flaw::TooManySignatures));
                }
                NoteSignature::parse(line).map_err(flawed)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, final newline included. Not to be believed before [`verify`](Self::verify).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, known or unknown, genuine or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds another key's signature; one of the same key is replaced.
    pub fn add_signature(&mut self, signature: NoteSignature) {
        self.signatures.retain(|other| (&other.name, other.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }

    /// Checks the signatures of the keys given and returns the genuine ones, in the note's order. Signatures
    /// of other keys are ignored, as are repeated ones of the same key.
    ///
    /// # Errors
    /// [`Error::BadSignature`] if one by a known key is wrong, [`Error::UnknownSigner`] if there is none.
    pub fn verify(&self, verifiers: &[Verifier]) -> Result<Vec<VerifiedSignature>, Error> {
        let mut verified: Vec<VerifiedSignature> = Vec::new();
        for signature in &self.signatures {
            let by = |name: &KeyName, id: KeyId| name == &signature.name && id == signature.id;
            let repeated = verified.iter().any(|other| by(&other.name, other.id));
            let verifier = verifiers.iter().find(|key| by(key.name(), key.id()));
            if let Some(verifier) = verifier.filter(|_| !repeated) {
                verified.push(verifier.check(&self.text, &signature.signature)?);
            }
        }
        if verified.is_empty() { Err(Error::UnknownSigner) } else { Ok(verified) }
    }
}

/// The note as stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    /// Name of the key that is said to have signed.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key that is said to have signed.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn new(name: KeyName, id: KeyId, signature: Vec<u8>) -> Self {
        Self { name, id, signature }
    }

    fn parse(line: &str) -> Result<Self, Flaw> {
        let (name, signature) = line
            .strip_prefix(SIGNATURE_START)
            .and_then(|line| line.split_once(' '))
            .ok_or(Flaw::Structure)?;
        let name = KeyName::new(name).map_err(|_| Flaw::KeyName)?;
        let bytes = text::from_base64(signature).ok_or(Flaw::Base64)?;
        let (id, signature) = bytes.split_first_chunk().ok_or(Flaw::Length)?;
        if signature.is_empty() {
            return Err(Flaw::Length);
        }
        Ok(Self { name, id: KeyId::from_bytes(*id), signature: signature.to_vec() })
    }
}

/// The signature's line, without newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes().as_slice(), &self.signature].concat();
        write!(f, "{SIGNATURE_START}{} {}", self.name, text::base64(&bytes))
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    check_characters(text)?;
    if text.ends_with('\n') { Ok(()) } else { Err(malformed(1, Flaw::Truncated)) }
}

fn check_characters(text: &str) -> Result<(), Error> {
    let forbidden = |c: char| c < '\u{20}' && c != '\n';
    match text.find(forbidden) {
        None => Ok(()),
        Some(at) => Err(malformed(1 + text[..at].matches('\n').count(), Flaw::ControlCharacter)),
    }
}

const fn malformed(line: usize, flaw: Flaw) -> Error {
    Error::malformed(Format::Note, line, flaw)
}

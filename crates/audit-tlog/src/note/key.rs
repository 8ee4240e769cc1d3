//! Keys of signed notes and their text encodings.
//!
//! - verifier key: `<name>+<key id, 8 hex digits>+<base64 of type byte and public key>`
//! - signer key: `PRIVATE+KEY+<name>+<key id>+<base64 of type byte and 32-byte seed>`
//!
//! The key id is `SHA-256(name || 0x0A || type byte || public key)[..4]`.

use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{NoteSignature, VerifiedSignature};
use crate::error::{Error, Flaw, Format};
use crate::text;

const SIGNER_KEY_START: &str = "PRIVATE+KEY+";
const SEED_LEN: usize = 32;

/// Name of a key: not empty, without spaces, plus signs and control characters. By convention a URL without
/// scheme, equal to the log's origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// The four bytes that tell keys of one name apart. Not a fingerprint to rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

/// What a key signs and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    /// `0x01`: Ed25519 over the note's text.
    Ed25519,
    /// `0x04`: Ed25519 over a header with a time, then the note's text.
    CosignatureV1,
}

/// A public key that signatures are checked with. Reads and writes the verifier key encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    key: VerifyingKey,
}

/// A private Ed25519 key (type `0x01`). Wiped from memory on drop, and never shown by `Debug`.
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

impl KeyName {
    /// Checks a key's name.
    ///
    /// # Errors
    /// [`Error::Malformed`] with [`Flaw::KeyName`].
    pub fn new(name: &str) -> Result<Self, Error> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(forbidden) {
            return Err(Error::malformed(Format::VerifierKey, 1, Flaw::KeyName));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyId {
    /// An id read elsewhere.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The id's bytes, in the order they are written.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    fn of(name: &KeyName, algorithm: Algorithm, public_key: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', algorithm.type_byte()])
            .chain_update(public_key)
            .finalize();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

/// Eight lower-case hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl Algorithm {
    const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    fn from_type_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::CosignatureV1].into_iter().find(|algorithm| algorithm.type_byte() == byte)
    }
}

impl Verifier {
    /// A log's key from its 32 bytes (RFC 8032).
    ///
    /// # Errors
    /// [`Error::Malformed`] with [`Flaw::PublicKey`] if they are no point of the curve.
    pub fn ed25519(name: KeyName, public_key: &[u8; 32]) -> Result<Self, Error> {
        Self::new(name, Algorithm::Ed25519, public_key)
    }

    /// A witness's key from its 32 bytes (RFC 8032).
    ///
    /// # Errors
    /// [`Error::Malformed`] with [`Flaw::PublicKey`] if they are no point of the curve.
    pub fn cosigner(name: KeyName, public_key: &[u8; 32]) -> Result<Self, Error> {
        Self::new(name, Algorithm::CosignatureV1, public_key)
    }

    fn new(name: KeyName, algorithm: Algorithm, public_key: &[u8; 32]) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(public_key)
            .map_err(|_| Error::malformed(Format::VerifierKey, 1, Flaw::PublicKey))?;
        let id = KeyId::of(&name, algorithm, public_key);
        Ok(Self { name, id, algorithm, key })
    }

    /// The key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public key's 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Checks one signature of this key, given without the key id.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Result<VerifiedSignature, Error> {
        let genuine = match self.algorithm {
            Algorithm::Ed25519 => self.check_ed25519(text, signature).map(|()| None),
            Algorithm::CosignatureV1 => self.check_cosignature(text, signature).map(Some),
        };
        let (name, id) = (self.name.clone(), self.id);
        match genuine {
            Some(cosigned_at_s) => Ok(VerifiedSignature { name, id, cosigned_at_s }),
            None => Err(Error::BadSignature { name: name.0 }),
        }
    }

    /// The time that the cosignature states, if it is genuine.
    fn check_cosignature(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, signature) = signature.split_first_chunk()?;
        let time_s = u64::from_be_bytes(*time);
        let in_range = i64::try_from(time_s).is_ok();
        let message = format!("cosignature/v1\ntime {time_s}\n{text}");
        self.check_ed25519(&message, signature).filter(|()| in_range).map(|()| time_s)
    }

    fn check_ed25519(&self, message: &str, signature: &[u8]) -> Option<()> {
        let signature = Signature::from_slice(signature).ok()?;
        self.key.verify_strict(message.as_bytes(), &signature).ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.algorithm.type_byte()], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, text::base64(&key))
    }
}

impl FromStr for Verifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let flawed = |flaw| Error::malformed(Format::VerifierKey, 1, flaw);
        let parts = KeyParts::parse(text).map_err(flawed)?;
        let public_key = parts.key.as_slice().try_into().map_err(|_| flawed(Flaw::Length))?;
        let verifier = Self::new(parts.name, parts.algorithm, public_key)?;
        if verifier.id == parts.id { Ok(verifier) } else { Err(flawed(Flaw::KeyId)) }
    }
}

impl Signer {
    /// The key made from 32 secret random bytes.
    pub fn from_seed(name: KeyName, seed: &[u8; SEED_LEN]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = key.verifying_key();
        let algorithm = Algorithm::Ed25519;
        let id = KeyId::of(&name, algorithm, public.as_bytes());
        Self { verifier: Verifier { name, id, algorithm, key: public }, key }
    }

    /// The public half.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The signer key encoding, to be kept secret.
    pub fn encode(&self) -> Zeroizing<String> {
        let mut key = Zeroizing::new([self.verifier.algorithm.type_byte(); 1 + SEED_LEN]);
        key[1..].copy_from_slice(self.key.as_bytes());
        let encoded_key = Zeroizing::new(text::base64(key.as_slice()));
        let Verifier { name, id, .. } = &self.verifier;
        Zeroizing::new(format!("{SIGNER_KEY_START}{name}+{id}+{}", *encoded_key))
    }

    /// Reads the signer key encoding.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not one, or not of Ed25519.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let flawed = |flaw| Error::malformed(Format::SignerKey, 1, flaw);
        let rest = text.strip_prefix(SIGNER_KEY_START).ok_or(flawed(Flaw::Header))?;
        let parts = KeyParts::parse(rest).map_err(flawed)?;
        if parts.algorithm != Algorithm::Ed25519 {
            return Err(flawed(Flaw::Algorithm));
        }
        let seed = parts.key.as_slice().try_into().map_err(|_| flawed(Flaw::Length))?;
        let signer = Self::from_seed(parts.name, seed);
        if signer.verifier.id == parts.id { Ok(signer) } else { Err(flawed(Flaw::KeyId)) }
    }

    /// The signature of a note's text.
    pub(super) fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        NoteSignature::new(self.verifier.name.clone(), self.verifier.id, signature)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// `<name>+<id>+<base64>`, split but with the id unchecked.
struct KeyParts {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    key: Zeroizing<Vec<u8>>,
}

impl KeyParts {
    fn parse(text: &str) -> Result<Self, Flaw> {
        let (name, rest) = text.split_once('+').ok_or(Flaw::Structure)?;
        let (id, key) = rest.split_once('+').ok_or(Flaw::Structure)?;
        let name = KeyName::new(name).map_err(|_| Flaw::KeyName)?;
        let id = parse_key_id(id).ok_or(Flaw::KeyId)?;
        let key = text::from_base64(key).map(Zeroizing::new).ok_or(Flaw::Base64)?;
        let (type_byte, key) = key.split_first().ok_or(Flaw::Length)?;
        let algorithm = Algorithm::from_type_byte(*type_byte).ok_or(Flaw::Algorithm)?;
        Ok(Self { name, id, algorithm, key: Zeroizing::new(key.to_vec()) })
    }
}

fn parse_key_id(hex: &str) -> Option<KeyId> {
    let canonical = hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !canonical {
        return None;
    }
    u32::from_str_radix(hex, 16).ok().map(|id| KeyId(id.to_be_bytes()))
}

//! Signatures of ID tokens and the keys that made them (RFC 7515, 7517, 7518, 8037).
//!
//! Only public keys are used: what a shared secret signs (`HS256`), or nobody (`none`), is not believed. The algorithm
//! is the token's word, but the key must be one for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// The provider's keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Whether a signature holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the keys made it.
    Good,
    /// None of the keys that it could be made it.
    Bad,
    /// None of the keys is the one it names: it may be a new one.
    UnknownKey,
    /// Nothing that we believe is signed like this.
    UnfitAlgorithm,
}

impl Keys {
    /// Reads a set of keys; those that cannot be read are left out (RFC 7517, section 5).
    pub fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(body).ok()?;
        Some(Self(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect()))
    }

    /// Whether `signature` is one of these keys' over `signed`. `kid` and `alg` are what the token's head says.
    pub fn verify(&self, kid: Option<&str>, alg: &str, signed: &[u8], signature: &[u8]) -> Verdict {
        let Some(algorithm) = Algorithm::of(alg) else { return Verdict::UnfitAlgorithm };
        let mut fitting = self.0.iter().filter(|key| key.fits(kid, alg, algorithm)).peekable();
        if fitting.peek().is_none() {
            return Verdict::UnknownKey;
        }
        let is_good = fitting.any(|key| key.made(algorithm, signed, signature) == Some(true));
        match (is_good, kid) {
            (true, _) => Verdict::Good,
            (false, Some(_)) => Verdict::Bad,
            // A token that names no key may be of a new one.
            (false, None) => Verdict::UnknownKey,
        }
    }
}

#[derive(Clone, Copy)]
enum Algorithm {
    Rsa(&'static RsaParameters),
    Curve { name: &'static str, bytes: usize, by: &'static dyn VerificationAlgorithm },
    Edwards,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Curve { name: "P-256", bytes: 32, by: &signature::ECDSA_P256_SHA256_FIXED },
            "ES384" => Self::Curve { name: "P-384", bytes: 48, by: &signature::ECDSA_P384_SHA384_FIXED },
            "EdDSA" | "Ed25519" => Self::Edwards,
            _ => return None,
        })
    }

    fn key_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rsa(_) => ("RSA", None),
            Self::Curve { name, .. } => ("EC", Some(name)),
            Self::Edwards => ("OKP", Some("Ed25519")),
        }
    }
}

impl Key {
    fn fits(&self, kid: Option<&str>, alg: &str, algorithm: Algorithm) -> bool {
        let (kty, crv) = algorithm.key_type();
        self.kty == kty
            && crv.is_none_or(|crv| self.crv.as_deref() == Some(crv))
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|own| own == alg)
            && kid.is_none_or(|kid| self.kid.as_deref() == Some(kid))
    }

    /// `None`: the key itself is broken.
    fn made(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Option<bool> {
        let verified = match algorithm {
            Algorithm::Rsa(parameters) => {
                let (n, e) = (number(self.n.as_deref()?)?, number(self.e.as_deref()?)?);
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
            }
            Algorithm::Curve { bytes, by, .. } => {
                let point = [
                    &[4][..],
                    &coordinate(self.x.as_deref()?, bytes)?,
                    &coordinate(self.y.as_deref()?, bytes)?,
                ];
                UnparsedPublicKey::new(by, point.concat()).verify(signed, signature)
            }
            Algorithm::Edwards => {
                let point = coordinate(self.x.as_deref()?, 32)?;
                UnparsedPublicKey::new(&signature::ED25519, point).verify(signed, signature)
            }
        };
        Some(verified.is_ok())
    }
}

/// A number without the leading zeros that some providers write.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

fn coordinate(text: &str, length: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length)
}

#[cfg(test)]
mod tests;

//! A token's text.
//!
//! ```text
//! saa_ <43 characters: 32 random bytes in base 62> <6 characters: checksum in base 62>
//! ```
//!
//! The prefix lets secret scanners find leaked tokens; the checksum (the first four bytes of the SHA-256 of what
//! precedes it) tells a mistyped token from an unknown one without asking anybody.

use sha2::{Digest as _, Sha256};

/// What every token begins with, so that secret scanners find them.
pub const TOKEN_PREFIX: &str = "saa_";
const PREFIX: &str = TOKEN_PREFIX;
const BODY_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The SHA-256 of a token's text: what is stored, and what a presented token is looked up by.
///
/// A plain hash is enough (no salt, no stretching): a token carries 256 random bits.
pub type Digest = [u8; 32];

/// A token's text, to be shown once. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text cannot be a token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not look like `saa_…` of the right length.
    #[error("an access token starts with saa_ and has 53 letters, digits and underscores")]
    Shape,
    /// The last six characters do not fit the rest.
    #[error("the access token is mistyped or cut: its checksum does not fit")]
    Checksum,
}

impl Secret {
    /// The text for 32 random bytes.
    pub fn from_random(random: &[u8; 32]) -> Self {
        let mut text = String::with_capacity(PREFIX.len() + BODY_CHARS + CHECK_CHARS);
        text.push_str(PREFIX);
        push_base62(&mut text, random, BODY_CHARS);
        let check = checksum(&text);
        push_base62(&mut text, &check, CHECK_CHARS);
        Self(text)
    }

    /// The text to hand to the token's owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn digest(&self) -> Digest {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(saa_…)")
    }
}

/// The digest to look a presented token up by.
///
/// # Errors
/// [`SecretError::Shape`] when no token of ours can read like this. The checksum is left to `check_checksum`, which
/// is of use only once the token was not found.
pub fn digest_presented(text: &str) -> Result<Digest, SecretError> {
    let body = text.strip_prefix(PREFIX).ok_or(SecretError::Shape)?;
    if body.len() != BODY_CHARS + CHECK_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(SecretError::Shape);
    }
    Ok(Sha256::digest(text.as_bytes()).into())
}

/// The digest of any text.
pub(crate) fn digest_of(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// Tells a mistyped token from one that is merely unknown.
///
/// # Errors
/// [`SecretError::Checksum`], or [`SecretError::Shape`] when the text is too short for a token.
pub fn check_checksum(text: &str) -> Result<(), SecretError> {
    let (signed, given) = text.split_at_checked(PREFIX.len() + BODY_CHARS).ok_or(SecretError::Shape)?;
    let mut expected = String::with_capacity(CHECK_CHARS);
    push_base62(&mut expected, &checksum(signed), CHECK_CHARS);
    if given == expected { Ok(()) } else { Err(SecretError::Checksum) }
}

/// A prefix and twelve hexadecimal digits of the system's randomness: names a row for ever, and is no secret.
pub(crate) fn random_id(prefix: &str) -> Result<String, crate::Error> {
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(crate::Error::Randomness)?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{prefix}{hex}"))
}

fn checksum(text: &str) -> [u8; 4] {
    let digest = Sha256::digest(text.as_bytes());
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Writes the big-endian number `bytes` as exactly `chars` base-62 digits (enough for any value, by the caller's
/// choice of `chars`), most significant first.
fn push_base62(text: &mut String, bytes: &[u8], chars: usize) {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; chars];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(dividend / 62).unwrap_or(u8::MAX);
            remainder = dividend % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    debug_assert!(number.iter().all(|byte| *byte == 0), "the number has more digits than asked for");
    text.extend(digits.into_iter().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_documented() {
        let secret = Secret::from_random(&[0xff; 32]);
        assert_eq!(secret.reveal().len(), 53);
        assert!(secret.reveal().starts_with("saa_"));
        assert_eq!(digest_presented(secret.reveal()), Ok(secret.digest()));
        assert_eq!(check_checksum(secret.reveal()), Ok(()));
    }

    #[test]
    fn different_bytes_give_different_tokens() {
        let mut other = [7; 32];
        other[31] = 8;
        assert_ne!(Secret::from_random(&[7; 32]), Secret::from_random(&other));
    }

    #[test]
    fn every_mistyped_character_is_noticed() {
        let text = Secret::from_random(&[42; 32]).reveal().to_owned();
        for at in PREFIX.len()..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(check_checksum(&wrong), Err(SecretError::Checksum), "at {at}");
        }
    }

    #[test]
    fn other_texts_are_no_tokens() {
        for text in ["", "saa_", "sk-1234", "saa_ä", &"a".repeat(53), &format!("saa_{}", "-".repeat(49))] {
            assert_eq!(digest_presented(text), Err(SecretError::Shape), "{text:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_text() {
        let secret = Secret::from_random(&[1; 32]);
        assert!(!format!("{secret:?}").contains(&secret.reveal()[8..]));
    }
}

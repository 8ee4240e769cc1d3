//! What has to come back with the browser that began to sign in.
//!
//! It travels in a cookie, sealed with a key of this process (ChaCha20-Poly1305), so that whoever begins to sign in
//! and never returns costs no memory here. A return is good only with the cookie of the browser that began: nobody can
//! be made to go on in somebody else's session.

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The cookie's name.
pub(crate) const COOKIE: &str = "secureai_audit_attempt";
/// How long somebody may take at the provider.
pub(crate) const LIFE_SECONDS: i64 = 10 * 60;
/// Longer addresses to go on to do not fit a cookie.
const LONGEST_NEXT: usize = 1_500;
/// What the seal is for.
const PURPOSE: &[u8] = b"secureai-audit sign-in attempt v1";

/// One sign-in under way.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    /// What the return must name.
    pub state: String,
    /// What the ID token must name.
    pub nonce: String,
    /// What proves to the token endpoint that we began this (RFC 7636).
    pub verifier: String,
    /// Where to go on.
    pub next: String,
    /// Until when, in microseconds since 1970.
    until: i64,
}

impl Attempt {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn begin(next: &str, now: Timestamp) -> Result<Self, getrandom::Error> {
        let next = if next.len() <= LONGEST_NEXT { next } else { "/audit" };
        Ok(Self {
            state: random_text()?,
            nonce: random_text()?,
            verifier: random_text()?,
            next: next.to_owned(),
            until: now.as_micros() + LIFE_SECONDS * 1_000_000,
        })
    }

    /// What the provider is shown of the verifier (RFC 7636, section 4.2).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// Seals and opens attempts.
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// With this key.
    pub fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "the algorithm's keys have 32 bytes")]
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// The cookie's value.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, attempt: &Attempt) -> Result<String, getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let mut sealed = serde_json::to_vec(attempt).unwrap_or_default();
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        // Fails only beyond 256 GiB.
        if self.0.seal_in_place_append_tag(nonce_of, Aad::from(PURPOSE), &mut sealed).is_err() {
            sealed.clear();
        }
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed here, if its time is not over.
    pub fn open(&self, cookie: &str, now: Timestamp) -> Option<Attempt> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut opened = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(PURPOSE), &mut opened).ok()?;
        let attempt: Attempt = serde_json::from_slice(plain).ok()?;
        (now.as_micros() < attempt.until).then_some(attempt)
    }
}

/// 256 random bits: 43 characters, as RFC 7636 wants a verifier to have at least.
fn random_text() -> Result<String, getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

    #[test]
    fn what_was_sealed_comes_back_within_ten_minutes_and_only_here() {
        let (seal, other) = (Seal::new(&[7; 32]), Seal::new(&[8; 32]));
        let attempt = Attempt::begin("/audit?q=x", NOW).unwrap();
        let cookie = seal.seal(&attempt).unwrap();
        let opened = seal.open(&cookie, NOW).unwrap();
        assert_eq!((opened.state, opened.next.as_str()), (attempt.state, "/audit?q=x"));
        let later = |seconds: i64| Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000);
        assert!(seal.open(&cookie, later(599)).is_some());
        assert!(seal.open(&cookie, later(600)).is_none());
        assert!(other.open(&cookie, NOW).is_none());
        assert!(!cookie.contains(&attempt.verifier));
    }

    #[test]
    fn what_was_not_sealed_here_is_nothing() {
        let seal = Seal::new(&[7; 32]);
        let cookie = seal.seal(&Attempt::begin("/audit", NOW).unwrap()).unwrap();
        let mut altered = cookie.clone().into_bytes();
        let last = altered.len() - 2;
        altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
        for bad in [
            String::new(),
            "x".to_owned(),
            "AAAA".to_owned(),
            cookie[..20].to_owned(),
            String::from_utf8(altered).unwrap(),
        ] {
            assert!(seal.open(&bad, NOW).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let attempt = Attempt { verifier, ..Attempt::begin("/audit", NOW).unwrap() };
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn long_addresses_are_not_kept() {
        let long = format!("/audit?q={}", "x".repeat(2_000));
        assert_eq!(Attempt::begin(&long, NOW).unwrap().next, "/audit");
    }
}

//! Keyed hashes in place of credentials.
//!
//! HMAC-SHA-256 (RFC 2104) over a label that says what the hash is for, a zero byte, and the bytes. Without the key
//! nobody can tell whether a token they hold belongs to a session id in the log.

use audit_pipeline::sources::openwebui::identity::Credential;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a credential is remembered by.
pub(super) type CacheKey = [u8; 32];

/// Bytes of the hash that a session id shows.
const SESSION_ID_BYTES: usize = 16;

pub(super) struct Names {
    mac: Hmac<Sha256>,
}

impl Names {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 3)")]
        let mac = Hmac::new_from_slice(key).expect("a key of 32 bytes");
        Self { mac }
    }

    /// The same for every spelling of a session token that Open WebUI takes: they are one credential.
    pub(super) fn cache_key(&self, credential: &Credential) -> CacheKey {
        self.hash(b"credential", credential.secret())
    }

    /// The session's id in events, the same by bearer and by cookie: 32 hexadecimal digits.
    pub(super) fn session_id(&self, credential: &Credential) -> String {
        let hash = self.hash(b"session", &credential.session_name());
        hash[..SESSION_ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hash(&self, label: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(label);
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

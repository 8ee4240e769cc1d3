//! What a session token says of itself.
//!
//! Nothing here is verified: the key is Open WebUI's. A claim tells only what to ask, and whom a refused credential
//! pretended to be.

use audit_event::Timestamp;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// Longer tokens are not looked into; Open WebUI's have some 400 bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Longer claims are left out.
const MAX_CLAIM_BYTES: usize = 128;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The unverified claims of a JSON Web Token (RFC 7519), those that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Whose session it is: Open WebUI's user id.
    pub user_id: Option<String>,
    /// `session`, or what Open WebUI makes for its own use (`automation`, `subagent`); tokens of older versions
    /// have none.
    pub kind: Option<String>,
    /// How the session began: `password`, `ldap`, `oauth`, `trusted_header`, `system`.
    pub auth_method: Option<String>,
    /// Whether a second factor was shown.
    pub mfa_verified: bool,
    /// When it ends, in seconds since 1970; `None`: never.
    pub expires: Option<i64>,
    /// The token's own id.
    pub id: Option<String>,
}

impl Claims {
    /// Reads them; `None` when it is no token of three parts with JSON in the middle.
    #[must_use]
    pub fn unverified(token: &[u8]) -> Option<Self> {
        let members = payload(token)?;
        Some(Self {
            user_id: text(&members, "id"),
            kind: text(&members, "typ"),
            auth_method: text(&members, "auth_method"),
            mfa_verified: members.get("mfa_verified") == Some(&Value::Bool(true)),
            expires: members.get("exp").and_then(whole_seconds),
            id: text(&members, "jti"),
        })
    }

    /// Whether it is a person's session, not one that Open WebUI made for itself.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "session")
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now.as_micros().div_euclid(1_000_000))
    }
}

/// The members of a token's middle part.
pub(super) fn payload(token: &[u8]) -> Option<Map<String, Value>> {
    let mut parts = token.split(|byte| *byte == b'.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_token = parts.next().is_none() && token.len() <= MAX_TOKEN_BYTES;
    let json = is_token.then(|| BASE64.decode(payload).ok()).flatten()?;
    serde_json::from_slice(&json).ok()
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    let claim = members.get(name)?.as_str()?;
    let is_fit = claim.len() <= MAX_CLAIM_BYTES && !claim.is_empty() && !claim.chars().any(char::is_control);
    is_fit.then(|| claim.to_owned())
}

/// `exp` may be a fraction (RFC 7519 section 2, NumericDate); its whole seconds count.
fn whole_seconds(value: &Value) -> Option<i64> {
    let whole = value.as_i64();
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates: far beyond any expiry")]
    whole.or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
}

#[cfg(test)]
mod tests;

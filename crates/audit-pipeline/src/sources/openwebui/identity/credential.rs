//! Which of a request's credentials Open WebUI looks at.
//!
//! Version 0.12.4 takes the first of these that is there, good or bad; nothing is tried after a bad one:
//!
//! 1. `Authorization: Bearer X` — the scheme in any letter case, `X` all that follows, trimmed, not empty
//! 2. the cookie `token` — the last one of that name over all `Cookie` headers, quotes undone, empty ones too
//! 3. `Authorization: anything X` — any other scheme, with exactly one space in the header
//! 4. the header `x-api-key` (its name is Open WebUI's `CUSTOM_API_KEY_HEADER`), unless empty
//!
//! Of several `Authorization` headers the first one counts. What begins with `sk-` is an API key, anything else a
//! session token. Provisioning (SCIM) looks at the `Authorization` header alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::claims::Claims;
use crate::sources::openwebui::caller::CredentialKind;
use crate::sources::openwebui::table::decoded;

/// Where Open WebUI's provisioning interface is.
const SCIM_PREFIX: &str = "/api/v1/scim/v2/";
/// What API keys begin with.
const KEY_PREFIX: &[u8] = b"sk-";
/// The longest first two parts of a session token; Open WebUI's have some 400 bytes.
const MAX_SIGNED: usize = 8 * 1024;
/// What our own access tokens begin with.
const OUR_PREFIX: &[u8] = b"saa_";

/// A request's credential. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    kind: CredentialKind,
    secret: Zeroizing<Vec<u8>>,
}

impl Credential {
    /// The credential by which Open WebUI judges a request to `target` (path and query as they came).
    #[must_use]
    pub fn of_request(target: &str, headers: &HeaderMap, api_key_header: &HeaderName) -> Option<Self> {
        if decoded(target).starts_with(SCIM_PREFIX) {
            Self::scim(headers)
        } else {
            Self::find(headers, api_key_header)
        }
    }

    /// The credential by which Open WebUI judges a request to anything but the provisioning interface.
    #[must_use]
    pub fn find(headers: &HeaderMap, api_key_header: &HeaderName) -> Option<Self> {
        let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        authorization
            .and_then(bearer)
            .map(<[u8]>::to_vec)
            .or_else(|| cookie(headers, b"token"))
            .or_else(|| authorization.and_then(of_any_scheme).map(<[u8]>::to_vec))
            .or_else(|| {
                headers.get(api_key_header).map(|key| key.as_bytes().to_vec()).filter(|key| !key.is_empty())
            })
            .map(Self::new)
    }

    /// The provisioning token of a request.
    #[must_use]
    pub fn scim(headers: &HeaderMap) -> Option<Self> {
        let mut words = headers
            .get(AUTHORIZATION)?
            .as_bytes()
            .split(|byte| is_python_space(*byte))
            .filter(|word| !word.is_empty());
        let (scheme, token) = (words.next()?, words.next()?);
        let is_bearer = scheme.eq_ignore_ascii_case(b"bearer") && words.next().is_none();
        is_bearer.then(|| Self { kind: CredentialKind::Scim, secret: Zeroizing::new(token.to_vec()) })
    }

    /// A session token or API key. A session token is kept in the one spelling in which Open WebUI issued it: its decoder
    /// accepts others, and whoever uses one of them is the same person all the same.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        let secret = Zeroizing::new(secret.into());
        if secret.starts_with(KEY_PREFIX) {
            return Self { kind: CredentialKind::ApiKey, secret };
        }
        Self { kind: CredentialKind::Session, secret: canonical(&secret).unwrap_or(secret) }
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Its bytes, in their one spelling. Never to be logged or stored.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// What a session token says of itself, unverified.
    #[must_use]
    pub fn claims(&self) -> Option<Claims> {
        let is_session = self.kind == CredentialKind::Session;
        is_session.then(|| Claims::unverified(&self.secret)).flatten()
    }

    /// The `Authorization` header that presents it; `None` when it is nothing that Open WebUI ever issues: its
    /// tokens and keys are visible ASCII without spaces, and ours are none of its business.
    #[must_use]
    pub fn authorization(&self) -> Option<HeaderValue> {
        let is_ours = self.secret.starts_with(OUR_PREFIX);
        let is_plain = !self.secret.is_empty() && !is_ours && self.secret.iter().all(u8::is_ascii_graphic);
        let text = Zeroizing::new([b"Bearer ", self.secret.as_slice()].concat());
        let mut value = HeaderValue::from_bytes(&text).ok().filter(|_| is_plain)?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The bytes that name the session.
    #[must_use]
    pub fn session_name(&self) -> Zeroizing<Vec<u8>> {
        let signed = self.secret.iter().rposition(|byte| *byte == b'.');
        let Some(signed) = signed.filter(|_| self.kind == CredentialKind::Session) else {
            return self.secret.clone();
        };
        let (signed, signature) = self.secret.split_at(signed + 1);
        let mut name = Zeroizing::new(signed.to_vec());
        match signature_bits(signature) {
            Some(bits) => name.extend_from_slice(&Zeroizing::new(bits)),
            None => name.extend_from_slice(signature),
        }
        name
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// `Bearer X`, as FastAPI reads it: everything behind the first space, trimmed.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let space = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = authorization.split_at(space);
    let secret = trim(rest);
    (scheme.eq_ignore_ascii_case(b"bearer") && !secret.is_empty()).then_some(secret)
}

/// `anything X`, with exactly one space, as Open WebUI's middleware reads it.
fn of_any_scheme(authorization: &[u8]) -> Option<&[u8]> {
    let mut parts = authorization.split(|byte| *byte == b' ');
    let (_scheme, secret) = (parts.next()?, parts.next()?);
    parts.next().is_none().then_some(secret)
}

/// The last cookie of that name over all `Cookie` headers, as Starlette reads them.
fn cookie(headers: &HeaderMap, name: &[u8]) -> Option<Vec<u8>> {
    let pairs =
        headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        (trim(&pair[..equals]) == name).then(|| trim(&pair[equals + 1..]))
    });
    values.next_back().map(unquote)
}

/// Undoes the quoting of a cookie's value, as Python's `http.cookies` does: `\"`, and `\012` for a byte in octal.
fn unquote(value: &[u8]) -> Vec<u8> {
    let [b'"', inner @ .., b'"'] = value else { return value.to_vec() };
    let mut plain = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', [escaped, after @ ..]) => {
                plain.push(*escaped);
                after
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    plain
}

fn trim(bytes: &[u8]) -> &[u8] {
    let from = bytes.iter().position(|byte| !is_python_space(*byte)).unwrap_or(bytes.len());
    let to = bytes.iter().rposition(|byte| !is_python_space(*byte)).map_or(from, |last| last + 1);
    &bytes[from..to]
}

/// What Python's `str.strip` and `str.split` take for a space in a header, which is read as Latin-1.
const fn is_python_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ' | 0x85 | 0xa0)
}

/// A session token's one spelling; `None` for what is no token.
///
/// Python's decoder skips characters that are not of the alphabet in the last part, ends at its padding and ignores the
/// bits that are left over, so one session can be spelt in many ways. The first two parts are what was signed: no other
/// spelling of them is accepted.
fn canonical(token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let dot = token.iter().rposition(|byte| *byte == b'.')?;
    let (signed, signature) = (&token[..=dot], &token[dot + 1..]);
    let is_token = signed.len() <= MAX_SIGNED && signed.iter().filter(|byte| **byte == b'.').count() == 2;
    let is_plain = signed.iter().all(|byte| sextet(*byte).is_some() || matches!(byte, b'.' | b'='));
    if !is_token || !is_plain {
        return None;
    }
    let signature = Zeroizing::new(signature_bits(signature)?);
    let mut token = Zeroizing::new(Vec::with_capacity(signed.len() + signature.len() * 4 / 3 + 1));
    token.extend_from_slice(signed);
    token.extend_from_slice(Zeroizing::new(URL_SAFE_NO_PAD.encode(&signature)).as_bytes());
    Some(token)
}

/// The bytes of a base64url text as Python's `binascii` reads it when it is not strict: characters outside the alphabet
/// skipped, nothing read behind padding that completes four characters, left-over bits dropped. `None` when a character
/// is left over, which it refuses.
fn signature_bits(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    let (mut place, mut pads) = (0, 0);
    for byte in text {
        if *byte == b'=' && place >= 2 {
            pads += 1;
            if place + pads >= 4 {
                break;
            }
        }
        let Some(sextet) = sextet(*byte) else { continue };
        (place, pads) = ((place + 1) % 4, 0);
        buffer = (buffer << 6 | u32::from(sextet)) & 0x3fff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((buffer >> bits) & 0xff) as u8);
        }
    }
    (place != 1).then_some(bytes)
}

const fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! For whom Open WebUI calls a provider: the headers that it sends with `ENABLE_FORWARD_USER_INFO_HEADERS`.
//!
//! Anybody can send such headers. Whether they are believed is the caller's decision ([`Forwarded::plain`]), except for
//! the signed form, which proves itself ([`Forwarded::signed`]).

use std::sync::Arc;

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use sha2::Sha256;

use super::fields::{code, shortened};
use super::request::task_of_header;
use crate::sources::openwebui::caller::Person;

/// What all these headers begin with.
const PREFIX: &str = "x-openwebui-";
/// The signed form, with `FORWARD_USER_INFO_HEADER_JWT_SECRET`.
const JWT: &str = "x-openwebui-user-jwt";
/// Longer tokens are not looked into; Open WebUI's have some 400 bytes.
const MAX_JWT_BYTES: usize = 8 * 1024;
/// How far the clocks of the two machines may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;

/// What the headers of a call say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The user.
    pub person: Option<Arc<Person>>,
    /// How the user called Open WebUI: `jwt` (the page) or `api_key`; absent for what Open WebUI does by itself.
    pub auth_type: Option<String>,
    /// The saved chat.
    pub chat_id: Option<String>,
    /// The answer's message. Not sent by itself: see `docs/MODELS.md` for the header to configure.
    pub message_id: Option<String>,
    /// The task, when a header was configured for it.
    pub task: Option<String>,
}

impl Forwarded {
    /// Whether this is one of these headers.
    #[must_use]
    pub fn is_one(name: &HeaderName) -> bool {
        name.as_str().starts_with(PREFIX)
    }

    /// What the headers say in plain form.
    #[must_use]
    pub fn plain(headers: &HeaderMap) -> Self {
        let id = text(headers, "x-openwebui-user-id");
        let person = id.map(|id| {
            Arc::new(Person {
                id,
                name: text(headers, "x-openwebui-user-name").map(|name| percent_decoded(&name)),
                email: text(headers, "x-openwebui-user-email"),
                role: text(headers, "x-openwebui-user-role"),
                ..Person::default()
            })
        });
        Self { person, ..Self::without_person(headers) }
    }

    /// What the headers say with the user in signed form; `None` without a signature made with `secret`, or when it has
    /// expired.
    #[must_use]
    pub fn signed(headers: &HeaderMap, secret: &[u8], now: Timestamp) -> Option<Self> {
        let token = headers.get(JWT)?;
        let claims = verified(token.as_bytes(), secret, now)?;
        let person = Person {
            id: shortened(&claims.sub),
            name: claims.name.as_deref().map(shortened),
            email: claims.email.as_deref().map(shortened),
            role: claims.role.as_deref().map(shortened),
            ..Person::default()
        };
        Some(Self { person: Some(Arc::new(person)), ..Self::without_person(headers) })
    }

    fn without_person(headers: &HeaderMap) -> Self {
        let text_of = |name| text(headers, name);
        Self {
            person: None,
            auth_type: text_of("x-openwebui-auth-type").as_deref().and_then(code),
            chat_id: text_of("x-openwebui-chat-id"),
            message_id: text_of("x-openwebui-message-id"),
            task: text_of("x-openwebui-task").as_deref().and_then(task_of_header),
        }
    }
}

/// A header's value, if it has one.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    let value = value.trim();
    (!value.is_empty()).then(|| shortened(value))
}

/// Undoes percent encoding; what is not UTF-8 then becomes the replacement character.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    name: Option<String>,
    email: Option<String>,
    role: Option<String>,
    iss: String,
    iat: Option<i64>,
    exp: i64,
}

/// The claims of a token (RFC 7519) that Open WebUI signed with HS256. The signature is compared in constant time, and
/// nothing of the claims is looked at before.
fn verified(token: &[u8], secret: &[u8], now: Timestamp) -> Option<Claims> {
    let last_dot = token.iter().rposition(|byte| *byte == b'.').filter(|_| token.len() <= MAX_JWT_BYTES)?;
    let (signed, signature) = (&token[..last_dot], &token[last_dot + 1..]);
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok().filter(|_| !secret.is_empty())?;
    mac.update(signed);
    mac.verify_slice(&signature).ok()?;

    let (head, claims) = signed.split_at(signed.iter().position(|byte| *byte == b'.')?);
    let head: Head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&claims[1..]).ok()?).ok()?;
    let now = now.as_micros().div_euclid(1_000_000);
    let is_in_time = now <= claims.exp.saturating_add(LEEWAY_SECONDS)
        && claims.iat.is_none_or(|issued| issued <= now.saturating_add(LEEWAY_SECONDS));
    (head.alg == "HS256" && claims.iss == "open-webui" && is_in_time).then_some(claims)
}

#[cfg(test)]
mod tests;

//! What changes in the heads of requests and answers.

use audit_pipeline::sources::openwebui::completions::Forwarded;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::believe::SECRET;
use super::config::Known;
use crate::body::Body;

/// Belong to one connection (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    HeaderName::from_static("trailer"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Not the provider's business.
const OURS: [HeaderName; 9] = [
    HOST,
    COOKIE,
    EXPECT,
    FORWARDED,
    SECRET,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The head of a request as the provider gets it.
pub(super) fn to_provider(headers: &mut HeaderMap, provider: &Known, is_counted: bool) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // Of two lengths this one counts for nothing (RFC 9112, 6.3), and must not go on.
        headers.remove(CONTENT_LENGTH);
    }
    remove_hop_by_hop(headers);
    for name in &OURS {
        headers.remove(name);
    }
    if !provider.keeps_user_headers {
        let names: Vec<HeaderName> = headers.keys().filter(|name| Forwarded::is_one(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
    if let Some((name, key)) = &provider.key {
        headers.insert(name.clone(), key.clone());
    }
    if is_counted {
        // What is counted is read, and may be edited.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// The answer as the caller gets it.
pub(super) fn from_provider(mut answer: Response<Body>) -> Response<Body> {
    remove_hop_by_hop(answer.headers_mut());
    answer
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let named: Vec<HeaderName> = named
        .flat_map(|line| line.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| *name != CONTENT_LENGTH && *name != http::header::AUTHORIZATION)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

//! What a proxy changes in a message's head, and nothing else.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::client_address::{CHAIN, Origin};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const SEC_WEBSOCKET_EXTENSIONS: HeaderName = HeaderName::from_static("sec-websocket-extensions");

/// RFC 9110, 7.6.1, without `Connection` itself.
const OF_THE_CONNECTION: [HeaderName; 7] =
    [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE];

/// Further names by which some proxies say whom they forward for; from anybody else they are a lie.
const OTHER_FORWARDING: [HeaderName; 6] = [
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-ssl"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Why a request's head is refused: it could be read in two ways, and the server behind might choose the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ambiguity {
    /// RFC 9112, 6.1.
    #[error("the request has both Transfer-Encoding and Content-Length")]
    TwoLengths,
    /// RFC 9112, 6.1: only `chunked` may come from a client.
    #[error("the request has a Transfer-Encoding other than chunked")]
    TransferCoding,
    /// RFC 9110, 8.6.
    #[error("the request has several lengths")]
    ManyLengths,
    /// RFC 9112, 3.2.
    #[error("the request needs exactly one Host")]
    Host,
}

/// Refuses a head that two parsers could understand differently.
pub(super) fn check(parts: &Parts) -> Result<(), Ambiguity> {
    let headers = &parts.headers;
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if headers.contains_key(CONTENT_LENGTH) {
            return Err(Ambiguity::TwoLengths);
        }
        if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(Ambiguity::TransferCoding);
        }
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next()
        && (lengths.next().is_some()
            || length.is_empty()
            || !length.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return Err(Ambiguity::ManyLengths);
    }
    let hosts = headers.get_all(HOST).iter().count();
    let may_lack_host = parts.version < Version::HTTP_11 || parts.uri.authority().is_some();
    match hosts {
        1 => Ok(()),
        0 if may_lack_host => Ok(()),
        _ => Err(Ambiguity::Host),
    }
}

/// Makes a request's head one of the connection to upstream: what belonged to the client's connection goes, and who
/// the client is stands there once, in our words.
pub(super) fn forward(parts: &mut Parts, origin: &Origin, is_tls: bool) {
    let wants_trailers = accepts_trailers(&parts.headers);
    remove_hop_by_hop(&mut parts.headers);
    // The body is asked for, and the client thereby told to continue, as soon as upstream is connected.
    parts.headers.remove(EXPECT);
    if wants_trailers {
        parts.headers.insert(TE, HeaderValue::from_static("trailers"));
        parts.headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(HOST, host);
    }
    join_cookies(&mut parts.headers);
    say_for_whom(&mut parts.headers, origin, is_tls);
    if !origin.is_forwarded {
        remove_those_present(&mut parts.headers, &OTHER_FORWARDING);
    }
}

/// Asks upstream to change protocols as the client did. WebSocket extensions that the observer cannot read are not
/// offered when frames are to be looked at.
pub(super) fn forward_upgrade(headers: &mut HeaderMap, protocol: HeaderValue, is_observed: bool) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
    if is_observed {
        headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    }
}

/// Takes out what belongs to one connection: the fields of RFC 9110, 7.6.1, and those that `Connection` names.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
        let named: Vec<HeaderName> = named
            .flat_map(|line| line.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .filter(|name| !is_end_to_end(name) && *name != CONNECTION)
            .collect();
        headers.remove(CONNECTION);
        for name in named {
            headers.remove(name);
        }
    }
    remove_those_present(headers, &OF_THE_CONNECTION);
}

/// Takes fields out. Most requests have none of them: the names that are there are compared, which is cheaper than
/// looking each one up.
fn remove_those_present(headers: &mut HeaderMap, fields: &[HeaderName]) {
    if headers.keys().any(|name| fields.contains(name)) {
        for field in fields {
            headers.remove(field);
        }
    }
}

/// Fields that a client may not make us drop by naming them in `Connection`: they decide who it is and what is asked.
fn is_end_to_end(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, AUTHORIZATION, COOKIE].contains(name)
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// HTTP/2 may split a cookie; HTTP/1.1 has one line (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut pieces = headers.get_all(COOKIE).iter();
    if pieces.next().is_none() || pieces.next().is_none() {
        return;
    }
    let whole =
        headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        headers.insert(COOKIE, whole);
    }
}

/// `X-Forwarded-*`, `X-Real-IP` and `Forwarded` (RFC 7239), overwritten: Open WebUI believes the left-most address.
fn say_for_whom(headers: &mut HeaderMap, origin: &Origin, is_tls: bool) {
    let believed = |name: &HeaderName| headers.get(name).filter(|_| origin.is_forwarded).cloned();
    let is_https = match believed(&X_FORWARDED_PROTO) {
        Some(proto) => proto.as_bytes().eq_ignore_ascii_case(b"https"),
        None => is_tls,
    };
    let host = believed(&X_FORWARDED_HOST).or_else(|| headers.get(HOST).cloned());
    let proto = if is_https { "https" } else { "http" };
    let ip = origin.ip.to_string();
    let mut forwarded = String::with_capacity(96);
    let (open, close) = if origin.ip.is_ipv6() { ("for=\"[", "]\";proto=") } else { ("for=", ";proto=") };
    for part in [open, &ip, close, proto] {
        forwarded.push_str(part);
    }
    if let Some(host) = host.as_ref().and_then(|host| host.to_str().ok())
        && !host.contains(['"', '\\'])
    {
        for part in [";host=\"", host, "\""] {
            forwarded.push_str(part);
        }
    }
    if let Ok(ip) = HeaderValue::from_str(&ip) {
        headers.insert(X_REAL_IP, ip.clone());
        headers.insert(CHAIN, ip);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    match host {
        Some(host) => headers.insert(X_FORWARDED_HOST, host),
        None => headers.remove(X_FORWARDED_HOST),
    };
    match HeaderValue::from_str(&forwarded) {
        Ok(value) => headers.insert(FORWARDED, value),
        Err(_) => headers.remove(FORWARDED),
    };
}

#[cfg(test)]
mod tests;

//! Headers that every answer has: pages, data, files and refusals, also where there is no route.
//!
//! What a handler has set itself stays. Nothing here opens an answer to scripts of other origins (CORS): there is no
//! setting for that, and pages of this origin need none.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::front::Via;

/// For whatever has no stricter or wider one of its own: it is data, and no page.
const UNLESS_SET: [(HeaderName, HeaderValue); 7] = [
    // What was recorded may contain markup: no browser shall guess that an answer is a page.
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A year. Only where the connection to us is encrypted: what a proxy before us promises is its own business.
const ALWAYS_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds them to the answer.
pub(crate) async fn add(request: Request, next: Next) -> Response {
    let is_tls = request.extensions().get::<Via>().is_some_and(|via| via.is_tls);
    let mut response = next.run(request).await;
    complete(response.headers_mut(), is_tls);
    response
}

/// Adds what is missing.
pub(crate) fn complete(headers: &mut HeaderMap, is_tls: bool) {
    for (name, value) in UNLESS_SET {
        headers.entry(name).or_insert(value);
    }
    if is_tls {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(ALWAYS_TLS);
    }
}

//! What people read: pages, rendered on the server from templates that are checked at compile time.

pub(crate) mod events;
pub(crate) mod style;

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::problem::Problem;

/// Nothing but our own style sheet; no script at all.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
);

/// Why there is no page for this reader.
#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    title: &'a str,
    detail: &'a str,
    status: u16,
}

/// The answer to a reader who is not let in, or whose request failed.
pub(crate) fn refused(problem: &Problem) -> Response {
    let code = problem.code();
    let page = Refused { title: code.title(), detail: problem.detail(), status: code.status().as_u16() };
    let mut response = rendered(code.status(), &page);
    // For the counters, which see the response only.
    response.extensions_mut().insert(code);
    response
}

/// A page with the headers that every page has.
fn rendered(status: StatusCode, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    ];
    (status, headers, html).into_response()
}

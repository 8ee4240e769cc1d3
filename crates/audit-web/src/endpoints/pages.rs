//! What people read: pages, rendered on the server from templates that are checked at compile time.
//!
//! A page is complete without scripts. Scripts and the style sheet come from [`assets`] and from nowhere else.

pub(crate) mod access;
mod agent;
pub(crate) mod approvals;
pub(crate) mod assets;
pub(crate) mod chart;
mod form;
pub(crate) mod frame;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod theme;
pub(crate) mod time;

pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod fields;
pub(crate) mod health;
pub(crate) mod integrity;
pub(crate) mod looks;
pub(crate) mod people;
pub(crate) mod suggestions;
pub(crate) mod units;
pub(crate) mod usage;
pub(crate) mod views;

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::locale::grouped;
use crate::problem::Problem;
use frame::Frame;

/// Nothing but what we serve ourselves; nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
);

/// Why there is no page for this reader.
#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: &'a Frame,
    title: &'a str,
    detail: &'a str,
    /// Whether signing in would help.
    may_sign_in: bool,
    /// Where to go on after it.
    next: &'a str,
    problem: Option<String>,
}

/// The answer to a reader who is not let in, or whose request failed.
pub(crate) fn refused(frame: &Frame, problem: &Problem) -> Response {
    let code = problem.code();
    let may_sign_in = code.status() == StatusCode::UNAUTHORIZED;
    let title = if may_sign_in { "Sign in to see the audit log" } else { code.title() };
    let detail = sentence(problem.detail());
    let next = page_of_ours(&frame.here);
    let page = Refused { frame, title, detail: &detail, may_sign_in, next, problem: None };
    let mut response = rendered(code.status(), frame, &page);
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, seconds.clone());
    }
    // For the counters, which see the response only.
    response.extensions_mut().insert(code);
    response
}

/// The detail of a problem as a page says it: with a capital, unless it begins with a parameter's name.
fn sentence(detail: &str) -> String {
    let mut characters = detail.chars();
    match characters.next() {
        Some(first) if !detail.split(' ').next().is_some_and(|word| word.ends_with(':')) => {
            first.to_uppercase().chain(characters).collect()
        }
        _ => detail.to_owned(),
    }
}

/// A page with the headers that every page has, packed as the reader likes it.
fn rendered(status: StatusCode, frame: &Frame, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html.into_bytes(),
        Err(error) => return Problem::internal(error).into_response(),
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, policy(frame)),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    ];
    let encoding = frame.encoding.for_length(html.len());
    let html = match encoding.pack(html) {
        Ok(html) => html,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let mut response = (status, headers, html).into_response();
    encoding.mark(response.headers_mut());
    response
}

/// The policy of a page. Somebody who signs out of the identity provider is sent there by a form of ours, which some
/// browsers take for sending the form there.
fn policy(frame: &Frame) -> HeaderValue {
    let Some(target) = &frame.form_target else { return POLICY };
    let policy = POLICY
        .to_str()
        .unwrap_or_default()
        .replace("form-action 'self'", &format!("form-action 'self' {target}"));
    HeaderValue::try_from(policy).unwrap_or(POLICY)
}

/// The page by which a browser goes on from somebody else's site. Cookies as strict as the session's are not sent with
/// what another site began, redirections included; what a page of ours begins has them.
#[derive(Template)]
#[template(path = "moved.html")]
struct Moved<'a> {
    frame: &'a Frame,
    next: &'a str,
}

fn moved(frame: &Frame, next: &str) -> Response {
    rendered(StatusCode::OK, frame, &Moved { frame, next })
}

/// Sends the browser on with a `GET`.
fn see(address: &str) -> Response {
    let address = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/audit"));
    (StatusCode::SEE_OTHER, [(LOCATION, address), (CACHE_CONTROL, HeaderValue::from_static("no-store"))])
        .into_response()
}

/// An address to go on to, if it is one of our pages; the events' otherwise. Nobody is sent elsewhere by us.
fn page_of_ours(address: &str) -> &str {
    let rest = address.strip_prefix("/audit").unwrap_or("//");
    let begins_well = rest.is_empty() || rest.starts_with(['/', '?']);
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Browsers resolve dot segments, however they are spelled: none may lead out of here.
    let path = rest.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    let stays = !path.split('/').any(|segment| segment == "." || segment == "..");
    let is_ours = begins_well && is_plain && stays && !rest.starts_with("//") && !rest.starts_with("/sign-");
    if is_ours { address } else { "/audit" }
}

/// A sentence in parts: what is to be typed stands between backticks.
fn parts(sentence: &str) -> impl Iterator<Item = (bool, &str)> {
    sentence.split('`').enumerate().map(|(at, part)| (at % 2 == 1, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_a_page_that_is_not_ours() {
        for ours in ["/audit", "/audit?q=a%20b&range=30d", "/audit/events/7"] {
            assert_eq!(page_of_ours(ours), ours);
        }
        for other in [
            "",
            "/",
            "https://evil.example/audit",
            "//evil.example",
            "/audit//evil.example",
            "/auditor",
            "/audit\\@evil.example",
            "/audit/sign-out",
            "/audit/../oauth/login?next=//evil.example",
            "/audit/events/../../x",
            "/audit/%2e%2E/x",
            "/audit/.%2e/x",
            "/audit/./sign-out",
            "/audit/..",
            "/audit?\r\nset-cookie: a=b",
        ] {
            assert_eq!(page_of_ours(other), "/audit", "{other:?}");
        }
    }
}

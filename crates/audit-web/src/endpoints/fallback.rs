//! What is answered where there is no route.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::{Method, Uri};

use super::pages::{self, frame::Frame};
use crate::problem::{Code, Problem};
use crate::router::PREFIXES;

/// What stands outside of all routes: the bare address, which the server prints, leads to the pages, and who looks for a
/// page that is none is told so by one.
pub(crate) async fn elsewhere(method: Method, frame: Frame, uri: Uri) -> Response {
    if uri.path() == "/" && method == Method::GET {
        return Redirect::to("/audit").into_response();
    }
    if uri.path().starts_with("/audit/") {
        return pages::refused(&frame, &Problem::new(Code::NoSuchRoute, "there is no such page"));
    }
    no_such_route(&uri).into_response()
}

/// No route has this address.
pub(crate) fn no_such_route(uri: &Uri) -> Problem {
    let detail = format!("there is nothing at {}; the API lives below {}", uri.path(), PREFIXES[0]);
    Problem::new(Code::NoSuchRoute, detail).with("openapi", format!("{}/openapi.json", PREFIXES[0]))
}

/// The address exists, but not for this method; the router adds `Allow`.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not answer {method}; the Allow header says what it answers", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}

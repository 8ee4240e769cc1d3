//! What is answered where there is no route.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::{Method, Uri};

use crate::problem::{Code, Problem};
use crate::router::PREFIXES;

/// What stands outside of all routes: the bare address, which the server prints, leads to the pages.
pub(crate) async fn elsewhere(method: Method, uri: Uri) -> Response {
    if uri.path() == "/" && method == Method::GET {
        return Redirect::to("/audit").into_response();
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

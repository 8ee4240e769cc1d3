//! The way from Open WebUI's admin panel to the audit log.
//!
//! Open WebUI loads `/static/loader.js` on every page, empty unless an operator has put something there: its own hook for
//! customisation. The gateway answers it with what Open WebUI answers, and our entry after that.

use std::sync::Arc;

use audit_pipeline::sources::openwebui::admin_entry::{LOADER_PATH, LOADER_SCRIPT};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};

use super::Inner;
use super::before::CONDITIONS;
use super::refusal::Refusal;
use crate::body::{Body, empty, full};

/// The longest loader of an operator that is extended; a longer one counts as a broken answer.
const MAX_LOADER: usize = 4 << 20;

impl Inner {
    /// Answers with the extended loader.
    pub async fn extended_loader(self: &Arc<Self>, mut head: Head) -> Response<Body> {
        let (method, accept) = (head.method.clone(), head.headers.clone());
        ask_for_all(&mut head.headers);
        let answer = match self.upstream.send(Request::from_parts(head, empty())).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(&error).answer(&method, &accept),
        };
        let (mut head, body) = answer.into_parts();
        let Ok(loader) = Limited::new(body, MAX_LOADER).collect().await else {
            return Refusal::Broke.answer(&method, &accept);
        };
        let script = extend(head.status, &mut head.headers, &loader.to_bytes());
        head.status = StatusCode::OK;
        Response::from_parts(head, full(script))
    }
}

/// Whether the request asks for the loader.
pub(super) fn is_asked_for(method: &Method, path: &str) -> bool {
    path == LOADER_PATH && method == Method::GET
}

/// Takes from the request what would make Open WebUI answer with less than the whole file, or with a packed one.
fn ask_for_all(headers: &mut HeaderMap) {
    for name in CONDITIONS.iter().chain([&ACCEPT_ENCODING]) {
        headers.remove(name);
    }
}

/// The whole answer: what came from Open WebUI (nothing, if it has no such file), then our entry.
fn extend(status: StatusCode, headers: &mut HeaderMap, loader: &[u8]) -> Bytes {
    let is_script = status == StatusCode::OK && !is_html(headers);
    let mut script = if is_script { loader.to_vec() } else { Vec::new() };
    // Whatever the file ends with, ours begins as a statement of its own.
    script.extend_from_slice(b"\n;\n");
    script.extend_from_slice(LOADER_SCRIPT.as_bytes());
    for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES, CONTENT_RANGE] {
        headers.remove(name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(script.len()));
    Bytes::from(script)
}

/// Open WebUI answers an unknown path with its page.
fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(status: StatusCode, kind: &'static str, loader: &str) -> (String, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(ETAG, HeaderValue::from_static("\"1\""));
        let body = extend(status, &mut headers, loader.as_bytes());
        (String::from_utf8(body.to_vec()).expect("text"), headers)
    }

    #[test]
    fn the_operators_own_loader_comes_first_and_whole() {
        let (script, headers) =
            extended(StatusCode::OK, "text/javascript", "console.log('ours') // no line end");
        assert!(script.starts_with("console.log('ours') // no line end\n;\n"));
        assert!(script.ends_with(LOADER_SCRIPT));
        assert_eq!(headers[CONTENT_LENGTH], script.len().to_string());
        assert!(!headers.contains_key(ETAG), "the file's tag is not that of the extended one");
    }

    #[test]
    fn a_page_in_place_of_the_loader_is_left_out() {
        for (status, kind) in
            [(StatusCode::OK, "text/html; charset=utf-8"), (StatusCode::NOT_FOUND, "text/plain")]
        {
            let (script, _) = extended(status, kind, "<!doctype html>");
            assert!(!script.contains("doctype"));
            assert!(script.ends_with(LOADER_SCRIPT));
        }
    }

    #[test]
    fn only_the_loader_itself_is_extended() {
        assert!(is_asked_for(&Method::GET, "/static/loader.js"));
        assert!(!is_asked_for(&Method::HEAD, "/static/loader.js"));
        assert!(!is_asked_for(&Method::GET, "/static/loader.js/x"));
    }
}

//! What a setting was before it is changed: remembered from when it passed, or asked of Open WebUI with the caller's own
//! credential.

mod states;

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};

pub(super) use self::states::{Moment, States};
use crate::body::empty;
use crate::upstream::UpstreamClient;

/// The longest answer that is looked at, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// How long the change waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Headers by which a request is answered with less than the whole, or not at all.
pub(super) const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE];

/// The JSON at `path` as the sender of `headers` may see it; `None` when it cannot be had soon.
pub(super) async fn fetch(upstream: &UpstreamClient, path: &str, headers: &HeaderMap) -> Option<Bytes> {
    let mut request = Request::new(empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = path.parse().ok()?;
    *request.headers_mut() = own_headers(headers);
    let answer = tokio::time::timeout(PATIENCE, async {
        let answer = upstream.send(request).await.ok()?;
        let is_good = answer.status() == StatusCode::OK;
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.ok()?;
        is_good.then(|| body.to_bytes())
    });
    answer.await.ok().flatten()
}

/// The caller's headers without those that describe the body of its own request, or ask for less than the whole state.
fn own_headers(headers: &HeaderMap) -> HeaderMap {
    let mut own = headers.clone();
    own.insert(ACCEPT, HeaderValue::from_static("application/json"));
    own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let not_ours: Vec<_> = own
        .keys()
        .filter(|name| name.as_str().starts_with("content-") || CONDITIONS.contains(name))
        .cloned()
        .collect();
    for name in not_ours {
        own.remove(name);
    }
    own
}

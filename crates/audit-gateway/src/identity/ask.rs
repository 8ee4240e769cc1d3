//! The requests of our own that ask Open WebUI.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};

use crate::body;
use crate::upstream::UpstreamClient;

/// Longer answers are not read. An admin's list of groups is the longest.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// What these requests call themselves; nothing of the client's request goes with them but its credential.
const OUR_NAME: HeaderValue =
    HeaderValue::from_static(concat!("secureai-audit/", env!("CARGO_PKG_VERSION"), " (identity)"));

/// An answer's status and body.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Body, whole.
    pub body: Bytes,
}

/// A future that can be stored.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Option<Reply>> + Send + 'a>>;

/// Who can be asked: Open WebUI.
pub trait Directory: Send + Sync + 'static {
    /// Gets a path with a credential. `None` when there is no whole answer. May take as long as it likes; the caller
    /// drops it when that is too long.
    fn get<'a>(&'a self, path: &'a str, authorization: &'a HeaderValue) -> Asking<'a>;
}

impl Directory for UpstreamClient {
    fn get<'a>(&'a self, path: &'a str, authorization: &'a HeaderValue) -> Asking<'a> {
        Box::pin(async move {
            let request = Request::get(format!("{}{path}", self.base_path()))
                .header(AUTHORIZATION, authorization)
                .header(ACCEPT, "application/json")
                .header(ACCEPT_ENCODING, "identity")
                .header(USER_AGENT, OUR_NAME)
                .body(body::empty())
                .ok()?;
            let (head, body) = self.send(request).await.ok()?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.ok()?.to_bytes();
            Some(Reply { status: head.status.as_u16(), body })
        })
    }
}

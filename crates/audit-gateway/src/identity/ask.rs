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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::upstream;

    /// Answers one request with these bytes; gives what it was asked.
    async fn answered_with(answer: &'static str) -> (Option<Reply>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked[..length].to_vec()).unwrap()
        });
        let client = UpstreamClient::build(&upstream::Config::new(url)).unwrap();
        let reply = client.get("/api/v1/auths/", &HeaderValue::from_static("Bearer a.b.c")).await;
        (reply, server.await.unwrap())
    }

    #[tokio::test]
    async fn nothing_goes_with_the_question_but_the_credential() {
        let (reply, asked) =
            answered_with("HTTP/1.1 200 OK\r\nset-cookie: token=fresh\r\ncontent-length: 2\r\n\r\n{}").await;
        assert_eq!(reply.unwrap().body, "{}", "the fresh cookie is not in what is given on");
        let mut lines: Vec<_> = asked.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.remove(0), "GET /api/v1/auths/ HTTP/1.1");
        lines.retain(|line| !line.starts_with("host: "));
        lines.sort_unstable();
        let name = format!("user-agent: secureai-audit/{} (identity)", env!("CARGO_PKG_VERSION"));
        let expected =
            ["accept-encoding: identity", "accept: application/json", "authorization: Bearer a.b.c", &name];
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn half_an_answer_is_none() {
        let (reply, _) = answered_with("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{").await;
        assert!(reply.is_none());
    }

    #[tokio::test]
    async fn an_endless_answer_is_none() {
        let (reply, _) = answered_with("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{}").await;
        assert!(reply.is_none());
    }
}

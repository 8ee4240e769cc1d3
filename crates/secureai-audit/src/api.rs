//! The HTTP API as commands use it: of a running server (`--url`), or of a data directory opened in this process.
//!
//! Both answer the same requests in the same words, so that a command is written once and means the same on either.

mod local;
mod problem;
mod remote;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use serde::de::DeserializeOwned;

pub(crate) use self::{local::Local, problem::Problem, remote::Remote};

/// Where the API's routes begin.
pub(crate) const PREFIX: &str = "/api/v1/auditlog";

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Whom to ask.
pub(crate) enum Api {
    /// A running server.
    Remote(Remote),
    /// A data directory, open in this process.
    Local(Box<Local>),
}

/// An answer whose body is still to come.
pub(crate) struct Answer {
    headers: HeaderMap,
    body: Body,
}

impl Api {
    /// Asks for `path`, which begins with `/` and is below [`PREFIX`], with a query string or none.
    pub(crate) async fn get(&self, path: &str, query: &Query) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, query, "", Bytes::new()).await
    }

    /// Asks for `path` and reads the JSON that comes.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, path: &str, query: &Query) -> anyhow::Result<T> {
        let body = self.get(path, query).await?.whole().await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Sends `body` to `path`.
    pub(crate) async fn post(
        &self,
        path: &str,
        query: &Query,
        content_type: &'static str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, query, content_type, body).await
    }

    /// Puts what `path` names.
    pub(crate) async fn put(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::PUT, path, &Query::default(), "", Bytes::new()).await
    }

    /// Puts `body`, which is JSON, to `path`.
    pub(crate) async fn put_json(&self, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        self.send(Method::PUT, path, &Query::default(), "application/json", body).await
    }

    /// Deletes `path`.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::DELETE, path, &Query::default(), "", Bytes::new()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &Query,
        content_type: &'static str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{PREFIX}{path}{}", query.suffix()));
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body)?;
        let response = match self {
            Self::Remote(remote) => remote.send(request).await?,
            Self::Local(local) => local.send(request).await?,
        };
        Answer::from(response).await
    }

    /// Ends what was begun: a data directory is closed in order.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Local(local) => local.close().await,
        }
    }
}

impl Answer {
    /// An answer that tells of success, or the [`Problem`] that it tells of.
    async fn from(response: Response<Body>) -> anyhow::Result<Self> {
        let status = response.status();
        let (head, body) = response.into_parts();
        let answer = Self { headers: head.headers, body };
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.whole().await.unwrap_or_default();
        Err(Problem::read(status, &body).into())
    }

    /// A header that holds a number.
    pub(crate) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.parse().ok()
    }

    /// The next piece of the body, or `None` at its end.
    pub(crate) async fn piece(&mut self) -> anyhow::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The whole body.
    pub(crate) async fn whole(mut self) -> anyhow::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// Query parameters.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds a parameter.
    pub(crate) fn add(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a parameter if it has a value.
    pub(crate) fn add_some(&mut self, name: &'static str, value: Option<impl Into<String>>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// The same without the parameters of these names.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(name)).cloned().collect())
    }

    /// Names and values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// `?a=b&c=d`, or nothing.
    pub(crate) fn suffix(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        format!("?{encoded}")
    }
}

/// Whether the server asks for patience.
pub(crate) fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

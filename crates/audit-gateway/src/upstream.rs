//! Connections to one server that is proxied to: opened, kept alive, used again.
//!
//! A connection is driven by the task whose request it carries, not by one of its own: bytes from upstream wake the
//! task that passes them on, and nothing crosses threads in between. In exchange an idle connection is looked at only
//! when it is wanted again, so that it is kept for a shorter time than the other side keeps it.

mod answer;
mod bell;
mod connect;
mod link;
mod outgoing;
mod pool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};

pub use self::answer::{AnswerBody, Tunnel};
pub use self::connect::BuildError;
use self::connect::Connector;
pub(crate) use self::link::Quiet;
use self::link::Unsent;
use self::outgoing::Outgoing;
use self::pool::Pool;
use crate::body::Body;

/// One server that is proxied to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its address: `http://127.0.0.1:8080`, `https://chat.example.com`. A path is allowed; see
    /// [`UpstreamClient::base_path`].
    pub url: String,
    /// Certificates to trust instead of the system's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// How long to wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// How long neither side may send anything before the answer's head is there. A model may think for minutes.
    pub head_timeout: Duration,
    /// How long neither side may send anything within an answer's body.
    pub idle_timeout: Duration,
    /// How long a connection is kept for the next request. Uvicorn closes idle ones after five seconds.
    pub keep_alive: Duration,
    /// Most idle connections kept.
    pub max_idle: usize,
}

impl Config {
    /// The defaults, for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(15 * 60),
            idle_timeout: Duration::from_secs(60 * 60),
            keep_alive: Duration::from_secs(4),
            max_idle: 256,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection: refused, unknown name, a certificate that is not trusted.
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    /// No connection in time.
    #[error("no connection within the time limit")]
    ConnectTimedOut,
    /// Nothing was sent or received for too long.
    #[error("no answer within the time limit")]
    TimedOut,
    /// The connection broke, or what came was no HTTP.
    #[error("the connection broke: {0}")]
    Broke(#[source] hyper::Error),
}

impl Error {
    /// Whether the server may have seen the request.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Broke(_))
    }
}

/// Sends requests to one server over connections that are kept alive. Clones share them.
#[derive(Debug, Clone)]
pub struct UpstreamClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: Connector,
    pool: Arc<Pool>,
    host: HeaderValue,
    base_path: String,
    head_timeout: Duration,
    idle_timeout: Duration,
}

impl UpstreamClient {
    /// Reads certificates; opens no connection yet.
    ///
    /// # Errors
    /// When the URL is not one of `http` or `https`, or certificates cannot be read.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let url: Uri = config.url.parse().map_err(|_| BuildError::Url)?;
        let connector = Connector::build(&url, config)?;
        Ok(Self(Arc::new(Inner {
            host: HeaderValue::from_str(connector.authority()).map_err(|_| BuildError::Url)?,
            connector,
            pool: Arc::new(Pool::new(config.keep_alive, config.max_idle)),
            base_path: url.path().trim_end_matches('/').to_owned(),
            head_timeout: config.head_timeout,
            idle_timeout: config.idle_timeout,
        })))
    }

    /// The path of the configured URL, without a slash at its end; empty for the root. [`send`](Self::send) does not
    /// add it.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.0.base_path
    }

    /// Host and, where it is not the scheme's own, port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.connector.authority()
    }

    /// Sends a request whose URI is path and query (`/api/version`), exactly as they shall arrive. `Host` is this
    /// server's unless the request brings one; what the head says about the body is made true, and trailers are left out.
    /// An answer of 101 is turned into a stream by [`Tunnel::open`].
    ///
    /// A request that finds its kept connection closed before a byte of it was written goes out once more on another;
    /// one that may have arrived is never repeated. Dropping the future, or the answer's body before its end, closes
    /// the connection.
    ///
    /// # Errors
    /// [`Error`]; [`Error::may_have_arrived`] tells whether the server may have acted.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<AnswerBody>, Error> {
        let inner = &*self.0;
        let mut request = outgoing::agree(request);
        *request.version_mut() = Version::HTTP_11;
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, inner.host.clone());
        }
        while let Some(link) = inner.pool.take().await {
            match self.exchange(link, request).await? {
                Ok(answer) => return Ok(answer),
                Err(Unsent(back)) => request = *back,
            }
        }
        let link = inner.connector.connect().await?;
        match self.exchange(link, request).await? {
            Ok(answer) => Ok(answer),
            Err(Unsent(_)) => Err(Error::Connect(std::io::ErrorKind::ConnectionReset.into())),
        }
    }

    async fn exchange(
        &self,
        mut link: Box<link::Link>,
        request: Request<Outgoing>,
    ) -> Result<Result<Response<AnswerBody>, Unsent>, Error> {
        // Whether the server changes protocols or not, what it makes of the connection afterwards is its own affair.
        let asks_to_change = request.headers().contains_key(UPGRADE);
        let answer = match link.exchange(request, self.0.head_timeout).await? {
            Ok(answer) => answer,
            Err(unsent) => return Ok(Err(unsent)),
        };
        let may_change = asks_to_change || answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        // Uvicorn closes a connection on which its application failed, without saying so in the answer: the next request
        // could be lost on it.
        let is_doomed = answer.status() == StatusCode::INTERNAL_SERVER_ERROR;
        let pool = (!may_change && !is_doomed).then(|| Arc::clone(&self.0.pool));
        Ok(Ok(answer.map(|body| AnswerBody::new(body, link, pool, self.0.idle_timeout))))
    }
}

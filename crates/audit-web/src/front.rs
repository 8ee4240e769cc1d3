//! What is answered beside the API: an application that we stand in front of.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use crate::stall::SteadyBody;

/// A body of any origin.
pub type FrontBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request's body: it breaks off when its sender says nothing for [`crate::Config::front_body_timeout`].
pub type RequestBody = SteadyBody<Incoming>;

/// A future answer.
pub type Answering = Pin<Box<dyn Future<Output = Response<FrontBody>> + Send>>;

/// How a request reached us.
#[derive(Debug, Clone, Copy)]
pub struct Via {
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the connection is TLS.
    pub is_tls: bool,
}

/// Answers every request that is not for the API or its pages. The request comes as it arrived, with its body unread;
/// it may change the protocol of its connection.
#[derive(Clone)]
pub struct Front(Arc<dyn Fn(Request<RequestBody>, Via) -> Answering + Send + Sync>);

impl Front {
    /// A front that answers with `answer`.
    pub fn new<F>(answer: impl Fn(Request<RequestBody>, Via) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<FrontBody>> + Send + 'static,
    {
        Self(Arc::new(move |request, via| Box::pin(answer(request, via))))
    }

    pub(crate) fn answer(&self, request: Request<RequestBody>, via: Via) -> Answering {
        (self.0)(request, via)
    }
}

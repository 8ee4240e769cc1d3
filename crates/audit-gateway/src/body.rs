//! Bodies on their way through.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};

/// Why a body broke off; shown in logs only.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body of any origin.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body whose bytes `saw` is told of while they pass.
pub(crate) fn watched(body: Body, mut saw: impl FnMut(&Bytes) + Send + 'static) -> Body {
    Body::new(body.inspect_frame(move |frame| {
        if let Some(bytes) = frame.data_ref() {
            saw(bytes);
        }
    }))
}

/// A body without bytes; allocates nothing.
#[must_use]
pub fn empty() -> Body {
    Body::new(Empty::new().map_err(|never| match never {}))
}

/// A body in one piece.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Body::new(Full::new(bytes.into()).map_err(|never| match never {}))
}

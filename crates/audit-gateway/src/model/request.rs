//! The request's body on its way to the provider.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use audit_pipeline::sources::openwebui::completions::RequestReader;
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;

use crate::body::{Body, BoxError, full};

/// Read where the body passes, and asked when the call has ended.
pub(super) type SharedRequest = Arc<Mutex<RequestReader>>;

/// A body to send.
pub(super) struct Read {
    pub body: Body,
    /// Whether usage was asked for in the caller's place.
    pub is_edited: bool,
}

/// Any body as ours.
pub(super) fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Body::new(body.map_err(Into::into))
}

/// A body that is read as it passes.
pub(super) fn tapped(body: Body, reader: &SharedRequest) -> Read {
    Read { body: Body::new(Tapped { body, reader: Arc::clone(reader) }), is_edited: false }
}

/// Reads the body whole, and asks for usage in it where that is needed. One that is longer than `limit` passes as it is.
///
/// # Errors
/// It broke off.
pub(super) async fn read(mut body: Body, reader: &SharedRequest, limit: usize) -> Result<Read, BoxError> {
    if body.size_hint().lower() > limit as u64 {
        return Ok(tapped(body, reader));
    }
    let mut whole: Option<Bytes> = None;
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        reader.lock().feed(&piece);
        match whole.take() {
            // Most requests come in one piece, which is then not copied.
            None if pieces.is_empty() => whole = Some(piece),
            first => {
                pieces.extend_from_slice(first.as_deref().unwrap_or_default());
                pieces.extend_from_slice(&piece);
            }
        }
        if pieces.len().max(whole.as_ref().map_or(0, Bytes::len)) > limit {
            let beginning = whole.unwrap_or_else(|| pieces.freeze());
            let rest = Tapped { body, reader: Arc::clone(reader) };
            return Ok(Read {
                body: Body::new(Resumed { beginning: Some(beginning), rest }),
                is_edited: false,
            });
        }
    }
    let whole = whole.unwrap_or_else(|| pieces.freeze());
    let edit = reader.lock().usage_edit();
    Ok(match edit {
        Some(edit) => Read { body: full(edit.apply(&whole)), is_edited: true },
        None => Read { body: full(whole), is_edited: false },
    })
}

struct Tapped {
    body: Body,
    reader: SharedRequest,
}

impl http_body::Body for Tapped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(bytes) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
            self.reader.lock().feed(bytes);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body of which the beginning was read already.
struct Resumed {
    beginning: Option<Bytes>,
    rest: Tapped,
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.beginning.take() {
            Some(beginning) => Poll::Ready(Some(Ok(Frame::data(beginning)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.beginning.is_none() && self.rest.is_end_stream()
    }
}

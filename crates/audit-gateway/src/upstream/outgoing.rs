//! What goes out: requests whose head and body agree.
//!
//! A link carries everybody's requests, one after the other. What a head announces and the body does not deliver, the
//! server would take from the request that comes next on the link, somebody else's perhaps. So the two are made to
//! agree here, whoever made the request; and a link over which less was written than announced is not used again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request};
use http_body::{Body as _, Frame, SizeHint};

use crate::body::{Body, BoxError};

/// Whether all of the last request was handed to the link.
pub(super) type Whole = Arc<AtomicBool>;

/// A request's body: of the length that its head announces, and without trailers. Servers such as Uvicorn add a request's
/// trailers to its headers, behind the back of everything that looked at those.
pub(super) struct Outgoing {
    body: Body,
    /// Bytes still to come; `None` when the body marks its own end, as chunks do.
    left: Option<u64>,
    whole: Whole,
}

/// A body brought more than its head announced.
#[derive(Debug, thiserror::Error)]
#[error("the body is longer than its head says")]
struct TooLong;

/// Makes a request's head say of the body what is true.
pub(super) fn agree(request: Request<Body>) -> Request<Outgoing> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(TRAILER);
    head.headers.remove(TRANSFER_ENCODING);
    let announced = announced(&head.headers);
    let left =
        if body.is_end_stream() { Some(0) } else { body.size_hint().exact().or(announced.unwrap_or(None)) };
    match left {
        // Without a length there is no body either; one of zero that was announced stays.
        Some(0) if announced == Ok(None) => {}
        Some(left) if announced != Ok(Some(left)) => {
            head.headers.remove(CONTENT_LENGTH);
            if left > 0 {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(left));
            }
        }
        Some(_) => {}
        None => {
            head.headers.remove(CONTENT_LENGTH);
            head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    Request::from_parts(head, Outgoing { body, left, whole: Whole::default() })
}

/// The length that the head announces, if it does.
///
/// # Errors
/// What it announces is no length, or more than one.
fn announced(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let digits = line.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), lines.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(()),
    }
}

impl Outgoing {
    /// Tells `whole` from now on whether all of it was taken.
    pub fn tell(&mut self, whole: &Whole) {
        self.whole = Arc::clone(whole);
        self.whole.store(self.is_over(), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.left.unwrap_or(u64::MAX) == 0 || (self.left.is_none() && self.body.is_end_stream())
    }

    fn took(&mut self, bytes: usize) -> Result<(), TooLong> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes as u64).ok_or(TooLong)?;
        }
        if self.is_over() {
            self.whole.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else {
                if self.left.is_none() {
                    self.whole.store(true, Ordering::Relaxed);
                }
                return Poll::Ready(None);
            };
            if let Some(bytes) = frame.data_ref() {
                let taken = self.took(bytes.len());
                return Poll::Ready(Some(taken.map(|()| frame).map_err(Into::into)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0) || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::body::{empty, full};

    fn with(lines: &[(&'static str, &'static str)], body: Body) -> Request<Outgoing> {
        let mut request = Request::post("/x");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        agree(request.body(body).unwrap())
    }

    /// A body of unknown length that ends in trailers.
    fn pieces(pieces: &'static [&'static str]) -> Body {
        let trailers: HeaderMap =
            [(http::header::COOKIE, HeaderValue::from_static("token=x"))].into_iter().collect();
        let frames = pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
        Body::new(Frames(frames.chain([Frame::trailers(trailers)]).collect()))
    }

    struct Frames(std::collections::VecDeque<Frame<Bytes>>);

    impl http_body::Body for Frames {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    fn lengths(request: &Request<Outgoing>) -> (Option<&str>, Option<&str>) {
        let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap());
        (text(CONTENT_LENGTH), text(TRANSFER_ENCODING))
    }

    #[test]
    fn a_head_announces_what_the_body_has() {
        for (announced, body, expected) in [
            (Some("94"), empty(), None),
            (Some("0"), empty(), Some("0")),
            (None, empty(), None),
            (Some(""), empty(), None),
            (Some("5"), full("hello"), Some("5")),
            (Some("7"), full("hello"), Some("5")),
            (Some("x"), full("hello"), Some("5")),
            (None, full("hello"), Some("5")),
        ] {
            let lines: Vec<_> = announced.map(|length| ("content-length", length)).into_iter().collect();
            assert_eq!(lengths(&with(&lines, body)), (expected, None), "{announced:?}");
        }
        let twice = [("content-length", "5"), ("content-length", "6")];
        assert_eq!(lengths(&with(&twice, empty())), (None, None));
    }

    #[test]
    fn a_body_of_unknown_length_goes_in_chunks_or_as_long_as_announced() {
        assert_eq!(lengths(&with(&[], pieces(&["ab"]))), (None, Some("chunked")));
        assert_eq!(lengths(&with(&[("content-length", "2")], pieces(&["ab"]))), (Some("2"), None));
        assert_eq!(lengths(&with(&[("content-length", "-2")], pieces(&["ab"]))), (None, Some("chunked")));
        let coded = [("transfer-encoding", "gzip, chunked")];
        assert_eq!(lengths(&with(&coded, empty())), (None, None));
    }

    #[tokio::test]
    async fn trailers_end_here() {
        let request = with(&[("trailer", "cookie")], pieces(&["a", "b"]));
        assert!(!request.headers().contains_key(TRAILER));
        let whole = request.into_body().collect().await.unwrap();
        assert!(whole.trailers().is_none());
        assert_eq!(whole.to_bytes(), "ab");
    }

    #[tokio::test]
    async fn it_is_known_whether_all_of_a_body_was_taken() {
        for (length, expected) in [(None, true), (Some("2"), true), (Some("3"), false)] {
            let lines: Vec<_> = length.map(|length| ("content-length", length)).into_iter().collect();
            let whole = Whole::default();
            let mut body = with(&lines, pieces(&["a", "b"])).into_body();
            body.tell(&whole);
            body.frame().await.unwrap().unwrap();
            assert!(!whole.load(Ordering::Relaxed), "{length:?}: one of two pieces");
            while let Some(frame) = body.frame().await {
                frame.unwrap();
            }
            assert_eq!(whole.load(Ordering::Relaxed), expected, "{length:?}");
        }
        let whole = Whole::default();
        with(&[("content-length", "9")], empty()).into_body().tell(&whole);
        assert!(whole.load(Ordering::Relaxed), "nothing is whole at once");
    }

    #[tokio::test]
    async fn a_body_that_is_longer_than_announced_breaks_off() {
        let request = with(&[("content-length", "1")], pieces(&["a", "b"]));
        assert!(request.into_body().collect().await.is_err());
    }
}

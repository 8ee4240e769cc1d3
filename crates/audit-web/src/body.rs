//! Taking a request's body: with a size limit, and a time limit on every piece.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::problem::{Code, Problem, Result};

/// Collects a body of at most `limit` bytes, each piece of which must come within `timeout`.
///
/// A body in one piece is not copied.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once when the length is announced; [`Code::RequestTimeout`]; [`Code::MalformedBody`] when
/// the upload breaks off.
pub(crate) async fn collect(mut body: Body, limit: usize, timeout: Duration) -> Result<Bytes> {
    let announced = body.size_hint().lower();
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large(limit));
    }
    let Some(first) = next_piece(&mut body, timeout).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0).max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next_piece(&mut body, timeout).await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn next_piece(body: &mut Body, timeout: Duration) -> Result<Option<Bytes>> {
    loop {
        let frame = tokio::time::timeout(timeout, body.frame()).await.map_err(|_| {
            Problem::new(Code::RequestTimeout, "the body stopped arriving; send it again, faster")
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Problem::new(Code::MalformedBody, format!("the body broke off: {error}")));
            }
            // Trailers carry nothing we use.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body has more than {limit} bytes; send smaller batches"))
        .with("limit_bytes", limit)
}

/// The body's media type without its parameters, in lower case; `None` when it has none.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Refuses bodies that are not JSON.
///
/// # Errors
/// [`Code::UnsupportedMediaType`].
pub(crate) fn require_json(headers: &HeaderMap) -> Result<()> {
    match media_type(headers).as_deref() {
        None | Some("application/json") => Ok(()),
        Some(_) => Err(Problem::new(
            Code::UnsupportedMediaType,
            "send a JSON document with Content-Type application/json",
        )
        .with_header(ACCEPT, HeaderValue::from_static("application/json"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 10;
    const TIMEOUT: Duration = Duration::from_secs(30);

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from(*piece))).collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        assert_eq!(collect(pieces(&[]), LIMIT, TIMEOUT).await.unwrap(), "");
        assert_eq!(collect(pieces(&["one"]), LIMIT, TIMEOUT).await.unwrap(), "one");
        assert_eq!(collect(pieces(&["one ", "two"]), LIMIT, TIMEOUT).await.unwrap(), "one two");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_many() {
        for body in [pieces(&["12345", "678901"]), pieces(&["12345678901"]), Body::from("12345678901")] {
            let problem = collect(body, LIMIT, TIMEOUT).await.unwrap_err();
            assert_eq!(problem.code(), Code::BodyTooLarge);
        }
        assert_eq!(collect(pieces(&["12345", "67890"]), LIMIT, TIMEOUT).await.unwrap().len(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_arriving_times_out() {
        let silent = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        assert_eq!(collect(silent, LIMIT, TIMEOUT).await.unwrap_err().code(), Code::RequestTimeout);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_malformed() {
        let broken = [Ok(Bytes::from("one")), Err(std::io::Error::other("gone"))];
        let broken = Body::from_stream(futures_util::stream::iter(broken));
        assert_eq!(collect(broken, LIMIT, TIMEOUT).await.unwrap_err().code(), Code::MalformedBody);
    }
}

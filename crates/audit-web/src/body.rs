//! Taking a request's body: with a size limit, and a time limit on every piece.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem, Result};

/// Collects a body of at most `limit` bytes, each piece of which must come within `timeout`.
///
/// A body in one piece is not copied.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once when the length is announced; [`Code::RequestTimeout`]; [`Code::MalformedBody`] when
/// the upload breaks off.
pub(crate) async fn collect(body: Body, limit: usize, timeout: Duration) -> Result<Bytes> {
    let unlimited = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    collect_reserved(body, limit, timeout, &mut Reservation::new(&unlimited)).await
}

/// [`collect`], with every byte counted in `reservation`.
///
/// # Errors
/// As [`collect`], and [`Code::Busy`] when there is no room for the body.
pub(crate) async fn collect_reserved(
    mut body: Body,
    limit: usize,
    timeout: Duration,
    reservation: &mut Reservation,
) -> Result<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(limit));
    }
    reservation.grow_to(announced)?;
    let Some(first) = next_piece(&mut body, timeout).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    reservation.grow_to(first.len())?;
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(announced.max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next_piece(&mut body, timeout).await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        reservation.grow_to(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// A body's share of the memory that all uploads together may take; given back when dropped.
pub(crate) struct Reservation {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Reservation {
    /// Nothing reserved yet; a permit of `memory` stands for one byte.
    pub fn new(memory: &Arc<Semaphore>) -> Self {
        Self { memory: Arc::clone(memory), held: None }
    }

    /// Reserves what is missing to `bytes`.
    ///
    /// # Errors
    /// [`Code::Busy`] when there is no room. Waiting instead would let many half-read uploads wait for each other.
    fn grow_to(&mut self, bytes: usize) -> Result<()> {
        let missing = bytes.saturating_sub(self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let permits = u32::try_from(missing).map_err(|_| no_room())?;
        let more = Arc::clone(&self.memory).try_acquire_many_owned(permits).map_err(|_| no_room())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

fn no_room() -> Problem {
    Problem::new(Code::Busy, "too many uploads at once; send this one again shortly").retry_after_ms(1_000)
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

/// The answer to a body that is longer than the route takes.
pub(crate) fn too_large(limit: usize) -> Problem {
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

    #[tokio::test]
    async fn memory_is_reserved_and_given_back() {
        let memory = Arc::new(Semaphore::new(10));
        let mut first = Reservation::new(&memory);
        collect_reserved(pieces(&["1234", "5678"]), LIMIT, TIMEOUT, &mut first).await.unwrap();
        assert_eq!(memory.available_permits(), 2);
        let mut second = Reservation::new(&memory);
        let problem = collect_reserved(pieces(&["12", "3"]), LIMIT, TIMEOUT, &mut second).await.unwrap_err();
        assert_eq!(problem.code(), Code::Busy);
        drop((first, second));
        assert_eq!(memory.available_permits(), 10);
    }
}

//! The request's body on its way to the provider.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use audit_pipeline::sources::openwebui::completions::RequestReader;
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::{Body, BoxError, full, watched};

/// How long the next piece of a body that is kept may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many of the longest bodies may be kept at once.
const LONGEST_AT_ONCE: usize = 4;
/// What a permit of the room stands for, in bytes.
const PERMIT_BYTES: usize = 1 << 10;

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
    let reader = Arc::clone(reader);
    Read { body: watched(body, move |bytes| reader.lock().feed(bytes)), is_edited: false }
}

/// Memory for bodies that are kept: one body's limit, and one for all together.
#[derive(Debug, Clone)]
pub(super) struct Room {
    longest: usize,
    all: Arc<Semaphore>,
}

impl Room {
    pub(super) fn new(longest: usize) -> Self {
        let permits = longest.saturating_mul(LONGEST_AT_ONCE) / PERMIT_BYTES;
        Self { longest, all: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Room for so many bytes more; given back when the permit goes.
    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).ok()?;
        Arc::clone(&self.all).try_acquire_many_owned(permits).ok()
    }
}

/// Reads the body whole, and asks for usage in it where that is needed. One that there is no room for passes as it is.
///
/// # Errors
/// It broke off, or stalled.
pub(super) async fn read(mut body: Body, reader: &SharedRequest, room: &Room) -> Result<Read, BoxError> {
    if body.size_hint().lower() > room.longest as u64 {
        return Ok(tapped(body, reader));
    }
    let mut kept = Kept::default();
    while let Some(frame) = tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await? {
        let Ok(piece) = frame?.into_data() else { continue };
        reader.lock().feed(&piece);
        if !kept.push(piece, room) {
            let Read { body: rest, is_edited } = tapped(body, reader);
            let (beginning, _permits) = kept.into_bytes();
            return Ok(Read { body: Body::new(Resumed { beginning: Some(beginning), rest }), is_edited });
        }
    }
    let edit = reader.lock().usage_edit();
    let (whole, permits) = kept.into_bytes();
    let is_edited = edit.is_some();
    let bytes = edit.map_or_else(|| whole.clone(), |edit| edit.apply(&whole).into());
    Ok(Read { body: full(Bytes::from_owner(Held { bytes, _permits: permits })), is_edited })
}

/// The pieces of a body so far.
#[derive(Default)]
struct Kept {
    /// Most requests come in one piece, which is then not copied.
    only: Option<Bytes>,
    pieces: BytesMut,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Kept {
    /// Keeps a piece; whether there was room for it. It is kept either way.
    fn push(&mut self, piece: Bytes, room: &Room) -> bool {
        let length = self.pieces.len() + self.only.as_ref().map_or(0, Bytes::len) + piece.len();
        let permit = room.take(piece.len()).filter(|_| length <= room.longest);
        let has_room = permit.is_some();
        self.permits.extend(permit);
        match self.only.take() {
            None if self.pieces.is_empty() => self.only = Some(piece),
            first => {
                self.pieces.extend_from_slice(first.as_deref().unwrap_or_default());
                self.pieces.extend_from_slice(&piece);
            }
        }
        has_room
    }

    fn into_bytes(self) -> (Bytes, Vec<OwnedSemaphorePermit>) {
        (self.only.unwrap_or_else(|| self.pieces.freeze()), self.permits)
    }
}

/// Bytes in memory, and their room there.
struct Held {
    bytes: Bytes,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body of which the beginning was read already.
struct Resumed {
    beginning: Option<Bytes>,
    rest: Body,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in these pieces, which then ends or stalls.
    struct Pieces {
        pieces: &'static [&'static str],
        stalls: bool,
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let Some((piece, rest)) = self.pieces.split_first() else {
                return if self.stalls { Poll::Pending } else { Poll::Ready(None) };
            };
            self.pieces = rest;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
        }
    }

    async fn read_pieces(room: &Room) -> Read {
        let body = Body::new(Pieces { pieces: PIECES, stalls: false });
        read(body, &SharedRequest::default(), room).await.unwrap()
    }

    async fn text_of(read: Read) -> String {
        String::from_utf8(read.body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    const PIECES: &[&str] = &["{\"stream\"", ":true,\"x\":", "[1,2,3]}"];

    #[tokio::test]
    async fn what_comes_in_pieces_is_edited_whole() {
        let read = read_pieces(&Room::new(1 << 20)).await;
        assert!(read.is_edited);
        let edited = r#"{"stream":true,"x":[1,2,3],"stream_options":{"include_usage":true}}"#;
        assert_eq!(text_of(read).await, edited);
    }

    #[tokio::test]
    async fn what_is_too_long_passes_as_it_is() {
        for longest in 0..PIECES.concat().len() {
            let read = read_pieces(&Room::new(longest)).await;
            assert!(!read.is_edited, "{longest}");
            assert_eq!(text_of(read).await, PIECES.concat());
        }
    }

    #[tokio::test]
    async fn room_is_shared_and_given_back() {
        let room = Room::new(1 << 10);
        let others = room.take(4 << 10);
        assert!(!read_pieces(&room).await.is_edited, "no room left");
        drop(others);
        let read = read_pieces(&room).await;
        assert!(room.all.available_permits() < 4 && read.is_edited, "held until it is sent");
        drop(read);
        assert_eq!(room.all.available_permits(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let body = Body::new(Pieces { pieces: PIECES, stalls: true });
        assert!(read(body, &SharedRequest::default(), &Room::new(1 << 20)).await.is_err());
    }
}

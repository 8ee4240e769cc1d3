//! The answer on its way back: read as it passes, and recorded at its end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audit_pipeline::sources::openwebui::exchange::Ending;
use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::call::{Call, outcome};
use super::decoding::Decoding;
use super::filter::Filter;
use crate::body::{Body, BoxError};
use crate::recorder::Unrecorded;
use crate::upstream::AnswerBody;

/// An answer's body that is read as it passes.
pub(super) struct CountedAnswer {
    body: AnswerBody,
    decoding: Decoding,
    /// There when usage was asked for in the caller's place.
    filter: Option<Filter>,
    /// What may go out.
    out: VecDeque<Frame<Bytes>>,
    call: Option<Call>,
    end: End,
}

enum End {
    /// Not seen yet.
    Open,
    /// In strict mode: the end of the answer waits for its record.
    Recording(JoinHandle<Result<(), Unrecorded>>),
    /// The answer broke off.
    Broken {
        error: BoxError,
        /// The server writes when it is told to wait. An error told at once would cost the caller what came before.
        has_waited: bool,
    },
    Done,
}

impl CountedAnswer {
    /// The answer with its body read on the way; `hides_usage` takes the extra chunk out of a stream.
    pub(super) fn wrap(answer: Response<AnswerBody>, mut call: Call, hides_usage: bool) -> Response<Body> {
        let (mut head, body) = answer.into_parts();
        let decoding = Decoding::of(&head.headers);
        if decoding.is_unreadable() {
            call.mark_unreadable();
        }
        let kind = head.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
        let is_stream = kind.trim_ascii_start().to_ascii_lowercase().starts_with(b"text/event-stream");
        let filter = (hides_usage && is_stream && !decoding.is_unreadable()).then(Filter::default);
        if filter.is_some() {
            head.headers.remove(CONTENT_LENGTH);
            head.headers.remove(CONTENT_ENCODING);
        }
        let counted = Self { body, decoding, filter, out: VecDeque::new(), call: Some(call), end: End::Open };
        Response::from_parts(head, Body::new(counted))
    }

    fn take(&mut self, piece: Bytes) -> Result<(), BoxError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        call.mark_first_byte();
        let reader = call.reader();
        let Some(filter) = &mut self.filter else {
            // It passes as it is, even when it cannot be read.
            let read = self.decoding.feed(&piece, |part| reader.feed(&part));
            self.out.push_back(Frame::data(piece));
            if read.is_err() {
                call.mark_unreadable();
            }
            return Ok(());
        };
        let mut out = VecDeque::new();
        let read = self.decoding.feed(&piece, |part| filter.feed(&part, reader, &mut out));
        self.out.extend(out.into_iter().map(Frame::data));
        read.map_err(Into::into)
    }

    /// The provider has said everything, or broken off.
    fn conclude(&mut self, ending: Ending) {
        if let Some(filter) = &mut self.filter {
            let mut out = VecDeque::new();
            filter.flush(&mut out);
            self.out.extend(out.into_iter().map(Frame::data));
        }
        let Some(call) = self.call.take() else { return };
        let is_strict = call.is_strict();
        if let Some(recording) = call.conclude(ending)
            && is_strict
            && ending == Ending::Complete
        {
            self.end = End::Recording(recording);
        }
    }

    fn break_off(&mut self, error: BoxError) {
        self.conclude(Ending::UpstreamBroke);
        self.end = End::Broken { error, has_waited: false };
    }
}

impl http_body::Body for CountedAnswer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            let is_last = this.out.len() == 1 && this.call.is_none();
            if let End::Recording(recording) = &mut this.end
                && (is_last || this.out.is_empty())
            {
                // The last bytes are held back, too: a caller that counts them would have the whole answer.
                let recorded = outcome(ready!(Pin::new(recording).poll(cx)));
                this.end = match recorded {
                    Ok(()) => End::Done,
                    Err(lost) => {
                        this.out.clear();
                        End::Broken { error: lost.into(), has_waited: true }
                    }
                };
                continue;
            }
            if let Some(frame) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            match std::mem::replace(&mut this.end, End::Done) {
                End::Broken { error, has_waited: true } => return Poll::Ready(Some(Err(error))),
                End::Broken { error, has_waited: false } => {
                    this.end = End::Broken { error, has_waited: true };
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                End::Done => return Poll::Ready(None),
                open => this.end = open,
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    match frame.into_data() {
                        Ok(piece) => {
                            if let Err(error) = this.take(piece) {
                                this.break_off(error);
                                continue;
                            }
                        }
                        Err(trailers) => this.out.push_back(trailers),
                    }
                    if this.body.is_end_stream() {
                        this.end = End::Done;
                        this.conclude(Ending::Complete);
                    }
                }
                Some(Err(error)) => this.break_off(error),
                None => {
                    this.end = End::Done;
                    this.conclude(Ending::Complete);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.out.is_empty() && matches!(self.end, End::Done)
    }

    fn size_hint(&self) -> SizeHint {
        if self.filter.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

//! Answers that are watched while they pass.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audit_pipeline::sources::openwebui::exchange::Ending;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::recording::{Lost, Recording};
use super::watch::Watch;
use crate::body::BoxError;
use crate::upstream::AnswerBody;

/// An answer's body whose end, in strict mode, is held back until the exchange is recorded: the client cannot have the
/// whole answer to something that is not on record.
pub(super) struct WatchedAnswer {
    body: AnswerBody,
    watch: Option<Watch>,
    end: Option<HeldEnd>,
}

/// The end of an answer, waiting for the record.
struct HeldEnd {
    recording: Recording,
    last: Option<Frame<Bytes>>,
}

impl WatchedAnswer {
    pub fn new(body: AnswerBody, watch: Watch) -> Self {
        Self { body, watch: Some(watch), end: None }
    }

    /// The exchange has come to this end: `last` is what is left to be handed on.
    fn conclude(&mut self, ending: Ending, last: Option<Frame<Bytes>>) -> Step {
        let Some(watch) = self.watch.take() else { return Step::HandOn(last) };
        let is_strict = watch.is_strict();
        match watch.conclude(ending) {
            Some(recording) if is_strict => {
                self.end = Some(HeldEnd { recording, last });
                Step::Wait
            }
            _ => Step::HandOn(last),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Lost>> {
        let Some(end) = &mut self.end else { return Poll::Ready(Ok(None)) };
        let recorded = ready!(Pin::new(&mut end.recording).poll(cx));
        let last = self.end.take().and_then(|end| end.last);
        Poll::Ready(recorded.map(|()| last))
    }
}

/// What to do with the last frame.
enum Step {
    HandOn(Option<Frame<Bytes>>),
    Wait,
}

impl http_body::Body for WatchedAnswer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.end.is_some() {
            return this.poll_end(cx).map(|last| last.map_err(Into::into).transpose());
        }
        let step = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let (Some(bytes), Some(watch)) = (frame.data_ref(), &mut this.watch) {
                    watch.saw(bytes);
                }
                if !this.body.is_end_stream() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                this.conclude(Ending::Complete, Some(frame))
            }
            None => this.conclude(Ending::Complete, None),
            Some(Err(error)) => {
                // The client learns at once that nothing more will come.
                drop(this.watch.take().and_then(|watch| watch.conclude(Ending::UpstreamBroke)));
                return Poll::Ready(Some(Err(error)));
            }
        };
        match step {
            Step::HandOn(last) => Poll::Ready(last.map(Ok)),
            Step::Wait => this.poll_end(cx).map(|last| last.map_err(Into::into).transpose()),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() && self.watch.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

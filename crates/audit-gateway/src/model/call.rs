//! One call under way: what is gathered while it passes, and what is done when it has ended.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use audit_event::{Event, Outcome, Timestamp};
use audit_pipeline::sources::openwebui::completions::{ModelCall, RequestReader, UsageReader};
use audit_pipeline::sources::openwebui::exchange::Ending;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::request::Parts as Head;
use http::{HeaderMap, Response};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::Inner;
use super::believe::Believed;
use super::config::Known;
use super::request::SharedRequest;
use crate::recorder::{Refused, Ticket, Unrecorded};

/// Headers in which providers name a request of theirs.
const REQUEST_IDS: &[&str] = &["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid"];

/// A call under way. Dropped before [`Call::conclude`] (the client left, and its task was cancelled) it is recorded as
/// far as it got.
pub(super) struct Call(Option<Box<State>>);

struct State {
    gateway: Arc<Inner>,
    provider: Arc<Known>,
    action: &'static str,
    id: String,
    started: Timestamp,
    clock: Instant,
    method: String,
    path: String,
    user_agent: Option<String>,
    peer: IpAddr,
    believed: Believed,
    request: SharedRequest,
    answer: Answered,
    reader: UsageReader,
    first_byte_ms: Option<f64>,
    ticket: Option<Ticket>,
    is_strict: bool,
    refusal: Option<&'static str>,
    is_unreadable: bool,
}

#[derive(Default)]
struct Answered {
    status: Option<u16>,
    request_id: Option<String>,
    retry_after_seconds: Option<u64>,
}

/// A call that should have been recorded is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was made, but could not be recorded")]
pub(super) struct Lost;

impl Call {
    pub(super) fn begin(
        gateway: &Arc<Inner>,
        provider: &Arc<Known>,
        head: &Head,
        action: &'static str,
        believed: Believed,
        peer: IpAddr,
    ) -> Self {
        let started = gateway.clock.now();
        let rest = super::Route::below(&gateway.rules.path, head.uri.path()).map_or("/", |route| route.rest);
        Self(Some(Box::new(State {
            gateway: Arc::clone(gateway),
            provider: Arc::clone(provider),
            action,
            id: gateway.new_id(started),
            started,
            clock: Instant::now(),
            method: head.method.as_str().chars().take(32).collect(),
            // Without the shared secret, which may stand in the path.
            path: format!("{}/{}{}", gateway.rules.path, provider.name, rest).chars().take(1000).collect(),
            user_agent: head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned),
            peer,
            believed,
            request: Arc::new(Mutex::new(RequestReader::default())),
            answer: Answered::default(),
            reader: UsageReader::default(),
            first_byte_ms: None,
            ticket: None,
            is_strict: gateway.is_strict(),
            refusal: None,
            is_unreadable: false,
        })))
    }

    pub(super) fn provider(&self) -> &Arc<Known> {
        &self.state().provider
    }

    /// Where the request's body is read.
    pub(super) fn request(&self) -> &SharedRequest {
        &self.state().request
    }

    /// Whether the end of the answer waits for the record.
    pub(super) fn is_strict(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.is_strict)
    }

    /// Reads the answer.
    pub(super) fn reader(&mut self) -> &mut UsageReader {
        &mut self.state_mut().reader
    }

    /// In strict mode, writes down what is about to be sent.
    ///
    /// # Errors
    /// It must not be sent.
    pub(super) async fn prepare(&mut self) -> Result<(), Refused> {
        let state = self.state_mut();
        if state.is_strict {
            let intent = Event { outcome: Outcome::Unknown, reason: None, ..state.event(Ending::ClientLeft) };
            state.ticket = Some(state.gateway.recorder.begin(intent).await?);
        }
        Ok(())
    }

    /// We do not pass it on, for this reason.
    pub(super) fn refuse(mut self, reason: &'static str) {
        self.state_mut().refusal = Some(reason);
        self.note(Ending::RefusedUnrecordable);
    }

    /// It cannot be recorded, so it is not passed on; the queue may still take word of it.
    pub(super) fn refuse_unrecordable(self) {
        self.note(Ending::RefusedUnrecordable);
    }

    /// The answer's head has come.
    pub(super) fn answered<B>(&mut self, answer: &Response<B>) {
        let text = |headers: &HeaderMap, name: &str| -> Option<String> {
            headers.get(name)?.to_str().ok().map(|text| text.chars().take(128).collect())
        };
        let headers = answer.headers();
        self.state_mut().answer = Answered {
            status: Some(answer.status().as_u16()),
            request_id: REQUEST_IDS.iter().find_map(|name| text(headers, name)),
            retry_after_seconds: text(headers, RETRY_AFTER.as_str())
                .and_then(|seconds| seconds.trim().parse().ok()),
        };
    }

    /// The first byte of the answer's body has come.
    pub(super) fn mark_first_byte(&mut self) {
        let state = self.state_mut();
        if state.first_byte_ms.is_none() {
            state.first_byte_ms = Some(milliseconds_since(state.clock));
        }
    }

    /// The answer has an encoding that is not read.
    pub(super) fn mark_unreadable(&mut self) {
        self.state_mut().is_unreadable = true;
    }

    /// The call is over: records it. In strict mode that is a task of its own, which nobody's leaving can cancel, and for
    /// which the caller waits before it releases the answer.
    pub(super) fn conclude(mut self, ending: Ending) -> Option<JoinHandle<Result<(), Unrecorded>>> {
        self.0.take().and_then(|state| state.record(ending))
    }

    /// [`Call::conclude`], and waits for it.
    ///
    /// # Errors
    /// It was made, but is not recorded.
    pub(super) async fn conclude_and_wait(self, ending: Ending) -> Result<(), Lost> {
        match self.conclude(ending) {
            Some(recording) => outcome(recording.await),
            None => Ok(()),
        }
    }

    fn note(mut self, ending: Ending) {
        if let Some(mut state) = self.0.take() {
            state.is_strict = false;
            drop(state.record(ending));
        }
    }

    fn state(&self) -> &State {
        self.0.as_ref().expect("only conclude and drop take the state")
    }

    fn state_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("only conclude and drop take the state")
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            drop(state.record(Ending::ClientLeft));
        }
    }
}

impl State {
    fn record(mut self: Box<Self>, ending: Ending) -> Option<JoinHandle<Result<(), Unrecorded>>> {
        let event = self.event(ending);
        if self.action == "model.called" {
            self.provider.counts.count(&event, self.believed.is_believed);
        }
        let gateway = Arc::clone(&self.gateway);
        if !self.is_strict {
            gateway.recorder.note(vec![event]);
            return None;
        }
        let (recorder, ticket) = (gateway.recorder.clone(), self.ticket.take());
        Some(gateway.tasks.spawn(async move { recorder.settle(ticket, vec![event]).await }))
    }

    fn event(&mut self, ending: Ending) -> Event<'static> {
        let completion = std::mem::take(&mut self.reader).finish();
        let request = self.request.lock();
        let call = ModelCall {
            id: &self.id,
            action: self.action,
            started: self.started,
            latency_ms: milliseconds_since(self.clock),
            first_byte_ms: self.first_byte_ms,
            provider: &self.provider.name,
            method: &self.method,
            path: &self.path,
            request: &request,
            forwarded: &self.believed.forwarded,
            is_believed: self.believed.is_believed,
            peer: self.peer,
            user_agent: self.user_agent.as_deref(),
            status: self.answer.status,
            completion: &completion,
            provider_request_id: self.answer.request_id.as_deref(),
            retry_after_seconds: self.answer.retry_after_seconds,
            ending,
            refusal: self.refusal,
            is_unreadable: self.is_unreadable,
        };
        call.event(&self.gateway.prices)
    }
}

/// What came of recording; the reason for a failure goes to the log.
pub(super) fn outcome(recorded: Result<Result<(), Unrecorded>, tokio::task::JoinError>) -> Result<(), Lost> {
    match recorded {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(unrecorded)) => tracing::error!(error.message = %unrecorded, "an event is lost"),
        Err(panic) => tracing::error!(error.message = %panic, "recording a model call panicked"),
    }
    Err(Lost)
}

fn milliseconds_since(clock: Instant) -> f64 {
    // Whole microseconds: what is beyond them is noise.
    clock.elapsed().as_micros() as f64 / 1_000.0
}

//! `GET /stream`: events as they are recorded, as server-sent events.
//!
//! A live tail looks at the ledger's durable size some twenty times a second and reads what is new on a query thread:
//! appending does no work for it. Each event's id is its index, so that a client that reconnects with `Last-Event-ID`
//! goes on exactly where it was, whatever happened in between. A slow client slows its own tail only: the next events
//! are read when the last ones have been taken.

use std::convert::Infallible;
use std::time::Duration;

use audit_event::{Entry, Event, Fields, Json};
use audit_ledger::Direction;
use audit_query::filter::Filter;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::activity::success;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::question;
use crate::state::AppState;
use crate::visitor::Visitor;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx and its like to pass events on at once.
const NO_PROXY_BUFFER: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Parameters that make no sense for what has not happened yet.
const USELESS: &[&str] =
    &["from", "to", "tz", "order", "limit", "page_token", "format", "fields", "count", "bom"];
/// How often a tail looks for new events.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Entries read at once.
const READ_AT_ONCE: u64 = 2_048;

/// Answers with the stream; it ends when the client leaves or the server drains.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response> {
    let which = question::parse_without(&uri, &["after"], USELESS)?;
    let next = first_index(&state, &uri, &headers)?;
    let Ok(permit) = std::sync::Arc::clone(state.streams()).try_acquire_owned() else {
        return Err(Problem::new(
            Code::TooManyStreams,
            "too many live tails are open; close one or try later",
        )
        .retry_after_ms(10_000));
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let subject = question::describe(&which);
        let details = Json::object([("filter", Json::from(subject.clone()))]);
        let event = Event { details: Some(details), ..success(visitor.did("audit.streamed")) };
        state.activity().note(event, &visitor.key(), &subject);
        let tail = Tail {
            last_sent: Instant::now(),
            state,
            filter: which.filter,
            next,
            greeted: false,
            _permit: permit,
        };
        Body::from_stream(stream::unfold(tail, Tail::next_piece))
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_PROXY_BUFFER, HeaderValue::from_static("no"));
    Ok(response)
}

/// Where to begin: after `Last-Event-ID` or the parameter `after`, else with what comes next.
fn first_index(state: &AppState, uri: &Uri, headers: &HeaderMap) -> Result<u64> {
    let size = state.ledger().size().get();
    let params = Params::any(uri.query());
    let after: Option<u64> = match headers.get(LAST_EVENT_ID) {
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            Some(id.ok_or_else(|| {
                Problem::new(
                    Code::InvalidParameter,
                    "Last-Event-ID: is the index of an event, a whole number",
                )
            })?)
        }
        None => params.parsed("after")?,
    };
    Ok(after.map_or(size, |after| after.saturating_add(1).min(size)))
}

/// One client's live tail.
struct Tail {
    state: AppState,
    filter: Filter,
    /// The first index not looked at.
    next: u64,
    last_sent: Instant,
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    /// The next bytes to send; `None` ends the stream.
    async fn next_piece(mut self) -> Option<(std::result::Result<Bytes, Infallible>, Self)> {
        if !self.greeted {
            // Sends the answer's head on its way, and how long to wait before a reconnect.
            self.greeted = true;
            return Some((Ok(Bytes::from_static(b"retry: 2000\n: connected\n\n")), self));
        }
        loop {
            if self.state.draining().is_cancelled() {
                return None;
            }
            let size = self.state.ledger().size().get();
            if self.next < size {
                let upto = size.min(self.next + READ_AT_ONCE);
                let text = self.read(upto).await?;
                self.next = upto;
                if !text.is_empty() {
                    self.last_sent = Instant::now();
                    return Some((Ok(text), self));
                }
                continue;
            }
            if self.last_sent.elapsed() >= self.state.config().heartbeat {
                self.last_sent = Instant::now();
                return Some((Ok(self.heartbeat()), self));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.state.draining().cancelled() => return None,
            }
        }
    }

    /// The events of `self.next..upto` that the filter accepts; `None` when they cannot be read.
    async fn read(&self, upto: u64) -> Option<Bytes> {
        let (state, filter, range) = (self.state.clone(), self.filter.clone(), self.next..upto);
        let read = self.state.queries().run(move || write_events(&state, &filter, range)).await;
        match read {
            Ok(Ok(text)) => Some(text),
            Ok(Err(problem)) | Err(problem) => {
                // The client reconnects after its last event.
                tracing::warn!(problem.code = problem.code().as_str(), "a live tail ended");
                None
            }
        }
    }

    /// Keeps the connection open, and moves a reconnect past what the filter has passed over.
    fn heartbeat(&self) -> Bytes {
        match self.next.checked_sub(1) {
            Some(last) => Bytes::from(format!(": heartbeat\nid: {last}\n\n")),
            None => Bytes::from_static(b": heartbeat\n\n"),
        }
    }
}

fn write_events(state: &AppState, filter: &Filter, range: std::ops::Range<u64>) -> Result<Bytes> {
    let mut text = Vec::new();
    for frame in state.ledger().reader().scan(range, Direction::Forward) {
        let frame = frame.map_err(Problem::internal)?;
        for (index, bytes) in frame.iter() {
            let entry = Entry::decode(bytes).map_err(Problem::internal)?;
            let fields = Fields::decode(&entry).map_err(Problem::internal)?;
            if filter.matches(&fields) {
                text.extend_from_slice(format!("id: {index}\ndata: ").as_bytes());
                // Canonical JSON has no line break.
                entry.write_json(&mut text);
                text.extend_from_slice(b"\n\n");
            }
        }
    }
    Ok(Bytes::from(text))
}

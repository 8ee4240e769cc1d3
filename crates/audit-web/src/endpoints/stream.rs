//! `GET /stream`: events as they are recorded, as server-sent events.
//!
//! A live tail looks at the ledger's durable size some twenty times a second and reads what is new on a query thread:
//! appending does no work for it. Each event's id is its index, so that a client that reconnects with `Last-Event-ID`
//! goes on exactly where it was, whatever happened in between. A slow client slows its own tail only: the next events
//! are read when the last ones have been taken.
//!
//! A tail lasts longer than what admitted it: before each batch, and every second without one, the token is looked at
//! again. A stream that the server ends says why in an `end` message; an entry that cannot be read is passed over with
//! a `problem` message that names it.

use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;

use audit_event::{DecodeError, Entry, Event, Fields, Json, Outcome};
use audit_ledger::Direction;
use audit_query::filter::Filter;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::activity::success;
use crate::gate::Admitted;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx and its like to pass events on at once.
const NO_PROXY_BUFFER: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Parameters that make no sense for what has not happened yet.
const USELESS: &[&str] =
    &["from", "to", "tz", "order", "limit", "page_token", "format", "fields", "count", "bom"];
/// How often a tail looks for new events.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the caller's token is looked at while nothing happens.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Entries read at once.
const READ_AT_ONCE: u64 = 2_048;

/// Answers with the stream; it ends when the client leaves or the server drains.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    reader: Reader,
    Extension(admitted): Extension<Admitted>,
) -> Result<Response> {
    let which = question::parse_without(&reader, &uri, &["after"], USELESS)?;
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
        let event = Event { details: Some(details), ..success(reader.visitor().did("audit.streamed")) };
        state.activity().note(event, &reader.visitor().key(), &subject);
        let tail = Tail {
            last_sent: Instant::now(),
            last_checked: Instant::now(),
            state,
            filter: which.filter,
            next,
            reader,
            admitted,
            phase: Phase::Greeting,
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
    match after {
        None => Ok(size),
        Some(after) if after < size => Ok(after + 1),
        Some(after) => {
            let source = if headers.contains_key(LAST_EVENT_ID) { "Last-Event-ID" } else { "after" };
            let advice = format!("the ledger has {size} entries, so that {after} is the index of none yet");
            Err(Problem::invalid_parameter(source, advice))
        }
    }
}

/// One client's live tail.
struct Tail {
    state: AppState,
    filter: Filter,
    /// The first index not looked at.
    next: u64,
    last_sent: Instant,
    last_checked: Instant,
    reader: Reader,
    admitted: Admitted,
    phase: Phase,
    _permit: OwnedSemaphorePermit,
}

/// How far a tail is in its life.
enum Phase {
    Greeting,
    Following,
    Ended,
}

impl Tail {
    /// The next bytes to send; `None` ends the stream.
    async fn next_piece(mut self) -> Option<(std::result::Result<Bytes, Infallible>, Self)> {
        let piece = match self.phase {
            Phase::Greeting => {
                self.phase = Phase::Following;
                // Sends the answer's head on its way, and how long to wait before a reconnect.
                Bytes::from_static(b"retry: 2000\n: connected\n\n")
            }
            Phase::Following => match self.follow().await {
                Ok(piece) => piece,
                Err(problem) => {
                    self.phase = Phase::Ended;
                    message("end", None, problem.code().as_str(), problem.detail())
                }
            },
            Phase::Ended => return None,
        };
        self.last_sent = Instant::now();
        Some((Ok(piece), self))
    }

    /// Waits for something to send.
    ///
    /// # Errors
    /// Why the stream ends.
    async fn follow(&mut self) -> Result<Bytes> {
        loop {
            if self.state.draining().is_cancelled() {
                return Err(shutting_down());
            }
            let size = self.state.ledger().size().get();
            if self.next < size || self.last_checked.elapsed() >= CHECK_EVERY {
                self.check_admission().await?;
            }
            if self.next < size {
                let upto = size.min(self.next + READ_AT_ONCE);
                let text = self.read(upto).await?;
                self.next = upto;
                if !text.is_empty() {
                    return Ok(text);
                }
                continue;
            }
            if self.last_sent.elapsed() >= self.state.config().heartbeat {
                return Ok(self.heartbeat());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.state.draining().cancelled() => {}
            }
        }
    }

    /// Whether the caller would still be let in. That they no longer are is on the record, like any refusal.
    async fn check_admission(&mut self) -> Result<()> {
        self.last_checked = Instant::now();
        self.admitted.check(&self.state, &self.reader).await.inspect_err(|problem| {
            let reason = problem.code().as_str();
            let event = Event {
                outcome: Outcome::Denied,
                reason: Some(reason.into()),
                ..self.reader.visitor().did("audit.access_denied")
            };
            self.state.activity().note(event, &self.reader.visitor().key(), reason);
        })
    }

    /// The events of `self.next..upto` that the filter accepts.
    async fn read(&self, upto: u64) -> Result<Bytes> {
        let (state, filter, range) = (self.state.clone(), self.filter.clone(), self.next..upto);
        let reader = self.reader.clone();
        self.state.queries().run(move || write_events(&state, &reader, &filter, range)).await?
    }

    /// Keeps the connection open, and moves a reconnect past what the filter has passed over.
    fn heartbeat(&self) -> Bytes {
        match self.next.checked_sub(1) {
            Some(last) => Bytes::from(format!(": heartbeat\nid: {last}\n\n")),
            None => Bytes::from_static(b": heartbeat\n\n"),
        }
    }
}

fn shutting_down() -> Problem {
    Problem::new(Code::ShuttingDown, "the server is shutting down; reconnect to go on where this ends")
}

/// A message about the stream itself; those about an entry carry its index as their id.
fn message(event: &str, index: Option<u64>, code: &str, detail: &str) -> Bytes {
    let id = index.map(|index| format!("id: {index}\n")).unwrap_or_default();
    let data = json!({ "code": code, "detail": detail, "index": index });
    Bytes::from(format!("event: {event}\n{id}data: {data}\n\n"))
}

/// The entries of `range` that the filter accepts, as messages. To a client who sees all, each entry that is damaged or
/// cannot be decoded is one message too, so that they do not take a hole for silence; whether it would be others' to see,
/// nobody knows.
///
/// # Errors
/// When the ledger cannot be read for another reason, which may pass.
fn write_events(state: &AppState, asking: &Reader, filter: &Filter, range: Range<u64>) -> Result<Bytes> {
    let (reader, mut next, mut text) = (state.ledger().reader(), range.start, Vec::new());
    let is_bounded = asking.scope() != &Filter::All;
    let unreadable = |index| if is_bounded { Bytes::new() } else { unreadable(index) };
    while next < range.end {
        match reader.scan(next..range.end, Direction::Forward).next() {
            None => break,
            Some(Ok(frame)) => {
                for (index, bytes) in frame.iter() {
                    if let Err(error) = write_event(asking, filter, index.get(), bytes, &mut text) {
                        state.unreadable().note(&error);
                        text.extend_from_slice(&unreadable(index.get()));
                    }
                }
                next = frame.indices().end;
            }
            Some(Err(error @ audit_ledger::Error::Damage(_))) => {
                state.unreadable().note_ledger(&error);
                text.extend_from_slice(&unreadable(next));
                next += 1;
            }
            Some(Err(error)) => return Err(Problem::internal(error)),
        }
    }
    Ok(Bytes::from(text))
}

fn write_event(
    asking: &Reader,
    filter: &Filter,
    index: u64,
    bytes: &[u8],
    text: &mut Vec<u8>,
) -> std::result::Result<(), DecodeError> {
    let entry = Entry::decode(bytes)?;
    if filter.matches(&Fields::decode(&entry)?) {
        text.extend_from_slice(format!("id: {index}\ndata: ").as_bytes());
        // Canonical JSON has no line break.
        asking.shown(&entry).write_json(text);
        text.extend_from_slice(b"\n\n");
    }
    Ok(())
}

fn unreadable(index: u64) -> Bytes {
    let detail = format!("entry {index} cannot be read; `secureai-audit verify` says what is wrong with it");
    message("problem", Some(index), "unreadable_entry", &detail)
}

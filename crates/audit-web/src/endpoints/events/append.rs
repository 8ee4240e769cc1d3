//! `POST /events`: append events, answered when they are durable.
//!
//! A small body is parsed and encoded on the spot: handing a single event to another thread would cost more than
//! encoding it. When nothing else is being recorded it is even written and synced on the spot: each thread to be
//! woken on the way would take a good part of the sync's time again. Larger bodies go to the encoders' threads.
//! Unless recorded on the spot, the request then waits for the ledger's callback, not for a thread.
//!
//! Every event names who handed it in. What this program and its gateways see themselves nobody else may tell; only who
//! may do everything sends such, to import what another server recorded, which is on record first. Whoever believes the
//! program (proofs of exports, the page on looks, the matching of sightings) believes no event that was handed in.

use std::fmt::Write as _;
use std::sync::Arc;

use audit_control::{Caller, Permissions};
use audit_event::{Event, Json, Outcome, Sender};
use audit_pipeline::Intake;
use audit_pipeline::intake::{BadLine, Error, Framing, OnError, Taken};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::block_in_place;

use crate::body::{self, Reservation};
use crate::encoding::Encoding;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::router::PREFIXES;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Ids that the event of a clash names.
const MOST_NAMED: usize = 20;
/// How the ids of tokens begin.
const TOKEN: &str = "tok_";
/// Bodies up to this size (a handful of events) are encoded on the runtime's thread: some ten microseconds.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// Appends the events of the body.
pub(crate) async fn handle(State(state): State<AppState>, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let on_error = on_error(&head.uri)?;
    let declared = declared_framing(&head.headers)?;
    let encoding = Encoding::of_upload(&head.headers)?;
    let may_say_all =
        head.extensions.get::<Arc<Caller>>().is_some_and(|caller| caller.may_give(Permissions::ALL));
    let visitor = Visitor::of(&head);
    let intake = state.intake().of_sender(sender(head.extensions.get::<Arc<Caller>>(), may_say_all));
    // The head and the body are slices of the connection's read buffer, which is used again for the next request only
    // if nobody holds them any more: for small events a new buffer each time would be a tenth of the whole cost.
    drop(head);
    let config = state.config();
    let mut reservation = Reservation::new(state.upload_bytes());
    let bytes =
        body::collect_reserved(body, config.max_body_bytes, config.body_timeout, &mut reservation).await?;
    if bytes.is_empty() {
        return Err(Problem::new(Code::MalformedBody, "the body is empty; send at least one event"));
    }
    if may_say_all {
        state.activity().note_import(&visitor).await;
    }
    let upload = Upload { bytes, encoding, declared, on_error, intake };
    let taken = append(&state, upload).await?;
    drop(reservation);
    tell_of_clashes(&state, &visitor, &taken);
    Ok(receipt(&taken))
}

/// A body and what the request says about it.
struct Upload {
    bytes: Bytes,
    encoding: Encoding,
    declared: Option<Framing>,
    on_error: OnError,
    /// The door that its sender comes through.
    intake: Intake,
}

/// The name that a caller's events carry: the token's id. A person's id does not belong where nothing can be erased; what
/// says who it was is the record of the import.
fn sender(caller: Option<&Arc<Caller>>, may_say_all: bool) -> Sender {
    let token = caller.map(|caller| caller.id.as_str()).filter(|id| id.starts_with(TOKEN));
    let name = token.unwrap_or("person");
    if may_say_all { Sender::who_may_say_all(name) } else { Sender::new(name) }
}

/// That somebody sent other events under ids that are recorded.
fn tell_of_clashes(state: &AppState, visitor: &Visitor, taken: &Taken) {
    let count = taken.differing().count() as u64;
    if count == 0 {
        return;
    }
    let ids = taken.differing().take(MOST_NAMED).map(|id| Json::from(id.to_owned())).collect();
    let event = Event {
        outcome: Outcome::Failure,
        reason: Some("differs".into()),
        details: Some(Json::object([("events", Json::from(count)), ("ids", Json::Array(ids))])),
        ..visitor.did("source.id_taken")
    };
    state.activity().note(event, &visitor.key(), "");
}

async fn append(state: &AppState, upload: Upload) -> Result<Taken> {
    let is_small = upload.encoding == Encoding::Identity && upload.bytes.len() <= SMALL_BODY_BYTES;
    if is_small && state.intake().is_quiet() && may_block() {
        return block_in_place(|| upload.record());
    }
    let (done, durable) = oneshot::channel();
    if is_small {
        upload.submit(state, done)?;
    } else {
        let worker = state.clone();
        state.encoders().run(move || upload.submit(&worker, done)).await??;
    }
    match durable.await {
        Ok(Ok(taken)) => Ok(taken),
        Ok(Err(error)) => Err(refused(error, None)),
        Err(_) => Err(refused(Error::Closed, None)),
    }
}

/// Whether this thread's other tasks can go to another thread while it waits for the disk.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

impl Upload {
    /// Records the events of a body that is not packed, in this thread.
    fn record(self) -> Result<Taken> {
        let framing = self.framing(&self.bytes)?;
        let taken = self.intake.append(&self.bytes, framing, self.on_error);
        taken.map_err(|error| refused(error, Some(framing)))
    }

    fn submit(
        self,
        state: &AppState,
        done: oneshot::Sender<std::result::Result<Taken, Error>>,
    ) -> Result<()> {
        let unpacked;
        let events = match self.encoding {
            Encoding::Identity => self.bytes.as_ref(),
            packed => {
                unpacked = packed.unpack(&self.bytes, state.config().max_unpacked_bytes)?;
                &unpacked
            }
        };
        let framing = self.framing(events)?;
        let answer = move |taken| {
            // The client may be gone; its events are recorded all the same.
            let _ = done.send(taken);
        };
        self.intake
            .submit(events, framing, self.on_error, answer)
            .map_err(|error| refused(error, Some(framing)))
    }

    /// How the events stand in the body. Whoever sends nothing but white space has lost what it meant to send.
    fn framing(&self, events: &[u8]) -> Result<Framing> {
        if events.iter().all(u8::is_ascii_whitespace) {
            let detail =
                "nothing was recorded: the body has nothing but white space; send at least one event";
            return Err(Problem::new(Code::InvalidEvents, detail));
        }
        Ok(self.declared.unwrap_or_else(|| Framing::sniff(events)))
    }
}

fn on_error(uri: &Uri) -> Result<OnError> {
    let Some(query) = uri.query() else { return Ok(OnError::default()) };
    let params = Params::parse(Some(query), &[&["on_error"]])?;
    let words = [("reject", OnError::Reject), ("skip", OnError::Skip)];
    Ok(params.word("on_error", &words)?.unwrap_or_default())
}

/// How the events stand in the body, by its media type; `None` when it has none.
fn declared_framing(headers: &HeaderMap) -> Result<Option<Framing>> {
    let Some(media_type) = body::media_type(headers) else { return Ok(None) };
    match media_type.as_str() {
        "application/json" => Ok(Some(Framing::Document)),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Ok(Some(Framing::Lines))
        }
        _ => Err(Problem::new(
            Code::UnsupportedMediaType,
            format!(
                "cannot take {media_type}; send application/json (one object or an array) or application/x-ndjson \
                 (one object a line)"
            ),
        )
        .with_header(ACCEPT, HeaderValue::from_static("application/json, application/x-ndjson"))),
    }
}

/// 201 with where the events are, or 200 when all of them had been recorded before.
///
/// Written by hand: with a thousand events a generic serializer would be the larger part of the answer's cost.
fn receipt(taken: &Taken) -> Response {
    let duplicates = taken.duplicates();
    let mut text = String::with_capacity(256 + taken.ids.len() * 48);
    let recorded = taken.placements.len() - duplicates;
    let _ = write!(text, "{{\"recorded\":{recorded},\"duplicates\":{duplicates},\"indices\":[");
    for (at, placement) in taken.placements.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{}", placement.index.get());
    }
    text.push_str("],\"ids\":[");
    for (at, id) in taken.ids.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        push_escaped(&mut text, id);
        text.push('"');
    }
    let _ = write!(text, "],\"tree_size\":{}", taken.tree_size.get());
    if let [only] = taken.placements.as_slice() {
        let _ = write!(text, ",\"proof\":\"{}/{}/proof\"", PREFIXES[0], only.index.get());
    }
    let differing: Vec<&str> = taken.differing().collect();
    if !differing.is_empty() {
        let _ = write!(text, ",\"differing\":{}", Value::from(differing));
    }
    if !taken.skipped.is_empty() {
        let errors: Vec<_> = taken.skipped.listed.iter().map(bad_line).collect();
        let _ = write!(text, ",\"skipped\":{},\"errors\":{}", taken.skipped.total, Value::from(errors));
    }
    text.push_str("}\n");
    let status = if recorded > 0 { StatusCode::CREATED } else { StatusCode::OK };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, text).into_response()
}

/// Ids are visible ASCII, so that only these two need an escape.
fn push_escaped(text: &mut String, id: &str) {
    if !id.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
        text.push_str(id);
        return;
    }
    for character in id.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
}

fn bad_line(bad: &BadLine) -> Value {
    let mut line = json!({ "line": bad.line, "code": bad.code, "message": bad.message });
    if !bad.field.is_empty() {
        line["field"] = Value::from(bad.field.as_str());
    }
    if let Some(id) = &bad.id {
        line["id"] = Value::from(id.as_str());
    }
    line
}

/// Why nothing was recorded.
fn refused(error: Error, framing: Option<Framing>) -> Problem {
    match error {
        Error::Invalid(bad) => {
            let is_no_json =
                bad.listed.iter().all(|line| matches!(line.code, "malformed_json" | "invalid_utf8"));
            let code = match framing {
                Some(Framing::Document) if is_no_json => Code::MalformedBody,
                _ => Code::InvalidEvents,
            };
            let detail =
                format!("nothing was recorded: {bad}; correct it, or send ?on_error=skip to record the rest");
            let errors: Vec<_> = bad.listed.iter().map(bad_line).collect();
            Problem::new(code, detail).with("errors", errors).with("error_count", bad.total)
        }
        Error::TooLarge { limit_bytes } => Problem::new(
            Code::BodyTooLarge,
            format!("the body has more than {limit_bytes} bytes; send smaller batches"),
        )
        .with("limit_bytes", limit_bytes),
        Error::Busy { retry_after_ms } => Problem::new(
            Code::Busy,
            "too much waits to be recorded; nothing of this request was, send it again",
        )
        .retry_after_ms(retry_after_ms),
        Error::DiskFull { free_bytes, needed_bytes } => Problem::new(
            Code::LedgerUnavailable,
            "the disk is full: nothing was recorded; free some space, then send the events again",
        )
        .with("free_bytes", free_bytes)
        .with("needed_bytes", needed_bytes)
        .retry_after_ms(30_000),
        Error::Poisoned { reason } => {
            tracing::error!(error.message = %reason, "events are refused since a write failed");
            Problem::new(
                Code::LedgerUnavailable,
                "a write to the disk failed and recording has stopped; `secureai-audit doctor` says more, a restart \
                 checks what is there and goes on",
            )
            .retry_after_ms(60_000)
        }
        Error::Closed => Problem::new(
            Code::ShuttingDown,
            "the server is shutting down; nothing was recorded, send it again",
        )
        .retry_after_ms(5_000),
        other => Problem::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_json_strings() {
        let mut text = String::new();
        push_escaped(&mut text, r#"a"b\c"#);
        assert_eq!(serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap(), r#"a"b\c"#);
    }

    #[test]
    fn the_media_type_says_how_events_stand() {
        let framing = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            declared_framing(&headers)
        };
        assert_eq!(framing("application/json; charset=utf-8").unwrap(), Some(Framing::Document));
        assert_eq!(framing("application/x-ndjson").unwrap(), Some(Framing::Lines));
        assert_eq!(declared_framing(&HeaderMap::new()).unwrap(), None);
        assert_eq!(framing("text/csv").unwrap_err().code(), Code::UnsupportedMediaType);
    }
}

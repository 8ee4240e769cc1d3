//! `GET /{index or id}`: one event, exactly as it is recorded.

use std::time::Duration;

use audit_event::{Entry, Event, Target};
use audit_ledger::ErrorKind;
use audit_tlog::LeafIndex;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};

use crate::activity::success;
use crate::encoding::Encoding;
use crate::params::{Params, PathPart};
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;
use crate::visitor::Visitor;

/// The event's index in the ledger, beside its own JSON.
pub(crate) const INDEX_HEADER: HeaderName = HeaderName::from_static("audit-index");
/// How long an id that is not found may still be on its way into the index.
const INDEX_PATIENCE: Duration = Duration::from_secs(2);

/// Answers with the event's JSON; its index is in the `Audit-Index` header.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let worker = state.clone();
    let found = state.queries().run(move || find(&worker, &name)).await??;
    let mut json = Vec::with_capacity(found.bytes.len() + 1);
    let entry = Entry::decode(&found.bytes).map_err(|error| state.unreadable().decode_problem(error))?;
    entry.write_json(&mut json);
    let event = Event { target: Some(target(&entry)), ..success(visitor.did("audit.read")) };
    state.activity().note(event, &visitor.key(), &found.index.get().to_string());

    let encoding = Encoding::accepted(&headers).for_length(json.len());
    let json = encoding.pack(json).map_err(Problem::internal)?;
    let mut response = json.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(INDEX_HEADER, HeaderValue::from(found.index.get()));
    encoding.mark(headers);
    Ok(response)
}

/// An entry and where it is.
pub(crate) struct Found {
    pub index: LeafIndex,
    pub bytes: Bytes,
}

/// Finds an event by its index (digits only) or its id. Blocks.
///
/// # Errors
/// [`Code::NoSuchEvent`].
pub(crate) fn find(state: &AppState, name: &str) -> Result<Found> {
    let by_index = match index_of(name) {
        Some(index) => read(state, index)?,
        None => None,
    };
    // An id may consist of digits too.
    match by_index {
        Some(found) => Ok(found),
        None => find_by_id(state, name)?.ok_or_else(|| no_such_event(name)),
    }
}

fn index_of(name: &str) -> Option<LeafIndex> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { name.parse().ok().map(LeafIndex::new) } else { None }
}

fn find_by_id(state: &AppState, id: &str) -> Result<Option<Found>> {
    let index = state.index();
    let recorded = state.ledger().size().get();
    let mut found = index.find_id(id)?;
    if found.is_none() && index.wait_for(recorded, INDEX_PATIENCE) {
        found = index.find_id(id)?;
    }
    match found {
        Some(index) => read(state, LeafIndex::new(index)),
        None => Ok(None),
    }
}

fn read(state: &AppState, index: LeafIndex) -> Result<Option<Found>> {
    match state.ledger().reader().get(index) {
        Ok(bytes) => Ok(Some(Found { index, bytes })),
        Err(error) if error.kind() == ErrorKind::Absent => Ok(None),
        Err(error) => Err(state.unreadable().ledger_problem(error)),
    }
}

fn no_such_event(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::NoSuchEvent, format!("no event has the index or id {shown:?}"))
}

/// The event as the target of whoever looks at it.
pub(crate) fn target(entry: &Entry<'_>) -> Target<'static> {
    let id = audit_event::Fields::decode(entry).ok().map(|fields| fields.id.into_owned());
    Target { kind: Some("event".into()), id: id.map(Into::into), name: None }
}

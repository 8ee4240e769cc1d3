//! `GET /{index or id}`: one event, exactly as it is recorded.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
use crate::reader::Reader;
use crate::state::AppState;

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
    reader: Reader,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let asking = reader.clone();
    let found = state.work(move |state| find(state, &asking, &name)).await?;
    let mut json = Vec::with_capacity(found.bytes.len() + 1);
    let entry = Entry::decode(&found.bytes).map_err(|error| state.unreadable().decode_problem(error))?;
    reader.shown(&entry).write_json(&mut json);
    let event = Event { target: Some(target(&entry)), ..success(reader.visitor().did("audit.read")) };
    state.activity().note(event, &reader.visitor().key(), &found.index.get().to_string());

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

/// Finds an event by its index (digits only) or its id, if the reader may see it. Blocks.
///
/// # Errors
/// [`Code::NoSuchEvent`], the same and after the same work whether there is none or none that the reader may see.
pub(crate) fn find(state: &AppState, reader: &Reader, name: &str) -> Result<Found> {
    let found = match look_up(state, name) {
        // So that looking for what is not there takes as long.
        Err(problem) if problem.code() == Code::NoSuchEvent && reader.is_limited() => {
            if let Some(other) = any_event(state, name)? {
                sees(reader, &other);
            }
            return Err(problem);
        }
        found => found?,
    };
    if sees(reader, &found) {
        return Ok(found);
    }
    // What is not there is looked for once more; so is what is not theirs to see.
    let _ = state.index().wait_for(state.ledger().size().get(), INDEX_PATIENCE);
    let _ = state.index().find_id(name)?;
    Err(no_such_event(name))
}

fn sees(reader: &Reader, found: &Found) -> bool {
    Entry::decode(&found.bytes).map_or(!reader.is_limited(), |entry| reader.sees(&entry))
}

/// Some event, another for another name.
fn any_event(state: &AppState, name: &str) -> Result<Option<Found>> {
    let mut hash = DefaultHasher::new();
    name.hash(&mut hash);
    match hash.finish().checked_rem(state.ledger().size().get()) {
        Some(index) => read(state, LeafIndex::new(index)),
        None => Ok(None),
    }
}

/// [`find`] for what is ours to show, whatever the reader may see else. Blocks.
///
/// # Errors
/// [`Code::NoSuchEvent`].
pub(crate) fn look_up(state: &AppState, name: &str) -> Result<Found> {
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

//! `GET /audit/events/{index or id}`: one event with everything around it.

mod changes;
mod groups;
mod indented;
mod related;

use askama::Template;
use audit_event::{Entry, Event};
use audit_query::question::Budget;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::events::row::{self, Row};
use super::frame::Frame;
use crate::activity::success;
use crate::endpoints::events::one;
use crate::params::PathPart;
use crate::problem::Result;
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;
use changes::Change;
use groups::Group;
use related::Related;

/// Bytes of a value that are always shown whole.
const LONG: usize = 320;
/// And its lines.
const LINES: usize = 8;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    event: Shown,
    api: &'static str,
}

/// All that the page shows of an event.
struct Shown {
    row: Row,
    id: String,
    /// The sentence, whole.
    sentence: String,
    groups: Vec<Group>,
    changes: Vec<Change>,
    related: Vec<Related>,
    /// The event's JSON to the character, but for white space that indents it.
    raw: String,
    /// Entries that the newest checkpoint covers.
    checkpoint_size: u64,
    /// The log's keys, to check its signature with, the present one first.
    keys: String,
}

/// Answers with the page.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    PathPart(name): PathPart,
    reader: Reader,
) -> Response {
    match show(&state, &frame, name, &reader).await {
        Ok(event) => {
            let page = EventPage { frame, event, api: PREFIXES[0] };
            super::rendered(StatusCode::OK, &page.frame, &page)
        }
        Err(problem) => super::refused(&frame, &problem),
    }
}

async fn show(state: &AppState, frame: &Frame, name: String, reader: &Reader) -> Result<Shown> {
    let (asking, zone) = (reader.clone(), frame.time_zone());
    let (shown, target) = state
        .ask(move |state, budget| {
            let found = one::find(state, &asking, &name)?;
            let entry =
                Entry::decode(&found.bytes).map_err(|error| state.unreadable().decode_problem(error))?;
            let mut json = Vec::new();
            asking.shown(&entry).write_json(&mut json);
            let event: Value = serde_json::from_slice(&json).unwrap_or_default();
            let shown = of(state, &asking, (&event, &json), found.index.get(), &zone, budget)?;
            Ok((shown, one::target(&entry)))
        })
        .await?;
    let event = Event { target: Some(target), ..success(reader.visitor().did("audit.read")) };
    state.activity().note(event, &reader.visitor().key(), &shown.row.index.to_string());
    Ok(shown)
}

/// Whether a value gets a box of its own that scrolls, which the keyboard must then reach: it may not fit on a phone.
fn scrolls(value: &str) -> bool {
    value.len() > LONG || value.lines().nth(LINES).is_some()
}

fn of(
    state: &AppState,
    reader: &Reader,
    (event, json): (&Value, &[u8]),
    index: u64,
    zone: &TimeZone,
    budget: &Budget,
) -> Result<Shown> {
    let row = row::of(event, index, zone);
    let sentence = event.get("message").and_then(Value::as_str).unwrap_or(&row.what).to_owned();
    let keys = state.premises().keys.iter().map(ToString::to_string);
    Ok(Shown {
        related: related::of(state, reader, event, index, zone, budget)?,
        groups: groups::of(event),
        changes: changes::of(event),
        raw: indented::indented(&String::from_utf8_lossy(json)),
        checkpoint_size: state.ledger().checkpoint_size().get(),
        keys: keys.collect::<Vec<_>>().join(" "),
        sentence,
        id: event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        row,
    })
}

//! What is recorded of exports in the background.
//!
//! Three kinds of events: `audit.exported` when one begins (durable before anything else happens) and when it ends, with
//! all that its proof needs; `audit.export_downloaded`; `audit.export_deleted`. The event of an end follows from the
//! export's row alone and has an id of its own, so that it can be recorded again, and once, after whatever interrupted it.

use audit_control::{Export, ExportState};
use audit_event::{Event, Json, Outcome, Target};
use audit_query::question::Order;

use super::wanted::file_name;
use super::{Asker, Wish};
use crate::activity::success;
use crate::state::AppState;

/// The event of an export's beginning.
pub(super) fn beginning(export: &Export, asker: &Asker) -> Event<'static> {
    let mut details = vec![("phase", Json::from("started")), ("background", Json::Bool(true))];
    details.extend(asked(export));
    Event { target: Some(target(export)), details: Some(Json::object(details)), ..success(asker.did.clone()) }
}

/// Records an export's end and notes that it is recorded. What cannot be recorded now is tried again later. Blocks.
pub(crate) fn record_end(state: &AppState, export: &Export) {
    let recorded = match end(export) {
        Ok(event) => state.intake().record_internal(event).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let noted = recorded.and_then(|_| {
        let control = state.export_jobs().control();
        control.note_export_recorded(&export.id).map_err(|error| error.to_string())
    });
    if let Err(error) = noted {
        tracing::warn!(error.message = error, export.id, "an export's end is not recorded yet");
    }
}

/// The event of an export's end.
fn end(export: &Export) -> Result<Event<'_>, String> {
    let began = Event::parse(export.author.as_bytes()).map_err(|error| error.to_string())?;
    let outcome = match export.state {
        ExportState::Failed => Outcome::Failure,
        ExportState::Cancelled => Outcome::Unknown,
        _ => Outcome::Success,
    };
    let reason = match export.state {
        ExportState::Cancelled => Some("cancelled"),
        _ => export.reason.as_deref(),
    };
    Ok(Event {
        id: Some(export.event_id.as_str().into()),
        time: export.ended,
        outcome,
        reason: reason.map(Into::into),
        message: Some(sentence(export).into()),
        target: Some(target(export)),
        details: Some(details_of_end(export)),
        ..began
    })
}

/// What the event of an export's end says about it; a manifest says the same.
pub(super) fn details_of_end(export: &Export) -> Json<'static> {
    let mut details = vec![("phase", Json::from("finished")), ("background", Json::Bool(true))];
    details.extend(asked(export));
    details.push(("count", number(export.rows)));
    if let Some(sha256) = &export.sha256 {
        details.push(("bytes", number(export.bytes)));
        details.push(("sha256", Json::from(sha256.clone())));
    }
    if let Some((first, last)) = export.ends {
        details.push(("first_index", number(first)));
        details.push(("last_index", number(last)));
    }
    Json::object(details)
}

fn asked(export: &Export) -> Vec<(&'static str, Json<'static>)> {
    let mut asked = vec![
        ("file", Json::from(file_name(export))),
        ("format", Json::from(export.format.clone())),
        ("tree_size", number(export.tree_size)),
        ("asked", Json::from(export.created.to_string())),
    ];
    let Ok(wish) = Wish::of_row(export) else { return asked };
    asked.push(("filter", Json::from(wish.filter())));
    let (from, to) = wish.bounds();
    asked.extend(from.map(|from| ("from", Json::from(from.to_string()))));
    asked.extend(to.map(|to| ("to", Json::from(to.to_string()))));
    asked.extend(wish.fields().map(|fields| ("fields", Json::from(fields))));
    if wish.order() == Order::OldestFirst {
        asked.push(("order", Json::from("oldest_first")));
    }
    if !export.scope.is_empty() {
        asked.push(("scope", Json::from(export.scope.clone())));
    }
    asked
}

/// An export as what something is done to.
fn target(export: &Export) -> Target<'static> {
    Target {
        kind: Some("export".into()),
        id: Some(export.id.clone().into()),
        name: Some(file_name(export).into()),
    }
}

/// Completes the event of what somebody did with an export.
pub(crate) fn about(event: Event<'static>, export: &Export) -> Event<'static> {
    let mut details =
        vec![("state", Json::from(export.state.as_str())), ("owner", Json::from(export.owner.clone()))];
    details.extend(export.sha256.clone().map(|sha256| ("sha256", Json::from(sha256))));
    Event { target: Some(target(export)), details: Some(Json::object(details)), ..success(event) }
}

fn sentence(export: &Export) -> String {
    let Export { owner_name, rows, total, format, .. } = export;
    let format = format.to_uppercase();
    match export.state {
        ExportState::Failed => format!("The export of {total} events as {format} by {owner_name} failed"),
        ExportState::Cancelled => {
            format!("The export of {total} events as {format} by {owner_name} was cancelled")
        }
        _ => format!("{owner_name} exported {rows} events as {format}"),
    }
}

/// Why an export failed, for whoever reads the list.
pub(crate) fn what_happened(reason: &str) -> &'static str {
    match reason {
        "no_export_space" => {
            "There was no room left for files of exports. Delete old ones, narrow the filters, or raise exports.max_mib."
        }
        "disk_full" => "The disk has too little room left. Make room on it, or stream the export instead.",
        "unreadable" => {
            "An event could not be read. The Integrity page and `secureai-audit verify` say which."
        }
        "index_rebuilding" => {
            "A file of the search index was damaged and is being rebuilt. Begin the export again."
        }
        _ => "Something went wrong; the server's log says what. Begin the export again.",
    }
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles; counts stay far below 2^53")]
fn number(value: u64) -> Json<'static> {
    Json::Number(value as f64)
}

//! `/audit/exports`: past exports, and those that run; `/audit/exports/new`: what is to be exported, and how;
//! `/audit/exports/sizes`: about how large each kind of file would be.

mod new;
mod streamed;

use askama::Template;
use audit_control::{Export, ExportState};
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;
use http::{StatusCode, Uri};
use jiff::tz::TimeZone;

use super::form::{self, Form};
use super::frame::Frame;
use super::time::{Time, to_the_minute};
use super::{grouped, rendered, see};
use crate::endpoints::exports::list::listed;
use crate::endpoints::exports::{begin, progress, remove};
use crate::exports::{Wish, what_happened};
use crate::locale::decimals;
use crate::params::PathPart;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;
pub(crate) use new::{handle as new, sizes};
use streamed::Streamed;

/// Exports on the page.
const SHOWN: u32 = 200;

#[derive(Template)]
#[template(path = "exports.html")]
struct ExportsPage<'a> {
    frame: &'a Frame,
    exports: Vec<Line>,
    /// Files that were downloaded at once.
    streamed: Vec<Streamed>,
    /// Whether any is not finished, so that the page has to be looked at again.
    is_moving: bool,
    keep_days: u32,
    zone: String,
    api: &'static str,
}

/// One export on the page.
struct Line {
    id: String,
    file: String,
    owner: String,
    created: Time,
    state: &'static str,
    state_name: &'static str,
    is_unfinished: bool,
    has_file: bool,
    has_proof: bool,
    filter: String,
    rows: u64,
    total: u64,
    size: String,
    percent: u64,
    expires: Option<Time>,
    sha256: Option<String>,
    why: Option<&'static str>,
}

/// The list.
pub(crate) async fn handle(State(state): State<AppState>, frame: Frame, reader: Reader) -> Result<Response> {
    let zone = frame.time_zone();
    let local = zone.clone();
    let found = state.ask(move |state, budget| {
        let streamed = streamed::newest(state, &reader, &local, budget)?;
        Ok((listed(state, &reader, SHOWN)?, streamed))
    });
    let (exports, streamed) = found.await?;
    let page = ExportsPage {
        zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        is_moving: exports.iter().any(|export| export.state.is_unfinished()),
        exports: exports.iter().map(|export| Line::of(&state, export, &zone)).collect(),
        streamed,
        keep_days: state.export_jobs().keep_days(),
        api: PREFIXES[0],
        frame: &frame,
    };
    Ok(rendered(StatusCode::OK, &frame, &page))
}

/// Begins what the form of `/audit/exports/new` asks for: in the background, or at once as a stream.
pub(crate) async fn start(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    form: Form,
) -> Result<Response> {
    match started(&state, &frame, &reader, &form).await {
        Ok(response) => Ok(response),
        Err(problem) => Ok(super::refused(&frame, &problem)),
    }
}

async fn started(state: &AppState, frame: &Frame, reader: &Reader, form: &Form) -> Result<Response> {
    if !frame.is_own_form(form) {
        return Err(form::not_theirs());
    }
    let mut query = new::query_of(form)?;
    if form.get("how") == "now" {
        if !form.get("name").trim().is_empty() {
            let name = crate::exports::checked_name(form.get("name").trim())?;
            query = Serializer::new(query).append_pair("name", &name).finish();
        }
        return Ok(see(&format!("{}?{query}", PREFIXES[0])));
    }
    let uri: Uri = format!("/?{query}").parse().map_err(Problem::internal)?;
    let question = crate::question::asked(&uri, &[], begin::USELESS)?;
    let wish = Wish::new(&question, Some(form.get("name")), reader)?;
    let export = begin::begin(state, wish, reader).await?;
    Ok(see(&format!("/audit/exports#{}", export.id)))
}

/// Cancels an export, or removes its file.
pub(crate) async fn delete(
    State(state): State<AppState>,
    frame: Frame,
    PathPart(id): PathPart,
    reader: Reader,
    form: Form,
) -> Result<Response> {
    let removed = match frame.is_own_form(&form) {
        true => remove::remove(&state, id, reader).await.map(drop),
        false => Err(form::not_theirs()),
    };
    Ok(removed.map_or_else(|problem| super::refused(&frame, &problem), |()| see("/audit/exports")))
}

impl Line {
    fn of(state: &AppState, export: &Export, zone: &TimeZone) -> Self {
        let wish = Wish::of_row(export).ok();
        let bounds = wish.as_ref().map_or((None, None), Wish::bounds);
        let mut filter = wish.as_ref().map_or_else(String::new, Wish::filter);
        filter = if filter == "*" { "all events".to_owned() } else { filter };
        for (word, time) in [("from", bounds.0), ("to", bounds.1)] {
            filter.extend(time.map(|time| format!(" {word} {}", to_the_minute(time, zone))));
        }
        Self {
            file: crate::exports::file_name(export),
            owner: export.owner_name.clone(),
            created: Time::of(export.created, zone),
            state: export.state.as_str(),
            state_name: name_of(export.state),
            is_unfinished: export.state.is_unfinished(),
            has_file: export.state == ExportState::Done,
            has_proof: export.sha256.is_some() && export.recorded,
            filter,
            rows: export.rows,
            total: export.total,
            size: size(export.bytes),
            percent: percent(progress(export)),
            expires: state.export_jobs().expires(export).map(|time| Time::of(time, zone)),
            sha256: export.sha256.clone(),
            why: export.reason.as_deref().map(what_happened),
            id: export.id.clone(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
fn percent(share: f64) -> u64 {
    (share * 100.0) as u64
}

fn name_of(state: ExportState) -> &'static str {
    match state {
        ExportState::Queued => "Waiting",
        ExportState::Running => "Being written",
        ExportState::Done => "Ready",
        ExportState::Failed => "Failed",
        ExportState::Cancelled => "Cancelled",
        ExportState::Expired => "Expired",
        ExportState::Deleted => "Deleted",
    }
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    let steps = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match steps.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes < 10 * unit => {
            let tenths = bytes * 10 / unit;
            format!("{} {name}", decimals(&format!("{}.{}", tenths / 10, tenths % 10)))
        }
        Some((unit, name)) => format!("{} {name}", grouped(bytes / unit)),
        None => format!("{} bytes", grouped(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_shortly() {
        let said = [0, 1_023, 1_024, 1_600, 20_480, 5 << 20, 3_000_000_000].map(size);
        assert_eq!(said, ["0 bytes", "1,023 bytes", "1.0 KiB", "1.5 KiB", "20 KiB", "5.0 MiB", "2.7 GiB"]);
    }
}

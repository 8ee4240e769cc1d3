//! `/exports`: exports in the background. Whoever may export begins them; their owner and admins have the rest.

pub(crate) mod begin;
pub(crate) mod file;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod proof;
pub(crate) mod range;
pub(crate) mod remove;

use audit_control::{Export, ExportState, Role};
use audit_event::Timestamp;
use serde::Serialize;

use crate::exports::{Asker, Wish, no_such_export, seen_by};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// An export as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ExportView {
    id: String,
    name: String,
    state: &'static str,
    format: String,
    owner: OwnerView,
    filter: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    fields: Option<String>,
    tree_size: u64,
    created: Timestamp,
    ended: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// Events it will have, events and bytes it has.
    total: u64,
    rows: u64,
    bytes: u64,
    /// From 0 to 1.
    progress: f64,
    sha256: Option<String>,
    first_index: Option<u64>,
    last_index: Option<u64>,
    reason: Option<String>,
    /// Addresses below the prefix, where there is something.
    file: Option<String>,
    proof: Option<String>,
}

#[derive(Debug, Serialize)]
struct OwnerView {
    id: String,
    name: String,
}

impl ExportView {
    /// `export` as it is now.
    pub fn of(state: &AppState, export: Export) -> Self {
        let wish = Wish::of_row(&export).ok();
        let (from, to) = wish.as_ref().map_or((None, None), Wish::bounds);
        let is_done = export.state == ExportState::Done;
        let below = |what: &str, is_there: bool| is_there.then(|| format!("/exports/{}/{what}", export.id));
        Self {
            state: export.state.as_str(),
            filter: wish.as_ref().map(Wish::filter),
            from,
            to,
            fields: wish.as_ref().and_then(Wish::fields),
            expires: state.export_jobs().expires(&export),
            progress: progress(&export),
            first_index: export.ends.map(|(first, _)| first),
            last_index: export.ends.map(|(_, last)| last),
            file: below("file", is_done),
            proof: below("proof", export.sha256.is_some() && export.recorded),
            id: export.id,
            name: export.name,
            format: export.format,
            owner: OwnerView { id: export.owner, name: export.owner_name },
            tree_size: export.tree_size,
            created: export.created,
            ended: export.ended,
            total: export.total,
            rows: export.rows,
            bytes: export.bytes,
            sha256: export.sha256,
            reason: export.reason,
        }
    }
}

/// How much of it is written, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a share, shown in percent")]
pub(crate) fn progress(export: &Export) -> f64 {
    match (export.state, export.total) {
        (ExportState::Done | ExportState::Expired | ExportState::Deleted, _) => 1.0,
        (_, 0) => 0.0,
        (_, total) => (export.rows as f64 / total as f64).min(1.0),
    }
}

/// The export of this id, if the reader may have it: their own ones, as long as they see what they saw when they began
/// them, and to admins who see everything all.
///
/// # Errors
/// [`crate::problem::Code::NoSuchExport`], whether there is none or it is somebody else's.
pub(crate) fn find(state: &AppState, id: &str, reader: &Reader) -> Result<Export> {
    let export = state.export_jobs().find(id)?;
    let is_theirs = owner_filter(reader).is_none_or(|owner| owner == export.owner);
    if is_theirs && is_within(reader, &export) { Ok(export) } else { Err(no_such_export(id)) }
}

/// Whether the reader still sees what the export was allowed to hold.
fn is_within(reader: &Reader, export: &Export) -> bool {
    !reader.is_limited() || seen_by(reader) == export.scope
}

/// Whose exports a reader may know of; everybody's if `None`.
pub(crate) fn owner_filter(reader: &Reader) -> Option<&str> {
    let is_admin = reader.caller().role == Role::Admin.as_str() && !reader.is_limited();
    (!is_admin).then_some(reader.caller().id.as_str())
}

/// The reader as the owner of an export that begins now.
fn asker(state: &AppState, reader: &Reader) -> Result<Asker> {
    let did = reader.visitor().did("audit.exported");
    let author = state.intake().json_of(&did).map_err(Problem::internal)?;
    Ok(Asker {
        id: reader.caller().id.clone(),
        name: reader.caller().name.clone(),
        sees: seen_by(reader),
        author: String::from_utf8(author).map_err(Problem::internal)?,
        did,
    })
}

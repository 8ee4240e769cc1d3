//! One export on its thread: from where it was to its end.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use audit_control::{Export as Stored, ExportEnd, ExportState};
use audit_query::Error;
use audit_query::export::{Origin, Position};
use audit_query::question::Answers as _;

use super::part::{self, Part};
use super::{Live, Wish, record};
use crate::problem::{Problem, Result};
use crate::state::AppState;

/// How often what was written is synced and the place noted.
const NOTE_EVERY: Duration = Duration::from_secs(2);
/// After a restart the index may have to catch up before it knows the events that an export is of.
const INDEX_STEP: Duration = Duration::from_millis(200);
/// A Parquet file is written in small pieces.
const BUFFER: usize = 256 << 10;

/// Writes the export of this id; whatever comes of it stands in its row afterwards.
pub(super) fn run(state: &AppState, id: &str, live: &Live) {
    if let Err(problem) = attempt(state, id, live) {
        tracing::error!(error.message = problem.detail(), export.id = id, "an export failed");
        fail(state, id, "internal");
    }
}

/// Ends an export that has not begun.
pub(super) fn end_as_cancelled(state: &AppState, export: &Stored) -> Result<()> {
    let exports = state.export_jobs();
    if let Some(files) = &exports.files {
        part::remove_part(&files.dir, &export.id).map_err(Problem::internal)?;
    }
    end(state, &export.id, &ending(state, ExportState::Cancelled, &Position::default()))
}

fn attempt(state: &AppState, id: &str, live: &Live) -> Result<()> {
    let exports = state.export_jobs();
    let Some(files) = &exports.files else { return Ok(()) };
    let export = exports.find(id)?;
    if !export.state.is_unfinished() {
        return Ok(());
    }
    let wish = Wish::of_row(&export)?;
    let start = start_of(&export, &wish);
    let opened = Part::open(&files.dir, id, start.bytes, &exports.space).map_err(Problem::internal)?;
    let (mut part, kept) = opened;
    let start = if kept == start.bytes {
        start
    } else {
        Position { snapshot: Some(export.tree_size), ..Position::default() }
    };
    exports.control().note_export_position(id, (start.rows, start.bytes), None)?;
    let (reached, written) = write(state, &wish, &export, start, &mut part, live);
    conclude(state, &export, &wish, live, part, (reached, written), &files.dir)
}

/// Where to go on: at the place noted last, or at the beginning.
fn start_of(export: &Stored, wish: &Wish) -> Position {
    let beginning = Position { snapshot: Some(export.tree_size), ..Position::default() };
    let noted = export.position.as_deref().and_then(|text| serde_json::from_str(text).ok());
    noted.filter(|_| wish.format().is_resumable()).unwrap_or(beginning)
}

/// Writes all there is from `start` on; says how far it came.
fn write(
    state: &AppState,
    wish: &Wish,
    export: &Stored,
    start: Position,
    part: &mut Part,
    live: &Live,
) -> (Position, std::result::Result<Position, Error>) {
    let mut reached = start;
    let written = wait_for_index(state, export.tree_size, live).and_then(|()| {
        let mut notes = Notes::new(state, export, wish, part.handle().map_err(Error::Output)?);
        let origin = Origin { answers: state.index(), entries: state.ledger() };
        let mut out = BufWriter::with_capacity(if wish.format().is_resumable() { 0 } else { BUFFER }, part);
        let end = wish.export().run(origin, &live.budget, start, &mut out, &mut |position| {
            reached = *position;
            live.rows.store(position.rows, Ordering::Relaxed);
            live.bytes.store(position.bytes, Ordering::Relaxed);
            notes.take(position);
        })?;
        out.flush().map_err(Error::Output)?;
        Ok(end)
    });
    (reached, written)
}

fn wait_for_index(state: &AppState, tree_size: u64, live: &Live) -> std::result::Result<(), Error> {
    while !state.index().wait_for(tree_size, INDEX_STEP) {
        live.budget.check()?;
    }
    Ok(())
}

/// Notes now and then how far an export is.
struct Notes<'a> {
    state: &'a AppState,
    id: &'a str,
    can_be_gone_on_with: bool,
    file: File,
    noted: Instant,
}

impl<'a> Notes<'a> {
    fn new(state: &'a AppState, export: &'a Stored, wish: &Wish, file: File) -> Self {
        let can_be_gone_on_with = wish.format().is_resumable();
        Self { state, id: &export.id, can_be_gone_on_with, file, noted: Instant::now() }
    }

    fn take(&mut self, position: &Position) {
        if self.noted.elapsed() < NOTE_EVERY {
            return;
        }
        self.noted = Instant::now();
        if let Err(error) = note(self.state, self.id, position, self.can_be_gone_on_with, &self.file) {
            // The worst that follows is work done twice.
            tracing::warn!(error.message = %error, export.id = self.id, "an export's place could not be noted");
        }
    }
}

/// Syncs the file and then notes the place: what is noted is on the disk.
fn note(state: &AppState, id: &str, position: &Position, resumable: bool, file: &File) -> io::Result<()> {
    file.sync_data()?;
    let place = resumable.then(|| serde_json::to_string(position)).transpose().map_err(io::Error::other)?;
    let control = state.export_jobs().control();
    control
        .note_export_position(id, (position.rows, position.bytes), place.as_deref())
        .map_err(io::Error::other)
}

/// Gives the file its name or removes it, and notes the end; an export that the shutdown interrupted goes on later.
fn conclude(
    state: &AppState,
    export: &Stored,
    wish: &Wish,
    live: &Live,
    part: Part,
    (reached, written): (Position, std::result::Result<Position, Error>),
    dir: &Path,
) -> Result<()> {
    let id = &export.id;
    let error = match written {
        Ok(reached) if !live.is_unwanted.load(Ordering::Acquire) => {
            return finish(state, export, wish, part, &reached);
        }
        Ok(_) => Error::Cancelled,
        Err(error) => error,
    };
    let is_interrupted = matches!(error, Error::Cancelled) && !live.is_unwanted.load(Ordering::Acquire);
    if is_interrupted {
        let file = part.handle().map_err(Problem::internal)?;
        drop(part);
        return note(state, id, &reached, wish.format().is_resumable(), &file).map_err(Problem::internal);
    }
    let shortage = part.shortage();
    part.discard().map_err(Problem::internal)?;
    let end_of = match (&error, shortage) {
        (Error::Cancelled, _) => ending(state, ExportState::Cancelled, &reached),
        (_, Some(shortage)) => failing(state, shortage.reason(), &reached),
        (other, None) => {
            state.unreadable().note_query(other);
            tracing::error!(error.message = %other, export.id = id, dir = %dir.display(), "an export failed");
            failing(state, reason_of(other), &reached)
        }
    };
    end(state, id, &end_of)
}

fn finish(state: &AppState, export: &Stored, wish: &Wish, part: Part, reached: &Position) -> Result<()> {
    let first = wish.first(1, wish.order(), export.tree_size);
    let first = state.index().list(&first, &audit_query::question::Budget::unlimited())?;
    let ends = first.rows.first().map(|row| row.index).zip(reached.last.map(|row| row.index));
    let sha256 = part.finish().map_err(Problem::internal)?;
    end(
        state,
        &export.id,
        &ExportEnd {
            bytes: reached.bytes,
            sha256: Some(sha256),
            ends,
            ..ending(state, ExportState::Done, reached)
        },
    )
}

fn ending(state: &AppState, how: ExportState, reached: &Position) -> ExportEnd {
    ExportEnd {
        state: how,
        at: state.now(),
        rows: reached.rows,
        bytes: reached.bytes,
        sha256: None,
        ends: None,
        reason: None,
    }
}

fn failing(state: &AppState, reason: &str, reached: &Position) -> ExportEnd {
    ExportEnd { reason: Some(reason.to_owned()), ..ending(state, ExportState::Failed, reached) }
}

fn reason_of(error: &Error) -> &'static str {
    match error {
        Error::Ledger(_) | Error::Undecodable { .. } => "unreadable",
        Error::Damaged { .. } => "index_rebuilding",
        _ => "internal",
    }
}

/// Notes that an export failed, and why.
fn fail(state: &AppState, id: &str, reason: &str) {
    let exports = state.export_jobs();
    if let Some(files) = &exports.files
        && let Err(error) = part::remove_part(&files.dir, id)
    {
        tracing::error!(error.message = %error, export.id = id, "an unfinished file could not be removed");
    }
    if let Err(problem) = end(state, id, &failing(state, reason, &Position::default())) {
        tracing::error!(
            error.message = problem.detail(),
            export.id = id,
            "an export's end could not be noted"
        );
    }
}

fn end(state: &AppState, id: &str, end: &ExportEnd) -> Result<()> {
    let exports = state.export_jobs();
    if exports.control().end_export(id, end)? {
        record::record_end(state, &exports.find(id)?);
    }
    Ok(())
}

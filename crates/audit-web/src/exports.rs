//! Exports in the background: asked for once, written to a file, fetched later.
//!
//! ```text
//!  begin ──row in control.db──► export-job threads ──DIR/ID.part──sync, rename──► DIR/ID ──► fetched, kept for some days
//! ```
//!
//! An export is of the ledger at one size and of nothing else, so that it can be gone on with after a restart: every few
//! seconds what was written is synced and the place noted, and [`Exports::resume`] carries on there (a Parquet file begins
//! again). The file gets its name when it is whole and durable. Then its end is recorded with its SHA-256, which is what
//! its proof ([`manifest`]) rests on.
//!
//! Bounded are the exports that run, those that wait, the bytes they keep, and how much of the disk they leave free: an
//! export must never be what stops the recording.

pub(crate) mod estimate;
pub(crate) mod manifest;
mod part;
mod record;
mod run;
mod space;
mod wanted;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use audit_control::{Control, Export, ExportState};
use audit_event::Timestamp;
use audit_query::question::{Answers as _, Budget};
use parking_lot::{Condvar, Mutex};

use crate::problem::{Code, Problem, Result};
use crate::searchable;
use crate::state::AppState;
use crate::workers::Workers;
#[cfg(test)]
pub(crate) use record::record_end as record_again;
pub(crate) use record::{about, what_happened};
use space::Space;
pub(crate) use wanted::{Asker, Wish, checked_name, default_name, file_name, seen_by};

/// Exports that wait or run at once, all owners together.
const MOST_UNFINISHED: usize = 32;
/// Exports of one owner that wait or run at once.
const MOST_OF_ONE: usize = 8;
/// Ended exports that stay in the list.
const KEPT_IN_LIST: u32 = 1_000;
const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Where exports in the background keep their files, and within which bounds.
#[derive(Debug, Clone)]
pub struct ExportFiles {
    /// The directory; made if it is missing. Nothing else may be in it.
    pub dir: PathBuf,
    /// Bytes of all files together; what would need more is refused, or ends.
    pub max_bytes: u64,
    /// Bytes of the disk that exports leave free.
    pub min_free_bytes: u64,
    /// For how many days a finished file is kept.
    pub keep_days: u32,
    /// Exports that are written at once; more wait their turn.
    pub at_once: usize,
}

/// All exports of this server.
pub(crate) struct Exports {
    control: Arc<Control>,
    files: Option<ExportFiles>,
    space: Arc<Space>,
    workers: Workers,
    unfinished: Mutex<HashMap<String, Arc<Live>>>,
    /// Told when one of them leaves.
    left: Condvar,
    is_stopping: AtomicBool,
}

/// An export that waits or runs.
#[derive(Debug)]
pub(crate) struct Live {
    owner: String,
    budget: Budget,
    is_running: AtomicBool,
    /// Somebody does not want it any more.
    is_unwanted: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Live {
    fn of(export: &Export) -> Arc<Self> {
        Arc::new(Self {
            owner: export.owner.clone(),
            budget: Budget::unlimited(),
            is_running: AtomicBool::new(false),
            is_unwanted: AtomicBool::new(false),
            rows: AtomicU64::new(export.rows),
            bytes: AtomicU64::new(export.bytes),
        })
    }

    /// Says whether it runs, so that it ends by itself. Called with the list of the unfinished locked.
    fn cancel(&self) -> bool {
        self.is_unwanted.store(true, Ordering::Release);
        self.budget.cancel();
        self.is_running.load(Ordering::Acquire)
    }
}

impl Exports {
    /// Exports that are kept in `files`; without them there can be none.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn build(control: Arc<Control>, files: Option<ExportFiles>) -> std::io::Result<Self> {
        let at_once = files.as_ref().map_or(1, |files| files.at_once.max(1));
        Ok(Self {
            control,
            space: Arc::new(Space::of(files.as_ref())),
            files,
            workers: Workers::start("export-job", at_once, usize::MAX)?,
            unfinished: Mutex::default(),
            left: Condvar::new(),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Begins an export: on record before it is anywhere else. Blocks.
    ///
    /// # Errors
    /// [`Code::TooManyExports`], [`Code::NoExportSpace`], [`Code::ExportsUnavailable`], [`Code::Busy`], and what asking for the number of
    /// events comes to.
    pub fn begin(&self, state: &AppState, wish: &Wish, asker: &Asker, budget: &Budget) -> Result<Export> {
        if self.files.is_none() {
            return Err(unavailable());
        }
        self.check_number(&asker.id)?;
        let tree_size = searchable::size(state)?;
        let total = state.index().count(&wish.count(tree_size), budget)?;
        let likely_bytes = estimate::bytes_of(state, wish, total, tree_size, budget)?;
        self.space.check(likely_bytes).map_err(space::Shortage::into_problem)?;
        let export = wish.to_export(asker, (tree_size, total), state.now())?;
        state.activity().record(record::beginning(&export, asker));
        self.control.add_export(&export)?;
        self.enqueue(state, &export)?;
        Ok(export)
    }

    fn check_number(&self, owner: &str) -> Result<()> {
        let unfinished = self.unfinished.lock();
        let of_owner = unfinished.values().filter(|live| live.owner == owner).count();
        let detail = if of_owner >= MOST_OF_ONE {
            format!("{of_owner} exports of yours are unfinished already; wait for one, or cancel one")
        } else if unfinished.len() >= MOST_UNFINISHED {
            format!("{} exports are unfinished already; wait for one to end", unfinished.len())
        } else {
            return Ok(());
        };
        Err(Problem::new(Code::TooManyExports, detail).retry_after_ms(10_000))
    }

    fn enqueue(&self, state: &AppState, export: &Export) -> Result<()> {
        let live = Live::of(export);
        self.unfinished.lock().insert(export.id.clone(), Arc::clone(&live));
        let (id, state) = (export.id.clone(), state.clone());
        self.workers.start_job(move || {
            let exports = state.export_jobs();
            // Leaves the list whatever happens, or a shutdown would wait for it for ever.
            let _leaving = Leaving { exports, id: &id };
            if exports.take_up(&live) {
                run::run(&state, &id, &live);
            }
        })
    }

    /// Whether this one is to run now. Decided under the lock under which it is cancelled and everything stopped, so that
    /// nothing begins behind the back of either.
    fn take_up(&self, live: &Live) -> bool {
        let _unfinished = self.unfinished.lock();
        let is_wanted =
            !self.is_stopping.load(Ordering::Acquire) && !live.is_unwanted.load(Ordering::Acquire);
        live.is_running.store(is_wanted, Ordering::Release);
        is_wanted
    }

    /// Goes on with what a former process left unfinished, and records ends that it could not. Blocks.
    pub fn resume(&self, state: &AppState) {
        let Some(files) = &self.files else { return };
        if let Err(error) = self.tidy(state, files) {
            tracing::error!(error.message = %error, "exports in the background are not available");
        }
    }

    fn tidy(&self, state: &AppState, files: &ExportFiles) -> std::result::Result<(), TidyError> {
        part::make_private_dir(&files.dir)?;
        let mut known = self.control.exports(None, u32::MAX)?;
        known.reverse();
        part::remove_strangers(&files.dir, &known)?;
        for export in &known {
            match export.state {
                ExportState::Done => self.space.keep(export.bytes),
                state_then if state_then.is_unfinished() => {
                    tracing::info!(export.id, export.rows, "an export goes on");
                    if let Err(problem) = self.enqueue(state, export) {
                        tracing::error!(
                            error.message = problem.detail(),
                            export.id,
                            "an export cannot go on"
                        );
                    }
                }
                _ => {}
            }
        }
        self.record_ends(state, &known);
        Ok(())
    }

    /// Removes files whose days are over, and records what could not be recorded before. Blocks.
    pub fn sweep(&self, state: &AppState) {
        let Some(files) = &self.files else { return };
        let known = match self.control.exports(None, u32::MAX) {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(error.message = %error, "the list of exports cannot be read");
                return;
            }
        };
        let now = state.now();
        for export in known.iter().filter(|export| expires(export, files).is_some_and(|at| at <= now)) {
            if let Err(error) = self.retire(files, export, ExportState::Expired) {
                tracing::error!(error.message = %error, export.id, "an export's file could not be removed");
            }
        }
        self.record_ends(state, &known);
        if let Err(error) = self.control.forget_exports(KEPT_IN_LIST) {
            tracing::error!(error.message = %error, "old exports could not be forgotten");
        }
    }

    fn record_ends(&self, state: &AppState, known: &[Export]) {
        for export in known.iter().filter(|export| !export.recorded && !export.state.is_unfinished()) {
            record::record_end(state, export);
        }
    }

    /// Cancels an unfinished export, removes a finished one's file; leaves others as they are. Blocks.
    ///
    /// # Errors
    /// When the file or its row cannot be changed.
    pub fn remove(&self, state: &AppState, export: &Export) -> Result<Export> {
        if export.state.is_unfinished() {
            self.cancel(state, export)?;
        }
        // What finished before it could be cancelled has a file.
        let export = self.find(&export.id)?;
        if export.state == ExportState::Done
            && let Some(files) = &self.files
        {
            self.retire(files, &export, ExportState::Deleted).map_err(Problem::internal)?;
            return self.find(&export.id);
        }
        Ok(export)
    }

    /// Stops one that runs and waits until its file is gone; one that still waits for its turn ends here.
    fn cancel(&self, state: &AppState, export: &Export) -> Result<()> {
        let mut unfinished = self.unfinished.lock();
        if unfinished.get(&export.id).is_some_and(|live| live.cancel()) {
            drop(unfinished);
            self.wait_for_leaving(&export.id, Duration::from_secs(10));
            return Ok(());
        }
        // Its place is free at once, not when its turn would have come.
        unfinished.remove(&export.id);
        drop(unfinished);
        run::end_as_cancelled(state, export)
    }

    fn wait_for_leaving(&self, id: &str, patience: Duration) {
        let mut unfinished = self.unfinished.lock();
        while unfinished.contains_key(id) {
            if self.left.wait_for(&mut unfinished, patience).timed_out() {
                return;
            }
        }
    }

    fn retire(
        &self,
        files: &ExportFiles,
        export: &Export,
        state: ExportState,
    ) -> std::result::Result<(), TidyError> {
        part::remove(&part::path(&files.dir, &export.id))?;
        if self.control.retire_export(&export.id, state)? {
            self.space.give_back(export.bytes);
        }
        Ok(())
    }

    /// The export of this id as it is now.
    ///
    /// # Errors
    /// [`Code::NoSuchExport`].
    pub fn find(&self, id: &str) -> Result<Export> {
        let export = self.control.export(id)?.ok_or_else(|| no_such_export(id))?;
        Ok(self.as_now(export))
    }

    /// The newest exports, newest first; with `owner`, theirs only.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self, owner: Option<&str>, most: u32) -> Result<Vec<Export>> {
        let exports = self.control.exports(owner, most)?;
        Ok(exports.into_iter().map(|export| self.as_now(export)).collect())
    }

    /// With what is known of one that runs since its row was written.
    fn as_now(&self, mut export: Export) -> Export {
        if export.state.is_unfinished()
            && let Some(live) = self.unfinished.lock().get(&export.id)
        {
            let is_running = live.is_running.load(Ordering::Acquire);
            export.state = if is_running { ExportState::Running } else { ExportState::Queued };
            export.rows = live.rows.load(Ordering::Relaxed);
            export.bytes = live.bytes.load(Ordering::Relaxed);
        }
        export
    }

    /// The file of a finished export.
    ///
    /// # Errors
    /// [`Code::ExportNotReady`] when it is not finished or failed, [`Code::ExportGone`] when its file is not kept any more.
    pub fn file_of(&self, export: &Export) -> Result<PathBuf> {
        match export.state {
            ExportState::Done => {
                let files = self.files.as_ref().ok_or_else(unavailable)?;
                Ok(part::path(&files.dir, &export.id))
            }
            ExportState::Expired | ExportState::Deleted => Err(Problem::new(
                Code::ExportGone,
                "the file of this export was removed; begin the export again",
            )),
            ExportState::Queued | ExportState::Running => {
                let detail = "this export is still being written; ask again when its state is done";
                Err(Problem::new(Code::ExportNotReady, detail).retry_after_ms(2_000))
            }
            ExportState::Failed | ExportState::Cancelled => {
                Err(Problem::new(Code::ExportNotReady, "this export came to nothing; begin it again"))
            }
        }
    }

    /// When a finished export's file is removed.
    pub fn expires(&self, export: &Export) -> Option<Timestamp> {
        expires(export, self.files.as_ref()?)
    }

    /// For how many days files are kept.
    pub fn keep_days(&self) -> u32 {
        self.files.as_ref().map_or(0, |files| files.keep_days)
    }

    /// Ends all work, with its place noted; what is left goes on at the next start. Blocks.
    pub fn stop(&self) {
        let mut unfinished = self.unfinished.lock();
        self.is_stopping.store(true, Ordering::Release);
        unfinished.values().for_each(|live| live.budget.cancel());
        while unfinished.values().any(|live| live.is_running.load(Ordering::Acquire)) {
            self.left.wait(&mut unfinished);
        }
    }

    /// Has `count` exports of that owner wait.
    #[cfg(test)]
    pub fn hold(&self, count: usize, owner: &str) {
        for number in 0..count {
            let live = Live {
                owner: owner.to_owned(),
                budget: Budget::unlimited(),
                is_running: AtomicBool::new(false),
                is_unwanted: AtomicBool::new(false),
                rows: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
            };
            self.unfinished.lock().insert(format!("held {number}"), Arc::new(live));
        }
    }

    fn control(&self) -> &Control {
        &self.control
    }
}

/// Takes an export off the list of unfinished ones.
struct Leaving<'a> {
    exports: &'a Exports,
    id: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.exports.unfinished.lock().remove(self.id);
        self.exports.left.notify_all();
    }
}

/// Why the files could not be brought in line with the list.
#[derive(Debug, thiserror::Error)]
enum TidyError {
    #[error(transparent)]
    Control(#[from] audit_control::Error),
    #[error("files of exports: {0}")]
    Io(#[from] std::io::Error),
}

fn expires(export: &Export, files: &ExportFiles) -> Option<Timestamp> {
    let ended = export.ended.filter(|_| export.state == ExportState::Done)?;
    let kept = i64::from(files.keep_days).saturating_mul(MICROS_PER_DAY);
    Some(Timestamp::from_micros(ended.as_micros().saturating_add(kept)))
}

/// There is none of this id, as far as the asker may know.
pub(crate) fn no_such_export(id: &str) -> Problem {
    let shown: String = id.chars().take(80).collect();
    Problem::new(Code::NoSuchExport, format!("there is no export {shown:?} of yours"))
}

fn unavailable() -> Problem {
    Problem::new(Code::ExportsUnavailable, "this server has no place for files of exports")
}

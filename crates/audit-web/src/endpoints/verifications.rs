//! `/verifications`: checks of the whole ledger. One at a time; how each ended is an event.

pub(crate) mod cancel;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod start;

use audit_control::Verification;
use audit_event::Timestamp;
use serde::Serialize;

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// A check as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    pub id: u64,
    pub state: &'static str,
    /// Who asked for it; none: the schedule.
    pub by: Option<By>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// How long it took, or has taken so far.
    pub seconds: f64,
    /// Events checked and events there are, while it runs.
    pub progress: Option<Progress>,
    /// Intact events, from the first on.
    pub entries: Option<u64>,
    pub events_per_second: Option<f64>,
    pub checkpoint_size: Option<u64>,
    pub root: Option<String>,
    pub integrity: Option<Verdict>,
    pub completeness: Option<Verdict>,
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct By {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    pub done: u64,
    pub total: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub sound: bool,
    pub findings: Vec<String>,
}

impl View {
    /// A check, with how far it is if it runs now.
    pub fn new(check: Verification, state: &AppState) -> Self {
        let running = state.verifications().running().filter(|running| running.id == check.id);
        let until = check.ended.unwrap_or_else(|| state.now());
        let micros = until.as_micros().saturating_sub(check.started.as_micros()).max(0);
        #[expect(clippy::cast_precision_loss, reason = "seconds with their fractions")]
        let seconds = micros as f64 / 1e6;
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = |entries: u64| (seconds > 0.0).then(|| (entries as f64 / seconds).round());
        let verdict = |findings: Vec<String>| Verdict { sound: findings.is_empty(), findings };
        let found = check.verdicts;
        Self {
            id: check.id,
            state: check.state.as_str(),
            by: check.by.map(|(id, name)| By { id, name }),
            started: check.started,
            ended: check.ended,
            seconds,
            progress: running.map(|running| {
                let (done, total) = running.progress();
                Progress { done, total }
            }),
            entries: found.as_ref().map(|found| found.entries),
            events_per_second: found.as_ref().and_then(|found| rate(found.entries)),
            checkpoint_size: found.as_ref().and_then(|found| found.checkpoint),
            root: found.as_ref().and_then(|found| found.root.clone()),
            integrity: found.as_ref().map(|found| verdict(found.integrity.clone())),
            completeness: found.map(|found| verdict(found.completeness)),
            error: check.error,
        }
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// The check of that number. Blocks.
///
/// # Errors
/// [`Code::NoSuchVerification`].
pub(crate) fn find(state: &AppState, id: &str) -> Result<View> {
    let found = match id.parse() {
        Ok(id) => state.control().verification(id)?,
        Err(_) => None,
    };
    let no_such = || {
        let shown: String = id.chars().take(40).collect();
        Problem::new(Code::NoSuchVerification, format!("no verification has the number {shown:?}"))
    };
    found.map(|check| View::new(check, state)).ok_or_else(no_such)
}

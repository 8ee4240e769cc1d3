//! How many sources have fallen silent, for the mark that every page has beside Health.
//!
//! Finding out reads weeks of hours: no page waits for it. What is known is a minute old at most where pages are looked at,
//! and asked anew behind the page that finds it older.

use audit_event::Timestamp;
use audit_query::question::Budget;
use parking_lot::Mutex;

use crate::pulse;
use crate::state::AppState;

/// How long what was found is good for.
const FRESH_MICROS: i64 = 60 * 1_000_000;

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct Silence(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    sources: usize,
    /// When somebody began to find out.
    asked: Option<Timestamp>,
}

impl Silence {
    /// Keeps what somebody found out at this time.
    pub fn keep(&self, sources: usize, now: Timestamp) {
        *self.0.lock() = Found { sources, asked: Some(now) };
    }
}

/// How many silent sources are known of; asks anew, without waiting, when that was found long ago.
pub(crate) fn known(state: &AppState) -> usize {
    let now = state.now();
    let mut found = state.silence().0.lock();
    let is_fresh = found.asked.is_some_and(|asked| now.as_micros() - asked.as_micros() < FRESH_MICROS);
    if !is_fresh {
        found.asked = Some(now);
        let worker = state.clone();
        let budget = Budget::of(state.config().query_timeout);
        // Where too much waits already the next page asks again, in a minute.
        let _ = state.queries().start_job(move || match pulse::silent_with_parts(&worker, &budget) {
            Ok(silent) => worker.silence().keep(silent, now),
            Err(problem) => tracing::debug!(error.message = problem.detail(), "silent sources are not known"),
        });
    }
    found.sources
}

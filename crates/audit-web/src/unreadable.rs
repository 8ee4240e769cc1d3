//! What readers found damaged.
//!
//! The ledger checks every frame it reads, but nobody reads all of it all the time: an entry that has rotted on the
//! disk shows when somebody asks for it. Here such encounters are counted, so that readiness, metrics and `doctor`
//! can tell of them; what else is damaged, `verify` finds.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::problem::Problem;

/// Attempts to read entries that failed because these are damaged or cannot be decoded, since the start.
#[derive(Debug, Default)]
pub(crate) struct Unreadable(AtomicU64);

impl Unreadable {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes an entry that was found damaged or not decodable.
    pub fn note(&self, error: &dyn std::fmt::Display) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tracing::error!(error.message = %error, "an entry cannot be read");
    }

    /// Notes what the ledger reports, if it is damage.
    pub fn note_ledger(&self, error: &audit_ledger::Error) {
        if matches!(error, audit_ledger::Error::Damage(_)) {
            self.note(error);
        }
    }

    /// Notes what a query or an export reports, if it is a damaged entry.
    pub fn note_query(&self, error: &audit_query::Error) {
        match error {
            audit_query::Error::Ledger(error) => self.note_ledger(error),
            audit_query::Error::Undecodable { .. } => self.note(error),
            _ => {}
        }
    }

    /// [`Self::note_ledger`] on the way to an answer.
    pub fn ledger_problem(&self, error: audit_ledger::Error) -> Problem {
        self.note_ledger(&error);
        Problem::internal(error)
    }

    /// [`Self::note_query`] on the way to an answer.
    pub fn query_problem(&self, error: audit_query::Error) -> Problem {
        self.note_query(&error);
        error.into()
    }

    /// [`Self::note`] of an entry that cannot be decoded, on the way to an answer.
    pub fn decode_problem(&self, error: audit_event::DecodeError) -> Problem {
        self.note(&error);
        Problem::internal(error)
    }
}

//! What was wrong with a request.

use std::fmt;

use audit_event::EventError;
use serde::Deserialize;

/// One line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Number of the line, or of the element of an array, from 1.
    pub line: u64,
    /// The event's id, as far as it could be read.
    pub id: Option<String>,
    /// The field at fault, as a dotted path; empty when it is the line as a whole.
    pub field: String,
    /// A stable code.
    pub code: &'static str,
    /// One sentence that says what to do.
    pub message: String,
}

/// All lines that were not taken: all counted, the first ones listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BadLines {
    /// How many there are.
    pub total: u64,
    /// The first of them.
    pub listed: Vec<BadLine>,
}

impl BadLines {
    /// Whether all lines were good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Counts a bad line, and lists it unless `limit` are listed already.
    pub(crate) fn note(&mut self, limit: usize, bad: impl FnOnce() -> BadLine) {
        self.total += 1;
        if self.listed.len() < limit {
            self.listed.push(bad());
        }
    }

    pub(super) fn add(&mut self, limit: usize, others: BadLines) {
        self.total += others.total;
        let room = limit.saturating_sub(self.listed.len());
        self.listed.extend(others.listed.into_iter().take(room));
    }
}

impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.listed.first(), self.total) {
            (Some(first), 1) => write!(f, "line {}: {}", first.line, first.message),
            (Some(first), total) => {
                write!(f, "{total} lines are bad; the first is line {}: {}", first.line, first.message)
            }
            (None, total) => write!(f, "{total} lines are bad"),
        }
    }
}

impl BadLine {
    pub(super) fn new(line: u64, id: Option<String>, error: &EventError) -> Self {
        Self { line, id, field: error.field.clone(), code: error.code(), message: error.to_string() }
    }
}

/// The `id` of a line that is no event but may be JSON.
pub(super) fn readable_id(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let id = serde_json::from_slice::<Named>(json).ok()?.id;
    (id.len() <= audit_event::limits::ID_BYTES).then_some(id)
}

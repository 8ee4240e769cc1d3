//! A made-up year.

use audit_event::{Event, Timestamp};

/// What year to make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    /// The year's last moment.
    pub end: Timestamp,
    /// The same seed and end give the same events.
    pub seed: u64,
    /// About how many events there are to be, at least 10,000; the incidents come on top.
    pub events: u64,
}

/// Something worth finding in the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// A few words.
    pub title: &'static str,
    /// What happened, in a sentence or two.
    pub story: String,
    /// When it began.
    pub from: Timestamp,
    /// When it was over.
    pub to: Timestamp,
    /// A query that finds it within that time.
    pub query: String,
}

impl Demo {
    /// The default year: some 200,000 events.
    #[must_use]
    pub fn new(end: Timestamp) -> Self {
        Self { end, seed: 1, events: 200_000 }
    }

    /// The events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = Event<'static>> + Send + use<> {
        std::iter::empty()
    }

    /// What there is to find, oldest first.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        Vec::new()
    }
}

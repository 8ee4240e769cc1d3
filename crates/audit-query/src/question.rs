//! Questions about the recorded events, and who answers them.
//!
//! Four kinds: *list* a page of events, *count* them, *group* them (a *ranking* is a page of groups), *scan* all of them. Each is a plain value;
//! how it is answered is the business of the [`Answers`] implementation (the index in production, a naive one
//! over events in memory in tests).
//!
//! Events are named by their ledger index. Results are in time order, ties broken by index; `snapshot` fixes
//! which events exist for a question (those with an index below it), so that pages of one list stay
//! consistent while new events arrive.

mod group;

pub use group::{
    Bucket, Group, GroupKey, Key, Measure, NumberField, RankBy, Ranking, Table, TableRow, Tables, Unit, Value,
};

use crate::Error;
use crate::filter::Filter;
use audit_event::Timestamp;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A half-open span of event time: `from <= time < to`. [`Timestamp::MAX`] as `to` means no end, so that an
/// event stamped with the last microsecond there is belongs to [`TimeRange::ALL`] like every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after it that is outside.
    pub to: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub const ALL: TimeRange = TimeRange { from: Timestamp::MIN, to: Timestamp::MAX };

    /// Whether `time` lies inside.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && (time < self.to || self.to == Timestamp::MAX)
    }

    /// Whether no time lies inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from >= self.to && self.to != Timestamp::MAX
    }
}

/// In which order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Latest time first; among equal times, the highest index first.
    #[default]
    NewestFirst,
    /// Earliest time first; among equal times, the lowest index first.
    OldestFirst,
}

impl Order {
    /// How `a` and `b` follow each other in this order.
    #[must_use]
    pub fn compare(self, a: RowRef, b: RowRef) -> std::cmp::Ordering {
        let ascending = (a.time, a.index).cmp(&(b.time, b.index));
        match self {
            Order::NewestFirst => ascending.reverse(),
            Order::OldestFirst => ascending,
        }
    }
}

/// One event in an answer: where it stands in the ledger and in time. Also the position after which the next
/// page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct RowRef {
    /// The event's own time.
    pub time: Timestamp,
    /// The entry's index in the ledger.
    pub index: u64,
}

/// The position of the last event of a page.
pub type PageKey = RowRef;

/// The first `limit` events in `order` after `after`.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Which events.
    pub filter: Filter,
    /// From which time.
    pub range: TimeRange,
    /// In which order.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
    /// Begin after this position; it need not be an event that still matches.
    pub after: Option<PageKey>,
    /// Only events with an index below this; `None` for all that are searchable now.
    pub snapshot: Option<u64>,
    /// Whether to count all events that match, whatever the page (`after` has no influence on the count).
    pub count: bool,
}

/// The answer to a [`List`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events, in order.
    pub rows: Vec<RowRef>,
    /// Where the next page begins; `None` when nothing follows this page.
    pub next: Option<PageKey>,
    /// How many events match in all, if the question asked.
    pub total: Option<u64>,
    /// The snapshot it was answered for; the next page's question carries it.
    pub snapshot: u64,
}

/// How many events.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// Which events.
    pub filter: Filter,
    /// From which time.
    pub range: TimeRange,
    /// Only events with an index below this; `None` for all that are searchable now.
    pub snapshot: Option<u64>,
}

/// All events, in order, in batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Which events.
    pub filter: Filter,
    /// From which time.
    pub range: TimeRange,
    /// In which order.
    pub order: Order,
    /// Begin after this position.
    pub after: Option<PageKey>,
    /// Only events with an index below this; `None` for all that are searchable now.
    pub snapshot: Option<u64>,
}

/// Answers questions. Calls block the calling thread; they are made on threads of their own.
///
/// Every call checks its [`Budget`] at least once a page of rows (some thousand events) and then ends with
/// [`Error::Cancelled`] or [`Error::TimedOut`].
pub trait Answers: Send + Sync {
    /// How many events are searchable: every ledger index below it.
    fn snapshot(&self) -> u64;

    /// A page of events.
    fn list(&self, question: &List, budget: &Budget) -> Result<Page, Error>;

    /// How many events match.
    fn count(&self, question: &Count, budget: &Budget) -> Result<u64, Error>;

    /// Events by groups.
    fn group(&self, question: &Group, budget: &Budget) -> Result<Table, Error>;

    /// The answers to several questions for groups, all from one moment. Where range and snapshot are the same and
    /// nothing but counts and sums is measured, they take one pass over the events, in which the conditions that the
    /// filters have in common are judged once.
    ///
    /// When such a pass has taken as long as `patience`, the rows of further partitions on disk are left out, the
    /// latest being counted first; what rollups tell is added all the same. [`Tables::complete_after`] says so.
    fn groups(
        &self,
        questions: &[Group],
        patience: Option<Duration>,
        budget: &Budget,
    ) -> Result<Tables, Error>;

    /// A page of groups, in the order asked for.
    fn rank(&self, question: &Ranking, budget: &Budget) -> Result<Table, Error>;

    /// Shows `visit` all matching events in order, in batches of at least one and some thousand at most, until
    /// it breaks off. Returns the snapshot it was answered for. Memory does not grow with the number of events.
    fn scan(
        &self,
        question: &Scan,
        budget: &Budget,
        visit: &mut dyn FnMut(&[RowRef]) -> ControlFlow<()>,
    ) -> Result<u64, Error>;
}

/// How long a question may take, and the flag that ends it.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    deadline: Option<Instant>,
    cancelled: Arc<AtomicBool>,
}

impl Budget {
    /// No limit but cancellation.
    #[must_use]
    pub fn unlimited() -> Budget {
        Budget::default()
    }

    /// At most this long from now.
    #[must_use]
    pub fn of(allowed: Duration) -> Budget {
        Budget { deadline: Instant::now().checked_add(allowed), cancelled: Arc::default() }
    }

    /// The flag that cancels the question when set; share it with whoever may cancel.
    #[must_use]
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Sets the flag.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Fails if the question was cancelled or its time is over.
    pub fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::TimedOut),
            _ => Ok(()),
        }
    }
}

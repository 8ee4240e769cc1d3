//! What settings, users and groups were when their state last passed: a bounded memory by the path that reads it.
//!
//! A change makes what is remembered obsolete; so does a change of things whose state nobody can name, such as an import
//! of the whole configuration.

use std::collections::{HashMap, VecDeque};

use audit_event::Timestamp;
use bytes::Bytes;
use parking_lot::Mutex;

/// Most states remembered.
const MAX_STATES: usize = 512;

/// What all of them may take, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// What was seen this recently need not be asked for again: an admin's page reads a setting before it changes it.
const FRESH_SECONDS: i64 = 60;

/// What was seen longer ago says too little.
const MAX_AGE_SECONDS: i64 = 60 * 60;

/// The last states, by path.
#[derive(Default)]
pub(in crate::proxy) struct States(Mutex<Seen>);

/// When a request began, counted in changes: clocks may stand still or go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::proxy) struct Moment(u64);

#[derive(Default)]
struct Seen {
    /// How many changes there were.
    now: Moment,
    /// When the state behind a path changed last; of those that are not here, `forgotten` at the latest.
    changed: HashMap<String, Moment>,
    forgotten: Moment,
    by_path: HashMap<String, (Timestamp, Bytes)>,
    /// Paths in the order in which they came; some may be gone or doubled.
    order: VecDeque<String>,
    bytes: usize,
}

impl States {
    /// The moment in which a request begins.
    pub fn moment(&self) -> Moment {
        self.0.lock().now
    }

    /// A state has passed, as the answer to a request that `began` then: if there was a change since, it may be the
    /// state before that, and is ignored.
    pub fn saw(&self, path: &str, state: Bytes, now: Timestamp, began: Moment) {
        let mut seen = self.0.lock();
        if began < seen.last_change(path) {
            return;
        }
        seen.forget(path);
        seen.bytes += state.len();
        seen.by_path.insert(path.to_owned(), (now, state));
        seen.order.push_back(path.to_owned());
        while seen.by_path.len() > MAX_STATES || seen.bytes > MAX_BYTES || seen.order.len() > 2 * MAX_STATES {
            let Some(oldest) = seen.order.pop_front() else { break };
            // A path that came again stands further back, too.
            if !seen.order.contains(&oldest) {
                seen.forget(&oldest);
            }
        }
    }

    /// The state as it was a moment ago.
    pub fn fresh(&self, path: &str, now: Timestamp) -> Option<Bytes> {
        self.younger(path, now, FRESH_SECONDS)
    }

    /// The state as it was last seen.
    pub fn last(&self, path: &str, now: Timestamp) -> Option<Bytes> {
        self.younger(path, now, MAX_AGE_SECONDS)
    }

    fn younger(&self, path: &str, now: Timestamp, seconds: i64) -> Option<Bytes> {
        let seen = self.0.lock();
        let (at, state) = seen.by_path.get(path)?;
        let age = now.as_micros().saturating_sub(at.as_micros());
        (age <= seconds * 1_000_000).then(|| state.clone())
    }

    /// The state behind this path may have changed.
    pub fn changed(&self, path: &str) {
        let mut seen = self.0.lock();
        seen.forget(path);
        seen.now.0 += 1;
        let now = seen.now;
        if seen.changed.len() >= MAX_STATES {
            seen.changed.clear();
            seen.forgotten = now;
        }
        seen.changed.insert(path.to_owned(), now);
    }

    /// Any state may have changed.
    pub fn all_changed(&self) {
        let mut seen = self.0.lock();
        let now = Moment(seen.now.0 + 1);
        *seen = Seen { now, forgotten: now, ..Seen::default() };
    }
}

impl Seen {
    fn last_change(&self, path: &str) -> Moment {
        self.changed.get(path).copied().unwrap_or(self.forgotten)
    }

    fn forget(&mut self, path: &str) {
        if let Some((_, state)) = self.by_path.remove(path) {
            self.bytes -= state.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn bytes(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[test]
    fn a_state_is_fresh_for_a_minute_and_known_for_an_hour() {
        let states = States::default();
        states.saw("/a", bytes(3), at(0), states.moment());
        assert!(states.fresh("/a", at(60)).is_some());
        assert!(states.fresh("/a", at(61)).is_none());
        assert!(states.last("/a", at(3600)).is_some());
        assert!(states.last("/a", at(3601)).is_none());
        assert!(states.last("/b", at(0)).is_none());
    }

    #[test]
    fn a_change_makes_it_obsolete() {
        let states = States::default();
        for path in ["/a", "/b", "/c"] {
            states.saw(path, bytes(3), at(0), states.moment());
        }
        states.changed("/a");
        assert!(states.last("/a", at(1)).is_none());
        assert!(states.last("/b", at(1)).is_some());
        states.all_changed();
        assert!(states.last("/b", at(1)).is_none());
    }

    #[test]
    fn a_read_that_began_before_a_change_and_ends_after_it_is_not_believed() {
        let states = States::default();
        let began = states.moment();
        states.changed("/a");
        states.saw("/a", bytes(3), at(0), began);
        states.saw("/b", bytes(3), at(0), began);
        assert!(states.last("/a", at(0)).is_none(), "it may be what was before");
        assert!(states.last("/b", at(0)).is_some(), "nothing changed there");
        states.saw("/a", bytes(3), at(0), states.moment());
        assert!(states.last("/a", at(0)).is_some(), "asked after the change");

        let began = states.moment();
        states.all_changed();
        states.saw("/b", bytes(3), at(0), began);
        assert!(states.last("/b", at(0)).is_none());
    }

    #[test]
    fn of_more_changes_than_are_remembered_reads_before_them_are_not_believed() {
        let states = States::default();
        let began = states.moment();
        for n in 0..3 * MAX_STATES {
            states.changed(&format!("/{n}"));
        }
        assert!(states.0.lock().changed.len() <= MAX_STATES);
        states.saw("/0", bytes(1), at(0), began);
        assert!(states.last("/0", at(0)).is_none());
    }

    #[test]
    fn number_and_size_are_bounded_and_the_oldest_go_first() {
        let states = States::default();
        for n in 0..3 * MAX_STATES {
            states.saw(&format!("/{n}"), bytes(1), at(0), states.moment());
        }
        let seen = states.0.lock();
        assert_eq!((seen.by_path.len(), seen.bytes), (MAX_STATES, MAX_STATES));
        assert!(seen.order.len() <= 2 * MAX_STATES);
        drop(seen);
        assert!(states.last("/0", at(0)).is_none());
        assert!(states.last(&format!("/{}", 3 * MAX_STATES - 1), at(0)).is_some());

        for n in 0..5 {
            states.saw(&format!("/large/{n}"), bytes(MAX_BYTES / 3), at(0), states.moment());
        }
        assert!(states.0.lock().bytes <= MAX_BYTES);
        for _ in 0..10_000 {
            states.saw("/same", bytes(10), at(0), states.moment());
        }
        let seen = states.0.lock();
        assert!(seen.by_path.contains_key("/same") && seen.order.len() <= 2 * MAX_STATES);
    }
}

//! Telling copies of one answer from answers that look alike.
//!
//! A page that is open twice hears each answer on both of its connections, and one event is to come of it. But chat and
//! message are named by the client, who may use the same again: an answer that looks like an earlier one is another
//! call all the same, and must not be lost. What tells them apart is where they were heard: the copies of one answer
//! come to different connections, once to each, within moments, and to none that was opened after it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_event::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// How far apart the copies of one answer may be heard.
const APART_MICROS: i64 = 60 * 1_000_000;

/// Answers remembered, of all connections; the oldest is forgotten first.
const MOST: usize = 4_096;

/// The answers that were lately heard.
pub(super) struct Answers {
    lately: Mutex<VecDeque<Answer>>,
    /// Makes ids of this process unlike any other's.
    seed: [u8; 32],
    answers: AtomicU64,
    connections: AtomicU64,
}

struct Answer {
    fingerprint: [u8; 32],
    first_heard: Timestamp,
    /// The connections that heard it.
    by: Vec<u64>,
}

/// A connection, as it is told from others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    number: u64,
    opened: Timestamp,
}

impl Answers {
    /// Nothing heard yet. `seed` is random.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { lately: Mutex::default(), seed, answers: AtomicU64::new(0), connections: AtomicU64::new(0) }
    }

    /// A connection that opens.
    pub(super) fn connection(&self, now: Timestamp) -> Connection {
        Connection { number: self.connections.fetch_add(1, Ordering::Relaxed), opened: now }
    }

    /// The id of the event for an answer that `connection` heard at `heard`; `None` when it is the copy of one that has
    /// its event.
    pub(super) fn admit(
        &self,
        fingerprint: [u8; 32],
        connection: Connection,
        heard: Timestamp,
    ) -> Option<String> {
        let mut lately = self.lately.lock();
        let copied = lately.iter_mut().find(|answer| answer.may_be_copied(&fingerprint, connection, heard));
        if let Some(copied) = copied {
            copied.by.push(connection.number);
            return None;
        }
        if lately.len() == MOST {
            lately.pop_front();
        }
        lately.push_back(Answer { fingerprint, first_heard: heard, by: vec![connection.number] });
        Some(self.id(&fingerprint))
    }

    fn id(&self, fingerprint: &[u8; 32]) -> String {
        let count = self.answers.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new().chain_update(self.seed).chain_update(count.to_be_bytes());
        let digest = hash.chain_update(fingerprint).finalize();
        let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("socket-{hex}")
    }
}

impl Answer {
    fn may_be_copied(&self, fingerprint: &[u8; 32], connection: Connection, heard: Timestamp) -> bool {
        self.fingerprint == *fingerprint
            && !self.by.contains(&connection.number)
            && self.first_heard >= connection.opened
            && (heard.as_micros() - self.first_heard.as_micros()).abs() < APART_MICROS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: [u8; 32] = [1; 32];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn copies_on_several_connections_are_one_answer() {
        let answers = Answers::new([7; 32]);
        let [a, b, c] = [0, 1, 2].map(|second| answers.connection(at(second)));
        assert!(answers.admit(SAME, a, at(10)).is_some());
        assert_eq!(answers.admit(SAME, b, at(10)), None);
        assert_eq!(answers.admit(SAME, c, at(11)), None, "a slow connection");
    }

    #[test]
    fn an_answer_that_looks_like_an_earlier_one_is_another() {
        let answers = Answers::new([7; 32]);
        let (a, b) = (answers.connection(at(0)), answers.connection(at(0)));
        let first = answers.admit(SAME, a, at(10)).unwrap();
        assert_eq!(answers.admit(SAME, b, at(10)), None);
        let second = answers.admit(SAME, a, at(11)).unwrap();
        assert_ne!(first, second);
        assert_eq!(answers.admit(SAME, b, at(11)), None, "its copy");
        assert!(answers.admit(SAME, b, at(12)).is_some(), "a third, heard here first");
        assert_eq!(answers.admit(SAME, a, at(12)), None);
    }

    #[test]
    fn an_answer_is_no_copy_of_what_was_before_the_connection() {
        let answers = Answers::new([7; 32]);
        let a = answers.connection(at(0));
        assert!(answers.admit(SAME, a, at(10)).is_some());
        let reloaded = answers.connection(at(11));
        assert!(answers.admit(SAME, reloaded, at(12)).is_some());
    }

    #[test]
    fn a_copy_comes_within_a_minute_and_other_contents_are_other_answers() {
        let answers = Answers::new([7; 32]);
        let (a, b) = (answers.connection(at(0)), answers.connection(at(0)));
        assert!(answers.admit(SAME, a, at(10)).is_some());
        assert!(answers.admit([2; 32], b, at(10)).is_some());
        assert!(answers.admit(SAME, b, at(70)).is_some());
    }

    #[test]
    fn ids_of_another_run_are_others() {
        let ids = [7, 8].map(|seed| {
            let answers = Answers::new([seed; 32]);
            let connection = answers.connection(at(0));
            answers.admit(SAME, connection, at(1)).unwrap()
        });
        assert_ne!(ids[0], ids[1]);
        assert!(ids[0].starts_with("socket-") && ids[0].len() <= 64);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let answers = Answers::new([7; 32]);
        let a = answers.connection(at(0));
        for _ in 0..2 * MOST {
            assert!(answers.admit(SAME, a, at(1)).is_some());
        }
        assert_eq!(answers.lately.lock().len(), MOST);
    }
}

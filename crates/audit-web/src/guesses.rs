//! Credentials that were tried out: whoever shows wrong ones again and again has to wait, longer each time.
//!
//! The forms of the pages count every failure ([`Attempts`]). What programs send is counted with more care, because they
//! repeat themselves and because somebody else's program at the same address may bring events that nobody sends twice:
//!
//! - The same wrong credential again is no new guess. A program with a revoked token does not lock its neighbours out.
//! - A credential that was good from an address is looked at there even while the address has to wait. So whoever guesses
//!   beside a good client harms only strangers.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_event::Timestamp;
use parking_lot::Mutex;

use crate::places::household;
use crate::problem::{Code, Problem, Result};
use crate::sign_ins::Attempts;

/// Credentials remembered, in each of two generations.
const REMEMBERED: usize = 16_384;

/// What was shown of one kind of credential, from where.
#[derive(Default)]
pub(crate) struct Guesses {
    attempts: Attempts,
    hasher: RandomState,
    shown: Mutex<Shown>,
    turned_away: AtomicU64,
}

/// What became of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    Good,
    Wrong,
}

/// By a keyed hash of address and credential; neither can be had back from it. When the newer half is full it becomes
/// the older one, and that is forgotten.
#[derive(Default)]
struct Shown {
    newer: HashMap<u64, Judged>,
    older: HashMap<u64, Judged>,
}

impl Shown {
    fn get(&self, key: u64) -> Option<Judged> {
        self.newer.get(&key).or_else(|| self.older.get(&key)).copied()
    }

    /// Remembers, and tells what was known.
    fn put(&mut self, key: u64, judged: Judged) -> Option<Judged> {
        let before = self.get(key);
        if before == Some(judged) && self.newer.contains_key(&key) {
            return before;
        }
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, judged);
        before
    }
}

impl Guesses {
    /// Whether a credential from this address is looked at now.
    ///
    /// # Errors
    /// [`Code::TooManyAttempts`].
    pub fn admit(&self, from: Option<IpAddr>, credential: &[u8], now: Timestamp) -> Result<()> {
        let Some(seconds) = self.attempts.wait(from, now) else { return Ok(()) };
        if from.is_some_and(|from| self.shown.lock().get(self.key(from, credential)) == Some(Judged::Good)) {
            return Ok(());
        }
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        let detail = format!("too many wrong credentials came from your address; wait {seconds} seconds");
        let ms = u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000);
        Err(Problem::new(Code::TooManyAttempts, detail).retry_after_ms(ms))
    }

    /// The credential was good.
    pub fn good(&self, from: Option<IpAddr>, credential: &[u8]) {
        let Some(from) = from else { return };
        self.shown.lock().put(self.key(from, credential), Judged::Good);
    }

    /// The credential was one that nobody has.
    pub fn wrong(&self, from: Option<IpAddr>, credential: &[u8], now: Timestamp) {
        let Some(address) = from else { return };
        let before = self.shown.lock().put(self.key(address, credential), Judged::Wrong);
        if before != Some(Judged::Wrong) {
            self.attempts.failed(from, now);
        }
    }

    /// Wrong credentials so far, and requests that were not looked at because of them.
    pub fn counts(&self) -> [u64; 2] {
        [self.attempts.failures(), self.turned_away.load(Ordering::Relaxed)]
    }

    fn key(&self, from: IpAddr, credential: &[u8]) -> u64 {
        self.hasher.hash_one((household(from), credential))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

    fn here() -> Option<IpAddr> {
        Some("192.0.2.7".parse().unwrap())
    }

    fn guess(guesses: &Guesses, count: u8) {
        for guess in 0..count {
            guesses.wrong(here(), &[guess], NOW);
        }
    }

    #[test]
    fn five_different_wrong_credentials_are_one_too_many() {
        let guesses = Guesses::default();
        guess(&guesses, 4);
        assert!(guesses.admit(here(), b"x", NOW).is_ok());
        guess(&guesses, 5);
        assert_eq!(guesses.admit(here(), b"x", NOW).unwrap_err().code(), Code::TooManyAttempts);
        let elsewhere = Some("192.0.2.8".parse().unwrap());
        assert!(guesses.admit(elsewhere, b"x", NOW).is_ok());
        assert!(guesses.admit(here(), b"x", Timestamp::from_micros(NOW.as_micros() + 1_000_000)).is_ok());
        assert_eq!(guesses.counts(), [5, 1]);
    }

    #[test]
    fn the_same_wrong_credential_again_is_no_guess() {
        let guesses = Guesses::default();
        for _ in 0..1_000 {
            guesses.wrong(here(), b"revoked", NOW);
        }
        assert!(guesses.admit(here(), b"x", NOW).is_ok());
    }

    #[test]
    fn what_was_good_there_is_looked_at_until_it_is_wrong() {
        let guesses = Guesses::default();
        guesses.good(here(), b"good");
        guess(&guesses, 5);
        assert!(guesses.admit(here(), b"good", NOW).is_ok());
        assert!(guesses.admit(Some("192.0.2.8".parse().unwrap()), b"good", NOW).is_ok());
        guesses.wrong(here(), b"good", NOW);
        assert!(guesses.admit(here(), b"good", NOW).is_err());
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let guesses = Guesses::default();
        for number in 0..3 * REMEMBERED {
            guesses.good(here(), b"used");
            guesses.good(here(), &number.to_le_bytes());
        }
        let shown = guesses.shown.lock();
        assert!(shown.newer.len() + shown.older.len() <= 2 * REMEMBERED);
        assert_eq!(shown.get(guesses.key(here().unwrap(), b"used")), Some(Judged::Good));
    }
}

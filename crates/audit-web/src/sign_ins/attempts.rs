//! How often somebody may try to sign in: a few times at once, then ever more slowly.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_event::Timestamp;
use parking_lot::Mutex;

use crate::places::household;

const SECOND: i64 = 1_000_000;
/// Failures that cost nothing.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: i64 = 15 * 60 * SECOND;
/// After so long without a failure all is forgotten.
const FORGET_AFTER: i64 = 60 * 60 * SECOND;
/// Addresses remembered; when there are more, the one longest quiet is forgotten.
const REMEMBERED: usize = 10_000;

/// Failed attempts by address.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_address: Mutex<HashMap<IpAddr, Failures>>,
    failures: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: i64,
}

impl Failures {
    /// When the next attempt is welcome: twice as long after each failure.
    fn next(self) -> i64 {
        let doublings = self.count.saturating_sub(FREE).min(20);
        let wait = if self.count < FREE { 0 } else { (SECOND << doublings).min(LONGEST) };
        self.last + wait
    }
}

impl Attempts {
    /// How many seconds somebody at this address has to wait; `None`: not at all.
    pub fn wait(&self, ip: Option<IpAddr>, now: Timestamp) -> Option<i64> {
        let failures = *self.by_address.lock().get(&household(ip?))?;
        let left = failures.next() - now.as_micros();
        (left > 0).then(|| (left + SECOND - 1) / SECOND)
    }

    /// An attempt failed.
    pub fn failed(&self, ip: Option<IpAddr>, now: Timestamp) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let Some(ip) = ip.map(household) else { return };
        let now = now.as_micros();
        let mut by_address = self.by_address.lock();
        if by_address.len() >= REMEMBERED && !by_address.contains_key(&ip) {
            by_address.retain(|_, failures| now - failures.last < FORGET_AFTER);
            let quietest = by_address.iter().min_by_key(|(_, failures)| failures.last).map(|(ip, _)| *ip);
            if let Some(quietest) = quietest.filter(|_| by_address.len() >= REMEMBERED) {
                by_address.remove(&quietest);
            }
        }
        let failures = by_address.entry(ip).or_insert(Failures { count: 0, last: now });
        if now - failures.last >= FORGET_AFTER {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
    }

    /// Failures so far, of all addresses.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// An attempt succeeded: nothing is held against the address any more.
    pub fn succeeded(&self, ip: Option<IpAddr>) {
        if let Some(ip) = ip {
            self.by_address.lock().remove(&household(ip));
        }
    }
}

//! How fast anybody may ask: each principal, and each address with all that come from there.
//!
//! What passes through to an application behind us is not limited here. Neither are health, readiness and the tree's
//! tiles: these are read by machines, in bulk and cheaply, and a probe that is refused would end a healthy server.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_control::Permission;
use audit_event::Timestamp;

use crate::metrics::{Page, label};
use crate::pace::{Buckets, Pace};
use crate::places::household;
use crate::problem::{Code, Problem, Result};
use crate::router::Admission;

/// Buckets remembered of each kind, at 17 bytes or so: an attacker with more addresses than that is no longer limited
/// by address.
const REMEMBERED: usize = 65_536;

/// How fast anybody may ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Each principal (token, person), for whatever is not appending.
    pub reads: Pace,
    /// Each principal or source, for requests that append; each may bring many events.
    pub appends: Pace,
    /// Each address, or IPv6 network of 64 bits, for whatever is not appending.
    pub address: Pace,
}

impl Default for Limits {
    /// None.
    fn default() -> Self {
        Self { reads: Pace::UNLIMITED, appends: Pace::UNLIMITED, address: Pace::UNLIMITED }
    }
}

/// What a request counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Not limited.
    Free,
    /// Reads, or changes something by hand.
    Read,
    /// Brings events.
    Append,
}

impl Class {
    /// Of a route, by its path below the prefix.
    pub fn of(path: &str, admission: Admission) -> Self {
        match admission {
            Admission::Needs(Permission::EventsAppend) | Admission::Source => Self::Append,
            _ if matches!(path, "/healthz" | "/readyz") || path.starts_with("/tlog") => Self::Free,
            _ => Self::Read,
        }
    }
}

/// Everybody's buckets.
pub(crate) struct Pacer {
    hasher: RandomState,
    reads: Buckets,
    appends: Buckets,
    address: Buckets,
    refused: [AtomicU64; 2],
}

/// Who was too fast, as counted.
const ADDRESS: usize = 0;
const PRINCIPAL: usize = 1;

impl Pacer {
    /// Nobody has asked yet.
    pub fn new(limits: Limits) -> Self {
        let buckets = |pace| Buckets::new(pace, REMEMBERED);
        Self {
            hasher: RandomState::new(),
            reads: buckets(limits.reads),
            appends: buckets(limits.appends),
            address: buckets(limits.address),
            refused: Default::default(),
        }
    }

    /// A request comes from this address; `None`: from this process.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub fn admit_address(&self, class: Class, from: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let Some(from) = from.filter(|_| class == Class::Read) else { return Ok(()) };
        let taken = self.address.take(self.hasher.hash_one(household(from)), now);
        taken.map_err(|wait| {
            let detail = "too many requests come from your address; send them more slowly";
            self.refuse(ADDRESS, detail, wait)
        })
    }

    /// A request is from this principal.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub fn admit_principal(&self, class: Class, id: &str, now: Timestamp) -> Result<()> {
        let buckets = match class {
            Class::Free => return Ok(()),
            Class::Read => &self.reads,
            Class::Append => &self.appends,
        };
        buckets.take(self.hasher.hash_one(id), now).map_err(|wait| {
            let detail = "you send requests too fast; send them more slowly, or ask for more at once";
            self.refuse(PRINCIPAL, detail, wait)
        })
    }

    fn refuse(&self, who: usize, detail: &'static str, wait_micros: i64) -> Problem {
        self.refused[who].fetch_add(1, Ordering::Relaxed);
        let ms = u64::try_from(wait_micros).unwrap_or_default().div_ceil(1_000);
        Problem::new(Code::RateLimited, detail).retry_after_ms(ms)
    }

    /// Appends the counters.
    pub fn write(&self, page: &mut Page) {
        page.family("secureai_audit_rate_limited_total", "counter", "Requests refused for coming too fast.");
        for (who, count) in ["address", "principal"].into_iter().zip(&self.refused) {
            page.sample(&label("by", who), count.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::endpoints;

    #[test]
    fn what_brings_events_is_appending_and_what_machines_poll_is_free() {
        let of = |class| {
            let mut paths: Vec<_> = endpoints()
                .into_iter()
                .filter(|route| Class::of(route.path, route.admission) == class)
                .map(|route| route.path)
                .collect();
            paths.sort_unstable();
            paths
        };
        let append = ["/events", "/sources/openwebui/{name}", "/sources/openwebui/{name}/{secret}"];
        assert_eq!(of(Class::Append), append);
        let free = ["/healthz", "/readyz", "/tlog", "/tlog/checkpoint", "/tlog/tile/{*tile}"];
        assert_eq!(of(Class::Free), free);
    }
}

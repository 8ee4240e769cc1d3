//! Counts of calls, for `doctor` and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use audit_event::{Event, Outcome};

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// One for each provider, in the configuration's order.
    pub providers: Vec<ProviderStatus>,
}

/// Counts of one provider's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Its name.
    pub name: String,
    /// Calls of models.
    pub calls: u64,
    /// Those that ended well and told what they used.
    pub with_usage: u64,
    /// Those that ended well and did not.
    pub without_usage: u64,
    /// Those that did not end well.
    pub failed: u64,
    /// Those whose user was not believed: the caller is in no configured network and brought no secret.
    pub unproven: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    calls: AtomicU64,
    with_usage: AtomicU64,
    without_usage: AtomicU64,
    failed: AtomicU64,
    unproven: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, event: &Event<'_>, is_believed: bool) {
        let up = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
        up(&self.calls);
        match (event.outcome, &event.usage) {
            (Outcome::Success, Some(_)) => up(&self.with_usage),
            (Outcome::Success, None) => up(&self.without_usage),
            _ => up(&self.failed),
        };
        if !is_believed {
            up(&self.unproven);
        }
    }

    pub(super) fn status(&self, name: &str) -> ProviderStatus {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ProviderStatus {
            name: name.to_owned(),
            calls: read(&self.calls),
            with_usage: read(&self.with_usage),
            without_usage: read(&self.without_usage),
            failed: read(&self.failed),
            unproven: read(&self.unproven),
        }
    }
}

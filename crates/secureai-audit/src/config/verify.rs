//! `[verify]`: when the whole ledger is checked by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[verify]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Verify {
    /// The running server checks the whole ledger this often, in hours; 0: only when somebody asks.
    pub every_hours: u32,
}

impl Default for Verify {
    fn default() -> Self {
        Self { every_hours: 24 }
    }
}

impl Verify {
    /// How often; none: never by itself.
    pub(crate) fn every(&self) -> Option<Duration> {
        (self.every_hours > 0).then(|| Duration::from_secs(u64::from(self.every_hours) * 3_600))
    }
}

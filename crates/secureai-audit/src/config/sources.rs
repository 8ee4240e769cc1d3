//! `[sources]`: what else tells of Open WebUI, beside the gateway. Webhooks are not set here: `source setup` makes them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use audit_pipeline::sources::openwebui::{ownership::Configured, sightings};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[sources]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sources {
    /// Open WebUI's audit file, to be followed.
    pub audit_file: Option<PathBuf>,
    /// How long another source's sighting waits for the one that owns the fact, in milliseconds.
    pub hold_ms: u64,
    /// The same where the answer to the request may stream, in milliseconds.
    pub streaming_hold_ms: u64,
    /// How far Open WebUI's clock and ours may be apart, in milliseconds.
    pub clock_window_ms: u64,
}

impl Default for Sources {
    fn default() -> Self {
        Self { audit_file: None, hold_ms: 10_000, streaming_hold_ms: 300_000, clock_window_ms: 10_000 }
    }
}

impl Sources {
    /// What types alone cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let longest = 24 * 3_600_000;
        for (key, value) in [
            ("hold_ms", self.hold_ms),
            ("streaming_hold_ms", self.streaming_hold_ms),
            ("clock_window_ms", self.clock_window_ms),
        ] {
            if !(1_000..=longest).contains(&value) {
                return Err(ConfigError(format!(
                    "sources.{key}: must be 1000 (a second) to {longest} (a day)"
                )));
            }
        }
        Ok(())
    }

    /// How sightings are matched.
    pub(crate) fn sightings(&self, journal: &Path, configured: Configured) -> sightings::Config {
        sightings::Config {
            hold: Duration::from_millis(self.hold_ms),
            streaming_hold: Duration::from_millis(self.streaming_hold_ms),
            window: Duration::from_millis(self.clock_window_ms),
            ..sightings::Config::new(journal.to_owned(), configured)
        }
    }
}

//! Who the caller is, asked of Open WebUI and remembered briefly.
//!
//! - `ask`: the requests of our own that ask Open WebUI.
//! - `lanes`: questions about good and about unknown credentials do not wait for each other.
//! - `memory`: a bounded map that forgets what is not used.
//! - `name`: keyed hashes in place of credentials.
//! - `owners`: whose API keys are that were seen being issued.
//! - `question`: one question about one credential.
//!
//! Invariants:
//! - No credential is kept or logged: what is remembered is found by a keyed hash of it.
//! - What is remembered of a credential is what Open WebUI said of exactly this credential, at most
//!   [`Config::remember`] ago; what a passing exchange may have changed is asked anew.
//! - A person is never made from a claim. What could not be proven in time stays unproven.
//! - Nothing of an answer to our own requests reaches a client.

mod ask;
mod lanes;
mod memory;
mod name;
mod owners;
mod question;
mod resolver;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit_event::Clock;
use audit_pipeline::sources::openwebui::identity::Departments;
use http::HeaderName;

pub use self::ask::{Asking, Directory, Reply};
pub use self::resolver::Resolver;

/// How callers are identified.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header that may carry an API key: Open WebUI's `CUSTOM_API_KEY_HEADER`.
    pub api_key_header: HeaderName,
    /// The rule that gives people departments.
    pub departments: Departments,
    /// The member of an identity provider's ID token that names the department.
    pub department_claim: Option<String>,
    /// How long a proven person is taken as such without asking again; by an API key at most 60 seconds.
    pub remember: Duration,
    /// How long a refused credential is taken as such without asking again.
    pub remember_refused: Duration,
    /// How long a request waits for the answer; then its caller is unproven.
    pub wait: Duration,
    /// How many credentials are remembered.
    pub capacity: usize,
    /// The file that keeps whose API keys are that were seen being issued; without it that is forgotten at the end.
    pub owners: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_key_header: HeaderName::from_static("x-api-key"),
            departments: Departments::default(),
            department_claim: None,
            remember: Duration::from_secs(60),
            remember_refused: Duration::from_secs(10),
            wait: Duration::from_secs(3),
            capacity: 10_000,
            owners: None,
        }
    }
}

impl Resolver {
    /// Asks `directory` (Open WebUI). `key` makes session ids: with the same key a session keeps its id over restarts.
    #[must_use]
    pub fn build(config: Config, directory: impl Directory, key: &[u8; 32], clock: Arc<dyn Clock>) -> Self {
        Self::new(config, Box::new(directory), key, clock)
    }
}

#[cfg(test)]
mod tests;

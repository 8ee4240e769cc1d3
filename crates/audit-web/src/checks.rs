//! Everything that could be wrong, each with what to do about it: what `doctor` says, and the page on health.
//!
//! The checks of configuration, keys, clock and disk are the binary's and come through
//! [`Premises::look`](crate::Premises); those of ledger, index, gateways and traffic are here.

mod gateways;
mod recording;
mod traffic;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use recording::readiness;

use crate::endpoints::status;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::surroundings::Status;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, but look at it.
    Warning,
    /// Does not work.
    Bad,
}

impl Level {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What one look gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: Cow<'static, str>,
    /// How bad it is.
    pub level: Level,
    /// What there is.
    pub finding: String,
    /// What to do; empty when there is nothing to do.
    pub advice: String,
}

/// All is well.
pub fn good(subject: &'static str, finding: impl Into<String>) -> Finding {
    Finding { subject: subject.into(), level: Level::Good, finding: finding.into(), advice: String::new() }
}

/// It works, but somebody should look.
pub fn warning(subject: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    let (finding, advice) = (finding.into(), advice.into());
    Finding { subject: subject.into(), level: Level::Warning, finding, advice }
}

/// It does not work.
pub fn bad(subject: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    let (finding, advice) = (finding.into(), advice.into());
    Finding { subject: subject.into(), level: Level::Bad, finding, advice }
}

/// All checks, and the state of gateways and sources that some of them are about. The platform is asked: this takes as
/// long as its answer. What events tell of how they come in names addresses, paths and counts of all of them: whoever
/// sees a part is not told.
///
/// # Errors
/// When too much waits already, or the control database cannot be read.
pub(crate) async fn all(state: &AppState, reader: &Reader) -> Result<(Vec<Finding>, Status)> {
    let status = status::look(state).await?;
    let (known, sees_all) = (status.clone(), !reader.is_limited());
    let findings = state.ask(move |state, budget| {
        let mut findings = (state.premises().look)();
        findings.extend(recording::findings(state));
        findings.extend(gateways::findings(&known));
        if sees_all {
            findings.extend(traffic::look(state, &known, budget));
        }
        Ok(findings)
    });
    Ok((findings.await?, status))
}

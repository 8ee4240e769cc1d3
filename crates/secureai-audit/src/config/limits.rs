//! `[limits]`: how fast anybody may ask.

use audit_web::Pace;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[limits]`. A rate of 0 is no limit.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests of one principal a second, appending excepted.
    pub reads_per_second: u32,
    /// The same at once after a pause.
    pub reads_at_once: u32,
    /// Requests of one principal or source that append, a second.
    pub appends_per_second: u32,
    /// The same at once after a pause.
    pub appends_at_once: u32,
    /// Requests of one address a second, appending excepted.
    pub address_per_second: u32,
    /// The same at once after a pause.
    pub address_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads_per_second: 50,
            reads_at_once: 200,
            appends_per_second: 0,
            appends_at_once: 1_000,
            address_per_second: 200,
            address_at_once: 1_000,
        }
    }
}

impl Limits {
    /// What types alone cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { reads_at_once, appends_at_once, address_at_once, .. } = *self;
        for (key, at_once) in
            [("reads", reads_at_once), ("appends", appends_at_once), ("address", address_at_once)]
        {
            if !(1..=1_000_000).contains(&at_once) {
                return Err(ConfigError(format!("limits.{key}_at_once: must be 1 to 1000000")));
            }
        }
        Ok(())
    }

    /// As the API takes them.
    pub(crate) fn of_web(&self) -> audit_web::Limits {
        audit_web::Limits {
            reads: Pace { per_second: self.reads_per_second, at_once: self.reads_at_once },
            appends: Pace { per_second: self.appends_per_second, at_once: self.appends_at_once },
            address: Pace { per_second: self.address_per_second, at_once: self.address_at_once },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_limited_generously_and_appending_is_not() {
        let web = Limits::default().of_web();
        assert_eq!(web.reads, Pace { per_second: 50, at_once: 200 });
        assert_eq!(web.appends.per_second, 0);
    }

    #[test]
    fn a_limit_lets_at_least_one_pass() {
        assert!(Limits::default().check().is_ok());
        let error = Limits { appends_at_once: 0, ..Limits::default() }.check().unwrap_err();
        assert!(error.to_string().starts_with("limits.appends_at_once:"), "{error}");
    }
}

//! `[approvals]`: what needs a second admin.

use std::time::Duration;

use audit_web::Eyes;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[approvals]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Approvals {
    /// A request, and an approval that is not used, end after this long, in minutes.
    pub expire_minutes: u32,
    /// Revoking the last token that may administer: `auto`, `always` or `never`.
    pub revoke_last_admin: String,
    /// Giving a source another secret.
    pub change_source: String,
    /// Removing a source.
    pub remove_source: String,
}

impl Default for Approvals {
    fn default() -> Self {
        let auto = || "auto".to_owned();
        Self {
            expire_minutes: 24 * 60,
            revoke_last_admin: auto(),
            change_source: auto(),
            remove_source: auto(),
        }
    }
}

impl Approvals {
    /// What types alone cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let longest = 30 * 24 * 60;
        if !(1..=longest).contains(&self.expire_minutes) {
            return Err(ConfigError(format!("approvals.expire_minutes: must be 1 to {longest} (30 days)")));
        }
        self.of_web().map(drop)
    }

    /// As the API takes them.
    pub(crate) fn of_web(&self) -> Result<audit_web::Approvals, ConfigError> {
        let eyes = |key: &str, text: &str| match text {
            "auto" => Ok(Eyes::Auto),
            "always" => Ok(Eyes::Four),
            "never" => Ok(Eyes::Two),
            _ => Err(ConfigError(format!("approvals.{key}: is auto, always or never"))),
        };
        Ok(audit_web::Approvals {
            expire: Duration::from_secs(u64::from(self.expire_minutes) * 60),
            revoke_last_admin: eyes("revoke_last_admin", &self.revoke_last_admin)?,
            change_source: eyes("change_source", &self.change_source)?,
            remove_source: eyes("remove_source", &self.remove_source)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_is_auto_always_or_never() {
        let config = Approvals { remove_source: "never".to_owned(), ..Approvals::default() };
        let web = config.of_web().unwrap();
        assert_eq!((web.remove_source, web.change_source), (Eyes::Two, Eyes::Auto));
        let wrong = Approvals { change_source: "sometimes".to_owned(), ..Approvals::default() };
        assert!(wrong.check().unwrap_err().to_string().starts_with("approvals.change_source:"));
        assert!(Approvals { expire_minutes: 0, ..Approvals::default() }.check().is_err());
    }
}

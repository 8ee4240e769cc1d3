//! `[oidc]`: the identity provider that people sign in to the pages with.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use audit_web::oidc::{Grant, Settings};
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// `[oidc]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Oidc {
    /// The provider's issuer; without it there is no such sign-in.
    pub issuer: Option<String>,
    /// What the provider knows us as.
    pub client_id: Option<String>,
    /// What proves that we are it; unset for a public client.
    pub client_secret: Option<Secret>,
    /// A file with it.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for besides `openid`, with spaces between.
    pub scopes: String,
    /// The claim that names groups or roles.
    pub role_claim: String,
    /// What each of its values may do: a role, or a role `@department`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// What everybody else may do; `none`: they are refused.
    pub default_role: String,
    /// The claim that names the department.
    pub department_claim: Option<String>,
    /// Our own address as browsers know it.
    pub public_url: Option<String>,
    /// What the button says: "Sign in with …".
    pub name: String,
    /// A session ends so long after the sign-in, in hours.
    pub session_hours: u32,
    /// How far the provider's clock and ours may be apart, in seconds.
    pub clock_skew_s: u32,
    /// Certificates to trust for the provider instead of the system's, as a PEM file.
    pub ca_file: Option<PathBuf>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            client_secret_file: None,
            scopes: "profile email".to_owned(),
            role_claim: "groups".to_owned(),
            roles: BTreeMap::new(),
            default_role: "none".to_owned(),
            department_claim: None,
            public_url: None,
            name: "single sign-on".to_owned(),
            session_hours: 8,
            clock_skew_s: 60,
            ca_file: None,
        }
    }
}

impl Oidc {
    /// The sign-in's settings, if there is one. Reads the file with the secret.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, ConfigError> {
        let secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => {
                return Err(refuse("client_secret", "is set, and client_secret_file too: leave one out"));
            }
            (Some(secret), None) => Some(secret.reveal().to_owned()),
            (None, Some(path)) => {
                let read = std::fs::read_to_string(path).map_err(|error| {
                    refuse("client_secret_file", &format!("cannot read {}: {error}", path.display()))
                })?;
                Some(read.trim().to_owned())
            }
            (None, None) => None,
        };
        self.settings_with(secret)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // The file with the secret may be there on another machine only.
        let secret = self.client_secret.as_ref().map(|secret| secret.reveal().to_owned());
        self.settings_with(secret).map(drop)
    }

    fn settings_with(&self, client_secret: Option<String>) -> Result<Option<Settings>, ConfigError> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let needed = |key: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| refuse(key, "is needed where issuer is set"))
        };
        if self.session_hours > 24 {
            return Err(refuse("session_hours", "is at most 24"));
        }
        let default_role = (self.default_role != "none").then(|| Grant::parse(&self.default_role));
        let settings = Settings {
            issuer: issuer.clone(),
            client_id: needed("client_id", &self.client_id)?,
            client_secret,
            scopes: self.scopes.split_whitespace().map(str::to_owned).collect(),
            role_claim: self.role_claim.clone(),
            roles: self.roles.iter().map(|(group, grant)| (group.clone(), Grant::parse(grant))).collect(),
            default_role,
            department_claim: self.department_claim.clone(),
            public_url: needed("public_url", &self.public_url)?,
            name: self.name.clone(),
            session: Duration::from_secs(u64::from(self.session_hours) * 3_600),
            clock_skew: Duration::from_secs(u64::from(self.clock_skew_s)),
        };
        settings.check().map_err(|error| ConfigError(error.to_string()))?;
        Ok(Some(settings))
    }
}

fn refuse(key: &str, why: &str) -> ConfigError {
    ConfigError(format!("oidc.{key}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        issuer = "https://id.example/realms/a"
        client_id = "audit"
        public_url = "https://audit.example"
        department_claim = "department"
        roles = { "audit-admins" = "admin", "heads" = "viewer@department" }
    "#;

    fn read(more: &str) -> Oidc {
        toml::from_str(&format!("{WHOLE}{more}")).unwrap()
    }

    #[test]
    fn without_an_issuer_there_is_no_such_sign_in() {
        assert!(Oidc::default().settings().unwrap().is_none());
    }

    #[test]
    fn the_section_is_read() {
        let settings = read("").settings().unwrap().unwrap();
        assert_eq!(
            settings.roles,
            [
                ("audit-admins".to_owned(), Grant::parse("admin")),
                ("heads".to_owned(), Grant { role: "viewer".to_owned(), own_department: true }),
            ]
        );
        assert_eq!((settings.default_role, settings.client_secret), (None, None));
        assert_eq!(settings.session, Duration::from_secs(8 * 3_600));
    }

    #[test]
    fn the_secret_may_be_in_a_file_but_not_twice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let line = format!("client_secret_file = {:?}\n", file.path());
        assert_eq!(read(&line).settings().unwrap().unwrap().client_secret.as_deref(), Some("s3cret"));
        assert!(read(&format!("{line}client_secret = \"x\"")).settings().is_err());
        assert!(
            read("client_secret_file = \"/nowhere\"")
                .settings()
                .unwrap_err()
                .to_string()
                .starts_with("oidc.client_secret_file:")
        );
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (bad, key) in [
            ("issuer = \"http://id.example\"", "oidc.client_id"),
            ("issuer = \"https://id.example\"\nclient_id = \"a\"", "oidc.public_url"),
            (
                "issuer = \"https://id.example\"\nclient_id = \"a\"\npublic_url = \"https://b.example\"",
                "oidc.roles",
            ),
        ] {
            let error = toml::from_str::<Oidc>(bad).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
        assert!(read("session_hours = 25").check().is_err());
    }
}

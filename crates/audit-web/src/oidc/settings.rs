//! What the operator decides about the identity provider.

use std::fmt;
use std::time::Duration;

use audit_control::Role;
use http::Uri;

/// An identity provider and what its people may do.
#[derive(Clone)]
pub struct Settings {
    /// The provider's issuer, exactly as its ID tokens say it.
    pub issuer: String,
    /// What the provider knows us as.
    pub client_id: String,
    /// What proves that we are it; none for a public client.
    pub client_secret: Option<String>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that names a person's groups or roles; a path with dots where it is inside of others.
    pub role_claim: String,
    /// What each value of that claim may do. Of several the first in [`Grant`]'s order counts.
    pub roles: Vec<(String, Grant)>,
    /// What everybody else may do; none: they are refused.
    pub default_role: Option<Grant>,
    /// The claim that names a person's department.
    pub department_claim: Option<String>,
    /// Our own address as browsers know it, without a path: `https://audit.example.com`.
    pub public_url: String,
    /// What the button says.
    pub name: String,
    /// How long a session lasts at most, from the sign-in on.
    pub session: Duration,
    /// How far the provider's clock and ours may be apart.
    pub clock_skew: Duration,
}

/// What somebody may do: a role, perhaps within their own department only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role's name.
    pub role: String,
    /// Whether only events of the person's own department are theirs to see.
    pub own_department: bool,
}

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct SettingsError {
    /// The setting, by its name in the configuration.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Settings {
    /// Checks what types alone cannot say.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        let refuse = |key, why: &str| Err(SettingsError { key, why: why.to_owned() });
        let address = "is an address that begins with https:// (http:// for this machine only)";
        if !is_safe_address(&self.issuer) || self.issuer.contains(['?', '#']) {
            return refuse("oidc.issuer", address);
        }
        if !is_safe_address(&self.public_url) {
            return refuse("oidc.public_url", address);
        }
        if self.public_url.parse::<Uri>().is_ok_and(|url| url.path() != "/" || url.query().is_some()) {
            return refuse("oidc.public_url", "has no path: it is where browsers find this server");
        }
        if self.client_id.is_empty() {
            return refuse("oidc.client_id", "is what the provider knows us as");
        }
        if self.client_secret.as_deref() == Some("") {
            return refuse("oidc.client_secret", "is empty; leave it out for a public client");
        }
        if self.roles.is_empty() && self.default_role.is_none() {
            return refuse("oidc.roles", "lets nobody in: name groups and what they may do");
        }
        if self.session.is_zero() {
            return refuse("oidc.session_hours", "must be at least 1");
        }
        let grants = self.roles.iter().map(|(_, grant)| grant).chain(&self.default_role);
        let mut grants = grants.into_iter();
        if grants.clone().any(|grant| grant.role == Role::Viewer.as_str() && !grant.own_department) {
            let why =
                "a viewer sees a part: say viewer@department, or name a role of your own that has a scope";
            return refuse("oidc.roles", why);
        }
        if self.department_claim.is_none() && grants.any(|grant| grant.own_department) {
            return refuse("oidc.department_claim", "is needed where a role is held @department");
        }
        Ok(())
    }

    /// The roles that people may come with, by name.
    pub(crate) fn role_names(&self) -> impl Iterator<Item = &str> {
        let grants = self.roles.iter().map(|(_, grant)| grant).chain(&self.default_role);
        grants.map(|grant| grant.role.as_str())
    }

    /// Where the provider sends people back to.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/audit/sign-in/provider/callback", self.public_url.trim_end_matches('/'))
    }

    /// Where it sends them after they signed out.
    pub(crate) fn signed_out_uri(&self) -> String {
        format!("{}/audit/sign-in", self.public_url.trim_end_matches('/'))
    }
}

/// Nothing secret is shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Grant {
    /// Reads `viewer`, or `viewer@department`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix("@department") {
            Some(role) => Self { role: role.to_owned(), own_department: true },
            None => Self { role: text.to_owned(), own_department: false },
        }
    }

    /// Of several grants the one with the smallest rank counts: the whole log before one department, then the wider
    /// of the built-in roles, then others by name.
    pub(super) fn rank(&self) -> (bool, usize, &str) {
        let built_in = ["admin", "auditor", "viewer", "ingest"];
        let place = built_in.iter().position(|role| *role == self.role).unwrap_or(built_in.len());
        (self.own_department, place, &self.role)
    }
}

/// Whether secrets may travel to this address: encrypted, or not beyond this machine.
pub(super) fn is_safe_address(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    let has_password = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_private = uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here);
    is_private && !has_password && !address.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        crate::oidc::tests::settings()
    }

    #[test]
    fn addresses_that_would_carry_secrets_in_the_clear_are_refused() {
        for good in [
            "https://id.example",
            "https://id.example/realms/a",
            "http://127.0.0.1:9000",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(is_safe_address(good), "{good}");
        }
        for bad in [
            "http://id.example",
            "ftp://id.example",
            "id.example",
            "https://",
            "https://a:b@id.example",
            "http://127.0.0.1.example",
            "https://id.example/#x",
            "",
        ] {
            assert!(!is_safe_address(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        settings().check().unwrap();
        let check = |key: &str, change: &dyn Fn(&mut Settings)| {
            let mut bad = settings();
            change(&mut bad);
            assert_eq!(bad.check().unwrap_err().key, key);
        };
        check("oidc.issuer", &|bad| bad.issuer = "http://id.example".to_owned());
        check("oidc.public_url", &|bad| bad.public_url = "https://audit.example/x".to_owned());
        check("oidc.client_id", &|bad| bad.client_id.clear());
        check("oidc.client_secret", &|bad| bad.client_secret = Some(String::new()));
        check("oidc.roles", &|bad| bad.roles.clear());
        check("oidc.roles", &|bad| bad.roles[0].1 = Grant::parse("viewer"));
        check("oidc.roles", &|bad| bad.default_role = Some(Grant::parse("viewer")));
        check("oidc.department_claim", &|bad| bad.department_claim = None);
        check("oidc.session_hours", &|bad| bad.session = Duration::ZERO);
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", Settings { client_secret: Some("hush".to_owned()), ..settings() });
        assert!(!shown.contains("hush"));
    }

    #[test]
    fn the_widest_grant_is_first() {
        let mut grants: Vec<_> =
            ["zeta", "viewer@department", "viewer", "admin@department", "admin", "alpha"]
                .map(Grant::parse)
                .into();
        grants.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let named: Vec<_> = grants.iter().map(|grant| (grant.role.as_str(), grant.own_department)).collect();
        assert_eq!(
            named,
            [
                ("admin", false),
                ("viewer", false),
                ("alpha", false),
                ("zeta", false),
                ("admin", true),
                ("viewer", true)
            ]
        );
    }
}

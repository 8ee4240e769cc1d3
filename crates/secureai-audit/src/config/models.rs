//! `[models]` and `[[models.provider]]`: the model gateway.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use audit_gateway::model;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// `[models]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Models {
    /// Below which path of the server the model gateway answers.
    pub path: String,
    /// An address of its own; unset: it shares the server's.
    pub listen: Option<SocketAddr>,
    /// Networks Open WebUI calls from, with commas between them; what it says about users is believed from there.
    pub callers: String,
    /// With this secret it is believed from anywhere.
    pub secret: Option<Secret>,
    /// Open WebUI's `FORWARD_USER_INFO_HEADER_JWT_SECRET`.
    pub user_jwt_secret: Option<Secret>,
    /// Prices, as a TOML file.
    pub prices_file: Option<PathBuf>,
    /// Longest request that is kept in memory to be asked for usage, in MiB.
    pub max_body_mib: u32,
    /// The providers; without one there is no model gateway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider: Vec<Provider>,
}

/// `[[models.provider]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    /// Its name in the path and in events.
    pub name: String,
    /// Its address, without the `/v1` that Open WebUI adds.
    pub url: String,
    /// Certificates to trust for it instead of the system's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Its key; unset: the one that Open WebUI sends goes through.
    pub key: Option<Secret>,
    /// A file with its key.
    pub key_file: Option<PathBuf>,
    /// The header for the key instead of `Authorization: Bearer`.
    pub key_header: Option<String>,
    /// Callers that are not believed to be Open WebUI may call it with a key of their own.
    #[serde(default)]
    pub open: bool,
    /// Streamed chat completions are asked for their usage.
    #[serde(default = "yes")]
    pub ask_for_usage: bool,
    /// The provider gets the headers that say for whom.
    #[serde(default)]
    pub forward_user_headers: bool,
    /// How long to wait for a connection, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long nothing may pass before an answer begins, in milliseconds.
    #[serde(default = "answer_timeout_ms")]
    pub answer_timeout_ms: u64,
    /// How long nothing may pass within an answer, in milliseconds.
    #[serde(default = "idle_timeout_ms")]
    pub idle_timeout_ms: u64,
}

fn yes() -> bool {
    true
}

fn connect_timeout_ms() -> u64 {
    10_000
}

fn answer_timeout_ms() -> u64 {
    900_000
}

fn idle_timeout_ms() -> u64 {
    900_000
}

impl Default for Models {
    fn default() -> Self {
        Self {
            path: "/llm".to_owned(),
            listen: None,
            callers: String::new(),
            secret: None,
            user_jwt_secret: None,
            prices_file: None,
            max_body_mib: 64,
            provider: Vec::new(),
        }
    }
}

impl Models {
    /// Whether there is a model gateway.
    pub(crate) fn is_configured(&self) -> bool {
        !self.provider.is_empty()
    }

    /// The model gateway's settings. Reads key files.
    pub(crate) fn gateway(&self) -> Result<model::Config, ConfigError> {
        Ok(model::Config {
            path: self.path.clone(),
            providers: self.provider.iter().map(Provider::gateway).collect::<Result<_, _>>()?,
            callers: self.callers()?,
            secret: self.secret.as_ref().map(hidden),
            user_jwt_secret: self.user_jwt_secret.as_ref().map(hidden),
            max_buffered_body: usize::try_from(self.max_body_mib)
                .unwrap_or(usize::MAX)
                .saturating_mul(1 << 20),
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.callers()?;
        if self.max_body_mib == 0 {
            return Err(refuse("models.max_body_mib", "must be at least 1"));
        }
        let path = &self.path;
        let is_ours = ["/audit", "/api", "/ws", "/static"].iter().any(|own| path.starts_with(own));
        if !path.starts_with('/') || path.len() < 2 || path.ends_with('/') || is_ours {
            return Err(refuse(
                "models.path",
                "must be a path such as /llm, and none of ours or Open WebUI's",
            ));
        }
        for secret in [("models.secret", &self.secret), ("models.user_jwt_secret", &self.user_jwt_secret)] {
            if let (key, Some(secret)) = secret
                && secret.reveal().is_empty()
            {
                return Err(refuse(key, "is empty: leave it out, or give it a value"));
            }
        }
        self.provider.iter().try_for_each(Provider::check)
    }

    fn callers(&self) -> Result<Vec<IpNet>, ConfigError> {
        let items = self.callers.split(',').map(str::trim).filter(|item| !item.is_empty());
        let parse = |item: &str| item.parse().or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from));
        let why = "lists networks such as 10.0.0.0/8, or addresses, with commas between them";
        items.map(parse).collect::<Result<_, _>>().map_err(|_| refuse("models.callers", why))
    }
}

impl Provider {
    fn gateway(&self) -> Result<model::Provider, ConfigError> {
        let milliseconds = Duration::from_millis;
        Ok(model::Provider {
            upstream: audit_gateway::upstream::Config {
                ca_file: self.ca_file.clone(),
                connect_timeout: milliseconds(self.connect_timeout_ms),
                head_timeout: milliseconds(self.answer_timeout_ms),
                idle_timeout: milliseconds(self.idle_timeout_ms),
                ..audit_gateway::upstream::Config::new(&self.url)
            },
            key: self.key()?,
            key_header: self.key_header.clone(),
            is_open: self.open,
            asks_for_usage: self.ask_for_usage,
            keeps_user_headers: self.forward_user_headers,
            ..model::Provider::new(&self.name, &self.url)
        })
    }

    fn key(&self) -> Result<Option<model::Hidden>, ConfigError> {
        let Some(path) = &self.key_file else { return Ok(self.key.as_ref().map(hidden)) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| self.refuse(&format!("key_file: cannot read {}: {error}", path.display())))?;
        Ok(Some(model::Hidden(text.trim().to_owned())))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let uri: Option<http::Uri> = self.url.parse().ok();
        let is_good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !is_good {
            return Err(self.refuse("url must be an address such as https://api.openai.com"));
        }
        if self.key.is_some() && self.key_file.is_some() {
            return Err(self.refuse("has both key and key_file: give one of them"));
        }
        if self.key_header.is_some() && self.key.is_none() && self.key_file.is_none() {
            return Err(self.refuse("has a key_header and no key"));
        }
        if self.open && (self.key.is_some() || self.key_file.is_some()) {
            return Err(self.refuse("is open, and has a key, which is never lent: leave one of them out"));
        }
        Ok(())
    }

    fn refuse(&self, why: &str) -> ConfigError {
        refuse(&format!("models.provider {:?}", self.name), why)
    }
}

fn hidden(secret: &Secret) -> model::Hidden {
    model::Hidden(secret.reveal().to_owned())
}

fn refuse(key: &str, why: &str) -> ConfigError {
    ConfigError(format!("{key}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Models {
        toml::from_str(toml).unwrap()
    }

    const PROVIDER: &str = "[[provider]]\nname = \"openai\"\nurl = \"https://api.openai.com\"\n";

    #[test]
    fn without_a_provider_there_is_no_model_gateway() {
        assert!(!Models::default().is_configured());
        Models::default().check().unwrap();
    }

    #[test]
    fn providers_have_defaults_and_keys_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-1\n").unwrap();
        let models = parsed(&format!("callers = \"10.0.0.0/8, ::1\"\n{PROVIDER}key_file = {path:?}\n"));
        models.check().unwrap();
        let gateway = models.gateway().unwrap();
        assert_eq!(gateway.callers.len(), 2);
        let provider = &gateway.providers[0];
        assert_eq!(provider.key, Some(model::Hidden("sk-1".to_owned())));
        assert!(provider.asks_for_usage && !provider.keeps_user_headers && !provider.is_open);
        assert!(!format!("{models:?}{gateway:?}").contains("sk-1"));
    }

    #[test]
    fn bad_values_are_named() {
        let check = |toml: &str, expected: &str| {
            let error = parsed(toml).check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check("callers = \"everybody\"", "models.callers:");
        check("path = \"llm\"", "models.path:");
        check("path = \"/api/llm\"", "models.path:");
        check("secret = \"\"", "models.secret:");
        check("[[provider]]\nname = \"x\"\nurl = \"api.openai.com\"", "models.provider \"x\": url");
        check(&format!("{PROVIDER}key = \"a\"\nkey_file = \"b\""), "models.provider \"openai\": has both");
        check(&format!("{PROVIDER}key_header = \"api-key\""), "models.provider \"openai\": has a key_header");
        check(&format!("{PROVIDER}key = \"a\"\nopen = true"), "models.provider \"openai\": is open");
        let missing = parsed(&format!("{PROVIDER}key_file = \"/nowhere/key\"")).gateway().unwrap_err();
        assert!(missing.to_string().starts_with("models.provider \"openai\": key_file"), "{missing}");
    }
}

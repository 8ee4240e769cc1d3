//! `[gateway]` and `[tls]`: what we stand in front of, and how clients reach us.

use std::{path::PathBuf, str::FromStr, time::Duration};

use audit_event::Category;
use audit_gateway::recorder::{Durability, Mode, Modes};
use audit_pipeline::sources::openwebui::identity::TrustedHeaders;
use http::HeaderName;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[gateway]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    /// Open WebUI's address; without it there is no gateway.
    pub upstream: Option<String>,
    /// Certificates to trust for an `https` upstream instead of the system's, as a PEM file.
    pub upstream_ca_file: Option<PathBuf>,
    /// Networks of the proxies in front of us, with commas between them.
    pub trusted_proxies: String,
    /// Headers that sign people in, beside the common ones, with commas between them.
    pub trusted_headers: String,
    /// Open WebUI's `CUSTOM_API_KEY_HEADER`.
    pub api_key_header: String,
    /// `strict` or `async`.
    pub mode: String,
    /// Categories with a mode of their own: `conversation = async, file = async`.
    pub modes: String,
    /// Intents survive a power failure, at the price of one more sync a request.
    pub synced_intents: bool,
    /// Rows of the route table that replace or add to the embedded ones, as a TOML file.
    pub routes_file: Option<PathBuf>,
    /// Groups whose name begins with this are departments.
    pub department_prefix: String,
    /// Which person or group belongs to which department, as a TOML file.
    pub department_file: Option<PathBuf>,
    /// The member of the identity provider's ID token that names the department.
    pub department_claim: Option<String>,
    /// How long a person whom Open WebUI named is taken as such without asking again, in seconds.
    pub remember_callers_s: u64,
    /// How long a request waits to know its caller, in milliseconds; then the caller is unproven.
    pub caller_timeout_ms: u64,
    /// How long to wait for a connection to upstream, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long to wait for the next piece of a request's body, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long nothing may pass before an answer begins, in milliseconds.
    pub answer_timeout_ms: u64,
    /// How long nothing may pass within an answer or a WebSocket, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Most connections of clients at once.
    pub max_connections: u32,
    /// Most WebSockets at once.
    pub max_sockets: u32,
}

/// `[tls]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate chain, own certificate first, as a PEM file; read again when it changes.
    pub certificate_file: Option<PathBuf>,
    /// Its private key, as a PEM file.
    pub key_file: Option<PathBuf>,
    /// Certificates that vouch for those of clients, as a PEM file; with it clients are asked for one.
    pub client_ca_file: Option<PathBuf>,
    /// Whoever brings events needs such a certificate.
    pub require_client_certificate: bool,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            upstream: None,
            upstream_ca_file: None,
            trusted_proxies: String::new(),
            trusted_headers: String::new(),
            api_key_header: "x-api-key".to_owned(),
            mode: "strict".to_owned(),
            modes: String::new(),
            synced_intents: false,
            routes_file: None,
            department_prefix: String::new(),
            department_file: None,
            department_claim: None,
            remember_callers_s: 60,
            caller_timeout_ms: 3_000,
            connect_timeout_ms: 10_000,
            body_timeout_ms: 60_000,
            answer_timeout_ms: 900_000,
            idle_timeout_ms: 3_600_000,
            max_connections: 10_000,
            max_sockets: 10_000,
        }
    }
}

impl Gateway {
    /// The upstream's client settings, if there is an upstream.
    pub(crate) fn upstream(&self) -> Option<audit_gateway::upstream::Config> {
        let url = self.upstream.as_ref()?;
        Some(audit_gateway::upstream::Config {
            ca_file: self.upstream_ca_file.clone(),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            head_timeout: Duration::from_millis(self.answer_timeout_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            ..audit_gateway::upstream::Config::new(url)
        })
    }

    /// The proxy's settings.
    pub(crate) fn proxy(&self) -> Result<audit_gateway::proxy::Config, ConfigError> {
        let extra: Vec<HeaderName> =
            list("gateway.trusted_headers", &self.trusted_headers, "a header's name")?;
        Ok(audit_gateway::proxy::Config {
            trusted_proxies: self.trusted_proxies()?,
            trusted_headers: TrustedHeaders::default().with(extra),
            api_key_header: self.api_key_header()?,
            max_sockets: usize::try_from(self.max_sockets).unwrap_or(usize::MAX),
            socket_idle_timeout: Duration::from_millis(self.idle_timeout_ms),
        })
    }

    /// The header for API keys.
    pub(crate) fn api_key_header(&self) -> Result<HeaderName, ConfigError> {
        let name = self.api_key_header.parse();
        name.map_err(|_| refuse("gateway.api_key_header", "is not a header's name"))
    }

    /// Networks whose `X-Forwarded-*` are believed; a bare address is a network of one.
    pub(crate) fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let Network(networks) = Network::of(&self.trusted_proxies)?;
        Ok(networks)
    }

    /// The mode of each category.
    pub(crate) fn modes(&self) -> Result<Modes, ConfigError> {
        let mode = |text: &str| match text.trim() {
            "strict" => Some(Mode::Strict),
            "async" => Some(Mode::Async),
            _ => None,
        };
        let default = mode(&self.mode).ok_or_else(|| refuse("gateway.mode", "is strict or async"))?;
        let mut exceptions = Vec::new();
        for item in items(&self.modes) {
            let pair = item
                .split_once('=')
                .and_then(|(category, of)| Some((category.trim().parse::<Category>().ok()?, mode(of)?)));
            let why = "has the form `conversation = async, file = strict`, with categories of events";
            exceptions.push(pair.ok_or_else(|| refuse("gateway.modes", why))?);
        }
        Ok(Modes { default, exceptions })
    }

    /// What intents survive.
    pub(crate) fn durability(&self) -> Durability {
        if self.synced_intents { Durability::Synced } else { Durability::Written }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.proxy()?;
        self.modes()?;
        if let Some(url) = &self.upstream {
            let uri: Option<http::Uri> = url.parse().ok();
            let is_good = uri.is_some_and(|uri| {
                let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
                is_http && uri.host().is_some() && uri.path() == "/" && uri.query().is_none()
            });
            if !is_good {
                return Err(refuse(
                    "gateway.upstream",
                    "is an address such as http://127.0.0.1:8080, without a path",
                ));
            }
        }
        if self.max_connections == 0 {
            return Err(refuse("gateway.max_connections", "must be at least 1"));
        }
        Ok(())
    }
}

impl Tls {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err(refuse("tls", "certificate_file and key_file belong together"));
        }
        if self.client_ca_file.is_some() && self.certificate_file.is_none() {
            return Err(refuse(
                "tls.client_ca_file",
                "clients show certificates over TLS only: set certificate_file",
            ));
        }
        if self.require_client_certificate && self.client_ca_file.is_none() {
            return Err(refuse(
                "tls.require_client_certificate",
                "needs client_ca_file, which says whose are good",
            ));
        }
        Ok(())
    }
}

/// Networks, written as such or as single addresses.
struct Network(Vec<IpNet>);

impl Network {
    fn of(text: &str) -> Result<Self, ConfigError> {
        let parse = |item: &str| item.parse().or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from));
        let why = "lists networks such as 10.0.0.0/8, or addresses, with commas between them";
        let networks: Result<_, _> = items(text).map(parse).collect();
        networks.map(Self).map_err(|_| refuse("gateway.trusted_proxies", why))
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn list<T: FromStr>(key: &str, text: &str, what: &str) -> Result<Vec<T>, ConfigError> {
    items(text)
        .map(|item| item.parse().map_err(|_| refuse(key, &format!("`{item}` is not {what}"))))
        .collect()
}

fn refuse(key: &str, why: &str) -> ConfigError {
    ConfigError(format!("{key}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_strict_and_trusts_nobody() {
        let gateway = Gateway::default();
        gateway.check().unwrap();
        assert_eq!(gateway.modes().unwrap(), Modes::all(Mode::Strict));
        assert!(gateway.trusted_proxies().unwrap().is_empty());
        assert!(gateway.upstream().is_none());
    }

    #[test]
    fn lists_are_read_and_bad_items_named() {
        let gateway = Gateway {
            trusted_proxies: "10.0.0.0/8, 192.0.2.7, fd00::/8".to_owned(),
            modes: "conversation = async,file=async".to_owned(),
            ..Gateway::default()
        };
        assert_eq!(gateway.trusted_proxies().unwrap().len(), 3);
        assert_eq!(gateway.modes().unwrap().of(Category::Conversation), Mode::Async);
        assert_eq!(gateway.modes().unwrap().of(Category::Authentication), Mode::Strict);
        for (bad, key) in [
            (Gateway { trusted_proxies: "everybody".to_owned(), ..Gateway::default() }, "trusted_proxies"),
            (Gateway { mode: "lax".to_owned(), ..Gateway::default() }, "gateway.mode"),
            (Gateway { modes: "chats = async".to_owned(), ..Gateway::default() }, "gateway.modes"),
            (Gateway { trusted_headers: "a b".to_owned(), ..Gateway::default() }, "trusted_headers"),
            (
                Gateway { upstream: Some("localhost:8080".to_owned()), ..Gateway::default() },
                "gateway.upstream",
            ),
            (Gateway { upstream: Some("http://a/sub".to_owned()), ..Gateway::default() }, "gateway.upstream"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn certificate_and_key_belong_together() {
        assert!(Tls::default().check().is_ok());
        let certificate = || Some("c.pem".into());
        assert!(Tls { certificate_file: certificate(), ..Tls::default() }.check().is_err());
        let served = Tls { certificate_file: certificate(), key_file: certificate(), ..Tls::default() };
        assert!(served.check().is_ok());
        assert!(Tls { client_ca_file: certificate(), ..served.clone() }.check().is_ok());
        assert!(Tls { client_ca_file: certificate(), ..Tls::default() }.check().is_err());
        assert!(Tls { require_client_certificate: true, ..served }.check().is_err());
    }
}

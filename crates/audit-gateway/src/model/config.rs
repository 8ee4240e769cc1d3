//! What is configured, checked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::request::Room;
use super::status::Counts;
use crate::upstream::{self, UpstreamClient};

/// A secret: never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The model gateway's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Below which path it answers: `/llm`.
    pub path: String,
    /// The providers; at least one.
    pub providers: Vec<Provider>,
    /// Where Open WebUI calls from. Headers that say for whom are believed from there, unless the request came through
    /// another proxy.
    pub callers: Vec<IpNet>,
    /// With this secret they are believed from anywhere.
    pub secret: Option<Hidden>,
    /// Open WebUI's `FORWARD_USER_INFO_HEADER_JWT_SECRET`: then only the signed form names a user.
    pub user_jwt_secret: Option<Hidden>,
    /// Longest request body that is kept in memory to be edited, in bytes. Longer ones pass as they are, and so do those
    /// that come while four times as much is kept.
    pub max_buffered_body: usize,
}

/// A provider of models.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in the path and in events: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Where it is.
    pub upstream: upstream::Config,
    /// Its key; `None`: what Open WebUI sends goes through.
    pub key: Option<Hidden>,
    /// The header for the key; `None`: `Authorization: Bearer`.
    pub key_header: Option<String>,
    /// Whether callers that are not believed to be Open WebUI may call it with a key of their own. They change nothing
    /// there, and never get `key`.
    pub is_open: bool,
    /// Whether streamed chat completions are asked for their usage.
    pub asks_for_usage: bool,
    /// Whether the provider gets the headers that say for whom.
    pub keeps_user_headers: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The path.
    #[error("the path must begin with a slash and have no slash at its end, such as /llm")]
    Path,
    /// A name.
    #[error("the provider name {0:?} must be letters, digits, - _ or .")]
    Name(String),
    /// A name that occurs twice.
    #[error("there are two providers named {0:?}")]
    Duplicate(String),
    /// A URL or certificate.
    #[error("provider {name:?}: {error}")]
    Upstream {
        /// The provider.
        name: String,
        /// Why.
        error: upstream::BuildError,
    },
    /// A key or its header.
    #[error("provider {0:?}: the key or its header has characters that a header cannot have")]
    Key(String),
}

/// A configuration that was checked.
pub(super) struct Rules {
    pub path: String,
    pub providers: Vec<Arc<Known>>,
    pub callers: Vec<IpNet>,
    pub secret: Option<Hidden>,
    pub user_jwt_secret: Option<Hidden>,
    pub room: Room,
    ids_without_randomness: AtomicU64,
}

/// A provider that was checked.
pub(super) struct Known {
    pub name: String,
    pub client: UpstreamClient,
    /// The header that carries our key.
    pub key: Option<(HeaderName, HeaderValue)>,
    pub is_open: bool,
    pub asks_for_usage: bool,
    pub keeps_user_headers: bool,
    pub counts: Counts,
}

impl Config {
    /// The defaults, without providers: nobody's headers are believed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            path: "/llm".to_owned(),
            providers: Vec::new(),
            callers: Vec::new(),
            secret: None,
            user_jwt_secret: None,
            max_buffered_body: 64 << 20,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider {
    /// The defaults, for the provider of this name at `url`.
    #[must_use]
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            upstream: upstream::Config::new(url),
            key: None,
            key_header: None,
            is_open: false,
            asks_for_usage: true,
            keeps_user_headers: false,
        }
    }
}

impl Rules {
    pub(super) fn build(config: Config) -> Result<Self, BuildError> {
        let is_path = config.path.starts_with('/') && config.path.len() > 1 && !config.path.ends_with('/');
        if !is_path {
            return Err(BuildError::Path);
        }
        let mut providers: Vec<Arc<Known>> = Vec::with_capacity(config.providers.len());
        for provider in config.providers {
            if providers.iter().any(|known| known.name == provider.name) {
                return Err(BuildError::Duplicate(provider.name));
            }
            providers.push(Arc::new(Known::build(provider)?));
        }
        Ok(Self {
            path: config.path,
            providers,
            callers: config.callers,
            secret: config.secret,
            user_jwt_secret: config.user_jwt_secret,
            room: Room::new(config.max_buffered_body),
            ids_without_randomness: AtomicU64::new(0),
        })
    }

    pub(super) fn count_up(&self) -> u64 {
        self.ids_without_randomness.fetch_add(1, Ordering::Relaxed)
    }
}

impl Known {
    fn build(provider: Provider) -> Result<Self, BuildError> {
        let name = provider.name;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_letter) || name.starts_with('.') {
            return Err(BuildError::Name(name));
        }
        let client = UpstreamClient::build(&provider.upstream)
            .map_err(|error| BuildError::Upstream { name: name.clone(), error })?;
        let key = match provider.key {
            Some(key) => {
                Some(key_header(&key, provider.key_header).ok_or_else(|| BuildError::Key(name.clone()))?)
            }
            None => None,
        };
        Ok(Self {
            name,
            client,
            key,
            is_open: provider.is_open,
            asks_for_usage: provider.asks_for_usage,
            keeps_user_headers: provider.keeps_user_headers,
            counts: Counts::default(),
        })
    }
}

fn key_header(key: &Hidden, name: Option<String>) -> Option<(HeaderName, HeaderValue)> {
    let (name, text) = match name {
        Some(name) => (HeaderName::from_bytes(name.as_bytes()).ok()?, key.0.clone()),
        None => (AUTHORIZATION, format!("Bearer {}", key.0)),
    };
    let mut value = HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some((name, value))
}

//! The configuration: one TOML file, each value also an environment variable, secrets also a file.
//!
//! Later wins: default, file, `…_FILE` variable, variable, command line. An unknown or bad key is refused by name and
//! line. Nothing below the binary reads the environment: each part is handed its own settings.

mod approvals;
mod gateway;
mod limits;
mod models;
mod oidc;
mod secret;
mod settings;
mod sources;
mod verify;

use std::{
    fmt,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    approvals::Approvals,
    gateway::{Gateway, Tls},
    limits::Limits,
    models::Models,
    oidc::Oidc,
    secret::Secret,
    settings::{SETTINGS, Setting},
    sources::Sources,
    verify::Verify,
};
use crate::environment::Environment;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// What events without an `instance` are recorded with.
    pub instance: String,
    pub ledger: Ledger,
    pub index: Index,
    pub http: Http,
    /// How fast anybody may ask.
    pub limits: Limits,
    pub exports: Exports,
    pub tls: Tls,
    pub oidc: Oidc,
    pub gateway: Gateway,
    pub sources: Sources,
    /// What needs a second admin.
    pub approvals: Approvals,
    pub models: Models,
    pub verify: Verify,
    pub keys: Keys,
    pub log: Log,
}

/// `[ledger]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ledger {
    /// Memory for appends that wait for the disk, in MiB; beyond it callers are told to retry.
    pub queue_mib: u32,
    /// Recording stops, reads go on, when less than this is free on the disk, in MiB.
    pub min_free_mib: u64,
}

/// `[index]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Index {
    /// Memory for decoded columns, in MiB.
    pub cache_mib: u32,
    /// A question that takes longer is given up, in milliseconds.
    pub timeout_ms: u64,
    /// Threads that answer questions; 0 is one per core.
    pub threads: u16,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    /// The longest request body, in MiB.
    pub max_body_mib: u32,
    /// A request whose head or body stalls for longer is given up, in milliseconds.
    pub timeout_ms: u64,
    /// Anybody may read the C2SP tiles and checkpoints (they hold digests only).
    pub public_tlog: bool,
    /// Anybody may read `/metrics`.
    pub public_metrics: bool,
}

/// `[exports]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exports {
    /// For how many days the file of an export in the background is kept.
    pub keep_days: u32,
    /// What the files of all exports may have together, in MiB.
    pub max_mib: u64,
    /// How many are written at once.
    pub at_once: u16,
}

/// `[keys]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// The log's name in its checkpoints, used when the signing key is made: a schema-less URL of yours.
    pub origin: Option<String>,
    /// The signing key in C2SP form, instead of `keys/signing.key`.
    pub signing_key: Option<Secret>,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// What is logged: `error`, `warn`, `info`, `debug`, or directives such as `info,audit_ledger=debug`.
    pub level: String,
    /// How.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8321)),
            instance: "default".to_owned(),
            ledger: Ledger::default(),
            index: Index::default(),
            http: Http::default(),
            limits: Limits::default(),
            exports: Exports::default(),
            tls: Tls::default(),
            oidc: Oidc::default(),
            gateway: Gateway::default(),
            sources: Sources::default(),
            approvals: Approvals::default(),
            models: Models::default(),
            verify: Verify::default(),
            keys: Keys::default(),
            log: Log::default(),
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self { queue_mib: 64, min_free_mib: 256 }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { cache_mib: 96, timeout_ms: 30_000, threads: 0 }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { max_body_mib: 64, timeout_ms: 30_000, public_tlog: false, public_metrics: false }
    }
}

impl Default for Exports {
    fn default() -> Self {
        Self { keep_days: 7, max_mib: 10_240, at_once: 2 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// The file, at this line (from 1).
    File { line: usize },
    /// This variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "line {line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A configuration and where its values come from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Where each of [`SETTINGS`] comes from, in their order.
    pub origins: Vec<Origin>,
    /// Variables of ours that no setting has: likely a slip, never an error (an orchestrator may have made them).
    pub unknown_variables: Vec<String>,
}

/// Why a configuration is refused: one line that names the key and where it stands.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the file (`chosen`, which must exist, or `<data_dir>/config.toml`, which may not) and the environment.
    pub(crate) fn load(
        chosen: Option<&Path>,
        data_dir: &Path,
        environment: &Environment,
    ) -> Result<Loaded, ConfigError> {
        let usual = data_dir.join("config.toml");
        let path = chosen.unwrap_or(&usual);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound && chosen.is_none() => None,
            Err(error) if error.kind() == ErrorKind::NotADirectory && chosen.is_none() => {
                return Err(ConfigError(format!(
                    "{} is a file: name the data directory",
                    data_dir.display()
                )));
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(ConfigError(format!(
                    "cannot read {}: {error}: run this as the user whose file it is",
                    path.display()
                )));
            }
            Err(error) => return Err(ConfigError(format!("cannot read {}: {error}", path.display()))),
        };
        let name = path.display().to_string();
        let mut loaded = Self::read(text.as_deref().unwrap_or_default(), &name, environment)?;
        loaded.file = text.map(|_| path.to_owned());
        Ok(loaded)
    }

    /// Reads `text`, called `name` in errors, and the environment.
    fn read(text: &str, name: &str, environment: &Environment) -> Result<Loaded, ConfigError> {
        let mut table = settings::parse_file(text, name)?;
        let mut origins: Vec<Origin> =
            SETTINGS.iter().map(|setting| setting.origin_in(text, &table)).collect();
        for (setting, origin) in SETTINGS.iter().zip(&mut origins) {
            if let Some((variable, value)) = setting.variable_in(environment)? {
                setting.put(&mut table, value);
                if let Err(error) = Self::deserialize(table.clone()) {
                    return Err(ConfigError(format!("{variable}: {}", error.message())));
                }
                *origin = Origin::Variable(variable);
            }
        }
        let config = Self::deserialize(table).map_err(|error| ConfigError(error.message().to_owned()))?;
        config.check_values()?;
        let unknown_variables = settings::unknown_variables(environment);
        Ok(Loaded { config, file: None, origins, unknown_variables })
    }

    /// Sets what the command line says we stand in front of.
    pub(crate) fn set_upstream(&mut self, url: &str) -> Result<(), ConfigError> {
        self.gateway.upstream = Some(url.to_owned());
        self.check_values()
    }

    /// What types alone cannot say.
    fn check_values(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, why: &str| Err(ConfigError(format!("{key}: {why}")));
        if self.instance.is_empty() || self.instance.len() > 64 {
            return refuse("instance", "must have 1 to 64 characters");
        }
        if self.ledger.queue_mib == 0 {
            return refuse("ledger.queue_mib", "must be at least 1");
        }
        if self.index.cache_mib < 8 {
            return refuse("index.cache_mib", "must be at least 8");
        }
        if self.http.max_body_mib == 0 {
            return refuse("http.max_body_mib", "must be at least 1");
        }
        if self.exports.keep_days == 0 {
            return refuse("exports.keep_days", "must be at least 1");
        }
        if self.exports.at_once == 0 {
            return refuse("exports.at_once", "must be at least 1");
        }
        self.limits.check()?;
        self.tls.check()?;
        self.oidc.check()?;
        self.gateway.check()?;
        self.sources.check()?;
        self.approvals.check()?;
        self.models.check()?;
        if tracing_subscriber::EnvFilter::try_new(&self.log.level).is_err() {
            return refuse(
                "log.level",
                "is no level (error, warn, info, debug, trace) and no filter directive",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

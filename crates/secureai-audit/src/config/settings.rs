//! The table of settings: name, kind and what each is for.

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, ConfigError, Origin};
use crate::environment::{Environment, PREFIX};

/// What a setting's variable is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    /// Text that is hidden, and may also come from a file (`…_FILE`).
    Secret,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// `section.key`, or `key` at the top.
    pub path: &'static str,
    pub kind: Kind,
    /// What it is for, in a line.
    pub about: &'static str,
}

/// Every setting, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting { path: "listen", kind: Kind::Text, about: "address and port the server listens on" },
    Setting { path: "instance", kind: Kind::Text, about: "name given to events that bring none" },
    Setting {
        path: "ledger.queue_mib",
        kind: Kind::Number,
        about: "memory for appends that wait for the disk",
    },
    Setting {
        path: "ledger.min_free_mib",
        kind: Kind::Number,
        about: "take no events of others when less disk is free",
    },
    Setting { path: "index.cache_mib", kind: Kind::Number, about: "memory for decoded columns" },
    Setting { path: "index.timeout_ms", kind: Kind::Number, about: "give a question up after this long" },
    Setting {
        path: "index.threads",
        kind: Kind::Number,
        about: "threads that answer questions; 0: one per core",
    },
    Setting { path: "http.max_body_mib", kind: Kind::Number, about: "longest request body" },
    Setting {
        path: "http.timeout_ms",
        kind: Kind::Number,
        about: "give a stalled request up after this long",
    },
    Setting { path: "http.public_tlog", kind: Kind::Flag, about: "anybody may read checkpoints and tiles" },
    Setting { path: "http.public_metrics", kind: Kind::Flag, about: "anybody may read /metrics" },
    Setting {
        path: "limits.reads_per_second",
        kind: Kind::Number,
        about: "requests of one token or person a second, appending excepted; 0: no limit",
    },
    Setting { path: "limits.reads_at_once", kind: Kind::Number, about: "the same at once, after a pause" },
    Setting {
        path: "limits.appends_per_second",
        kind: Kind::Number,
        about: "requests of one token or source that append, a second; 0: no limit",
    },
    Setting { path: "limits.appends_at_once", kind: Kind::Number, about: "the same at once, after a pause" },
    Setting {
        path: "limits.address_per_second",
        kind: Kind::Number,
        about: "requests of one address a second, appending excepted; 0: no limit",
    },
    Setting { path: "limits.address_at_once", kind: Kind::Number, about: "the same at once, after a pause" },
    Setting {
        path: "exports.keep_days",
        kind: Kind::Number,
        about: "days for which the file of an export in the background is kept",
    },
    Setting {
        path: "exports.max_mib",
        kind: Kind::Number,
        about: "room for the files of all exports together",
    },
    Setting { path: "exports.at_once", kind: Kind::Number, about: "exports that are written at once" },
    Setting {
        path: "tls.certificate_file",
        kind: Kind::Text,
        about: "certificate chain for clients (PEM); read again when it changes",
    },
    Setting { path: "tls.key_file", kind: Kind::Text, about: "its private key (PEM)" },
    Setting {
        path: "tls.client_ca_file",
        kind: Kind::Text,
        about: "CA of clients' certificates (PEM); with it clients are asked for one",
    },
    Setting {
        path: "tls.require_client_certificate",
        kind: Kind::Flag,
        about: "whoever sends events needs one",
    },
    Setting {
        path: "oidc.issuer",
        kind: Kind::Text,
        about: "identity provider for signing in to the pages; unset: none",
    },
    Setting { path: "oidc.client_id", kind: Kind::Text, about: "what the provider knows us as" },
    Setting {
        path: "oidc.client_secret",
        kind: Kind::Secret,
        about: "what proves it; unset: a public client",
    },
    Setting { path: "oidc.scopes", kind: Kind::Text, about: "what is asked for besides openid" },
    Setting {
        path: "oidc.role_claim",
        kind: Kind::Text,
        about: "the claim that names groups; [oidc.roles] says what they may do",
    },
    Setting {
        path: "oidc.default_role",
        kind: Kind::Text,
        about: "what everybody else may do; none: refused",
    },
    Setting { path: "oidc.department_claim", kind: Kind::Text, about: "the claim that names the department" },
    Setting { path: "oidc.public_url", kind: Kind::Text, about: "our address as browsers know it" },
    Setting { path: "oidc.name", kind: Kind::Text, about: "what the button says after: Sign in with" },
    Setting {
        path: "oidc.session_hours",
        kind: Kind::Number,
        about: "a session ends so long after the sign-in",
    },
    Setting {
        path: "oidc.clock_skew_s",
        kind: Kind::Number,
        about: "how far the provider's clock and ours may be apart",
    },
    Setting {
        path: "oidc.ca_file",
        kind: Kind::Text,
        about: "certificates to trust for it instead of the system's (PEM)",
    },
    Setting { path: "gateway.upstream", kind: Kind::Text, about: "address of Open WebUI; unset: no gateway" },
    Setting {
        path: "gateway.upstream_ca_file",
        kind: Kind::Text,
        about: "certificates to trust for it instead of the system's (PEM)",
    },
    Setting {
        path: "gateway.trusted_proxies",
        kind: Kind::Text,
        about: "networks of proxies in front whose X-Forwarded-* count",
    },
    Setting {
        path: "gateway.trusted_headers",
        kind: Kind::Text,
        about: "headers that sign people in, beside the common ones",
    },
    Setting { path: "gateway.api_key_header", kind: Kind::Text, about: "Open WebUI's CUSTOM_API_KEY_HEADER" },
    Setting {
        path: "gateway.mode",
        kind: Kind::Text,
        about: "strict: no change without its record; or async",
    },
    Setting {
        path: "gateway.modes",
        kind: Kind::Text,
        about: "categories with a mode of their own: conversation = async",
    },
    Setting {
        path: "gateway.synced_intents",
        kind: Kind::Flag,
        about: "intents survive a power failure; one more sync a request",
    },
    Setting { path: "gateway.routes_file", kind: Kind::Text, about: "own rows of the route table (TOML)" },
    Setting {
        path: "gateway.department_prefix",
        kind: Kind::Text,
        about: "groups that begin with this are departments",
    },
    Setting {
        path: "gateway.department_file",
        kind: Kind::Text,
        about: "departments of people and groups (TOML)",
    },
    Setting {
        path: "gateway.department_claim",
        kind: Kind::Text,
        about: "member of the ID token that names the department",
    },
    Setting {
        path: "gateway.remember_callers_s",
        kind: Kind::Number,
        about: "ask Open WebUI again who a caller is after this long",
    },
    Setting {
        path: "gateway.caller_timeout_ms",
        kind: Kind::Number,
        about: "a request waits this long to know its caller",
    },
    Setting {
        path: "gateway.connect_timeout_ms",
        kind: Kind::Number,
        about: "give a connection to Open WebUI up after this long",
    },
    Setting {
        path: "gateway.body_timeout_ms",
        kind: Kind::Number,
        about: "give up a client that stops within its request after this long",
    },
    Setting {
        path: "gateway.answer_timeout_ms",
        kind: Kind::Number,
        about: "give a silent request up after this long",
    },
    Setting {
        path: "gateway.idle_timeout_ms",
        kind: Kind::Number,
        about: "give a silent answer or WebSocket up after this long",
    },
    Setting {
        path: "gateway.max_connections",
        kind: Kind::Number,
        about: "most connections of clients at once",
    },
    Setting { path: "gateway.max_sockets", kind: Kind::Number, about: "most WebSockets at once" },
    Setting { path: "models.path", kind: Kind::Text, about: "path of the model gateway" },
    Setting { path: "models.listen", kind: Kind::Text, about: "its own address; unset: the server's" },
    Setting {
        path: "models.callers",
        kind: Kind::Text,
        about: "networks Open WebUI calls from: its word on users counts",
    },
    Setting { path: "models.secret", kind: Kind::Secret, about: "with this secret it counts from anywhere" },
    Setting {
        path: "models.user_jwt_secret",
        kind: Kind::Secret,
        about: "Open WebUI's FORWARD_USER_INFO_HEADER_JWT_SECRET",
    },
    Setting { path: "models.prices_file", kind: Kind::Text, about: "prices of models (TOML)" },
    Setting {
        path: "models.max_body_mib",
        kind: Kind::Number,
        about: "longest request that is asked for its usage",
    },
    Setting { path: "sources.audit_file", kind: Kind::Text, about: "Open WebUI's audit.log, to be followed" },
    Setting {
        path: "sources.hold_ms",
        kind: Kind::Number,
        about: "how long a sighting waits for the source that owns the fact",
    },
    Setting {
        path: "sources.streaming_hold_ms",
        kind: Kind::Number,
        about: "the same where the answer may stream",
    },
    Setting {
        path: "sources.clock_window_ms",
        kind: Kind::Number,
        about: "how far Open WebUI's clock and ours may be apart",
    },
    Setting {
        path: "verify.every_hours",
        kind: Kind::Number,
        about: "check the whole ledger this often; 0: only when asked",
    },
    Setting {
        path: "approvals.expire_minutes",
        kind: Kind::Number,
        about: "requests for a second admin's approval end after this long",
    },
    Setting {
        path: "approvals.revoke_last_admin",
        kind: Kind::Text,
        about: "a second admin for revoking the last admin token: auto, always, never",
    },
    Setting {
        path: "approvals.change_source",
        kind: Kind::Text,
        about: "the same for giving a source another secret",
    },
    Setting { path: "approvals.remove_source", kind: Kind::Text, about: "the same for removing a source" },
    Setting { path: "keys.origin", kind: Kind::Text, about: "the log's name, used when its key is made" },
    Setting {
        path: "keys.signing_key",
        kind: Kind::Secret,
        about: "signing key instead of keys/signing.key",
    },
    Setting { path: "log.level", kind: Kind::Text, about: "error, warn, info, debug, or filter directives" },
    Setting { path: "log.format", kind: Kind::Text, about: "text or json" },
];

impl Setting {
    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Section (empty at the top) and key.
    pub(crate) fn section_and_key(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }

    /// Whether its value is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// Its value in `table`, if it is there.
    pub(crate) fn value_in<'t>(&self, table: &'t Table) -> Option<&'t Value> {
        match self.section_and_key() {
            ("", key) => table.get(key),
            (section, key) => table.get(section)?.get(key),
        }
    }

    /// Sets it in `table`.
    pub(super) fn put(&self, table: &mut Table, value: Value) {
        let (section, key) = self.section_and_key();
        if section.is_empty() {
            table.insert(key.to_owned(), value);
            return;
        }
        let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(inner) = entry {
            inner.insert(key.to_owned(), value);
        }
    }

    /// Where the file's `text` sets it.
    pub(super) fn origin_in(&self, text: &str, table: &Table) -> Origin {
        if self.value_in(table).is_none() {
            return Origin::Default;
        }
        Origin::File { line: line_of_key(text, self.section_and_key()).unwrap_or(1) }
    }

    /// The variable that sets it and the value, if one does.
    pub(super) fn variable_in(
        &self,
        environment: &Environment,
    ) -> Result<Option<(String, Value)>, ConfigError> {
        let variable = self.variable();
        if let Some(text) = environment.get(&variable) {
            let value = self.parse(text, &variable)?;
            return Ok(Some((variable, value)));
        }
        if self.kind != Kind::Secret {
            return Ok(None);
        }
        let variable = format!("{variable}_FILE");
        let Some(path) = environment.get(&variable) else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("{variable}: cannot read {path}: {error}")))?;
        Ok(Some((variable, Value::String(text.trim().to_owned()))))
    }

    fn parse(&self, text: &str, variable: &str) -> Result<Value, ConfigError> {
        let refuse = |wanted: &str| ConfigError(format!("{variable}: `{text}` is not {wanted}"));
        Ok(match self.kind {
            Kind::Text | Kind::Secret => Value::String(text.to_owned()),
            Kind::Number => Value::Integer(text.parse().map_err(|_| refuse("a whole number"))?),
            Kind::Flag => Value::Boolean(text.parse().map_err(|_| refuse("true or false"))?),
        })
    }
}

/// Parses the file and checks every key, so that the error can point at the line.
pub(super) fn parse_file(text: &str, name: &str) -> Result<Table, ConfigError> {
    let fail = |error: &toml::de::Error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        let message = message.replace("unknown field", "unknown key");
        ConfigError(format!("{name}:{line}: {message}{}", key_on_line(text, line)))
    };
    toml::from_str::<Config>(text).map_err(|error| fail(&error))?;
    Table::deserialize(toml::Deserializer::parse(text).map_err(|error| fail(&error))?)
        .map_err(|error| fail(&error))
}

/// Variables with our prefix that neither a setting nor the command line knows.
pub(super) fn unknown_variables(environment: &Environment) -> Vec<String> {
    let command_line = ["DATA_DIR", "URL", "CA_FILE", "CONFIG", "TOKEN", "TOKEN_FILE"];
    let known = |name: &str| {
        command_line.contains(&&name[PREFIX.len()..])
            || SETTINGS.iter().any(|setting| {
                name == setting.variable()
                    || (setting.kind == Kind::Secret && name == format!("{}_FILE", setting.variable()))
            })
    };
    environment.names().filter(|name| !known(name)).map(str::to_owned).collect()
}

/// The line (from 1) of byte `at`.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// ` (key `x`)` when the line sets a key: a wrong type's message does not say which.
fn key_on_line(text: &str, line: usize) -> String {
    let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
    key.map(|key| format!(" (key `{key}`)")).unwrap_or_default()
}

/// The line (from 1) that sets `key` in `section`.
fn line_of_key(text: &str, (section, key): (&str, &str)) -> Option<usize> {
    let mut current = String::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            current = header.trim_end_matches(']').trim().to_owned();
        } else if let Some((name, _)) = line.split_once('=') {
            let full = if current.is_empty() {
                name.trim().to_owned()
            } else {
                format!("{current}.{}", name.trim())
            };
            let wanted = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            if full == wanted {
                return Some(at + 1);
            }
        }
    }
    None
}

//! Sources that send us events: whose secret it is, and what has come.

mod refusals;

use std::collections::HashMap;
use std::sync::Arc;

use audit_control::{Control, SourceDirectory};
use audit_event::{Target, Timestamp};
use audit_pipeline::sources::openwebui::sightings::Sightings;
use audit_pipeline::sources::tail::Tail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Uri};
use parking_lot::{Mutex, RwLock};

pub(crate) use self::refusals::Refusals;
use crate::problem::{Code, Problem, Result};

/// What takes events of sources, where there is one: the server has it, a command on a data directory has not.
#[derive(Clone)]
pub struct Receiving {
    /// Decides what becomes of them.
    pub sightings: Sightings,
    /// Follows the audit file, if there is one.
    pub audit_file: Option<Arc<Tail>>,
}

/// The sources that may send, in memory.
pub(crate) struct Sources {
    directory: RwLock<Arc<SourceDirectory>>,
    arrivals: Mutex<HashMap<String, Arrivals>>,
}

/// What one source has sent since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals {
    /// How many events.
    pub events: u64,
    /// When the last one came.
    pub last: Option<Timestamp>,
}

/// The source that a request was let in as.
#[derive(Debug, Clone)]
pub(crate) struct SourceName(pub String);

/// What a request shows: a source's name and a secret.
pub(crate) struct Shown {
    name: String,
    /// As it came.
    pub secret: String,
}

impl Shown {
    /// Of a request; the secret is in the path behind the name, in the password of basic authentication, or in the query
    /// as `token`.
    ///
    /// # Errors
    /// [`Code::MissingToken`].
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self> {
        let (name, in_path) = parts_of(uri.path());
        let secret = in_path.map(str::to_owned).or_else(|| password(headers)).or_else(|| in_query(uri));
        let missing = || refused(Code::MissingToken, "this address needs the source's secret");
        Ok(Self { name: name.to_owned(), secret: secret.ok_or_else(missing)? })
    }
}

/// Where a source's requests go, below the prefix; then comes its name.
const ADDRESS: &str = "/sources/openwebui/";

impl Sources {
    /// Loads the sources.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub fn load(control: &Control) -> audit_control::Result<Self> {
        let sources = Self { directory: RwLock::default(), arrivals: Mutex::default() };
        sources.reload(control)?;
        Ok(sources)
    }

    /// Takes up a change. Says whether there is any source.
    ///
    /// # Errors
    /// When the control database cannot be read; the directory is as before.
    pub fn reload(&self, control: &Control) -> audit_control::Result<bool> {
        // Read under the lock: of two changes at once, the later state must not be overwritten by the earlier one.
        let mut directory = self.directory.write();
        *directory = Arc::new(SourceDirectory::new(control.sources()?));
        Ok(!directory.is_empty())
    }

    /// Whom a request says it is from.
    ///
    /// # Errors
    /// [`Code::InvalidToken`], which does not say whether there is such a source.
    pub fn authenticate(&self, shown: &Shown, now: Timestamp) -> Result<SourceName> {
        if self.directory.read().admits(&shown.name, &shown.secret, now) {
            Ok(SourceName(shown.name.clone()))
        } else {
            Err(refused(
                Code::InvalidToken,
                "the source's secret is not good; `secureai-audit source setup openwebui` renews it",
            ))
        }
    }

    /// Notes that events came.
    pub fn note(&self, name: &str, now: Timestamp) {
        let mut arrivals = self.arrivals.lock();
        let of_source = arrivals.entry(name.to_owned()).or_default();
        of_source.events += 1;
        of_source.last = Some(now);
    }

    /// What a source has sent.
    pub fn arrivals(&self, name: &str) -> Arrivals {
        self.arrivals.lock().get(name).copied().unwrap_or_default()
    }
}

/// A source as an event's target.
pub(crate) fn target(name: &str) -> Target<'static> {
    Target {
        kind: Some("source".into()),
        id: Some(format!("openwebui/{name}").into()),
        name: Some(name.to_owned().into()),
    }
}

/// The address without what may be secret in it: it goes into the record.
pub(crate) fn without_secret(uri: &Uri) -> Uri {
    let path = uri.path();
    let end = path.find(ADDRESS).map_or(path.len(), |at| {
        let name = at + ADDRESS.len();
        path[name..].find('/').map_or(path.len(), |end| name + end)
    });
    path[..end].parse().unwrap_or_else(|_| Uri::from_static("/"))
}

/// A source's name, and what stands behind it.
fn parts_of(path: &str) -> (&str, Option<&str>) {
    let rest = path.split_once(ADDRESS).map_or("", |(_, rest)| rest).trim_end_matches('/');
    match rest.split_once('/') {
        Some((name, secret)) => (name, Some(secret)),
        None => (rest, None),
    }
}

fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn in_query(uri: &Uri) -> Option<String> {
    let pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned())
}

fn refused(code: Code, detail: &'static str) -> Problem {
    Problem::new(code, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"secureai-audit sources\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_the_name_gets_into_the_record() {
        for (uri, safe) in [
            ("/api/v1/auditlog/sources/openwebui/main/s3cret", "/api/v1/auditlog/sources/openwebui/main"),
            ("/api/v1/auditlogs/sources/openwebui/main/s3cret/", "/api/v1/auditlogs/sources/openwebui/main"),
            (
                "/api/v1/auditlog/sources/openwebui/main?token=s3cret",
                "/api/v1/auditlog/sources/openwebui/main",
            ),
            ("/api/v1/auditlog/sources/openwebui/main", "/api/v1/auditlog/sources/openwebui/main"),
        ] {
            assert_eq!(without_secret(&uri.parse().unwrap()), safe, "{uri}");
        }
    }
}

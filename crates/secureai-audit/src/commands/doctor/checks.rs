//! The single looks.

use std::{path::Path, sync::Arc, time::Duration};

use audit_event::Clock;
use audit_web::{Surroundings as _, surroundings::Status};
use serde_json::Value;

use super::{Finding, Level, gateways, traffic};
use crate::{
    api::{Problem, Query},
    clock::SystemClock,
    commands::Context,
    config::Loaded,
    data_dir::{DataDir, size_below},
    keys::KeyStore,
    output::{bytes, count},
    store::Store,
    surroundings::Around,
};

/// How long the index may take to catch up before it is looked at.
const INDEX_PATIENCE: Duration = Duration::from_secs(5);
/// Free space below which a warning is due: this many times the reserve.
const ROOMY: u64 = 4;

pub(super) fn good(subject: &'static str, finding: impl Into<String>) -> Finding {
    Finding { subject, level: Level::Good, finding: finding.into(), advice: String::new() }
}

pub(super) fn warning(
    subject: &'static str,
    finding: impl Into<String>,
    advice: impl Into<String>,
) -> Finding {
    Finding { subject, level: Level::Warning, finding: finding.into(), advice: advice.into() }
}

pub(super) fn bad(subject: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { subject, level: Level::Bad, finding: finding.into(), advice: advice.into() }
}

/// Looks at a running server from outside, at what it says of its gateways, and at what has been recorded.
pub(super) async fn server(context: &Context, url: &str) -> Vec<Finding> {
    let api = match context.api() {
        Ok(api) => api,
        Err(error) => return vec![bad("server", format!("{error:#}"), "")],
    };
    let mut findings = vec![match api.get("/healthz", &Query::default()).await {
        Ok(_) => good("server", format!("{url} answers")),
        Err(error) => {
            return vec![bad("server", format!("{error:#}"), "is it running, and is the address right?")];
        }
    }];
    let readiness = api.get_json::<Value>("/readyz", &Query::default()).await;
    let state = match &readiness {
        Ok(state) => Some(state.clone()),
        Err(error) => error.downcast_ref::<Problem>().map(|problem| problem.body.clone()),
    };
    findings.push(match readiness {
        Ok(state) => {
            let lag = figure(&state, "index_lag");
            good("recording", format!("accepts events, the index is {} behind", count(lag)))
        }
        Err(error) => not_ready(&error),
    });
    findings.extend(state.map(|state| entries(&state)));
    let mut one = Query::default();
    one.add("limit", "1");
    match api.get("", &one).await {
        Ok(_) => findings.push(good("token", "may read")),
        Err(error) => {
            let advice = "set SECUREAI_AUDIT_TOKEN to a token of role auditor or admin: without one the gateways and the events cannot be looked at";
            findings.push(warning("token", format!("{error:#}"), advice));
            return findings;
        }
    }
    match api.get_json::<Status>("/status", &Query::default()).await {
        Ok(status) => {
            findings.extend(gateways::findings(&status));
            findings.extend(traffic::look(&api, &status).await);
        }
        Err(error) => findings.push(warning(
            "gateways",
            format!("{error:#}"),
            "the server does not tell how its gateways are: is it of this version?",
        )),
    }
    findings
}

/// Looks at the Open WebUI of the configuration, and at what has been recorded in the data directory.
async fn beyond(context: &Context, loaded: &Loaded) -> anyhow::Result<Vec<Finding>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let around = Around::build(&loaded.config, None, None, clock)?;
    let status = Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: now,
        now,
        gateways: around.look().await,
        sources: None,
    };
    let mut findings = gateways::findings(&status);
    let api = context.api()?;
    findings.extend(traffic::look(&api, &status).await);
    api.close().await?;
    Ok(findings)
}

fn figure(state: &Value, name: &str) -> u64 {
    state.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// Whether the server has met entries that it could not read.
fn entries(state: &Value) -> Finding {
    let (unreadable, undecodable) = (figure(state, "unreadable"), figure(state, "undecodable"));
    if unreadable == 0 && undecodable == 0 {
        return good(
            "entries",
            "no read of an entry has failed since the start; `verify` looks at all of them",
        );
    }
    bad(
        "entries",
        format!(
            "{} reads met damage, {} entries could not be indexed",
            count(unreadable),
            count(undecodable)
        ),
        "`verify` on the data directory says which; restore them from your backup",
    )
}

fn not_ready(error: &anyhow::Error) -> Finding {
    let state = error.downcast_ref::<Problem>().map(|problem| problem.body.clone()).unwrap_or_default();
    match state.get("ledger").and_then(Value::as_str) {
        Some("disk_full") => bad(
            "recording",
            "the disk is full: events are refused, reads go on",
            "make room; recording resumes by itself",
        ),
        Some("stopped_after_failed_write") => bad(
            "recording",
            "a write failed: events are refused, reads go on",
            "see the server's log, check the disk, then restart the server",
        ),
        _ => bad("recording", format!("not ready: {error:#}"), "see the server's log"),
    }
}

/// Looks at the configuration and the data directory.
pub(super) async fn data_dir(context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let loaded = match context.config() {
        Ok(loaded) => loaded,
        Err(error) => {
            return vec![bad(
                "configuration",
                format!("{error:#}"),
                "correct it; `config check` looks again",
            )];
        }
    };
    findings.push(configuration(&loaded));
    let directory = match context.data_dir() {
        Ok(directory) => directory,
        Err(error) => {
            findings.push(bad("data directory", format!("{error:#}"), ""));
            return findings;
        }
    };
    let size = bytes(size_below(directory.root()));
    findings.push(good("data directory", format!("{} holds {size}", directory.root().display())));
    findings.push(free_space(directory.root(), loaded.config.ledger.min_free_mib << 20));
    findings.extend(keys(&directory, &loaded));
    findings.push(clock());
    if directory.is_locked() {
        findings.push(good(
            "ledger",
            "a server has it open: ask that server with doctor --url; verify reads the files meanwhile",
        ));
        return findings;
    }
    findings.extend(tokio::task::block_in_place(|| open(&loaded, &directory)));
    if findings.iter().any(|finding| finding.level == Level::Bad) {
        return findings;
    }
    match beyond(context, &loaded).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(bad("events", format!("{error:#}"), "")),
    }
    findings
}

fn configuration(loaded: &Loaded) -> Finding {
    let file = loaded.file.as_ref().map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
    match loaded.unknown_variables.as_slice() {
        [] => good("configuration", format!("good ({file})")),
        unknown => warning(
            "configuration",
            format!("{} is no setting", unknown.join(", ")),
            "see `config show` for the names",
        ),
    }
}

fn free_space(root: &Path, reserve: u64) -> Finding {
    let Ok(stat) = rustix::fs::statvfs(root) else {
        return warning("disk", "its free space cannot be told", "");
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{} free, {} kept in reserve", bytes(free), bytes(reserve));
    if free < reserve {
        bad(
            "disk",
            found,
            "full: events are refused until there is room; reads go on (ledger.min_free_mib is the reserve)",
        )
    } else if free < reserve.saturating_mul(ROOMY) {
        warning("disk", found, "nearly full: make room before recording stops")
    } else {
        good("disk", found)
    }
}

fn keys(directory: &DataDir, loaded: &Loaded) -> Vec<Finding> {
    let keys = KeyStore::of(directory);
    let mut findings = vec![match keys.verifiers(&loaded.config.keys) {
        Ok(Some(verifiers)) => good("signing key", verifiers[0].to_string()),
        Ok(None) => warning("signing key", "none yet", "the first start of `serve` makes it"),
        Err(error) => {
            bad("signing key", format!("{error:#}"), "restore it from your backup, or `key rotate`")
        }
    }];
    for (path, mode) in keys.loose_files() {
        let found = format!("{} may be read by others (mode {mode:03o})", path.display());
        findings.push(bad("secrets", found, format!("chmod 600 {}", path.display())));
    }
    let token_file = keys.first_admin_token_path();
    if token_file.exists() {
        let advice = "once you have put it somewhere safe, delete the file";
        findings.push(warning("first admin token", format!("still in {}", token_file.display()), advice));
    }
    findings
}

fn clock() -> Finding {
    let now = SystemClock.now();
    let plausible =
        audit_event::Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").is_ok_and(|start| now > start);
    if plausible {
        good("clock", now.to_string())
    } else {
        bad("clock", now.to_string(), "the system's clock is wrong: events are stamped with it")
    }
}

/// Opens the store as the server would.
fn open(loaded: &Loaded, directory: &DataDir) -> Vec<Finding> {
    let store = match Store::open(&loaded.config, directory.root()) {
        Ok(store) => store,
        Err(error) => {
            return vec![bad(
                "ledger",
                format!("{error:#}"),
                "`verify` says where; restore from your backup",
            )];
        }
    };
    let recovery = store.ledger().recovery();
    let entries = count(recovery.entries);
    let mut findings = vec![match &recovery.torn_tail {
        None => good("ledger", format!("opens, {entries} events")),
        Some(torn) => {
            let found =
                format!("opens, {entries} events; {} bytes of an interrupted write were cut off", torn.bytes);
            warning("ledger", found, "nothing acknowledged was lost; it is recorded as ledger.recovered")
        }
    }];
    // What it is still behind after a moment is worth telling.
    let _ = store.wait_until_searchable(INDEX_PATIENCE);
    let status = store.index().status();
    if let Some(failing) = &status.failing {
        let found = format!("fails for {} s: {}", failing.elapsed.as_secs(), failing.error);
        findings.push(warning("index", found, "what is in memory is searchable; it tries again by itself"));
    }
    if let Some(reason) = status.rebuilt {
        let found = format!("given up, for {reason}");
        findings.push(warning("index", found, "being made anew from the ledger; nothing is lost"));
    }
    findings.push(match status.damaged.as_slice() {
        [] => good(
            "index",
            format!(
                "{} partitions, {}, {} events behind",
                status.partitions,
                bytes(status.disk_bytes),
                count(status.lag)
            ),
        ),
        files => warning(
            "index",
            format!("damaged: {}", files.join(", ")),
            "being rebuilt from the ledger; `reindex` does all at once",
        ),
    });
    match store.control().tokens() {
        Ok(tokens) => findings.push(good("tokens", format!("{} made so far", tokens.len()))),
        Err(error) => findings.push(bad("tokens", error.to_string(), "restore control.db from your backup")),
    }
    if let Err(error) = store.close() {
        findings.push(bad("closing", format!("{error:#}"), ""));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn damage_that_a_server_has_met_is_bad() {
        let level = |unreadable: u64, undecodable: u64| {
            entries(&json!({ "unreadable": unreadable, "undecodable": undecodable })).level
        };
        assert_eq!(level(0, 0), Level::Good);
        assert_eq!([level(1, 0), level(0, 1)], [Level::Bad; 2]);
    }
}

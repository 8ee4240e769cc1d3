//! What only this program knows of a data directory: where things are, and whether disk, keys and clock are as they
//! should be. `doctor` asks, and so does the page on health.

use std::{path::Path, sync::Arc};

use audit_event::{Clock as _, Timestamp};
use audit_web::{
    Premises,
    checks::{Finding, bad, good, warning},
};

use crate::{
    clock::SystemClock,
    config::Config,
    data_dir::{DataDir, size_below},
    keys::KeyStore,
    output::bytes,
    store::Store,
};

/// Free space below which a warning is due: this many times the reserve.
const ROOMY: u64 = 4;

/// Where everything of `store` is.
pub(crate) fn of(store: &Store) -> Premises {
    let (directory, config) = (store.directory().clone(), store.config().clone());
    let keys = store.keys().verifiers(&config.keys);
    Premises {
        root: directory.root().to_owned(),
        ledger: directory.ledger(),
        index: directory.index(),
        exports: directory.root().join("exports"),
        reserve_bytes: reserve(&config),
        // The store could not have been opened without them.
        keys: keys.ok().flatten().unwrap_or_default(),
        look: Arc::new(move || look(&directory, &config)),
    }
}

/// Looks at the data directory from outside: it may be open or not.
pub(crate) fn look(directory: &DataDir, config: &Config) -> Vec<Finding> {
    let size = bytes(size_below(directory.root()));
    let mut findings = vec![
        good("data directory", format!("{} holds {size}", directory.root().display())),
        free_space(directory.root(), reserve(config)),
    ];
    findings.extend(keys(directory, config));
    findings.push(clock());
    findings
}

fn reserve(config: &Config) -> u64 {
    config.ledger.min_free_mib.saturating_mul(1 << 20)
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

fn keys(directory: &DataDir, config: &Config) -> Vec<Finding> {
    let keys = KeyStore::of(directory);
    let mut findings = vec![match keys.verifiers(&config.keys) {
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
    let plausible = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").is_ok_and(|start| now > start);
    if plausible {
        good("clock", now.to_string())
    } else {
        bad("clock", now.to_string(), "the system's clock is wrong: events are stamped with it")
    }
}

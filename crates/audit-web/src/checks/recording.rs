//! Whether events are taken, kept and found.

use serde_json::Value;

use super::{Finding, bad, good, warning};
use crate::endpoints::ready;
use crate::figures::{bytes, count};
use crate::state::AppState;
use crate::verifications;

/// What there is to say of ledger, index and tokens. Blocks for a moment.
pub(super) fn findings(state: &AppState) -> Vec<Finding> {
    let mut findings = readiness(&ready::readiness(state).1);
    findings.push(ledger(state));
    findings.extend(index(state));
    findings.push(verified(state));
    findings.push(match state.control().tokens() {
        Ok(tokens) => good("access tokens", format!("{} made so far", count(tokens.len() as u64))),
        Err(error) => bad("access tokens", error.to_string(), "restore control.db from your backup"),
    });
    findings
}

/// What the answer of `GET /readyz` means.
#[must_use]
pub fn readiness(state: &Value) -> Vec<Finding> {
    let is_ready = state.get("ready").and_then(Value::as_bool).unwrap_or(false);
    let recording = match state.get("ledger").and_then(Value::as_str) {
        _ if is_ready => {
            let lag = count(figure(state, "index_lag"));
            good("recording", format!("accepts events, the index is {lag} behind"))
        }
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
        _ => bad("recording", "not ready", "see the server's log"),
    };
    vec![recording, entries(state)]
}

/// Whether the server has met entries that it could not read.
fn entries(state: &Value) -> Finding {
    let (unreadable, undecodable) = (figure(state, "unreadable"), figure(state, "undecodable"));
    if unreadable == 0 && undecodable == 0 {
        return good(
            "entries",
            "no read of an entry has failed since the start; a verification looks at all of them",
        );
    }
    let found = format!(
        "{} reads met damage, {} entries could not be indexed",
        count(unreadable),
        count(undecodable)
    );
    bad("entries", found, "`verify` on the data directory says which; restore them from your backup")
}

fn figure(state: &Value, name: &str) -> u64 {
    state.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn ledger(state: &AppState) -> Finding {
    let entries = count(state.ledger().size().get());
    match &state.ledger().recovery().torn_tail {
        None => good("ledger", format!("opens, {entries} events")),
        Some(torn) => {
            let found =
                format!("opens, {entries} events; {} bytes of an interrupted write were cut off", torn.bytes);
            warning("ledger", found, "nothing acknowledged was lost; it is recorded as ledger.recovered")
        }
    }
}

fn index(state: &AppState) -> Vec<Finding> {
    let status = state.index().status();
    let mut findings = Vec::new();
    if let Some(failing) = &status.failing {
        let found = format!("fails for {} s: {}", failing.elapsed.as_secs(), failing.error);
        findings.push(warning("index", found, "what is in memory is searchable; it tries again by itself"));
    }
    if let Some(reason) = status.rebuilt {
        let found = format!("given up, for {reason}");
        findings.push(warning("index", found, "being made anew from the ledger; nothing is lost"));
    }
    findings.push(match status.damaged.as_slice() {
        [] => {
            let (partitions, size) = (count(status.partitions as u64), bytes(status.disk_bytes));
            let noun = if status.partitions == 1 { "partition" } else { "partitions" };
            good("index", format!("{partitions} {noun}, {size}, {} events behind", count(status.lag)))
        }
        files => warning(
            "index",
            format!("damaged: {}", files.join(", ")),
            "being rebuilt from the ledger; `reindex` does all at once",
        ),
    });
    findings
}

/// Whether the whole ledger was checked, and held.
fn verified(state: &AppState) -> Finding {
    const SUBJECT: &str = "verification";
    let (last, next) = match (state.control().last_full_verification(), verifications::next(state)) {
        (Ok(last), Ok(next)) => (last, next),
        _ => return bad(SUBJECT, "cannot be told", "restore control.db from your backup"),
    };
    let Some((last, found)) = last.and_then(|last| Some((last.ended?, last.verdicts?))) else {
        return match next {
            Some(_) => good(SUBJECT, "the server makes the first one soon after its start"),
            None => warning(
                SUBJECT,
                "the whole ledger was never verified here",
                "start one on the page Integrity, or let it be done by itself: verify.every_hours = 24",
            ),
        };
    };
    let when = crate::figures::ago(last, state.now());
    match verifications::doubts(state) {
        Ok(doubts) if doubts.is_empty() => {}
        Ok(doubts) => return bad(SUBJECT, doubts.join("; "), "see the page Integrity"),
        Err(_) => return bad(SUBJECT, "cannot be told", "restore control.db from your backup"),
    }
    if found.is_sound() {
        return good(SUBJECT, format!("{} events sound, {when}", count(found.entries)));
    }
    let findings = found.integrity.len() + found.completeness.len();
    bad(
        SUBJECT,
        format!("NOT sound, {when}: {} findings", count(findings as u64)),
        "see the page Integrity for what and where; keep the files as they are, and restore a copy from your backup elsewhere",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::Level;

    #[test]
    fn damage_that_a_server_has_met_is_bad() {
        let level = |unreadable: u64, undecodable: u64| {
            entries(&json!({ "unreadable": unreadable, "undecodable": undecodable })).level
        };
        assert_eq!(level(0, 0), Level::Good);
        assert_eq!([level(1, 0), level(0, 1)], [Level::Bad; 2]);
    }

    #[test]
    fn a_server_that_refuses_events_says_what_to_do() {
        let of = |state: Value| readiness(&state).remove(0);
        let ready = of(json!({ "ready": true, "ledger": "accepting", "index_lag": 7 }));
        assert_eq!(
            (ready.level, ready.finding.as_str()),
            (Level::Good, "accepts events, the index is 7 behind")
        );
        let full = of(json!({ "ready": false, "ledger": "disk_full" }));
        assert!(full.level == Level::Bad && full.advice.contains("make room"), "{full:?}");
        assert_eq!(of(json!({})).level, Level::Bad);
    }
}

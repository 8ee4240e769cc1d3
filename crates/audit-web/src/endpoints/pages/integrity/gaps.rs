//! What the record itself knows to be missing or unsure: repairs, refusals, drops, outages, intents without an end.
//!
//! Only what this program says of itself counts: whoever may append could otherwise tell of gaps that are none, or of a
//! stop in order where there was a crash.

use audit_event::{Entry, Outcome, Source, Timestamp};
use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers as _, Budget, List, Order, RowRef, TimeRange};
use audit_tlog::LeafIndex;
use serde_json::Value;

use crate::figures::{bytes, count, printable};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;
use crate::verifications::promised;

/// Gaps of one kind that are shown; the events' list has all of them.
const SHOWN: usize = 50;
/// Starts and stops that are looked at.
const STARTS: usize = 400;

/// Actions that tell of a gap, with what to do about it.
const KINDS: [(&str, &str, &str); 6] = [
    (
        "ledger.recovered",
        "A write was cut off by a crash",
        "Nothing acknowledged was lost. Requests that were under way then may be missing: compare with `secureai-audit reconcile`.",
    ),
    (
        "ledger.stopped_accepting",
        "Events were refused",
        "See the server's log and the disk. In strict mode nothing passed unrecorded; otherwise compare with `secureai-audit reconcile`.",
    ),
    (
        "ledger.events_dropped",
        "Events were dropped",
        "A queue was full: the disk was too slow. Strict mode (gateway.mode) loses none; compare the time with `secureai-audit reconcile`.",
    ),
    (
        "source.events_refused",
        "Events of a source were refused",
        "The sender does not send them again. Compare the time with the platform's own log.",
    ),
    (
        "source.lines_skipped",
        "Lines of a source could not be read",
        "Look at the lines in the file that the event names; `secureai-audit import` takes them once they are mended.",
    ),
    (
        "audit.verification_failed",
        "A verification failed",
        "See its findings below. Keep the files as they are, restore your backup elsewhere and verify that.",
    ),
];

/// One of them.
#[derive(Debug)]
pub(crate) struct Gap {
    pub time: Timestamp,
    pub what: &'static str,
    pub detail: String,
    pub advice: &'static str,
    /// The event that tells of it.
    pub href: String,
}

/// The gaps among the events that the reader may see, newest first. Blocks.
///
/// # Errors
/// When the index cannot answer.
pub(super) fn find(state: &AppState, reader: &Reader, budget: &Budget) -> Result<Vec<Gap>> {
    let mut gaps = Vec::new();
    gaps.extend(put_back(state)?);
    let own = Filter::first_hand(Source::Internal);
    for (action, what, advice) in KINDS {
        for row in newest(state, reader, vec![own.clone(), of(Field::Action, action)?], SHOWN, budget)? {
            let event = read(state, reader, row);
            gaps.push(Gap { time: row.time, what, detail: detail(&event), advice, href: href(row) });
        }
    }
    // Intents are of the gateways, which say so as the source.
    let gateways = Filter::first_hand_of([Source::Gateway, Source::ModelGateway, Source::Internal]);
    let interrupted =
        vec![gateways, of(Field::Reason, "interrupted")?, of(Field::Outcome, Outcome::Unknown.as_str())?];
    for row in newest(state, reader, interrupted, SHOWN, budget)? {
        let event = read(state, reader, row);
        let action = event.get("action").and_then(Value::as_str).unwrap_or_default();
        gaps.push(Gap {
            time: row.time,
            what: "It is not known how a change ended",
            detail: printable(action),
            advice: "The server or the platform stopped while it was under way: look at its target whether it took effect.",
            href: href(row),
        });
    }
    gaps.extend(unclean_starts(state, reader, own, budget)?);
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.time));
    Ok(gaps)
}

/// The log as a whole, if it was larger or another one when a checkpoint was kept.
fn put_back(state: &AppState) -> Result<Option<Gap>> {
    Ok(promised::broken(state)?.map(|broken| Gap {
        time: broken.kept,
        what: broken.what(),
        detail: broken.to_string(),
        advice: "An older copy of the ledger may have been put in its place. Keep both; restore your newest backup of the whole data directory elsewhere, and verify that.",
        href: format!("{}/checkpoints/{}", PREFIXES[0], broken.size),
    }))
}

/// Starts without a stop before: meanwhile nothing was recorded, and nobody said so.
fn unclean_starts(state: &AppState, reader: &Reader, own: Filter, budget: &Budget) -> Result<Vec<Gap>> {
    let both =
        Filter::any_of(vec![of(Field::Action, "ledger.started")?, of(Field::Action, "ledger.stopped")?]);
    let mut rows = newest(state, reader, vec![own, both], STARTS, budget)?;
    // In the order in which they were recorded, whatever the clock said.
    rows.sort_by_key(|row| std::cmp::Reverse(row.index));
    let events: Vec<(RowRef, bool)> = rows
        .into_iter()
        .map(|row| {
            (row, read(state, reader, row).get("action").is_some_and(|action| action == "ledger.started"))
        })
        .collect();
    let pairs = events.windows(2).filter(|pair| pair[0].1 && pair[1].1);
    let gap = |pair: &[(RowRef, bool)]| Gap {
        time: pair[0].0.time,
        what: "The server began anew without having stopped in order",
        detail: format!("the start before it was at {}", pair[1].0.time),
        advice: "A crash or a power failure. What was acknowledged is there; what happened until this start is not: `secureai-audit reconcile` compares with the platform.",
        href: href(pair[0].0),
    };
    Ok(pairs.take(SHOWN).map(gap).collect())
}

fn of(field: Field, value: &str) -> Result<Filter> {
    Filter::of_field(field, value).map_err(Problem::internal)
}

fn newest(
    state: &AppState,
    reader: &Reader,
    conditions: Vec<Filter>,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<RowRef>> {
    let question = List {
        filter: reader.within(Filter::all_of(conditions)),
        range: TimeRange::ALL,
        order: Order::NewestFirst,
        limit,
        after: None,
        snapshot: None,
        count: false,
    };
    Ok(state.index().list(&question, budget)?.rows)
}

/// The event as the reader may see it; one that cannot be read has nothing.
fn read(state: &AppState, reader: &Reader, row: RowRef) -> Value {
    let Ok(entry) = state.ledger().reader().get(LeafIndex::new(row.index)) else { return Value::Null };
    let Ok(entry) = Entry::decode(&entry) else { return Value::Null };
    let mut json = Vec::new();
    reader.shown(&entry).write_json(&mut json);
    serde_json::from_slice(&json).unwrap_or_default()
}

fn href(row: RowRef) -> String {
    format!("/audit/events/{}", row.index)
}

/// What the event says of how much it was.
fn detail(event: &Value) -> String {
    let number = |name: &str| match event.pointer("/details")?.get(name)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let source = event.pointer("/target/name").and_then(Value::as_str).map(printable);
    let mut parts: Vec<String> = source.into_iter().collect();
    parts.extend(number("bytes").map(|size| format!("{} never acknowledged", bytes(size))));
    for name in ["events", "lines"] {
        parts.extend(number(name).map(|number: u64| format!("{} {name}", count(number))));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gap_says_how_much_it_is() {
        assert_eq!(
            detail(&json!({ "details": { "bytes": "1200", "file": "x" } })),
            "1.2 kB never acknowledged"
        );
        assert_eq!(
            detail(&json!({ "target": { "name": "main" }, "details": { "events": 3 } })),
            "main, 3 events"
        );
        assert_eq!(detail(&Value::Null), "");
    }
}

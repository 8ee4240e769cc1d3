//! What came of it: for people, for programs, for the record.

use audit_event::Timestamp;
use audit_pipeline::sources::openwebui::inventory::{Kind, Tally};
use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::{
    api::{Api, Query},
    cli::ReconcileArgs,
    commands::Context,
    filters::local_time,
    output::{Align, Table, count, note, printable},
};

/// Most objects that the record names.
const MAX_TARGETS: usize = 100;
/// What nobody but its owner is shown.
const API_KEYS: &str =
    "API keys are not compared: Open WebUI shows each to its owner alone, and without its age";

/// Prints the report.
pub(super) fn print(
    context: &Context,
    args: &ReconcileArgs,
    outcome: &Outcome,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let output = context.output;
    if output.is_json() {
        return output.json(&json(outcome));
    }
    let names = ["", "in Open WebUI", "recorded", "without event", "in the log", "deleted since", "unknown"];
    let columns: Vec<(&str, Align)> =
        names.iter().map(|name| (*name, if name.is_empty() { Align::Left } else { Align::Right })).collect();
    let mut table = Table::new(&columns);
    for (kind, tally) in &outcome.comparison {
        let figures = figures(tally).map(|(_, figure)| count(figure));
        table.row(std::iter::once(kind.plural().to_owned()).chain(figures));
    }
    output.table(&table)?;
    let shown = |time: Timestamp| local_time(&time.to_string(), zone);
    list(
        context,
        args,
        "without event",
        outcome.comparison.values().flat_map(|tally| &tally.missing),
        |object| {
            let name = object.name.as_deref().map(|name| format!(" {}", printable(name))).unwrap_or_default();
            let owner = object
                .owner
                .as_deref()
                .map(|owner| format!(" of user {}", printable(owner)))
                .unwrap_or_default();
            format!(
                "{} {}{name}{owner}, made {}",
                object.kind,
                printable(&object.id),
                shown(object.created_at)
            )
        },
    )?;
    list(
        context,
        args,
        "unknown to Open WebUI",
        outcome.comparison.values().flat_map(|tally| &tally.unknown),
        |gone| {
            format!(
                "{} {}, {} {} (event {})",
                gone.kind,
                printable(&gone.id),
                gone.action,
                shown(gone.time),
                gone.event
            )
        },
    )?;
    for (kind, why) in &outcome.unread {
        output.line(format!("not compared: {}: {why}", kind.plural()))?;
    }
    for doubt in &outcome.doubts {
        note(format!("note: {doubt}"));
    }
    note(format!("note: {API_KEYS}"));
    output.line(verdict(outcome, &shown))?;
    Ok(())
}

/// Names objects, the first of them.
fn list<'o, T: 'o>(
    context: &Context,
    args: &ReconcileArgs,
    what: &str,
    objects: impl Iterator<Item = &'o T>,
    line: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    let mut left_out = 0_u64;
    for (at, object) in objects.enumerate() {
        if at < args.limit {
            context.output.line(format!("{what}: {}", line(object)))?;
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        note(format!("and {} more {what}: --limit shows more, --json all", count(left_out)));
    }
    Ok(())
}

fn verdict(outcome: &Outcome, shown: &impl Fn(Timestamp) -> String) -> String {
    let span = format!("from {} to {}", shown(outcome.range.from), shown(outcome.range.to));
    let (missing, unknown) = differences(outcome);
    match (missing, unknown, outcome.unread.len()) {
        (0, 0, 0) => format!("complete {span}: everything that Open WebUI has is in the log"),
        (0, 0, _) => format!("nothing is missing of what could be compared, {span}"),
        _ => format!("{} without event, {} unknown, {span}", count(missing), count(unknown)),
    }
}

fn differences(outcome: &Outcome) -> (u64, u64) {
    let sum = |of: fn(&Tally) -> usize| outcome.comparison.values().map(|tally| of(tally) as u64).sum();
    (sum(|tally| tally.missing.len()), sum(|tally| tally.unknown.len()))
}

fn figures(tally: &Tally) -> [(&'static str, u64); 6] {
    [
        ("objects", tally.objects),
        ("recorded", tally.recorded),
        ("missing", tally.missing.len() as u64),
        ("told", tally.told),
        ("deleted", tally.deleted),
        ("unknown", tally.unknown.len() as u64),
    ]
}

fn json(outcome: &Outcome) -> Value {
    let kinds: Map<String, Value> =
        outcome.comparison.iter().map(|(kind, tally)| (kind.to_string(), json!(tally))).collect();
    json!({
        "complete": outcome.is_complete(),
        "upstream": outcome.upstream,
        "from": outcome.range.from,
        "to": outcome.range.to,
        "kinds": kinds,
        "not_compared": not_compared(outcome),
        "doubts": outcome.doubts,
    })
}

fn not_compared(outcome: &Outcome) -> Value {
    outcome.unread.iter().map(|(kind, why)| (kind.to_string(), json!(why))).collect::<Map<_, _>>().into()
}

/// Records the result, where the log is: needs role admin, or ingest, on a server.
pub(super) async fn record(api: &Api, context: &Context, outcome: &Outcome) -> anyhow::Result<()> {
    let event = event(outcome, context.environment.login_name());
    let body = Bytes::from(serde_json::to_vec(&event)?);
    let sent = api.post("/events", &Query::default(), "application/json", body).await;
    let answer = sent.map_err(|error| {
        error.context("the result could not be recorded (the token needs role admin: it reads and appends)")
    })?;
    answer.whole().await?;
    Ok(())
}

fn event(outcome: &Outcome, login_name: Option<&str>) -> Value {
    let who = login_name.unwrap_or("unknown");
    let (missing, unknown) = differences(outcome);
    let counts = |tally: &Tally| figures(tally).map(|(name, figure)| (name.to_owned(), json!(figure)));
    let kinds: Map<String, Value> = outcome
        .comparison
        .iter()
        .map(|(kind, tally)| (kind.to_string(), Value::Object(counts(tally).into_iter().collect())))
        .collect();
    let differing = |kind: Kind, id: &str| json!({"type": kind.as_str(), "id": id});
    let tallies = || outcome.comparison.values();
    let absent = tallies().flat_map(|tally| &tally.missing).map(|object| differing(object.kind, &object.id));
    let gone = tallies().flat_map(|tally| &tally.unknown).map(|object| differing(object.kind, &object.id));
    let result = match (outcome.is_complete(), missing + unknown) {
        (true, _) => "and found it complete".to_owned(),
        (false, 0) => "and could not read all lists".to_owned(),
        (false, _) => format!("and found {missing} without event and {unknown} unknown"),
    };
    json!({
        "action": "audit.reconciled",
        "outcome": if outcome.is_complete() { "success" } else { "failure" },
        "severity": if missing + unknown > 0 { "high" } else { "info" },
        "source": "internal",
        "actor": {"type": "user", "name": who},
        "target": {"type": "upstream", "id": outcome.upstream},
        "targets": absent.chain(gone).take(MAX_TARGETS).collect::<Vec<_>>(),
        "message": format!("{who} compared the audit log with {} {result}", outcome.upstream),
        "details": {
            "from": outcome.range.from,
            "to": outcome.range.to,
            "kinds": kinds,
            "not_compared": not_compared(outcome),
        },
    })
}

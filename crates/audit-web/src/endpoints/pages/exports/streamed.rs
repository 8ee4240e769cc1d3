//! Files that were downloaded at once, with what their record says: checksum, and the address of their proof.

use audit_event::{Entry, Source};
use audit_query::Filter;
use audit_query::filter::Field;
use audit_query::question::{Answers as _, Budget, List, Order, TimeRange};
use audit_tlog::LeafIndex;
use form_urlencoded::Serializer;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::time::Time;
use super::size;
use crate::endpoints::exports::owner_filter;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;

/// Events that are looked at: beginnings, and exports in the background, are among them.
const LOOKED_AT: usize = 200;
/// Files that are listed.
const SHOWN: usize = 25;

/// One file.
pub(super) struct Streamed {
    /// The event that tells of it.
    pub index: u64,
    pub file: String,
    pub owner: String,
    pub ended: Time,
    /// Which events it has, in the query box's language, or `all events`, and from when to when.
    pub filter: String,
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub rows: u64,
    pub size: String,
    pub sha256: String,
    /// Where its proof is; none for tables, whose lines are no whole events.
    pub proof: Option<String>,
}

/// The newest ones that the reader may know of: their own, to admins who see everything all. Blocks.
///
/// # Errors
/// When the index or the ledger cannot be read.
pub(super) fn newest(
    state: &AppState,
    reader: &Reader,
    zone: &TimeZone,
    budget: &Budget,
) -> Result<Vec<Streamed>> {
    let asked =
        [Some((Field::Action, "audit.exported")), owner_filter(reader).map(|owner| (Field::ActorId, owner))];
    let asked = asked.into_iter().flatten().map(|(field, value)| Filter::of_field(field, value));
    let mut conditions = asked.collect::<std::result::Result<Vec<_>, _>>().map_err(Problem::internal)?;
    conditions.push(Filter::first_hand(Source::Internal));
    let list = List {
        filter: reader.within(Filter::all_of(conditions)),
        range: TimeRange::ALL,
        order: Order::NewestFirst,
        limit: LOOKED_AT,
        after: None,
        snapshot: None,
        count: false,
    };
    let rows = state.index().list(&list, budget)?.rows;
    let (ledger, unreadable) = (state.ledger().reader(), state.unreadable());
    let mut files = Vec::new();
    for row in rows {
        if files.len() == SHOWN {
            break;
        }
        let bytes =
            ledger.get(LeafIndex::new(row.index)).map_err(|error| unreadable.ledger_problem(error))?;
        let entry = Entry::decode(&bytes).map_err(|error| unreadable.decode_problem(error))?;
        let mut json = Vec::new();
        reader.shown(&entry).write_json(&mut json);
        let event: Value = serde_json::from_slice(&json).unwrap_or_default();
        files.extend(Streamed::of(&event, row.index, zone));
    }
    Ok(files)
}

impl Streamed {
    /// What the event of an export's end tells of; nothing if it broke off or was written in the background.
    fn of(event: &Value, index: u64, zone: &TimeZone) -> Option<Self> {
        let details = event.get("details")?;
        let text = |name: &str| details.get(name).and_then(Value::as_str);
        let whole = |name: &str| details.get(name).and_then(Value::as_f64).map_or(0, whole);
        if text("phase") != Some("finished") || details.get("background").is_some() {
            return None;
        }
        let filter = filter_of(details).unwrap_or_default();
        let bound =
            |name: &str| Some(Time::of(audit_event::Timestamp::parse_rfc3339(text(name)?).ok()?, zone));
        let format = text("format").unwrap_or_default();
        let time = event.get("time").and_then(Value::as_str)?;
        Some(Self {
            index,
            file: text("file").map_or_else(|| format!("audit-export.{format}"), str::to_owned),
            owner: event.pointer("/actor/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            ended: Time::of(audit_event::Timestamp::parse_rfc3339(time).ok()?, zone),
            filter: if ["", "*"].contains(&filter) { "all events".to_owned() } else { filter.to_owned() },
            from: bound("from"),
            to: bound("to"),
            rows: whole("count"),
            size: size(whole("bytes")),
            sha256: text("sha256")?.to_owned(),
            proof: proof_of(details),
        })
    }
}

/// The filter alone: the record shows the range behind it.
fn filter_of(details: &Value) -> Option<&str> {
    let text = |name: &str| details.get(name).and_then(Value::as_str);
    let bounds = ["from", "to"].map(|name| text(name).map(|time| (name, time)));
    let shown: String = bounds.iter().flatten().map(|(name, time)| format!(" {name} {time}")).collect();
    let filter = text("filter")?;
    Some(filter.strip_suffix(shown.trim_end()).unwrap_or(filter).trim())
}

/// The address of the proof: the export's own question, at the size that it was of.
fn proof_of(details: &Value) -> Option<String> {
    let text = |name: &str| details.get(name).and_then(Value::as_str);
    let format = text("format").filter(|format| ["json", "ndjson"].contains(format))?;
    if details.get("fields").is_some() {
        return None;
    }
    let bounds = ["from", "to"].map(|name| text(name).map(|time| (name, time)));
    let filter = filter_of(details)?;
    let mut query = Serializer::new(String::new());
    query.append_pair("format", format);
    if !["", "*"].contains(&filter) {
        query.append_pair("q", filter);
    }
    query.extend_pairs(bounds.into_iter().flatten());
    query.extend_pairs(text("order").map(|order| ("order", order)));
    query.append_pair("tree_size", &whole(details.get("tree_size")?.as_f64()?).to_string());
    Some(format!("{}/export-proof?{}", PREFIXES[0], query.finish()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below 2^53")]
fn whole(value: f64) -> u64 {
    value as u64
}

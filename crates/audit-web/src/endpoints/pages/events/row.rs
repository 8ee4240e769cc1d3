//! One event as a line of a list.

use audit_event::{Category, Entry, Outcome, taxonomy};
use audit_query::question::RowRef;
use audit_tlog::LeafIndex;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::{agent, grouped};
use super::columns::{Columns, title};
use super::sought;
use crate::endpoints::pages::time::local;
use crate::locale::decimals;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Characters of a text that a list shows; the event's own page has all of them.
const SHOWN: usize = 240;

/// What a line shows. Parts that were erased or never there are empty.
#[derive(Debug)]
pub(crate) struct Row {
    pub index: u64,
    /// RFC 3339, UTC.
    pub time: String,
    /// In the reader's zone: the date, and the time of day.
    pub date: String,
    pub clock: String,
    pub who: String,
    pub email: String,
    /// Role and department, as they were.
    pub standing: String,
    pub what: String,
    pub action: String,
    pub category: &'static str,
    pub outcome: Outcome,
    pub reason: String,
    /// `low` and `info` do not stand out.
    pub severity: String,
    pub target_type: String,
    pub target: String,
    pub ip: String,
    pub program: String,
    pub model: String,
    /// Tokens in and out together, cost in US dollars, duration: as they are shown.
    pub tokens: String,
    pub cost: String,
    pub latency: String,
    pub session: String,
    /// Which of all this the list shows.
    pub columns: Columns,
}

impl Row {
    /// The address of the event's page.
    pub fn href(&self) -> String {
        format!("/audit/events/{}", self.index)
    }

    /// The columns that are shown besides the usual ones: name, title, and value.
    pub fn extras(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let all: [(&'static str, &str); 5] = [
            ("model", &self.model),
            ("tokens", &self.tokens),
            ("cost", &self.cost),
            ("latency", &self.latency),
            ("session", &self.session),
        ];
        let shown = all.into_iter().filter(|(name, _)| self.columns.has(name));
        shown.map(|(name, value)| (name, title(name), value))
    }

    /// Whether it deserves a mark of its own.
    pub fn is_severe(&self) -> bool {
        ["high", "critical"].contains(&self.severity.as_str())
    }
}

/// Reads the events of `rows` from the ledger. Blocks.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn read(state: &AppState, asking: &Reader, rows: &[RowRef], zone: &TimeZone) -> Result<Vec<Row>> {
    let (reader, unreadable) = (state.ledger().reader(), state.unreadable());
    let read = |index: u64| {
        let entry = reader.get(LeafIndex::new(index)).map_err(|error| unreadable.ledger_problem(error))?;
        let mut json = Vec::new();
        let entry = Entry::decode(&entry).map_err(|error| unreadable.decode_problem(error))?;
        asking.shown(&entry).write_json(&mut json);
        Ok(of(&serde_json::from_slice(&json).unwrap_or_default(), index, zone))
    };
    rows.iter().map(|row| read(row.index)).collect()
}

/// What can be shown of an event.
pub(crate) fn of(event: &Value, index: u64, zone: &TimeZone) -> Row {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let first = |pointers: &[&str]| {
        pointers.iter().map(|pointer| text(pointer)).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let action = text("/action");
    let said = match text("/message") {
        "" => taxonomy::lookup(action).map_or(action, |info| info.label),
        message => message,
    };
    let standing = [text("/org/department"), text("/org/role")];
    let (date, clock) = local(text("/time"), zone);
    Row {
        index,
        time: text("/time").to_owned(),
        date,
        clock,
        who: shown(first(&["/actor/name", "/actor/email", "/actor/id", "/actor/type"])),
        email: if text("/actor/name").is_empty() { String::new() } else { shown(text("/actor/email")) },
        standing: shown(
            &standing.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" · "),
        ),
        what: sought::sentence(event, zone).map_or_else(|| shown(said), |sentence| shown(&sentence)),
        action: action.to_owned(),
        category: text("/category").parse().map_or("system", Category::as_str),
        outcome: text("/outcome").parse().unwrap_or(Outcome::Unknown),
        reason: text("/reason").replace('_', " "),
        severity: text("/severity").to_owned(),
        target_type: text("/target/type").to_owned(),
        target: shown(first(&["/target/name", "/target/id"])),
        ip: text("/client/ip").to_owned(),
        program: agent::brief(text("/client/user_agent")),
        model: shown(text("/model/id")),
        tokens: tokens(event),
        cost: number(event, "/usage/cost_usd")
            .map(|cost| format!("${}", decimals(&format!("{cost:.4}"))))
            .unwrap_or_default(),
        latency: number(event, "/latency_ms").map(duration).unwrap_or_default(),
        session: shown(text("/session_id")),
        columns: Columns::default(),
    }
}

fn number(event: &Value, pointer: &str) -> Option<f64> {
    event.pointer(pointer).and_then(Value::as_f64)
}

fn tokens(event: &Value) -> String {
    let parts = ["/usage/input_tokens", "/usage/output_tokens"].map(|pointer| number(event, pointer));
    if parts.iter().all(Option::is_none) {
        return String::new();
    }
    grouped(format!("{:.0}", parts.into_iter().flatten().sum::<f64>()))
}

fn duration(ms: f64) -> String {
    if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{} s", decimals(&format!("{:.1}", ms / 1_000.0)))
    }
}

/// As much as a line takes.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

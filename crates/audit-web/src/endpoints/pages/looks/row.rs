//! One look as a line of the list.

use audit_event::Entry;
use audit_query::question::RowRef;
use audit_tlog::LeafIndex;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::events::row::{self, Row};
use super::super::events::sought::Sought;
use super::super::events::view::View;
use super::super::grouped;
use crate::looks;
use crate::problem::Result;
use crate::state::AppState;

/// Characters of a filter or an address that a line shows; the event's own page has all of them.
const SHOWN: usize = 300;

/// The pages that show no events of their own, by address.
const PAGES: [(&str, &str); 7] = [
    ("/audit/exports", "Exports"),
    ("/audit/exports/new", "New export"),
    ("/audit/integrity", "Integrity"),
    ("/audit/health", "Health"),
    ("/audit/looks", "Who looked"),
    ("/audit/approvals", "Approvals"),
    ("/audit/access", "Access"),
];

/// What a line shows.
pub(crate) struct Look {
    pub row: Row,
    /// What kind of look it was.
    pub kind: &'static str,
    /// What it was at: a filter, an event, a page.
    pub at: String,
    /// Whether that is a filter.
    pub is_filter: bool,
    /// The time that it was limited to; empty if it was not.
    pub range: String,
    /// How much of it: how many events, bytes, how often.
    pub much: Vec<String>,
    /// SHA-256 of the file that left.
    pub sha256: String,
}

/// Reads the looks of `rows` from the ledger. Blocks.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn read(state: &AppState, view: &View, rows: &[RowRef]) -> Result<Vec<Look>> {
    let (ledger, unreadable) = (state.ledger().reader(), state.unreadable());
    let read = |index: u64| {
        let entry = ledger.get(LeafIndex::new(index)).map_err(|error| unreadable.ledger_problem(error))?;
        let entry = Entry::decode(&entry).map_err(|error| unreadable.decode_problem(error))?;
        let mut json = Vec::new();
        view.reader().shown(&entry).write_json(&mut json);
        let event: Value = serde_json::from_slice(&json).unwrap_or_default();
        let row = row::of(&event, index, view.zone());
        Ok(of(&event, row, view.zone()))
    };
    rows.iter().map(|row| read(row.index)).collect()
}

fn of(event: &Value, row: Row, zone: &TimeZone) -> Look {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let sought = Sought::of(event, zone);
    let path = text("/http/path");
    let at = match (&sought, row.target.as_str(), row.action.as_str()) {
        (Some(sought), ..) => sought.at.clone(),
        (None, _, "audit.access_denied") if !path.is_empty() => path.to_owned(),
        (None, "", _) => String::new(),
        (None, target, _) if row.target_type == "event" => format!("event {target}"),
        (None, target, _) if row.target_type == "page" => name_of_page(target).to_owned(),
        (None, target, _) => target.to_owned(),
    };
    Look {
        kind: looks::kind_of(&row.action).map_or("", |kind| kind.one),
        is_filter: sought.as_ref().is_some_and(|sought| sought.is_filter),
        range: sought.as_ref().map(|sought| sought.range.clone()).unwrap_or_default(),
        at: match at.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &at[..end]),
            None => at,
        },
        much: much(event, sought.as_ref().map_or(("event", "events"), |sought| sought.unit)),
        sha256: text("/details/sha256").to_owned(),
        row,
    }
}

/// What a page is called in the navigation; its address, if it is not there.
fn name_of_page(address: &str) -> &str {
    let path = address.split('?').next().unwrap_or_default();
    PAGES.iter().find(|(page, _)| *page == path).map_or(address, |(_, name)| name)
}

fn much(event: &Value, unit: (&str, &str)) -> Vec<String> {
    let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_f64);
    let count = |value: f64, one: &str, many: &str| {
        format!("{} {}", whole(value), if value == 1.0 { one } else { many })
    };
    let mut much = Vec::new();
    much.extend(number("/details/count").map(|rows| count(rows, "event", "events")));
    much.extend(number("/details/results").map(|shown| match unit {
        ("event", _) if event.pointer("/details/name").is_none() => format!("{} shown", whole(shown)),
        (one, many) => count(shown, one, many),
    }));
    much.extend(number("/details/matched").map(|all| format!("of {}", whole(all))));
    much.extend(number("/details/matched_at_least").map(|all| format!("of {} or more", whole(all))));
    much.extend(number("/details/bytes").map(|bytes| count(bytes, "byte", "bytes")));
    much.extend(event.pointer("/details/format").and_then(Value::as_str).map(str::to_uppercase));
    if event.pointer("/details/phase").and_then(Value::as_str) == Some("started") {
        much.push("began".to_owned());
    }
    much.extend(
        number("/details/repeated")
            .map(|times| format!("{} more within ten minutes", count(times, "time", "times"))),
    );
    much
}

fn whole(value: f64) -> String {
    grouped(format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(event: &Value) -> Look {
        of(event, row::of(event, 7, &TimeZone::UTC), &TimeZone::UTC)
    }

    #[test]
    fn a_search_says_what_was_asked_and_how_much_was_shown() {
        let look = look(&json!({"action": "audit.searched",
            "details": {"filter": "outcome:denied", "results": 50, "matched": 1234, "repeated": 1}}));
        assert_eq!((look.at.as_str(), look.is_filter, look.kind), ("outcome:denied", true, "Search"));
        assert_eq!(look.much, ["50 shown", "of 1,234", "1 time more within ten minutes"]);
    }

    #[test]
    fn an_export_says_how_much_left_in_which_file() {
        let look =
            look(&json!({"action": "audit.exported", "details": {"phase": "finished", "format": "csv",
            "filter": "", "count": 1, "bytes": 2048, "sha256": "ab12"}}));
        assert_eq!(look.at, "all events");
        assert_eq!(look.much, ["1 event", "2,048 bytes", "CSV"]);
        assert_eq!(look.sha256, "ab12");
    }

    #[test]
    fn a_denied_attempt_says_at_what() {
        let look = look(&json!({"action": "audit.access_denied", "outcome": "denied",
            "http": {"method": "GET", "path": "/api/v1/auditlog/tokens"}}));
        assert_eq!((look.at.as_str(), look.kind), ("/api/v1/auditlog/tokens", "Denied"));
    }
}

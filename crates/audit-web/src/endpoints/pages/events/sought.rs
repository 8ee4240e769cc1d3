//! What a search of our own was for, in words: from what its event records.

use audit_event::{Timestamp, taxonomy};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::endpoints::pages::grouped;
use crate::endpoints::pages::time::to_the_minute;

/// A search, as a page says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    /// The filter, or what was looked at.
    pub at: String,
    /// Whether it is a filter in the query box's language.
    pub is_filter: bool,
    /// The time that it was limited to; empty if it was not.
    pub range: String,
    /// What its results are, one and several.
    pub unit: (&'static str, &'static str),
}

const LISTS: [(&str, &str); 4] = [
    ("people", "List of people"),
    ("tried", "List of unknown names"),
    ("idle", "List of accounts without activity"),
    ("gone", "List of activity without account"),
];

impl Sought {
    /// What an event with a filter in its details was for.
    pub fn of(event: &Value, zone: &TimeZone) -> Option<Self> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let (filter, range) = apart(text("/details/filter")?, zone);
        let path = text("/http/path").unwrap_or_default();
        let words = |at: String, unit| Self { at, is_filter: false, range: range.clone(), unit };
        if path.contains("/people") || path.starts_with("/audit/users") {
            if let Some(key) = filter.strip_prefix("person ") {
                let name = text("/details/name").unwrap_or(key.trim_matches('"'));
                return Some(words(format!("Profile of {name}"), ("event", "events")));
            }
            let list = filter.strip_prefix("people ").unwrap_or_default();
            let (list, find) = list.split_once(' ').map_or((list, ""), |(list, find)| (list, find));
            let title =
                LISTS.iter().find(|(name, _)| *name == list).map_or("List of people", |(_, title)| title);
            let find = if find.is_empty() { String::new() } else { format!(", with {find}") };
            return Some(words(format!("{title}{find}"), ("person", "people")));
        }
        if let Some((by, of)) = filter.strip_prefix("usage by ").and_then(|rest| rest.split_once(" of "))
            && path.starts_with("/audit/usage")
        {
            let of = if ["*", ""].contains(&of) { String::new() } else { format!(": {of}") };
            return Some(words(format!("Usage by {by}{of}"), ("row", "rows")));
        }
        Some(match filter {
            "" | "*" => words("all events".to_owned(), ("event", "events")),
            filter => Self { is_filter: true, at: filter.to_owned(), range, unit: ("event", "events") },
        })
    }
}

/// The sentence of one of our own searches with what it was for and found; nothing for other events.
pub(crate) fn sentence(event: &Value, zone: &TimeZone) -> Option<String> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let action = text("/action").filter(|action| *action == "audit.searched")?;
    // What others sent under this name is not what we saw.
    if text("/source") != Some("internal") || text("/sender").is_some() {
        return None;
    }
    let said = text("/message").or_else(|| taxonomy::lookup(action).map(|info| info.label))?;
    let sought = Sought::of(event, zone)?;
    let number = |name: &str| event.pointer(&format!("/details/{name}")).and_then(Value::as_f64);
    let found = number("matched").map(|count| (count, ""));
    let found = found.or_else(|| number("matched_at_least").map(|count| (count, "at least ")));
    let found = found.or_else(|| number("results").map(|count| (count, "")));
    let found = found.map_or_else(String::new, |(count, least)| {
        let unit = if count == 1.0 { sought.unit.0 } else { sought.unit.1 };
        format!(" ({least}{} {unit})", grouped(format!("{count:.0}")))
    });
    let joint = if sought.is_filter || sought.at == "all events" { " for " } else { ": " };
    Some(format!("{said}{joint}{}{found}", sought.at))
}

/// The filter and, in words, the range that the record shows behind it.
fn apart<'f>(filter: &'f str, zone: &TimeZone) -> (&'f str, String) {
    let (rest, to) = before(filter, " to ");
    let (rest, from) = before(rest, " from ");
    let shown = |time: Timestamp| to_the_minute(time, zone);
    let range = match (from, to) {
        (Some(from), Some(to)) => format!("{} – {}", shown(from), shown(to)),
        (Some(from), None) => format!("since {}", shown(from)),
        (None, Some(to)) => format!("until {}", shown(to)),
        (None, None) => String::new(),
    };
    (rest.trim(), range)
}

fn before<'f>(text: &'f str, word: &str) -> (&'f str, Option<Timestamp>) {
    let apart = text.rsplit_once(word);
    let apart = apart.and_then(|(rest, time)| Some((rest, Timestamp::parse_rfc3339(time).ok()?)));
    apart.map_or((text, None), |(rest, time)| (rest, Some(time)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sought(path: &str, details: &Value) -> Sought {
        Sought::of(&json!({ "http": { "path": path }, "details": details }), &TimeZone::UTC).unwrap()
    }

    #[test]
    fn what_was_looked_at_is_said_in_words() {
        let at = |path: &str, filter: &str| sought(path, &json!({ "filter": filter })).at;
        assert_eq!(at("/audit/users", "people people"), "List of people");
        assert_eq!(
            at("/api/v1/auditlog/people", "people idle \"ada\""),
            "List of accounts without activity, with \"ada\""
        );
        assert_eq!(at("/audit/users/ec74", "person \"ec74\""), "Profile of ec74");
        assert_eq!(at("/audit/usage", "usage by department of *"), "Usage by department");
        assert_eq!(at("/audit/usage", "usage by user of model:gpt*"), "Usage by user: model:gpt*");
        assert_eq!(at("/audit", "*"), "all events");
        assert_eq!(at("/audit", "people people"), "people people", "somebody looked for these words");
        let named =
            sought("/audit/users/ec74", &json!({ "filter": "person \"ec74\"", "name": "Dalia Arslan" }));
        assert_eq!(named.at, "Profile of Dalia Arslan");
    }

    #[test]
    fn the_range_stands_apart_from_the_filter() {
        let both = "outcome:denied from 2026-03-01T00:00:00.000000Z to 2026-03-02T12:30:00.000000Z";
        let found = sought("/audit", &json!({ "filter": both }));
        assert_eq!((found.at.as_str(), found.is_filter), ("outcome:denied", true));
        assert_eq!(found.range, "1 Mar 2026, 00:00 – 2 Mar 2026, 12:30");
        let words = sought("/audit", &json!({ "filter": "message:\"from here to there\"" }));
        assert_eq!((words.at.as_str(), words.range.as_str()), ("message:\"from here to there\"", ""));
    }

    #[test]
    fn a_search_says_what_for_and_how_much_was_found() {
        let event = |source: &str, details: Value| {
            json!({ "action": "audit.searched", "source": source, "message": "Ada searched the audit log",
                "http": { "path": "/audit" }, "details": details })
        };
        let said = |details| sentence(&event("internal", details), &TimeZone::UTC).unwrap();
        let found = json!({ "filter": "severity:high", "results": 17, "matched": 1234 });
        assert_eq!(said(found), "Ada searched the audit log for severity:high (1,234 events)");
        let least = json!({ "filter": "*", "results": 50, "matched_at_least": 1 });
        assert_eq!(said(least), "Ada searched the audit log for all events (at least 1 event)");
        assert_eq!(sentence(&event("api", json!({ "filter": "x" })), &TimeZone::UTC), None, "not of our own");
    }
}

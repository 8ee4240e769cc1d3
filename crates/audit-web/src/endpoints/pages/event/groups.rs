//! An event's fields, in the groups in which they are recorded.

use audit_query::filter::{Field, FieldKind};
use form_urlencoded::byte_serialize;
use serde_json::Value;

use super::super::grouped;

/// Title, and the event's members in it. Changes and details have places of their own.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "What happened",
        &[
            "action",
            "category",
            "outcome",
            "reason",
            "severity",
            "time",
            "recorded_at",
            "source",
            "sender",
            "instance",
            "id",
            "capture",
            "marks",
        ],
    ),
    ("Who", &["actor", "session_id", "org"]),
    ("From where", &["client"]),
    ("On what", &["target", "targets"]),
    ("Model and usage", &["model", "usage", "latency_ms"]),
    ("Request", &["http"]),
    ("Details", &["details"]),
];

/// Members whose fields go without their member's name: the group says it.
const MEMBERS: [&str; 7] = ["actor", "org", "client", "target", "http", "usage", "model"];

/// What comes first of a member with several fields.
const FIRST: [&str; 4] = ["name", "email", "type", "id"];

/// Fields whose names are not their paths' words.
const NAMES: [(&str, &str); 15] = [
    ("sender", "Handed in by"),
    ("recorded_at", "Recorded"),
    ("id", "Event id"),
    ("session_id", "Session"),
    ("actor.email", "E-mail"),
    ("org.department", "Department"),
    ("org.role", "Role"),
    ("client.ip", "IP address"),
    ("client.peer_ip", "Address of the peer"),
    ("client.forwarded_for", "Forwarded for"),
    ("model.id", "Model"),
    ("usage.cost_usd", "Cost in US dollars"),
    ("latency_ms", "Latency in milliseconds"),
    ("http.request_id", "Request id"),
    ("http.status", "Status code"),
];

/// A part of the page.
#[derive(Debug)]
pub(crate) struct Group {
    pub title: &'static str,
    pub fields: Vec<Shown>,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Shown {
    /// On the page.
    pub name: String,
    /// In the filter language.
    pub path: String,
    /// As text; objects and lists as JSON.
    pub value: String,
    /// Whether it is JSON.
    pub is_json: bool,
    /// Whether it is a time.
    pub is_time: bool,
    /// The address of all events with this value.
    pub alike: Option<String>,
}

/// All groups that have something.
pub(crate) fn of(event: &Value) -> Vec<Group> {
    let groups = GROUPS.iter().map(|(title, members)| Group {
        title,
        fields: members.iter().flat_map(|member| leaves(member, event.get(*member))).collect(),
    });
    groups.filter(|group| !group.fields.is_empty()).collect()
}

fn leaves(path: &str, value: Option<&Value>) -> Vec<Shown> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(members)) if path != "details" || is_flat(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members
                .sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
            members.iter().flat_map(|(name, value)| leaves(&format!("{path}.{name}"), Some(value))).collect()
        }
        Some(value) => vec![shown(path, value)],
    }
}

fn is_flat(members: &serde_json::Map<String, Value>) -> bool {
    members.values().all(|value| !value.is_object() && !value.is_array())
}

fn shown(path: &str, value: &Value) -> Shown {
    let is_json = value.is_object()
        || value.as_array().is_some_and(|items| items.iter().any(|item| item.is_object() || item.is_array()));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if !is_json => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        _ if is_json => serde_json::to_string_pretty(value).unwrap_or_default(),
        _ => value.to_string(),
    };
    let is_amount = value.is_u64() && (path.starts_with("usage.") || path == "latency_ms");
    let alike = if is_json || value.is_array() { None } else { alike(path, &text) };
    let text = if is_amount { grouped(text) } else { text };
    Shown {
        name: name_of(path),
        path: path.to_owned(),
        alike,
        is_json,
        is_time: ["time", "recorded_at"].contains(&path),
        value: text,
    }
}

/// What a field is called in its group: `actor.email` is "E-mail" below "Who".
fn name_of(path: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == path) {
        return (*name).to_owned();
    }
    if let Some(own) = path.strip_prefix("details.") {
        return own.to_owned();
    }
    let of_group = MEMBERS.iter().find_map(|member| path.strip_prefix(member)?.strip_prefix('.'));
    let words = of_group.unwrap_or(path).replace(['_', '.'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The address of the events whose field has this value, if one can ask so.
fn alike(path: &str, text: &str) -> Option<String> {
    let field = Field::named(path)?;
    let can_ask = field.kind() != FieldKind::Number || field == Field::HttpStatus;
    let is_plain = !text.is_empty() && text.len() <= 512 && !text.ends_with('*') && text.trim() == text;
    let encoded: String = byte_serialize(text.as_bytes()).collect();
    (can_ask && is_plain).then(|| format!("/audit?{}={encoded}", parameter(path, field)))
}

/// Categories have a parameter of their own, for which the page has a place.
fn parameter(path: &str, field: Field) -> &str {
    match field {
        Field::Category => "event_type",
        Field::Action | Field::Outcome => path,
        _ => field.name(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_one_can_ask_for_leads_to_the_events_that_have_it() {
        let event = json!({
            "action": "auth.login", "category": "authentication", "actor": {"email": "a+b@example.com"},
            "client": {"ip": "192.0.2.7", "forwarded_for": ["10.0.0.1", "10.0.0.2"]},
            "usage": {"input_tokens": 7}, "details": {"tries": 3},
        });
        let groups = of(&event);
        let fields: Vec<_> = groups.iter().flat_map(|group| &group.fields).collect();
        let find = |name: &str| *fields.iter().find(|field| field.name == name).expect(name);
        assert_eq!(find("Category").alike.as_deref(), Some("/audit?event_type=authentication"));
        assert_eq!(find("E-mail").alike.as_deref(), Some("/audit?actor.email=a%2Bb%40example.com"));
        assert_eq!(find("IP address").alike.as_deref(), Some("/audit?ip=192.0.2.7"));
        assert_eq!(find("Forwarded for").value, "10.0.0.1, 10.0.0.2");
        assert_eq!(find("Input tokens").alike, None);
        assert_eq!(find("tries").value, "3");
    }
}

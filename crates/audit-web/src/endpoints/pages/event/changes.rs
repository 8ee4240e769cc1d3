//! Before and after.

use serde_json::Value;

/// What became of one field.
#[derive(Debug)]
pub(crate) struct Change {
    pub field: String,
    /// Absent: it was not there.
    pub before: Option<String>,
    /// Absent: it is not there any more.
    pub after: Option<String>,
}

/// The event's changes.
pub(crate) fn of(event: &Value) -> Vec<Change> {
    let changes = event.get("changes").and_then(Value::as_array);
    let change = |change: &Value| Change {
        field: change.get("field").and_then(Value::as_str).unwrap_or_default().to_owned(),
        before: change.get("before").and_then(text),
        after: change.get("after").and_then(text),
    };
    changes.map(|changes| changes.iter().map(change).collect()).unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => serde_json::to_string_pretty(value).ok(),
    }
}

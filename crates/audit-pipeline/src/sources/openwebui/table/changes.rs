//! What changed: the state before, what the request sets, and the state after, compared member by member.
//!
//! Only members that the request names are compared, so that what Open WebUI changes by itself (`updated_at`) is left
//! out. Where the state before is not known, `before` is absent and everything that the request sets is listed.
//!
//! - Objects are gone into; a field is a dotted path.
//! - Lists of things with an id (`id`, `url`, `name`, `key`) are compared thing by thing: `connections[t1].enabled`.
//! - Lists of plain values that are long give what was added and removed; short ones are shown whole.
//! - Values named or shaped like secrets become `[removed]`, but that they changed still shows.
//! - Long texts are cut, source code is replaced by its digest, and there are at most [`MAX_CHANGES`].

use std::collections::BTreeSet;
use std::fmt::Write as _;

use audit_event::secrets::{self, redact};
use audit_event::{Change, Json, limits};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::row::{Changes, SetRule};
use crate::sources::openwebui::bodies::{clipped, request_json};
use crate::sources::openwebui::exchange::{Captured, Exchange};

/// Most changes of one event; the others are counted.
pub(super) const MAX_CHANGES: usize = 100;
/// Longer texts are cut.
const MAX_TEXT_BYTES: usize = 256;
/// Longer lists are shown as what was added and removed.
const MAX_LIST_ITEMS: usize = 16;
/// Deeper values are shown as they are, cut.
const MAX_DEPTH: usize = 12;
/// What all changes of one event may take, as JSON, within an event's 64 KiB.
const MAX_BYTES: usize = 32 * 1024;
const REMOVED: &str = "[removed]";

/// The changes, and how many were left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) changes: Vec<Change<'static>>,
    pub(super) left_out: u32,
}

/// What changed by an exchange that succeeded, or may have.
pub(super) fn of(rule: &Changes, before: Option<&Value>, exchange: &Exchange<'_>) -> Found {
    let sent = &exchange.request_body;
    // Of a request that was too long the changes of its row's own members are told, and not that there are no others.
    let is_read = sent.has_all() || !sent.gist.is_empty();
    let request = is_read.then(|| request_json(sent.document())).flatten();
    let answer = exchange.answer.as_ref().and_then(|answer| json(&answer.body));
    between(rule, before, request.as_ref(), answer.as_ref())
}

/// A body that was kept whole, as JSON.
fn json(body: &Captured<'_>) -> Option<Value> {
    body.is_whole.then(|| serde_json::from_slice(body.bytes).ok()).flatten()
}

/// What changed, from JSON values.
pub(super) fn between(
    rule: &Changes,
    before: Option<&Value>,
    request: Option<&Value>,
    answer: Option<&Value>,
) -> Found {
    let mut list = List::default();
    match rule {
        Changes::Set(rule) => set(rule, before, request, answer, &mut list),
        Changes::Added { member, field } => {
            list.add(field, None, ids(request, member));
        }
        Changes::Removed { member, field } => {
            list.add(field, ids(request, member), None);
        }
        Changes::Answer(members) => {
            for member in members {
                let after = answer.and_then(|answer| answer.get(&**member));
                if let Some(after) = after {
                    compare(member, before.and_then(|before| before.get(&**member)), after, 0, &mut list);
                }
            }
        }
        Changes::Patch(member) => {
            patch(request.and_then(|request| request.get(&**member)), before, answer, &mut list)
        }
    }
    list.found
}

/// The list of plain values that the request has in a member.
fn ids(request: Option<&Value>, member: &str) -> Option<Json<'static>> {
    let items = request?.get(member)?.as_array()?;
    (!items.is_empty())
        .then(|| Json::Array(items.iter().take(limits::BULK_ITEMS).map(|item| shown(member, item)).collect()))
}

fn set<'r>(
    rule: &'r SetRule,
    before: Option<&Value>,
    request: Option<&Value>,
    answer: Option<&Value>,
    list: &mut List<'r>,
) {
    let Some(Value::Object(request)) = request else { return };
    let named;
    let before = match (&rule.list, before) {
        (Some(name), Some(items @ Value::Array(_))) => {
            named = Value::Object(Map::from_iter([(name.to_string(), items.clone())]));
            Some(&named)
        }
        _ => before,
    };
    list.rule = Some(rule);
    for (name, asked) in request {
        if !rule.only.is_empty() && !rule.only.iter().any(|only| **only == **name) {
            continue;
        }
        compare(name, before.and_then(|before| before.get(name)), stored(answer, name, asked), 0, list);
    }
}

/// What a member has become. What was asked for may have been put into form, or been ignored: the answer has what was
/// stored. Of lists and objects answers often show less.
fn stored<'v>(answer: Option<&'v Value>, name: &str, asked: &'v Value) -> &'v Value {
    let is_same_kind = |stored: &Value| std::mem::discriminant(stored) == std::mem::discriminant(asked);
    let stored = answer.and_then(|answer| answer.get(name));
    stored.filter(|stored| is_same_kind(stored) && !asked.is_array() && !asked.is_object()).unwrap_or(asked)
}

/// Adds what differs between two values of a field. An unknown value before differs from everything but nothing.
fn compare(field: &str, before: Option<&Value>, after: &Value, depth: usize, list: &mut List<'_>) {
    if before == Some(after) || (before.is_none() && is_nothing(after)) || list.skips(field) {
        return;
    }
    if list.digests(field) {
        return list.add(field, before.map(digest), Some(digest(after)));
    }
    let is_secret = is_secret_name(field);
    match (before, after) {
        (_, Value::Object(after)) if depth < MAX_DEPTH && !after.is_empty() && !is_secret => {
            for (name, value) in after {
                let before = before.and_then(|before| before.get(name));
                compare(&format!("{field}.{name}"), before, value, depth + 1, list);
            }
        }
        (Some(Value::Array(before)), Value::Array(after)) if depth < MAX_DEPTH => {
            compare_lists(field, before, after, depth, list);
        }
        _ => list.add(field, before.map(|before| shown(field, before)), Some(shown(field, after))),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn compare_lists(field: &str, before: &[Value], after: &[Value], depth: usize, list: &mut List<'_>) {
    let all = || before.iter().chain(after);
    if let Some(key) = key_of(before, after) {
        return compare_things(field, key, before, after, depth, list);
    }
    let is_plain = all().all(|item| !item.is_object() && !item.is_array());
    let is_short = before.len().max(after.len()) <= MAX_LIST_ITEMS;
    if is_plain && (is_short || is_secret_name(field)) {
        let whole = |items: &[Value]| {
            Json::Array(items.iter().take(MAX_LIST_ITEMS).map(|item| shown(field, item)).collect())
        };
        return list.add(field, Some(whole(before)), Some(whole(after)));
    }
    let texts = |items: &[Value]| items.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let (was, is) = (texts(before), texts(after));
    let only = |items: &[Value], others: &BTreeSet<String>| {
        let only: Vec<Json<'static>> = items
            .iter()
            .filter(|item| !others.contains(&item.to_string()))
            .take(MAX_LIST_ITEMS)
            .map(|item| shown(field, item))
            .collect();
        (!only.is_empty()).then_some(Json::Array(only))
    };
    let (removed, added) = (only(before, &is), only(after, &was));
    if removed.is_none() && added.is_none() {
        list.add(&format!("{field}.order"), None, Some("changed".into()));
    }
    list.add(field, removed, added);
}

/// The member by which all the things of two lists can be told apart.
fn key_of(before: &[Value], after: &[Value]) -> Option<&'static str> {
    let tells_apart = |items: &[Value], key: &str| {
        let keys: Option<BTreeSet<&str>> =
            items.iter().map(|item| item.get(key).and_then(Value::as_str)).collect();
        keys.is_some_and(|keys| keys.len() == items.len())
    };
    let is_of_things = !before.is_empty() || !after.is_empty();
    ["id", "url", "name", "key"]
        .into_iter()
        .find(|key| is_of_things && tells_apart(before, key) && tells_apart(after, key))
}

fn compare_things(
    field: &str,
    key: &str,
    before: &[Value],
    after: &[Value],
    depth: usize,
    list: &mut List<'_>,
) {
    let id = |item: &Value| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let find = |items: &[Value], wanted: &str| items.iter().find(|item| id(item) == wanted).cloned();
    let place = |id: &str| format!("{field}[{}]", clipped(&redact(id), 64));
    for item in after {
        match find(before, &id(item)) {
            Some(was) => compare(&place(&id(item)), Some(&was), item, depth + 1, list),
            None => list.add(&place(&id(item)), None, Some(shown(field, item))),
        }
    }
    for item in before.iter().filter(|item| find(after, &id(item)).is_none()) {
        list.add(&place(&id(item)), Some(shown(field, item)), None);
    }
}

/// The operations of RFC 7644 section 3.5.2: `op`, `path`, `value`.
fn patch(operations: Option<&Value>, before: Option<&Value>, answer: Option<&Value>, list: &mut List<'_>) {
    for operation in operations.and_then(Value::as_array).into_iter().flatten() {
        let is_removal = operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove"));
        let value = operation.get("value").filter(|value| !value.is_null());
        match (operation["path"].as_str(), value) {
            (Some(path), value) => {
                let path = redact(clipped(path, MAX_TEXT_BYTES)).into_owned();
                let was = before.and_then(|before| before.get(&path)).filter(|was| !was.is_array());
                let value = value.map(|value| shown(&path, value));
                let was = was.map(|was| shown(&path, was));
                if is_removal { list.add(&path, value.or(was), None) } else { list.add(&path, was, value) }
            }
            (None, Some(Value::Object(members))) => {
                for (name, asked) in members {
                    compare(
                        name,
                        before.and_then(|before| before.get(name)),
                        stored(answer, name, asked),
                        0,
                        list,
                    );
                }
            }
            (None, _) => {}
        }
    }
}

/// Whether a field's value is a secret. In settings `key` and `headers` are, though they need not be elsewhere.
fn is_secret_name(field: &str) -> bool {
    let last = field.rsplit('.').next().unwrap_or(field);
    let is_of_connections =
        ["key", "keys", "headers", "auth_config"].iter().any(|name| last.eq_ignore_ascii_case(name));
    is_of_connections || secrets::is_secret_name(field)
}

/// A value as it may be written down: secrets out, long texts cut.
fn shown(field: &str, value: &Value) -> Json<'static> {
    if is_secret_name(field) && !is_nothing(value) && !value.is_boolean() {
        return REMOVED.into();
    }
    match value {
        Value::String(text) => shown_text(text),
        Value::Array(items) => {
            let mut shown: Vec<Json<'static>> =
                items.iter().take(MAX_LIST_ITEMS).map(|item| shown(field, item)).collect();
            if items.len() > MAX_LIST_ITEMS {
                shown.push(format!("… {} more", items.len() - MAX_LIST_ITEMS).into());
            }
            Json::Array(shown)
        }
        Value::Object(members) => {
            let names_a_secret = names_a_secret(members);
            let shown = |(name, value): (&String, &Value)| {
                let is_that_secret = names_a_secret && name == "value";
                let value = if is_that_secret { REMOVED.into() } else { shown_below(name, value) };
                (redact(clipped(name, MAX_TEXT_BYTES)).into_owned(), value)
            };
            Json::object(members.iter().take(MAX_LIST_ITEMS).map(shown))
        }
        other => Json::from(other.clone()),
    }
}

/// Whether an object says in one member that its `value` is a secret: `{"name": "Authorization", "value": …}`.
fn names_a_secret(members: &Map<String, Value>) -> bool {
    let named = ["name", "path", "key", "field"].into_iter().filter_map(|name| members.get(name)?.as_str());
    named.into_iter().any(is_secret_name)
}

/// Objects within shown values: two levels are enough to recognise a thing by.
fn shown_below(name: &str, value: &Value) -> Json<'static> {
    match value {
        Value::Object(members) if members.values().any(|value| value.is_object() || value.is_array()) => {
            if is_secret_name(name) {
                REMOVED.into()
            } else {
                "{…}".into()
            }
        }
        value => shown(name, value),
    }
}

fn shown_text(text: &str) -> Json<'static> {
    let clean = redact(text);
    if clean.len() <= MAX_TEXT_BYTES {
        return clean.into_owned().into();
    }
    format!("{}… ({} bytes)", clipped(&clean, MAX_TEXT_BYTES), text.len()).into()
}

/// What stands for source code: its SHA-256 and length.
fn digest(value: &Value) -> Json<'static> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut shown = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        let _infallible = write!(shown, "{byte:02x}");
    }
    let _infallible = write!(shown, " ({} bytes)", text.len());
    shown.into()
}

/// The changes so far, and what they may take.
#[derive(Default)]
struct List<'r> {
    found: Found,
    rule: Option<&'r SetRule>,
    bytes: usize,
}

impl List<'_> {
    fn skips(&self, field: &str) -> bool {
        self.rule.is_some_and(|rule| rule.skip.iter().any(|skip| **skip == *field))
    }

    fn digests(&self, field: &str) -> bool {
        self.rule.is_some_and(|rule| rule.digest.iter().any(|digest| **digest == *field))
    }

    fn add(&mut self, field: &str, before: Option<Json<'static>>, after: Option<Json<'static>>) {
        if before.is_none() && after.is_none() {
            return;
        }
        let bytes = field.len() + before.as_ref().map_or(0, weight) + after.as_ref().map_or(0, weight);
        if self.found.changes.len() >= MAX_CHANGES || self.bytes + bytes > MAX_BYTES {
            self.found.left_out = self.found.left_out.saturating_add(1);
            return;
        }
        self.bytes += bytes;
        let field = clipped(field, limits::NAME_BYTES).to_owned();
        self.found.changes.push(Change { field: field.into(), before, after });
    }
}

/// About how many bytes a value is as JSON; texts count double, since escapes may lengthen them.
fn weight(value: &Json<'_>) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 24,
        Json::String(text) => 2 * text.len() + 3,
        Json::Array(items) => items.iter().map(weight).sum::<usize>() + 2,
        Json::Object(members) => {
            members.iter().map(|(name, value)| 2 * name.len() + 4 + weight(value)).sum::<usize>() + 2
        }
    }
}

#[cfg(test)]
mod tests;

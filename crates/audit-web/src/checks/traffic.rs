//! What the last days' events say of how they come in: whether people pass the gateway, and who counts tokens.

mod judge;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use audit_event::{Entry, Source, Timestamp};
use audit_query::filter::{Field, Filter};
use audit_query::question::{
    Answers as _, Budget, Group, GroupKey, Key, List, Measure, NumberField, Order, TimeRange,
    Value as Measured,
};
use audit_tlog::LeafIndex;
use serde_json::Value;

use super::{Finding, bad};
use crate::problem::Result;
use crate::state::AppState;
use crate::surroundings::Status;

/// How far back it is looked, in days.
const DAYS: i64 = 7;
/// Most events that are looked at one by one.
const SAMPLE: usize = 1_000;
/// Most kinds of events (source and action) that are told apart.
const KINDS: usize = 10_000;

/// What was recorded.
#[derive(Debug, Default)]
struct Traffic {
    /// Whether anything but our own doings was ever recorded.
    is_any: bool,
    /// Events by source and action, of the last days.
    counts: HashMap<(String, String), Count>,
    /// Who came through the gateway, of the newest events.
    callers: Callers,
    /// Requests that the table of routes does not know, by method and path, of the newest.
    unmapped: BTreeMap<String, u64>,
    /// Events of other sources that the gateway should have seen, of the newest.
    unseen: u64,
    /// When the last event of a webhook happened.
    last_webhook: Option<Timestamp>,
    /// When the last event of the audit file happened.
    last_audit_file: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    events: u64,
    tokens: u64,
}

/// Who came through the gateway.
#[derive(Debug, Default)]
struct Callers {
    events: u64,
    people: BTreeSet<String>,
    addresses: BTreeSet<String>,
    /// Peers that sent `X-Forwarded-For` and are not trusted, with how often.
    unheard: BTreeMap<String, u64>,
}

/// Looks at the record. Blocks.
pub(super) fn look(state: &AppState, status: &Status, budget: &Budget) -> Vec<Finding> {
    match read(state, status.now, budget) {
        Ok(traffic) => judge::findings(&traffic, status),
        Err(problem) => {
            vec![bad(
                "events",
                problem.detail().to_owned(),
                "the record cannot be asked: see the server's log",
            )]
        }
    }
}

fn read(state: &AppState, now: Timestamp, budget: &Budget) -> Result<Traffic> {
    let since = Timestamp::from_micros(now.as_micros() - DAYS * 86_400 * 1_000_000);
    let recent = TimeRange { from: since, to: Timestamp::MAX };
    let mut traffic = Traffic::default();
    let foreign = filter(Field::Source, "internal")?.negate();
    traffic.is_any = !state.index().list(&newest_of(foreign, TimeRange::ALL, 1), budget)?.rows.is_empty();
    if !traffic.is_any {
        return Ok(traffic);
    }
    let counts = Group {
        filter: Filter::first_hand_of(Source::ALL.iter().copied()),
        range: recent,
        keys: vec![GroupKey::Field(Field::Source), GroupKey::Field(Field::Action)],
        measures: vec![Measure::Count, Measure::Sum(NumberField::TotalTokens)],
        limit: KINDS,
        snapshot: None,
    };
    for row in state.index().group(&counts, budget)?.rows {
        traffic.take_count(&row.keys, &row.values);
    }
    let newest = |filter: Filter, range: TimeRange| newest(state, filter, range, budget);
    if traffic.has("gateway", "") {
        let events = newest(Filter::first_hand(Source::Gateway), recent)?;
        events.iter().for_each(|event| traffic.callers.take(event));
    }
    if traffic.has("gateway", "api.request") {
        let unmapped = vec![Filter::first_hand(Source::Gateway), filter(Field::Action, "api.request")?];
        let events = newest(Filter::all_of(unmapped), recent)?;
        events.iter().filter(|event| is_unmapped(event)).for_each(|event| traffic.take_unmapped(event));
    }
    for (source, last) in
        [(Source::Webhook, &mut traffic.last_webhook), (Source::AuditFile, &mut traffic.last_audit_file)]
    {
        let events = newest(Filter::first_hand(source), TimeRange { from: Timestamp::MIN, to: now })?;
        let time = |event: &Value| text(event, "/time").and_then(|time| time.parse::<Timestamp>().ok());
        *last = events.first().and_then(time);
        let recent = events.iter().filter(|event| time(event).is_some_and(|time| time >= since));
        let unseen = recent.filter(|event| text(event, "/details/unseen_by") == Some("gateway"));
        traffic.unseen += unseen.count() as u64;
    }
    Ok(traffic)
}

/// Whether a row of the table of routes would name this `api.request`: Open WebUI has a route for it (not 405).
fn is_unmapped(event: &Value) -> bool {
    event.pointer("/http/status").and_then(Value::as_u64) != Some(405)
}

fn filter(field: Field, value: &str) -> Result<Filter> {
    Filter::of_field(field, value).map_err(crate::problem::Problem::internal)
}

fn newest_of(filter: Filter, range: TimeRange, limit: usize) -> List {
    List { filter, range, order: Order::NewestFirst, limit, after: None, snapshot: None, count: false }
}

/// The newest events themselves, as recorded; those that cannot be read are left to the check of damage.
fn newest(state: &AppState, filter: Filter, range: TimeRange, budget: &Budget) -> Result<Vec<Value>> {
    let found = state.index().list(&newest_of(filter, range, SAMPLE), budget)?;
    let reader = state.ledger().reader();
    let read = |index: u64| {
        let entry = reader.get(LeafIndex::new(index)).ok()?;
        let mut json = Vec::new();
        Entry::decode(&entry).ok()?.write_json(&mut json);
        serde_json::from_slice(&json).ok()
    };
    Ok(found.rows.iter().filter_map(|row| read(row.index)).collect())
}

fn text<'e>(event: &'e Value, pointer: &str) -> Option<&'e str> {
    event.pointer(pointer).and_then(Value::as_str)
}

impl Traffic {
    fn take_count(&mut self, keys: &[Key], values: &[Measured]) {
        let key = |at: usize| match keys.get(at) {
            Some(Key::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let figure = |at: usize| match values.get(at) {
            Some(Measured::Whole(number)) => *number,
            _ => 0,
        };
        self.counts.insert((key(0), key(1)), Count { events: figure(0), tokens: figure(1) });
    }

    fn take_unmapped(&mut self, event: &Value) {
        let method = text(event, "/http/method").unwrap_or("?");
        let path = text(event, "/http/path").unwrap_or("?");
        *self.unmapped.entry(format!("{method} {}", pattern(path))).or_default() += 1;
    }

    /// Events of a source (any, when empty) whose action begins so.
    fn count(&self, source: &str, action: &str) -> u64 {
        self.matching(source, action).map(|count| count.events).sum()
    }

    fn tokens(&self) -> u64 {
        self.matching("", "").map(|count| count.tokens).sum()
    }

    fn has(&self, source: &str, action: &str) -> bool {
        self.count(source, action) > 0
    }

    fn matching(&self, source: &str, action: &str) -> impl Iterator<Item = Count> {
        self.counts
            .iter()
            .filter(move |((of, what), _)| (source.is_empty() || of == source) && what.starts_with(action))
            .map(|(_, count)| *count)
    }
}

impl Callers {
    fn take(&mut self, event: &Value) {
        self.events += 1;
        self.people.extend(text(event, "/actor/id").map(str::to_owned));
        let Some(ip) = text(event, "/client/ip") else { return };
        self.addresses.insert(ip.to_owned());
        let has_chain = event
            .pointer("/client/forwarded_for")
            .and_then(Value::as_array)
            .is_some_and(|chain| !chain.is_empty());
        if has_chain && text(event, "/client/peer_ip") == Some(ip) {
            *self.unheard.entry(ip.to_owned()).or_default() += 1;
        }
    }
}

/// The path with what names a single object left out.
fn pattern(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn is_id(segment: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    is_number || (segment.len() >= 12 && segment.bytes().all(is_hex))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_left_out_of_paths() {
        assert_eq!(
            pattern("/api/v2/things/0f8b2c9e-11d2-4a7b-9d0e-1b2c3d4e5f60/undo?x=1"),
            "/api/v2/things/{id}/undo"
        );
        assert_eq!(pattern("/api/v2/things/17"), "/api/v2/things/{id}");
        assert_eq!(pattern("/api/v2/feedback"), "/api/v2/feedback");
    }

    #[test]
    fn a_peer_whose_word_was_not_taken_is_noticed() {
        let mut callers = Callers::default();
        callers.take(
            &json!({"client": {"ip": "10.0.0.5", "peer_ip": "10.0.0.5", "forwarded_for": ["203.0.113.9"]}}),
        );
        callers.take(&json!({"client": {"ip": "203.0.113.9", "peer_ip": "10.0.0.6", "forwarded_for": ["203.0.113.9"]}}));
        callers.take(&json!({"actor": {"id": "ada"}, "client": {"ip": "10.0.0.7", "peer_ip": "10.0.0.7"}}));
        assert_eq!(callers.unheard.into_iter().collect::<Vec<_>>(), [("10.0.0.5".to_owned(), 1)]);
        assert_eq!((callers.events, callers.addresses.len(), callers.people.len()), (3, 3, 1));
    }
}

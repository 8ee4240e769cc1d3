//! Which request of Open WebUI's API is which action: one declarative table, made from the routes of version 0.12.4.
//!
//! The table is the file `routes.toml`; an operator's file of the same form adds rows and replaces some. It is used for
//! what passes the gateway and for Open WebUI's audit file alike. What no row is about is recorded all the same, as
//! `api.request`, when it may change state, and as `access.denied` when it was refused.
//!
//! - `file`: reads the rows and checks them; `row`: what a row is.
//! - `path`, `tree`: from a request's target to its row.
//! - `scene`: what a request and its answer say, as far as the row asks for it.
//! - `verdict`: how it ended; `changes`: what changed; `unread`: what could not be read; `record`: the events.

mod changes;
mod file;
mod fit;
mod path;
mod record;
mod row;
mod scene;
mod tree;
mod unread;
mod verdict;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use audit_event::{Category, Event};
use http::Method;

pub(super) use path::decoded;
pub(super) use row::Deed;
pub(super) use scene::{Scene, Sight, Someone};

use super::exchange::{Exchange, GistReader, Plan};
use row::{Origin, Part, Recorded, Row, StatePath};
use tree::{Segment, Tree};

/// The rows that come with this program.
const EMBEDDED: &str = include_str!("routes.toml");
/// Kept of an answer that is the state of something.
const KEPT_OF_STATES: usize = 256 * 1024;

/// The rows, ready for look-up.
#[derive(Debug, Default)]
pub struct RouteTable {
    rows: Vec<Row>,
    /// One for each of GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE.
    trees: [Tree; 7],
}

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TableError {
    /// The row at fault, `METHOD /path`; empty when the file is no TOML.
    pub row: String,
    /// The key at fault; empty when it is the row as a whole.
    pub key: String,
    /// One sentence that says what is wrong.
    pub message: String,
}

impl TableError {
    fn syntax(error: &toml::de::Error) -> Self {
        let message = format!("the table of routes is no TOML: {}", one_line(&error.to_string()));
        Self { row: String::new(), key: String::new(), message }
    }

    fn row(row: &str, why: &str) -> Self {
        Self { row: row.to_owned(), key: String::new(), message: format!("row {row:?}: {}", one_line(why)) }
    }

    fn key(row: &str, key: &str, why: &str) -> Self {
        let place =
            if key.is_empty() { format!("row {row:?}") } else { format!("row {row:?}, key `{key}`:") };
        Self { row: row.to_owned(), key: key.to_owned(), message: format!("{place} {why}") }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A row that was found, with the request's path.
pub(super) struct Found<'t, 'p> {
    pub(super) row: &'t Row,
    /// Decoded.
    pub(super) path: Cow<'p, str>,
}

impl RouteTable {
    /// The table that comes with this program.
    ///
    /// # Panics
    /// Never: a test loads it.
    #[must_use]
    pub fn embedded() -> Arc<Self> {
        static TABLE: LazyLock<Arc<RouteTable>> = LazyLock::new(|| match RouteTable::with_overrides("") {
            Ok(table) => Arc::new(table),
            Err(error) => panic!("the embedded table: {error}"),
        });
        TABLE.clone()
    }

    /// The embedded table with an operator's rows added; a row with the method and pattern of an embedded one
    /// replaces it.
    ///
    /// # Errors
    /// The first row and key that cannot be understood.
    pub fn with_overrides(toml: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (is_operators, text) in [(false, EMBEDDED), (true, toml)] {
            let mut own = std::collections::BTreeSet::new();
            for (method, row) in file::read(text)? {
                let key = row.key.clone();
                let replaced = table.insert(&method, row);
                let is_doubled = replaced.is_some_and(|place| !is_operators || own.contains(&place));
                if is_doubled {
                    return Err(TableError::row(&key, "stands there twice, with another name in braces"));
                }
                own.insert(table.rows.len() - 1);
            }
        }
        table.watch_states();
        Ok(table)
    }

    fn insert(&mut self, method: &str, row: Row) -> Option<usize> {
        let place = self.rows.len();
        let replaced = tree_of(method).and_then(|tree| self.trees[tree].insert(&row.pattern, place));
        self.rows.push(row);
        replaced
    }

    /// Makes the requests that read a state before remembered, whoever sends them.
    fn watch_states(&mut self) {
        let states: Vec<StatePath> = self.rows.iter().filter_map(|row| row.before.clone()).collect();
        for state in states {
            let pattern = pattern_of(&state);
            let path = state.with_places_of_a_get();
            let sample = sample_of(&pattern);
            let existing = self.trees[GET]
                .find(&sample)
                .filter(|place| has_shape_of(&self.rows[*place].pattern, &pattern));
            match existing {
                Some(place) => {
                    let row = &mut self.rows[place];
                    row.keep_answer = row.keep_answer.max(KEPT_OF_STATES);
                    row.state.get_or_insert(path);
                }
                None => {
                    self.insert("GET", Row::of_state(pattern, path, KEPT_OF_STATES));
                }
            }
        }
    }

    /// What to look at in a request; cheap enough to be called on every one.
    #[must_use]
    pub fn plan(&self, method: &Method, target: &str) -> Plan {
        let path = decoded(target);
        let place = tree_of(method.as_str()).and_then(|tree| self.trees[tree].find(&path));
        let Some(row) = place.and_then(|place| self.rows.get(place)) else {
            let changes_state = !method.is_safe();
            return Plan {
                row: None,
                is_recorded: changes_state,
                records_failures: changes_state,
                changes_state,
                category: Category::System,
                keep_request: 0,
                keep_answer: 0,
                before: None,
                remember: None,
            };
        };
        let fill = |state: &Option<StatePath>| {
            let state = state.as_ref()?;
            let parameters = tree::parameters(&row.pattern, &path);
            state.fill(|origin| match origin {
                Origin::Path(name) => {
                    parameters.iter().find(|(n, _)| **n == **name).map(|(_, v)| (*v).to_owned())
                }
                Origin::Query(name) => path::query_parameter(target, name),
                _ => None,
            })
        };
        Plan {
            row: place,
            is_recorded: row.when == Recorded::Always,
            records_failures: row.when != Recorded::Refused,
            changes_state: !row.reads && row.ignored().is_none(),
            category: row.category,
            keep_request: row.keep_request,
            keep_answer: row.keep_answer,
            before: fill(&row.before),
            remember: fill(&row.state),
        }
    }

    /// The events that an exchange amounts to: none for most reads, two when somebody came in by it.
    #[must_use]
    pub fn events(&self, plan: &Plan, exchange: &Exchange<'_>) -> Vec<Event<'static>> {
        match self.row(plan) {
            Some(row) => record::of_row(row, exchange),
            None => record::of_any(self.safe_path(exchange.target), plan.changes_state, exchange)
                .into_iter()
                .collect(),
        }
    }

    /// The event of a request that is about to be forwarded: as far as the request tells, its outcome unknown. It has
    /// the id of the event that [`RouteTable::events`] makes first.
    #[must_use]
    pub fn intent(&self, plan: &Plan, exchange: &Exchange<'_>) -> Event<'static> {
        match self.row(plan) {
            Some(row) => record::intent(row, exchange),
            None => record::intent_of_any(self.safe_path(exchange.target), exchange),
        }
    }

    /// The path of the state that a request is about, where only its body tells which: what [`Plan::before`] could not
    /// know. Of no use for asking, since the request has been forwarded; but what was seen last is remembered by it.
    #[must_use]
    pub fn state_path(&self, plan: &Plan, exchange: &Exchange<'_>) -> Option<String> {
        let row = self.row(plan).filter(|row| row.before.is_some())?;
        plan.before.clone().or_else(|| record::state_path(row, exchange))
    }

    /// What finds the members that the row names in a request that is longer than what is kept of it; `None` when none are
    /// named.
    #[must_use]
    pub fn gist_reader(&self, plan: &Plan) -> Option<GistReader> {
        let row = self.row(plan).filter(|row| row.reads_request())?;
        GistReader::of(&scene::of_requests(row), &row.presences())
    }

    fn row(&self, plan: &Plan) -> Option<&Row> {
        plan.row.and_then(|place| self.rows.get(place))
    }

    /// The row for a method and a target or path.
    pub(super) fn find<'p>(&self, method: &str, target: &'p str) -> Option<Found<'_, 'p>> {
        let path = decoded(target);
        let place = tree_of(method).and_then(|tree| self.trees[tree].find(&path))?;
        Some(Found { row: &self.rows[place], path })
    }

    /// The path of a request, without query, and without what must not be written down: whatever the method, and
    /// whether or not Open WebUI would have taken it for the route it resembles.
    pub(super) fn safe_path(&self, target: &str) -> String {
        let raw = target.split(['?', '#']).next().unwrap_or(target);
        let path = decoded(target);
        let without_empty: String =
            path.split('/').filter(|segment| !segment.is_empty()).flat_map(|s| ["/", s]).collect();
        let lower = without_empty.to_lowercase();
        let mut resembling =
            self.trees.iter().flat_map(|tree| [tree.find(&without_empty), tree.find(&lower)]).flatten();
        let safe = resembling.find_map(|place| self.rows[place].safe_path(&without_empty));
        path::without_secrets(safe.unwrap_or_else(|| raw.to_owned()))
    }
}

const GET: usize = 0;

fn tree_of(method: &str) -> Option<usize> {
    match method {
        "GET" => Some(GET),
        "HEAD" => Some(1),
        "OPTIONS" => Some(2),
        "POST" => Some(3),
        "PUT" => Some(4),
        "PATCH" => Some(5),
        "DELETE" => Some(6),
        _ => None,
    }
}

/// The pattern of the requests that read a state.
fn pattern_of(state: &StatePath) -> Vec<Segment> {
    let mut text = String::new();
    for part in &state.parts {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Place(Origin::Path(name)) => {
                text.push('{');
                text.push_str(name);
                text.push('}');
            }
            Part::Place(_) => {}
        }
    }
    let path = text.split('?').next().unwrap_or_default();
    let segment = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) => Segment::One(name.into()),
        None => Segment::Literal(segment.into()),
    };
    path::segments(path).map(segment).collect()
}

/// A path that fits a pattern.
fn sample_of(pattern: &[Segment]) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::One(_) | Segment::Rest(_) => "/*".to_owned(),
    };
    pattern.iter().map(segment).collect()
}

/// Whether two patterns differ in the names in braces at most.
fn has_shape_of(one: &[Segment], other: &[Segment]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| match (one, other) {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            (Segment::One(_), Segment::One(_)) | (Segment::Rest(_), Segment::Rest(_)) => true,
            _ => false,
        })
}

#[cfg(test)]
mod tests;

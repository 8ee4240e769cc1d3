//! The flattened columns of an event: the same in CSV, in Parquet and in `fields`.

use audit_event::{ActorType, Capture, Fields, Mark, TargetFields, Timestamp};
use std::borrow::Cow;
use std::net::IpAddr;

/// One column. Its name is the event's JSON path with `_` between the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each column is named like the field of the event it holds")]
pub enum Column {
    Index,
    Id,
    Time,
    RecordedAt,
    Category,
    Action,
    Outcome,
    Reason,
    Severity,
    Source,
    Sender,
    Instance,
    Capture,
    Marks,
    ActorType,
    ActorId,
    ActorName,
    ActorEmail,
    SessionId,
    OrgRole,
    OrgDepartment,
    OrgGroups,
    ClientIp,
    ClientPeerIp,
    ClientForwardedFor,
    ClientUserAgent,
    TargetType,
    TargetId,
    TargetName,
    Targets,
    ModelId,
    ModelProvider,
    UsageInputTokens,
    UsageOutputTokens,
    UsageCachedTokens,
    UsageReasoningTokens,
    UsageCostUsd,
    LatencyMs,
    Message,
    Changes,
    HttpMethod,
    HttpPath,
    HttpStatus,
    HttpRequestId,
    Details,
}

/// What kind of values a column has; how each format writes them follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    Time,
    Whole,
    Fraction,
    /// Several texts.
    Texts,
    /// Canonical JSON.
    Json,
}

use ColumnKind::{Fraction, Json, Text, Texts, Time, Whole};

/// Every column: name, JSON path, kind; in the order of the enum, which is that of the files. Columns inside
/// one object of the event stand side by side.
const COLUMNS: &[(Column, &str, &[&str], ColumnKind)] = &[
    (Column::Index, "index", &["index"], Whole),
    (Column::Id, "id", &["id"], Text),
    (Column::Time, "time", &["time"], Time),
    (Column::RecordedAt, "recorded_at", &["recorded_at"], Time),
    (Column::Category, "category", &["category"], Text),
    (Column::Action, "action", &["action"], Text),
    (Column::Outcome, "outcome", &["outcome"], Text),
    (Column::Reason, "reason", &["reason"], Text),
    (Column::Severity, "severity", &["severity"], Text),
    (Column::Source, "source", &["source"], Text),
    (Column::Sender, "sender", &["sender"], Text),
    (Column::Instance, "instance", &["instance"], Text),
    (Column::Capture, "capture", &["capture"], Text),
    (Column::Marks, "marks", &["marks"], Texts),
    (Column::ActorType, "actor_type", &["actor", "type"], Text),
    (Column::ActorId, "actor_id", &["actor", "id"], Text),
    (Column::ActorName, "actor_name", &["actor", "name"], Text),
    (Column::ActorEmail, "actor_email", &["actor", "email"], Text),
    (Column::SessionId, "session_id", &["session_id"], Text),
    (Column::OrgRole, "org_role", &["org", "role"], Text),
    (Column::OrgDepartment, "org_department", &["org", "department"], Text),
    (Column::OrgGroups, "org_groups", &["org", "groups"], Texts),
    (Column::ClientIp, "client_ip", &["client", "ip"], Text),
    (Column::ClientPeerIp, "client_peer_ip", &["client", "peer_ip"], Text),
    (Column::ClientForwardedFor, "client_forwarded_for", &["client", "forwarded_for"], Texts),
    (Column::ClientUserAgent, "client_user_agent", &["client", "user_agent"], Text),
    (Column::TargetType, "target_type", &["target", "type"], Text),
    (Column::TargetId, "target_id", &["target", "id"], Text),
    (Column::TargetName, "target_name", &["target", "name"], Text),
    (Column::Targets, "targets", &["targets"], Json),
    (Column::ModelId, "model_id", &["model", "id"], Text),
    (Column::ModelProvider, "model_provider", &["model", "provider"], Text),
    (Column::UsageInputTokens, "usage_input_tokens", &["usage", "input_tokens"], Whole),
    (Column::UsageOutputTokens, "usage_output_tokens", &["usage", "output_tokens"], Whole),
    (Column::UsageCachedTokens, "usage_cached_tokens", &["usage", "cached_tokens"], Whole),
    (Column::UsageReasoningTokens, "usage_reasoning_tokens", &["usage", "reasoning_tokens"], Whole),
    (Column::UsageCostUsd, "usage_cost_usd", &["usage", "cost_usd"], Fraction),
    (Column::LatencyMs, "latency_ms", &["latency_ms"], Fraction),
    (Column::Message, "message", &["message"], Text),
    (Column::Changes, "changes", &["changes"], Json),
    (Column::HttpMethod, "http_method", &["http", "method"], Text),
    (Column::HttpPath, "http_path", &["http", "path"], Text),
    (Column::HttpStatus, "http_status", &["http", "status"], Whole),
    (Column::HttpRequestId, "http_request_id", &["http", "request_id"], Text),
    (Column::Details, "details", &["details"], Json),
];

/// A column's value in one event.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'e> {
    Missing,
    Text(&'e str),
    Address(IpAddr),
    Time(Timestamp),
    Whole(u64),
    Fraction(f64),
    Texts(&'e [Cow<'e, str>]),
    Marks(audit_event::Marks),
    /// Canonical JSON as it stands in the event.
    Json(&'e str),
    Targets(&'e [TargetFields<'e>]),
}

impl Column {
    /// Every column, in the order of the files.
    pub fn all() -> impl Iterator<Item = Column> {
        COLUMNS.iter().map(|row| row.0)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        COLUMNS[self as usize].1
    }

    /// Where it stands in the event's JSON (`index` is ours and stands beside).
    #[must_use]
    pub fn path(self) -> &'static [&'static str] {
        COLUMNS[self as usize].2
    }

    pub(crate) fn kind(self) -> ColumnKind {
        COLUMNS[self as usize].3
    }

    /// Whether nearly every event has a value of its own, so that a dictionary of them is of no use.
    pub(crate) fn is_diverse(self) -> bool {
        matches!(
            self,
            Column::Index
                | Column::Id
                | Column::Time
                | Column::TargetId
                | Column::Message
                | Column::Changes
                | Column::HttpPath
                | Column::HttpRequestId
                | Column::Details
        )
    }

    pub(crate) fn cell<'e>(self, index: u64, event: &'e Fields<'e>) -> Cell<'e> {
        match self {
            Column::Index => Cell::Whole(index),
            Column::Id => Cell::Text(&event.id),
            Column::Time => Cell::Time(event.time),
            Column::RecordedAt => Cell::Time(event.recorded_at),
            Column::Category => Cell::Text(event.category.as_str()),
            Column::Action => Cell::Text(&event.action),
            Column::Outcome => Cell::Text(event.outcome.as_str()),
            Column::Reason => text(event.reason.as_deref()),
            Column::Severity => Cell::Text(event.severity.as_str()),
            Column::Source => Cell::Text(event.source.as_str()),
            Column::Sender => text(event.sender.as_deref()),
            Column::Instance => text(event.instance.as_deref()),
            Column::Capture => text(event.capture.map(Capture::as_str)),
            Column::Marks if event.marks.is_empty() => Cell::Missing,
            Column::Marks => Cell::Marks(event.marks),
            Column::ActorType => text(event.actor_type.map(ActorType::as_str)),
            Column::ActorId => text(event.actor_id.as_deref()),
            Column::ActorName => text(event.actor_name.as_deref()),
            Column::ActorEmail => text(event.actor_email.as_deref()),
            Column::SessionId => text(event.session_id.as_deref()),
            Column::OrgRole => text(event.role.as_deref()),
            Column::OrgDepartment => text(event.department.as_deref()),
            Column::OrgGroups => texts(&event.groups),
            Column::ClientIp => address(event.ip),
            Column::ClientPeerIp => address(event.peer_ip),
            Column::ClientForwardedFor => texts(&event.forwarded_for),
            Column::ClientUserAgent => text(event.user_agent.as_deref()),
            Column::TargetType => text(event.target_type.as_deref()),
            Column::TargetId => text(event.target_id.as_deref()),
            Column::TargetName => text(event.target_name.as_deref()),
            Column::Targets if event.targets.is_empty() => Cell::Missing,
            Column::Targets => Cell::Targets(&event.targets),
            Column::ModelId => text(event.model.as_deref()),
            Column::ModelProvider => text(event.provider.as_deref()),
            Column::UsageInputTokens => whole(event.input_tokens),
            Column::UsageOutputTokens => whole(event.output_tokens),
            Column::UsageCachedTokens => whole(event.cached_tokens),
            Column::UsageReasoningTokens => whole(event.reasoning_tokens),
            Column::UsageCostUsd => fraction(event.cost_usd),
            Column::LatencyMs => fraction(event.latency_ms),
            Column::Message => text(event.message.as_deref()),
            Column::Changes => event.changes.map_or(Cell::Missing, Cell::Json),
            Column::HttpMethod => text(event.http_method.as_deref()),
            Column::HttpPath => text(event.http_path.as_deref()),
            Column::HttpStatus => whole(event.http_status.map(u64::from)),
            Column::HttpRequestId => text(event.request_id.as_deref()),
            Column::Details => event.details.map_or(Cell::Missing, Cell::Json),
        }
    }
}

fn text(value: Option<&str>) -> Cell<'_> {
    value.map_or(Cell::Missing, Cell::Text)
}

fn texts<'e>(values: &'e [Cow<'e, str>]) -> Cell<'e> {
    if values.is_empty() { Cell::Missing } else { Cell::Texts(values) }
}

fn address<'e>(value: Option<IpAddr>) -> Cell<'e> {
    value.map_or(Cell::Missing, Cell::Address)
}

fn whole<'e>(value: Option<u64>) -> Cell<'e> {
    value.map_or(Cell::Missing, Cell::Whole)
}

fn fraction<'e>(value: Option<f64>) -> Cell<'e> {
    value.map_or(Cell::Missing, Cell::Fraction)
}

/// The names of marks, in alphabetical order.
pub(crate) fn mark_names(marks: audit_event::Marks) -> impl Iterator<Item = &'static str> {
    marks.iter().map(Mark::as_str)
}

/// Chosen columns: at least one, each once, in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

/// A name in `fields` that is no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.advice())]
pub struct ColumnsError {
    /// The name as it was given.
    pub given: String,
    /// The nearest column, if one is near.
    pub nearest: Option<&'static str>,
}

impl ColumnsError {
    fn advice(&self) -> String {
        match self.nearest {
            Some(near) => format!("there is no field {:?}: did you mean {near}?", self.given),
            None => {
                let names: Vec<_> = Column::all().map(Column::name).collect();
                format!("there is no field {:?}. The fields are {}", self.given, names.join(", "))
            }
        }
    }
}

impl Default for Columns {
    /// All of them.
    fn default() -> Columns {
        Columns(Column::all().collect())
    }
}

impl Columns {
    /// Reads a list of names separated by commas. A name may be written with dots (`actor.email`), and the name
    /// of an object stands for all columns in it (`actor`).
    ///
    /// # Errors
    /// The first name that is no column.
    pub fn parse(list: &str) -> Result<Columns, ColumnsError> {
        let mut chosen = Vec::new();
        for name in list.split(',').map(str::trim) {
            let named = named(name);
            if named.is_empty() {
                let nearest = crate::filter::nearest(name, COLUMNS.iter().map(|row| row.1));
                return Err(ColumnsError { given: name.to_owned(), nearest });
            }
            chosen.extend(named);
        }
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|column| seen.insert(*column));
        Ok(Columns(chosen))
    }

    /// The columns.
    #[must_use]
    pub fn as_slice(&self) -> &[Column] {
        &self.0
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|column| column.name())
    }
}

fn named(name: &str) -> Vec<Column> {
    let flat = name.replace('.', "_");
    match Column::all().find(|column| column.name() == flat) {
        Some(column) => vec![column],
        None => Column::all().filter(|column| column.path().len() == 2 && column.path()[0] == name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_order_of_the_enum_and_names_follow_the_paths() {
        for (at, (column, name, path, _)) in COLUMNS.iter().enumerate() {
            assert_eq!(*column as usize, at, "{name}");
            assert_eq!(*name, path.join("_"));
        }
    }

    #[test]
    fn names_dots_and_whole_objects_are_understood() {
        let names = |list| Columns::parse(list).unwrap().names().collect::<Vec<_>>().join(" ");
        assert_eq!(names("time, actor.email,id"), "time actor_email id");
        assert_eq!(names("http,http_path"), "http_method http_path http_status http_request_id");
        assert_eq!(names("session_id,session_id"), "session_id");
    }

    #[test]
    fn what_is_no_column_is_named_with_the_nearest() {
        let error = Columns::parse("id,actor_emial").unwrap_err();
        assert_eq!(error.to_string(), "there is no field \"actor_emial\": did you mean actor_email?");
    }
}

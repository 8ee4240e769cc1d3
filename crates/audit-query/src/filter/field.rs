//! The fields a filter can name, and what kind of value each has.

use std::fmt;

/// Something of an event that a filter can ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each field is described by its row in FIELDS")]
pub enum Field {
    Id,
    Category,
    Action,
    Outcome,
    Reason,
    Severity,
    Source,
    Sender,
    Instance,
    ActorType,
    User,
    ActorId,
    ActorName,
    ActorEmail,
    Session,
    Role,
    Department,
    Group,
    Ip,
    UserAgent,
    TargetType,
    TargetId,
    TargetName,
    Target,
    Model,
    Provider,
    InputTokens,
    OutputTokens,
    TotalTokens,
    CostUsd,
    LatencyMs,
    HttpMethod,
    HttpStatus,
    Message,
}

/// What kind of value a field has, and so which tests make sense on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One of a fixed list of names (`category`, `outcome`, ...).
    Name,
    /// Text compared as it stands.
    Exact,
    /// Text compared without regard to letter case.
    Folded,
    /// Several text fields at once ([`Field::leaves`]).
    Several,
    /// An IP address.
    Ip,
    /// A number.
    Number,
}

/// A field's row: its name in the query box, other spellings that are accepted, its kind, what it is.
struct Row(Field, &'static str, &'static [&'static str], FieldKind, &'static str);

use FieldKind::{Exact, Folded, Ip, Name, Number, Several};

/// One row a field, in the order of the enum.
const FIELDS: &[Row] = &[
    Row(Field::Id, "id", &[], Exact, "the event's id"),
    Row(Field::Category, "category", &["event_type", "type"], Name, "one of the six categories"),
    Row(Field::Action, "action", &["event"], Exact, "what was done, such as auth.login_failed"),
    Row(Field::Outcome, "outcome", &["result"], Name, "success, failure, denied or unknown"),
    Row(Field::Reason, "reason", &[], Exact, "why it failed, such as invalid_credentials"),
    Row(Field::Severity, "severity", &["level"], Name, "info, low, medium, high or critical"),
    Row(Field::Source, "source", &[], Name, "which source saw it"),
    Row(
        Field::Sender,
        "sender",
        &["sent_by"],
        Exact,
        "who handed it in from outside: a token, webhook:NAME, import",
    ),
    Row(Field::Instance, "instance", &[], Exact, "which installation it happened in"),
    Row(Field::ActorType, "actor.type", &["actor_type"], Name, "user, api_key, service, system or anonymous"),
    Row(Field::User, "user", &["actor", "who"], Several, "the actor's id, e-mail address or name"),
    Row(Field::ActorId, "actor.id", &["actor_id", "user_id"], Exact, "the actor's id"),
    Row(Field::ActorName, "actor.name", &["actor_name", "name"], Folded, "the actor's name"),
    Row(Field::ActorEmail, "actor.email", &["actor_email", "email"], Folded, "the actor's e-mail address"),
    Row(Field::Session, "session", &["session_id"], Exact, "the session's hashed id"),
    Row(Field::Role, "role", &["org.role", "org_role"], Folded, "the actor's role at that time"),
    Row(
        Field::Department,
        "department",
        &["org.department", "org_department", "dept"],
        Folded,
        "the actor's department at that time",
    ),
    Row(
        Field::Group,
        "group",
        &["org.groups", "org_groups", "groups"],
        Folded,
        "one of the actor's groups at that time",
    ),
    Row(Field::Ip, "ip", &["client.ip", "client_ip", "address"], Ip, "the client's address or network"),
    Row(
        Field::UserAgent,
        "user_agent",
        &["client.user_agent", "client_user_agent", "agent"],
        Folded,
        "the client's program",
    ),
    Row(Field::TargetType, "target.type", &["target_type"], Exact, "what kind of thing was acted on"),
    Row(Field::TargetId, "target.id", &["target_id"], Exact, "the id of the thing acted on"),
    Row(Field::TargetName, "target.name", &["target_name"], Folded, "the name of the thing acted on"),
    Row(Field::Target, "target", &["on"], Several, "the type, id or name of the thing acted on"),
    Row(Field::Model, "model", &["model.id", "model_id"], Folded, "the AI model"),
    Row(Field::Provider, "provider", &["model.provider", "model_provider"], Folded, "who provides the model"),
    Row(
        Field::InputTokens,
        "input_tokens",
        &["usage.input_tokens", "usage_input_tokens", "tokens_in"],
        Number,
        "tokens sent to the model",
    ),
    Row(
        Field::OutputTokens,
        "output_tokens",
        &["usage.output_tokens", "usage_output_tokens", "tokens_out"],
        Number,
        "tokens the model wrote",
    ),
    Row(Field::TotalTokens, "tokens", &["total_tokens"], Number, "input and output tokens together"),
    Row(
        Field::CostUsd,
        "cost",
        &["cost_usd", "usage.cost_usd", "usage_cost_usd"],
        Number,
        "cost in US dollars",
    ),
    Row(Field::LatencyMs, "latency", &["latency_ms"], Number, "how long it took, in milliseconds"),
    Row(Field::HttpMethod, "http.method", &["http_method", "method"], Exact, "the HTTP method"),
    Row(Field::HttpStatus, "http.status", &["http_status", "status"], Number, "the HTTP status"),
    Row(Field::Message, "message", &["msg"], Folded, "the sentence that describes the event"),
];

impl Field {
    /// Every field, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Field> {
        FIELDS.iter().map(|row| row.0)
    }

    /// The fields that free words are looked up in.
    pub const TEXT: [Field; 6] = [
        Field::Message,
        Field::TargetName,
        Field::ActorName,
        Field::ActorEmail,
        Field::Action,
        Field::Reason,
    ];

    fn row(self) -> &'static Row {
        &FIELDS[self as usize]
    }

    /// The field's name in the query box.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Other names by which it may be called.
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().2
    }

    /// What kind of value it has.
    #[must_use]
    pub fn kind(self) -> FieldKind {
        self.row().3
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().4
    }

    /// The field of this name or alias.
    #[must_use]
    pub fn named(name: &str) -> Option<Field> {
        FIELDS.iter().find(|row| row.1 == name || row.2.contains(&name)).map(|row| row.0)
    }

    /// The stored fields behind this one: itself, or the several that `user` and `target` stand for.
    ///
    /// [`Field::TotalTokens`] is its own leaf, though it is computed: the sum of the input and output tokens
    /// that are present, absent when neither is.
    #[must_use]
    pub fn leaves(self) -> &'static [Field] {
        match self {
            Field::User => &[Field::ActorId, Field::ActorEmail, Field::ActorName],
            Field::Target => &[Field::TargetType, Field::TargetId, Field::TargetName],
            _ => std::slice::from_ref(&self.row().0),
        }
    }

    /// Whether letter case makes no difference. Decided for leaves; `user` and `target` follow their leaves.
    #[must_use]
    pub fn folds_case(self) -> bool {
        self.kind() == Folded
    }

    /// Whether words can be looked for in it (`field~word`).
    #[must_use]
    pub fn is_text(self) -> bool {
        Field::TEXT.contains(&self)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_order_of_the_enum() {
        for (at, row) in FIELDS.iter().enumerate() {
            assert_eq!(row.0 as usize, at, "{}", row.1);
        }
    }

    #[test]
    fn no_name_means_two_fields() {
        let mut names: Vec<&str> =
            FIELDS.iter().flat_map(|row| row.2.iter().copied().chain([row.1])).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

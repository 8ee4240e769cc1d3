//! What a filter means for one event.

use super::{Field, FieldKind, Filter, Literal, Test};
use audit_event::{ActorType, Fields};
use ipnet::IpNet;
use std::net::IpAddr;

impl Filter {
    /// Whether the filter accepts the event: the definition of its meaning.
    #[must_use]
    pub fn matches(&self, event: &Fields<'_>) -> bool {
        match self {
            Filter::All => true,
            Filter::And(parts) => parts.iter().all(|part| part.matches(event)),
            Filter::Or(parts) => parts.iter().any(|part| part.matches(event)),
            Filter::Not(inner) => !inner.matches(event),
            Filter::Test(test) => test.matches(event),
        }
    }
}

impl Test {
    /// Whether the event fulfils the condition.
    #[must_use]
    pub fn matches(&self, event: &Fields<'_>) -> bool {
        match self {
            Test::Equals { field, .. } | Test::Prefix { field, .. } => field
                .leaves()
                .iter()
                .any(|&leaf| leaf.any_text(event, |stored| self.accepts_text(leaf, stored))),
            Test::Ip(_) => event.ip.is_some_and(|ip| self.accepts_ip(ip)),
            Test::Number { field, .. } => {
                field.number(event).is_some_and(|stored| self.accepts_number(stored))
            }
            Test::Words { within: Some(field), .. } => {
                field.any_text(event, |stored| self.accepts_text(*field, stored))
            }
            Test::Words { within: None, phrase } => {
                let in_text = |leaf: Field| leaf.any_text(event, |stored| self.accepts_text(leaf, stored));
                phrase.literal().is_some_and(|literal| literal.is_in(event))
                    || Field::TEXT.into_iter().any(in_text)
            }
            Test::Exists(field) => field.is_present(event),
        }
    }

    /// Whether this value of the leaf field fulfils an `Equals` or `Prefix` on that leaf (or on `user` or
    /// `target`, of which it is a leaf).
    #[must_use]
    pub fn accepts_text(&self, leaf: Field, stored: &str) -> bool {
        match self {
            Test::Equals { value, .. } if leaf.folds_case() => folded_eq(stored, value),
            Test::Equals { value, .. } => stored == value,
            Test::Prefix { value, .. } if leaf.folds_case() => folded_starts_with(stored, value),
            Test::Prefix { value, .. } => stored.starts_with(value.as_str()),
            Test::Words { phrase, .. } => phrase.occurs_in(stored),
            Test::Exists(_) => true,
            Test::Ip(_) | Test::Number { .. } => false,
        }
    }

    /// Whether this number fulfils a `Number` test.
    #[must_use]
    pub fn accepts_number(&self, stored: f64) -> bool {
        matches!(self, Test::Number { cmp, value, .. } if cmp.holds(stored, *value))
    }

    /// Whether this client address fulfils an `Ip` test, or the address a free phrase spells.
    #[must_use]
    pub fn accepts_ip(&self, stored: IpAddr) -> bool {
        match self {
            Test::Ip(net) => net_contains(net, stored),
            Test::Words { within: None, phrase } => {
                matches!(phrase.literal(), Some(Literal::Ip(net)) if net_contains(net, stored))
            }
            _ => false,
        }
    }
}

impl Literal {
    /// The leaves whose stored text is compared with a [`Literal::Id`], exactly.
    pub const ID_FIELDS: [Field; 4] = [Field::Id, Field::TargetId, Field::Session, Field::ActorId];

    fn is_in(&self, event: &Fields<'_>) -> bool {
        match self {
            Literal::Ip(net) => event.ip.is_some_and(|ip| net_contains(net, ip)),
            Literal::Id(id) => {
                Literal::ID_FIELDS.into_iter().any(|leaf| leaf.any_text(event, |stored| stored == id))
            }
        }
    }
}

impl Field {
    /// Whether the event has the field.
    #[must_use]
    pub fn is_present(self, event: &Fields<'_>) -> bool {
        match self.kind() {
            FieldKind::Ip => event.ip.is_some(),
            FieldKind::Number => self.number(event).is_some(),
            _ => self.leaves().iter().any(|leaf| leaf.any_text(event, |_| true)),
        }
    }

    /// The event's number in a numeric field.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are at most 2^53 - 1")]
    pub fn number(self, event: &Fields<'_>) -> Option<f64> {
        let whole = |count: Option<u64>| count.map(|n| n as f64);
        match self {
            Field::InputTokens => whole(event.input_tokens),
            Field::OutputTokens => whole(event.output_tokens),
            Field::TotalTokens => whole(total_tokens(event)),
            Field::CostUsd => event.cost_usd,
            Field::LatencyMs => event.latency_ms,
            Field::HttpStatus => event.http_status.map(f64::from),
            _ => None,
        }
    }

    /// Whether one of the event's values of this text leaf fulfils `accepts`.
    pub fn any_text(self, event: &Fields<'_>, mut accepts: impl FnMut(&str) -> bool) -> bool {
        let one = match self {
            Field::Id => Some(&*event.id),
            Field::Category => Some(event.category.as_str()),
            Field::Action => Some(&*event.action),
            Field::Outcome => Some(event.outcome.as_str()),
            Field::Reason => event.reason.as_deref(),
            Field::Severity => Some(event.severity.as_str()),
            Field::Source => Some(event.source.as_str()),
            Field::Sender => event.sender.as_deref(),
            Field::Instance => event.instance.as_deref(),
            Field::ActorType => event.actor_type.map(ActorType::as_str),
            Field::ActorId => event.actor_id.as_deref(),
            Field::ActorName => event.actor_name.as_deref(),
            Field::ActorEmail => event.actor_email.as_deref(),
            Field::Session => event.session_id.as_deref(),
            Field::Role => event.role.as_deref(),
            Field::Department => event.department.as_deref(),
            Field::Group => return event.groups.iter().any(|group| accepts(group)),
            Field::UserAgent => event.user_agent.as_deref(),
            Field::TargetType => return any_target(event, |one| one.0, accepts),
            Field::TargetId => return any_target(event, |one| one.1, accepts),
            Field::TargetName => return any_target(event, |one| one.2, accepts),
            Field::Model => event.model.as_deref(),
            Field::Provider => event.provider.as_deref(),
            Field::HttpMethod => event.http_method.as_deref(),
            Field::Message => event.message.as_deref(),
            Field::User | Field::Target | Field::Ip | Field::InputTokens | Field::OutputTokens => None,
            Field::TotalTokens | Field::CostUsd | Field::LatencyMs | Field::HttpStatus => None,
        };
        one.is_some_and(accepts)
    }
}

/// Input and output tokens together; absent when both are.
pub(crate) fn total_tokens(event: &Fields<'_>) -> Option<u64> {
    match (event.input_tokens, event.output_tokens) {
        (None, None) => None,
        (input, output) => Some(input.unwrap_or(0) + output.unwrap_or(0)),
    }
}

/// Type, id and name of one target.
type TargetTexts<'e> = (Option<&'e str>, Option<&'e str>, Option<&'e str>);

/// The target and, for bulk actions, each of the targets.
fn any_target<'e>(
    event: &'e Fields<'_>,
    pick: impl Fn(TargetTexts<'e>) -> Option<&'e str>,
    mut accepts: impl FnMut(&str) -> bool,
) -> bool {
    let the_one = (event.target_type.as_deref(), event.target_id.as_deref(), event.target_name.as_deref());
    let of_bulk =
        event.targets.iter().map(|one| (one.kind.as_deref(), one.id.as_deref(), one.name.as_deref()));
    std::iter::once(the_one).chain(of_bulk).any(|one| pick(one).is_some_and(&mut accepts))
}

/// An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
fn net_contains(net: &IpNet, address: IpAddr) -> bool {
    net.contains(&address.to_canonical())
}

fn folded_eq(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        a.eq_ignore_ascii_case(b)
    } else {
        a.to_lowercase() == b.to_lowercase()
    }
}

fn folded_starts_with(text: &str, prefix: &str) -> bool {
    if text.is_ascii() && prefix.is_ascii() {
        text.len() >= prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix)
    } else {
        text.to_lowercase().starts_with(&prefix.to_lowercase())
    }
}

//! `/tokens`: make, list and revoke access tokens. Admins only; every change is an event.

pub(crate) mod acts;
pub(crate) mod create;
pub(crate) mod fence;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;

use audit_control::Token;
use audit_event::{Event, Json, Target, Timestamp};
use ipnet::IpNet;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// A token as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct TokenView<'a> {
    id: &'a str,
    name: &'a str,
    role: &'a str,
    scope: Option<&'a str>,
    networks: Vec<String>,
    status: &'static str,
    created: Timestamp,
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
    revoked: Option<Timestamp>,
    /// Until when the secret before the last rotation is good.
    former_until: Option<Timestamp>,
}

impl<'a> TokenView<'a> {
    /// `token` as it is at `now`.
    pub fn new(token: &'a Token, now: Timestamp) -> Self {
        let status = match token.revoked {
            Some(_) => "revoked",
            None if token.is_live(now) => "live",
            None => "expired",
        };
        Self {
            id: &token.id,
            name: &token.name,
            role: &token.role,
            scope: token.scope.as_deref(),
            networks: token.networks.iter().map(IpNet::to_string).collect(),
            status,
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
            revoked: token.revoked,
            former_until: token.former.map(|(_, until)| until).filter(|until| *until > now),
        }
    }
}

/// Completes an event about a token: which one, with what rights. Never with its text or hash.
fn about_token(event: Event<'static>, token: &Token) -> Event<'static> {
    let mut details = vec![("role", Json::from(token.role.clone()))];
    if let Some(expires) = token.expires {
        details.push(("expires", Json::from(expires.to_string())));
    }
    if let Some(scope) = &token.scope {
        details.push(("scope", Json::from(scope.clone())));
    }
    if !token.networks.is_empty() {
        let networks: Vec<_> = token.networks.iter().map(IpNet::to_string).collect();
        details.push(("networks", Json::from(networks.join(", "))));
    }
    Event {
        target: Some(Target {
            kind: Some("token".into()),
            id: Some(token.id.clone().into()),
            name: Some(token.name.clone().into()),
        }),
        details: Some(Json::object(details)),
        ..crate::activity::success(event)
    }
}

impl From<audit_control::Error> for Problem {
    fn from(error: audit_control::Error) -> Self {
        use audit_control::Error;
        let code = match error {
            Error::NameTaken { .. } | Error::RoleExists { .. } => Code::NameTaken,
            Error::NoSuchRole { .. } => Code::NoSuchRole,
            Error::RoleBuiltIn { .. } | Error::RoleInUse { .. } => Code::RoleStays,
            Error::LastAdmin { .. } => Code::LastAdmin,
            Error::NoSuchToken { .. } => Code::NoSuchToken,
            Error::NoSuchSource { .. } => Code::NoSuchSource,
            Error::ViewNameTaken { .. } => Code::NameTaken,
            Error::NoSuchView { .. } => Code::NoSuchView,
            Error::NoSuchApproval { .. } => Code::NoSuchApproval,
            Error::ApprovalOver { .. } => Code::ApprovalOver,
            Error::OwnRequest | Error::NotTheRequester => Code::OwnRequest,
            Error::BadName { .. }
            | Error::BadSourceName { .. }
            | Error::UnknownRole { .. }
            | Error::UnknownPermission { .. }
            | Error::ScopeNeeded
            | Error::BadRoleName { .. }
            | Error::BadRights(_)
            | Error::BadView { .. }
            | Error::TooManyViews { .. }
            | Error::BadPassword
            | Error::ExpiryInPast => Code::InvalidDocument,
            Error::NewerSchema { .. } | Error::Randomness(_) | Error::Io { .. } | Error::Sqlite(_) => {
                return Self::internal(error);
            }
        };
        Self::new(code, error.to_string())
    }
}

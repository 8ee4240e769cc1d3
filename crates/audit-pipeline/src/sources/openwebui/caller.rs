//! Who sent a request to Open WebUI, as far as it is proven.

use std::sync::Arc;

use audit_event::{Actor, ActorType, Event, Org};

/// Whom a request's credential stands for.
///
/// What is proven and what is only claimed are kept apart: an event's `actor` is the proven one, and a credential that
/// Open WebUI no longer accepts (expired, revoked, forged) leaves its claim in `details.claimed_actor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// What kind of credential the request carried.
    pub credential: CredentialKind,
    /// Whether it is proven whose it is.
    pub standing: Standing,
    /// The user whom Open WebUI says it is.
    pub person: Option<Arc<Person>>,
    /// The user id that an unproven credential names.
    pub claimed_id: Option<String>,
    /// A keyed hash of the session or key: the same credential gives the same id, and nobody can compute it back.
    pub session_id: Option<String>,
    /// How the session began (`password`, `oauth`…), as the credential says.
    pub auth_method: Option<String>,
}

/// How far Open WebUI stands by a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    #[default]
    Absent,
    /// Open WebUI says whose it is: [`Caller::person`]. For the provisioning token: it was accepted.
    Proven,
    /// Open WebUI does not accept it, or not for this.
    Refused(Refusal),
    /// Open WebUI could not be asked in time, or did not say whose it is.
    Open,
}

/// Why a credential is not accepted, as far as can be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A session whose time is over.
    Expired,
    /// It was accepted before.
    Revoked,
    /// A session or key that was not seen to be good: forged, of another installation, or revoked earlier.
    Invalid,
    /// Nothing that Open WebUI ever issues.
    Malformed,
    /// A key, where keys are switched off for all or for its owner.
    KeysDisabled,
}

impl Refusal {
    /// The stable code, as in an event's `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "credential_expired",
            Self::Revoked => "credential_revoked",
            Self::Invalid => "credential_invalid",
            Self::Malformed => "credential_malformed",
            Self::KeysDisabled => "api_keys_disabled",
        }
    }
}

/// A request's credential, in Open WebUI's order of precedence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CredentialKind {
    /// None at all.
    #[default]
    None,
    /// A session token, as bearer or cookie.
    Session,
    /// An API key (`sk-…`), as bearer, cookie or in the key header.
    ApiKey,
    /// The provisioning token of SCIM.
    Scim,
}

/// A user of Open WebUI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Open WebUI's id.
    pub id: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// `admin`, `user` or `pending`.
    pub role: Option<String>,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Department, by the configured rule.
    pub department: Option<String>,
}

impl Caller {
    /// Whether this is an admin's request, proven by a session or by an API key.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        let role = self.person.as_ref().and_then(|person| person.role.as_deref());
        let is_their_own = matches!(self.credential, CredentialKind::Session | CredentialKind::ApiKey);
        is_their_own && self.standing == Standing::Proven && role == Some("admin")
    }

    /// Why the credential is not accepted.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.standing {
            Standing::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Writes actor, organisation and session into an event.
    pub fn sign(&self, event: &mut Event<'static>) {
        event.session_id = self.session_id.clone().map(Into::into);
        match (&self.person, self.credential) {
            (Some(person), _) => person.sign(event),
            (None, CredentialKind::Scim) if self.refusal().is_none() => {
                event.actor = Some(Actor {
                    kind: Some(ActorType::Service),
                    name: Some("SCIM".into()),
                    ..Actor::default()
                });
            }
            (None, _) => event.actor = Some(Actor { kind: Some(ActorType::Anonymous), ..Actor::default() }),
        }
    }
}

impl Person {
    /// Writes actor and organisation into an event.
    pub fn sign(&self, event: &mut Event<'static>) {
        event.actor = Some(Actor {
            kind: Some(ActorType::User),
            id: Some(self.id.clone().into()),
            name: self.name.clone().map(Into::into),
            email: self.email.clone().map(Into::into),
        });
        event.org = Some(Org {
            role: self.role.clone().map(Into::into),
            department: self.department.clone().map(Into::into),
            groups: self.groups.iter().cloned().map(Into::into).collect(),
        });
    }
}

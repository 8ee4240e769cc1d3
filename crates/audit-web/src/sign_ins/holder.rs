//! Whose a session is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audit_control::{Caller, Digest, Role};
use audit_event::Timestamp;
use zeroize::Zeroizing;

use crate::oidc::{Identity, Settings};
use crate::sessions::{GUESTS, PlatformUser};
use crate::state::AppState;

/// What stands in events for the password that everybody shares.
pub(crate) const EMERGENCY_ID: &str = "break-glass";
const EMERGENCY_NAME: &str = "Emergency access";

/// What a session began with.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// A token, by the digest of the secret that was shown: one that is replaced ends its sessions with it.
    Token(Digest),
    /// A person whom the identity provider named.
    Guest(Arc<Guest>),
    /// The emergency password that was set at this time.
    Emergency(Timestamp),
}

/// A person whom the identity provider named.
pub(crate) struct Guest {
    pub identity: Identity,
    /// What tells the provider who signs out.
    id_token: Zeroizing<String>,
    session: Duration,
}

impl Guest {
    /// Somebody who has just signed in.
    pub fn new(identity: Identity, id_token: Zeroizing<String>, settings: &Settings) -> Self {
        Self { identity, id_token, session: settings.session }
    }

    /// The provider's statement about them. A secret.
    pub fn id_token(&self) -> &str {
        &self.id_token
    }

    /// As somebody who is recorded by name.
    pub fn user(&self, session_id: &str) -> PlatformUser {
        let person = &self.identity.person;
        PlatformUser {
            id: person.subject.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            session_id: Some(session_id.to_owned()),
            is_admin: false,
        }
    }

    /// What they may do and see, as roles are now. `None`: the role is no more.
    pub fn caller(&self, state: &AppState) -> Option<Caller> {
        let Identity { person, grant } = &self.identity;
        let id = format!("{GUESTS}{}", person.subject);
        let mut caller = state.access().with_role(&id, &person.name, &grant.role)?;
        if grant.own_department {
            let department = person.department.as_deref()?;
            caller.scopes.push(format!("department:{}", quoted(department)));
        }
        Some(caller)
    }
}

impl Holder {
    /// How long such a session lasts: from its beginning, and without being used.
    pub fn life(&self) -> (Duration, Duration) {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        match self {
            Self::Token(_) => (12 * HOUR, HOUR),
            Self::Guest(guest) => (guest.session, HOUR.min(guest.session)),
            Self::Emergency(_) => (HOUR, HOUR / 4),
        }
    }
}

/// Who comes with the emergency password.
pub(crate) fn emergency_caller() -> Caller {
    Caller::with_role(EMERGENCY_ID, EMERGENCY_NAME, Role::Admin)
}

/// The same, as somebody who is recorded by name.
pub(crate) fn emergency_user(session_id: &str) -> PlatformUser {
    PlatformUser {
        id: EMERGENCY_ID.to_owned(),
        name: EMERGENCY_NAME.to_owned(),
        email: None,
        session_id: Some(session_id.to_owned()),
        is_admin: false,
    }
}

/// A value in the language of filters, whatever it holds: nobody's department may widen what they see.
fn quoted(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Nothing secret is shown.
impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("subject", &self.identity.person.subject).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use audit_query::filter::{Field, Filter};

    use super::*;

    #[test]
    fn no_department_says_more_than_its_name() {
        for nasty in
            ["Sales", "a\" OR *", "x\\", "\\\" OR \"", "*", "Sales*", "a,b", "-x", "(", "R&D \"Nord\""]
        {
            let scope = format!("department:{}", quoted(nasty));
            let parsed = Filter::parse(&scope).unwrap();
            assert!(matches!(parsed, Filter::Test(_)), "{nasty}: {parsed:?}");
            let is_shown = |department: &str| match &parsed {
                Filter::Test(test) => test.accepts_text(Field::Department, department),
                other => panic!("{other:?}"),
            };
            assert!(is_shown(nasty), "{nasty}");
            assert!(!is_shown("Board") && !is_shown(&format!("{nasty} and more")), "{nasty}");
        }
    }
}

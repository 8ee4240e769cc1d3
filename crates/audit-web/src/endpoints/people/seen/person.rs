//! A person, and how events and accounts name them.

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter};

use super::FAILED_SIGN_INS;
use super::terms::{actions, exists, is};
use crate::roster::Account;

/// Somebody, with what they did in the time that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// What names them in addresses: the id, else the e-mail address, else the name.
    pub key: String,
    pub id: Option<String>,
    /// As it was last; so are the next three.
    pub name: Option<String>,
    pub email: Option<String>,
    pub role: Option<String>,
    pub department: Option<String>,
    /// Every address they had in this time, lower case.
    pub emails: Vec<String>,
    pub events: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub last_sign_in: Option<Timestamp>,
    pub failed_sign_ins: u64,
    pub tokens: u64,
    pub conversations: u64,
    pub files: u64,
    pub account: Standing,
    /// Whether some of it carries no id.
    pub is_loose: bool,
}

/// What the platform says of somebody's account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody was asked, or not all accounts are known.
    #[default]
    Unknown,
    /// There is one, with this role now.
    Has {
        /// The role now.
        role: String,
        /// When the platform last heard of it.
        last_active: Option<Timestamp>,
    },
    /// There is none.
    HasNone,
}

impl Person {
    /// What they did.
    pub fn deeds(&self) -> Filter {
        let emails = self.emails.iter().map(|email| is(Field::ActorEmail, email)).collect();
        let loose = Filter::all_of(vec![
            exists(Field::ActorId).negate(),
            is(Field::ActorType, "anonymous").negate(),
            Filter::any_of(emails),
        ]);
        match (&self.id, self.is_loose) {
            (Some(id), false) => is(Field::ActorId, id),
            (Some(id), true) => Filter::any_of(vec![is(Field::ActorId, id), loose]),
            (None, _) if !self.emails.is_empty() => loose,
            (None, _) => Filter::all_of(vec![
                exists(Field::ActorId).negate(),
                exists(Field::ActorEmail).negate(),
                is(Field::ActorName, &self.key),
            ]),
        }
    }

    /// Sign-ins that failed, for this person.
    pub fn attempts(&self) -> Filter {
        let by_id = self.id.iter().flat_map(|id| [is(Field::ActorId, id), is(Field::TargetId, id)]);
        let by_email = self.emails.iter().map(|email| is(Field::ActorEmail, email));
        Filter::all_of(vec![actions(FAILED_SIGN_INS), Filter::any_of(by_id.chain(by_email).collect())])
    }
}

impl Account {
    pub(super) fn standing(&self) -> Standing {
        Standing::Has { role: self.role.clone(), last_active: self.last_active }
    }

    /// Somebody of whom nothing but the account is known.
    pub(crate) fn person(&self) -> Person {
        let present = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Person {
            key: self.id.clone(),
            id: Some(self.id.clone()),
            name: present(&self.name),
            email: present(&self.email),
            role: present(&self.role),
            emails: vec![self.email.to_lowercase()],
            account: self.standing(),
            ..Person::default()
        }
    }
}

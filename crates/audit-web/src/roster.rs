//! Who has an account on the platform in front of which we stand.

use std::sync::Arc;

use audit_event::Timestamp;
use http::HeaderMap;

use crate::sessions::Pending;

/// An account on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The platform's id, which events have as `actor.id`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// The role it has now.
    pub role: String,
    /// When the platform last heard of it, where it says so.
    pub last_active: Option<Timestamp>,
}

/// The accounts there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Those that were read, none twice.
    pub accounts: Vec<Account>,
    /// How many the platform says that there are.
    pub total: u64,
}

impl Accounts {
    /// Whether every account was read: only then a person can be said to have none.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.accounts.len() as u64 >= self.total
    }
}

/// Why the accounts are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoster {
    /// There is no gateway, and so no platform to ask.
    NoGateway,
    /// The request does not come with the session of one of the platform's administrators.
    NotSignedIn,
    /// The platform refuses to list its accounts for this credential.
    Refused,
    /// The platform gave no answer, or another one than its list.
    NoAnswer,
    /// The list takes long; it is being read.
    BeingRead,
    /// The reader may see some people only, and the accounts are everybody's.
    Scoped,
}

impl NoRoster {
    /// A stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoGateway => "no_gateway",
            Self::NotSignedIn => "not_signed_in",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::BeingRead => "being_read",
            Self::Scoped => "scoped",
        }
    }

    /// What to tell a reader: what is missing, and how to get it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoGateway => {
                "The accounts of Open WebUI are not known here: this server does not stand in front of it. Set \
                 gateway.upstream, and open this page through the gateway as an administrator of Open WebUI."
            }
            Self::NotSignedIn => {
                "The accounts of Open WebUI are asked for with your own session there, and this browser has none of an \
                 administrator. Sign in to Open WebUI as an administrator at this address, then come back."
            }
            Self::Refused => {
                "Open WebUI refused to list its accounts for your session. Sign in there again; with an API key, allow \
                 it the path /api/v1/users/search."
            }
            Self::NoAnswer => {
                "Open WebUI did not answer with its list of accounts. The page Health says whether it can be reached."
            }
            Self::BeingRead => {
                "Open WebUI is still listing its accounts. Load this page again in some seconds."
            }
            Self::Scoped => {
                "You see the people of your scope. The accounts of Open WebUI are everybody's and are not shown."
            }
        }
    }
}

/// Knows the platform's accounts. Asks the platform with the reader's own credential, or answers from what it was told
/// with the same one at most a minute ago.
pub trait Roster: Send + Sync {
    /// The accounts, for whoever sends these headers.
    fn accounts<'a>(&'a self, headers: &'a HeaderMap) -> Pending<'a, Result<Arc<Accounts>, NoRoster>>;
}

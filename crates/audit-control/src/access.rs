//! Roles, tokens and the decision whether a presented token is good.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use audit_event::{GroupSet, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::Error;
use crate::permission::{Permission, Permissions};
use crate::secret::{self, Digest, SecretError};

/// The roles that are there from the beginning. They cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything: settings and tokens, and what the other roles may.
    Admin,
    /// Read and export everything, change nothing but views of one's own.
    Auditor,
    /// Read events and usage within a scope. No token can have it yet.
    Viewer,
    /// Append events, nothing else.
    Ingest,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Auditor, Self::Viewer, Self::Ingest];

    /// The role's name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
            Self::Ingest => "ingest",
        }
    }

    /// What a caller of this role may do.
    pub const fn permissions(self) -> Permissions {
        use Permission::{
            EventsAppend, EventsExport, EventsRead, HealthRead, IntegrityRead, LooksRead, MetricsRead,
            PeopleRead, ReportsRun, TlogRead, UsageRead, ViewsManage,
        };
        match self {
            Self::Admin => Permissions::ALL,
            Self::Auditor => Permissions::of(&[
                EventsRead,
                EventsExport,
                UsageRead,
                PeopleRead,
                IntegrityRead,
                HealthRead,
                LooksRead,
                ViewsManage,
                ReportsRun,
                MetricsRead,
                TlogRead,
            ]),
            Self::Viewer => Permissions::of(&[EventsRead, UsageRead, ViewsManage]),
            Self::Ingest => Permissions::of(&[EventsAppend]),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::UnknownRole { role: text.to_owned() })
    }
}

/// A token as stored: all but its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// `tok_` and twelve hexadecimal digits: names the token in the record for ever.
    pub id: String,
    /// Unique among live tokens.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its text.
    pub digest: Digest,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; `None`: never.
    pub expires: Option<Timestamp>,
    /// About when it was last used (some minutes coarse).
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl Token {
    /// Neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && !self.has_expired(now)
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Who a good credential stands for, and all that they may do and see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's id, or the person's where they come without one.
    pub id: String,
    /// The token's name, or the person's.
    pub name: String,
    /// What the role is called.
    pub role: String,
    /// What they may do.
    pub permissions: Permissions,
    /// Filters, in the query box's language, that every event they see must fulfil, all of them.
    pub scopes: Vec<String>,
    /// Groups of an event that they do not see.
    pub withheld: GroupSet,
}

impl Caller {
    /// Somebody with a built-in role, who sees every event whole.
    pub fn with_role(id: impl Into<String>, name: impl Into<String>, role: Role) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            role: role.as_str().to_owned(),
            permissions: role.permissions(),
            scopes: Vec::new(),
            withheld: GroupSet::EMPTY,
        }
    }

    /// Whether they may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }
}

/// Why a presented token is not good. None of the variants says whether a similar token exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It cannot be a token of ours.
    #[error(transparent)]
    Malformed(#[from] SecretError),
    /// It is not known, or was revoked.
    #[error("the access token is unknown or was revoked")]
    Unknown,
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
}

/// The live tokens by digest, in memory: a request costs one SHA-256 and one look-up, never a database read.
///
/// Built from [`crate::Control::tokens`] and replaced as a whole after every change, so that a revocation holds from
/// the next request on.
#[derive(Debug, Default, Clone)]
pub struct Directory {
    tokens: HashMap<Digest, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    digest: Digest,
    expires: Option<Timestamp>,
    caller: Arc<Caller>,
}

impl Directory {
    /// The directory of those of `tokens` that are not revoked.
    pub fn new(tokens: &[Token]) -> Self {
        let live = tokens.iter().filter(|token| token.revoked.is_none());
        Self { tokens: live.map(|token| (token.digest, Known::new(token))).collect() }
    }

    /// Whom a presented token stands for at `now`.
    ///
    /// The look-up is by SHA-256, so that its timing tells nothing usable about a stored token; the final comparison
    /// is constant-time all the same.
    ///
    /// # Errors
    /// [`Denial`] says why it is not good.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Arc<Caller>, Denial> {
        let digest = secret::digest_presented(presented)?;
        let Some(known) = self.tokens.get(&digest) else {
            secret::check_checksum(presented)?;
            return Err(Denial::Unknown);
        };
        if !bool::from(known.digest.ct_eq(&digest)) {
            return Err(Denial::Unknown);
        }
        if known.expires.is_some_and(|expires| expires <= now) {
            return Err(Denial::Expired);
        }
        Ok(Arc::clone(&known.caller))
    }

    /// Whom the token of this id stands for at `now`: what once began with a token asks so whether it is still good.
    ///
    /// # Errors
    /// [`Denial::Unknown`] and [`Denial::Expired`].
    pub fn by_id(&self, id: &str, now: Timestamp) -> Result<Arc<Caller>, Denial> {
        let known = self.tokens.values().find(|known| known.caller.id == id).ok_or(Denial::Unknown)?;
        if known.expires.is_some_and(|expires| expires <= now) {
            return Err(Denial::Expired);
        }
        Ok(Arc::clone(&known.caller))
    }
}

impl Known {
    fn new(token: &Token) -> Self {
        let caller = Caller::with_role(&token.id, &token.name, token.role);
        Self { digest: token.digest, expires: token.expires, caller: Arc::new(caller) }
    }
}

#[cfg(test)]
mod tests;

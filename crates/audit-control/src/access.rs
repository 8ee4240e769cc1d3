//! Roles, tokens and the decision whether a presented token is good.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use audit_event::{GroupSet, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::Error;
use crate::permission::{Permission, Permissions};
use crate::roles::{CustomRole, RoleRights, rights_of};
use crate::secret::{self, Digest, SecretError};

/// The roles that are there from the beginning. They cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything: settings and tokens, and what the other roles may.
    Admin,
    /// Read and export everything, change nothing but views of one's own.
    Auditor,
    /// Read events and usage within a scope, which the token has to have.
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
    /// The name of its role.
    pub role: String,
    /// A filter, besides the role's, that every event fulfils that its bearer sees.
    pub scope: Option<String>,
    /// Where its bearer may come from; empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// SHA-256 of its text.
    pub digest: Digest,
    /// The text before it was rotated, and until when that is good.
    pub former: Option<(Digest, Timestamp)>,
    /// When it was last rotated: from then on somebody else may hold it.
    pub rotated: Option<Timestamp>,
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
    /// Where they may come from; empty: from anywhere.
    pub networks: Vec<IpNet>,
}

impl Caller {
    /// Somebody with a built-in role, who sees every event whole.
    pub fn with_role(id: impl Into<String>, name: impl Into<String>, role: Role) -> Self {
        Self::with_rights(id, name, role.as_str(), RoleRights::built_in(role))
    }

    /// Somebody with the role of this name, which gives these rights.
    pub fn with_rights(
        id: impl Into<String>,
        name: impl Into<String>,
        role: impl Into<String>,
        rights: RoleRights,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            role: role.into(),
            permissions: rights.permissions,
            scopes: rights.scope.into_iter().collect(),
            withheld: rights.withheld,
            networks: Vec::new(),
        }
    }

    /// Whether they may come from this address, `None` where it is not known.
    pub fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        let is_inside = |address: IpAddr| self.networks.iter().any(|network| network.contains(&address));
        self.networks.is_empty() || address.is_some_and(|address| is_inside(address.to_canonical()))
    }

    /// Whether they see every event whole.
    pub fn sees_all(&self) -> bool {
        self.scopes.is_empty() && self.withheld.is_empty()
    }

    /// Whether they may give somebody these permissions, or take them away: nobody makes others mightier than
    /// themselves, and who sees a part gives nothing.
    pub fn may_give(&self, permissions: Permissions) -> bool {
        self.sees_all() && self.permissions.covers(permissions)
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
    /// By the digest of the secret, and by that of the one before for as long as it is good.
    tokens: HashMap<Digest, Known>,
    roles: Vec<CustomRole>,
}

#[derive(Debug, Clone)]
struct Known {
    digest: Digest,
    expires: Option<Timestamp>,
    caller: Arc<Caller>,
}

impl Directory {
    /// The directory of those of `tokens` that are not revoked, with what their roles allow. A token whose role is gone
    /// is not in it.
    pub fn new(tokens: &[Token], roles: &[CustomRole]) -> Self {
        let mut known = HashMap::new();
        for token in tokens.iter().filter(|token| token.revoked.is_none()) {
            let Some(rights) = rights_of(&token.role, roles) else { continue };
            let caller = Arc::new(caller_of(token, rights));
            let mut enter = |digest: Digest, expires: Option<Timestamp>| {
                known.insert(digest, Known { digest, expires, caller: Arc::clone(&caller) });
            };
            if let Some((former, until)) = token.former {
                enter(former, Some(token.expires.map_or(until, |expires| expires.min(until))));
            }
            enter(token.digest, token.expires);
        }
        Self { tokens: known, roles: roles.to_vec() }
    }

    /// What the role of this name allows and shows: for those who have it by something else than a token.
    pub fn rights(&self, role: &str) -> Option<RoleRights> {
        rights_of(role, &self.roles)
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
        self.by_digest(&digest, now)
    }

    /// Whom the secret of this digest stands for at `now`: a session that began with a secret ends with it.
    ///
    /// # Errors
    /// [`Denial::Unknown`] and [`Denial::Expired`].
    pub fn by_digest(&self, digest: &Digest, now: Timestamp) -> Result<Arc<Caller>, Denial> {
        let known = self.tokens.get(digest).ok_or(Denial::Unknown)?;
        if known.expires.is_some_and(|expires| expires <= now) {
            return Err(Denial::Expired);
        }
        Ok(Arc::clone(&known.caller))
    }

    /// Whom the token of this id stands for at `now`.
    ///
    /// # Errors
    /// [`Denial::Unknown`] and [`Denial::Expired`].
    pub fn by_id(&self, id: &str, now: Timestamp) -> Result<Arc<Caller>, Denial> {
        let ends = |known: &&Known| known.expires.unwrap_or(Timestamp::MAX);
        let of_id = self.tokens.values().filter(|known| known.caller.id == id);
        let known = of_id.max_by_key(ends).ok_or(Denial::Unknown)?;
        if known.expires.is_some_and(|expires| expires <= now) {
            return Err(Denial::Expired);
        }
        Ok(Arc::clone(&known.caller))
    }
}

fn caller_of(token: &Token, rights: RoleRights) -> Caller {
    Caller {
        id: token.id.clone(),
        name: token.name.clone(),
        role: token.role.clone(),
        permissions: rights.permissions,
        scopes: rights.scope.into_iter().chain(token.scope.clone()).collect(),
        withheld: rights.withheld,
        networks: token.networks.clone(),
    }
}

#[cfg(test)]
mod tests;

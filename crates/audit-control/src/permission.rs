//! What one can be allowed to do, and sets of it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::Error;

macro_rules! permissions {
    ($($name:ident = $text:literal, $about:literal;)+) => {
        /// One thing that a caller may be allowed to do. Every route names the one it needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $(#[doc = $about] $name,)+ }

        impl Permission {
            /// Every permission, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in the API, in the configuration and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it allows, in a few words.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)+ }
            }
        }
    };
}

permissions! {
    EventsRead = "events.read", "List, search, count and follow events, look at one and prove it";
    EventsExport = "events.export", "Take events away as files";
    EventsAppend = "events.append", "Send events to be recorded";
    UsageRead = "usage.read", "See tokens, cost and conversations";
    PeopleRead = "people.read", "See the people and what each did";
    IntegrityRead = "integrity.read", "See checkpoints and verifications, and verify";
    HealthRead = "health.read", "See how sources, followers and disks are";
    LooksRead = "looks.read", "See who looked at the audit log";
    ViewsManage = "views.manage", "Keep views of one's own";
    ReportsRun = "reports.run", "Run reports";
    SettingsChange = "settings.change", "Change settings";
    SourcesManage = "sources.manage", "Set up and remove sources";
    TokensManage = "tokens.manage", "Make, rotate and revoke access tokens";
    RolesManage = "roles.manage", "Make, change and remove roles";
    HoldsManage = "holds.manage", "Place and lift holds";
    ErasureApprove = "erasure.approve", "Approve the erasure of personal data";
    ApprovalsDecide = "approvals.decide", "Decide what needs a second person";
    MetricsRead = "metrics.read", "Read the server's figures";
    TlogRead = "tlog.read", "Read the log's checkpoint and tiles";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|permission| permission.as_str() == text);
        found.copied().ok_or_else(|| Error::UnknownPermission { permission: text.to_owned() })
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u32);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything there is.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// The set of these.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < permissions.len() {
            set |= 1 << permissions[at] as u32;
            at += 1;
        }
        Self(set)
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Whether everything in `other` is in this set, too.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it, in the documentation's order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }

    /// The names separated by commas.
    #[must_use]
    pub fn names(self) -> String {
        self.iter().map(Permission::as_str).collect::<Vec<_>>().join(",")
    }

    /// Reads names separated by commas.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`] with the first that is none.
    pub fn parse(list: &str) -> Result<Self, Error> {
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let set = permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u32);
        Self(set)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
        assert!("events".parse::<Permission>().is_err());
    }

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        let set = Permissions::parse(" events.read ,tlog.read,").unwrap();
        assert_eq!(set.names(), "events.read,tlog.read");
        assert_eq!(set, Permissions::of(&[Permission::TlogRead, Permission::EventsRead]));
        assert!(set.contains(Permission::TlogRead) && !set.contains(Permission::TokensManage));
        assert!(Permissions::ALL.covers(set) && !set.covers(Permissions::ALL));
        assert_eq!(Permissions::ALL.iter().count(), Permission::ALL.len());
        assert!(Permissions::parse("events.read,everything").is_err());
    }
}

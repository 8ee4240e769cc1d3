//! The closed vocabularies of an event: each a fixed list of names, written as lower-case words.

use std::fmt;
use std::str::FromStr;

/// A name that is not in the vocabulary it was looked up in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {}", .expected.join(", "))]
pub struct UnknownName {
    /// The name as it was given.
    pub given: String,
    /// The names that would have been accepted.
    pub expected: &'static [&'static str],
}

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in the order in which codes are assigned.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The names of all values, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name as it stands in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The value of that name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                Self::from_name(name)
                    .ok_or_else(|| UnknownName { given: name.to_owned(), expected: Self::NAMES })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

vocabulary! {
    /// What kind of thing happened; every action belongs to exactly one category.
    Category {
        /// Sign-in, sign-out, passwords, MFA, SSO.
        Authentication = "authentication",
        /// Chats and messages: created, shared, archived, deleted.
        Conversation = "conversation",
        /// Files and knowledge bases: uploaded, read, deleted.
        File = "file",
        /// Calls of models and what they cost.
        ModelUsage = "model_usage",
        /// Users, roles, groups, settings, API keys, and the use of this audit log itself.
        Administration = "administration",
        /// Start and stop, connections, automations, retention runs.
        System = "system",
    }
}

vocabulary! {
    /// How it ended.
    Outcome {
        /// It was done.
        Success = "success",
        /// It was tried and did not work.
        Failure = "failure",
        /// It was refused for lack of a right.
        Denied = "denied",
        /// The source cannot know.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How much attention it deserves.
    Severity {
        /// Ordinary.
        Info = "info",
        /// Worth a glance in bulk.
        Low = "low",
        /// Worth a look.
        Medium = "medium",
        /// Worth a look today.
        High = "high",
        /// Worth waking somebody.
        Critical = "critical",
    }
}

vocabulary! {
    /// Which source saw the event.
    Source {
        /// The reverse proxy in front of Open WebUI.
        Gateway = "gateway",
        /// Open WebUI's native events.
        Webhook = "webhook",
        /// Open WebUI's audit.log.
        AuditFile = "audit_file",
        /// The pass-through between Open WebUI and its model providers.
        ModelGateway = "model_gateway",
        /// Posted to our API or imported from a file of our own format.
        Api = "api",
        /// This product's own doings.
        Internal = "internal",
    }
}

vocabulary! {
    /// What kind of actor it was.
    ActorType {
        /// A person who is signed in.
        User = "user",
        /// A program with a person's API key.
        ApiKey = "api_key",
        /// A program of its own.
        Service = "service",
        /// The platform itself.
        System = "system",
        /// Nobody is proven.
        Anonymous = "anonymous",
    }
}

vocabulary! {
    /// How much of a prompt's or answer's content an event carries, beyond metadata.
    Capture {
        /// A keyed hash and the length.
        Fingerprint = "fingerprint",
        /// The text itself.
        Full = "full",
    }
}

vocabulary! {
    /// What the encoder noticed about an event; in alphabetical order, as they stand in `marks`.
    Mark {
        /// `details` was longer than an event may be and was cut.
        DetailsTruncated = "details_truncated",
        /// Something that looked like a secret was replaced by `[removed]`.
        SecretRemoved = "secret_removed",
        /// `time` is more than ten minutes after `recorded_at`.
        TimeFuture = "time_future",
        /// `time` is more than ten years before `recorded_at`.
        TimePast = "time_past",
    }
}

vocabulary! {
    /// The groups of an event, in the order in which an entry holds them. Each can be erased or withheld
    /// by itself.
    Group {
        /// What, when, how it ended; never erased, since ledger and index find the event by it.
        Core = "core",
        /// Who.
        Actor = "actor",
        /// The actor's role, department and groups at that time.
        Org = "org",
        /// From where.
        Client = "client",
        /// To what.
        Target = "target",
        /// Model, tokens, cost, latency.
        Usage = "usage",
        /// Message, changes, request, details.
        Content = "content",
    }
}

impl Group {
    /// How many groups there are.
    pub const COUNT: usize = Group::ALL.len();

    /// The group's place in an entry, 0 to 6.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of [`Group`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GroupSet(u8);

/// A set of [`Mark`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u8);

macro_rules! small_set {
    ($set:ident of $item:ident) => {
        impl $set {
            /// The set without members.
            pub const EMPTY: $set = $set(0);

            /// Adds a member.
            pub fn insert(&mut self, item: $item) {
                self.0 |= 1 << item as u8;
            }

            /// Whether it is a member.
            #[must_use]
            pub const fn contains(self, item: $item) -> bool {
                self.0 & (1 << item as u8) != 0
            }

            /// Whether there is no member.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The members of either set.
            #[must_use]
            pub const fn union(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// The members, in the vocabulary's order.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                $item::ALL.iter().copied().filter(move |&item| self.contains(item))
            }
        }

        impl FromIterator<$item> for $set {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                let mut set = Self::EMPTY;
                items.into_iter().for_each(|item| set.insert(item));
                set
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

small_set!(GroupSet of Group);
small_set!(Marks of Mark);

impl GroupSet {
    /// All seven groups.
    pub const ALL: GroupSet = GroupSet((1 << Group::COUNT) - 1);
}

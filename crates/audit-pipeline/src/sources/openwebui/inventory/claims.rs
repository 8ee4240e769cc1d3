//! What the log says of objects that were made and deleted.

use std::collections::{HashMap, HashSet};

use audit_event::Timestamp;
use serde::Deserialize;

use super::{Kind, Object};

/// Actions that make an object, or happen in one that must have been made.
pub const CREATING: &[&str] = &[
    "auth.signup",
    "chat.cloned",
    "chat.completion",
    "chat.created",
    "chat.failed",
    "chat.finished",
    "chat.imported",
    "file.uploaded",
    "group.created",
    "knowledge.created",
    "user.created",
];

/// Actions after which objects are gone.
pub const DELETING: &[&str] = &[
    "chat.deleted",
    "chat.deleted_all",
    "file.deleted",
    "file.deleted_all",
    "folder.deleted",
    "group.deleted",
    "knowledge.deleted",
    "knowledge.file.removed",
    "retention.chat_deleted",
    "retrieval.uploads.reset",
    "user.deleted",
];

/// Actions that make a user who was not known before, where people are known to a directory or an identity provider.
pub const SIGN_INS: &[&str] = &["auth.login", "auth.sso_login"];

/// How far the first sign-in may be from the making of the user, in microseconds.
const FIRST_SIGN_IN_MICROS: i64 = 10 * 1_000_000;

/// When the sign-in that made this user happened, if one did.
#[must_use]
pub fn first_sign_in_range(user: &Object) -> (Timestamp, Timestamp) {
    let made = user.created_at.as_micros();
    let at = |micros| Timestamp::from_micros(micros);
    (at(made.saturating_sub(FIRST_SIGN_IN_MICROS)), at(made.saturating_add(FIRST_SIGN_IN_MICROS)))
}

/// The members of a recorded event that matter here.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    /// The event's id.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub action: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    actor: Named,
    #[serde(default)]
    target: Named,
    #[serde(default)]
    targets: Vec<Named>,
}

impl Told {
    /// What to ask the log for: the members that [`Told`] reads.
    pub const FIELDS: &'static str = "id,time,action,outcome,actor,target,targets";

    /// Ids of the things of that type that it is about.
    fn ids(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let all = std::iter::once(&self.target).chain(&self.targets);
        let of_kind = all.filter(move |named| named.kind.as_deref().is_none_or(|it| it == kind.as_str()));
        of_kind.filter_map(|named| named.id.as_deref())
    }

    /// What it makes, and whether it is sure that there was such a thing afterwards.
    fn makes(&self) -> Vec<(Kind, &str)> {
        let kind = match self.action.as_str() {
            "auth.signup" | "user.created" => Kind::User,
            "file.uploaded" => Kind::File,
            "group.created" => Kind::Group,
            "knowledge.created" => Kind::Knowledge,
            _ => Kind::Chat,
        };
        let mut ids: Vec<&str> = match self.action.as_str() {
            // The target is the chat that was copied, the others are the copies.
            "chat.cloned" if !self.targets.is_empty() => {
                self.targets.iter().filter_map(|named| named.id.as_deref()).collect()
            }
            _ => self.ids(kind).collect(),
        };
        if self.action == "auth.signup" {
            ids.extend(self.actor.id.as_deref());
        }
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter(|id| kind != Kind::Chat || is_kept(id)).map(|id| (kind, id)).collect()
    }

    fn happened(&self) -> bool {
        matches!(self.outcome.as_str(), "success" | "unknown")
    }
}

/// Temporary chats and talks in channels have ids, and are in no list of chats.
fn is_kept(chat: &str) -> bool {
    !chat.starts_with("local:") && !chat.starts_with("channel:")
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Named {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

/// An object that the log tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// The first event that tells of it.
    pub event: String,
    pub action: String,
    pub time: Timestamp,
    /// Who made it.
    pub actor: Option<String>,
}

/// What the log says of objects.
#[derive(Debug, Default)]
pub struct Claims {
    made: HashMap<(Kind, String), Claim>,
    gone: HashSet<(Kind, String)>,
    /// When all chats of a user were last deleted; the user goes with them where the user was.
    chats_gone: HashMap<String, Timestamp>,
    /// When somebody last deleted folders, with the chats in them or without.
    folders_gone: HashMap<String, Timestamp>,
    /// When files were last deleted without being named.
    files_gone: Option<Timestamp>,
}

impl Claims {
    /// Takes up an event of one of the actions [`CREATING`] and [`DELETING`].
    pub fn take(&mut self, told: &Told) {
        if !told.happened() {
            return;
        }
        if DELETING.contains(&told.action.as_str()) {
            self.take_deletion(told);
            return;
        }
        for (kind, id) in told.makes() {
            let claim = Claim {
                event: told.id.clone(),
                action: told.action.clone(),
                time: told.time,
                actor: told.actor.id.clone(),
            };
            let first = self.made.entry((kind, id.to_owned())).or_insert_with(|| claim.clone());
            if claim.time < first.time {
                *first = claim;
            }
        }
    }

    /// Takes up a sign-in near the making of `user`.
    pub fn take_first_sign_in(&mut self, user: &Object, told: &Told) {
        let is_theirs = told.actor.id.as_deref() == Some(&user.id);
        if is_theirs && told.happened() && SIGN_INS.contains(&told.action.as_str()) {
            let claim = Claim {
                event: told.id.clone(),
                action: told.action.clone(),
                time: told.time,
                actor: told.actor.id.clone(),
            };
            self.made.insert((Kind::User, user.id.clone()), claim);
        }
    }

    fn take_deletion(&mut self, told: &Told) {
        let later = |last: &mut Timestamp| *last = (*last).max(told.time);
        let kind = match told.action.as_str() {
            "chat.deleted" | "retention.chat_deleted" => Kind::Chat,
            "chat.deleted_all" | "user.deleted" => {
                let owners = told
                    .ids(Kind::User)
                    .chain(told.actor.id.as_deref().filter(|_| told.action == "chat.deleted_all"));
                for owner in owners {
                    self.chats_gone.entry(owner.to_owned()).and_modify(later).or_insert(told.time);
                }
                Kind::User
            }
            "folder.deleted" => {
                if let Some(actor) = &told.actor.id {
                    self.folders_gone.entry(actor.clone()).and_modify(later).or_insert(told.time);
                }
                return;
            }
            "file.deleted" | "knowledge.file.removed" => Kind::File,
            "file.deleted_all" | "retrieval.uploads.reset" => {
                self.files_gone = self.files_gone.max(Some(told.time));
                return;
            }
            "group.deleted" => Kind::Group,
            _ => {
                // The files of a knowledge base may go with it.
                self.files_gone = self.files_gone.max(Some(told.time));
                Kind::Knowledge
            }
        };
        if told.action != "chat.deleted_all" {
            self.gone.extend(told.ids(kind).map(|id| (kind, id.to_owned())));
        }
    }

    /// Whether it tells of the making of this object.
    #[must_use]
    pub fn tells_of(&self, object: &Object) -> bool {
        self.has(object.kind, &object.id)
    }

    pub(super) fn has(&self, kind: Kind, id: &str) -> bool {
        self.made.contains_key(&(kind, id.to_owned()))
    }

    /// What was made, in no order.
    pub(super) fn made(&self) -> impl Iterator<Item = (Kind, &str, &Claim)> {
        self.made.iter().map(|((kind, id), claim)| (*kind, id.as_str(), claim))
    }

    /// Whether the log explains that the object is no more.
    pub(super) fn explains_absence(&self, kind: Kind, id: &str, claim: &Claim) -> bool {
        if self.gone.contains(&(kind, id.to_owned())) {
            return true;
        }
        let after = |time: Option<&Timestamp>| time.is_some_and(|time| *time >= claim.time);
        let of_maker = |times: &HashMap<String, Timestamp>| {
            claim.actor.as_ref().is_some_and(|actor| after(times.get(actor)))
        };
        match kind {
            Kind::Chat => of_maker(&self.chats_gone) || of_maker(&self.folders_gone),
            Kind::File => after(self.files_gone.as_ref()),
            Kind::User | Kind::Knowledge | Kind::Group => false,
        }
    }
}

//! Which source tells of which fact, when several can see it.
//!
//! A change of role, say, is a request that the gateway sees, an event that Open WebUI sends to its webhooks and a line of
//! its audit file. The *owner*'s event is recorded; what another source saw of the same fact is a *sighting* and becomes
//! corroboration (see [`sightings`](super::sightings)). The owner is the first source of the row that is configured, so
//! that without a gateway the webhook owns what it can see, and without both the audit file does.
//!
//! One request may be several of Open WebUI's events (a sign-up is also the creation of a user and a sign-in), and the
//! audit file has coarser names than the rest: `told_by` lists the owner's actions that tell of the same fact.

use audit_event::Source;

/// The sources that are configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Configured {
    /// Requests pass our gateway.
    pub gateway: bool,
    /// Open WebUI sends us its events.
    pub webhook: bool,
    /// We read Open WebUI's audit file.
    pub audit_file: bool,
    /// Model calls pass our model gateway.
    pub model_gateway: bool,
}

impl Configured {
    /// Whether this source is.
    #[must_use]
    pub const fn has(self, source: Source) -> bool {
        match source {
            Source::Gateway => self.gateway,
            Source::Webhook => self.webhook,
            Source::AuditFile => self.audit_file,
            Source::ModelGateway => self.model_gateway,
            Source::Api | Source::Internal => false,
        }
    }
}

/// What makes two sightings the same fact, besides time and not being of different actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// What it was done to: the target's id, one of the targets', or the chat's. Where one side does not know it: who.
    Target,
    /// Who did it.
    Actor,
    /// Who did it, and equal token counts.
    Usage,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Ownership {
    /// The action of a sighting; `*` at its end stands for any rest.
    pub action: &'static str,
    /// The sources that can own it, in order of precedence.
    pub owners: &'static [Source],
    /// Actions of the owner's event that tell of the same fact; empty: the action itself.
    pub told_by: &'static [&'static str],
    /// What makes it the same fact.
    pub by: Sameness,
    /// How many sightings of one source and action an owner's event explains.
    pub at_most: u8,
    /// How long a sighting waits for its owner.
    pub patience: Patience,
    /// Whether the owner always sees it, so that what it did not see went past it.
    pub owner_sees_all: bool,
}

/// How long a sighting waits for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The time that is configured: the request is over when the sighting comes, or nearly.
    Usual,
    /// Minutes: the request may stream an answer.
    Streaming,
}

const REQUEST: &[Source] = &[Source::Gateway, Source::Webhook, Source::AuditFile];
const NATIVE: &[Source] = &[Source::Webhook, Source::Gateway, Source::AuditFile];
/// What no webhook tells.
const UNTOLD: &[Source] = &[Source::Gateway, Source::AuditFile];
const CALL: &[Source] = &[Source::ModelGateway, Source::Gateway, Source::AuditFile];
const CALL_FAILED: &[Source] = &[Source::ModelGateway, Source::Webhook];

const fn row(action: &'static str, owners: &'static [Source], told_by: &'static [&'static str]) -> Ownership {
    Ownership {
        action,
        owners,
        told_by,
        by: Sameness::Target,
        at_most: 1,
        patience: Patience::Usual,
        owner_sees_all: true,
    }
}

impl Ownership {
    const fn by(self, by: Sameness) -> Self {
        Self { by, ..self }
    }

    const fn at_most(self, at_most: u8) -> Self {
        Self { at_most, ..self }
    }

    const fn streaming(self) -> Self {
        Self { patience: Patience::Streaming, ..self }
    }

    /// The server may do it by itself.
    const fn or_by_the_server(self) -> Self {
        Self { owner_sees_all: false, ..self }
    }

    /// The row for this action.
    #[must_use]
    pub fn of(action: &str) -> &'static Self {
        TABLE.iter().find(|row| row.covers(action)).unwrap_or(&LATER_VERSIONS)
    }

    fn covers(&self, action: &str) -> bool {
        match self.action.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => self.action == action,
        }
    }

    /// The source whose event is recorded; `None` when none of those that could own it is configured, so that whoever
    /// saw it may tell.
    #[must_use]
    pub fn owner(&self, configured: Configured) -> Option<Source> {
        self.owners.iter().copied().find(|source| configured.has(*source))
    }

    /// Whether an owner's event of action `told` tells of a sighting of action `seen`.
    #[must_use]
    pub fn is_told_by(&self, seen: &str, told: &str) -> bool {
        if self.told_by.is_empty() { seen == told } else { self.told_by.contains(&told) }
    }
}

/// Actions of an Open WebUI that is newer than the table.
const LATER_VERSIONS: Ownership = row("*", REQUEST, &[]).or_by_the_server();

use Sameness::{Actor, Usage};

/// Every action that comes from Open WebUI; the first row that fits counts.
#[rustfmt::skip]
pub const TABLE: &[Ownership] = &[
    // Signing in and out. A sign-up is also the creation of a user and a first sign-in; single sign-on may be, too.
    row("auth.login",                REQUEST, &["auth.login", "auth.sso_login", "auth.signup"]).by(Actor),
    row("auth.signup",               REQUEST, &["auth.signup", "auth.sso_login"]).by(Actor),
    row("auth.logout",               REQUEST, &[]).by(Actor),
    row("auth.sso_login",            UNTOLD,  &[]).by(Actor),
    row("auth.sso_login_failed",     UNTOLD,  &[]).by(Actor),
    row("auth.login_failed",         UNTOLD,  &[]).by(Actor),
    row("auth.signup_failed",        UNTOLD,  &[]).by(Actor),
    row("auth.mfa.failed",           REQUEST, &["auth.mfa.failed", "auth.login_failed"]).by(Actor),
    row("auth.mfa.throttled",        REQUEST, &["auth.mfa.throttled", "auth.mfa.failed", "auth.login_failed"]).by(Actor),
    row("auth.mfa.recovery_used",    REQUEST, &["auth.mfa.recovery_used", "auth.login"]).by(Actor),
    row("auth.mfa.policy_changed",   REQUEST, &["auth.mfa.policy_changed", "config.updated"]).by(Actor),
    row("auth.mfa.*",                REQUEST, &[]),
    row("auth.password_changed",     REQUEST, &["auth.password_changed", "user.updated"]),
    row("auth.sessions_revoked",     REQUEST, &[]),
    row("auth.api_key.*",            REQUEST, &[]).by(Actor),
    row("auth.oauth_session.deleted", REQUEST, &["auth.oauth_session.deleted", "auth.logout"]).by(Actor).or_by_the_server(),
    row("auth.oauth_session.*",      REQUEST, &[]).by(Actor),
    // Users and groups. One form of the admin panel is several events; provisioning changes members with the group.
    row("user.created",              REQUEST, &["user.created", "auth.signup", "auth.sso_login", "auth.login"]),
    row("user.role_updated",         REQUEST, &["user.role_updated", "user.updated"]),
    row("user.updated",              REQUEST, &["user.updated", "user.role_updated", "user.profile_updated", "auth.password_changed"]),
    row("user.profile_updated",      REQUEST, &["user.profile_updated", "user.updated"]),
    row("user.status_updated",       REQUEST, &["user.status_updated", "user.updated"]).or_by_the_server(),
    row("user.permissions_updated",  REQUEST, &[]).by(Actor),
    row("user.exported",             UNTOLD,  &[]).by(Actor),
    row("user.read",                 UNTOLD,  &[]),
    row("user.*",                    REQUEST, &[]),
    row("group.member_added",        REQUEST, &["group.member_added", "group.updated", "group.created"]),
    row("group.member_removed",      REQUEST, &["group.member_removed", "group.updated"]),
    row("group.*",                   REQUEST, &[]),
    // Chats. Sending a message makes the chat and two messages; the end of the answer no request shows.
    row("chat.finished",             NATIVE,  &[]),
    row("chat.failed",               NATIVE,  &[]),
    row("chat.completion",           UNTOLD,  &[]).streaming(),
    row("chat.created",              REQUEST, &["chat.created", "chat.completion", "chat.cloned", "chat.imported"]).streaming(),
    row("message.created",           REQUEST, &["message.created", "chat.completion", "channel.message", "automation.run_completed", "automation.run_failed"]).at_most(2).streaming().or_by_the_server(),
    row("message.*",                 REQUEST, &[]).or_by_the_server(),
    row("chat.updated",              REQUEST, &["chat.updated", "chat.pinned", "chat.unpinned", "chat.archived", "chat.unarchived", "chat.completion"]),
    row("chat.pinned",               REQUEST, &["chat.pinned", "chat.unpinned", "chat.updated"]),
    row("chat.unpinned",             REQUEST, &["chat.unpinned", "chat.pinned", "chat.updated"]),
    row("chat.archived",             REQUEST, &["chat.archived", "chat.updated"]),
    row("chat.unarchived",           REQUEST, &["chat.unarchived", "chat.updated"]),
    row("chat.compacted",            REQUEST, &["chat.compacted", "chat.completion"]).or_by_the_server(),
    row("chat.exported*",            UNTOLD,  &[]),
    row("chat.read",                 UNTOLD,  &[]),
    row("chat.*",                    REQUEST, &[]),
    row("channel.message",           REQUEST, &["channel.message", "message.created"]),
    row("channel.member_active_updated", REQUEST, &[]).or_by_the_server(),
    row("channel.*",                 REQUEST, &[]),
    row("note.*",                    REQUEST, &[]),
    row("memory.*",                  REQUEST, &[]).or_by_the_server(),
    row("folder.*",                  REQUEST, &[]),
    row("feedback.*",                REQUEST, &[]),
    row("calendar.alert",            NATIVE,  &[]),
    row("calendar.*",                REQUEST, &[]).or_by_the_server(),
    // Files and knowledge. Content is processed after the upload was answered.
    row("retrieval.content.*",       NATIVE,  &[]),
    row("retrieval.*",               REQUEST, &[]).by(Actor),
    row("file.read",                 UNTOLD,  &[]),
    row("file.downloaded",           UNTOLD,  &[]),
    row("file.*",                    REQUEST, &[]),
    row("knowledge.queried",         UNTOLD,  &[]),
    row("knowledge.read",            UNTOLD,  &[]),
    row("knowledge.*",               REQUEST, &[]),
    // Models and what they cost. Token counts stand with the call, whoever counted them.
    row("model.called",              CALL,    &["model.called", "chat.completion"]).by(Usage).streaming().or_by_the_server(),
    row("model.provider_request.failed", CALL_FAILED, &["model.provider_request.failed", "model.called"]).by(Actor).or_by_the_server(),
    row("model.provider_config.updated", REQUEST, &["model.provider_config.updated", "config.connections.updated"]).by(Actor),
    row("model.updated",             REQUEST, &["model.updated", "model.enabled", "model.disabled"]),
    row("model.enabled",             REQUEST, &["model.enabled", "model.updated"]),
    row("model.disabled",            REQUEST, &["model.disabled", "model.updated"]),
    row("model.*",                   REQUEST, &[]),
    row("embeddings.created",        UNTOLD,  &[]),
    row("image.*",                   REQUEST, &[]).or_by_the_server(),
    row("audio.*",                   REQUEST, &[]).or_by_the_server(),
    // Tools, functions, prompts, skills. A switch shows which way it went only in the answer.
    row("function.enable_started",   REQUEST, &["function.enable_started", "function.enabled", "function.updated"]),
    row("function.disable_started",  REQUEST, &["function.disable_started", "function.disabled", "function.updated"]),
    row("function.enabled",          REQUEST, &["function.enabled", "function.updated"]),
    row("function.disabled",         REQUEST, &["function.disabled", "function.updated"]),
    row("function.updated",          REQUEST, &["function.updated", "function.enabled", "function.disabled"]),
    row("function.valves_read",      UNTOLD,  &[]),
    row("function.*",                REQUEST, &[]),
    row("tool.valves_read",          UNTOLD,  &[]),
    row("tool.*",                    REQUEST, &[]),
    row("prompt.*",                  REQUEST, &[]),
    row("skill.updated",             REQUEST, &["skill.updated", "skill.enabled", "skill.disabled"]),
    row("skill.*",                   REQUEST, &[]),
    row("pipeline.*",                REQUEST, &[]),
    row("app.*",                     REQUEST, &[]),
    row("code.executed",             UNTOLD,  &[]).by(Actor),
    row("terminal.*",                REQUEST, &[]).or_by_the_server(),
    // What the server does on its own.
    row("automation.run_started",    REQUEST, &[]).or_by_the_server(),
    row("automation.run_*",          NATIVE,  &[]),
    row("automation.updated",        REQUEST, &["automation.updated", "automation.enabled", "automation.disabled"]),
    row("automation.*",              REQUEST, &[]).or_by_the_server(),
    row("notification.*",            REQUEST, &[]).or_by_the_server(),
    row("system.*",                  NATIVE,  &[]),
    row("retention.*",               NATIVE,  &[]),
    // Settings: the names of their targets differ between sources.
    row("config.exported",           UNTOLD,  &[]).by(Actor),
    row("config.imported",           REQUEST, &[]).by(Actor),
    row("config.webhook.updated",    REQUEST, &[]),
    row("config.*",                  REQUEST, &[]).by(Actor),
    row("database.exported",         UNTOLD,  &[]).by(Actor),
    // Requests of which no more is known.
    row("access.denied",             UNTOLD,  &[]),
    row("api.request",               UNTOLD,  &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use audit_event::taxonomy;

    use super::*;

    const NATIVE_EVENTS: &str = include_str!("../../../tests/data/native-events.txt");
    const EVERYTHING: Configured =
        Configured { gateway: true, webhook: true, audit_file: true, model_gateway: true };

    #[test]
    fn every_action_has_a_row() {
        let known = taxonomy::ALL.iter().map(|info| info.action).chain(NATIVE_EVENTS.lines());
        let without: Vec<_> = known
            .filter(|action| !taxonomy::is_reserved(action) && !TABLE.iter().any(|row| row.covers(action)))
            .collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn no_event_of_open_webui_has_a_name_that_is_reserved() {
        let reserved: Vec<_> = NATIVE_EVENTS.lines().filter(|action| taxonomy::is_reserved(action)).collect();
        assert!(reserved.is_empty(), "{reserved:?}");
    }

    #[test]
    fn every_row_is_of_use() {
        let actions: BTreeSet<_> =
            taxonomy::ALL.iter().map(|info| info.action).chain(NATIVE_EVENTS.lines()).collect();
        for (at, row) in TABLE.iter().enumerate() {
            let first_for = actions.iter().any(|action| {
                row.covers(action) && TABLE.iter().position(|other| other.covers(action)) == Some(at)
            });
            assert!(first_for, "{} covers nothing that an earlier row does not", row.action);
            for told in row.told_by {
                assert!(actions.contains(told), "{told} in the row of {} is no action", row.action);
            }
        }
    }

    #[test]
    fn what_no_request_shows_is_the_webhooks_to_tell() {
        let told_by_webhook: Vec<_> = NATIVE_EVENTS
            .lines()
            .filter(|action| Ownership::of(action).owner(EVERYTHING) == Some(Source::Webhook))
            .collect();
        assert_eq!(
            told_by_webhook,
            [
                "automation.run_completed",
                "automation.run_failed",
                "calendar.alert",
                "chat.failed",
                "chat.finished",
                "retrieval.content.process_failed",
                "retrieval.content.processed",
                "system.shutdown.completed",
                "system.shutdown.started",
                "system.startup.completed",
                "system.startup.started",
            ]
        );
    }

    #[test]
    fn the_next_source_owns_what_the_first_is_not_there_for() {
        let owner = |action, configured| Ownership::of(action).owner(configured);
        let files = Configured { audit_file: true, ..Configured::default() };
        let hooks = Configured { webhook: true, ..files };
        assert_eq!(owner("user.role_updated", EVERYTHING), Some(Source::Gateway));
        assert_eq!(owner("user.role_updated", hooks), Some(Source::Webhook));
        assert_eq!(owner("user.role_updated", files), Some(Source::AuditFile));
        assert_eq!(owner("auth.login_failed", hooks), Some(Source::AuditFile));
        assert_eq!(owner("model.called", EVERYTHING), Some(Source::ModelGateway));
        assert_eq!(owner("chat.finished", Configured::default()), None);
    }

    #[test]
    fn an_action_of_a_later_version_belongs_to_the_gateway_but_proves_no_detour() {
        let row = Ownership::of("hologram.projected");
        assert_eq!(row.owner(EVERYTHING), Some(Source::Gateway));
        assert!(row.is_told_by("hologram.projected", "hologram.projected") && !row.owner_sees_all);
    }
}

//! Every action we know, in one table: its category, its default severity, what people call it.
//!
//! The names are Open WebUI's own where it has one (`docs/FORMAT.md` lists where they come from); the rest
//! follow the same pattern, an object and a past participle. An action that is not here may still be
//! recorded, with an explicit category.

use crate::vocabulary::Category::{
    self, Administration, Authentication, Conversation, File, ModelUsage, System,
};
use crate::vocabulary::Severity::{self, Critical, High, Info, Low, Medium};

/// What is known of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionInfo {
    /// The dotted name.
    pub action: &'static str,
    /// Its category, for events that do not give one.
    pub category: Category,
    /// Its severity, for events that do not give one.
    pub severity: Severity,
    /// What it is called in lists and legends.
    pub label: &'static str,
    /// A sentence with the places `{actor}` and `{target}`; see [`ActionInfo::sentence`].
    pub template: &'static str,
}

impl ActionInfo {
    /// The sentence for an actor and a target, fit for an event's `message`. Without a target, its place
    /// goes together with the preposition before it: "Ada changed the password".
    #[must_use]
    pub fn sentence(&self, actor: &str, target: Option<&str>) -> String {
        let (before, after) = self.template.split_once(" {target}").unwrap_or((self.template, ""));
        let with_actor = |part: &str| part.replacen("{actor}", actor, 1);
        match target {
            Some(target) if before.len() < self.template.len() => {
                format!("{} {target}{}", with_actor(before), with_actor(after))
            }
            _ => {
                let before = PREPOSITIONS.iter().find_map(|word| before.strip_suffix(word)).unwrap_or(before);
                format!("{}{}", with_actor(before), with_actor(after))
            }
        }
    }
}

const PREPOSITIONS: &[&str] = &[" of", " to", " with", " on", " by", " at", " from"];

/// What is known of an action, if anything.
#[must_use]
pub fn lookup(action: &str) -> Option<&'static ActionInfo> {
    let found = ALL.binary_search_by(|info| info.action.cmp(action)).ok()?;
    Some(&ALL[found])
}

/// Whether only this program records this action: its own doings, and what it says of its ledger, sources and gateways.
#[must_use]
pub fn is_reserved(action: &str) -> bool {
    const FAMILIES: [&str; 4] = ["audit.", "gateway.", "ledger.", "source."];
    const OTHERS: [&str; 2] = ["config.changed", "system.capture_lowered"];
    FAMILIES.iter().any(|family| action.starts_with(family)) || OTHERS.contains(&action)
}

const fn action(
    action: &'static str,
    category: Category,
    severity: Severity,
    label: &'static str,
    template: &'static str,
) -> ActionInfo {
    ActionInfo { action, category, severity, label, template }
}

/// The table, in order of action.
#[rustfmt::skip]
pub static ALL: &[ActionInfo] = &[
    action("access.denied", Authentication, Medium, "Access denied", "{actor} was denied access to {target}"),
    action("api.request", System, Info, "API request", "{actor} called the API at {target}"),
    action("app.called", Conversation, Info, "App called", "{actor} used the app {target}"),
    action("app.connected", Administration, Medium, "App connected", "{actor} connected the app {target}"),
    action("app.created", Administration, Medium, "App created", "{actor} created the app {target}"),
    action("app.deleted", Administration, Low, "App deleted", "{actor} deleted the app {target}"),
    action("app.updated", Administration, Medium, "App updated", "{actor} updated the app {target}"),
    action("audio.call_started", ModelUsage, Info, "Voice call started", "{actor} started a voice call with {target}"),
    action("audio.speech_requested", ModelUsage, Info, "Speech requested", "{actor} requested speech from {target}"),
    action("audio.transcription_requested", ModelUsage, Info, "Transcription requested", "{actor} requested a transcription by {target}"),
    action("audit.access_denied", Administration, Medium, "Audit access denied", "{actor} was denied access to the audit log"),
    action("audit.alert_raised", Administration, High, "Alert raised", "The rule {target} raised an alert"),
    action("audit.approval_expired", Administration, Low, "Approval expired", "The request {target} expired before it was acted upon"),
    action("audit.approval_granted", Administration, High, "Approval given", "{actor} approved the request {target}"),
    action("audit.approval_refused", Administration, Medium, "Approval refused", "{actor} refused the request {target}"),
    action("audit.approval_requested", Administration, Medium, "Approval requested", "{actor} asked for an approval of {target}"),
    action("audit.approval_used", Administration, High, "Approved act done", "{actor} acted upon the approval {target}"),
    action("audit.approval_withdrawn", Administration, Low, "Request withdrawn", "{actor} withdrew the request {target}"),
    action("audit.break_glass_changed", Administration, High, "Emergency access changed", "{actor} switched emergency access on or off"),
    action("audit.erased", Administration, High, "Personal data erased", "{actor} erased personal data of {target}"),
    action("audit.export_deleted", Administration, Low, "Export deleted", "{actor} deleted the export {target}"),
    action("audit.export_downloaded", Administration, Medium, "Export downloaded", "{actor} downloaded the export {target}"),
    action("audit.exported", Administration, Medium, "Audit log exported", "{actor} exported the audit log"),
    action("audit.hold_placed", Administration, Medium, "Hold placed", "{actor} placed the hold {target}"),
    action("audit.hold_released", Administration, High, "Hold released", "{actor} released the hold {target}"),
    action("audit.imported", Administration, Medium, "Events imported", "{actor} imported events from {target}"),
    action("audit.index_rebuilt", Administration, Info, "Index rebuilt", "{actor} rebuilt the index"),
    action("audit.key_rotated", Administration, High, "Signing key rotated", "{actor} rotated the signing key"),
    action("audit.proof_issued", Administration, Info, "Proof issued", "{actor} took a proof of the event {target}"),
    action("audit.read", Administration, Info, "Audit event read", "{actor} read the audit event {target}"),
    action("audit.reconciled", Administration, Info, "Log reconciled", "{actor} compared the audit log with {target}"),
    action("audit.repeats_lost", System, Medium, "Repeated looks uncounted", "Repetitions of looks are not counted because recording ended without warning"),
    action("audit.reported", Administration, Info, "Report made", "{actor} made the report {target}"),
    action("audit.retention_changed", Administration, Medium, "Retention policy changed", "{actor} changed the retention policy {target}"),
    action("audit.role_changed", Administration, High, "Role changed", "{actor} changed the role {target}"),
    action("audit.role_created", Administration, Medium, "Role created", "{actor} created the role {target}"),
    action("audit.role_removed", Administration, Medium, "Role removed", "{actor} removed the role {target}"),
    action("audit.rule_changed", Administration, Medium, "Rule changed", "{actor} changed the rule {target}"),
    action("audit.schedule_changed", Administration, Info, "Schedule changed", "{actor} changed the schedule {target}"),
    action("audit.searched", Administration, Info, "Audit log searched", "{actor} searched the audit log"),
    action("audit.signed_in", Authentication, Info, "Signed in to the audit log", "{actor} signed in to the audit log"),
    action("audit.signed_out", Authentication, Info, "Signed out of the audit log", "{actor} signed out of the audit log"),
    action("audit.sink_changed", Administration, Medium, "Sink changed", "{actor} changed the sink {target}"),
    action("audit.streamed", Administration, Info, "Audit log followed", "{actor} followed the audit log live"),
    action("audit.token_created", Administration, Medium, "Token created", "{actor} created the token {target}"),
    action("audit.token_revoked", Administration, Medium, "Token revoked", "{actor} revoked the token {target}"),
    action("audit.token_rotated", Administration, Medium, "Token rotated", "{actor} gave the token {target} another secret"),
    action("audit.verification_cancelled", Administration, Low, "Verification cancelled", "{actor} broke off a verification of the ledger"),
    action("audit.verification_failed", Administration, Critical, "Verification failed", "Verification of the ledger failed"),
    action("audit.verified", Administration, Info, "Ledger verified", "{actor} verified the ledger"),
    action("audit.view_changed", Administration, Info, "View changed", "{actor} changed the view {target}"),
    action("audit.view_deleted", Administration, Info, "View deleted", "{actor} deleted the view {target}"),
    action("audit.view_saved", Administration, Info, "View saved", "{actor} saved the view {target}"),
    action("audit.viewed", Administration, Info, "Audit page viewed", "{actor} looked at {target}"),
    action("auth.api_key.created", Administration, Medium, "API key created", "{actor} created the API key {target}"),
    action("auth.api_key.deleted", Administration, Low, "API key deleted", "{actor} deleted the API key {target}"),
    action("auth.api_key.read", Authentication, Low, "API key read", "{actor} read the API key"),
    action("auth.login", Authentication, Info, "Signed in", "{actor} signed in"),
    action("auth.login_failed", Authentication, Low, "Sign-in failed", "{actor} failed to sign in"),
    action("auth.logout", Authentication, Info, "Signed out", "{actor} signed out"),
    action("auth.mfa.enrolled", Authentication, Info, "MFA enrolled", "{actor} enrolled a second factor"),
    action("auth.mfa.failed", Authentication, Medium, "MFA failed", "{actor} failed the second factor"),
    action("auth.mfa.policy_changed", Administration, Medium, "MFA policy changed", "{actor} changed the policy for second factors"),
    action("auth.mfa.recovery_codes_regenerated", Authentication, Info, "MFA recovery codes regenerated", "{actor} regenerated the recovery codes"),
    action("auth.mfa.recovery_used", Authentication, Medium, "MFA recovery code used", "{actor} used a recovery code"),
    action("auth.mfa.replaced", Authentication, Info, "MFA replaced", "{actor} replaced the second factor"),
    action("auth.mfa.required", Authentication, Info, "Second factor asked for", "{actor} was asked for the second factor"),
    action("auth.mfa.reset_completed", Authentication, Medium, "MFA reset completed", "{actor} completed a reset of the second factor of {target}"),
    action("auth.mfa.reset_requested", Authentication, Info, "MFA reset requested", "{actor} requested a reset of the second factor of {target}"),
    action("auth.mfa.throttled", Authentication, Medium, "MFA throttled", "{actor} was throttled at the second factor"),
    action("auth.oauth_session.created", Authentication, Low, "OAuth session created", "{actor} connected the OAuth client {target}"),
    action("auth.oauth_session.deleted", Authentication, Low, "OAuth session deleted", "{actor} deleted the OAuth session {target}"),
    action("auth.password_changed", Authentication, Info, "Password changed", "{actor} changed the password of {target}"),
    action("auth.sessions_revoked", Authentication, Medium, "Sessions revoked", "{actor} revoked the sessions of {target}"),
    action("auth.signup", Authentication, Info, "Signed up", "{actor} signed up"),
    action("auth.signup_failed", Authentication, Low, "Sign-up failed", "{actor} failed to sign up"),
    action("auth.sso_login", Authentication, Info, "Signed in by SSO", "{actor} signed in by single sign-on"),
    action("auth.sso_login_failed", Authentication, Low, "SSO sign-in failed", "{actor} failed to sign in by single sign-on"),
    action("automation.created", System, Info, "Automation created", "{actor} created the automation {target}"),
    action("automation.deleted", System, Low, "Automation deleted", "{actor} deleted the automation {target}"),
    action("automation.disabled", System, Info, "Automation disabled", "{actor} disabled the automation {target}"),
    action("automation.enabled", System, Info, "Automation enabled", "{actor} enabled the automation {target}"),
    action("automation.run_completed", System, Info, "Automation run completed", "A run of the automation {target} completed"),
    action("automation.run_failed", System, Low, "Automation run failed", "A run of the automation {target} failed"),
    action("automation.run_started", System, Info, "Automation run started", "A run of the automation {target} started"),
    action("automation.updated", System, Info, "Automation updated", "{actor} updated the automation {target}"),
    action("calendar.alert", System, Info, "Calendar alert", "An alert of calendar event {target} went off"),
    action("calendar.created", Conversation, Info, "Calendar created", "{actor} created the calendar {target}"),
    action("calendar.default_updated", Conversation, Info, "Default calendar changed", "{actor} made {target} the default calendar"),
    action("calendar.deleted", Conversation, Low, "Calendar deleted", "{actor} deleted the calendar {target}"),
    action("calendar.event.created", Conversation, Info, "Calendar event created", "{actor} created the calendar event {target}"),
    action("calendar.event.deleted", Conversation, Low, "Calendar event deleted", "{actor} deleted the calendar event {target}"),
    action("calendar.event.rsvp_updated", Conversation, Info, "Calendar reply changed", "{actor} changed the reply to the calendar event {target}"),
    action("calendar.event.updated", Conversation, Info, "Calendar event updated", "{actor} updated the calendar event {target}"),
    action("calendar.updated", Conversation, Info, "Calendar updated", "{actor} updated the calendar {target}"),
    action("channel.app_added", Conversation, Low, "Channel app added", "{actor} added an app to the channel {target}"),
    action("channel.app_removed", Conversation, Low, "Channel app removed", "{actor} removed an app from the channel {target}"),
    action("channel.created", Conversation, Info, "Channel created", "{actor} created the channel {target}"),
    action("channel.deleted", Conversation, Low, "Channel deleted", "{actor} deleted the channel {target}"),
    action("channel.member_active_updated", Conversation, Info, "Channel member activity changed", "{actor} changed who is active in the channel {target}"),
    action("channel.member_added", Conversation, Info, "Channel member added", "{actor} added a member to the channel {target}"),
    action("channel.member_removed", Conversation, Low, "Channel member removed", "{actor} removed a member from the channel {target}"),
    action("channel.message", Conversation, Info, "Channel message posted", "{actor} posted in the channel {target}"),
    action("channel.updated", Conversation, Info, "Channel updated", "{actor} updated the channel {target}"),
    action("channel.webhook.created", Conversation, Info, "Channel webhook created", "{actor} created a webhook of the channel {target}"),
    action("channel.webhook.deleted", Conversation, Low, "Channel webhook deleted", "{actor} deleted a webhook of the channel {target}"),
    action("channel.webhook.updated", Conversation, Info, "Channel webhook updated", "{actor} updated a webhook of the channel {target}"),
    action("chat.archived", Conversation, Info, "Chat archived", "{actor} archived the chat {target}"),
    action("chat.cloned", Conversation, Info, "Chat cloned", "{actor} cloned the chat {target}"),
    action("chat.compacted", Conversation, Info, "Chat compacted", "{actor} compacted the chat {target}"),
    action("chat.completion", ModelUsage, Info, "Completion requested", "{actor} asked the model {target}"),
    action("chat.created", Conversation, Info, "Chat created", "{actor} created the chat {target}"),
    action("chat.deleted", Conversation, Low, "Chat deleted", "{actor} deleted the chat {target}"),
    action("chat.deleted_all", Conversation, Medium, "All chats deleted", "{actor} deleted all chats of {target}"),
    action("chat.exported", Conversation, Info, "Chat exported", "{actor} exported the chat {target}"),
    action("chat.exported_all", Conversation, Medium, "All chats exported", "{actor} exported all chats"),
    action("chat.failed", Conversation, Low, "Answer failed", "The answer in chat {target} failed"),
    action("chat.finished", Conversation, Info, "Answer finished", "The answer in chat {target} finished"),
    action("chat.folder_updated", Conversation, Info, "Chat moved to folder", "{actor} moved the chat {target} to another folder"),
    action("chat.imported", Conversation, Info, "Chat imported", "{actor} imported the chat {target}"),
    action("chat.pinned", Conversation, Info, "Chat pinned", "{actor} pinned the chat {target}"),
    action("chat.read", Conversation, Info, "Chat read", "{actor} read the chat {target}"),
    action("chat.shared", Conversation, Low, "Chat shared", "{actor} shared the chat {target}"),
    action("chat.stopped", Conversation, Info, "Answer stopped", "{actor} stopped the answer in the chat {target}"),
    action("chat.tag_added", Conversation, Info, "Chat tag added", "{actor} added a tag to the chat {target}"),
    action("chat.tag_removed", Conversation, Info, "Chat tag removed", "{actor} removed a tag from the chat {target}"),
    action("chat.unarchived", Conversation, Info, "Chat unarchived", "{actor} unarchived the chat {target}"),
    action("chat.unpinned", Conversation, Info, "Chat unpinned", "{actor} unpinned the chat {target}"),
    action("chat.unshared", Conversation, Info, "Chat unshared", "{actor} unshared the chat {target}"),
    action("chat.updated", Conversation, Info, "Chat updated", "{actor} updated the chat {target}"),
    action("code.executed", ModelUsage, Medium, "Code executed", "{actor} executed code on the server"),
    action("config.banners.updated", Administration, Medium, "Banners changed", "{actor} changed the banners"),
    action("config.changed", Administration, Medium, "Audit setting changed", "{actor} changed the audit setting {target}"),
    action("config.code_execution.updated", Administration, Medium, "Code execution settings changed", "{actor} changed the code execution settings"),
    action("config.connections.updated", System, Medium, "Connections changed", "{actor} changed the connections"),
    action("config.exported", Administration, Medium, "Configuration exported", "{actor} exported the configuration"),
    action("config.imported", Administration, Medium, "Configuration imported", "{actor} imported the configuration"),
    action("config.models.updated", Administration, Medium, "Model settings changed", "{actor} changed the model settings"),
    action("config.read", Administration, Low, "Settings read", "{actor} read the settings {target}"),
    action("config.suggestions.updated", Administration, Medium, "Prompt suggestions changed", "{actor} changed the prompt suggestions"),
    action("config.terminal_servers.updated", Administration, Medium, "Terminal servers changed", "{actor} changed the terminal servers"),
    action("config.tool_servers.updated", System, Medium, "Tool servers changed", "{actor} changed the tool servers"),
    action("config.updated", Administration, Medium, "Configuration changed", "{actor} changed the configuration {target}"),
    action("config.webhook.updated", Administration, High, "Event webhooks changed", "{actor} changed the event webhooks"),
    action("database.exported", Administration, High, "Database exported", "{actor} exported the database"),
    action("embeddings.created", ModelUsage, Info, "Embeddings created", "{actor} created embeddings with {target}"),
    action("feedback.created", Conversation, Info, "Feedback created", "{actor} created the feedback {target}"),
    action("feedback.deleted", Conversation, Low, "Feedback deleted", "{actor} deleted the feedback {target}"),
    action("feedback.deleted_all", Conversation, Medium, "All feedback deleted", "{actor} deleted all feedback of {target}"),
    action("feedback.exported", Conversation, Medium, "Feedback exported", "{actor} exported all feedback"),
    action("feedback.read", Conversation, Info, "Feedback read", "{actor} read the feedback {target}"),
    action("feedback.updated", Conversation, Info, "Feedback updated", "{actor} updated the feedback {target}"),
    action("file.content_updated", File, Info, "File content updated", "{actor} updated the content of the file {target}"),
    action("file.deleted", File, Low, "File deleted", "{actor} deleted the file {target}"),
    action("file.deleted_all", File, Medium, "All files deleted", "{actor} deleted all files of {target}"),
    action("file.downloaded", File, Info, "File downloaded", "{actor} downloaded the file {target}"),
    action("file.read", File, Info, "File read", "{actor} read the file {target}"),
    action("file.renamed", File, Info, "File renamed", "{actor} renamed the file {target}"),
    action("file.uploaded", File, Info, "File uploaded", "{actor} uploaded the file {target}"),
    action("folder.access_updated", Conversation, Low, "Folder access changed", "{actor} changed the access of the folder {target}"),
    action("folder.created", Conversation, Info, "Folder created", "{actor} created the folder {target}"),
    action("folder.deleted", Conversation, Low, "Folder deleted", "{actor} deleted the folder {target}"),
    action("folder.parent_updated", Conversation, Info, "Folder moved", "{actor} moved the folder {target}"),
    action("folder.updated", Conversation, Info, "Folder updated", "{actor} updated the folder {target}"),
    action("function.called", ModelUsage, Info, "Function called", "{actor} called the function {target}"),
    action("function.created", Administration, Medium, "Function created", "{actor} created the function {target}"),
    action("function.deleted", Administration, Low, "Function deleted", "{actor} deleted the function {target}"),
    action("function.disable_started", Administration, Low, "Function about to be disabled", "{actor} is about to disable the function {target}"),
    action("function.disabled", Administration, Low, "Function disabled", "{actor} disabled the function {target}"),
    action("function.enable_started", Administration, Low, "Function about to be enabled", "{actor} is about to enable the function {target}"),
    action("function.enabled", Administration, Medium, "Function enabled", "{actor} enabled the function {target}"),
    action("function.exported", Administration, Low, "Functions exported", "{actor} exported the functions"),
    action("function.loaded", Administration, Low, "Function loaded", "{actor} loaded a function from an address"),
    action("function.updated", Administration, Medium, "Function updated", "{actor} updated the function {target}"),
    action("function.valves_read", Administration, Low, "Function valves read", "{actor} read the valves of the function {target}"),
    action("function.valves_updated", Administration, Medium, "Function valves changed", "{actor} changed the valves of the function {target}"),
    action("function.version_deleted", Administration, Low, "Function version deleted", "{actor} deleted a version of the function {target}"),
    action("gateway.upstream_recovered", System, Info, "Open WebUI answers again", "Open WebUI answers the gateway again"),
    action("gateway.upstream_unreachable", System, High, "Open WebUI unreachable", "The gateway cannot reach Open WebUI"),
    action("group.created", Administration, Low, "Group created", "{actor} created the group {target}"),
    action("group.deleted", Administration, Medium, "Group deleted", "{actor} deleted the group {target}"),
    action("group.exported", Administration, Low, "Group exported", "{actor} exported the group {target}"),
    action("group.member_added", Administration, Medium, "Group member added", "{actor} added a member to the group {target}"),
    action("group.member_removed", Administration, Low, "Group member removed", "{actor} removed a member from the group {target}"),
    action("group.updated", Administration, Low, "Group updated", "{actor} updated the group {target}"),
    action("image.edited", ModelUsage, Info, "Image edited", "{actor} edited an image with {target}"),
    action("image.generated", ModelUsage, Info, "Image generated", "{actor} generated an image with {target}"),
    action("knowledge.access_updated", File, Low, "Knowledge base access changed", "{actor} changed the access of the knowledge base {target}"),
    action("knowledge.created", File, Info, "Knowledge base created", "{actor} created the knowledge base {target}"),
    action("knowledge.deleted", File, Low, "Knowledge base deleted", "{actor} deleted the knowledge base {target}"),
    action("knowledge.directory.created", File, Info, "Knowledge directory created", "{actor} created the knowledge directory {target}"),
    action("knowledge.directory.deleted", File, Low, "Knowledge directory deleted", "{actor} deleted the knowledge directory {target}"),
    action("knowledge.directory.updated", File, Info, "Knowledge directory updated", "{actor} updated the knowledge directory {target}"),
    action("knowledge.exported", File, Medium, "Knowledge base exported", "{actor} exported the knowledge base {target}"),
    action("knowledge.external_connection.created", Administration, Low, "External knowledge connection created", "{actor} created the external knowledge connection {target}"),
    action("knowledge.external_connection.deleted", Administration, Low, "External knowledge connection deleted", "{actor} deleted the external knowledge connection {target}"),
    action("knowledge.external_connection.updated", Administration, Low, "External knowledge connection updated", "{actor} updated the external knowledge connection {target}"),
    action("knowledge.file.added", File, Info, "Knowledge file added", "{actor} added a file to the knowledge base {target}"),
    action("knowledge.file.moved", File, Info, "Knowledge file moved", "{actor} moved a file in the knowledge base {target}"),
    action("knowledge.file.removed", File, Low, "Knowledge file removed", "{actor} removed a file from the knowledge base {target}"),
    action("knowledge.file.updated", File, Info, "Knowledge file updated", "{actor} updated a file of the knowledge base {target}"),
    action("knowledge.queried", File, Info, "Knowledge queried", "{actor} queried the knowledge base {target}"),
    action("knowledge.read", File, Info, "Knowledge base read", "{actor} read the knowledge base {target}"),
    action("knowledge.reindexed", File, Info, "Knowledge base reindexed", "{actor} reindexed the knowledge base {target}"),
    action("knowledge.reset", File, Info, "Knowledge base reset", "{actor} reset the knowledge base {target}"),
    action("knowledge.updated", File, Info, "Knowledge base updated", "{actor} updated the knowledge base {target}"),
    action("ledger.events_dropped", System, High, "Events dropped", "Events were dropped because a queue was full"),
    action("ledger.recovered", System, High, "Ledger recovered", "The ledger recovered after an unclean stop"),
    action("ledger.started", System, Info, "Audit started", "Recording started"),
    action("ledger.stopped", System, Info, "Audit stopped", "Recording stopped"),
    action("ledger.stopped_accepting", System, High, "Recording refused", "The ledger stopped accepting events"),
    action("memory.created", Conversation, Info, "Memory created", "{actor} created the memory {target}"),
    action("memory.deleted", Conversation, Low, "Memory deleted", "{actor} deleted the memory {target}"),
    action("memory.reset", Conversation, Info, "Memories reset", "{actor} deleted all memories of {target}"),
    action("memory.updated", Conversation, Info, "Memory updated", "{actor} updated the memory {target}"),
    action("message.created", Conversation, Info, "Message created", "{actor} created the message {target}"),
    action("message.deleted", Conversation, Low, "Message deleted", "{actor} deleted the message {target}"),
    action("message.event_received", Conversation, Info, "Message event received", "An event for message {target} was received"),
    action("message.pinned", Conversation, Info, "Message pinned", "{actor} pinned the message {target}"),
    action("message.reaction_added", Conversation, Info, "Reaction added", "{actor} added a reaction to the message {target}"),
    action("message.reaction_removed", Conversation, Info, "Reaction removed", "{actor} removed a reaction from the message {target}"),
    action("message.tool_call_resolved", Conversation, Info, "Tool call decided", "{actor} decided on a tool call in the message {target}"),
    action("message.unpinned", Conversation, Info, "Message unpinned", "{actor} unpinned the message {target}"),
    action("message.updated", Conversation, Info, "Message updated", "{actor} updated the message {target}"),
    action("model.access_updated", Administration, Low, "Model access changed", "{actor} changed the access of the model {target}"),
    action("model.called", ModelUsage, Info, "Model called", "{actor} called the model {target}"),
    action("model.created", Administration, Low, "Model created", "{actor} created the model {target}"),
    action("model.deleted", Administration, Low, "Model deleted", "{actor} deleted the model {target}"),
    action("model.disabled", Administration, Low, "Model disabled", "{actor} disabled the model {target}"),
    action("model.enabled", Administration, Low, "Model enabled", "{actor} enabled the model {target}"),
    action("model.exported", Administration, Low, "Models exported", "{actor} exported the models"),
    action("model.imported", Administration, Low, "Model imported", "{actor} imported the model {target}"),
    action("model.provider_config.updated", Administration, Low, "Provider configuration updated", "{actor} updated the provider configuration of the model {target}"),
    action("model.provider_model.created", Administration, Low, "Provider model created", "{actor} created the provider model {target}"),
    action("model.provider_model.deleted", Administration, Low, "Provider model deleted", "{actor} deleted the provider model {target}"),
    action("model.provider_model.loaded", Administration, Info, "Provider model loaded", "{actor} loaded the provider model {target}"),
    action("model.provider_model.pushed", Administration, Medium, "Provider model pushed", "{actor} pushed the provider model {target} to its registry"),
    action("model.provider_model.unloaded", Administration, Info, "Provider model unloaded", "{actor} unloaded the provider model {target}"),
    action("model.provider_request.failed", ModelUsage, Low, "Provider request failed", "A request of {actor} to the provider of {target} failed"),
    action("model.provider_request.sent", ModelUsage, Info, "Provider request sent", "{actor} sent a request to the provider of {target}"),
    action("model.synced", Administration, Low, "Model synchronised", "{actor} synchronised the model {target}"),
    action("model.updated", Administration, Low, "Model updated", "{actor} updated the model {target}"),
    action("model.version_deleted", Administration, Low, "Model version deleted", "{actor} deleted a version of the model {target}"),
    action("note.access_updated", Conversation, Low, "Note access changed", "{actor} changed the access of the note {target}"),
    action("note.created", Conversation, Info, "Note created", "{actor} created the note {target}"),
    action("note.deleted", Conversation, Low, "Note deleted", "{actor} deleted the note {target}"),
    action("note.pinned", Conversation, Info, "Note pinned", "{actor} pinned the note {target}"),
    action("note.read", Conversation, Info, "Note read", "{actor} read the note {target}"),
    action("note.unpinned", Conversation, Info, "Note unpinned", "{actor} unpinned the note {target}"),
    action("note.updated", Conversation, Info, "Note updated", "{actor} updated the note {target}"),
    action("notification.manual", System, Info, "Notification sent", "{actor} sent a notification to {target}"),
    action("notification.target.created", System, Low, "Notification target created", "{actor} created the notification target {target}"),
    action("notification.target.deleted", System, Low, "Notification target deleted", "{actor} deleted the notification target {target}"),
    action("notification.target.updated", System, Low, "Notification target updated", "{actor} updated the notification target {target}"),
    action("notification.test", System, Info, "Notification tested", "{actor} sent a test notification to {target}"),
    action("pipeline.added", Administration, Medium, "Pipeline added", "{actor} added the pipeline {target}"),
    action("pipeline.deleted", Administration, Low, "Pipeline deleted", "{actor} deleted the pipeline {target}"),
    action("pipeline.uploaded", Administration, Medium, "Pipeline uploaded", "{actor} uploaded the pipeline {target}"),
    action("pipeline.valves_updated", Administration, Medium, "Pipeline valves changed", "{actor} changed the valves of the pipeline {target}"),
    action("prompt.access_updated", Administration, Low, "Prompt access changed", "{actor} changed the access of the prompt {target}"),
    action("prompt.created", Administration, Low, "Prompt created", "{actor} created the prompt {target}"),
    action("prompt.deleted", Administration, Low, "Prompt deleted", "{actor} deleted the prompt {target}"),
    action("prompt.disabled", Administration, Low, "Prompt disabled", "{actor} disabled the prompt {target}"),
    action("prompt.enabled", Administration, Low, "Prompt enabled", "{actor} enabled the prompt {target}"),
    action("prompt.updated", Administration, Low, "Prompt updated", "{actor} updated the prompt {target}"),
    action("prompt.version_deleted", Administration, Low, "Prompt version deleted", "{actor} deleted a version of the prompt {target}"),
    action("prompt.version_updated", Administration, Low, "Prompt version changed", "{actor} changed the version of the prompt {target}"),
    action("retention.chat_deleted", System, Low, "Chat deleted by retention", "Retention deleted the chat {target}"),
    action("retention.run_completed", System, Info, "Retention run completed", "A retention run completed"),
    action("retention.run_failed", System, Medium, "Retention run failed", "A retention run failed"),
    action("retrieval.collection.deleted", File, Low, "Retrieval collection deleted", "{actor} deleted the retrieval collection {target}"),
    action("retrieval.content.process_failed", File, Low, "Content processing failed", "Processing the content of {target} for retrieval failed"),
    action("retrieval.content.processed", File, Info, "Content processed", "The content of {target} was processed for retrieval"),
    action("retrieval.uploads.reset", File, Medium, "Uploads reset", "{actor} deleted all uploads"),
    action("retrieval.vector_db.reset", File, High, "Vector database reset", "{actor} emptied the vector database"),
    action("retrieval.web_searched", File, Info, "Web searched", "{actor} searched the web"),
    action("skill.created", Administration, Low, "Skill created", "{actor} created the skill {target}"),
    action("skill.deleted", Administration, Low, "Skill deleted", "{actor} deleted the skill {target}"),
    action("skill.disabled", Administration, Low, "Skill disabled", "{actor} disabled the skill {target}"),
    action("skill.enabled", Administration, Low, "Skill enabled", "{actor} enabled the skill {target}"),
    action("skill.exported", Administration, Low, "Skills exported", "{actor} exported the skills"),
    action("skill.imported", Administration, Low, "Skills imported", "{actor} imported skills"),
    action("skill.loaded", Administration, Low, "Skill loaded", "{actor} loaded a skill from an address"),
    action("skill.updated", Administration, Low, "Skill updated", "{actor} updated the skill {target}"),
    action("skill.version_deleted", Administration, Low, "Skill version deleted", "{actor} deleted a version of the skill {target}"),
    action("source.added", Administration, Medium, "Source added", "{actor} added the source {target}"),
    action("source.changed", Administration, Medium, "Source changed", "{actor} changed the source {target}"),
    action("source.corroborated", System, Info, "Events corroborated", "Other sources corroborated events"),
    action("source.events_refused", System, High, "Events refused", "Events of the source {target} were refused and are not on the record"),
    action("source.id_taken", System, Medium, "Event id taken", "An event came under an id that another event has"),
    action("source.lines_skipped", System, Medium, "Lines skipped", "Lines of the source {target} could not be read"),
    action("source.removed", Administration, High, "Source removed", "{actor} removed the source {target}"),
    action("source.sender_identified", System, Info, "Sender identified", "{actor} sends events with the certificate of {target}"),
    action("system.capture_lowered", Administration, High, "Capture lowered", "Less is recorded than before the restart"),
    action("system.shutdown.completed", System, Info, "Stopped", "Open WebUI stopped"),
    action("system.shutdown.started", System, Info, "Stop began", "Open WebUI began to stop"),
    action("system.startup.completed", System, Info, "Started", "Open WebUI started"),
    action("system.startup.started", System, Info, "Start began", "Open WebUI began to start"),
    action("terminal.session.closed", Administration, Low, "Terminal session closed", "{actor} closed a terminal session on {target}"),
    action("terminal.session.opened", Administration, Medium, "Terminal session opened", "{actor} opened a terminal session on {target}"),
    action("terminal.used", Administration, Low, "Terminal used", "{actor} used the terminal server {target}"),
    action("tool.access_updated", Administration, Low, "Tool access changed", "{actor} changed the access of the tool {target}"),
    action("tool.created", Administration, Medium, "Tool created", "{actor} created the tool {target}"),
    action("tool.deleted", Administration, Low, "Tool deleted", "{actor} deleted the tool {target}"),
    action("tool.exported", Administration, Low, "Tools exported", "{actor} exported the tools"),
    action("tool.loaded", Administration, Low, "Tool loaded", "{actor} loaded a tool from an address"),
    action("tool.updated", Administration, Medium, "Tool updated", "{actor} updated the tool {target}"),
    action("tool.valves_read", Administration, Low, "Tool valves read", "{actor} read the valves of the tool {target}"),
    action("tool.valves_updated", Administration, Medium, "Tool valves changed", "{actor} changed the valves of the tool {target}"),
    action("tool.version_deleted", Administration, Low, "Tool version deleted", "{actor} deleted a version of the tool {target}"),
    action("user.created", Administration, Medium, "User created", "{actor} created the user {target}"),
    action("user.deleted", Administration, Medium, "User deleted", "{actor} deleted the user {target}"),
    action("user.exported", Administration, Medium, "Users exported", "{actor} exported the list of users"),
    action("user.listed", Administration, Low, "Users listed", "{actor} listed users of {target}"),
    action("user.permissions_updated", Administration, Medium, "Permissions changed", "{actor} changed the permissions of {target}"),
    action("user.profile_updated", Administration, Low, "Profile changed", "{actor} changed the profile of {target}"),
    action("user.read", Administration, Low, "User read", "{actor} read the user {target}"),
    action("user.role_updated", Administration, Medium, "Role changed", "{actor} changed the role of {target}"),
    action("user.settings_updated", Administration, Low, "User settings changed", "{actor} changed the settings of {target}"),
    action("user.status_updated", Administration, Low, "Status changed", "{actor} changed the status of {target}"),
    action("user.updated", Administration, Low, "User updated", "{actor} updated the user {target}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_lookup_finds_everything() {
        assert!(ALL.is_sorted_by(|a, b| a.action < b.action));
        for info in ALL {
            assert_eq!(lookup(info.action), Some(info));
        }
        assert_eq!(lookup("auth.logi"), None);
    }

    #[test]
    fn names_are_dotted_lower_case() {
        for info in ALL {
            let segments_are_words = info
                .action
                .split('.')
                .all(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(info.action.contains('.') && segments_are_words, "{}", info.action);
        }
    }

    #[test]
    fn sentences_read_well_with_and_without_a_target() {
        let sentence = |action, target| lookup(action).expect(action).sentence("Ada", target);
        assert_eq!(sentence("auth.login", None), "Ada signed in");
        assert_eq!(sentence("chat.deleted", Some("Brakes")), "Ada deleted the chat Brakes");
        assert_eq!(sentence("chat.deleted", None), "Ada deleted the chat");
        assert_eq!(sentence("chat.deleted", Some("{actor}")), "Ada deleted the chat {actor}");
        assert_eq!(sentence("auth.login", Some("session 7")), "Ada signed in");
        assert_eq!(sentence("auth.password_changed", None), "Ada changed the password");
        assert_eq!(sentence("retrieval.content.processed", None), "The content was processed for retrieval");
        assert_eq!(
            sentence("model.provider_request.failed", Some("gpt-5.2")),
            "A request of Ada to the provider of gpt-5.2 failed"
        );
    }

    #[test]
    fn every_category_has_actions() {
        for category in Category::ALL {
            assert!(ALL.iter().any(|info| info.category == *category), "{category}");
        }
    }
}

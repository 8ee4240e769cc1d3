//! Which request of Open WebUI's API is which action: one declarative table, made from the routes of version 0.12.4.
//!
//! What is not in the table is recorded all the same, as `api.request`.

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// Segments in braces match anything: `{id}` is the target's id, `{secret}` must not be recorded, `{}` is
    /// neither, and `{*}`, at the end, stands for any number of segments.
    pub(super) pattern: &'static str,
    pub(super) deed: Deed,
    pub(super) aim: Aim,
    pub(super) caller: Caller,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Always this action.
    Is(&'static str),
    /// A switch: which way it went stands in a boolean member of the answer. Without the answer it is `unseen`.
    Switch { member: &'static str, on: &'static str, off: &'static str, unseen: &'static str },
    /// A try to enter: one action for getting in and one for being turned away.
    Entry { entered: &'static str, refused: &'static str },
    /// One model call. Its success is not in the status: a web UI chat goes on after the answer.
    Completion,
    /// An admin's change of a user: role, password or the rest, by what the request sets.
    UserUpdate,
}

/// Where the target's id is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// There is no target.
    Nothing,
    /// `{id}` in the path; a name in the bodies is the target's.
    Path(&'static str),
    /// `{id}` in the path; a name in the bodies is that of something else, such as a tag or a copy.
    Unnamed(&'static str),
    /// The `id` that the answer gives to what was created, or that the request names.
    Body(&'static str),
    /// A parameter `id` in the query.
    Query(&'static str),
    /// Always the same one.
    Fixed(&'static str, &'static str),
    /// The caller's own user record.
    Oneself,
    /// The chat that the answer (or the request) names in `chat_id`.
    Chat,
    /// The knowledge bases that the request names in `collection_names`.
    Collections,
    /// The knowledge base in the path, with the file that the request names.
    KnowledgeFile,
}

/// Whose request it can be when the source names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A signed-in user's: without a user, the credential was refused.
    SignedIn,
    /// Anybody's: without a user, nothing is known.
    Anybody,
}

/// The row for this method and path, with what stood in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matched<'p> {
    pub(super) deed: Deed,
    pub(super) aim: Aim,
    pub(super) caller: Caller,
    /// What `{id}` matched.
    pub(super) id: Option<&'p str>,
    /// The path with what `{secret}` matched taken out.
    pub(super) safe_path: Option<String>,
}

/// Finds the row; `path` is without query.
pub(super) fn find<'p>(method: &str, path: &'p str) -> Option<Matched<'p>> {
    let path = versioned(path);
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
        let id = matches(route.pattern, path)?;
        Some(Matched {
            deed: route.deed,
            aim: route.aim,
            caller: route.caller,
            id,
            safe_path: route.pattern.contains("{secret}").then(|| without_secret(route.pattern, path)),
        })
    })
}

/// Open WebUI answers its completion routes below `/api` and `/api/v1` alike.
fn versioned(path: &str) -> &str {
    match path {
        "/api/v1/chat/completions" => "/api/chat/completions",
        "/api/v1/embeddings" => "/api/embeddings",
        other => other,
    }
}

/// `Some` when the path fits; inside it, what `{id}` matched.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    let mut wanted = segments(pattern);
    let mut given = segments(path);
    let mut id = None;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(id),
            (Some("{*}"), _) => return Some(id),
            (Some("{id}"), Some(segment)) if !segment.is_empty() => id = Some(segment),
            (Some("{}" | "{secret}"), Some(segment)) if !segment.is_empty() => {}
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return None,
        }
    }
}

fn without_secret(pattern: &str, path: &str) -> String {
    let mut safe = String::with_capacity(path.len());
    for (wanted, given) in segments(pattern).zip(segments(path)) {
        safe.push('/');
        safe.push_str(if wanted == "{secret}" { "***" } else { given });
    }
    safe
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

use Aim::{Body, Chat, Collections, Fixed, KnowledgeFile, Nothing, Oneself, Path, Query, Unnamed};
use Deed::{Completion, Entry, Is, Switch, UserUpdate};

const fn post(pattern: &'static str, deed: Deed, aim: Aim) -> Route {
    Route { method: "POST", pattern, deed, aim, caller: Caller::SignedIn }
}

const fn delete(pattern: &'static str, deed: Deed, aim: Aim) -> Route {
    Route { method: "DELETE", ..post(pattern, deed, aim) }
}

const fn put(pattern: &'static str, deed: Deed, aim: Aim) -> Route {
    Route { method: "PUT", ..post(pattern, deed, aim) }
}

const fn patch(pattern: &'static str, deed: Deed, aim: Aim) -> Route {
    Route { method: "PATCH", ..post(pattern, deed, aim) }
}

const fn get(pattern: &'static str, deed: Deed, aim: Aim) -> Route {
    Route { method: "GET", ..post(pattern, deed, aim) }
}

/// A route that needs no signed-in user.
const fn open(route: Route) -> Route {
    Route { caller: Caller::Anybody, ..route }
}

const fn active(on: &'static str, off: &'static str, unseen: &'static str) -> Deed {
    Switch { member: "is_active", on, off, unseen }
}

const SIGN_IN: Deed = Entry { entered: "auth.login", refused: "auth.login_failed" };
const SIGN_UP: Deed = Entry { entered: "auth.signup", refused: "auth.signup_failed" };
const CONFIG: Deed = Is("config.updated");

/// First match wins, so rows with literal segments stand before those with braces.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    // Signing in and out, one's own account
    open(post("/api/v1/auths/signin", SIGN_IN, Nothing)),
    open(post("/api/v1/auths/ldap", SIGN_IN, Nothing)),
    open(post("/api/v1/auths/oauth/{}/token/exchange", SIGN_IN, Nothing)),
    open(post("/api/v1/auths/mfa/verify", SIGN_IN, Nothing)),
    open(post("/api/v1/auths/mfa/recover", SIGN_IN, Nothing)),
    open(post("/api/v1/auths/signup", SIGN_UP, Nothing)),
    open(post("/api/v1/auths/signout", Is("auth.logout"), Nothing)),
    open(post("/oauth/backchannel-logout", Is("auth.logout"), Nothing)),
    open(post("/api/v1/auths/mfa/enroll/confirm", Is("auth.mfa.enrolled"), Oneself)),
    post("/api/v1/auths/mfa/replace", Is("auth.mfa.replaced"), Oneself),
    post("/api/v1/auths/mfa/recovery/codes", Is("auth.mfa.recovery_codes_regenerated"), Oneself),
    post("/api/v1/auths/update/password", Is("auth.password_changed"), Oneself),
    post("/api/v1/auths/update/profile", Is("user.profile_updated"), Oneself),
    post("/api/v1/auths/update/timezone", Is("user.updated"), Oneself),
    post("/api/v1/auths/api_key", Is("auth.api_key.created"), Oneself),
    delete("/api/v1/auths/api_key", Is("auth.api_key.deleted"), Oneself),
    delete("/api/v1/auths/oauth/sessions/{*}", Is("auth.oauth_session.deleted"), Oneself),
    post("/api/v1/users/user/settings/update", Is("user.settings_updated"), Oneself),
    post("/api/v1/users/user/info/update", Is("user.profile_updated"), Oneself),
    post("/api/v1/users/user/status/update", Is("user.status_updated"), Oneself),
    post("/api/v1/users/user/variables/update", Is("user.settings_updated"), Oneself),
    // Users, groups and their rights
    post("/api/v1/auths/add", Is("user.created"), Body("user")),
    post("/api/v1/users/default/permissions", Is("user.permissions_updated"), Fixed("config", "user.permissions")),
    post("/api/v1/users/{id}/update", UserUpdate, Path("user")),
    post("/api/v1/users/{id}/sessions/revoke", Is("auth.sessions_revoked"), Path("user")),
    delete("/api/v1/users/{id}", Is("user.deleted"), Path("user")),
    post("/api/v1/groups/create", Is("group.created"), Body("group")),
    post("/api/v1/groups/id/{id}/update", Is("group.updated"), Path("group")),
    post("/api/v1/groups/id/{id}/users/add", Is("group.member_added"), Path("group")),
    post("/api/v1/groups/id/{id}/users/remove", Is("group.member_removed"), Path("group")),
    delete("/api/v1/groups/id/{id}/delete", Is("group.deleted"), Path("group")),
    open(post("/api/v1/scim/v2/Users", Is("user.created"), Body("user"))),
    open(put("/api/v1/scim/v2/Users/{id}", Is("user.updated"), Path("user"))),
    open(patch("/api/v1/scim/v2/Users/{id}", Is("user.updated"), Path("user"))),
    open(delete("/api/v1/scim/v2/Users/{id}", Is("user.deleted"), Path("user"))),
    open(post("/api/v1/scim/v2/Groups", Is("group.created"), Body("group"))),
    open(put("/api/v1/scim/v2/Groups/{id}", Is("group.updated"), Path("group"))),
    open(patch("/api/v1/scim/v2/Groups/{id}", Is("group.updated"), Path("group"))),
    open(delete("/api/v1/scim/v2/Groups/{id}", Is("group.deleted"), Path("group"))),
    // Settings
    post("/api/events/webhooks", Is("config.webhook.updated"), Body("config")),
    put("/api/events/webhooks/{id}", Is("config.webhook.updated"), Path("config")),
    delete("/api/events/webhooks/{id}", Is("config.webhook.updated"), Path("config")),
    post("/api/v1/auths/admin/config", CONFIG, Fixed("config", "auth")),
    post("/api/v1/auths/admin/config/ldap", CONFIG, Fixed("config", "auth.ldap")),
    post("/api/v1/auths/admin/config/ldap/server", CONFIG, Fixed("config", "auth.ldap")),
    post("/api/v1/auths/admin/config/oauth", CONFIG, Fixed("config", "auth.oauth")),
    post("/api/v1/configs/connections", Is("config.connections.updated"), Fixed("config", "connections")),
    post("/api/v1/configs/models", Is("config.models.updated"), Fixed("config", "models")),
    post("/api/v1/configs/banners", Is("config.banners.updated"), Fixed("config", "ui.banners")),
    post("/api/v1/configs/suggestions", Is("config.suggestions.updated"), Fixed("config", "ui.prompt_suggestions")),
    post("/api/v1/configs/tool_servers", Is("config.tool_servers.updated"), Fixed("config", "tool_server.connections")),
    post("/api/v1/configs/terminal_servers", Is("config.terminal_servers.updated"), Fixed("config", "terminal_servers")),
    post("/api/v1/configs/terminal_servers/{*}", Is("config.terminal_servers.updated"), Fixed("config", "terminal_servers")),
    post("/api/v1/configs/code_execution", Is("config.code_execution.updated"), Fixed("config", "code_execution")),
    post("/api/v1/configs/import", Is("config.imported"), Fixed("config", "all")),
    get("/api/v1/configs/export", Is("config.exported"), Nothing),
    post("/api/v1/configs/interface/visibility", CONFIG, Fixed("config", "interface")),
    post("/api/v1/configs/oauth/clients/register", CONFIG, Fixed("config", "oauth.clients")),
    post("/api/v1/configs/subagents", CONFIG, Fixed("config", "subagents")),
    post("/api/v1/retrieval/config/update", CONFIG, Fixed("config", "retrieval")),
    post("/api/v1/retrieval/embedding/update", CONFIG, Fixed("config", "retrieval.embedding")),
    post("/api/v1/tasks/config/update", CONFIG, Fixed("config", "tasks")),
    post("/api/v1/audio/config/update", CONFIG, Fixed("config", "audio")),
    post("/api/v1/images/config/update", CONFIG, Fixed("config", "images")),
    post("/api/v1/evaluations/config", CONFIG, Fixed("config", "evaluations")),
    post("/api/v1/chats/config", CONFIG, Fixed("config", "chats")),
    post("/openai/config/update", Is("model.provider_config.updated"), Fixed("model.provider_config", "openai")),
    post("/ollama/config/update", Is("model.provider_config.updated"), Fixed("model.provider_config", "ollama")),
    // Model calls
    post("/api/chat/completions", Completion, Chat),
    post("/api/message", Completion, Chat),
    post("/api/v1/messages", Completion, Chat),
    post("/openai/chat/completions", Completion, Nothing),
    post("/openai/responses", Completion, Nothing),
    post("/ollama/api/chat", Completion, Nothing),
    post("/ollama/api/chat/{}", Completion, Nothing),
    post("/ollama/api/generate", Completion, Nothing),
    post("/ollama/api/generate/{}", Completion, Nothing),
    post("/ollama/v1/chat/completions", Completion, Nothing),
    post("/ollama/v1/chat/completions/{}", Completion, Nothing),
    post("/ollama/v1/completions", Completion, Nothing),
    post("/ollama/v1/completions/{}", Completion, Nothing),
    post("/ollama/v1/messages", Completion, Nothing),
    post("/ollama/v1/messages/{}", Completion, Nothing),
    post("/ollama/v1/responses", Completion, Nothing),
    post("/ollama/v1/responses/{}", Completion, Nothing),
    post("/api/v1/tasks/{}/completions", Completion, Chat),
    post("/api/embeddings", Is("embeddings.created"), Nothing),
    post("/ollama/api/embed", Is("embeddings.created"), Nothing),
    post("/ollama/api/embed/{}", Is("embeddings.created"), Nothing),
    post("/ollama/api/embeddings", Is("embeddings.created"), Nothing),
    post("/ollama/api/embeddings/{}", Is("embeddings.created"), Nothing),
    post("/ollama/v1/embeddings", Is("embeddings.created"), Nothing),
    post("/ollama/v1/embeddings/{}", Is("embeddings.created"), Nothing),
    post("/api/v1/images/generations", Is("image.generated"), Nothing),
    post("/api/v1/images/edit", Is("image.edited"), Nothing),
    post("/api/v1/audio/speech", Is("audio.speech_requested"), Nothing),
    post("/openai/audio/speech", Is("audio.speech_requested"), Nothing),
    post("/api/v1/audio/transcriptions", Is("audio.transcription_requested"), Nothing),
    // Chats
    post("/api/v1/chats/new", Is("chat.created"), Body("chat")),
    post("/api/v1/chats/import", Is("chat.imported"), Nothing),
    post("/api/v1/chats/archive/all", Is("chat.archived"), Oneself),
    post("/api/v1/chats/unarchive/all", Is("chat.unarchived"), Oneself),
    delete("/api/v1/chats/share/all", Is("chat.unshared"), Oneself),
    delete("/api/v1/chats", Is("chat.deleted_all"), Oneself),
    get("/api/v1/chats/all", Is("chat.exported"), Oneself),
    get("/api/v1/chats/all/db", Is("chat.exported"), Nothing),
    get("/api/v1/chats/list/user/{id}", Is("chat.read"), Path("user")),
    get("/api/v1/chats/share/{}", Is("chat.read"), Nothing),
    post("/api/v1/chats/{id}/share", Is("chat.shared"), Path("chat")),
    delete("/api/v1/chats/{id}/share", Is("chat.unshared"), Path("chat")),
    post("/api/v1/chats/shared/{id}/access/update", Is("chat.shared"), Path("chat")),
    post("/api/v1/chats/{id}/archive", Switch { member: "archived", on: "chat.archived", off: "chat.unarchived", unseen: "chat.updated" }, Path("chat")),
    post("/api/v1/chats/{id}/pin", Switch { member: "pinned", on: "chat.pinned", off: "chat.unpinned", unseen: "chat.updated" }, Path("chat")),
    post("/api/v1/chats/{id}/clone", Is("chat.cloned"), Unnamed("chat")),
    post("/api/v1/chats/{id}/clone/shared", Is("chat.cloned"), Unnamed("chat")),
    post("/api/v1/chats/{id}/fork", Is("chat.cloned"), Unnamed("chat")),
    post("/api/v1/chats/{id}/compact", Is("chat.compacted"), Path("chat")),
    post("/api/v1/chats/{id}/folder", Is("chat.folder_updated"), Path("chat")),
    post("/api/v1/chats/{id}/tags", Is("chat.tag_added"), Unnamed("chat")),
    delete("/api/v1/chats/{id}/tags", Is("chat.tag_removed"), Unnamed("chat")),
    post("/api/v1/chats/{}/messages/{id}", Is("message.updated"), Path("message")),
    delete("/api/v1/chats/{}/messages/{id}", Is("message.deleted"), Path("message")),
    post("/api/v1/chats/{}/messages/{id}/event", Is("message.event_received"), Path("message")),
    patch("/api/v1/chats/{id}/params", Is("chat.updated"), Path("chat")),
    post("/api/v1/chats/{id}", Is("chat.updated"), Path("chat")),
    delete("/api/v1/chats/{id}", Is("chat.deleted"), Path("chat")),
    get("/api/v1/chats/{id}", Is("chat.read"), Path("chat")),
    // Channels and their messages
    post("/api/v1/channels/create", Is("channel.created"), Body("channel")),
    open(post("/api/v1/channels/webhooks/{id}/{secret}", Is("channel.message"), Path("channel.webhook"))),
    post("/api/v1/channels/{id}/update", Is("channel.updated"), Path("channel")),
    post("/api/v1/channels/{id}/access/update", Is("channel.updated"), Path("channel")),
    delete("/api/v1/channels/{id}/delete", Is("channel.deleted"), Path("channel")),
    post("/api/v1/channels/{id}/update/members/add", Is("channel.member_added"), Path("channel")),
    post("/api/v1/channels/{id}/update/members/remove", Is("channel.member_removed"), Path("channel")),
    post("/api/v1/channels/{id}/members/active", Is("channel.member_active_updated"), Path("channel")),
    post("/api/v1/channels/{id}/messages/post", Is("channel.message"), Path("channel")),
    post("/api/v1/channels/{}/messages/{id}/update", Is("message.updated"), Path("message")),
    delete("/api/v1/channels/{}/messages/{id}/delete", Is("message.deleted"), Path("message")),
    post("/api/v1/channels/{}/messages/{id}/pin", Switch { member: "is_pinned", on: "message.pinned", off: "message.unpinned", unseen: "message.updated" }, Path("message")),
    post("/api/v1/channels/{}/messages/{id}/reactions/add", Is("message.reaction_added"), Path("message")),
    post("/api/v1/channels/{}/messages/{id}/reactions/remove", Is("message.reaction_removed"), Path("message")),
    post("/api/v1/channels/{id}/webhooks/create", Is("channel.webhook.created"), Unnamed("channel")),
    post("/api/v1/channels/{}/webhooks/{id}/update", Is("channel.webhook.updated"), Path("channel.webhook")),
    delete("/api/v1/channels/{}/webhooks/{id}/delete", Is("channel.webhook.deleted"), Path("channel.webhook")),
    // Files, knowledge and retrieval
    post("/api/v1/files", Is("file.uploaded"), Body("file")),
    delete("/api/v1/files/all", Is("file.deleted_all"), Nothing),
    post("/api/v1/files/{id}/rename", Is("file.renamed"), Path("file")),
    post("/api/v1/files/{id}/data/content/update", Is("file.content_updated"), Path("file")),
    delete("/api/v1/files/{id}", Is("file.deleted"), Path("file")),
    get("/api/v1/files/{id}/content", Is("file.read"), Path("file")),
    get("/api/v1/files/{id}/content/{}", Is("file.read"), Path("file")),
    get("/api/v1/files/{id}/data/content", Is("file.read"), Path("file")),
    post("/api/v1/knowledge/create", Is("knowledge.created"), Body("knowledge")),
    post("/api/v1/knowledge/reindex", Is("knowledge.reindexed"), Nothing),
    post("/api/v1/knowledge/metadata/reindex", Is("knowledge.reindexed"), Nothing),
    post("/api/v1/knowledge/external/connections", Is("knowledge.external_connection.created"), Body("knowledge.external_connection")),
    patch("/api/v1/knowledge/external/connections/{id}", Is("knowledge.external_connection.updated"), Path("knowledge.external_connection")),
    delete("/api/v1/knowledge/external/connections/{id}", Is("knowledge.external_connection.deleted"), Path("knowledge.external_connection")),
    post("/api/v1/knowledge/external/{}/create", Is("knowledge.created"), Body("knowledge")),
    post("/api/v1/knowledge/{id}/update", Is("knowledge.updated"), Path("knowledge")),
    post("/api/v1/knowledge/{id}/access/update", Is("knowledge.access_updated"), Path("knowledge")),
    post("/api/v1/knowledge/{id}/reset", Is("knowledge.reset"), Path("knowledge")),
    delete("/api/v1/knowledge/{id}/delete", Is("knowledge.deleted"), Path("knowledge")),
    post("/api/v1/knowledge/{id}/file/add", Is("knowledge.file.added"), KnowledgeFile),
    post("/api/v1/knowledge/{id}/files/batch/add", Is("knowledge.file.added"), Path("knowledge")),
    post("/api/v1/knowledge/{id}/file/update", Is("knowledge.file.updated"), KnowledgeFile),
    post("/api/v1/knowledge/{id}/file/remove", Is("knowledge.file.removed"), KnowledgeFile),
    post("/api/v1/knowledge/{id}/file/move", Is("knowledge.file.moved"), KnowledgeFile),
    post("/api/v1/knowledge/{id}/dirs/create", Is("knowledge.directory.created"), Unnamed("knowledge")),
    post("/api/v1/knowledge/{id}/dirs/{}/update", Is("knowledge.directory.updated"), Unnamed("knowledge")),
    delete("/api/v1/knowledge/{id}/dirs/{}/delete", Is("knowledge.directory.deleted"), Path("knowledge")),
    post("/api/v1/retrieval/query/collection", Is("knowledge.queried"), Collections),
    post("/api/v1/retrieval/query/doc", Is("knowledge.queried"), Collections),
    post("/api/v1/retrieval/process/{*}", Is("retrieval.content.processed"), Nothing),
    post("/api/v1/retrieval/delete", Is("retrieval.collection.deleted"), Nothing),
    post("/api/v1/retrieval/reset/db", Is("retrieval.vector_db.reset"), Nothing),
    post("/api/v1/retrieval/reset/uploads", Is("retrieval.uploads.reset"), Nothing),
    // Folders, notes, memories, calendars, feedback
    post("/api/v1/folders", Is("folder.created"), Body("folder")),
    post("/api/v1/folders/{id}/update", Is("folder.updated"), Path("folder")),
    post("/api/v1/folders/{id}/update/parent", Is("folder.parent_updated"), Path("folder")),
    post("/api/v1/folders/{id}/access/update", Is("folder.access_updated"), Path("folder")),
    delete("/api/v1/folders/{id}", Is("folder.deleted"), Path("folder")),
    post("/api/v1/notes/create", Is("note.created"), Body("note")),
    post("/api/v1/notes/{id}/update", Is("note.updated"), Path("note")),
    post("/api/v1/notes/{id}/access/update", Is("note.access_updated"), Path("note")),
    post("/api/v1/notes/{id}/pin", Switch { member: "is_pinned", on: "note.pinned", off: "note.unpinned", unseen: "note.updated" }, Path("note")),
    delete("/api/v1/notes/{id}/delete", Is("note.deleted"), Path("note")),
    post("/api/v1/memories/add", Is("memory.created"), Body("memory")),
    post("/api/v1/memories/{id}/update", Is("memory.updated"), Path("memory")),
    post("/api/v1/memories/update", Is("memory.updated"), Body("memory")),
    post("/api/v1/memories/reset", Is("memory.reset"), Oneself),
    delete("/api/v1/memories/delete/user", Is("memory.reset"), Oneself),
    delete("/api/v1/memories/{id}", Is("memory.deleted"), Path("memory")),
    post("/api/v1/calendars/create", Is("calendar.created"), Body("calendar")),
    post("/api/v1/calendars/events/create", Is("calendar.event.created"), Body("calendar.event")),
    post("/api/v1/calendars/events/{id}/update", Is("calendar.event.updated"), Path("calendar.event")),
    post("/api/v1/calendars/events/{id}/rsvp", Is("calendar.event.rsvp_updated"), Path("calendar.event")),
    delete("/api/v1/calendars/events/{id}/delete", Is("calendar.event.deleted"), Path("calendar.event")),
    post("/api/v1/calendars/{id}/update", Is("calendar.updated"), Path("calendar")),
    post("/api/v1/calendars/{id}/access/update", Is("calendar.updated"), Path("calendar")),
    post("/api/v1/calendars/{id}/default", Is("calendar.default_updated"), Path("calendar")),
    delete("/api/v1/calendars/{id}/delete", Is("calendar.deleted"), Path("calendar")),
    post("/api/v1/evaluations/feedback", Is("feedback.created"), Body("feedback")),
    post("/api/v1/evaluations/feedback/{id}", Is("feedback.updated"), Path("feedback")),
    delete("/api/v1/evaluations/feedback/{id}", Is("feedback.deleted"), Path("feedback")),
    delete("/api/v1/evaluations/feedbacks", Is("feedback.deleted_all"), Nothing),
    delete("/api/v1/evaluations/feedbacks/all", Is("feedback.deleted_all"), Nothing),
    // Models
    post("/api/v1/models/create", Is("model.created"), Body("model")),
    post("/api/v1/models/import", Is("model.imported"), Nothing),
    post("/api/v1/models/sync", Is("model.synced"), Nothing),
    post("/api/v1/models/model/toggle", active("model.enabled", "model.disabled", "model.updated"), Query("model")),
    post("/api/v1/models/model/update", Is("model.updated"), Body("model")),
    post("/api/v1/models/model/update/version", Is("model.updated"), Body("model")),
    post("/api/v1/models/model/access/update", Is("model.access_updated"), Body("model")),
    post("/api/v1/models/model/delete", Is("model.deleted"), Body("model")),
    delete("/api/v1/models/delete/all", Is("model.deleted"), Nothing),
    post("/ollama/api/pull", Is("model.provider_model.created"), Nothing),
    post("/ollama/api/pull/{}", Is("model.provider_model.created"), Nothing),
    post("/ollama/api/create", Is("model.provider_model.created"), Nothing),
    post("/ollama/api/create/{}", Is("model.provider_model.created"), Nothing),
    post("/ollama/models/{*}", Is("model.provider_model.created"), Nothing),
    delete("/ollama/api/delete", Is("model.provider_model.deleted"), Nothing),
    delete("/ollama/api/delete/{}", Is("model.provider_model.deleted"), Nothing),
    delete("/openai/models/{}", Is("model.provider_model.deleted"), Nothing),
    // Functions, tools, skills, prompts, pipelines, automations
    post("/api/v1/functions/create", Is("function.created"), Body("function")),
    post("/api/v1/functions/id/{id}/toggle", active("function.enabled", "function.disabled", "function.updated"), Path("function")),
    post("/api/v1/functions/id/{id}/toggle/global", Is("function.updated"), Path("function")),
    post("/api/v1/functions/id/{id}/update", Is("function.updated"), Path("function")),
    post("/api/v1/functions/id/{id}/update/version", Is("function.updated"), Path("function")),
    post("/api/v1/functions/id/{id}/valves/update", Is("function.valves_updated"), Path("function")),
    post("/api/v1/functions/id/{id}/valves/user/update", Is("function.valves_updated"), Path("function")),
    delete("/api/v1/functions/id/{id}/delete", Is("function.deleted"), Path("function")),
    post("/api/v1/functions/sync", Is("function.updated"), Nothing),
    post("/api/v1/tools/create", Is("tool.created"), Body("tool")),
    post("/api/v1/tools/id/{id}/update", Is("tool.updated"), Path("tool")),
    post("/api/v1/tools/id/{id}/update/version", Is("tool.updated"), Path("tool")),
    post("/api/v1/tools/id/{id}/access/update", Is("tool.access_updated"), Path("tool")),
    post("/api/v1/tools/id/{id}/valves/update", Is("tool.valves_updated"), Path("tool")),
    post("/api/v1/tools/id/{id}/valves/user/update", Is("tool.valves_updated"), Path("tool")),
    delete("/api/v1/tools/id/{id}/delete", Is("tool.deleted"), Path("tool")),
    post("/api/v1/skills/create", Is("skill.created"), Body("skill")),
    post("/api/v1/skills/id/{id}/toggle", active("skill.enabled", "skill.disabled", "skill.updated"), Path("skill")),
    post("/api/v1/skills/id/{id}/update", Is("skill.updated"), Path("skill")),
    post("/api/v1/skills/id/{id}/update/version", Is("skill.updated"), Path("skill")),
    post("/api/v1/skills/id/{id}/access/update", Is("skill.updated"), Path("skill")),
    delete("/api/v1/skills/id/{id}/delete", Is("skill.deleted"), Path("skill")),
    post("/api/v1/prompts/create", Is("prompt.created"), Body("prompt")),
    post("/api/v1/prompts/id/{id}/toggle", active("prompt.enabled", "prompt.disabled", "prompt.updated"), Path("prompt")),
    post("/api/v1/prompts/id/{id}/update", Is("prompt.updated"), Path("prompt")),
    post("/api/v1/prompts/id/{id}/update/meta", Is("prompt.updated"), Path("prompt")),
    post("/api/v1/prompts/id/{id}/update/version", Is("prompt.version_updated"), Path("prompt")),
    post("/api/v1/prompts/id/{id}/access/update", Is("prompt.access_updated"), Path("prompt")),
    delete("/api/v1/prompts/id/{id}/delete", Is("prompt.deleted"), Path("prompt")),
    post("/api/v1/pipelines/upload", Is("pipeline.uploaded"), Nothing),
    post("/api/v1/pipelines/add", Is("pipeline.added"), Nothing),
    delete("/api/v1/pipelines/delete", Is("pipeline.deleted"), Nothing),
    post("/api/v1/pipelines/{id}/valves/update", Is("pipeline.valves_updated"), Path("pipeline")),
    post("/api/v1/automations/create", Is("automation.created"), Body("automation")),
    post("/api/v1/automations/{id}/update", Is("automation.updated"), Path("automation")),
    post("/api/v1/automations/{id}/toggle", active("automation.enabled", "automation.disabled", "automation.updated"), Path("automation")),
    post("/api/v1/automations/{id}/run", Is("automation.run_started"), Path("automation")),
    delete("/api/v1/automations/{id}/delete", Is("automation.deleted"), Path("automation")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(method: &str, path: &str) -> Option<Deed> {
        find(method, path).map(|matched| matched.deed)
    }

    #[test]
    fn the_target_is_the_braced_segment() {
        let matched = find("POST", "/api/v1/knowledge/k-1/file/add").expect("in the table");
        assert_eq!(matched.id, Some("k-1"));
        assert_eq!(matched.aim, KnowledgeFile);
    }

    #[test]
    fn a_trailing_slash_makes_no_difference_but_an_empty_id_does() {
        assert_eq!(deed("DELETE", "/api/v1/chats/"), Some(Is("chat.deleted_all")));
        assert_eq!(deed("DELETE", "/api/v1/chats/c-1"), Some(Is("chat.deleted")));
        assert_eq!(deed("POST", "/api/v1/chats//share"), None);
    }

    #[test]
    fn both_spellings_of_the_completion_route_are_one() {
        assert_eq!(deed("POST", "/api/chat/completions"), Some(Completion));
        assert_eq!(deed("POST", "/api/v1/chat/completions"), Some(Completion));
    }

    #[test]
    fn a_secret_in_the_path_is_taken_out() {
        let matched = find("POST", "/api/v1/channels/webhooks/w-1/very-secret").expect("in the table");
        assert_eq!(matched.safe_path.as_deref(), Some("/api/v1/channels/webhooks/w-1/***"));
    }

    #[test]
    fn what_is_not_in_the_table_matches_nothing() {
        assert_eq!(deed("POST", "/api/v1/no/such/route"), None);
        assert_eq!(deed("PUT", "/api/v1/chats/new"), None);
    }

    #[test]
    fn no_row_is_hidden_behind_an_earlier_one() {
        for (at, route) in ROUTES.iter().enumerate() {
            let sample = route
                .pattern
                .replace("{id}", "x-id")
                .replace("{secret}", "s")
                .replace("{*}", "rest")
                .replace("{}", "x");
            let first = ROUTES.iter().position(|earlier| {
                earlier.method == route.method && matches(earlier.pattern, &sample).is_some()
            });
            assert_eq!(first, Some(at), "{} {} is answered by an earlier row", route.method, route.pattern);
        }
    }

    #[test]
    fn every_action_is_in_the_taxonomy() {
        for route in ROUTES {
            let actions = match route.deed {
                Is(action) => vec![action],
                Switch { on, off, unseen, .. } => vec![on, off, unseen],
                Entry { entered, refused } => vec![entered, refused],
                Completion => vec!["chat.completion"],
                UserUpdate => vec!["user.role_updated", "auth.password_changed", "user.updated"],
            };
            for action in actions {
                assert!(audit_event::taxonomy::lookup(action).is_some(), "{action} is not in the taxonomy");
            }
        }
    }
}

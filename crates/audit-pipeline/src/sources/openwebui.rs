//! Everything that knows Open WebUI's paths and payloads.
//!
//! What a recording cannot know stays `unknown` or absent; it is never guessed. The two files of Open WebUI see
//! different things:
//!
//! | | audit file | webhook |
//! |---|---|---|
//! | client address | yes, as Open WebUI believed it | no, unless the event function sent it |
//! | outcome | only at level `REQUEST_RESPONSE` | yes |
//! | refused sign-ins | yes, without the name that was tried | no |
//! | who signed in | no | yes |
//! | reads | only with `ENABLE_AUDIT_GET_REQUESTS` | no |
//! | tokens | where the provider was asked for them | no |
//! | what the server does on its own | no | yes |

pub mod accounts;
pub mod admin_entry;
pub(super) mod audit_file;
mod bodies;
pub mod caller;
pub mod completions;
pub mod exchange;
pub mod identity;
pub mod inventory;
pub mod ownership;
pub mod sightings;
pub mod socket;
pub mod table;
pub(super) mod webhook;

use audit_event::{ActorType, Event, Outcome, Target, taxonomy};

/// A target of that type and id.
fn target(kind: impl Into<String>, id: impl Into<String>) -> Target<'static> {
    Target { kind: Some(kind.into().into()), id: Some(id.into().into()), name: None }
}

/// One sentence a person can read. It claims no success that is not known.
#[must_use]
pub fn sentence(event: &Event<'_>) -> String {
    let actor = event.actor.as_ref();
    let unnamed = match actor.and_then(|actor| actor.kind) {
        Some(ActorType::System) => "Open WebUI",
        Some(ActorType::Anonymous) => "A caller without a valid credential",
        _ => "Someone",
    };
    let who = actor.and_then(|actor| actor.name.as_deref().or(actor.email.as_deref())).unwrap_or(unnamed);
    let to = object(event);
    let what = match taxonomy::lookup(&event.action) {
        Some(info) if is_about_all_chats(event) => {
            format!("{}s of the own account", info.sentence(who, None))
        }
        Some(info) => info.sentence(who, to),
        None => format!("{who}: {}{}", event.action, to.map(|to| format!(" {to}")).unwrap_or_default()),
    };
    let says_so_itself = event.action.ends_with("failed") || event.action.ends_with("denied");
    match event.outcome {
        _ if says_so_itself => what,
        Outcome::Success => what,
        Outcome::Failure => what + " (failed)",
        Outcome::Denied => what + " (denied)",
        Outcome::Unknown => what + " (outcome unknown)",
    }
}

/// What the sentence is about: the model for calls of one, else the target, unless that is the actor again; for a
/// request of which no more is known, its path.
fn object<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let is_call = matches!(event.action.as_ref(), "chat.completion" | "embeddings.created" | "model.called");
    if is_call {
        return event.model.as_ref()?.id.as_deref();
    }
    let Some(target) = event.target.as_ref() else {
        let is_any_request = matches!(event.action.as_ref(), "api.request" | "access.denied");
        return event.http.as_ref().filter(|_| is_any_request)?.path.as_deref();
    };
    let actor_id = event.actor.as_ref().and_then(|actor| actor.id.as_deref());
    let is_actor = target.id.is_some() && target.id.as_deref() == actor_id;
    if is_actor { None } else { target.name.as_deref().or(target.id.as_deref()) }
}

/// Some actions on a chat are done to all of one's own; then the target is the user.
fn is_about_all_chats(event: &Event<'_>) -> bool {
    let on_a_user = event.target.as_ref().and_then(|target| target.kind.as_deref()) == Some("user");
    on_a_user && matches!(event.action.as_ref(), "chat.archived" | "chat.unarchived" | "chat.unshared")
}

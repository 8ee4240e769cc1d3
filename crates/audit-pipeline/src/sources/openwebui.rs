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

pub(super) mod audit_file;
mod bodies;
mod routes;
pub(super) mod webhook;

use audit_event::{ActorType, Event, Outcome, Target, taxonomy};

/// A target of that type and id.
fn target(kind: impl Into<String>, id: impl Into<String>) -> Target<'static> {
    Target { kind: Some(kind.into().into()), id: Some(id.into().into()), name: None }
}

/// One sentence a person can read. It claims no success that is not known.
fn sentence(event: &Event<'_>) -> String {
    let actor = event.actor.as_ref();
    let unnamed = match actor.and_then(|actor| actor.kind) {
        Some(ActorType::System) => "Open WebUI",
        Some(ActorType::Anonymous) => "A caller without a valid credential",
        _ => "Someone",
    };
    let who = actor.and_then(|actor| actor.name.as_deref().or(actor.email.as_deref())).unwrap_or(unnamed);
    let to = event.target.as_ref().and_then(|target| target.name.as_deref().or(target.id.as_deref()));
    let what = match taxonomy::lookup(&event.action) {
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

//! Open WebUI's native events, as its webhooks and event functions send them; one JSON object a line.
//!
//! Three shapes of line are understood: the event itself; what an event function posts (`event` with the event,
//! `request` with method, path and client); and a recorded request (`body` with either of them). The same event
//! comes once per webhook and function; its `id` makes them one.
//!
//! A webhook says what happened, so the outcome is known. It never says from where, unless an event function sent
//! the request along. Of `data` only named members are taken: it also holds answers and beginnings of prompts.

use audit_event::{
    Actor, ActorType, Category, Change, Client, Event, Http, Json, Model, Org, Outcome, Source, Target,
    taxonomy,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::audit_file::from_seconds;
use crate::sources::Refusal;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Recorded { body: Box<Line> },
    Function { event: Box<Native>, request: Option<Request> },
    Plain(Box<Native>),
}

#[derive(Deserialize)]
struct Native {
    id: String,
    event: String,
    created_at: f64,
    instance_id: Option<String>,
    source: Option<String>,
    actor: Option<NativeActor>,
    subject: Option<Subject>,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Deserialize)]
struct NativeActor {
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    method: Option<String>,
    path: Option<String>,
    client: Option<String>,
    user_agent: Option<String>,
}

/// Reads one line.
pub(in crate::sources) fn read(line: &[u8]) -> Result<Event<'static>, Refusal> {
    let value: Value = serde_json::from_slice(line).map_err(|e| Refusal::json("a webhook event", &e))?;
    let line = Line::deserialize(value).map_err(|_| Refusal {
        field: String::new(),
        code: "not_a_webhook_event",
        message: "this is not an Open WebUI event: it needs `id`, `event` and `created_at`".to_owned(),
    })?;
    let (native, request) = line.unwrap_recorded();
    Ok(native.into_event(request))
}

impl Line {
    fn unwrap_recorded(self) -> (Native, Option<Request>) {
        match self {
            Line::Recorded { body } => body.unwrap_recorded(),
            Line::Function { event, request } => (*event, request),
            Line::Plain(event) => (*event, None),
        }
    }
}

impl Native {
    fn into_event(self, request: Option<Request>) -> Event<'static> {
        let mut event = Event::new(self.event.clone(), Source::Webhook);
        event.id = Some(self.id.clone().into());
        event.time = Some(from_seconds(self.created_at));
        event.instance = self.instance_id.clone().map(Into::into);
        event.category = taxonomy::lookup(&self.event).is_none().then(|| category_of(&self.event));
        event.outcome = outcome_of(&self.event);
        event.reason = self.text("error_type").map(Into::into);
        event.actor = Some(self.actor());
        event.org = self.role().map(|role| Org { role: Some(role.into()), ..Org::default() });
        (event.target, event.targets) = self.targets();
        event.model = self.model();
        event.changes = self.changes();
        event.details = Some(self.details());
        if let Some(request) = request {
            event.client = request.client();
            event.http = request.http();
        }
        event.message = Some(super::sentence(&event).into());
        event
    }

    /// Without an actor it was the server itself, or, through SCIM, the identity provider.
    fn actor(&self) -> Actor<'static> {
        match &self.actor {
            Some(actor) => Actor {
                kind: Some(ActorType::User),
                id: actor.id.clone().map(Into::into),
                name: actor.name.clone().map(Into::into),
                email: actor.email.clone().map(Into::into),
            },
            None if self.source.as_deref() == Some("scim") => {
                Actor { kind: Some(ActorType::Service), name: Some("SCIM".into()), ..Actor::default() }
            }
            None => Actor { kind: Some(ActorType::System), ..Actor::default() },
        }
    }

    fn role(&self) -> Option<String> {
        self.actor.as_ref().and_then(|actor| actor.role.clone())
    }

    fn targets(&self) -> (Option<Target<'static>>, Vec<Target<'static>>) {
        let subject = self.subject.as_ref();
        let id = subject.and_then(|subject| subject.id.clone());
        let kind = subject.and_then(|subject| subject.kind.clone());
        let seen = kind.zip(id).map(|(kind, id)| self.named(super::target(kind, id)));
        match self.event.as_str() {
            // The event's subject is the file; what was changed is the knowledge base.
            event if event.starts_with("knowledge.file.") => {
                let file = seen.map(|file| Target { kind: Some("file".into()), ..file });
                (
                    self.text("knowledge_id").map(|id| super::target("knowledge", id)),
                    file.into_iter().collect(),
                )
            }
            // The event's subject is the copy; what was acted on is the original.
            "chat.cloned" => match self.text("original_chat_id") {
                Some(original) => (Some(super::target("chat", original)), seen.into_iter().collect()),
                None => (seen, Vec::new()),
            },
            "group.member_added" | "group.member_removed" => (seen, self.ids("user_ids", "user")),
            "chat.imported" => (None, self.ids("chat_ids", "chat")),
            _ => (seen, Vec::new()),
        }
    }

    fn named(&self, target: Target<'static>) -> Target<'static> {
        let own = self
            .actor
            .as_ref()
            .filter(|actor| actor.id.is_some() && actor.id.as_deref() == target.id.as_deref());
        let name = own
            .and_then(|actor| actor.email.clone())
            .or_else(|| ["name", "title", "filename"].into_iter().find_map(|member| self.text(member)));
        Target { name: name.map(Into::into), ..target }
    }

    fn ids(&self, member: &str, kind: &str) -> Vec<Target<'static>> {
        let ids = self.data.get(member).and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(Value::as_str).map(|id| super::target(kind, id)).collect()
    }

    fn model(&self) -> Option<Model<'static>> {
        let id = ["requested_model", "model_id", "model"].into_iter().find_map(|member| self.text(member))?;
        Some(Model { id: Some(id.into()), provider: self.text("provider").map(Into::into) })
    }

    /// Only new values are known, never old ones.
    fn changes(&self) -> Vec<Change<'static>> {
        let changed =
            |field: String, after: Option<Json<'static>>| Change { field: field.into(), before: None, after };
        match self.event.as_str() {
            "user.role_updated" => self
                .text("role")
                .map(|role| changed("role".to_owned(), Some(role.into())))
                .into_iter()
                .collect(),
            "user.updated" | "user.profile_updated" => {
                let fields = self.data.get("updated_fields").and_then(Value::as_array).into_iter().flatten();
                fields.filter_map(Value::as_str).map(|field| changed(field.to_owned(), None)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn details(&self) -> Json<'static> {
        let event_source = self.source.clone().map(|source| ("event_source".to_owned(), Json::from(source)));
        let taken = DETAILS.iter().filter_map(|member| {
            let value = self.data.get(*member).filter(|value| !value.is_null() && !value.is_object())?;
            Some(((*member).to_owned(), Json::from(value.clone())))
        });
        Json::object(event_source.into_iter().chain(taken))
    }

    fn text(&self, member: &str) -> Option<String> {
        self.data.get(member).and_then(Value::as_str).map(str::to_owned)
    }
}

/// The members of `data` that are facts about the event and can hold neither content nor secrets.
const DETAILS: &[&str] = &[
    "action",
    "auth_method",
    "base_url_count",
    "chat_id",
    "collection_name",
    "content_type",
    "count",
    "delete_file",
    "directory_id",
    "enabled",
    "events",
    "folder_id",
    "is_active",
    "knowledge_id",
    "message_id",
    "owner_id",
    "parent_group_id",
    "provider",
    "role",
    "share_id",
    "status",
    "tag",
    "type",
    "types",
    "upstream_error_code",
];

impl Request {
    fn client(&self) -> Option<Client<'static>> {
        let ip = self.client.as_deref().and_then(|ip| ip.parse().ok());
        let user_agent = self.user_agent.clone().map(Into::into);
        (ip.is_some() || user_agent.is_some()).then(|| Client { ip, user_agent, ..Client::default() })
    }

    /// The made-up request of an automation's run has no method that a client would have sent.
    fn http(&self) -> Option<Http<'static>> {
        let path = self.path.as_deref().filter(|path| !path.contains("/internal"))?;
        let safe = super::table::RouteTable::embedded().safe_path(path);
        Some(Http { method: self.method.clone().map(Into::into), path: Some(safe.into()), ..Http::default() })
    }
}

/// Events tell what happened; those that tell of a failure say so in their name.
fn outcome_of(event: &str) -> Outcome {
    let last = event.rsplit(['.', '_']).next().unwrap_or(event);
    if matches!(last, "failed" | "throttled") { Outcome::Failure } else { Outcome::Success }
}

/// The category of an event that a later version of Open WebUI added, by the first word of its name.
fn category_of(event: &str) -> Category {
    match event.split('.').next().unwrap_or(event) {
        "auth" => Category::Authentication,
        "chat" | "message" | "channel" | "note" | "memory" => Category::Conversation,
        "file" | "folder" | "knowledge" | "retrieval" => Category::File,
        "image" | "audio" => Category::ModelUsage,
        "system" | "automation" | "terminal" | "notification" | "calendar" => Category::System,
        _ => Category::Administration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> Event<'static> {
        read(json.as_bytes()).expect("a webhook event")
    }

    #[test]
    fn an_event_of_a_later_version_gets_a_category_by_its_name() {
        let event =
            event(r#"{"id":"1","event":"memory.shared","created_at":1795400126,"data":{"secret":"x"}}"#);
        assert_eq!(event.category, Some(Category::Conversation));
        assert_eq!(event.outcome, Outcome::Success);
        assert_eq!(event.details, Some(Json::Object(Vec::new())), "unknown members are left out");
    }

    #[test]
    fn names_of_failures_are_failures() {
        for name in
            ["chat.failed", "auth.mfa.failed", "auth.mfa.throttled", "retrieval.content.process_failed"]
        {
            assert_eq!(outcome_of(name), Outcome::Failure, "{name}");
        }
        for name in ["chat.finished", "chat.deleted_all", "automation.run_completed"] {
            assert_eq!(outcome_of(name), Outcome::Success, "{name}");
        }
    }

    #[test]
    fn without_an_actor_it_was_the_server_or_the_identity_provider() {
        let kind = |event: Event<'_>| event.actor.and_then(|actor| actor.kind);
        let scim = r#"{"id":"1","event":"user.created","created_at":1,"source":"scim","actor":null}"#;
        let server =
            r#"{"id":"2","event":"system.startup.started","created_at":1,"source":"system","actor":null}"#;
        assert_eq!(kind(event(scim)), Some(ActorType::Service));
        assert_eq!(kind(event(server)), Some(ActorType::System));
    }

    #[test]
    fn the_three_shapes_of_a_line_give_the_same_event() {
        let plain = r#"{"id":"1","event":"chat.deleted","created_at":1,"data":{"owner_id":"u"}}"#;
        let function = format!(r#"{{"event":{plain},"event_id":"1","request":null}}"#);
        let recorded = format!(r#"{{"seq":0,"path":"/hook","status":503,"body":{plain}}}"#);
        let of_function = format!(r#"{{"seq":1,"path":"/function","status":200,"body":{function}}}"#);
        for line in [function, recorded, of_function] {
            assert_eq!(event(&line), event(plain), "{line}");
        }
    }

    #[test]
    fn something_else_is_refused_with_what_is_missing() {
        let refusal = read(br#"{"verb":"POST"}"#).expect_err("no event");
        assert_eq!(refusal.code, "not_a_webhook_event");
        assert!(refusal.message.contains("`event`"), "{refusal}");
        assert_eq!(read(b"{\"id\":").expect_err("no JSON").code, "malformed_json");
    }
}

//! Open WebUI's audit file (`audit.log`), one JSON object a line, at its levels `METADATA`, `REQUEST` and
//! `REQUEST_RESPONSE`.
//!
//! - Only `REQUEST_RESPONSE` has a status; below it every outcome is `unknown`, save that of a request whose
//!   credential was refused: that line has no user, on a route that needs one.
//! - On sign-in and sign-up the line's `user` is whoever the browser was signed in as before, if anybody, not the
//!   one who signs in. So these events have no actor; the former user stands in `details.session_user`.
//! - A line with `extra.event = "model_usage"` is an own event, `model.called`, with `details.request_id` naming the
//!   request's event.
//! - Of the bodies only the members listed in `bodies` are read.

use audit_event::{
    Actor, ActorType, Change, Client, Event, Http, Json, Model, Org, Outcome, Source, Target, Timestamp,
    Usage,
};
use serde::Deserialize;

use super::bodies::{Answer, Named, completion_answer};
use super::routes::{self, Aim, Caller, Deed, Matched};
use crate::sources::Refusal;

#[derive(Deserialize)]
pub(super) struct Line {
    id: Option<String>,
    timestamp: f64,
    #[serde(default)]
    user: User,
    audit_level: Option<String>,
    verb: String,
    request_uri: String,
    response_status_code: Option<u16>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    model_id: Option<String>,
    usage: Option<LineUsage>,
    request_object: Option<String>,
    response_object: Option<String>,
    extra: Option<Extra>,
}

#[derive(Deserialize, Default)]
struct User {
    id: Option<String>,
    email: Option<String>,
    role: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct LineUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Extra {
    event: Option<String>,
    request_id: Option<String>,
}

/// Reads one line.
pub(in crate::sources) fn read(line: &[u8]) -> Result<Event<'static>, Refusal> {
    let line: Line = serde_json::from_slice(line).map_err(|e| Refusal::json("an audit.log entry", &e))?;
    Ok(line.into_event())
}

impl Line {
    fn into_event(self) -> Event<'static> {
        let mut event = if self.is_usage() { self.usage_event() } else { self.request_event() };
        event.id = self.id.clone().map(Into::into);
        event.time = Some(from_seconds(self.timestamp));
        event.client = self.client();
        // The role is the user's of the line, which is not always the actor.
        let by_user = event.actor.as_ref().is_some_and(|actor| actor.id.is_some());
        let role = self.user.role.clone().filter(|_| by_user);
        event.org = role.map(|role| Org { role: Some(role.into()), ..Org::default() });
        event.message = Some(super::sentence(&event).into());
        event
    }

    fn is_usage(&self) -> bool {
        self.extra.as_ref().and_then(|extra| extra.event.as_deref()) == Some("model_usage")
    }

    fn usage_event(&self) -> Event<'static> {
        let mut event = Event::new("model.called", Source::AuditFile);
        // The line is written when the provider's answer, with its token counts, is there.
        event.outcome = Outcome::Success;
        event.actor = self.signed_in_user();
        event.model = self.model();
        event.target = self.model_id.clone().map(|id| super::target("model", id));
        event.usage = self.usage.as_ref().map(|usage| Usage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            ..Usage::default()
        });
        let request_id = self.extra.as_ref().and_then(|extra| extra.request_id.clone());
        event.details = request_id.map(|id| Json::object([("request_id", id)]));
        event
    }

    fn request_event(&self) -> Event<'static> {
        let path = path_of(&self.request_uri);
        let row = routes::find(&self.verb, path);
        let request = Named::read(self.request_object.as_deref());
        let answer = Named::read(self.response_object.as_deref());

        let mut event = Event::new("api.request", Source::AuditFile);
        self.judge(row.as_ref(), &request, &answer, &mut event);
        event.actor = self.actor(row.as_ref());
        if let Some(row) = &row {
            self.aim(row, &request, &answer, &mut event);
        }
        event.model = self.model();
        let recorded_path = row.and_then(|row| row.safe_path).unwrap_or_else(|| path.to_owned());
        event.http = Some(Http {
            method: Some(self.verb.clone().into()),
            path: Some(recorded_path.into()),
            status: self.response_status_code,
            request_id: self.id.clone().map(Into::into),
        });
        event.details = Some(self.details(&event));
        event
    }

    /// Sets action, outcome and reason.
    fn judge(&self, row: Option<&Matched<'_>>, request: &Named, answer: &Named, event: &mut Event<'static>) {
        let status = self.response_status_code;
        let nobody = self.user.id.is_none();
        let needs_user = row.is_none_or(|row| row.caller == Caller::SignedIn);
        let entering = row.is_some_and(|row| matches!(row.deed, Deed::Entry { .. }));
        let signing_out = row.is_some_and(|row| row.deed == Deed::Is("auth.logout"));

        let (action, outcome, reason) = if (nobody && needs_user) || (status == Some(401) && !entering) {
            let reason = if nobody { "invalid_credential" } else { "insufficient_rights" };
            ("access.denied", Outcome::Denied, Some(reason))
        } else if signing_out && nobody {
            ("api.request", outcome_of(status), Some("no_session"))
        } else {
            let action = row.map_or("api.request", |row| action_of(row.deed, status, request, answer));
            (action, outcome_of(status), status.and_then(|status| reason_of(status, entering)))
        };
        event.action = action.into();
        event.outcome = outcome;
        event.reason = reason.map(Into::into);

        let is_completion = row.is_some_and(|row| row.deed == Deed::Completion);
        if is_completion && event.outcome == Outcome::Success {
            event.outcome = match completion_answer(self.response_object.as_deref()) {
                Answer::Complete => Outcome::Success,
                Answer::Failed => Outcome::Failure,
                Answer::Unknown => Outcome::Unknown,
            };
        }
    }

    /// Sets target, targets and changes.
    fn aim(&self, row: &Matched<'_>, request: &Named, answer: &Named, event: &mut Event<'static>) {
        let in_path = row.id.map(str::to_owned);
        let named = |kind: &str, id: String| Target {
            name: request.name.clone().or_else(|| answer.name.clone()).map(Into::into),
            ..super::target(kind, id)
        };
        event.target = match row.aim {
            Aim::Nothing => None,
            Aim::Path(kind) => in_path.map(|id| named(kind, id)),
            Aim::Unnamed(kind) => in_path.map(|id| super::target(kind, id)),
            Aim::Body(kind) => answer.id.clone().or_else(|| request.id.clone()).map(|id| named(kind, id)),
            Aim::Query(kind) => query_parameter(&self.request_uri, "id").map(|id| super::target(kind, id)),
            Aim::Fixed(kind, id) => Some(super::target(kind, id)),
            Aim::Oneself => self.user.id.clone().map(|id| Target {
                name: self.user.email.clone().map(Into::into),
                ..super::target("user", id)
            }),
            Aim::Chat => {
                answer.chat_id.clone().or_else(|| request.chat_id.clone()).map(|id| super::target("chat", id))
            }
            Aim::Collections => {
                request.collection_names.first().map(|id| super::target("knowledge", id.as_str()))
            }
            Aim::KnowledgeFile => in_path.map(|id| super::target("knowledge", id)),
        };
        event.targets = match row.aim {
            Aim::KnowledgeFile => {
                request.file_id.iter().map(|id| super::target("file", id.as_str())).collect()
            }
            Aim::Collections if request.collection_names.len() > 1 => {
                request.collection_names.iter().map(|id| super::target("knowledge", id.as_str())).collect()
            }
            _ => Vec::new(),
        };
        if row.deed == Deed::UserUpdate {
            event.changes = user_changes(request);
            if let Some(target) = &mut event.target {
                target.name = request.email.clone().or_else(|| answer.email.clone()).map(Into::into);
            }
        }
    }

    fn actor(&self, row: Option<&Matched<'_>>) -> Option<Actor<'static>> {
        let entering = row.is_some_and(|row| matches!(row.deed, Deed::Entry { .. }));
        let may_be_anybody = row.is_some_and(|row| row.caller == Caller::Anybody);
        match self.signed_in_user() {
            _ if entering => None,
            None if may_be_anybody => None,
            None => Some(Actor { kind: Some(ActorType::Anonymous), ..Actor::default() }),
            user => user,
        }
    }

    fn signed_in_user(&self) -> Option<Actor<'static>> {
        let id = self.user.id.clone()?;
        Some(Actor {
            kind: Some(ActorType::User),
            id: Some(id.into()),
            name: self.user.name.clone().map(Into::into),
            email: self.user.email.clone().map(Into::into),
        })
    }

    fn details(&self, event: &Event<'_>) -> Json<'static> {
        let mut details = Vec::new();
        if let Some(level) = &self.audit_level {
            details.push(("audit_level", Json::from(level.clone())));
        }
        if event.actor.is_none()
            && let Some(email) = &self.user.email
        {
            details.push(("session_user", Json::from(email.clone())));
        }
        Json::object(details)
    }

    fn client(&self) -> Option<Client<'static>> {
        let ip = self.source_ip.as_deref().and_then(|ip| ip.parse().ok());
        let user_agent = self.user_agent.clone().filter(|agent| !agent.is_empty());
        (ip.is_some() || user_agent.is_some()).then(|| Client {
            ip,
            user_agent: user_agent.map(Into::into),
            ..Client::default()
        })
    }

    fn model(&self) -> Option<Model<'static>> {
        self.model_id.clone().map(|id| Model { id: Some(id.into()), provider: None })
    }
}

fn action_of(deed: Deed, status: Option<u16>, request: &Named, answer: &Named) -> &'static str {
    let refused = status.is_some_and(|status| status >= 400);
    match deed {
        Deed::Is(action) => action,
        Deed::Entry { refused: action, .. } if refused => action,
        Deed::Entry { entered: action, .. } => action,
        Deed::Completion => "chat.completion",
        Deed::Switch { member, on, off, unseen } => match answer.switch(member) {
            Some(true) => on,
            Some(false) => off,
            None => unseen,
        },
        Deed::UserUpdate if request.has("password") => "auth.password_changed",
        Deed::UserUpdate if request.members == ["role"] => "user.role_updated",
        Deed::UserUpdate => "user.updated",
    }
}

fn user_changes(request: &Named) -> Vec<Change<'static>> {
    let change = |field: &'static str, after: &Option<String>| {
        after.clone().map(|after| Change { field: field.into(), before: None, after: Some(after.into()) })
    };
    let known =
        [change("role", &request.role), change("name", &request.name), change("email", &request.email)];
    known.into_iter().flatten().collect()
}

fn outcome_of(status: Option<u16>) -> Outcome {
    match status {
        None => Outcome::Unknown,
        Some(401 | 403) => Outcome::Denied,
        Some(status) if status < 400 => Outcome::Success,
        Some(_) => Outcome::Failure,
    }
}

fn reason_of(status: u16, entering: bool) -> Option<&'static str> {
    match status {
        0..400 => None,
        400 if entering => Some("rejected"),
        403 => Some("forbidden"),
        404 => Some("not_found"),
        405 => Some("method_not_allowed"),
        413 => Some("too_large"),
        400 | 422 => Some("invalid_request"),
        429 => Some("rate_limited"),
        500.. => Some("server_error"),
        _ => Some("rejected"),
    }
}

/// The path of an absolute or relative URI, without query and fragment.
fn path_of(uri: &str) -> &str {
    let after_scheme = uri.find("://").map_or(uri, |at| &uri[at + 3..]);
    let path = match after_scheme.find('/') {
        Some(at) => &after_scheme[at..],
        None => "/",
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

fn query_parameter(uri: &str, name: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decoded(value))
}

/// Undoes percent encoding; what is not UTF-8 then becomes the replacement character.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates: no time is out of range")]
pub(super) fn from_seconds(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_cut_out_of_the_uri() {
        assert_eq!(path_of("http://127.0.0.1:8080/api/v1/files/?process=false"), "/api/v1/files/");
        assert_eq!(path_of("https://chat.example"), "/");
        assert_eq!(path_of("/api/v1/chats/x#y"), "/api/v1/chats/x");
    }

    #[test]
    fn query_parameters_are_decoded() {
        let uri = "http://h/api/v1/models/model/toggle?x=1&id=ada%2Fb%20c+%zz";
        assert_eq!(query_parameter(uri, "id").as_deref(), Some("ada/b c %zz"));
        assert_eq!(query_parameter(uri, "missing"), None);
    }
}

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
    Actor, ActorType, Client, Event, Http, Json, Model, Org, Outcome, Source, Timestamp, Usage,
};
use serde::Deserialize;

use super::bodies::{Answer, completion_answer};
use super::completions::UsageReader;
use super::table::{Deed, RouteTable, Scene, Sight, Someone};
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
        let table = RouteTable::embedded();
        let uri = relative(&self.request_uri);
        let found = table.find(&self.verb, uri);
        let scene = found.as_ref().map(|found| {
            Scene::read(&Sight {
                row: found.row,
                target: uri,
                path: &found.path,
                caller: self.user.id.as_deref().map(|id| Someone { id, email: self.user.email.as_deref() }),
                request: self.request_object.as_deref().unwrap_or_default().as_bytes(),
                answer: self.response_object.as_deref().unwrap_or_default().as_bytes(),
                answer_end: &[],
                before: None,
            })
        });
        let row = found.as_ref().map(|found| Known { deed: &found.row.deed, anybody: found.row.anybody });

        let mut event = Event::new("api.request", Source::AuditFile);
        self.judge(row, scene.as_ref(), &mut event);
        event.actor = self.actor(row);
        if let Some(scene) = scene.filter(|_| row.is_some_and(|row| !row.is_entry())) {
            event.target = scene.target();
            event.targets = scene.targets();
            event.changes = scene.set_of_user();
        }
        event.model = self.model();
        event.http = Some(Http {
            method: Some(self.verb.clone().into()),
            path: Some(table.safe_path(uri).into()),
            status: self.response_status_code,
            request_id: self.id.clone().map(Into::into),
        });
        event.details = Some(self.details(&event));
        event
    }

    /// Sets action, outcome and reason.
    fn judge(&self, row: Option<Known<'_>>, scene: Option<&Scene<'_>>, event: &mut Event<'static>) {
        let status = self.response_status_code;
        let nobody = self.user.id.is_none();
        let needs_user = row.is_none_or(|row| !row.anybody);
        let entering = row.is_some_and(Known::is_entry);
        let signing_out = row.is_some_and(|row| matches!(row.deed, Deed::SignOut { .. }));

        let (action, outcome, reason) = if (nobody && needs_user) || (status == Some(401) && !entering) {
            let reason = if nobody { "invalid_credential" } else { "insufficient_rights" };
            ("access.denied", Outcome::Denied, Some(reason))
        } else if signing_out && nobody {
            ("api.request", outcome_of(status), Some("no_session"))
        } else {
            let outcome = outcome_of(status);
            let action = scene.map_or("api.request", |scene| scene.action_of(outcome));
            (action, outcome, status.and_then(|status| reason_of(status, entering)))
        };
        event.action = action.to_owned().into();
        event.outcome = outcome;
        event.reason = reason.map(Into::into);

        let is_completion = row.is_some_and(|row| *row.deed == Deed::Completion);
        if is_completion && event.outcome == Outcome::Success {
            let answer = self.response_object.as_deref().unwrap_or_default();
            let completion = UsageReader::of_parts(answer.as_bytes(), b"");
            event.outcome = match completion_answer(&completion) {
                Answer::Complete => Outcome::Success,
                Answer::Failed => Outcome::Failure,
                Answer::Follows | Answer::Unknown => Outcome::Unknown,
            };
        }
    }

    fn actor(&self, row: Option<Known<'_>>) -> Option<Actor<'static>> {
        let entering = row.is_some_and(Known::is_entry);
        let may_be_anybody = row.is_some_and(|row| row.anybody);
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

/// What is known of a route.
#[derive(Clone, Copy)]
struct Known<'t> {
    deed: &'t Deed,
    anybody: bool,
}

impl Known<'_> {
    const fn is_entry(self) -> bool {
        matches!(self.deed, Deed::Entry(_))
    }
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

/// Path and query of an absolute or relative URI.
fn relative(uri: &str) -> &str {
    let after_scheme = uri.find("://").map_or(uri, |at| &uri[at + 3..]);
    let from_path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    from_path.split('#').next().unwrap_or(from_path)
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
        assert_eq!(
            relative("http://127.0.0.1:8080/api/v1/files/?process=false"),
            "/api/v1/files/?process=false"
        );
        assert_eq!(relative("https://chat.example"), "/");
        assert_eq!(relative("/api/v1/chats/x#y"), "/api/v1/chats/x");
    }
}

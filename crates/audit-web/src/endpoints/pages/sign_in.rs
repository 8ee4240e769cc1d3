//! `/audit/sign-in`: a token once, then a session. Other ways to one are beside it.

pub(crate) mod emergency;
pub(crate) mod provider;

use askama::Template;
use audit_event::{Category, Event, Json, Outcome, Severity};
use axum::extract::State;
use axum::response::Response;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri};

use super::form::Form;
use super::frame::Frame;
use super::{page_of_ours, rendered, see};
use crate::activity::success;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::sign_ins::{self, Holder};
use crate::state::AppState;
use crate::visitor::Visitor;
use audit_control::Permission;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: &'a Frame,
    next: &'a str,
    problem: Option<String>,
    /// Why the identity provider's way did not work.
    provider_problem: Option<String>,
}

/// Somebody who tries.
struct Attempted<'a> {
    state: &'a AppState,
    frame: &'a Frame,
    visitor: &'a Visitor,
    next: &'a str,
}

/// The form.
pub(crate) async fn form(frame: Frame, uri: Uri) -> Result<Response> {
    let params = Params::any(uri.query());
    let next = page_of_ours(params.one("next")?.unwrap_or("/audit"));
    Ok(rendered(
        StatusCode::OK,
        &frame,
        &SignInPage { frame: &frame, next, problem: None, provider_problem: None },
    ))
}

/// Looks at the token, and begins a session if it is good.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Result<Response> {
    let next = page_of_ours(form.get("next")).to_owned();
    let (now, attempts) = (state.now(), &state.sign_ins().attempts);
    let attempt = Attempted { state: &state, frame: &frame, visitor: &visitor, next: &next };
    if let Some(response) = attempt.slowed() {
        return Ok(response);
    }
    let again = |status: StatusCode, problem: String| attempt.again(status, problem);
    let (caller, digest) = match state.access().present(form.get("token"), now) {
        Ok((caller, _)) if !caller.may_come_from(visitor.ip()) => {
            attempts.failed(visitor.ip(), now);
            refuse(&state, &visitor.clone().known_as(caller), "wrong_network");
            let problem = "This token is not for the address that you come from.";
            return Ok(again(StatusCode::FORBIDDEN, problem.to_owned()));
        }
        Ok((caller, digest)) if caller.may(Permission::EventsRead) => (caller, digest),
        Ok((caller, _)) => {
            attempts.failed(visitor.ip(), now);
            refuse(&state, &visitor.clone().known_as(caller), "permission_required");
            let problem =
                "This token may not read the audit log: one with the permission events.read is needed.";
            return Ok(again(StatusCode::FORBIDDEN, problem.to_owned()));
        }
        Err(problem) => {
            attempts.failed(visitor.ip(), now);
            refuse(&state, &visitor, problem.code().as_str());
            let problem = format!("That did not work: {}.", problem.detail());
            return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
    };
    attempts.succeeded(visitor.ip());
    let session_id = sign_ins::random_id().map_err(Problem::internal)?;
    let holder = Holder::Token(digest);
    let is_private = sign_ins::is_private(&extensions, &headers);
    let known = visitor.clone().known_as(caller);
    begin_session(&state, &known, (holder, session_id), &headers, is_private, see(&next))
}

impl Attempted<'_> {
    /// The answer to somebody who tried too often lately.
    fn slowed(&self) -> Option<Response> {
        let seconds = self.state.sign_ins().attempts.wait(self.visitor.ip(), self.state.now())?;
        Some(slowed(seconds, |status, problem| self.again(status, problem)))
    }

    fn again(&self, status: StatusCode, problem: String) -> Response {
        let page =
            SignInPage { frame: self.frame, next: self.next, problem: Some(problem), provider_problem: None };
        rendered(status, self.frame, &page)
    }
}

/// The answer to somebody who has to wait so many seconds: the form `again`, with a status and what is the matter.
fn slowed(seconds: i64, again: impl FnOnce(StatusCode, String) -> Response) -> Response {
    let problem = format!("Too many attempts failed. Try again in {seconds} seconds.");
    let mut response = again(StatusCode::TOO_MANY_REQUESTS, problem);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Begins a session under an id that nobody knew before, and adds its cookies to `response`. A session that the browser
/// still has ends: nobody else goes on with it.
fn begin_session(
    state: &AppState,
    known: &Visitor,
    (holder, session_id): (Holder, String),
    headers: &HeaderMap,
    is_private: bool,
    mut response: Response,
) -> Result<Response> {
    let now = state.now();
    if let Some(former) = state.sign_ins().find(headers, now) {
        state.sign_ins().end(&former);
    }
    let id = state.sign_ins().begin(holder.clone(), session_id, now).map_err(Problem::internal)?;
    note(state, known, &holder, "audit.signed_in", "signed in to the audit log's pages");
    for cookie in sign_ins::cookies(&id, is_private) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn refuse(state: &AppState, visitor: &Visitor, reason: &'static str) {
    let details = Json::object([("at", Json::from("sign-in".to_owned()))]);
    let event = Event {
        outcome: Outcome::Denied,
        reason: Some(reason.into()),
        details: Some(details),
        ..visitor.did("audit.access_denied")
    };
    state.activity().note(event, &visitor.key(), reason);
}

/// Records that somebody came or went, and by which way. Nobody overlooks the emergency's.
pub(super) fn note(state: &AppState, visitor: &Visitor, holder: &Holder, action: &'static str, deed: &str) {
    let name = visitor.name().unwrap_or_default().to_owned();
    let mut event = Event {
        category: Some(Category::Authentication),
        message: Some(format!("{name} {deed}").into()),
        ..success(visitor.did(action))
    };
    match holder {
        Holder::Token(_) => {}
        Holder::Guest(_) => event.details = Some(Json::object([("by", Json::from("oidc".to_owned()))])),
        Holder::Emergency(_) => {
            event.severity = Some(Severity::Critical);
            event.details = Some(Json::object([("break_glass", Json::from(true))]));
        }
    }
    state.activity().note_each(event);
}

//! `/audit/sign-in`: a token once, then a session.

use askama::Template;
use audit_event::{Category, Event, Json, Outcome};
use axum::body::Body;
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
use crate::sign_ins;
use crate::state::AppState;
use crate::visitor::Visitor;
use audit_control::Permission;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: &'a Frame,
    next: &'a str,
    problem: Option<String>,
}

/// The form.
pub(crate) async fn form(frame: Frame, uri: Uri) -> Result<Response> {
    let params = Params::any(uri.query());
    let next = page_of_ours(params.one("next")?.unwrap_or("/audit"));
    Ok(rendered(StatusCode::OK, &frame, &SignInPage { frame: &frame, next, problem: None }))
}

/// Looks at the token, and begins a session if it is good.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response> {
    let form = Form::read(body).await;
    let next = page_of_ours(form.get("next")).to_owned();
    let (now, attempts) = (state.now(), &state.sign_ins().attempts);
    let again = |status: StatusCode, problem: String| {
        rendered(status, &frame, &SignInPage { frame: &frame, next: &next, problem: Some(problem) })
    };
    if let Some(seconds) = attempts.wait(visitor.ip(), now) {
        let problem = format!("Too many attempts failed. Try again in {seconds} seconds.");
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, problem);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(response);
    }
    let caller = match state.access().present(form.get("token"), now) {
        Ok(caller) if caller.may(Permission::EventsRead) => caller,
        Ok(caller) => {
            attempts.failed(visitor.ip(), now);
            refuse(&state, &visitor.known_as(caller), "permission_required");
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
    // A session that the browser still has ends: nobody else goes on with it.
    if let Some(former) = state.sign_ins().find(&headers, now) {
        state.sign_ins().end(&former);
    }
    let id = state.sign_ins().begin(&caller, now).map_err(Problem::internal)?;
    note(&state, &visitor.known_as(caller), "audit.signed_in", "signed in to the audit log's pages");
    let mut response = see(&next);
    let is_private = sign_ins::is_private(&extensions, &headers);
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

/// Records that somebody came or went.
pub(super) fn note(state: &AppState, visitor: &Visitor, action: &'static str, deed: &str) {
    let name = visitor.name().unwrap_or_default().to_owned();
    let event = Event {
        category: Some(Category::Authentication),
        message: Some(format!("{name} {deed}").into()),
        ..success(visitor.did(action))
    };
    state.activity().note_each(event);
}

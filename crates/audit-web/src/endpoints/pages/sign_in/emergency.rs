//! `/audit/sign-in/emergency`: the break-glass password.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{Extensions, HeaderMap, StatusCode};

use super::{begin_session, refuse, slowed};
use crate::break_glass::Emergency;
use crate::endpoints::pages::form::Form;
use crate::endpoints::pages::frame::Frame;
use crate::endpoints::pages::{rendered, see};
use crate::problem::{Problem, Result};
use crate::sign_ins::{self, Holder, emergency_caller, emergency_user};
use crate::state::AppState;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "emergency.html")]
struct EmergencyPage<'a> {
    frame: &'a Frame,
    problem: Option<String>,
}

/// The form. It looks the same whether emergency access is on or off.
pub(crate) async fn form(frame: Frame) -> Response {
    rendered(StatusCode::OK, &frame, &EmergencyPage { frame: &frame, problem: None })
}

/// Looks at the password, and begins a short session if it is good.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Result<Response> {
    let (now, attempts) = (state.now(), &state.sign_ins().attempts);
    let again = |status: StatusCode, problem: String| {
        rendered(status, &frame, &EmergencyPage { frame: &frame, problem: Some(problem) })
    };
    let waits = [attempts.wait(visitor.ip(), now), state.emergency().wait(now)];
    if let Some(seconds) = waits.into_iter().flatten().max() {
        return Ok(slowed(seconds, again));
    }
    let Some(set_at) = Emergency::present(&state, form.get("password").to_owned()).await? else {
        attempts.failed(visitor.ip(), now);
        refuse(&state, &visitor, "break_glass_refused");
        let problem = "That did not work: emergency access is off, or this is not its password.";
        return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem.to_owned()));
    };
    attempts.succeeded(visitor.ip());
    tracing::warn!("emergency access to the audit log is in use");
    let session_id = sign_ins::random_id().map_err(Problem::internal)?;
    let holder = Holder::Emergency(set_at);
    let known = visitor.signed_in_as(emergency_caller(), emergency_user(&session_id));
    let is_private = sign_ins::is_private(&extensions, &headers);
    begin_session(&state, &known, (holder, session_id), &headers, is_private, see("/audit"))
}

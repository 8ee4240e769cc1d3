//! `POST /audit/sign-out`: the session ends.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::form::Form;
use super::{see, sign_in};
use crate::sign_ins;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Ends the session, if the form is one of its own pages', and goes to the sign-in.
pub(crate) async fn handle(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let form = Form::read(body).await;
    let Some(session) = state.sign_ins().find(&headers, state.now()) else { return see("/audit/sign-in") };
    if session.form_key() != form.get("key") {
        return see("/audit");
    }
    state.sign_ins().end(&session);
    if let Ok(caller) = state.access().by_id(session.token_id(), state.now()) {
        sign_in::note(
            &state,
            &visitor.known_as(caller),
            "audit.signed_out",
            "signed out of the audit log's pages",
        );
    }
    let mut response = see("/audit/sign-in");
    for cookie in sign_ins::cookies_of_nobody() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

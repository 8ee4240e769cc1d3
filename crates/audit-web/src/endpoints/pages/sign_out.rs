//! `POST /audit/sign-out`: the session ends.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::form::Form;
use super::{see, sign_in};
use subtle::ConstantTimeEq as _;

use crate::sign_ins::{self, Holder, SignIn, emergency_caller, emergency_user};
use crate::state::AppState;
use crate::visitor::Visitor;

/// Ends the session, if the form is one of its own pages', and goes to the sign-in.
pub(crate) async fn handle(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let Some(session) = state.sign_ins().find(&headers, state.now()) else { return see("/audit/sign-in") };
    if !bool::from(session.form_key().as_bytes().ct_eq(form.get("key").as_bytes())) {
        return see("/audit");
    }
    state.sign_ins().end(&session);
    if let Some(known) = known(&state, visitor, &session) {
        sign_in::note(
            &state,
            &known,
            session.holder(),
            "audit.signed_out",
            "signed out of the audit log's pages",
        );
    }
    let mut response = see(&further(&state, session.holder()));
    for cookie in sign_ins::cookies_of_nobody() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Who signs out.
fn known(state: &AppState, visitor: Visitor, session: &SignIn) -> Option<Visitor> {
    match session.holder() {
        Holder::Token(digest) => {
            state.access().by_digest(digest, state.now()).ok().map(|caller| visitor.known_as(caller))
        }
        Holder::Guest(guest) => {
            Some(visitor.signed_in_as(guest.caller(state)?, guest.user(session.session_id())))
        }
        Holder::Emergency(_) => {
            Some(visitor.signed_in_as(emergency_caller(), emergency_user(session.session_id())))
        }
    }
}

/// Where to go on: to the identity provider's own sign-out, if it has one and was the way in.
fn further(state: &AppState, holder: &Holder) -> String {
    let at_provider = match holder {
        Holder::Guest(guest) => state.provider().and_then(|provider| provider.sign_out(guest.id_token())),
        Holder::Token(_) | Holder::Emergency(_) => None,
    };
    at_provider.unwrap_or_else(|| "/audit/sign-in".to_owned())
}

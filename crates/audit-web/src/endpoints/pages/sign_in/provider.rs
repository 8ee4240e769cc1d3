//! `/audit/sign-in/provider` and its callback: signing in with the identity provider.

use std::sync::Arc;

use audit_event::{Actor, ActorType, Event, Json, Outcome};
use axum::extract::State;
use axum::response::Response;
use http::header::{REFERRER_POLICY, SET_COOKIE};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri};

use super::{Attempted, SignInPage, begin_session};
use crate::endpoints::pages::frame::Frame;
use crate::endpoints::pages::{moved, page_of_ours, rendered, see};
use crate::oidc::{ATTEMPT_COOKIE, ATTEMPT_SECONDS, Begun, Provider, Refusal, Returned};
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::sign_ins::{self, Guest, Holder};
use crate::state::AppState;
use crate::visitor::Visitor;

/// Sends the browser to the provider.
pub(crate) async fn begin(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    uri: Uri,
) -> Result<Response> {
    let params = Params::any(uri.query());
    let next = page_of_ours(params.one("next")?.unwrap_or("/audit"));
    let attempt = Attempted { state: &state, frame: &frame, visitor: &visitor, next };
    let provider = provider(&state)?;
    match provider.begin(next, state.now()).await {
        Ok(Begun { location, cookie }) => {
            let mut response = see(&location);
            let life = ATTEMPT_SECONDS;
            response.headers_mut().append(
                SET_COOKIE,
                attempt_cookie(&cookie, life, sign_ins::is_private(&extensions, &headers))?,
            );
            Ok(response)
        }
        Err(refusal) => Ok(attempt.refused(&refusal)),
    }
}

/// Takes the browser back from the provider.
pub(crate) async fn callback(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    uri: Uri,
) -> Result<Response> {
    let provider = provider(&state)?;
    let attempt = Attempted { state: &state, frame: &frame, visitor: &visitor, next: "/audit" };
    if let Some(response) = attempt.slowed() {
        return Ok(response);
    }
    let parameters: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let one = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let text = |name: &str| one(name).unwrap_or_default();
    let returned =
        Returned { code: text("code"), state: text("state"), error: text("error"), issuer: one("iss") };
    let finished = provider.finish(&returned, sign_ins::cookie(&headers, ATTEMPT_COOKIE), state.now()).await;
    let is_private = sign_ins::is_private(&extensions, &headers);
    let mut response = match finished {
        Ok(done) => {
            let guest = Guest::new(done.identity, done.id_token, provider.settings());
            let session_id = sign_ins::random_id().map_err(Problem::internal)?;
            let Some(caller) = guest.caller(&state) else { return Ok(attempt.without_role(&guest)) };
            let known = visitor.clone().signed_in_as(caller, guest.user(&session_id));
            let holder = Holder::Guest(Arc::new(guest));
            let response = moved(&frame, page_of_ours(&done.next));
            begin_session(&state, &known, (holder, session_id), &headers, is_private, response)?
        }
        Err(refusal) => attempt.refused(&refusal),
    };
    // What was begun is over, whichever way.
    response.headers_mut().append(SET_COOKIE, attempt_cookie("", 0, is_private)?);
    // The address held the code.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn provider(state: &AppState) -> Result<&Provider> {
    state.provider().ok_or_else(|| Problem::new(Code::NoSuchRoute, "no identity provider is set up here"))
}

/// It has to come back from the provider's pages, so that it cannot be as strict as the session's.
fn attempt_cookie(value: &str, life: i64, is_private: bool) -> Result<HeaderValue> {
    let secure = if is_private { "; Secure" } else { "" };
    let line = format!(
        "{ATTEMPT_COOKIE}={value}; Path=/audit/sign-in/provider; Max-Age={life}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::try_from(line).map_err(Problem::internal)
}

impl Attempted<'_> {
    /// The page that says why somebody is not let in; and its event.
    fn refused(&self, refusal: &Refusal) -> Response {
        if let Refusal::NoAnswer(why) = refusal {
            tracing::warn!(error.message = %why, "the identity provider does not answer as it should");
        }
        let status = match refusal {
            Refusal::NoAttempt | Refusal::WrongState | Refusal::StaleCode => StatusCode::BAD_REQUEST,
            Refusal::NoAnswer(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::FORBIDDEN,
        };
        // Somebody who has no role is no guesser, and a provider that is down is nobody's fault.
        if matches!(refusal, Refusal::StaleCode | Refusal::NotBelieved(_) | Refusal::WrongProvider) {
            self.state.sign_ins().attempts.failed(self.visitor.ip(), self.state.now());
        }
        let mut event = self.denied(refusal.code());
        if let Some(person) = refusal.person() {
            event.actor = Some(Actor {
                kind: Some(ActorType::User),
                id: Some(person.subject.clone().into()),
                name: Some(person.name.clone().into()),
                email: person.email.clone().map(Into::into),
            });
        }
        let who =
            refusal.person().map_or_else(|| self.visitor.key().into_owned(), |person| person.subject.clone());
        self.state.activity().note(event, &who, refusal.code());
        self.page(status, format!("{refusal}."))
    }

    fn without_role(&self, guest: &Guest) -> Response {
        self.refused(&Refusal::NoRole(Box::new(guest.identity.person.clone())))
    }

    fn denied(&self, reason: &'static str) -> Event<'static> {
        let details =
            Json::object([("at", Json::from("sign-in".to_owned())), ("by", "oidc".to_owned().into())]);
        Event {
            outcome: Outcome::Denied,
            reason: Some(reason.into()),
            details: Some(details),
            ..self.visitor.did("audit.access_denied")
        }
    }

    fn page(&self, status: StatusCode, problem: String) -> Response {
        let page =
            SignInPage { frame: self.frame, next: self.next, problem: None, provider_problem: Some(problem) };
        rendered(status, self.frame, &page)
    }
}

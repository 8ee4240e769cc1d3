//! An exchange as events.

use audit_event::{Actor, ActorType, Event, Http, Json, Outcome, Source, Target, limits};
use http::header::{HeaderMap, SET_COOKIE};

use super::changes;
use super::fit;
use super::path::{decoded, without_secrets};
use super::row::{Deed, Entry, Recorded, Row};
use super::scene::{Scene, Sight, Someone};
use super::unread;
use super::verdict::{self, ANY_REQUEST, DENIED, Verdict};
use crate::sources::openwebui::bodies::clipped;
use crate::sources::openwebui::caller::CredentialKind;
use crate::sources::openwebui::completions::Completion;
use crate::sources::openwebui::exchange::{Ending, Exchange};
use crate::sources::openwebui::identity::Claims;
use crate::sources::openwebui::identity::inquiry::is_id;
use crate::sources::openwebui::{sentence, target};

/// The events of a request that a row is about.
pub(super) fn of_row(row: &Row, exchange: &Exchange<'_>) -> Vec<Event<'static>> {
    let path = decoded(exchange.target);
    let scene = scene(row, &path, exchange);
    let verdict = verdict::of_row(row, &scene, exchange);
    let was_denied = verdict.action == DENIED;
    let is_recorded = match row.when {
        Recorded::Always => true,
        Recorded::Failed => was_denied || matches!(verdict.outcome, Outcome::Failure | Outcome::Denied),
        Recorded::Refused => was_denied,
    };
    if !is_recorded {
        return Vec::new();
    }
    let mut events = vec![event_of(row, &scene, exchange, &verdict)];
    events.extend(sign_in_beside(row, &scene, exchange));
    events
}

/// The event of a request that is about to be forwarded.
pub(super) fn intent(row: &Row, exchange: &Exchange<'_>) -> Event<'static> {
    let path = decoded(exchange.target);
    let scene = scene(row, &path, exchange);
    let verdict = Verdict { action: scene.action().to_owned(), outcome: Outcome::Unknown, reason: None };
    event_of(row, &scene, exchange, &verdict)
}

/// The path of the state that a request is about, its bodies considered.
pub(super) fn state_path(row: &Row, exchange: &Exchange<'_>) -> Option<String> {
    scene(row, &decoded(exchange.target), exchange).state_path()
}

/// The event of a request without a row; `None` for one that only read and was not refused.
pub(super) fn of_any(
    safe_path: String,
    changes_state: bool,
    exchange: &Exchange<'_>,
) -> Option<Event<'static>> {
    let verdict = verdict::of_any(exchange);
    let is_recorded = changes_state || verdict.action == DENIED;
    is_recorded.then(|| {
        let mut event = begin(exchange, &verdict);
        event.http = Some(http_of(exchange, safe_path));
        sign(&mut event, exchange, None);
        finish(event, exchange, Vec::new())
    })
}

/// The event of a request without a row that is about to be forwarded.
pub(super) fn intent_of_any(safe_path: String, exchange: &Exchange<'_>) -> Event<'static> {
    let verdict = Verdict { action: ANY_REQUEST.to_owned(), outcome: Outcome::Unknown, reason: None };
    let mut event = begin(exchange, &verdict);
    event.http = Some(http_of(exchange, safe_path));
    sign(&mut event, exchange, None);
    finish(event, exchange, Vec::new())
}

fn scene<'s>(row: &'s Row, path: &'s str, exchange: &'s Exchange<'_>) -> Scene<'s> {
    Scene::read(&Sight {
        row,
        target: exchange.target,
        path,
        caller: exchange
            .caller
            .person
            .as_deref()
            .map(|person| Someone { id: &person.id, email: person.email.as_deref() }),
        request: exchange.request_body.document(),
        answer: exchange.answer.as_ref().map_or(&[], |answer| answer.body.bytes),
        answer_end: exchange.answer.as_ref().map_or(&[], |answer| answer.body.tail),
        before: exchange.before,
    })
}

fn event_of(row: &Row, scene: &Scene<'_>, exchange: &Exchange<'_>, verdict: &Verdict) -> Event<'static> {
    let mut event = begin(exchange, verdict);
    let path =
        row.safe_path(&decoded(exchange.target)).unwrap_or_else(|| raw_path(exchange.target).to_owned());
    event.http = Some(http_of(exchange, path));
    event.target = scene.target();
    event.targets = scene.targets();
    event.model = scene.model();
    let mut details = scene.details();
    let unread = unread::of(row, scene, exchange);
    details.extend(unread.map(|why| ("request_unread".to_owned(), why.into())));
    match &row.deed {
        Deed::Entry(entry) => enter(entry, scene, exchange, &mut event, &mut details),
        _ => sign(&mut event, exchange, row.service.as_deref()),
    }
    if event.action == DENIED && row.ignored().is_none() && row.deed != Deed::State {
        details.push(("attempted".to_owned(), scene.action().to_owned().into()));
    }
    if row.deed == Deed::Completion {
        measure(exchange, scene.completion(), &mut event, &mut details);
    }
    if matches!(event.outcome, Outcome::Success | Outcome::Unknown)
        && let Some(rule) = &row.changes
    {
        let found = changes::of(rule, scene.before(), exchange);
        event.changes = found.changes;
        if found.left_out > 0 {
            details.push(("changes_left_out".to_owned(), found.left_out.into()));
        }
    }
    finish(event, exchange, details)
}

/// What every event of an exchange has.
fn begin(exchange: &Exchange<'_>, verdict: &Verdict) -> Event<'static> {
    let mut event = Event::new(verdict.action.clone(), Source::Gateway);
    event.id = Some(exchange.id.to_owned().into());
    event.time = Some(exchange.started);
    event.outcome = verdict.outcome;
    event.reason = verdict.reason.clone().map(Into::into);
    event.client = Some(exchange.client.clone());
    event.latency_ms = Some(exchange.latency_ms).filter(|ms| ms.is_finite() && *ms >= 0.0);
    event
}

fn http_of(exchange: &Exchange<'_>, path: String) -> Http<'static> {
    Http {
        method: Some(clipped(exchange.method.as_str(), limits::CODE_BYTES).to_owned().into()),
        path: Some(without_secrets(path).into()),
        status: exchange
            .answer
            .as_ref()
            .map(|answer| answer.status)
            .filter(|status| (100..600).contains(status)),
        request_id: request_id(exchange.request_headers).map(Into::into),
    }
}

/// The id by which a proxy in front knows the request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    (!id.is_empty() && id.len() <= limits::CODE_BYTES).then(|| id.to_owned())
}

/// The path as it came, without query.
fn raw_path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or(target)
}

/// Who did it, as far as it is proven. A refusal proves nobody but those whom Open WebUI knows.
fn sign(event: &mut Event<'static>, exchange: &Exchange<'_>, service: Option<&str>) {
    exchange.caller.sign(event);
    if exchange.caller.person.is_some() {
        return;
    }
    let was_done = event.outcome == Outcome::Success;
    let unproven_scim = exchange.caller.credential == CredentialKind::Scim && !was_done;
    if unproven_scim {
        event.actor = Some(anonymous(None));
    }
    if let Some(service) = service.filter(|_| was_done) {
        let name = Some(service.to_owned().into());
        event.actor = Some(Actor { kind: Some(ActorType::Service), name, ..Actor::default() });
    }
}

fn anonymous(tried: Option<String>) -> Actor<'static> {
    Actor { kind: Some(ActorType::Anonymous), email: tried.map(Into::into), ..Actor::default() }
}

/// Who came in, or the name that was tried. The session that the browser had before is another one.
fn enter(
    entry: &Entry,
    scene: &Scene<'_>,
    exchange: &Exchange<'_>,
    event: &mut Event<'static>,
    details: &mut Vec<(String, Json<'static>)>,
) {
    let tried = entry.tried.as_ref().and_then(|origin| scene.text(origin));
    let tried = tried.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    let challenge = entry.challenge.as_ref().and_then(|origin| scene.text(origin));
    let challenged = challenge.as_deref().and_then(user_of_challenge);
    let begun = step_begun(scene, exchange);
    let next = begun.as_deref().and_then(user_of_challenge);
    let has_entered = event.outcome == Outcome::Success && event.action == *entry.entered;
    let method = entry.method.as_deref().map(str::to_owned);
    match has_entered.then(|| newcomer(scene, exchange)).flatten() {
        Some(newcomer) => {
            details
                .extend(newcomer.method.or(method).map(|method| ("auth_method".to_owned(), method.into())));
            newcomer.person.sign(event);
            event.session_id = newcomer.session_id.map(Into::into);
            if event.target.is_none() {
                let name = newcomer.person.email.or(newcomer.person.name);
                let named = Target { name: name.map(Into::into), ..target("user", newcomer.person.id) };
                event.target = Some(named);
            }
        }
        None if entry.tried.is_none()
            && challenged.or(next).is_none()
            && exchange.caller.person.is_some() =>
        {
            sign(event, exchange, None);
        }
        None => {
            details.extend(method.map(|method| ("auth_method".to_owned(), method.into())));
            let kind = Some("user".into());
            event.target = tried.clone().map(|name| Target { kind, id: None, name: Some(name.into()) });
            event.target = next.map(|id| target("user", id)).or(event.target.take());
            // Whoever sends the token of a step knows the password; it proves no person yet.
            if let Some(id) = challenged {
                event.target = Some(target("user", id));
                details.push(("claimed_actor".to_owned(), Json::object([("id", id.to_owned())])));
            }
            event.actor = Some(anonymous(tried));
        }
    }
    let is_other =
        |email: &String| event.actor.as_ref().and_then(|actor| actor.email.as_deref()) != Some(email);
    let former = exchange.caller.person.as_ref().and_then(|person| person.email.clone());
    details.extend(former.filter(is_other).map(|email| ("session_user".to_owned(), email.into())));
}

/// Somebody who just got a session.
struct Newcomer {
    person: crate::sources::openwebui::caller::Person,
    method: Option<String>,
    /// The new session's, not that of the cookie which the request may have had.
    session_id: Option<String>,
}

/// The token of the next step of a sign-in, which Open WebUI made for whom the first step let in: in the answer's
/// body, or for a browser that comes from an identity provider in a cookie.
fn step_begun(scene: &Scene<'_>, exchange: &Exchange<'_>) -> Option<String> {
    let in_cookie = || {
        let mut cookies = exchange.answer.as_ref()?.headers.get_all(SET_COOKIE).iter();
        let value = cookies.find_map(|cookie| cookie.as_bytes().strip_prefix(b"mfa_challenge="))?;
        let value = value.split(|byte| *byte == b';').next()?.trim_ascii();
        String::from_utf8(value.to_vec()).ok()
    };
    scene.answered("challenge_token").or_else(in_cookie)
}

/// The user for whom a step of a sign-in was begun. The rest of the token is a secret.
fn user_of_challenge(token: &str) -> Option<&str> {
    token.split_once('.').map(|(id, _secret)| id).filter(|id| is_id(id))
}

/// The answer names the one who entered, in its body or by the token in its cookie: Open WebUI itself made it.
fn newcomer(scene: &Scene<'_>, exchange: &Exchange<'_>) -> Option<Newcomer> {
    let claims = exchange.answer.as_ref().and_then(|answer| new_session(answer.headers));
    let method = claims.as_ref().and_then(|claims| claims.auth_method.clone());
    let id = scene.answered("id").or_else(|| claims.and_then(|claims| claims.user_id))?;
    let known = exchange.caller.person.as_deref().filter(|person| person.id == id);
    let is_callers = known.is_some() || exchange.caller.claimed_id.as_deref() == Some(id.as_str());
    let session_id = exchange.caller.session_id.clone().filter(|_| is_callers);
    let mut person = known.cloned().unwrap_or_default();
    person.id = id;
    person.email = scene.answered("email").or(person.email);
    person.name = scene.answered("name").or(person.name);
    person.role = scene.answered("role").or(person.role);
    Some(Newcomer { person, method, session_id })
}

/// The claims of the session token that an answer sets as a cookie.
fn new_session(headers: &HeaderMap) -> Option<Claims> {
    let mut cookies = headers.get_all(SET_COOKIE).iter().map(http::HeaderValue::as_bytes);
    let token = cookies.find_map(|cookie| cookie.strip_prefix(b"token="))?;
    let token = token.split(|byte| *byte == b';').next()?.trim_ascii();
    let quoted = token.strip_prefix(b"\"").and_then(|token| token.strip_suffix(b"\""));
    Claims::unverified(quoted.unwrap_or(token))
}

/// A sign-in that came with what was done: confirming a second factor lets one in.
fn sign_in_beside(row: &Row, scene: &Scene<'_>, exchange: &Exchange<'_>) -> Option<Event<'static>> {
    let Deed::Entry(entry) = &row.deed else { return None };
    let has_entered = entry.signs_in && exchange.answer.as_ref().is_some_and(|answer| answer.status < 300);
    let newcomer = has_entered.then(|| newcomer(scene, exchange)).flatten()?;
    let verdict = Verdict { action: "auth.login".to_owned(), outcome: Outcome::Success, reason: None };
    let mut event = begin(exchange, &verdict);
    event.id = Some(format!("{}.2", clipped(exchange.id, limits::ID_BYTES - 2)).into());
    event.http = Some(http_of(exchange, raw_path(exchange.target).to_owned()));
    newcomer.person.sign(&mut event);
    event.session_id = newcomer.session_id.map(Into::into);
    let method = newcomer.method.map(|method| ("auth_method".to_owned(), method.into()));
    Some(finish(event, exchange, method.into_iter().collect()))
}

/// What a model call took.
fn measure(
    exchange: &Exchange<'_>,
    completion: Option<&Completion>,
    event: &mut Event<'static>,
    details: &mut Vec<(String, Json<'static>)>,
) {
    if let Some(ms) = exchange.first_byte_ms.filter(|ms| ms.is_finite() && *ms >= 0.0) {
        details.push(("first_byte_ms".to_owned(), ms.into()));
    }
    let Some(completion) = completion else { return };
    event.usage = completion.tokens.usage();
    let reason = completion.finish_reason.clone();
    details.extend(reason.map(|reason| ("finish_reason".to_owned(), reason.into())));
    let code = completion.error.as_ref().and_then(|error| error.code.clone());
    details.extend(code.map(|code| ("provider_error".to_owned(), code.into())));
}

/// Adds what all details have, the sentence, and makes everything fit.
fn finish(
    mut event: Event<'static>,
    exchange: &Exchange<'_>,
    mut details: Vec<(String, Json<'static>)>,
) -> Event<'static> {
    let caller = exchange.caller;
    if caller.person.is_none()
        && let Some(id) = &caller.claimed_id
    {
        details.push(("claimed_actor".to_owned(), Json::object([("id", id.clone())])));
    }
    // Not "credential": the value of a member of that name is removed as a secret.
    details.extend(credential(caller.credential).map(|kind| ("signed_by".to_owned(), kind.into())));
    let ending = match exchange.ending {
        Ending::ClientLeft => Some("client_left"),
        Ending::UpstreamBroke => Some("upstream_broke_off"),
        _ => None,
    };
    let is_answered = exchange.answer.is_some();
    let ended = ending.filter(|ending| is_answered && event.reason.as_deref() != Some(*ending));
    details.extend(ended.map(|ending| ("ending".to_owned(), ending.into())));
    event.details = (!details.is_empty()).then(|| Json::object(details));
    fit::fit(&mut event);
    event.message = Some(clipped(&sentence(&event), limits::MESSAGE_BYTES).to_owned().into());
    event
}

const fn credential(kind: CredentialKind) -> Option<&'static str> {
    match kind {
        CredentialKind::None => None,
        CredentialKind::Session => Some("session"),
        CredentialKind::ApiKey => Some("api_key"),
        CredentialKind::Scim => Some("scim"),
    }
}

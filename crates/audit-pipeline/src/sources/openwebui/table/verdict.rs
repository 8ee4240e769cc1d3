//! How a request ended, and why, from its answer's status and body.

use audit_event::Outcome;
use http::header::{CONTENT_TYPE, LOCATION};

use super::path::query_parameter;
use super::row::{Deed, Entry, Row};
use super::scene::Scene;
use crate::sources::openwebui::bodies::{self, completion_answer};
use crate::sources::openwebui::caller::{CredentialKind, Refusal};
use crate::sources::openwebui::exchange::{Answer, Ending, Exchange};

/// What was done, whether it worked, and the stable code that says why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) action: String,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
}

/// An outcome and its reason.
type Judged = (Outcome, Option<&'static str>);

/// The action of a refusal for lack of a valid credential or of a right.
pub(super) const DENIED: &str = "access.denied";
/// The action of a request that no row is about.
pub(super) const ANY_REQUEST: &str = "api.request";

/// Judges a request that a row is about.
pub(super) fn of_row(row: &Row, scene: &Scene<'_>, exchange: &Exchange<'_>) -> Verdict {
    let Some(answer) = &exchange.answer else {
        let (outcome, reason) = without_answer(exchange.ending);
        return verdict(scene.action_of(outcome), outcome, reason);
    };
    match &row.deed {
        Deed::Entry(entry) => of_entry(entry, scene, exchange, answer),
        // So are chats answered that are not there, or not the caller's.
        _ if answer.status == 401 && says(scene, "could not find what you") => {
            verdict(scene.action(), Outcome::Failure, Some("not_found"))
        }
        _ if is_refusal(row, answer.status) => {
            verdict(DENIED, Outcome::Denied, Some(why_denied(exchange, answer.status)))
        }
        Deed::SignOut { action } if answer.status < 400 && exchange.caller.person.is_none() => {
            let claims_one = exchange.caller.claimed_id.is_some();
            let (action, reason) = if claims_one {
                (action.as_ref(), "invalid_credential")
            } else {
                (ANY_REQUEST, "no_session")
            };
            verdict(action, Outcome::Success, Some(reason))
        }
        Deed::Completion => {
            let (outcome, reason) = of_completion(exchange, answer, scene);
            verdict(scene.action(), outcome, reason)
        }
        _ => {
            let (outcome, reason) = of_status(exchange, answer, Some(row), scene);
            verdict(scene.action(), outcome, reason)
        }
    }
}

/// Judges a request without a row.
pub(super) fn of_any(exchange: &Exchange<'_>) -> Verdict {
    let Some(answer) = &exchange.answer else {
        let (outcome, reason) = without_answer(exchange.ending);
        return verdict(ANY_REQUEST, outcome, reason);
    };
    if matches!(answer.status, 401 | 403) {
        return verdict(DENIED, Outcome::Denied, Some(why_denied(exchange, answer.status)));
    }
    let (outcome, reason) = match answer.status {
        200 if is_web_app(exchange.target, answer) => (Outcome::Failure, Some("no_such_route")),
        status => by_status(status),
    };
    verdict(ANY_REQUEST, outcome, reason)
}

fn verdict(action: &str, outcome: Outcome, reason: Option<&str>) -> Verdict {
    Verdict { action: action.to_owned(), outcome, reason: reason.map(str::to_owned) }
}

/// 401 is Open WebUI's answer to a bad credential and to a good one without the right. 403 is a rule about the thing
/// itself; where nothing is known of the request but that it reads, it is a refusal, too.
fn is_refusal(row: &Row, status: u16) -> bool {
    let is_about_nothing = matches!(row.deed, Deed::Ignored { .. } | Deed::State);
    status == 401 || (status == 403 && (is_about_nothing || row.reads))
}

fn why_denied(exchange: &Exchange<'_>, status: u16) -> &'static str {
    let caller = exchange.caller;
    let role = caller.person.as_ref().map(|person| person.role.as_deref());
    match (role, caller.credential) {
        (Some(Some("pending")), _) => "account_pending",
        (Some(_), CredentialKind::ApiKey) if status == 403 => "session_required",
        (Some(_), _) if status == 403 => "forbidden",
        (Some(_), _) => "insufficient_rights",
        (None, CredentialKind::None) => "no_credential",
        (None, _) => caller.refusal().map_or("invalid_credential", Refusal::as_str),
    }
}

/// What is known when nothing came back.
const fn without_answer(ending: Ending) -> Judged {
    match ending {
        Ending::Unreachable => (Outcome::Failure, Some("upstream_unreachable")),
        Ending::RefusedUnrecordable => (Outcome::Failure, Some("not_recordable")),
        Ending::TimedOut => (Outcome::Unknown, Some("upstream_timeout")),
        Ending::UpstreamBroke => (Outcome::Unknown, Some("upstream_broke_off")),
        Ending::ClientLeft => (Outcome::Unknown, Some("client_left")),
        Ending::Complete | Ending::Upgraded => (Outcome::Unknown, None),
    }
}

fn of_status(exchange: &Exchange<'_>, answer: &Answer<'_>, row: Option<&Row>, scene: &Scene<'_>) -> Judged {
    let may_be_html = row.is_some_and(|row| row.html);
    let changes = row.is_some_and(|row| !row.reads);
    match answer.status {
        200 if !may_be_html && is_web_app(exchange.target, answer) => {
            (Outcome::Failure, Some("no_such_route"))
        }
        200..300 if changes && scene.answer.is_false() => (Outcome::Failure, Some("not_done")),
        307 | 308 => (Outcome::Failure, Some("redirected")),
        400 if says(scene, "password provided is incorrect") => {
            (Outcome::Failure, Some("invalid_credentials"))
        }
        status => by_status(status),
    }
}

/// What a status means by itself.
const fn by_status(status: u16) -> Judged {
    match status {
        0..=399 => (Outcome::Success, None),
        401 => (Outcome::Denied, Some("insufficient_rights")),
        403 => (Outcome::Denied, Some("forbidden")),
        404 => (Outcome::Failure, Some("not_found")),
        405 => (Outcome::Failure, Some("method_not_allowed")),
        409 => (Outcome::Failure, Some("conflict")),
        413 => (Outcome::Failure, Some("too_large")),
        422 => (Outcome::Failure, Some("malformed_request")),
        429 => (Outcome::Failure, Some("rate_limited")),
        502..=504 => (Outcome::Failure, Some("upstream_unavailable")),
        500.. => (Outcome::Failure, Some("server_error")),
        _ => (Outcome::Failure, Some("invalid_request")),
    }
}

/// A path without a route is answered with the web app, and status 200.
fn is_web_app(target: &str, answer: &Answer<'_>) -> bool {
    let is_interface = ["/api/", "/openai/", "/ollama/"].iter().any(|start| target.starts_with(start));
    let kind = answer.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    is_interface && kind.len() >= 9 && kind[..9].eq_ignore_ascii_case(b"text/html")
}

/// A model call's good status is a promise only: the answer may hold an error, break off, or follow another way.
fn of_completion(exchange: &Exchange<'_>, answer: &Answer<'_>, scene: &Scene<'_>) -> Judged {
    match answer.status {
        200..300 => {}
        400 if says(scene, "model not found") => return (Outcome::Failure, Some("model_not_found")),
        500..=501 | 505.. => return (Outcome::Failure, Some("provider_error")),
        status => return by_status(status),
    }
    let body = &answer.body;
    let told = scene.completion().map_or(bodies::Answer::Unknown, completion_answer);
    match (told, exchange.ending) {
        (bodies::Answer::Failed, _) => (Outcome::Failure, Some("provider_error")),
        (_, Ending::UpstreamBroke) => (Outcome::Failure, Some("upstream_broke_off")),
        (_, Ending::ClientLeft) => (Outcome::Unknown, Some("client_left")),
        (bodies::Answer::Complete, _) => (Outcome::Success, None),
        (bodies::Answer::Follows, _) => (Outcome::Unknown, Some("answer_follows")),
        // A body that is whole and says nothing of its end: a shape that is not known here.
        (bodies::Answer::Unknown, Ending::Complete) if body.length > 0 => (Outcome::Success, None),
        (bodies::Answer::Unknown, _) => (Outcome::Unknown, Some("answer_not_seen")),
    }
}

fn of_entry(entry: &Entry, scene: &Scene<'_>, exchange: &Exchange<'_>, answer: &Answer<'_>) -> Verdict {
    if entry.redirects && (300..400).contains(&answer.status) {
        return of_redirect(entry, exchange, answer);
    }
    if answer.status < 400 {
        return match scene.answered("next_step").as_deref() {
            Some("pending") => verdict(&entry.refused, Outcome::Denied, Some("account_pending")),
            Some(_) => verdict("auth.mfa.required", Outcome::Success, None),
            None if is_web_app(exchange.target, answer) => {
                verdict(&entry.refused, Outcome::Failure, Some("no_such_route"))
            }
            None => verdict(&entry.entered, Outcome::Success, None),
        };
    }
    let action = entry.throttled.as_ref().filter(|_| answer.status == 429).unwrap_or(&entry.refused);
    let reason = match answer.status {
        400 | 401 => why_turned_away(scene),
        status => by_status(status).1.unwrap_or("rejected"),
    };
    let outcome = if answer.status == 403 { Outcome::Denied } else { Outcome::Failure };
    verdict(action, outcome, Some(reason))
}

/// What Open WebUI says to those it turns away, and what we call it.
const TURNED_AWAY: &[(&str, &str)] = &[
    ("email or password", "invalid_credentials"),
    ("authentication failed.", "invalid_credentials"),
    ("not found in the ldap", "invalid_credentials"),
    ("user record mismatch", "invalid_credentials"),
    ("ldap", "provider_error"),
    ("application account bind", "provider_error"),
    ("already registered", "already_registered"),
    ("email format", "invalid_email"),
    ("trusted", "invalid_credential"),
    ("used code", "invalid_code"),
    ("invalid code", "invalid_code"),
    ("step expired", "challenge_expired"),
    ("recovery token", "invalid_code"),
];

fn why_turned_away(scene: &Scene<'_>) -> &'static str {
    TURNED_AWAY.iter().find(|(words, _)| says(scene, words)).map_or("rejected", |(_, reason)| reason)
}

/// Whether the answer's `detail` has these words, in lower case.
fn says(scene: &Scene<'_>, words: &str) -> bool {
    scene.answered("detail").is_some_and(|detail| detail.to_ascii_lowercase().contains(words))
}

/// The web app is told by a query parameter how it ended; the provider told Open WebUI by one, too.
fn of_redirect(entry: &Entry, exchange: &Exchange<'_>, answer: &Answer<'_>) -> Verdict {
    let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let by_provider = query_parameter(exchange.target, "error").and_then(|error| as_code(&error));
    if query_parameter(to, "mfa").is_some() {
        return verdict("auth.mfa.required", Outcome::Success, None);
    }
    if query_parameter(to, "pending").is_some() {
        return verdict(&entry.refused, Outcome::Denied, Some("account_pending"));
    }
    match (query_parameter(to, "error"), by_provider) {
        (Some(_), Some(code)) => verdict(&entry.refused, Outcome::Failure, Some(&code)),
        (Some(message), None) => {
            let is_taken = message.contains("already registered");
            let reason = if is_taken { "already_registered" } else { "sso_rejected" };
            verdict(&entry.refused, Outcome::Failure, Some(reason))
        }
        (None, _) => verdict(&entry.entered, Outcome::Success, None),
    }
}

/// An error code as RFC 6749 section 4.1.2.1 has them: short, and of harmless characters only.
fn as_code(text: &str) -> Option<String> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(is_code)).then(|| text.to_ascii_lowercase())
}

//! Every way to sign in, recorded from a real Open WebUI 0.12.4 with a real directory and identity provider
//! (`tests/e2e/openwebui/signin_flows.py --record`), and what the log must say of it.

use std::collections::HashMap;
use std::sync::Arc;

use audit_event::{Client, Event, Timestamp};
use audit_pipeline::sources::openwebui::caller::{Caller, CredentialKind, Person, Refusal, Standing};
use audit_pipeline::sources::openwebui::exchange::{Answer, Captured, Ending, Exchange};
use audit_pipeline::sources::openwebui::identity::{Credential, Lesson, lesson};
use audit_pipeline::sources::openwebui::table::RouteTable;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

#[derive(Deserialize)]
struct Step {
    what: String,
    time: i64,
    method: String,
    target: String,
    status: u16,
    expected: Expected,
    request_headers: Vec<(String, String)>,
    request_body: String,
    response_headers: Vec<(String, String)>,
    response_body: String,
}

#[derive(Deserialize)]
struct Expected {
    action: Option<String>,
    outcome: String,
    actor: Option<String>,
    auth_method: Option<String>,
    claimed: Option<String>,
    reason: Option<String>,
    target: Option<String>,
}

/// Knows whose a credential is as the gateway does, but from passing traffic alone.
#[derive(Default)]
struct Known {
    people: HashMap<String, Arc<Person>>,
    owners: HashMap<Vec<u8>, String>,
    void: Vec<Vec<u8>>,
}

impl Known {
    fn caller(&self, target: &str, headers: &HeaderMap, status: u16, now: Timestamp) -> Caller {
        let Some(credential) = Credential::of_request(target, headers, &KEY_HEADER) else {
            return Caller::default();
        };
        let owner = self.owners.get(credential.secret()).and_then(|id| self.people.get(id));
        let is_void = self.void.iter().any(|void| void == credential.secret());
        let is_scim = credential.kind() == CredentialKind::Scim;
        let claims = credential.claims();
        let (standing, person) = match owner {
            Some(person) if !is_void => (Standing::Proven, Some(Arc::clone(person))),
            Some(_) => (Standing::Refused(Refusal::Revoked), None),
            None if is_scim && status < 400 => (Standing::Proven, None),
            None if claims.as_ref().is_some_and(|claims| claims.is_expired(now)) => {
                (Standing::Refused(Refusal::Expired), None)
            }
            None => (Standing::Refused(Refusal::Invalid), None),
        };
        let claimed =
            if person.is_none() { claims.as_ref().and_then(|claims| claims.user_id.clone()) } else { None };
        Caller {
            credential: credential.kind(),
            standing,
            claimed_id: claimed,
            session_id: Some("session".into()),
            auth_method: person.as_ref().and(claims).and_then(|claims| claims.auth_method),
            person,
        }
    }

    /// Takes lessons in; the caller that a sign-in makes.
    fn learn(&mut self, exchange: &Exchange<'_>) -> Option<Caller> {
        let sender = exchange.caller.person.as_ref().map(|person| person.id.clone());
        let mut signed_in = None;
        for lesson in lesson::lessons(exchange, None) {
            match lesson {
                Lesson::SignedIn(credential, person) => {
                    let claims = credential.claims().expect("a token");
                    let id = claims.user_id.clone().expect("a user's id");
                    // An identity provider's people are not in the redirect: Open WebUI is asked about the token.
                    let person = person.unwrap_or_else(|| olga(&id));
                    self.people.insert(id.clone(), Arc::new(person));
                    self.owners.insert(credential.secret().to_vec(), id);
                    let headers = [("authorization", credential.authorization().expect("plain text"))];
                    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
                    signed_in = Some(self.caller("/", &headers.into_iter().collect(), 200, exchange.started));
                }
                Lesson::IssuedToSender(key) => {
                    self.owners.insert(key.secret().to_vec(), sender.clone().expect("a sender"));
                }
                Lesson::ForgetSenderPerson => self.void_keys(sender.as_deref()),
                Lesson::Forget(id) if exchange.target.ends_with("/sessions/revoke") => {
                    self.void_sessions(&id)
                }
                _ => (),
            }
        }
        signed_in
    }

    fn void_keys(&mut self, owner: Option<&str>) {
        let owned = self.owners.iter().filter(|(_, id)| Some(id.as_str()) == owner).map(|(secret, _)| secret);
        self.void.extend(owned.filter(|secret| secret.starts_with(b"sk-")).cloned());
    }

    fn void_sessions(&mut self, owner: &str) {
        let owned = self.owners.iter().filter(|(_, id)| *id == owner).map(|(secret, _)| secret);
        self.void.extend(owned.filter(|secret| !secret.starts_with(b"sk-")).cloned());
    }
}

fn olga(id: &str) -> Person {
    Person { id: id.to_owned(), email: Some("olga@example.test".into()), ..Person::default() }
}

fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            name.parse::<HeaderName>().expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        );
    }
    headers
}

/// What the table makes of each step.
fn replay() -> Vec<(Step, Vec<Event<'static>>)> {
    let table = RouteTable::embedded();
    let mut known = Known::default();
    let steps = include_str!("../data/sign-ins.ndjson").lines();
    let steps = steps.map(|line| serde_json::from_str::<Step>(line).expect("a step"));
    let events = steps.map(|step| {
        let method: Method = step.method.parse().expect("a method");
        let (sent, answered) = (headers(&step.request_headers), headers(&step.response_headers));
        let plan = table.plan(&method, &step.target);
        let kept = |text: &'_ str, keep: usize| text.len().min(keep);
        let copy = |bytes| Captured { bytes, tail: b"", gist: b"", is_whole: true, length: 0 };
        let request_body = copy(&step.request_body.as_bytes()[..kept(&step.request_body, plan.keep_request)]);
        let answer_body = copy(&step.response_body.as_bytes()[..kept(&step.response_body, plan.keep_answer)]);
        let started = Timestamp::from_micros(step.time * 1_000_000);
        let caller = known.caller(&step.target, &sent, step.status, started);
        let mut exchange = Exchange {
            id: "e",
            started,
            latency_ms: 1.0,
            first_byte_ms: None,
            method: &method,
            target: &step.target,
            request_headers: &sent,
            request_body,
            answer: Some(Answer { status: step.status, headers: &answered, body: answer_body }),
            ending: Ending::Complete,
            caller: &caller,
            client: Client::default(),
            before: None,
        };
        let signed_in = known.learn(&exchange);
        exchange.caller = signed_in.as_ref().unwrap_or(&caller);
        let events = table.events(&plan, &exchange);
        (step, events)
    });
    events.collect()
}

fn actor_of(event: &Event<'_>) -> Option<String> {
    let actor = event.actor.as_ref()?;
    actor.email.clone().or(actor.name.clone()).map(|name| name.to_string())
}

/// A text in the event's details, by a path of keys.
fn detail(event: &Event<'_>, path: &[&str]) -> Option<String> {
    let mut value = event.details.as_ref()?;
    for key in path {
        value = value.get(key)?;
    }
    value.as_str().map(str::to_owned)
}

/// What of an expectation an event does not meet.
fn differences(expected: &Expected, event: &Event<'_>) -> Vec<String> {
    let mut told = vec![
        ("action", Some(event.action.to_string()), expected.action.clone()),
        ("outcome", Some(event.outcome.as_str().to_owned()), Some(expected.outcome.clone())),
        ("actor", actor_of(event), expected.actor.clone()),
        ("claimed", detail(event, &["claimed_actor", "id"]), expected.claimed.clone()),
    ];
    if expected.auth_method.is_some() {
        told.push(("auth_method", detail(event, &["auth_method"]), expected.auth_method.clone()));
    }
    if expected.reason.is_some() {
        told.push(("reason", event.reason.as_deref().map(str::to_owned), expected.reason.clone()));
    }
    if expected.target.is_some() {
        let target = event.target.as_ref().and_then(|target| target.id.as_deref());
        told.push(("target", target.map(str::to_owned), expected.target.clone()));
    }
    let wrong = told.into_iter().filter(|(_, told, wanted)| told != wanted);
    wrong.map(|(name, told, wanted)| format!("{name}: {told:?} instead of {wanted:?}")).collect()
}

#[test]
fn every_way_to_sign_in_is_recorded_with_who_and_how() {
    let mut wrong = Vec::new();
    for (step, events) in replay() {
        let problems = match (events.as_slice(), &step.expected.action) {
            ([], None) => continue,
            ([], Some(_)) => vec!["no event".to_owned()],
            ([event, ..], _) => differences(&step.expected, event),
        };
        if !problems.is_empty() {
            wrong.push(format!("{} {} {}: {}", step.status, step.target, step.what, problems.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} steps are not as they must be:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_credential_is_in_an_event() {
    for (step, events) in replay() {
        let sent = step.request_headers.iter().map(|(_, value)| value.as_str());
        let secrets = sent.flat_map(|value| value.split([' ', '=', ';'])).filter(|part| part.len() > 20);
        for event in &events {
            let text = format!("{event:?}");
            for secret in secrets.clone() {
                assert!(!text.contains(secret), "{}", step.what);
            }
        }
    }
}

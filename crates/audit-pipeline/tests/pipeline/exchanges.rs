//! What passed a proxy in front of a real Open WebUI 0.12.4, against the ground truth that its driver wrote as it acted.
//!
//! `exchanges.ndjson` holds the exchanges of the run whose audit file and webhooks `recordings.rs` reads: all steps, and
//! of what browsers ask beside them one of each kind; long bodies are cut as the gateway cuts them. Who a caller is comes
//! from what the exchanges themselves teach, as in the gateway; that a credential is no longer accepted, from the
//! answer. Every disagreement is listed here with its reason.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use audit_event::{ActorType, Client, EncodeParams, Encoder, Event, Outcome, Timestamp};
use audit_pipeline::sources::openwebui::caller::{Caller, CredentialKind, Person, Refusal, Standing};
use audit_pipeline::sources::openwebui::exchange::{Answer, Captured, Ending, Exchange};
use audit_pipeline::sources::openwebui::identity::lesson::lessons;
use audit_pipeline::sources::openwebui::identity::{Credential, Lesson};
use audit_pipeline::sources::openwebui::table::RouteTable;
use http::{HeaderMap, HeaderName, Method};
use serde::Deserialize;

/// What the driver did, and what an ideal audit trail would say about it.
#[derive(Deserialize)]
struct Step {
    step: u32,
    expected_action: String,
    outcome: String,
    actor: Option<String>,
    target: Option<StepTarget>,
    ip: Option<String>,
}

#[derive(Deserialize)]
struct StepTarget {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
}

/// One exchange as recorded.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Recorded {
    index: u64,
    step: Option<u32>,
    /// Whose credential it was before it lost its worth.
    claimed: Option<String>,
    time: f64,
    peer: String,
    method: String,
    target: String,
    request_headers: HashMap<String, String>,
    request: String,
    request_is_whole: bool,
    status: u16,
    answer_headers: HashMap<String, String>,
    answer: String,
    answer_is_whole: bool,
    answer_tail: String,
}

/// What the exchanges so far have taught.
#[derive(Default)]
struct Gateway {
    people: HashMap<Vec<u8>, Arc<Person>>,
    states: HashMap<String, Vec<u8>>,
}

fn headers(recorded: &HashMap<String, String>) -> HeaderMap {
    let header = |(name, value): (&String, &String)| Some((name.parse().ok()?, value.parse().ok()?));
    recorded.iter().filter_map(header).collect::<Vec<(HeaderName, http::HeaderValue)>>().into_iter().collect()
}

impl Gateway {
    /// Who sends a request, as asking Open WebUI would tell.
    fn caller(&self, recorded: &Recorded, headers: &HeaderMap) -> Caller {
        let name = HeaderName::from_static("x-api-key");
        let Some(credential) = Credential::of_request(&recorded.target, headers, &name) else {
            return Caller::default();
        };
        let lacks_right = recorded.answer.contains("You do not have permission");
        let is_refused = recorded.status == 401 && !lacks_right;
        let person = self.people.get(credential.secret()).filter(|_| !is_refused).cloned();
        let is_provisioning = credential.kind() == CredentialKind::Scim && !is_refused;
        let claims = credential.claims();
        Caller {
            credential: credential.kind(),
            standing: match person {
                Some(_) => Standing::Proven,
                None if is_provisioning => Standing::Proven,
                None => Standing::Refused(Refusal::Invalid),
            },
            claimed_id: claims.and_then(|claims| claims.user_id).filter(|_| person.is_none()),
            person,
            ..Caller::default()
        }
    }

    /// The events of one exchange.
    fn events(&mut self, recorded: &Recorded) -> Vec<Event<'static>> {
        let table = RouteTable::embedded();
        let method: Method = recorded.method.parse().expect("a method");
        let plan = table.plan(&method, &recorded.target);
        let (request_headers, answer_headers) =
            (headers(&recorded.request_headers), headers(&recorded.answer_headers));
        let caller = self.caller(recorded, &request_headers);
        let id = format!("exchange-{}", recorded.index);
        let before = plan.before.as_ref().and_then(|path| self.states.get(path)).cloned();
        let mut exchange = Exchange {
            id: &id,
            started: at(recorded.time),
            latency_ms: 1.5,
            first_byte_ms: Some(1.0),
            method: &method,
            target: &recorded.target,
            request_headers: &request_headers,
            request_body: Captured {
                bytes: recorded.request.as_bytes(),
                gist: b"",
                tail: b"",
                is_whole: recorded.request_is_whole,
                length: recorded.request.len() as u64,
            },
            answer: Some(Answer {
                status: recorded.status,
                headers: &answer_headers,
                body: Captured {
                    bytes: recorded.answer.as_bytes(),
                    gist: b"",
                    tail: recorded.answer_tail.as_bytes(),
                    is_whole: recorded.answer_is_whole,
                    length: recorded.answer.len() as u64,
                },
            }),
            ending: Ending::Complete,
            caller: &caller,
            client: Client { ip: recorded.peer.parse().ok(), ..Client::default() },
            before: None,
        };
        let state = table.state_path(&plan, &exchange).and_then(|path| self.states.remove(&path));
        exchange.before = before.as_deref().or(state.as_deref());
        let events = table.events(&plan, &exchange);
        if let Some(path) = plan.remember.filter(|_| recorded.status == 200 && recorded.answer_is_whole) {
            self.states.insert(path, recorded.answer.clone().into_bytes());
        }
        self.learn(&exchange);
        events
    }

    fn learn(&mut self, exchange: &Exchange<'_>) {
        for lesson in lessons(exchange, None) {
            let (credential, person) = match lesson {
                Lesson::SignedIn(credential, person) => (credential, person.map(Arc::new)),
                Lesson::IssuedToSender(credential) => (credential, exchange.caller.person.clone()),
                _ => continue,
            };
            if let Some(person) = person {
                self.people.insert(credential.secret().to_vec(), person);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "times of the recording")]
fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6) as i64)
}

fn recording() -> Vec<Recorded> {
    let lines = include_str!("../data/exchanges.ndjson").lines();
    lines.map(|line| serde_json::from_str(line).expect("a recorded exchange")).collect()
}

fn steps() -> BTreeMap<u32, Step> {
    let steps: Vec<Step> = serde_json::from_str(include_str!("../data/expected-metadata.json"))
        .expect("the ground truth is JSON");
    steps.into_iter().map(|step| (step.step, step)).collect()
}

/// What differs between a step and its event: field, what is expected, what is found.
fn differences(
    step: &Step,
    recorded: &Recorded,
    event: Option<&Event<'_>>,
) -> Vec<(&'static str, String, String)> {
    let mut differences = Vec::new();
    let mut check = |field: &'static str, expected: &str, found: &str| {
        if expected != found {
            differences.push((field, expected.to_owned(), found.to_owned()));
        }
    };
    let found = event.map_or("none", |event| event.action.as_ref());
    check("action", &step.expected_action, if found == "api.request" { "none" } else { found });
    let Some(event) = event else { return differences };
    let outcome = match event.outcome {
        Outcome::Success => "success",
        Outcome::Failure | Outcome::Denied => "failure",
        Outcome::Unknown => "unknown",
    };
    check("outcome", &step.outcome, outcome);
    let actor = event.actor.as_ref();
    check(
        "actor",
        step.actor.as_deref().unwrap_or("-"),
        actor.and_then(|actor| actor.email.as_deref()).unwrap_or("-"),
    );
    if let Some(expected) = &step.target
        && let Some(id) = &expected.id
    {
        let target = event.target.as_ref();
        check("target", id, target.and_then(|target| target.id.as_deref()).unwrap_or("-"));
        if let Some(kind) = &expected.kind {
            check("target type", kind, target.and_then(|target| target.kind.as_deref()).unwrap_or("-"));
        }
    }
    let ip = event.client.as_ref().and_then(|client| client.ip).map(|ip| ip.to_string());
    check("client", step.ip.as_deref().unwrap_or(&recorded.peer), ip.as_deref().unwrap_or("-"));
    if step.expected_action == "access.denied" {
        let claimed =
            event.details.as_ref().and_then(|details| details.get("claimed_actor")?.get("id")?.as_str());
        check("claimed", recorded.claimed.as_deref().unwrap_or("-"), claimed.unwrap_or("-"));
    }
    differences
}

#[test]
fn every_step_that_passes_the_gateway_becomes_the_event_it_should() {
    let (steps, mut gateway) = (steps(), Gateway::default());
    let mut seen = Vec::new();
    let mut differing = Vec::new();
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for recorded in recording() {
        let events = gateway.events(&recorded);
        let Some(step) = recorded.step.and_then(|step| steps.get(&step)) else { continue };
        assert!(events.len() <= 1, "step {}", step.step);
        let found = differences(step, &recorded, events.first());
        let category = step.expected_action.split('.').next().unwrap_or_default();
        counts.entry(category.to_owned()).or_default()[usize::from(!found.is_empty())] += 1;
        let named = found.into_iter().map(|(field, expected, found)| (step.step, field, expected, found));
        differing.extend(named);
        seen.push(step.step);
    }
    println!("{:<12} {:>6} {:>7}", "actions", "agree", "differ");
    for (category, [agree, differ]) in &counts {
        println!("{category:<12} {agree:>6} {differ:>7}");
    }

    // The automation's own run has no request.
    let unseen: Vec<u32> = steps.keys().filter(|step| !seen.contains(step)).copied().collect();
    assert_eq!(unseen, [167]);

    let mut take = |steps: &[u32], field: &str, found: &str| {
        let before = differing.len();
        differing.retain(|(step, f, _, other)| !(steps.contains(step) && *f == field && other == found));
        assert_eq!(before - differing.len(), steps.len(), "{field} {found}");
    };
    // A web UI chat is answered after the response, by the socket: its end is another event.
    take(&[104, 105, 106, 107, 108, 109, 139, 140, 193, 194], "outcome", "unknown");
    // Settings that hold keys, and lists of people: the scenario counts only what changes something.
    take(&[12, 14, 23, 69], "action", "config.read");
    take(&[63], "action", "user.listed");
    // Only Open WebUI knows which chat a share's address leads to.
    take(&[113], "target", "43bc5e4f-2cfa-4aaa-b45b-6b8fb1c663dd");
    take(&[113], "target type", "chat.share");
    assert_eq!(differing, []);
}

#[test]
fn what_browsers_ask_beside_the_steps_makes_no_noise() {
    let mut gateway = Gateway::default();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for recorded in recording() {
        let events = gateway.events(&recorded);
        if recorded.step.is_none() {
            for event in events {
                *others.entry(event.action.to_string()).or_default() += 1;
            }
        }
    }
    let others: Vec<(&str, usize)> = others.iter().map(|(action, count)| (action.as_str(), *count)).collect();
    assert_eq!(others, [("chat.read", 4), ("chat.updated", 2), ("note.read", 1), ("user.updated", 1)]);
}

#[test]
fn refusals_failures_and_bulk_say_what_happened() {
    let mut gateway = Gateway::default();
    let mut by_step: BTreeMap<u32, Event<'static>> = BTreeMap::new();
    for recorded in recording() {
        let events = gateway.events(&recorded);
        by_step.extend(recorded.step.zip(events.into_iter().next()));
    }
    let reason = |step: u32| by_step[&step].reason.as_deref().unwrap_or("-");
    let reasons = [
        (7, "invalid_request"),
        (35, "invalid_credentials"),
        (37, "malformed_request"),
        (53, "rate_limited"),
        (57, "invalid_email"),
        (59, "account_pending"),
        (60, "already_registered"),
        (70, "forbidden"),
        (77, "invalid_credentials"),
        (86, "insufficient_rights"),
        (88, "session_required"),
        (96, "rate_limited"),
        (97, "provider_error"),
        (99, "model_not_found"),
        (104, "answer_follows"),
        (123, "not_found"),
        (130, "malformed_request"),
        (171, "no_credential"),
        (176, "credential_invalid"),
        (181, "method_not_allowed"),
        (205, "no_session"),
    ];
    for (step, expected) in reasons {
        assert_eq!(reason(step), expected, "step {step}");
    }
    assert_eq!(by_step[&35].outcome, Outcome::Failure);
    assert_eq!(by_step[&86].outcome, Outcome::Denied);
    let tried = by_step[&36].actor.as_ref().expect("the one who tried");
    assert_eq!(
        (tried.kind, tried.email.as_deref()),
        (Some(ActorType::Anonymous), Some("mallory@example.test"))
    );

    let targets = |step: u32| {
        by_step[&step].targets.iter().filter_map(|target| target.id.as_deref()).collect::<Vec<_>>()
    };
    assert_eq!(targets(83).len(), 2, "two members");
    assert_eq!(targets(121), ["8c2ca2f8-c721-44d5-9cc5-36df419a15b1"], "the chats imported");
    assert_eq!(targets(136), ["c9a64a86-a93b-4bb0-8297-bd8d118096d9"], "the file added");

    let usage = by_step[&90].usage.expect("tokens of a direct call");
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(12), Some(10)));
    assert_eq!(by_step[&91].usage, None, "nobody asked the provider for them");
    assert!(by_step[&92].usage.is_some());

    let changes = |step: u32| {
        let value = |value: &Option<audit_event::Json<'_>>| format!("{value:?}");
        let changes = &by_step[&step].changes;
        changes
            .iter()
            .map(|change| (change.field.to_string(), value(&change.before), value(&change.after)))
            .collect::<Vec<_>>()
    };
    let setting: Vec<String> = changes(13).into_iter().map(|(field, ..)| field).collect();
    assert_eq!(setting, ["ENABLE_SIGNUP"], "of a whole form only what differs");
    assert_eq!(changes(64)[0].0, "role");
    assert_eq!(by_step[&64].message.as_deref(), Some("Ada Admin changed the role of bob@example.test"));
    assert_eq!(by_step[&35].message.as_deref(), Some("ada.admin@example.test failed to sign in"));
}

#[test]
fn no_secret_and_no_content_gets_into_an_event_and_every_event_can_be_recorded() {
    let secrets = [
        "mock-provider-key",
        "tool-secret-key",
        "s3cret",
        "t0k3n",
        "Adm1n-pass",
        "Al1ce-pass",
        "B0b-new-pass",
        "not-the-password",
        "sk-4500e17875af462d99212158c31856fe",
        "eyJhbGciOi",
        "Grün 计划",
        "How much does Bob earn",
        "capital of France",
        "Hello from the browser",
        "PLUM",
        "You said",
    ];
    let params = EncodeParams { seed: [7; 16], recorded_at: at(1_795_500_000.0), instance: None };
    let mut encoder = Encoder::new(params);
    let mut gateway = Gateway::default();
    let mut count = 0;
    for recorded in recording() {
        for event in gateway.events(&recorded) {
            let text = format!("{event:?}");
            for secret in secrets {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
            let encoded = encoder.encode(&event).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(Some(&*encoded.id), event.id.as_deref());
            count += 1;
        }
    }
    assert!(count > 160, "{count}");
}

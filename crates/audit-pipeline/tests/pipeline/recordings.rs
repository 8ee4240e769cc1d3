//! Recordings of a real Open WebUI 0.12.4 against the ground truth that its driver wrote as it acted.
//!
//! `tests/data` holds one run's audit file at level METADATA and what its webhooks sent, and another run's audit file
//! at level REQUEST_RESPONSE, its bodies cut short as Open WebUI cuts them at `MAX_BODY_LOG_SIZE`. Each step of the ground
//! truth is compared with the event made of it, field by field. Every disagreement is listed here with its reason.

use std::collections::{BTreeMap, HashSet};

use audit_event::{ActorType, EncodeParams, Encoder, Event, Outcome, Timestamp};
use audit_pipeline::sources::Format;
use serde::Deserialize;

/// What the driver did, and what an ideal audit trail would say about it.
#[derive(Deserialize)]
struct Step {
    step: u32,
    time: f64,
    what: String,
    expected_action: String,
    outcome: String,
    actor: Option<String>,
    target: Option<StepTarget>,
    method: Option<String>,
    path: Option<String>,
    ip: Option<String>,
}

#[derive(Deserialize)]
struct StepTarget {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Action,
    Actor,
    Outcome,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Agrees,
    /// The event leaves open what the source cannot know.
    Open,
    Differs,
}

fn steps(json: &str) -> Vec<Step> {
    serde_json::from_str(json).expect("the ground truth is JSON")
}

fn events<'l>(format: Format, lines: &'l str) -> Vec<Event<'l>> {
    lines
        .lines()
        .map(|line| format.read(line.as_bytes()).expect("every recorded line is understood"))
        .collect()
}

fn compare(step: &Step, event: &Event<'_>) -> Vec<(Field, Verdict)> {
    let mut verdicts = vec![
        (Field::Action, action(step, event)),
        (Field::Outcome, outcome(step, event)),
        (Field::Actor, actor(step, event)),
    ];
    verdicts.extend(target(step, event).map(|verdict| (Field::Target, verdict)));
    verdicts
}

fn verdict(agrees: bool) -> Verdict {
    if agrees { Verdict::Agrees } else { Verdict::Differs }
}

/// `none` means that an audit trail need not have it; having the request is no disagreement. Of a web UI chat the
/// webhook knows the end, by its own names.
fn action(step: &Step, event: &Event<'_>) -> Verdict {
    let in_web_ui = step.target.is_some();
    match (step.expected_action.as_str(), event.action.as_ref()) {
        ("none", "api.request") => Verdict::Agrees,
        ("chat.completion", "chat.finished" | "chat.failed") if in_web_ui => Verdict::Agrees,
        (expected, action) => verdict(expected == action),
    }
}

/// A refusal is a failure for the ground truth, which has only two words.
fn outcome(step: &Step, event: &Event<'_>) -> Verdict {
    match event.outcome {
        Outcome::Unknown => Verdict::Open,
        Outcome::Success => verdict(step.outcome == "success"),
        Outcome::Failure | Outcome::Denied => verdict(step.outcome == "failure"),
    }
}

fn actor(step: &Step, event: &Event<'_>) -> Verdict {
    let nobody = event.actor.as_ref().is_none_or(|actor| actor.kind == Some(ActorType::Anonymous));
    match (&step.actor, event.actor.as_ref().and_then(|actor| actor.email.as_deref())) {
        (None, None) => verdict(nobody),
        (Some(_), None) if event.actor.is_none() => Verdict::Open,
        (Some(expected), found) => verdict(found == Some(expected)),
        (None, Some(_)) => Verdict::Differs,
    }
}

/// `None` when the ground truth names no target by its id.
fn target(step: &Step, event: &Event<'_>) -> Option<Verdict> {
    let expected = step.target.as_ref()?;
    let id = expected.id.as_deref()?;
    Some(match &event.target {
        None => Verdict::Open,
        Some(found) => {
            verdict(found.kind.as_deref() == Some(&expected.kind) && found.id.as_deref() == Some(id))
        }
    })
}

/// The steps that the source saw, each with its event, and the numbers of those that it did not.
struct Matched<'s, 'e> {
    seen: Vec<(&'s Step, &'e Event<'e>)>,
    unseen: Vec<&'s Step>,
}

/// In the audit file a step is the first line of the same method and path that is not yet taken; rather one from the
/// same address, which only a forged header changes.
fn match_requests<'s, 'e>(steps: &'s [Step], events: &'e [Event<'e>]) -> Matched<'s, 'e> {
    let mut matched = Matched { seen: Vec::new(), unseen: Vec::new() };
    let mut taken = vec![false; events.len()];
    for step in steps {
        let may_be_seen = !is_beyond_the_audit_file(step);
        let candidates = events.iter().enumerate();
        let candidates =
            candidates.filter(|(at, event)| may_be_seen && !taken[*at] && is_request_of(step, event));
        let found = candidates.min_by_key(|(_, event)| !is_from(step, event)).map(|(at, _)| at);
        match found {
            Some(at) => {
                taken[at] = true;
                matched.seen.push((step, &events[at]));
            }
            None => matched.unseen.push(step),
        }
    }
    matched
}

fn is_request_of(step: &Step, event: &Event<'_>) -> bool {
    let (Some(method), Some(path), Some(http)) = (&step.method, &step.path, &event.http) else {
        return false;
    };
    let path = path.split('?').next();
    let seconds = event.time.map_or(f64::MAX, |time| (time.as_micros() as f64 / 1e6 - step.time).abs());
    http.method.as_deref() == Some(method) && http.path.as_deref() == path && seconds < 15.0
}

fn is_from(step: &Step, event: &Event<'_>) -> bool {
    let ip = event.client.as_ref().and_then(|client| client.ip).map(|ip| ip.to_string());
    step.ip.is_some() && ip == step.ip
}

/// A webhook has no request: a step is the first event of the same action, actor and target at about that time.
fn match_events<'s, 'e>(steps: &'s [Step], events: &'e [Event<'e>]) -> Matched<'s, 'e> {
    let mut matched = Matched { seen: Vec::new(), unseen: Vec::new() };
    let mut taken = vec![false; events.len()];
    for step in steps {
        let candidates =
            events.iter().enumerate().filter(|(at, event)| !taken[*at] && is_event_of(step, event));
        let found = candidates
            .min_by_key(|(_, event)| {
                compare(step, event).iter().filter(|(_, verdict)| *verdict != Verdict::Agrees).count()
            })
            .map(|(at, _)| at);
        match found {
            Some(at) => {
                taken[at] = true;
                matched.seen.push((step, &events[at]));
            }
            None => matched.unseen.push(step),
        }
    }
    matched
}

fn is_event_of(step: &Step, event: &Event<'_>) -> bool {
    let seconds = event.time.map_or(f64::MAX, |time| (time.as_micros() as f64 / 1e6 - step.time).abs());
    action(step, event) == Verdict::Agrees && step.outcome == outcome_word(event) && seconds < 6.0
}

fn outcome_word(event: &Event<'_>) -> &'static str {
    if event.outcome == Outcome::Success { "success" } else { "failure" }
}

/// Prints the table and returns it: how many agree, are open and differ for each field.
#[expect(clippy::print_stdout, reason = "the table is for whoever runs the test with --nocapture")]
fn table(title: &str, matched: &Matched<'_, '_>) -> BTreeMap<Field, [usize; 3]> {
    let mut counts: BTreeMap<Field, [usize; 3]> = BTreeMap::new();
    for (step, event) in &matched.seen {
        for (field, verdict) in compare(step, event) {
            counts.entry(field).or_default()[verdict as usize] += 1;
        }
    }
    println!("{title}: {} steps seen, {} not", matched.seen.len(), matched.unseen.len());
    println!("{:<8} {:>6} {:>6} {:>7}", "field", "agree", "open", "differ");
    for (field, [agree, open, differ]) in &counts {
        println!("{:<8} {agree:>6} {open:>6} {differ:>7}", format!("{field:?}"));
    }
    counts
}

/// The steps that differ in a field: step number and what the event has.
fn differing<'e>(matched: &Matched<'_, 'e>, field: Field) -> Vec<(u32, &'e str)> {
    let differs = |step: &Step, event: &Event<'_>| compare(step, event).contains(&(field, Verdict::Differs));
    let found = |event: &'e Event<'e>| match field {
        Field::Action => event.action.as_ref(),
        Field::Outcome => event.outcome.as_str(),
        Field::Actor => event.actor.as_ref().and_then(|actor| actor.email.as_deref()).unwrap_or("-"),
        Field::Target => event.target.as_ref().and_then(|target| target.id.as_deref()).unwrap_or("-"),
    };
    let seen = matched.seen.iter().filter(|(step, event)| differs(step, event));
    seen.map(|(step, event)| (step.step, found(event))).collect()
}

fn numbers<'s>(steps: impl IntoIterator<Item = &'s &'s Step>) -> Vec<u32> {
    steps.into_iter().map(|step| step.step).collect()
}

/// The steps for which the event leaves a field open.
fn open(matched: &Matched<'_, '_>, field: Field) -> Vec<u32> {
    let is_open = |step: &Step, event: &Event<'_>| compare(step, event).contains(&(field, Verdict::Open));
    matched.seen.iter().filter(|(step, event)| is_open(step, event)).map(|(step, _)| step.step).collect()
}

/// What the audit file never has: reading requests, requests without any credential, and what the server does alone.
fn is_beyond_the_audit_file(step: &Step) -> bool {
    let reads = step.method.as_deref() == Some("GET");
    let without_credential = step.what.starts_with("no token");
    reads || without_credential || step.method.is_none()
}

fn assert_all_are_beyond_the_audit_file(unseen: &[&Step]) {
    assert!(unseen.iter().all(|step| is_beyond_the_audit_file(step)), "{:?}", numbers(unseen));
}

#[test]
fn audit_file_at_level_metadata() {
    let steps = steps(include_str!("../data/expected-metadata.json"));
    let lines = events(Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log"));
    assert_eq!(lines.len(), 181);
    let matched = match_requests(&steps, &lines);
    let counts = table("audit.log, METADATA", &matched);

    assert_eq!(matched.seen.len(), 164);
    assert_all_are_beyond_the_audit_file(&matched.unseen);
    assert_eq!(counts[&Field::Action], [128, 0, 36]);
    assert_eq!(counts[&Field::Outcome], [1, 163, 0]);
    assert_eq!(counts[&Field::Actor], [134, 30, 0]);
    assert_eq!(counts[&Field::Target], [56, 45, 0]);

    let mut differing = differing(&matched, Field::Action);
    let mut take = |steps: &[u32], action: &str| {
        let before = differing.len();
        differing.retain(|(step, found)| !(steps.contains(step) && *found == action));
        assert_eq!(before - differing.len(), steps.len(), "{action}");
    };
    // Without a status a try to enter that was refused looks like one that was not ...
    let refused: Vec<u32> = (35..=53).chain([190]).collect();
    take(&refused, "auth.login");
    take(&[57, 60], "auth.signup");
    // ... and a request for which the user has no right like one for which he has.
    take(&[86], "group.created");
    take(&[179], "model.provider_config.updated");
    take(&[180], "user.deleted");
    // Without bodies nobody knows which way a switch went, or what of a user was changed.
    take(&[10], "function.updated");
    take(&[64, 68, 70, 71, 73], "user.updated");
    take(&[115, 118, 119], "chat.updated");
    take(&[162], "model.updated");
    take(&[169], "automation.updated");
    assert_eq!(differing, []);
}

#[test]
fn audit_file_at_level_request_response() {
    let steps = steps(include_str!("../data/expected-request-response.json"));
    let lines = events(Format::OpenWebUiAudit, include_str!("../data/audit-request-response.log"));
    assert_eq!(lines.len(), 172);
    let matched = match_requests(&steps, &lines);
    let counts = table("audit.log, REQUEST_RESPONSE", &matched);

    assert_eq!(matched.seen.len(), 160);
    assert_all_are_beyond_the_audit_file(&matched.unseen);
    assert_eq!(counts[&Field::Action], [160, 0, 0]);
    assert_eq!(counts[&Field::Outcome], [152, 8, 0]);
    assert_eq!(counts[&Field::Actor], [132, 28, 0]);
    assert_eq!(counts[&Field::Target], [82, 10, 0]);

    // A web UI chat is answered after the response: its outcome is the webhook's to tell.
    assert_eq!(open(&matched, Field::Outcome), [104, 105, 106, 107, 108, 109, 139, 140]);
    // Bodies below /api/v1/auths are never captured, and the line's user is not the one who signs in or up.
    let signing_in: Vec<u32> =
        [2, 35, 36].into_iter().chain(38..=53).chain([56, 57, 58, 60, 65, 66, 67, 76, 81]).collect();
    assert_eq!(open(&matched, Field::Actor), signing_in);
    assert_eq!(open(&matched, Field::Target), [2, 56, 58, 61, 62, 65, 66, 67, 76, 81]);
}

#[test]
fn webhooks() {
    let steps = steps(include_str!("../data/expected-metadata.json"));
    let mut lines = events(Format::OpenWebUiWebhook, include_str!("../data/webhooks.ndjson"));
    assert_eq!(lines.len(), 249, "some events came by several hooks");
    let mut seen = HashSet::new();
    lines.retain(|event| seen.insert(event.id.clone()));
    assert_eq!(lines.len(), 164, "each event once by its id");
    let matched = match_events(&steps, &lines);
    let counts = table("webhooks", &matched);

    assert_eq!(matched.seen.len(), 110);
    assert_eq!(counts[&Field::Action], [110, 0, 0]);
    assert_eq!(counts[&Field::Outcome], [110, 0, 0]);
    assert_eq!(counts[&Field::Actor], [110, 0, 0]);
    assert_eq!(counts[&Field::Target], [95, 0, 0]);

    // Reads, refusals and failed attempts send no event; nor do direct model calls and a few settings.
    let sends_none = |step: &&&Step| {
        let direct_call = step.expected_action == "chat.completion" && step.target.is_none();
        step.method.as_deref() == Some("GET")
            || step.outcome == "failure"
            || step.expected_action == "none"
            || direct_call
    };
    let others: Vec<&Step> = matched.unseen.iter().filter(|step| !sends_none(step)).copied().collect();
    let actions: Vec<_> = others.iter().map(|step| (step.step, step.expected_action.as_str())).collect();
    assert_eq!(
        actions,
        [
            (13, "config.updated"),
            (22, "config.updated"),
            (102, "embeddings.created"),
            (138, "knowledge.queried")
        ]
    );
}

#[test]
fn a_former_session_is_not_taken_for_the_one_who_signs_in() {
    let lines = events(Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log"));
    let mut with_session = 0;
    for event in lines.iter().filter(|event| event.action.starts_with("auth.login")) {
        assert_eq!((&event.actor, &event.org), (&None, &None));
        with_session +=
            usize::from(event.details.as_ref().is_some_and(|details| details.get("session_user").is_some()));
    }
    assert_eq!(with_session, 3);
}

#[test]
fn token_usage_is_an_event_of_its_own() {
    let lines = events(Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log"));
    let ids: HashSet<_> = lines.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), lines.len(), "every line keeps its own id");
    let calls: Vec<_> = lines.iter().filter(|event| event.action == "model.called").collect();
    assert_eq!(calls.len(), 14);
    let tokens: u64 = calls.iter().filter_map(|call| call.usage?.input_tokens).sum();
    assert_eq!(tokens, 252_192);
    for call in calls {
        let request = call.details.as_ref().and_then(|details| details.get("request_id")?.as_str());
        let request =
            lines.iter().find(|event| event.id.as_deref() == request).expect("the request has its event");
        assert_eq!(request.action, "chat.completion");
        assert_eq!(request.actor, call.actor);
    }
}

#[test]
fn no_secret_and_no_content_gets_into_an_event() {
    let secrets = [
        "mock-provider-key",      // a provider's key, in the body of a settings request
        "s3cret",                 // the password in a webhook's URL
        "t0k3n",                  // the token in a webhook's URL
        "Grün 计划",              // a file's content, in the answer to a query
        "How much does Bob earn", // a prompt
        "capital of France",      // a prompt
        "Bearer ",
        "eyJhbGciOi", // the beginning of a JWT
    ];
    let recordings = [
        (Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log")),
        (Format::OpenWebUiAudit, include_str!("../data/audit-request-response.log")),
        (Format::OpenWebUiWebhook, include_str!("../data/webhooks.ndjson")),
    ];
    for (format, lines) in recordings {
        for event in events(format, lines) {
            let text = format!("{event:?}");
            for secret in secrets {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
        }
    }
}

#[test]
fn every_event_can_be_recorded() {
    let params = EncodeParams {
        seed: [7; 16],
        recorded_at: Timestamp::from_micros(1_795_500_000_000_000),
        instance: None,
    };
    let mut encoder = Encoder::new(params);
    let recordings = [
        (Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log")),
        (Format::OpenWebUiAudit, include_str!("../data/audit-request-response.log")),
        (Format::OpenWebUiWebhook, include_str!("../data/webhooks.ndjson")),
    ];
    for (format, lines) in recordings {
        for event in events(format, lines) {
            let encoded = encoder.encode(&event).unwrap_or_else(|error| panic!("{error}: {event:?}"));
            assert_eq!(Some(&*encoded.id), event.id.as_deref(), "the source's id is kept");
        }
    }
}

#[test]
fn an_event_function_adds_where_an_event_came_from() {
    let lines = events(Format::OpenWebUiWebhook, include_str!("../data/webhooks.ndjson"));
    let from_function = lines.iter().filter(|event| event.client.is_some()).count();
    assert!(from_function > 30, "{from_function}");
    let created =
        lines.iter().find(|event| event.action == "knowledge.created").expect("recorded by the function");
    let http = created.http.as_ref().expect("the function sends the request");
    assert_eq!(http.path.as_deref(), Some("/api/v1/knowledge/create"));
    assert_eq!(
        created.client.as_ref().and_then(|client| client.ip).map(|ip| ip.to_string()).as_deref(),
        Some("127.0.0.21")
    );
}

//! Recordings of a real Open WebUI 0.12.4 against the ground truth that its driver wrote as it acted.
//!
//! `tests/data` holds one run's audit file at level METADATA and what its webhooks sent, and another run's audit file
//! at level REQUEST_RESPONSE, its bodies cut at 2,048 bytes as Open WebUI does by default. Each step of the ground
//! truth is compared with the event made of it, field by field. Every disagreement is listed here with its reason.

use std::collections::BTreeMap;

use audit_event::{ActorType, Event, Outcome};
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
    flow: Option<String>,
    auth: Option<String>,
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
    lines.lines().map(|line| format.read(line.as_bytes()).expect("every recorded line is understood")).collect()
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
    let in_web_ui = step.expected_action == "chat.completion" && step.flow.as_deref() == Some("socket");
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
        Some(found) => verdict(found.kind.as_deref() == Some(&expected.kind) && found.id.as_deref() == Some(id)),
    })
}

/// The steps that the source saw, each with its event, and the numbers of those that it did not.
struct Matched<'s, 'e> {
    seen: Vec<(&'s Step, &'e Event<'e>)>,
    unseen: Vec<&'s Step>,
}

/// In the audit file a step is the first line of the same method and path that is not yet taken.
fn match_requests<'s, 'e>(steps: &'s [Step], events: &'e [Event<'e>]) -> Matched<'s, 'e> {
    let mut matched = Matched { seen: Vec::new(), unseen: Vec::new() };
    let mut taken = vec![false; events.len()];
    for step in steps {
        let found = events.iter().enumerate().position(|(at, event)| !taken[at] && is_request_of(step, event));
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
    let (Some(method), Some(path), Some(http)) = (&step.method, &step.path, &event.http) else { return false };
    let path = path.split('?').next();
    let seconds = event.time.map_or(f64::MAX, |time| (time.as_micros() as f64 / 1e6 - step.time).abs());
    http.method.as_deref() == Some(method) && http.path.as_deref() == path && seconds < 15.0
}

/// A webhook has no request: a step is the first event of the same action, actor and target at about that time.
fn match_events<'s, 'e>(steps: &'s [Step], events: &'e [Event<'e>]) -> Matched<'s, 'e> {
    let mut matched = Matched { seen: Vec::new(), unseen: Vec::new() };
    let mut taken = vec![false; events.len()];
    for step in steps {
        let candidates = events.iter().enumerate().filter(|(at, event)| !taken[*at] && is_event_of(step, event));
        let found = candidates
            .min_by_key(|(_, event)| compare(step, event).iter().filter(|(_, verdict)| *verdict != Verdict::Agrees).count())
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

#[test]
fn explore() {
    let meta = steps(include_str!("data/expected-metadata.json"));
    let full = steps(include_str!("data/expected-request-response.json"));
    let a = events(Format::OpenWebuiAudit, include_str!("data/audit-metadata.log"));
    let b = events(Format::OpenWebuiAudit, include_str!("data/audit-request-response.log"));
    let mut c = events(Format::OpenWebuiWebhook, include_str!("data/webhooks.ndjson"));
    let mut seen = std::collections::HashSet::new();
    c.retain(|event| seen.insert(event.id.clone()));
    for (name, matched) in [("metadata", match_requests(&meta, &a)), ("full", match_requests(&full, &b)), ("webhook", match_events(&meta, &c))] {
        table(name, &matched);
        for field in [Field::Action, Field::Actor, Field::Outcome, Field::Target] {
            println!("{field:?} {:?}", differing(&matched, field));
        }
        for (step, event) in &matched.seen {
            for (field, v) in compare(step, event) { if v == Verdict::Open && field != Field::Outcome { println!("open {} {field:?} {}", step.step, step.what); } }
        }
        for s in &matched.unseen { println!("unseen {} {} {:?} {:?} {}", s.step, s.expected_action, s.method, s.auth, s.what); }
        for (_, e) in matched.seen.iter().take(400) { println!("   {}", e.message.as_deref().unwrap_or("")); }
    }
}

//! One fact, one event: what several sources saw is recorded once, whatever comes first, twice, late or not at all.

use std::collections::{BTreeMap, HashMap, HashSet};

use audit_event::{Event, Sender, Source, Timestamp};
use audit_pipeline::intake::OnError;
use audit_pipeline::sources::Format;
use audit_pipeline::sources::openwebui::ownership::Configured;
use audit_pipeline::sources::openwebui::sightings::{Error, Receipt};
use serde::Deserialize;

use crate::scene::{ALL, Scene, by, event, on, request};

const WEBHOOKS: &str = include_str!("../data/webhooks.ndjson");
const AUDIT_FILE: &str = include_str!("../data/audit-metadata.log");
const STEPS: &str = include_str!("../data/expected-metadata.json");

const HELD: Receipt = Receipt { recorded: 0, corroborating: 0, held: 1, duplicates: 0, refused: 0 };
const CORROBORATING: Receipt = Receipt { corroborating: 1, held: 0, ..HELD };
const RECORDED: Receipt = Receipt { recorded: 1, held: 0, ..HELD };
const DUPLICATE: Receipt = Receipt { duplicates: 1, held: 0, ..HELD };

fn sign_in(source: Source, id: &str, user: &str, seconds: i64) -> Event<'static> {
    by(user, event(source, id, "auth.login", seconds))
}

fn file_line(id: &str, action: &str, path: &str, seconds: i64) -> Event<'static> {
    request("POST", path, event(Source::AuditFile, id, action, seconds))
}

#[test]
fn a_sign_in_that_three_sources_see_is_one_event() {
    let scene = Scene::new(ALL);
    scene.gateway(&request("POST", "/api/v1/auths/signin", sign_in(Source::Gateway, "g", "ada", 0)));
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), CORROBORATING);
    // The audit file does not know who signs in.
    assert_eq!(scene.offer(file_line("f", "auth.login", "/api/v1/auths/signin", 0)), CORROBORATING);
    assert_eq!(scene.corroborations(), ["g <- audit_file:f", "g <- webhook:w"]);
    assert_eq!(scene.recorded(), ["gateway auth.login"]);
    assert_eq!(std::fs::read(scene.journal()).expect("the journal").len(), 0, "nothing waits any more");
}

#[test]
fn a_change_of_role_is_one_event_though_each_source_names_it_differently() {
    let scene = Scene::new(ALL);
    let path = "/api/v1/users/bob/update";
    let change = |source, id, action| on("user", "bob", by("ada", event(source, id, action, 0)));
    scene.gateway(&request("POST", path, change(Source::Gateway, "g", "user.role_updated")));
    scene.offer(change(Source::Webhook, "w", "user.role_updated"));
    scene.offer(request("POST", path, change(Source::AuditFile, "f", "user.updated")));
    assert_eq!(scene.corroborations(), ["g <- audit_file:f", "g <- webhook:w"]);
    assert_eq!(scene.recorded(), ["gateway user.role_updated"]);
}

#[test]
fn a_message_in_the_web_ui_is_one_event_and_the_end_of_its_answer_another() {
    let scene = Scene::new(ALL);
    let path = "/api/chat/completions";
    let chat = |source, id, action| on("chat", "c", by("ada", event(source, id, action, 0)));
    let message = |id| {
        let mut message = on("message", id, by("ada", event(Source::Webhook, id, "message.created", 0)));
        message.details = Some(audit_event::Json::object([("chat_id", "c")]));
        message
    };
    scene.gateway(&request("POST", path, chat(Source::Gateway, "g", "chat.completion")));
    scene.offer(chat(Source::Webhook, "w-created", "chat.created"));
    scene.offer(message("m-1"));
    scene.offer(message("m-2"));
    scene.offer(request("POST", path, by("ada", event(Source::AuditFile, "f", "chat.completion", 0))));
    assert_eq!(scene.offer(chat(Source::Webhook, "w-finished", "chat.finished")), RECORDED);
    let expected = ["g <- audit_file:f", "g <- webhook:m-1", "g <- webhook:m-2", "g <- webhook:w-created"];
    assert_eq!(scene.corroborations(), expected);
    assert_eq!(scene.recorded(), ["gateway chat.completion", "webhook chat.finished"]);
}

#[test]
fn who_goes_past_the_gateway_is_recorded_as_unseen_by_it() {
    let scene = Scene::new(ALL);
    scene.pass(60);
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 60)), HELD);
    assert_eq!(scene.offer(file_line("f", "auth.login", "/api/v1/auths/signin", 60)), HELD);
    scene.pass(9);
    assert_eq!(scene.recorded(), [""; 0], "its request may still be under way");
    scene.pass(2);
    assert_eq!(scene.unseen(), ["w unseen by gateway"]);
    scene.pass(2);
    assert_eq!(scene.recorded(), ["webhook auth.login"], "the audit file's line is of the same fact");
}

#[test]
fn the_line_of_the_audit_file_alone_shows_it_too() {
    let scene = Scene::new(ALL);
    scene.offer(file_line("f", "auth.login", "/api/v1/auths/signin", 0));
    scene.pass(13);
    assert_eq!(scene.unseen(), ["f unseen by gateway"]);
}

#[test]
fn a_sighting_waits_for_a_request_that_is_under_way() {
    let scene = Scene::new(ALL);
    let upload = |source, id| on("file", "x", by("ada", event(source, id, "file.uploaded", 0)));
    scene.offer(upload(Source::Webhook, "w"));
    scene.pass(8);
    scene.gateway(&Event { latency_ms: Some(8_000.0), ..upload(Source::Gateway, "g") });
    assert_eq!(scene.corroborations(), ["g <- webhook:w"]);
    assert_eq!(scene.recorded(), ["gateway file.uploaded"]);
}

#[test]
fn an_answer_may_stream_for_minutes() {
    let scene = Scene::new(ALL);
    let chat = |source, id, action| on("chat", "c", by("ada", event(source, id, action, 0)));
    scene.offer(chat(Source::Webhook, "w", "chat.created"));
    scene.pass(240);
    scene.gateway(&Event { latency_ms: Some(240_000.0), ..chat(Source::Gateway, "g", "chat.completion") });
    assert_eq!(scene.corroborations(), ["g <- webhook:w"]);
    assert_eq!(scene.unseen(), [""; 0]);
}

#[test]
fn an_owner_that_reports_too_late_is_tied_to_the_event_that_was_recorded() {
    let scene = Scene::new(ALL);
    scene.offer(sign_in(Source::Webhook, "w", "ada", 0));
    scene.pass(11);
    assert_eq!(scene.unseen(), ["w unseen by gateway"]);
    scene.gateway(&Event { latency_ms: Some(11_000.0), ..sign_in(Source::Gateway, "g", "ada", 0) });
    assert_eq!(scene.corroborations(), ["g <- webhook:w", "w <- gateway:g"]);
    assert_eq!(scene.recorded(), ["webhook auth.login", "gateway auth.login"]);
}

#[test]
fn the_same_event_from_several_webhooks_is_taken_once() {
    let mut scene = Scene::new(ALL);
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), HELD);
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), DUPLICATE);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), DUPLICATE);
    assert_eq!(scene.corroborations(), ["g <- webhook:w"]);
    let started = || event(Source::Webhook, "s", "system.startup.started", 0);
    assert_eq!(scene.offer(started()), RECORDED);
    assert_eq!(scene.offer(started()), DUPLICATE);
    scene.restart();
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), DUPLICATE, "nor after a restart");
    assert_eq!(scene.offer(started()), DUPLICATE);
}

#[test]
fn one_event_explains_one_sighting_of_a_source() {
    let scene = Scene::new(ALL);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    scene.offer(sign_in(Source::Webhook, "w-1", "ada", 0));
    // A second sign-in a moment later, past the gateway.
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w-2", "ada", 2)), HELD);
    scene.pass(11);
    assert_eq!(scene.unseen(), ["w-2 unseen by gateway"]);
}

#[test]
fn nobody_elses_event_explains_a_sighting() {
    let scene = Scene::new(ALL);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "bob", 0)), HELD);
    let on_chat = |chat, source, id| on("chat", chat, by("ada", event(source, id, "chat.deleted", 0)));
    scene.gateway(&on_chat("c-1", Source::Gateway, "g-1"));
    assert_eq!(scene.offer(on_chat("c-2", Source::Webhook, "w-2")), HELD, "another chat");
}

#[test]
fn sightings_find_the_nearest_of_several_events_in_any_order() {
    let scene = Scene::new(ALL);
    scene.offer(sign_in(Source::Webhook, "w-1", "ada", 1));
    scene.offer(sign_in(Source::Webhook, "w-5", "ada", 5));
    scene.gateway(&sign_in(Source::Gateway, "g-5", "ada", 5));
    scene.gateway(&sign_in(Source::Gateway, "g-1", "ada", 1));
    assert_eq!(scene.corroborations(), ["g-1 <- webhook:w-1", "g-5 <- webhook:w-5"]);
}

#[test]
fn a_clock_that_is_an_hour_off_does_not_matter_while_events_come_at_once() {
    let scene = Scene::new(ALL);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", -3_600)), CORROBORATING);
    let status = scene.sightings.status();
    assert_eq!(status.webhook_delay_ms, Some(3_600_000), "doctor shows it");
}

#[test]
fn a_file_that_is_read_an_hour_later_does_not_matter_while_its_clock_is_right() {
    let scene = Scene::new(ALL);
    scene.gateway(&request("POST", "/api/v1/auths/signin", sign_in(Source::Gateway, "g", "ada", 0)));
    scene.pass(3_600);
    let line = file_line("f", "auth.login", "/api/v1/auths/signin", 0);
    assert_eq!(scene.offer(line), CORROBORATING);
}

#[test]
fn an_owners_event_that_was_recovered_is_found_in_the_ledger() {
    let scene = Scene::new(ALL);
    scene.offer(sign_in(Source::Webhook, "w", "ada", 0));
    // Recorded out of the gateway's journal: nobody tells.
    scene
        .intake
        .append_events([sign_in(Source::Gateway, "g", "ada", 0)], OnError::Reject)
        .expect("the ledger takes it");
    scene.pass(11);
    assert_eq!(scene.unseen(), [""; 0]);
    assert_eq!(scene.corroborations(), ["g <- webhook:w"]);
}

#[test]
fn what_somebody_handed_in_explains_nothing_neither_now_nor_after_a_restart() {
    let mut scene = Scene::new(ALL);
    let stranger = scene.intake.of_sender(Sender::who_may_say_all("tok_0123456789ab"));
    let forge = |id: &str| {
        stranger
            .append_events([sign_in(Source::Gateway, id, "ada", 0)], OnError::Reject)
            .expect("it is taken");
    };
    scene.offer(sign_in(Source::Webhook, "w-1", "ada", 0));
    forge("g-1");
    scene.pass(11);
    assert_eq!(scene.unseen(), ["w-1 unseen by gateway"]);
    scene.restart();
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w-2", "ada", 11)), HELD);
    assert_eq!(scene.corroborations(), [""; 0]);
}

#[test]
fn what_waits_survives_a_restart() {
    let mut scene = Scene::new(ALL);
    scene.offer(sign_in(Source::Webhook, "w-1", "ada", 0));
    scene.offer(sign_in(Source::Webhook, "w-2", "bob", 0));
    scene.restart();
    assert_eq!(scene.sightings.status().held, 2);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    scene.pass(11);
    assert_eq!(scene.unseen(), ["w-2 unseen by gateway"]);
    assert_eq!(scene.corroborations(), ["g <- webhook:w-1"]);
}

#[test]
fn events_from_before_a_restart_explain_what_comes_after_it() {
    let mut scene = Scene::new(ALL);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    scene.gateway(&sign_in(Source::Gateway, "g-2", "bob", 0));
    scene.offer(sign_in(Source::Webhook, "w-2", "bob", 0));
    scene.restart();
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w", "ada", 0)), CORROBORATING);
    assert_eq!(scene.offer(sign_in(Source::Webhook, "w-3", "bob", 0)), HELD, "w-2 was the one");
}

#[test]
fn a_crash_loses_no_sighting_and_a_repeated_one_counts_once() {
    let mut scene = Scene::new(ALL);
    scene.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    scene.offer(sign_in(Source::Webhook, "w", "ada", 0));
    let journal = std::fs::read(scene.journal()).expect("the journal");
    assert!(!journal.is_empty(), "the corroboration is not in the ledger yet");
    scene.sightings.finish();
    // As if the process had died right after recording it, the journal still saying that it waits, and half a line.
    std::fs::write(scene.journal(), [&*journal, b"{\"arrived\":17954"].concat()).expect("written");
    scene.restart();
    assert_eq!(scene.sightings.status().damaged, 0);
    assert_eq!(scene.corroborations(), ["g <- webhook:w"]);
    assert_eq!(scene.recorded(), ["gateway auth.login"]);

    // And as if it had died before.
    let mut other = Scene::new(ALL);
    other.gateway(&sign_in(Source::Gateway, "g", "ada", 0));
    other.sightings.finish();
    std::fs::write(other.journal(), &journal).expect("written");
    other.restart();
    assert_eq!(other.corroborations(), ["g <- webhook:w"]);
}

#[test]
fn a_damaged_line_of_the_journal_is_set_aside() {
    let mut scene = Scene::new(ALL);
    scene.offer(sign_in(Source::Webhook, "w", "ada", 0));
    let journal = std::fs::read(scene.journal()).expect("the journal");
    scene.sightings.finish();
    std::fs::write(scene.journal(), [b"{\"arrived\":\n", &*journal].concat()).expect("written");
    scene.restart();
    let status = scene.sightings.status();
    assert_eq!((status.damaged, status.held), (1, 1));
    let aside = std::fs::read(scene.dir.path().join("sightings.journal.damaged")).expect("kept");
    assert_eq!(aside, b"{\"arrived\":\n");
}

#[test]
fn of_the_time_before_the_gateway_nothing_is_said_about_it() {
    let scene = Scene::new(ALL);
    scene.offer(file_line("f", "auth.login", "/api/v1/auths/signin", -86_400));
    scene.pass(13);
    assert_eq!(scene.recorded(), ["audit_file auth.login"]);
    assert_eq!(scene.unseen(), [""; 0]);
}

#[test]
fn what_the_server_does_by_itself_is_no_detour() {
    let scene = Scene::new(ALL);
    let run = on("automation", "a", by("ada", event(Source::Webhook, "w", "automation.run_started", 0)));
    assert_eq!(scene.offer(run), HELD, "somebody may have asked for it");
    scene.pass(11);
    assert_eq!(scene.recorded(), ["webhook automation.run_started"]);
    assert_eq!(scene.unseen(), [""; 0]);
}

#[test]
fn without_a_gateway_the_webhook_owns_and_the_file_corroborates() {
    let scene = Scene::new(Configured { gateway: false, ..ALL });
    let change = |source, id, action| on("user", "bob", by("ada", event(source, id, action, 0)));
    assert_eq!(scene.offer(change(Source::AuditFile, "f", "user.updated")), HELD);
    assert_eq!(scene.offer(change(Source::Webhook, "w", "user.role_updated")), RECORDED);
    assert_eq!(scene.corroborations(), ["w <- audit_file:f"]);
}

#[test]
fn token_counts_of_the_same_call_are_counted_once() {
    let scene = Scene::new(Configured { model_gateway: true, ..ALL });
    let called = |source, id, output_tokens| {
        let mut called = by("ada", event(source, id, "model.called", 0));
        called.usage = Some(audit_event::Usage {
            input_tokens: Some(12),
            output_tokens: Some(output_tokens),
            ..audit_event::Usage::default()
        });
        called
    };
    scene.gateway(&called(Source::ModelGateway, "m", 30));
    assert_eq!(scene.offer(called(Source::AuditFile, "f", 30)), CORROBORATING);
    assert_eq!(scene.offer(called(Source::AuditFile, "f-2", 31)), HELD, "another call");
    scene.pass(303);
    assert_eq!(scene.recorded(), ["model_gateway model.called", "audit_file model.called"]);
}

#[test]
fn a_flood_waits_in_bounded_memory_and_is_still_recorded() {
    let scene = Scene::new(ALL);
    let logins = |from: usize| {
        (from..from + 1_000)
            .map(|n| sign_in(Source::Webhook, &format!("w-{n}"), &format!("user-{n}"), 0))
            .collect::<Vec<_>>()
    };
    for from in (0..6_000).step_by(1_000) {
        scene.sightings.take(logins(from)).expect("taken");
    }
    scene.sightings.settle();
    assert!(scene.sightings.status().held <= 4_096);
    scene.pass(11);
    assert_eq!(scene.recorded().len(), 6_000);
}

/// Sign-ins that webhooks alone see.
fn sign_ins(prefix: &str, count: usize) -> Vec<Event<'static>> {
    let one =
        |n: usize| sign_in(Source::Webhook, &format!("{prefix}-{n:04}"), &format!("{prefix}-{n:04}"), 0);
    (0..count).map(one).collect()
}

#[test]
fn when_the_disk_fills_up_amid_many_that_are_due_none_is_lost() {
    for crashes in [false, true] {
        let mut scene = Scene::new(ALL);
        let before = scene.disk.used_bytes();
        scene.sightings.take(sign_ins("a", 512)).expect("taken");
        scene.pass(11);
        let batch = scene.disk.used_bytes() - before;
        scene.sightings.take(sign_ins("b", 2_000)).expect("taken");
        scene.disk.set_capacity(scene.disk.used_bytes() + batch * 3 / 2);
        scene.pass(11);
        assert_eq!(scene.recorded().len(), 512 + 512, "room for one batch more and not for two");

        if crashes {
            scene.crash();
            assert_eq!(scene.sightings.status().held, 2_000 - 512, "the journal has them");
        }
        scene.disk.set_capacity(u64::MAX);
        scene.pass(1_000);
        let ids: HashSet<_> = scene.events().iter().map(|event| event["id"].to_string()).collect();
        assert_eq!((ids.len(), scene.recorded().len()), (2_512, 2_512), "each once");
        assert_eq!(std::fs::read(scene.journal()).expect("the journal").len(), 0, "nothing waits any more");
    }
}

#[test]
fn when_neither_ledger_nor_memory_takes_more_the_sender_is_told_to_wait() {
    let scene = Scene::new(ALL);
    scene.ledger.close().expect("closed");
    let started = |from: usize| -> Vec<_> {
        (from..from + 500)
            .map(|n| event(Source::Webhook, &format!("s-{n}"), "system.startup.started", 0))
            .collect()
    };
    let refused = (0..20_000).step_by(500).find_map(|from| scene.sightings.take(started(from)).err());
    assert!(matches!(refused, Some(Error::Busy { retry_after_ms: 1.. })), "{refused:?}");
    assert!(scene.sightings.status().held <= 9_000, "bounded");
}

#[derive(Deserialize)]
struct Step {
    step: u32,
    time: f64,
    expected_action: String,
    outcome: String,
    actor: Option<String>,
    target: Option<StepTarget>,
    method: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
struct StepTarget {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
}

/// The event that a gateway would make of a step: what is done, by whom (where somebody is proven), to what.
fn gateway_event(step: &Step, ids: &HashMap<String, String>) -> Option<Event<'static>> {
    let reads = step.method.as_deref() == Some("GET") && step.expected_action == "none";
    if reads || step.expected_action == "automation.run_completed" {
        return None;
    }
    let action = if step.expected_action == "none" { "api.request" } else { &step.expected_action };
    let mut event = event(Source::Gateway, &format!("step-{}", step.step), action, 0);
    #[expect(clippy::cast_possible_truncation, reason = "a time of these years")]
    let micros = (step.time * 1e6) as i64;
    event.time = Some(Timestamp::from_micros(micros));
    event.latency_ms = Some(400.0);
    if let Some(id) = step.actor.as_ref().and_then(|email| ids.get(email)) {
        event = by(id, event);
        let actor = event.actor.as_mut().expect("just set");
        actor.email = step.actor.clone().map(Into::into);
    }
    if let Some((kind, id)) =
        step.target.as_ref().and_then(|target| Some((target.kind.clone(), target.id.clone()?)))
    {
        event = on(kind.as_deref().unwrap_or("chat"), &id, event);
    }
    if let (Some(method), Some(path)) = (&step.method, &step.path) {
        event = request(method, path.split('?').next().expect("a path"), event);
    }
    if step.outcome != "success" {
        event.outcome = audit_event::Outcome::Failure;
    }
    Some(event)
}

/// Everything that a real Open WebUI told by webhook and audit file while a driver acted, in the order in which it came,
/// beside what a gateway in front of it sees.
#[test]
fn of_a_whole_recorded_session_each_fact_is_recorded_once() {
    let steps: Vec<Step> = serde_json::from_str(STEPS).expect("the ground truth");
    let read = |format: Format, lines: &'static str| {
        lines.lines().map(move |line| format.read(line.as_bytes()).expect("an event")).collect::<Vec<_>>()
    };
    let hooks = read(Format::OpenWebUiWebhook, WEBHOOKS);
    let lines = read(Format::OpenWebUiAudit, AUDIT_FILE);
    let ids: HashMap<String, String> = hooks
        .iter()
        .filter_map(|event| {
            let actor = event.actor.as_ref()?;
            Some((actor.email.as_ref()?.to_string(), actor.id.as_ref()?.to_string()))
        })
        .collect();
    let gateway: Vec<_> = steps.iter().filter_map(|step| gateway_event(step, &ids)).collect();
    let gateway_count = gateway.len();

    let start = hooks[0].time.expect("a time").as_micros() / 1_000_000;
    let scene = Scene::at(start, ALL);
    let mut all: Vec<_> = gateway.into_iter().chain(hooks).chain(lines).collect();
    // A webhook's second is cut off; what the gateway saw is over a little later than it began.
    all.sort_by_key(|event| event.time.map_or(0, |time| time.as_micros()));
    for event in all {
        scene.clock.set(event.time.expect("a time").max(scene.now()));
        if event.source == Source::Gateway {
            scene.gateway(&event);
        } else {
            scene.offer(event);
        }
        scene.sightings.settle();
    }
    scene.pass(400);
    let corroborated = scene.corroborations().len();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for event in scene.recorded() {
        *others.entry(event).or_default() += 1;
    }
    let of_gateway: usize =
        others.iter().filter(|(event, _)| event.starts_with("gateway ")).map(|(_, count)| count).sum();
    assert_eq!(of_gateway, gateway_count);
    others.retain(|event, _| !event.starts_with("gateway "));
    let others: Vec<_> = others.iter().map(|(event, count)| (event.as_str(), *count)).collect();
    let expected = [
        // What the browser saves by itself is no step of the driver's, so the gateway events made here lack it.
        ("audit_file chat.updated", 2),
        // Token counts, which these gateway events lack as well.
        ("audit_file model.called", 14),
        // What no request shows.
        ("webhook automation.run_completed", 1),
        ("webhook chat.failed", 2),
        ("webhook chat.finished", 9),
        ("webhook model.provider_request.failed", 8),
        ("webhook retrieval.content.processed", 5),
        ("webhook system.startup.completed", 1),
        ("webhook system.startup.started", 1),
        // The browser's time zone.
        ("webhook user.updated", 1),
    ];
    assert_eq!(others, expected);
    assert_eq!(scene.unseen().len(), 3, "the browser's own requests, and nothing else");
    assert_eq!(corroborated, 301);
}

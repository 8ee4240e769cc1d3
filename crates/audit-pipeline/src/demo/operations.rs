//! What admins and the platform itself do.

use audit_event::{Change, Event, Json, Outcome, Source};

use super::calendar::{Day, HOUR, MINUTE, SATURDAY, SECOND, SUNDAY};
use super::company::{Company, uuid_4};
use super::rng::Rng;
use super::scene::{Session, details, http, person_target, system, target};

const AUTOMATIONS: &[&str] = &[
    "Nightly price list digest",
    "Open warranty claims summary",
    "Back-order watch",
    "Catalog gap report",
    "Supplier news",
    "Ticket backlog summary",
];

/// Writes what happens on `day` apart from people's ordinary work.
pub(super) fn run(company: &Company, day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    nightly(day, rng, out);
    comings_and_goings(company, day, rng, out);
    let working_day = day.weekday() < SATURDAY;
    if working_day && rng.chance(0.35) {
        administer(company, day, rng, out);
    }
    if working_day && rng.chance(0.2) {
        audit(company, day, rng, out);
    }
    if day.weekday() == SUNDAY {
        restart(day, rng, out);
    }
}

fn nightly(day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let night = day.start() + HOUR;
    for (at, name) in (0..).zip(AUTOMATIONS) {
        let failed = rng.chance(0.012);
        let action = if failed { "automation.run_failed" } else { "automation.run_completed" };
        let mut event =
            system(action, night + at * 9 * MINUTE + rng.between(0, 3 * MINUTE), Source::Webhook, rng);
        let seconds = seconds_around(48.0, rng);
        event.target = Some(target("automation", format!("automation-{at}"), *name));
        if failed {
            event.outcome = Outcome::Failure;
            event.reason = Some("model_unavailable".into());
            event.message =
                Some(format!("\"{name}\" failed after {seconds} s: its model did not answer").into());
        } else {
            event.message = Some(format!("\"{name}\" ran for {seconds} s").into());
        }
        out.push(event);
    }
    let removed = rng.skewed(9.0);
    let mut retention = system("retention.run_completed", night + 2 * HOUR, Source::Internal, rng);
    retention.message = Some(format!("Retention removed {removed} chats older than a year").into());
    retention.details = details([("chats", Json::from(removed))]);
    out.push(retention);
    let mut verified = system("audit.verified", night + 3 * HOUR, Source::Internal, rng);
    let seconds = seconds_around(7.0, rng);
    verified.message = Some(format!("The ledger was verified from its first entry in {seconds} s").into());
    out.push(verified);
}

fn seconds_around(median: f64, rng: &mut Rng) -> String {
    let milliseconds = rng.skewed(median * 1_000.0);
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

fn comings_and_goings(company: &Company, day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let admin = company.veteran("IT", 0);
    let morning = day.start() + 8 * HOUR;
    for person in &company.people {
        let change = if person.joined == day {
            Some(("user.created", "gave an account to", "POST", "/api/v1/auths/add".to_owned()))
        } else if person.left == Some(day) {
            Some(("user.deleted", "deleted the account of", "DELETE", format!("/api/v1/users/{}", person.id)))
        } else {
            None
        };
        let Some((action, verb, method, path)) = change else { continue };
        let session = Session::at_work(admin, rng);
        let mut event = session.did(action, morning + rng.between(0, 2 * HOUR), rng);
        event.target = Some(person_target(person));
        event.message =
            Some(format!("{} {verb} {} ({})", admin.name, person.name, person.department.name).into());
        event.http = Some(http(method, path, 200, rng));
        out.push(event);
    }
}

/// Settings, groups, prompts and tools: action, kind and name of the target, and the sentence's middle.
const CHORES: &[(&str, &str, &str, &str)] = &[
    ("config.models.updated", "config", "models", "changed the order of the models in"),
    ("config.banners.updated", "config", "ui.banners", "changed the maintenance banner in"),
    ("config.suggestions.updated", "config", "ui.prompt_suggestions", "changed the suggestions in"),
    ("config.connections.updated", "config", "connections", "changed a provider connection in"),
    ("config.updated", "config", "retrieval", "changed the chunk size in"),
    ("model.updated", "model", "fitment-assistant", "changed the system prompt of"),
    ("model.access_updated", "model", "warranty-triage", "changed who may use"),
    ("group.member_added", "group", "Warranty reviewers", "added somebody to"),
    ("group.member_added", "group", "Catalog editors", "added somebody to"),
    ("group.member_removed", "group", "Catalog editors", "removed somebody from"),
    ("group.updated", "group", "Price list readers", "changed the rights of"),
    ("prompt.created", "prompt", "Dealer reply", "wrote a new version of"),
    ("prompt.updated", "prompt", "Claim summary", "improved"),
    ("tool.updated", "tool", "part-lookup", "updated"),
    ("knowledge.file.added", "knowledge", "Engineering handbook", "added a drawing to"),
    ("knowledge.file.removed", "knowledge", "Parts Catalog handbook", "removed an outdated list from"),
];

fn administer(company: &Company, day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let admin = company.veteran("IT", if rng.chance(0.6) { 0 } else { 1 });
    let session = Session::at_work(admin, rng);
    let mut time = day.start() + 8 * HOUR + rng.between(0, 8 * HOUR);
    for _ in 0..=rng.repeats(0.5, 4) {
        let (action, kind, name, middle) = *rng.pick(CHORES);
        let ticket = rng.between(1_000, 9_000);
        let mut event = session.did(action, time, rng);
        event.target = Some(target(kind, name, name));
        event.message = Some(format!("{} {middle} {name} (change {ticket})", admin.name).into());
        event.http = Some(http("POST", format!("/api/v1/{kind}s/update"), 200, rng));
        event.details = details([("change", Json::from(format!("CHG-{ticket}")))]);
        if action == "config.updated" {
            let (before, after) = (500 + 100 * rng.between(0, 5), 1_000 + 100 * rng.between(0, 5));
            let field = "CHUNK_SIZE".into();
            event.changes = vec![Change { field, before: Some(before.into()), after: Some(after.into()) }];
        }
        out.push(event);
        time += rng.between(20 * SECOND, 15 * MINUTE);
    }
}

fn audit(company: &Company, day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let auditor = company.veteran("Legal", 0);
    let session = Session::at_work(auditor, rng);
    let time = day.start() + 9 * HOUR + rng.between(0, 6 * HOUR);
    let question = *rng.pick(&[
        "outcome:failure category:authentication",
        "action:file.downloaded department:Warranty",
        "category:administration",
        "action:chat.deleted",
        "severity:high",
    ]);
    let hits = rng.skewed(70.0);
    let mut searched = session.did("audit.searched", time, rng);
    searched.source = Source::Internal;
    searched.message =
        Some(format!("{} searched the audit log for `{question}`: {hits} events", auditor.name).into());
    searched.details = details([("query", Json::from(question)), ("events", Json::from(hits))]);
    out.push(searched);
    if rng.chance(0.3) {
        let mut exported = session.did("audit.exported", time + rng.between(MINUTE, 9 * MINUTE), rng);
        exported.source = Source::Internal;
        exported.target = Some(target("export", uuid_4(rng), format!("{hits} events as CSV")));
        exported.message =
            Some(format!("{} exported {hits} events matching `{question}` as CSV", auditor.name).into());
        out.push(exported);
    }
}

fn restart(day: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let begin = day.start() + 4 * HOUR + rng.between(0, 20 * MINUTE);
    let steps = [
        ("system.shutdown.started", 0, "Open WebUI began to stop for the weekly update"),
        ("system.shutdown.completed", 4, "Open WebUI stopped for the weekly update"),
        ("system.startup.started", 95, "Open WebUI began to start after the weekly update"),
        ("system.startup.completed", 131, "Open WebUI is running again after the weekly update"),
    ];
    let (year, month, date) = day.civil();
    for (action, seconds, message) in steps {
        let mut event = system(action, begin + seconds * SECOND, Source::Webhook, rng);
        event.message = Some(format!("{message} of {year}-{month:02}-{date:02}").into());
        out.push(event);
    }
}

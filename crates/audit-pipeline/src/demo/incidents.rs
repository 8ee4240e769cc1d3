//! What is worth finding in the year. Each incident lies a fixed number of days before the end, moved back to a
//! fitting weekday, and is the same for every size of year.

use std::net::{IpAddr, Ipv4Addr};

use audit_event::{Change, Event, Json, Outcome, Severity, Source, Timestamp};

use super::Incident;
use super::calendar::{Day, FRIDAY, HOUR, MINUTE, SECOND, SUNDAY};
use super::company::{Company, GENERAL, Person, SMALL, THINKER, uuid_4};
use super::rng::Rng;
use super::scene::{Chat, Session, client, details, happened, http, person_target, target};
use super::workday;

const TUESDAY: i64 = 1;
const WEDNESDAY: i64 = 2;
const THURSDAY: i64 = 3;

const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
const LEAK: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 201));

/// Everything about the incidents of a year that ends on `last`.
pub(super) struct Incidents {
    pub(super) told: Vec<Incident>,
    /// Oldest first.
    pub(super) events: Vec<Event<'static>>,
}

/// Writes an incident's events and tells about it.
type Script = fn(&Company, Day, &mut Rng, &mut Vec<Event<'static>>) -> Incident;

impl Incidents {
    pub(super) fn of(company: &Company, last: Day, seed: u64) -> Self {
        let mut told = Self { told: Vec::new(), events: Vec::new() };
        // Each has its own numbers, so that changing one leaves the others as they are.
        let scripts: [Script; 6] =
            [mass_download, accidental_admin, deleted_chats, password_spraying, leaked_key, provider_outage];
        for (number, script) in (1..).zip(scripts) {
            let mut rng = Rng::new(seed ^ number << 32);
            let incident = script(company, last, &mut rng, &mut told.events);
            told.told.push(incident);
        }
        told.told.sort_by_key(|incident| incident.from);
        told.events.sort_by_key(|event| event.time);
        told
    }
}

/// From the minute in which it begins to the end of the one in which it ends.
fn incident(title: &'static str, story: String, from: i64, to: i64, query: String) -> Incident {
    let from = Timestamp::from_micros(from.div_euclid(MINUTE) * MINUTE);
    let to = Timestamp::from_micros((to.div_euclid(MINUTE) + 1) * MINUTE);
    Incident { title, story, from, to, query }
}

/// One address tries a few common passwords on many accounts on a Sunday night; one of them gives in.
fn password_spraying(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = Day(last.0 - 21).back_to(SUNDAY);
    let start = day.start() + 2 * HOUR + 7 * MINUTE;
    let victim = company.veteran("Procurement", 1);
    let tried: Vec<&Person> = company
        .people
        .iter()
        .filter(|person| person.is_here(day) && person.email != victim.email)
        .take(46)
        .collect();
    let mut time = start;
    let mut failures = 0;
    for _round in 0..3 {
        for person in tried.iter().copied().chain([victim]) {
            out.push(failed_sign_in(person, time, rng));
            failures += 1;
            time += rng.between(4 * SECOND, 11 * SECOND);
        }
    }
    let session = stolen_session(victim, rng);
    let mut login = session.did("auth.login", time, rng);
    login.target = Some(person_target(victim));
    login.message = Some(format!("{} signed in by password from {ATTACKER}", victim.name).into());
    login.http = Some(http("POST", "/api/v1/auths/signin", 200, rng));
    login.details = details([("auth_method", Json::from("password"))]);
    out.push(login);
    for _ in 0..34 {
        time += rng.between(8 * SECOND, 50 * SECOND);
        let chat = Chat::new(victim.department.title(day, rng), rng);
        let mut read = session.did("chat.read", time, rng);
        read.target = Some(chat.target());
        read.message = Some(format!("{} opened the chat \"{}\"", victim.name, chat.title).into());
        read.http = Some(http("GET", format!("/api/v1/chats/{}", chat.id), 200, rng));
        out.push(read);
    }
    let end = lock_out(company, victim, Day(day.0 + 1).start() + 7 * HOUR + 42 * MINUTE, rng, out);
    incident(
        "Password spraying",
        format!(
            "{failures} failed sign-ins on {} accounts from {ATTACKER} within half an hour of a Sunday night, then {} \
             signs in from the same address and 34 chats are read; on Monday morning an admin ends the sessions.",
            tried.len() + 1,
            victim.name
        ),
        start,
        end,
        format!("ip:{ATTACKER}"),
    )
}

fn failed_sign_in(person: &Person, time: i64, rng: &mut Rng) -> Event<'static> {
    let mut event = happened("auth.login_failed", time, Source::Gateway, rng);
    event.outcome = Outcome::Failure;
    event.reason = Some("invalid_credentials".into());
    event.actor = Some(audit_event::Actor {
        kind: Some(audit_event::ActorType::Anonymous),
        email: Some(person.email.clone().into()),
        ..audit_event::Actor::default()
    });
    event.client = Some(client(ATTACKER, "python-requests/2.32.5"));
    event.target = Some(person_target(person));
    event.message = Some(format!("Sign-in of {} failed: wrong password", person.email).into());
    event.http = Some(http("POST", "/api/v1/auths/signin", 400, rng));
    event
}

fn stolen_session<'p>(victim: &'p Person, rng: &mut Rng) -> Session<'p> {
    Session { user_agent: "python-requests/2.32.5", ..Session::from(victim, ATTACKER, rng) }
}

fn lock_out(
    company: &Company,
    victim: &Person,
    time: i64,
    rng: &mut Rng,
    out: &mut Vec<Event<'static>>,
) -> i64 {
    let admin = company.veteran("IT", 0);
    let session = Session::at_work(admin, rng);
    let steps = [
        ("auth.sessions_revoked", "ended all sessions of"),
        ("auth.password_changed", "reset the password of"),
    ];
    let mut at = time;
    for (action, verb) in steps {
        let mut event = session.did(action, at, rng);
        event.target = Some(person_target(victim));
        event.message = Some(format!("{} {verb} {}", admin.name, victim.name).into());
        event.http = Some(http("POST", format!("/api/v1/users/{}/update", victim.id), 200, rng));
        out.push(event);
        at += 90 * SECOND;
    }
    at
}

/// Somebody who is about to leave takes the warranty files along.
fn mass_download(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = download_day(last);
    let leaver = company.veteran("Warranty", 2);
    // 22:40 at the site of the leaver.
    let start = day.start() + 22 * HOUR + 40 * MINUTE - leaver.site.utc_offset_hours * HOUR;
    let session = Session::from(leaver, leaver.home_ip, rng);
    let mut time = start;
    for _ in 0..214 {
        workday::file(&session, "file.downloaded", "downloaded", day, time, rng, out);
        time += rng.between(7 * SECOND, 16 * SECOND);
    }
    incident(
        "Mass download before leaving",
        format!(
            "{} of Warranty downloads 214 files within 45 minutes, late in the evening and from home; two days later \
             the account is deleted because {} leaves the company.",
            leaver.name, leaver.name
        ),
        start,
        time,
        format!("action:file.downloaded user:{}", leaver.email),
    )
}

/// Who leaves after [`mass_download`], and the day on which the account is deleted.
pub(super) fn leaver(company: &Company, last: Day) -> (&Person, Day) {
    (company.veteran("Warranty", 2), Day(download_day(last).0 + 2))
}

fn download_day(last: Day) -> Day {
    Day(last.0 - 60).back_to(WEDNESDAY)
}

/// An API key gets into the wrong hands: tokens by the million from an unknown address.
fn leaked_key(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = Day(last.0 - 11).back_to(THURSDAY);
    let owner = company.veteran("Engineering", 1);
    let session = Session::at_work(owner, rng);
    let mut created = session.did("auth.api_key.created", Day(day.0 - 43).start() + 13 * HOUR, rng);
    created.target = Some(person_target(owner));
    created.message = Some(format!("{} created an API key", owner.name).into());
    created.http = Some(http("POST", "/api/v1/auths/api_key", 200, rng));
    out.push(created);

    let start = day.start() + 23 * HOUR + 12 * MINUTE;
    let mut time = start;
    let mut tokens = 0;
    for _ in 0..380 {
        let (input, output) = (24_000 + rng.below(9_000), 3_500 + rng.below(2_500));
        tokens += input + output;
        out.push(workday::script_call(
            owner,
            &THINKER,
            time,
            (input, output),
            LEAK,
            "python-requests/2.32.5",
            rng,
        ));
        time += rng.between(8 * SECOND, 30 * SECOND);
    }
    let end = Day(day.0 + 1).start() + 8 * HOUR + 20 * MINUTE;
    let mut deleted = session.did("auth.api_key.deleted", end, rng);
    deleted.target = Some(person_target(owner));
    deleted.message = Some(format!("{} deleted the API key after a call from IT", owner.name).into());
    deleted.http = Some(http("DELETE", "/api/v1/auths/api_key", 200, rng));
    out.push(deleted);
    incident(
        "Leaked API key",
        format!(
            "The API key of {} is used from {LEAK} all night: 380 calls and {:.1} million tokens, a hundred times the \
             usual. It is deleted the next morning.",
            owner.name,
            tokens as f64 / 1e6
        ),
        start,
        end,
        format!("action:model.called ip:{LEAK}"),
    )
}

/// The wrong row of a table: somebody is admin for eleven minutes.
fn accidental_admin(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = Day(last.0 - 38).back_to(TUESDAY);
    let admin = company.veteran("IT", 1);
    let lucky = company.veteran("Marketing", 1);
    let session = Session::at_work(admin, rng);
    let start = day.start() + 10 * HOUR + 31 * MINUTE;
    let end = start + 11 * MINUTE;
    for (time, before, after) in [(start, "user", "admin"), (end, "admin", "user")] {
        let mut event = session.did("user.role_updated", time, rng);
        event.severity = Some(Severity::High);
        event.target = Some(person_target(lucky));
        event.changes =
            vec![Change { field: "role".into(), before: Some(before.into()), after: Some(after.into()) }];
        event.message = Some(
            format!("{} changed the role of {} from {before} to {after}", admin.name, lucky.name).into(),
        );
        event.http = Some(http("POST", format!("/api/v1/users/{}/update", lucky.id), 200, rng));
        out.push(event);
    }
    let mut exported = Session::at_work(lucky, rng).did("config.exported", start + 6 * MINUTE, rng);
    exported.message = Some(format!("{} exported the whole configuration", lucky.name).into());
    exported.http = Some(http("GET", "/api/v1/configs/export", 200, rng));
    exported.target = Some(target("config", "all", "all"));
    out.push(exported);
    incident(
        "Accidental admin",
        format!(
            "{} makes {} of Marketing an admin by mistake and takes it back after eleven minutes; in between the whole \
             configuration is exported.",
            admin.name, lucky.name
        ),
        start,
        end,
        format!("action:user.role_updated user:{}", admin.email),
    )
}

/// A provider is down over lunch.
fn provider_outage(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = Day(last.0 - 4).back_to(WEDNESDAY);
    let start = day.start() + 13 * HOUR + 4 * MINUTE;
    let here: Vec<&Person> = company.people.iter().filter(|person| person.is_here(day)).collect();
    let mut time = start;
    let mut failures = 0;
    while time < start + 76 * MINUTE {
        let person: &Person = rng.pick::<&Person>(&here);
        let session = Session::at_work(person, rng);
        let offer = if rng.chance(0.6) { &GENERAL } else { &SMALL };
        let chat = Chat::new(person.department.title(day, rng), rng);
        out.push(workday::failed_call(&session, &chat, offer, time, "provider_unavailable", 503, rng));
        failures += 1;
        time += rng.between(3 * SECOND, 17 * SECOND);
    }
    incident(
        "Provider outage",
        format!(
            "openai answers with 503 for 76 minutes: {failures} failed calls by people of every department."
        ),
        start,
        time,
        "action:model.provider_request.failed reason:provider_unavailable".to_owned(),
    )
}

/// Everything gone on a Friday afternoon.
fn deleted_chats(company: &Company, last: Day, rng: &mut Rng, out: &mut Vec<Event<'static>>) -> Incident {
    let day = Day(last.0 - 30).back_to(FRIDAY);
    let person = company.veteran("Procurement", 2);
    let start = day.start() + 16 * HOUR + 48 * MINUTE;
    let session = Session::at_work(person, rng);
    let mut event = session.did("chat.deleted_all", start, rng);
    event.severity = Some(Severity::High);
    event.target = Some(person_target(person));
    event.targets =
        (0..187).map(|_| target("chat", uuid_4(rng), person.department.title(day, rng))).collect();
    event.message = Some(format!("{} deleted all 187 own chats", person.name).into());
    event.http = Some(http("DELETE", "/api/v1/chats/", 200, rng));
    out.push(event);
    incident(
        "All chats deleted",
        format!("{} of Procurement deletes all 187 own chats on a Friday afternoon.", person.name),
        start,
        start,
        "action:chat.deleted_all".to_owned(),
    )
}

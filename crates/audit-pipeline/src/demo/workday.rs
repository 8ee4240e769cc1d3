//! One person's ordinary day on the platform.

use audit_event::{ActorType, Event, Json, Outcome, Source};

use super::calendar::{Day, HOUR, MINUTE, SECOND};
use super::company::{ModelOffer, Person, uuid_4};
use super::rng::Rng;
use super::scene;
use super::scene::{Chat, Session, bill, client, details, happened, http, org, target};

/// How likely work is in each local hour.
const HOURS: &[(i64, u32)] = &[
    (5, 1),
    (6, 3),
    (7, 10),
    (8, 24),
    (9, 34),
    (10, 36),
    (11, 32),
    (12, 16),
    (13, 26),
    (14, 34),
    (15, 33),
    (16, 28),
    (17, 16),
    (18, 8),
    (19, 4),
    (20, 3),
    (21, 2),
    (22, 1),
];

/// Writes what `person` does on `day`; `chats` is how many conversations there are on average.
pub(super) fn work(person: &Person, day: Day, chats: f64, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let session = Session::at_work(person, rng);
    let mut starts: Vec<i64> = (0..number_around(chats, rng)).map(|_| moment(person, day, rng)).collect();
    starts.sort_unstable();
    let begin = starts.first().copied().unwrap_or_else(|| moment(person, day, rng));
    if rng.chance(0.6) {
        sign_in(&session, begin - rng.between(MINUTE, 6 * MINUTE), rng, out);
    }
    let mut end = begin;
    for start in starts {
        end = end.max(converse(&session, day, start, rng, out));
    }
    if rng.chance(0.04) {
        out.push(denied(&session, end + rng.between(SECOND, 10 * MINUTE), rng));
    }
    if rng.chance(0.3) {
        let mut logout = session.did("auth.logout", end + rng.between(MINUTE, HOUR), rng);
        logout.message = Some(format!("{} signed out", person.name).into());
        logout.http = Some(http("POST", "/api/v1/auths/signout", 200, rng));
        out.push(logout);
    }
}

fn number_around(average: f64, rng: &mut Rng) -> u32 {
    1 + rng.repeats(1.0 - 1.0 / average.max(1.0), 40)
}

fn moment(person: &Person, day: Day, rng: &mut Rng) -> i64 {
    let local = rng.pick_weighted(HOURS) * HOUR + rng.between(0, HOUR);
    day.start() + local - person.site.utc_offset_hours * HOUR
}

fn sign_in(session: &Session<'_>, time: i64, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let person = session.person;
    if rng.chance(0.05) {
        let mut failed = session.did("auth.login_failed", time - rng.between(5 * SECOND, MINUTE), rng);
        failed.outcome = Outcome::Failure;
        failed.reason = Some("invalid_credentials".into());
        failed.session_id = None;
        failed.org = None;
        failed.message = Some(format!("Sign-in of {} failed: wrong password", person.email).into());
        failed.http = Some(http("POST", "/api/v1/auths/signin", 400, rng));
        out.push(failed);
    }
    let mut login = session.did("auth.login", time, rng);
    let by_sso = rng.chance(0.7);
    login.details = details([("auth_method", Json::from(if by_sso { "oidc" } else { "password" }))]);
    login.target = Some(scene::person_target(person));
    let how = if by_sso { "single sign-on" } else { "password" };
    login.message = Some(format!("{} signed in by {how} from {}", person.name, session.ip).into());
    login.http = Some(http("POST", "/api/v1/auths/signin", 200, rng));
    out.push(login);
}

/// A conversation with everything around it; returns when it was over.
fn converse(
    session: &Session<'_>,
    day: Day,
    start: i64,
    rng: &mut Rng,
    out: &mut Vec<Event<'static>>,
) -> i64 {
    let person = session.person;
    let title = person.department.title(day, rng);
    let chat = Chat::new(title, rng);
    out.push(about(session, "chat.created", &chat, start, "started", rng));
    let mut time = start + rng.between(2 * SECOND, 20 * SECOND);
    if rng.chance(0.14) {
        time = file(session, "file.uploaded", "uploaded", day, time, rng, out);
    }
    let offer = rng.pick_weighted(person.department.models);
    for _ in 0..=rng.repeats(0.45, 7) {
        if rng.chance(0.16) {
            out.push(query_knowledge(session, time, rng));
        }
        out.push(message(session, &chat, time, rng));
        out.push(call(session, &chat, offer, time + rng.between(SECOND / 2, 3 * SECOND), rng));
        time += rng.between(40 * SECOND, 7 * MINUTE);
    }
    afterwards(session, day, &chat, time, rng, out)
}

fn afterwards(
    session: &Session<'_>,
    day: Day,
    chat: &Chat,
    time: i64,
    rng: &mut Rng,
    out: &mut Vec<Event<'static>>,
) -> i64 {
    let later = time + rng.between(30 * SECOND, 30 * MINUTE);
    match rng.below(100) {
        0..10 => out.push(about(session, "chat.updated", chat, time, "renamed", rng)),
        10..13 => out.push(about(session, "chat.shared", chat, later, "shared", rng)),
        13..18 => out.push(about(session, "chat.archived", chat, later, "archived", rng)),
        18..22 => out.push(about(session, "chat.deleted", chat, later, "deleted", rng)),
        22..27 => out.push(about(session, "chat.read", chat, later, "opened", rng)),
        27..36 => return file(session, "file.downloaded", "downloaded", day, later, rng, out),
        _ => {}
    }
    time
}

fn about(
    session: &Session<'_>,
    action: &'static str,
    chat: &Chat,
    time: i64,
    verb: &str,
    rng: &mut Rng,
) -> Event<'static> {
    let mut event = session.did(action, time, rng);
    event.target = Some(chat.target());
    event.message = Some(format!("{} {verb} the chat \"{}\"", session.person.name, chat.title).into());
    event.http = Some(http("POST", format!("/api/v1/chats/{}", chat.id), 200, rng));
    event
}

fn message(session: &Session<'_>, chat: &Chat, time: i64, rng: &mut Rng) -> Event<'static> {
    let mut event = session.did("message.created", time, rng);
    let characters = rng.skewed(160.0);
    event.target = Some(target("message", uuid_4(rng), chat.title.clone()));
    event.targets = vec![chat.target()];
    event.message =
        Some(format!("{} wrote {characters} characters in \"{}\"", session.person.name, chat.title).into());
    event.details = details([("characters", Json::from(characters)), ("role", Json::from("user"))]);
    event
}

fn call(session: &Session<'_>, chat: &Chat, offer: &ModelOffer, time: i64, rng: &mut Rng) -> Event<'static> {
    if rng.chance(0.005) {
        let (reason, status) =
            *rng.pick(&[("rate_limited", 429), ("provider_timeout", 504), ("server_failed", 500)]);
        return failed_call(session, chat, offer, time, reason, status, rng);
    }
    let mut event = session.did("model.called", time, rng);
    event.source = Source::ModelGateway;
    let (input, output) = (rng.skewed(1_900.0), rng.skewed(420.0));
    bill(&mut event, offer, input, output, rng);
    event.target = Some(chat.target());
    event.http = Some(http("POST", "/api/chat/completions", 200, rng));
    event.message = Some(
        format!(
            "{} asked {} about \"{}\": {input} tokens in, {output} out",
            session.person.name, offer.id, chat.title
        )
        .into(),
    );
    event
}

/// A model call that the provider did not answer.
pub(super) fn failed_call(
    session: &Session<'_>,
    chat: &Chat,
    offer: &ModelOffer,
    time: i64,
    reason: &'static str,
    status: u16,
    rng: &mut Rng,
) -> Event<'static> {
    let mut event = session.did("model.provider_request.failed", time, rng);
    event.source = Source::ModelGateway;
    event.outcome = Outcome::Failure;
    event.reason = Some(reason.into());
    let input = rng.skewed(1_900.0);
    bill(&mut event, offer, input, 0, rng);
    event.target = Some(chat.target());
    event.http = Some(http("POST", "/api/chat/completions", status, rng));
    let provider = offer.provider;
    event.message = Some(
        format!("{provider} answered {} with {status} for {} ({reason})", offer.id, session.person.name)
            .into(),
    );
    event
}

fn query_knowledge(session: &Session<'_>, time: i64, rng: &mut Rng) -> Event<'static> {
    let department = session.person.department.name;
    let hits = 1 + rng.below(8);
    let mut event = session.did("knowledge.queried", time, rng);
    event.target = Some(knowledge_of(department));
    event.message = Some(
        format!("{} queried the {department} handbook and got {hits} passages", session.person.name).into(),
    );
    event.details = details([("passages", Json::from(hits))]);
    event
}

/// A department's knowledge base; its id follows from its name.
pub(super) fn knowledge_of(department: &'static str) -> audit_event::Target<'static> {
    let seed =
        department.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    target("knowledge", uuid_4(&mut Rng::new(seed)), format!("{department} handbook"))
}

/// Something with a file; returns when it was over.
pub(super) fn file(
    session: &Session<'_>,
    action: &'static str,
    verb: &str,
    day: Day,
    time: i64,
    rng: &mut Rng,
    out: &mut Vec<Event<'static>>,
) -> i64 {
    let name = session.person.department.file_name(day, rng);
    let bytes = rng.skewed(240_000.0);
    let id = uuid_4(rng);
    let mut event = session.did(action, time, rng);
    event.message = Some(format!("{} {verb} {name} ({} kB)", session.person.name, bytes / 1_000).into());
    event.http = Some(if action == "file.uploaded" {
        http("POST", "/api/v1/files/", 200, rng)
    } else {
        http("GET", format!("/api/v1/files/{id}/content"), 200, rng)
    });
    event.target = Some(target("file", id, name));
    event.details = details([("bytes", Json::from(bytes))]);
    out.push(event);
    time + rng.between(4 * SECOND, 40 * SECOND)
}

fn denied(session: &Session<'_>, time: i64, rng: &mut Rng) -> Event<'static> {
    let path = *rng.pick(&[
        "/api/v1/users/",
        "/api/v1/auths/admin/config",
        "/api/v1/configs/export",
        "/api/v1/groups/",
    ]);
    let mut event = session.did("access.denied", time, rng);
    event.outcome = Outcome::Denied;
    event.reason = Some("insufficient_rights".into());
    event.message = Some(format!("{} was refused {path}: only for admins", session.person.name).into());
    event.http = Some(http("GET", path, 401, rng));
    event
}

/// What the scripts of `person` do on a working day, with an API key.
pub(super) fn scripts(person: &Person, day: Day, calls: u32, rng: &mut Rng, out: &mut Vec<Event<'static>>) {
    let offer = rng.pick_weighted(person.department.models);
    let start = day.start() + 2 * HOUR + rng.between(0, HOUR);
    for call in 0..calls {
        let time = start + i64::from(call) * rng.between(20 * SECOND, 90 * SECOND);
        let (input, output) = (rng.skewed(3_200.0), rng.skewed(160.0));
        out.push(script_call(
            person,
            offer,
            time,
            (input, output),
            person.office_ip,
            "openai-python/2.8.1",
            rng,
        ));
    }
}

/// One model call with somebody's API key.
pub(super) fn script_call(
    person: &Person,
    offer: &ModelOffer,
    time: i64,
    (input, output): (u64, u64),
    ip: std::net::IpAddr,
    user_agent: &'static str,
    rng: &mut Rng,
) -> Event<'static> {
    let mut event = happened("model.called", time, Source::ModelGateway, rng);
    event.actor = Some(scene::actor(person, ActorType::ApiKey));
    event.org = Some(org(person));
    event.client = Some(client(ip, user_agent));
    bill(&mut event, offer, input, output, rng);
    event.target = Some(target("model", offer.id, offer.id));
    event.http = Some(http("POST", "/api/chat/completions", 200, rng));
    event.message = Some(
        format!("The API key of {} called {}: {input} tokens in, {output} out", person.name, offer.id).into(),
    );
    event
}

//! How an event looks when a person does something from somewhere.

use std::net::IpAddr;

use audit_event::{
    Actor, ActorType, Client, Event, Http, Json, Model, Org, Outcome, Source, Target, Timestamp, Usage,
};

use super::company::{ModelOffer, Person, uuid_4, uuid_text};
use super::rng::Rng;

/// The platform's name in every event.
const INSTANCE: &str = "chat.kestrel-parts.example";

/// A person at a place, signed in.
pub(super) struct Session<'p> {
    pub(super) person: &'p Person,
    pub(super) ip: IpAddr,
    pub(super) user_agent: &'static str,
    pub(super) session_id: String,
}

impl<'p> Session<'p> {
    pub(super) fn at_work(person: &'p Person, rng: &mut Rng) -> Self {
        let ip = if rng.chance(0.72) { person.office_ip } else { person.home_ip };
        Self::from(person, ip, rng)
    }

    pub(super) fn from(person: &'p Person, ip: IpAddr, rng: &mut Rng) -> Self {
        Self { person, ip, user_agent: person.browser, session_id: format!("{:016x}", rng.next_u64()) }
    }

    /// Something this person did successfully at `time`.
    pub(super) fn did(&self, action: &'static str, time: i64, rng: &mut Rng) -> Event<'static> {
        let mut event = happened(action, time, Source::Gateway, rng);
        event.actor = Some(actor(self.person, ActorType::User));
        event.session_id = Some(self.session_id.clone().into());
        event.org = Some(org(self.person));
        event.client = Some(client(self.ip, self.user_agent));
        event
    }
}

/// Something that happened, successfully, and nothing else about it.
pub(super) fn happened(action: &'static str, time: i64, source: Source, rng: &mut Rng) -> Event<'static> {
    let mut event = Event::new(action, source);
    let milliseconds = u64::try_from(time / 1_000).unwrap_or(0);
    // UUIDv7: 48 bits of time in milliseconds, the rest random.
    event.id = Some(uuid_text(milliseconds << 16 | rng.next_u64() & 0xFFF, rng.next_u64(), 7).into());
    event.time = Some(Timestamp::from_micros(time));
    event.outcome = Outcome::Success;
    event.instance = Some(INSTANCE.into());
    event
}

/// What the platform did on its own.
pub(super) fn system(action: &'static str, time: i64, source: Source, rng: &mut Rng) -> Event<'static> {
    let mut event = happened(action, time, source, rng);
    event.actor = Some(Actor { kind: Some(ActorType::System), ..Actor::default() });
    event
}

pub(super) fn actor(person: &Person, kind: ActorType) -> Actor<'static> {
    Actor {
        kind: Some(kind),
        id: Some(person.id.clone().into()),
        name: Some(person.name.clone().into()),
        email: Some(person.email.clone().into()),
    }
}

pub(super) fn org(person: &Person) -> Org<'static> {
    Org {
        role: Some(if person.is_admin { "admin" } else { "user" }.into()),
        department: Some(person.department.name.into()),
        groups: Vec::new(),
    }
}

pub(super) fn client(ip: IpAddr, user_agent: &'static str) -> Client<'static> {
    Client { ip: Some(ip), user_agent: Some(user_agent.into()), ..Client::default() }
}

pub(super) fn target(kind: &'static str, id: impl Into<String>, name: impl Into<String>) -> Target<'static> {
    Target { kind: Some(kind.into()), id: Some(id.into().into()), name: Some(name.into().into()) }
}

pub(super) fn person_target(person: &Person) -> Target<'static> {
    target("user", person.id.clone(), person.email.clone())
}

pub(super) fn http(
    method: &'static str,
    path: impl Into<String>,
    status: u16,
    rng: &mut Rng,
) -> Http<'static> {
    Http {
        method: Some(method.into()),
        path: Some(path.into().into()),
        status: Some(status),
        request_id: Some(format!("{:016x}", rng.next_u64()).into()),
    }
}

pub(super) fn details<const N: usize>(members: [(&'static str, Json<'static>); N]) -> Option<Json<'static>> {
    Some(Json::object(members))
}

/// Turns an event into a model call with so many tokens in and out; gives it model, cost and latency.
pub(super) fn bill(event: &mut Event<'static>, offer: &ModelOffer, input: u64, output: u64, rng: &mut Rng) {
    let cost = (input as f64 * offer.input_price + output as f64 * offer.output_price) / 1e6;
    let cached = if rng.chance(0.3) { input * rng.below(80) / 100 } else { 0 };
    event.model = Some(Model { id: Some(offer.id.into()), provider: Some(offer.provider.into()) });
    event.usage = Some(Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        cached_tokens: (cached > 0).then_some(cached),
        reasoning_tokens: None,
        cost_usd: Some((cost * 1e6).round() / 1e6),
    });
    let latency = 180.0 + output as f64 * offer.pace_ms * (0.8 + 0.4 * rng.unit());
    event.latency_ms = Some(latency.round());
}

/// A conversation.
#[derive(Clone)]
pub(super) struct Chat {
    pub(super) id: String,
    pub(super) title: String,
}

impl Chat {
    pub(super) fn new(title: String, rng: &mut Rng) -> Self {
        Self { id: uuid_4(rng), title }
    }

    pub(super) fn target(&self) -> Target<'static> {
        target("chat", self.id.clone(), self.title.clone())
    }
}

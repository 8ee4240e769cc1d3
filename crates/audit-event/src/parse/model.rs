//! The fields of an event, one function for each object.

use std::borrow::Cow;
use std::net::IpAddr;

use super::Parsed;
use super::reader::Reader;
use crate::error::{ErrorKind, Refusal, refusal, unknown_field};
use crate::event::{Actor, Change, Client, Event, Http, Model, Org, Target, Usage};
use crate::json::Json;
use crate::limits;
use crate::time::Timestamp;
use crate::vocabulary::{ActorType, Capture, Category, Mark, Outcome, Severity, Source};

type Result<T> = std::result::Result<T, Refusal>;

pub(super) fn event<'a>(reader: &mut Reader<'a>) -> Result<Parsed<'a>> {
    let parsed = members(reader)?;
    if parsed.event.action.is_empty() {
        let advice = "is missing: say what happened, such as `auth.login`";
        return Err(refusal("action", ErrorKind::MissingField, advice));
    }
    Ok(parsed)
}

/// The members of an event, none of them required.
pub(super) fn members<'a>(reader: &mut Reader<'a>) -> Result<Parsed<'a>> {
    let mut recorded_at = None;
    let (mut given_outcome, mut given_source) = (None, None);
    let mut marks = Vec::new();
    let mut seen = Seen::default();
    let mut event = Event::new("", Source::Api);
    reader.object(|reader, key| match &**key {
        "id" => set(reader, seen.once(0)?, &mut event.id, Reader::string),
        "time" => set(reader, seen.once(1)?, &mut event.time, timestamp),
        "category" => set(reader, seen.once(2)?, &mut event.category, category),
        "action" => require(reader, seen.once(3)?, &mut event.action, Reader::string),
        "outcome" => set(reader, seen.once(4)?, &mut given_outcome, outcome),
        "actor" => set(reader, seen.once(5)?, &mut event.actor, actor),
        "session_id" => set(reader, seen.once(6)?, &mut event.session_id, Reader::string),
        "target" => set(reader, seen.once(7)?, &mut event.target, target),
        "message" => set(reader, seen.once(8)?, &mut event.message, Reader::string),
        "details" => set(reader, seen.once(9)?, &mut event.details, object_value),
        "org" => set(reader, seen.once(10)?, &mut event.org, org),
        "client" => set(reader, seen.once(11)?, &mut event.client, client),
        "source" => set(reader, seen.once(12)?, &mut given_source, source),
        "instance" => set(reader, seen.once(13)?, &mut event.instance, Reader::string),
        "latency_ms" => set(reader, seen.once(14)?, &mut event.latency_ms, Reader::number),
        "http" => set(reader, seen.once(15)?, &mut event.http, http),
        "model" => set(reader, seen.once(16)?, &mut event.model, model),
        "usage" => set(reader, seen.once(17)?, &mut event.usage, usage),
        "reason" => set(reader, seen.once(18)?, &mut event.reason, Reader::string),
        "severity" => set(reader, seen.once(19)?, &mut event.severity, severity),
        "targets" => list(reader, seen.once(20)?, &mut event.targets, limits::BULK_ITEMS, target),
        "changes" => list(reader, seen.once(21)?, &mut event.changes, limits::BULK_ITEMS, change),
        "capture" => set(reader, seen.once(22)?, &mut event.capture, capture),
        "marks" => list(reader, seen.once(23)?, &mut marks, Mark::ALL.len(), mark),
        "recorded_at" => set(reader, seen.once(24)?, &mut recorded_at, timestamp),
        "sender" => set(reader, seen.once(25)?, &mut event.sender, Reader::string),
        _ => Err(unknown_field(FIELDS)),
    })?;
    event.outcome = given_outcome.unwrap_or(Outcome::Unknown);
    event.source = given_source.unwrap_or(Source::Api);
    event.marks = marks.into_iter().collect();
    Ok(Parsed { event, recorded_at })
}

const FIELDS: &str = "id, time, category, action, outcome, reason, severity, source, instance, capture, actor, \
    session_id, org, client, target, targets, model, usage, latency_ms, message, changes, http, details";

fn actor<'a>(reader: &mut Reader<'a>) -> Result<Actor<'a>> {
    let mut actor = Actor::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "type" => set(reader, seen.once(0)?, &mut actor.kind, actor_type),
        "id" => set(reader, seen.once(1)?, &mut actor.id, Reader::string),
        "name" => set(reader, seen.once(2)?, &mut actor.name, Reader::string),
        "email" => set(reader, seen.once(3)?, &mut actor.email, Reader::string),
        _ => Err(unknown_field("type, id, name, email")),
    })?;
    Ok(actor)
}

fn org<'a>(reader: &mut Reader<'a>) -> Result<Org<'a>> {
    let mut org = Org::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "role" => set(reader, seen.once(0)?, &mut org.role, Reader::string),
        "department" => set(reader, seen.once(1)?, &mut org.department, Reader::string),
        "groups" => list(reader, seen.once(2)?, &mut org.groups, limits::LIST_ITEMS, Reader::string),
        _ => Err(unknown_field("role, department, groups")),
    })?;
    Ok(org)
}

fn client<'a>(reader: &mut Reader<'a>) -> Result<Client<'a>> {
    let mut client = Client::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "ip" => set(reader, seen.once(0)?, &mut client.ip, ip),
        "peer_ip" => set(reader, seen.once(1)?, &mut client.peer_ip, ip),
        "forwarded_for" => {
            list(reader, seen.once(2)?, &mut client.forwarded_for, limits::LIST_ITEMS, Reader::string)
        }
        "user_agent" => set(reader, seen.once(3)?, &mut client.user_agent, Reader::string),
        _ => Err(unknown_field("ip, peer_ip, forwarded_for, user_agent")),
    })?;
    Ok(client)
}

fn target<'a>(reader: &mut Reader<'a>) -> Result<Target<'a>> {
    let mut target = Target::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "type" => set(reader, seen.once(0)?, &mut target.kind, Reader::string),
        "id" => set(reader, seen.once(1)?, &mut target.id, Reader::string),
        "name" => set(reader, seen.once(2)?, &mut target.name, Reader::string),
        _ => Err(unknown_field("type, id, name")),
    })?;
    Ok(target)
}

fn model<'a>(reader: &mut Reader<'a>) -> Result<Model<'a>> {
    let mut model = Model::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "id" => set(reader, seen.once(0)?, &mut model.id, Reader::string),
        "provider" => set(reader, seen.once(1)?, &mut model.provider, Reader::string),
        _ => Err(unknown_field("id, provider")),
    })?;
    Ok(model)
}

fn usage(reader: &mut Reader<'_>) -> Result<Usage> {
    let mut usage = Usage::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "input_tokens" => set(reader, seen.once(0)?, &mut usage.input_tokens, Reader::unsigned),
        "output_tokens" => set(reader, seen.once(1)?, &mut usage.output_tokens, Reader::unsigned),
        "cached_tokens" => set(reader, seen.once(2)?, &mut usage.cached_tokens, Reader::unsigned),
        "reasoning_tokens" => set(reader, seen.once(3)?, &mut usage.reasoning_tokens, Reader::unsigned),
        "cost_usd" => set(reader, seen.once(4)?, &mut usage.cost_usd, Reader::number),
        _ => {
            let fields = "input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost_usd";
            Err(unknown_field(fields))
        }
    })?;
    Ok(usage)
}

fn http<'a>(reader: &mut Reader<'a>) -> Result<Http<'a>> {
    let mut http = Http::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "method" => set(reader, seen.once(0)?, &mut http.method, Reader::string),
        "path" => set(reader, seen.once(1)?, &mut http.path, Reader::string),
        "status" => set(reader, seen.once(2)?, &mut http.status, status),
        "request_id" => set(reader, seen.once(3)?, &mut http.request_id, Reader::string),
        _ => Err(unknown_field("method, path, status, request_id")),
    })?;
    Ok(http)
}

fn change<'a>(reader: &mut Reader<'a>) -> Result<Change<'a>> {
    let mut change = Change::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| match &**key {
        "field" => require(reader, seen.once(0)?, &mut change.field, Reader::string),
        "before" => set(reader, seen.once(1)?, &mut change.before, Reader::value),
        "after" => set(reader, seen.once(2)?, &mut change.after, Reader::value),
        _ => Err(unknown_field("field, before, after")),
    })?;
    if !seen.has(0) {
        return Err(refusal("field", ErrorKind::MissingField, "is missing: say what changed"));
    }
    Ok(change)
}

fn set<'a, T>(
    reader: &mut Reader<'a>,
    _: Once,
    place: &mut Option<T>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
) -> Result<()> {
    if !reader.null() {
        *place = Some(read(reader)?);
    }
    Ok(())
}

fn require<'a, T>(
    reader: &mut Reader<'a>,
    _: Once,
    place: &mut T,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
) -> Result<()> {
    *place = read(reader)?;
    Ok(())
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    _: Once,
    items: &mut Vec<T>,
    most: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T>,
) -> Result<()> {
    if reader.null() {
        return Ok(());
    }
    reader.array(|reader, index| {
        if index == most {
            let advice = format!("has more than {most} items: send several events");
            return Err(refusal("", ErrorKind::TooLong, advice));
        }
        items.push(read(reader)?);
        Ok(())
    })
}

fn object_value<'a>(reader: &mut Reader<'a>) -> Result<Json<'a>> {
    if reader.peek() != Some(b'{') {
        reader.object(|_, _| Ok(()))?;
    }
    reader.value()
}

fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp> {
    Timestamp::parse_rfc3339(&reader.string()?)
        .map_err(|error| refusal("", ErrorKind::InvalidValue, format!("is {error}")))
}

fn ip(reader: &mut Reader<'_>) -> Result<IpAddr> {
    let text = reader.string()?;
    text.parse::<IpAddr>()
        .map_err(|_| refusal("", ErrorKind::InvalidValue, "must be an IPv4 or IPv6 address without a port"))
}

fn status(reader: &mut Reader<'_>) -> Result<u16> {
    let status = reader.unsigned()?;
    u16::try_from(status)
        .ok()
        .filter(|status| (100..=599).contains(status))
        .ok_or_else(|| refusal("", ErrorKind::InvalidValue, "must be an HTTP status from 100 to 599"))
}

fn category(reader: &mut Reader<'_>) -> Result<Category> {
    named(reader, ErrorKind::UnknownCategory, Category::from_name, Category::NAMES)
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome> {
    named(reader, ErrorKind::InvalidValue, Outcome::from_name, Outcome::NAMES)
}

fn severity(reader: &mut Reader<'_>) -> Result<Severity> {
    named(reader, ErrorKind::InvalidValue, Severity::from_name, Severity::NAMES)
}

fn source(reader: &mut Reader<'_>) -> Result<Source> {
    named(reader, ErrorKind::InvalidValue, Source::from_name, Source::NAMES)
}

fn actor_type(reader: &mut Reader<'_>) -> Result<ActorType> {
    named(reader, ErrorKind::InvalidValue, ActorType::from_name, ActorType::NAMES)
}

fn capture(reader: &mut Reader<'_>) -> Result<Capture> {
    named(reader, ErrorKind::InvalidValue, Capture::from_name, Capture::NAMES)
}

fn mark(reader: &mut Reader<'_>) -> Result<Mark> {
    named(reader, ErrorKind::InvalidValue, Mark::from_name, Mark::NAMES)
}

fn named<T>(
    reader: &mut Reader<'_>,
    kind: ErrorKind,
    from_name: impl FnOnce(&str) -> Option<T>,
    names: &[&str],
) -> Result<T> {
    let name: Cow<'_, str> = reader.string()?;
    from_name(&name).ok_or_else(|| refusal("", kind, format!("must be one of {}", names.join(", "))))
}

/// Which fields of an object have been read.
#[derive(Default)]
struct Seen(u32);

/// Proof that a field is read for the first time.
struct Once;

impl Seen {
    fn once(&mut self, field: u32) -> Result<Once> {
        if self.has(field) {
            let advice = "stands there twice: send it once";
            return Err(refusal("", ErrorKind::DuplicateField, advice));
        }
        self.0 |= 1 << field;
        Ok(Once)
    }

    fn has(&self, field: u32) -> bool {
        self.0 & (1 << field) != 0
    }
}

//! The canonical bytes of each group of an event.
//!
//! Keys stand here in the order in which RFC 8785 sorts them. A group without members has no bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::canonical::{close, write_integer, write_number, write_string, write_value};
use crate::event::{Actor, Change, Client, Event, Http, Model, Org, Target, Usage};
use crate::json::Json;
use crate::time::Timestamp;
use crate::vocabulary::{Category, Group, Marks, Severity};

/// What the encoder adds to an event.
pub(crate) struct Completed<'e> {
    pub id: &'e str,
    pub time: Timestamp,
    pub recorded_at: Timestamp,
    pub category: Category,
    pub severity: Severity,
    pub sender: Option<&'e str>,
    pub instance: Option<&'e str>,
    pub marks: Marks,
}

/// Appends the core group.
pub(crate) fn write_core(out: &mut Vec<u8>, event: &Event<'_>, completed: &Completed<'_>) {
    let mut object = Object::open(out);
    object.string(b"\"action\":", Some(&event.action));
    object.name(b"\"capture\":", event.capture.map(|capture| capture.as_str()));
    object.name(b"\"category\":", Some(completed.category.as_str()));
    object.string(b"\"id\":", Some(completed.id));
    object.string(b"\"instance\":", completed.instance);
    if !completed.marks.is_empty() {
        object.array(b"\"marks\":", completed.marks.iter(), |out, mark| write_string(out, mark.as_str()));
    }
    object.name(b"\"outcome\":", Some(event.outcome.as_str()));
    object.string(b"\"reason\":", event.reason.as_deref());
    object.time(b"\"recorded_at\":", completed.recorded_at);
    object.string(b"\"sender\":", completed.sender);
    object.name(b"\"severity\":", Some(completed.severity.as_str()));
    object.name(b"\"source\":", Some(event.source.as_str()));
    object.time(b"\"time\":", completed.time);
    object.close();
}

/// Appends any group but the core.
pub(crate) fn write_group(out: &mut Vec<u8>, group: Group, event: &Event<'_>) {
    let mut object = Object::open(out);
    match group {
        Group::Core => debug_assert!(false, "the core group needs what the encoder adds"),
        Group::Actor => {
            object.object(b"\"actor\":", event.actor.as_ref(), write_actor);
            object.string(b"\"session_id\":", event.session_id.as_deref());
        }
        Group::Org => object.object(b"\"org\":", event.org.as_ref(), write_org),
        Group::Client => object.object(b"\"client\":", event.client.as_ref(), write_client),
        Group::Target => {
            object.object(b"\"target\":", event.target.as_ref(), write_target);
            object.objects(b"\"targets\":", &event.targets, write_target);
        }
        Group::Usage => {
            object.number(b"\"latency_ms\":", event.latency_ms);
            object.object(b"\"model\":", event.model.as_ref(), write_model);
            object.object(b"\"usage\":", event.usage.as_ref(), write_usage);
        }
        Group::Content => {
            object.objects(b"\"changes\":", &event.changes, write_change);
            object.details(event.details.as_ref());
            object.object(b"\"http\":", event.http.as_ref(), write_http);
            object.string(b"\"message\":", event.message.as_deref());
        }
    }
    object.close();
}

fn write_actor(object: &mut Object<'_>, actor: &Actor<'_>) {
    object.string(b"\"email\":", actor.email.as_deref());
    object.string(b"\"id\":", actor.id.as_deref());
    object.string(b"\"name\":", actor.name.as_deref());
    object.name(b"\"type\":", actor.kind.map(|kind| kind.as_str()));
}

fn write_org(object: &mut Object<'_>, org: &Org<'_>) {
    object.string(b"\"department\":", org.department.as_deref());
    object.strings(b"\"groups\":", &org.groups);
    object.string(b"\"role\":", org.role.as_deref());
}

fn write_client(object: &mut Object<'_>, client: &Client<'_>) {
    object.strings(b"\"forwarded_for\":", &client.forwarded_for);
    object.ip(b"\"ip\":", client.ip);
    object.ip(b"\"peer_ip\":", client.peer_ip);
    object.string(b"\"user_agent\":", client.user_agent.as_deref());
}

fn write_target(object: &mut Object<'_>, target: &Target<'_>) {
    object.string(b"\"id\":", target.id.as_deref());
    object.string(b"\"name\":", target.name.as_deref());
    object.string(b"\"type\":", target.kind.as_deref());
}

fn write_model(object: &mut Object<'_>, model: &Model<'_>) {
    object.string(b"\"id\":", model.id.as_deref());
    object.string(b"\"provider\":", model.provider.as_deref());
}

fn write_usage(object: &mut Object<'_>, usage: &Usage) {
    object.integer(b"\"cached_tokens\":", usage.cached_tokens);
    object.number(b"\"cost_usd\":", usage.cost_usd);
    object.integer(b"\"input_tokens\":", usage.input_tokens);
    object.integer(b"\"output_tokens\":", usage.output_tokens);
    object.integer(b"\"reasoning_tokens\":", usage.reasoning_tokens);
}

fn write_change(object: &mut Object<'_>, change: &Change<'_>) {
    object.value(b"\"after\":", change.after.as_ref());
    object.value(b"\"before\":", change.before.as_ref());
    object.string(b"\"field\":", Some(&change.field));
}

fn write_http(object: &mut Object<'_>, http: &Http<'_>) {
    object.string(b"\"method\":", http.method.as_deref());
    object.string(b"\"path\":", http.path.as_deref());
    object.string(b"\"request_id\":", http.request_id.as_deref());
    object.integer(b"\"status\":", http.status.map(u64::from));
}

/// An object being written. Each member ends with a comma; closing turns the last one into the brace.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    /// Length of `out` before whatever is taken back when the object turns out empty.
    start: usize,
}

impl<'o> Object<'o> {
    #[inline]
    fn open(out: &'o mut Vec<u8>) -> Object<'o> {
        let start = out.len();
        out.push(b'{');
        Object { out, start }
    }

    /// Closes the object, or takes it back when it has no members; tells whether it stays.
    #[inline]
    fn close(self) -> bool {
        match self.out.last_mut() {
            Some(last) if *last == b',' => {
                *last = b'}';
                true
            }
            _ => {
                self.out.truncate(self.start);
                false
            }
        }
    }

    #[inline]
    fn string(&mut self, key: &[u8], text: Option<&str>) {
        if let Some(text) = text {
            self.out.extend_from_slice(key);
            write_string(self.out, text);
            self.out.push(b',');
        }
    }

    /// A string that needs no escapes.
    #[inline]
    fn name(&mut self, key: &[u8], name: Option<&'static str>) {
        if let Some(name) = name {
            self.out.extend_from_slice(key);
            self.out.push(b'"');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\",");
        }
    }

    #[inline]
    fn time(&mut self, key: &[u8], time: Timestamp) {
        self.out.extend_from_slice(key);
        self.out.push(b'"');
        time.write_to(self.out);
        self.out.extend_from_slice(b"\",");
    }

    #[inline]
    fn ip(&mut self, key: &[u8], ip: Option<IpAddr>) {
        if let Some(ip) = ip {
            self.out.extend_from_slice(key);
            self.out.push(b'"');
            write_ip(self.out, ip.to_canonical());
            self.out.extend_from_slice(b"\",");
        }
    }

    #[inline]
    fn integer(&mut self, key: &[u8], integer: Option<u64>) {
        if let Some(integer) = integer {
            self.out.extend_from_slice(key);
            write_integer(self.out, integer);
            self.out.push(b',');
        }
    }

    #[inline]
    fn number(&mut self, key: &[u8], number: Option<f64>) {
        if let Some(number) = number {
            self.out.extend_from_slice(key);
            write_number(self.out, number);
            self.out.push(b',');
        }
    }

    fn value(&mut self, key: &[u8], value: Option<&Json<'_>>) {
        if let Some(value) = value {
            self.out.extend_from_slice(key);
            write_value(self.out, value);
            self.out.push(b',');
        }
    }

    /// `details`, left out when it has no members.
    fn details(&mut self, details: Option<&Json<'_>>) {
        if !matches!(details, Some(Json::Object(members)) if members.is_empty()) {
            self.value(b"\"details\":", details);
        }
    }

    fn object<T>(&mut self, key: &[u8], value: Option<&T>, write: impl FnOnce(&mut Object<'_>, &T)) {
        let Some(value) = value else { return };
        let start = self.out.len();
        self.out.extend_from_slice(key);
        self.out.push(b'{');
        let mut object = Object { out: self.out, start };
        write(&mut object, value);
        if object.close() {
            self.out.push(b',');
        }
    }

    fn objects<T>(&mut self, key: &[u8], values: &[T], write: impl Fn(&mut Object<'_>, &T)) {
        if values.is_empty() {
            return;
        }
        self.array(key, values.iter(), |out, value| {
            out.push(b'{');
            write(&mut Object { start: out.len(), out }, value);
            close(out, b'{', b'}');
        });
    }

    fn strings(&mut self, key: &[u8], values: &[Cow<'_, str>]) {
        if !values.is_empty() {
            self.array(key, values.iter(), |out, value| write_string(out, value));
        }
    }

    fn array<T>(
        &mut self,
        key: &[u8],
        values: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        self.out.extend_from_slice(key);
        self.out.push(b'[');
        for value in values {
            write(self.out, value);
            self.out.push(b',');
        }
        close(self.out, b'[', b']');
        self.out.push(b',');
    }
}

/// Appends an address: dotted decimal, or RFC 5952.
fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            for octet in v4.octets() {
                write_integer(out, u64::from(octet));
                out.push(b'.');
            }
            out.pop();
        }
        IpAddr::V6(v6) => out.extend_from_slice(v6.to_string().as_bytes()),
    }
}

//! Removal of secrets before an event exists: by the name beside a value, and by a value's shape.
//!
//! What is removed is replaced by `[removed]`, and the event is marked `secret_removed`. Identifiers of the
//! platform (UUIDs, hex ids, part and order numbers) stay. `tests/secrets.rs` measures both on a corpus.
//!
//! This is a net, not a proof: a password that a person typed into a free text without saying so looks like
//! any other word.

mod cards;
mod find;
mod named;
mod names;
mod tokens;
mod trigger;

use std::borrow::Cow;
use std::ops::Range;

use crate::canonical::exact_integer;
use crate::event::{Change, Event};
use crate::json::Json;

pub use names::is_secret_name;

/// The text without its secrets; borrowed when it has none.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    if !trigger::fires(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    match find::in_text(text) {
        secrets if secrets.is_empty() => Cow::Borrowed(text),
        secrets => Cow::Owned(without(text, &secrets)),
    }
}

/// Whether an event is worth [`clean`]ing: `groups` are its canonical bytes.
pub(crate) fn may_hold(event: &Event<'_>, groups: &[u8]) -> bool {
    trigger::fires(groups)
        || event.reason.as_deref().is_some_and(|reason| trigger::fires(reason.as_bytes()))
        || event.instance.as_deref().is_some_and(|instance| trigger::fires(instance.as_bytes()))
        || event.details.as_ref().is_some_and(has_secret_name)
        || event.changes.iter().any(change_has_secret_name)
}

/// The event without its secrets; `None` when it has none. The id, the action and what comes from closed
/// vocabularies are not looked at.
pub(crate) fn clean<'a>(event: &Event<'a>) -> Option<Event<'a>> {
    let mut clean = event.clone();
    let mut removed = Removed(false);
    for id in ids_of(&mut clean) {
        removed.id(id);
    }
    for text in texts_of(&mut clean) {
        removed.text(text);
    }
    for change in &mut clean.changes {
        removed.change(change);
    }
    if let Some(details) = &mut clean.details {
        removed.value(details);
    }
    removed.0.then_some(clean)
}

/// The ids that an event refers to.
fn ids_of<'e, 'a>(event: &'e mut Event<'a>) -> impl Iterator<Item = &'e mut Cow<'a, str>> {
    let actor = event.actor.iter_mut().flat_map(|actor| &mut actor.id);
    let targets = event.target.iter_mut().chain(&mut event.targets).flat_map(|target| &mut target.id);
    let model = event.model.iter_mut().flat_map(|model| &mut model.id);
    let request = event.http.iter_mut().flat_map(|http| &mut http.request_id);
    event.session_id.iter_mut().chain(actor).chain(targets).chain(model).chain(request)
}

/// The other free strings of an event, outside `changes` and `details`.
fn texts_of<'e, 'a>(event: &'e mut Event<'a>) -> impl Iterator<Item = &'e mut Cow<'a, str>> {
    let actor = event.actor.iter_mut().flat_map(|actor| [&mut actor.name, &mut actor.email]);
    let org = event.org.iter_mut().flat_map(|org| {
        let names = [&mut org.role, &mut org.department];
        names.into_iter().flatten().chain(&mut org.groups)
    });
    let client = event.client.iter_mut().flat_map(|client| {
        let agent = client.user_agent.iter_mut();
        agent.chain(&mut client.forwarded_for)
    });
    let targets = event.target.iter_mut().chain(&mut event.targets);
    let targets = targets.flat_map(|target| [&mut target.kind, &mut target.name]);
    let provider = event.model.iter_mut().map(|model| &mut model.provider);
    let http = event.http.iter_mut().flat_map(|http| [&mut http.method, &mut http.path]);
    let own = [&mut event.reason, &mut event.instance, &mut event.message];
    own.into_iter().chain(actor).chain(targets).chain(provider).chain(http).flatten().chain(org).chain(client)
}

fn has_secret_name(value: &Json<'_>) -> bool {
    match value {
        Json::Object(members) => {
            members.iter().any(|(name, value)| is_secret_member(name, value) || has_secret_name(value))
        }
        Json::Array(items) => items.iter().any(has_secret_name),
        _ => false,
    }
}

fn change_has_secret_name(change: &Change<'_>) -> bool {
    let values = || change.before.iter().chain(&change.after);
    values().any(|value| is_secret_member(&change.field, value) || has_secret_name(value))
}

/// Whether a member's value is to be removed because of its name. Flags, counts and emptiness say nothing.
fn is_secret_member(name: &str, value: &Json<'_>) -> bool {
    let may_be_secret = match value {
        Json::Null | Json::Bool(_) => false,
        Json::Number(number) => {
            exact_integer(*number).is_some_and(|integer| integer.unsigned_abs() > 99_999)
                || names_a_code(name)
        }
        Json::String(text) => !text.is_empty() && *text != find::REMOVED,
        Json::Array(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
    };
    may_be_secret && is_secret_name(name)
}

/// Names whose value is a secret even as a small number: `max_tokens` counts, `otp` does not.
fn names_a_code(name: &str) -> bool {
    const CODES: [&str; 9] = ["otp", "totp", "cvv", "cvc", "cvv2", "cvc2", "passcode", "password", "pwd"];
    CODES.iter().any(|code| name.eq_ignore_ascii_case(code))
}

/// Removes secrets from values in place; remembers whether there were any.
struct Removed(bool);

impl Removed {
    fn id(&mut self, id: &mut Cow<'_, str>) {
        self.ranges(id, &find::in_id(id));
    }

    fn text(&mut self, text: &mut Cow<'_, str>) {
        self.ranges(text, &find::in_text(text));
    }

    fn ranges(&mut self, text: &mut Cow<'_, str>, secrets: &[Range<usize>]) {
        if !secrets.is_empty() {
            *text = Cow::Owned(without(text, secrets));
            self.0 = true;
        }
    }

    fn value(&mut self, value: &mut Json<'_>) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::Number(number) => {
                if !find::in_text(&number.to_string()).is_empty() {
                    self.replace(value);
                }
            }
            Json::String(text) => self.text(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Json::Object(members) => {
                for (name, value) in members.iter_mut() {
                    if is_secret_member(name, value) {
                        self.replace(value);
                    } else {
                        self.value(value);
                    }
                    self.text(name);
                }
                keep_names_distinct(members);
            }
        }
    }

    fn change(&mut self, change: &mut Change<'_>) {
        let is_secret = |value: &Json<'_>| is_secret_member(&change.field, value);
        for value in change.before.iter_mut().chain(&mut change.after) {
            if is_secret(value) {
                self.replace(value);
            } else {
                self.value(value);
            }
        }
        self.text(&mut change.field);
    }

    fn replace(&mut self, value: &mut Json<'_>) {
        *value = Json::String(Cow::Borrowed(find::REMOVED));
        self.0 = true;
    }
}

/// Numbers names that have become the same.
fn keep_names_distinct(members: &mut [(Cow<'_, str>, Json<'_>)]) {
    for index in 1..members.len() {
        let (before, rest) = members.split_at_mut(index);
        let name = &mut rest[0].0;
        if name.contains(find::REMOVED) && before.iter().any(|(other, _)| other == name) {
            *name = Cow::Owned(format!("{name} {index}"));
        }
    }
}

fn without(text: &str, secrets: &[Range<usize>]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut kept_to = 0;
    for secret in secrets {
        clean.push_str(&text[kept_to..secret.start]);
        clean.push_str(find::REMOVED);
        kept_to = secret.end;
    }
    clean.push_str(&text[kept_to..]);
    clean
}

//! Lengths and characters: what an event may hold beyond what its types say.

use crate::error::{ErrorKind, Refusal, refusal};
use crate::event::{Actor, Client, Event, Http, Model, Org, Target, Usage};
use crate::json::{Json, MAX_SAFE_INTEGER};
use crate::limits;

type Result = std::result::Result<(), Refusal>;

/// Checks a whole event.
pub(crate) fn event(event: &Event<'_>) -> Result {
    id(event.id.as_deref())?;
    action(&event.action)?;
    text("reason", event.reason.as_deref(), limits::CODE_BYTES)?;
    text("instance", event.instance.as_deref(), limits::INSTANCE_BYTES)?;
    text("sender", event.sender.as_deref(), limits::NAME_BYTES)?;
    text("session_id", event.session_id.as_deref(), limits::INSTANCE_BYTES)?;
    text("message", event.message.as_deref(), limits::MESSAGE_BYTES)?;
    number("latency_ms", event.latency_ms)?;
    part("actor", event.actor.as_ref(), actor)?;
    part("org", event.org.as_ref(), org)?;
    part("client", event.client.as_ref(), client)?;
    part("target", event.target.as_ref(), target)?;
    part("model", event.model.as_ref(), model)?;
    part("usage", event.usage.as_ref(), usage)?;
    part("http", event.http.as_ref(), http)?;
    items("targets", event.targets.iter(), limits::BULK_ITEMS, target)?;
    items("changes", event.changes.iter(), limits::BULK_ITEMS, |change| {
        text("field", Some(&change.field), limits::NAME_BYTES)
    })
}

/// Checks what only an event that was not parsed can get wrong: the values in `details` and `changes`.
pub(crate) fn values(event: &Event<'_>) -> Result {
    if let Some(details) = &event.details {
        if !matches!(details, Json::Object(_)) {
            return Err(refusal("details", ErrorKind::WrongType, "must be a JSON object"));
        }
        value(details, 0).map_err(|error| error.within("details"))?;
    }
    for (index, change) in event.changes.iter().enumerate() {
        let part = |field: &str, part: Option<&Json<'_>>| {
            part.map_or(Ok(()), |part| value(part, 0)).map_err(|error| error.within(field))
        };
        let checked =
            part("before", change.before.as_ref()).and_then(|()| part("after", change.after.as_ref()));
        checked.map_err(|error| error.within_item(index).within("changes"))?;
    }
    Ok(())
}

fn value(json: &Json<'_>, depth: usize) -> Result {
    match json {
        Json::Number(number) if !number.is_finite() => {
            Err(refusal("", ErrorKind::NumberRange, "must be a finite number"))
        }
        Json::Array(_) | Json::Object(_) if depth == limits::DEPTH => {
            let advice = format!("is nested deeper than {} levels: flatten it", limits::DEPTH);
            Err(refusal("", ErrorKind::TooLong, advice))
        }
        Json::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| {
                value(item, depth + 1).map_err(|error| error.within_item(index))
            })
        }
        Json::Object(members) => {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                let advice = "stands there twice: send it once";
                return Err(refusal(pair[0], ErrorKind::DuplicateField, advice));
            }
            members
                .iter()
                .try_for_each(|(name, item)| value(item, depth + 1).map_err(|error| error.within(name)))
        }
        _ => Ok(()),
    }
}

fn id(id: Option<&str>) -> Result {
    let Some(id) = id else { return Ok(()) };
    if id.is_empty() || id.len() > limits::ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
        let advice = format!("must be 1 to {} visible ASCII characters, such as a UUID", limits::ID_BYTES);
        let kind = if id.len() > limits::ID_BYTES { ErrorKind::TooLong } else { ErrorKind::InvalidValue };
        return Err(refusal("id", kind, advice));
    }
    Ok(())
}

fn action(action: &str) -> Result {
    text("action", Some(action), limits::CODE_BYTES)?;
    let is_code = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'/');
    if action.is_empty() || !action.bytes().all(is_code) {
        let advice = "must be a dotted name such as `auth.login`: letters, digits and . _ - : / only";
        return Err(refusal("action", ErrorKind::InvalidValue, advice));
    }
    Ok(())
}

fn actor(actor: &Actor<'_>) -> Result {
    text("id", actor.id.as_deref(), limits::NAME_BYTES)?;
    text("name", actor.name.as_deref(), limits::NAME_BYTES)?;
    text("email", actor.email.as_deref(), limits::NAME_BYTES)
}

fn org(org: &Org<'_>) -> Result {
    text("role", org.role.as_deref(), limits::NAME_BYTES)?;
    text("department", org.department.as_deref(), limits::NAME_BYTES)?;
    items("groups", org.groups.iter(), limits::LIST_ITEMS, |group| text("", Some(group), limits::NAME_BYTES))
}

fn client(client: &Client<'_>) -> Result {
    text("user_agent", client.user_agent.as_deref(), limits::HEADER_BYTES)?;
    items("forwarded_for", client.forwarded_for.iter(), limits::LIST_ITEMS, |hop| {
        text("", Some(hop), limits::NAME_BYTES)
    })
}

fn target(target: &Target<'_>) -> Result {
    text("type", target.kind.as_deref(), limits::CODE_BYTES)?;
    text("id", target.id.as_deref(), limits::NAME_BYTES)?;
    text("name", target.name.as_deref(), limits::NAME_BYTES)
}

fn model(model: &Model<'_>) -> Result {
    text("id", model.id.as_deref(), limits::NAME_BYTES)?;
    text("provider", model.provider.as_deref(), limits::NAME_BYTES)
}

fn usage(usage: &Usage) -> Result {
    count("input_tokens", usage.input_tokens)?;
    count("output_tokens", usage.output_tokens)?;
    count("cached_tokens", usage.cached_tokens)?;
    count("reasoning_tokens", usage.reasoning_tokens)?;
    number("cost_usd", usage.cost_usd)
}

fn http(http: &Http<'_>) -> Result {
    text("method", http.method.as_deref(), limits::CODE_BYTES)?;
    text("path", http.path.as_deref(), limits::HEADER_BYTES)?;
    text("request_id", http.request_id.as_deref(), limits::CODE_BYTES)
}

fn part<T>(field: &str, part: Option<&T>, check: impl FnOnce(&T) -> Result) -> Result {
    part.map_or(Ok(()), check).map_err(|error| error.within(field))
}

fn items<'i, T: 'i>(
    field: &str,
    items: impl ExactSizeIterator<Item = &'i T>,
    most: usize,
    check: impl Fn(&T) -> Result,
) -> Result {
    if items.len() > most {
        let advice = format!("has more than {most} items: send several events");
        return Err(refusal(field, ErrorKind::TooLong, advice));
    }
    for (index, item) in items.enumerate() {
        check(item).map_err(|error| error.within_item(index).within(field))?;
    }
    Ok(())
}

fn text(field: &str, text: Option<&str>, most: usize) -> Result {
    match text {
        Some(text) if text.len() > most => {
            let advice = format!("has {} bytes, more than {most}: shorten it", text.len());
            Err(refusal(field, ErrorKind::TooLong, advice))
        }
        _ => Ok(()),
    }
}

fn count(field: &str, count: Option<u64>) -> Result {
    match count {
        Some(count) if count > MAX_SAFE_INTEGER => {
            Err(refusal(field, ErrorKind::NumberRange, "must be at most 2^53 - 1"))
        }
        _ => Ok(()),
    }
}

fn number(field: &str, number: Option<f64>) -> Result {
    match number {
        Some(number) if !number.is_finite() || number < 0.0 => {
            Err(refusal(field, ErrorKind::InvalidValue, "must be a finite number, zero or more"))
        }
        _ => Ok(()),
    }
}

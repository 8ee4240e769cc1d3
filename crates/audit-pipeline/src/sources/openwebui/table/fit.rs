//! Cutting events to the size that can be recorded.
//!
//! What a request names, it may name a thousand times over. An event that cannot be recorded would be a way not to be seen,
//! so what is too much is left out and counted, and who did what always stays.

use audit_event::{Change, Event, Json, Target, limits};

use crate::sources::openwebui::bodies::clipped;

/// Room for the members' names, the marks and what is left of the details when the encoder has cut them.
const FRAME_BYTES: usize = 4 * 1024;

/// Cuts what a hostile request made too long: an event that cannot be recorded would be a way not to be seen.
pub(super) fn fit(event: &mut Event<'static>) {
    let name = |text: &mut Option<std::borrow::Cow<'static, str>>, most: usize| {
        if let Some(text) = text.as_mut().filter(|text| text.len() > most) {
            *text = clipped(text, most).to_owned().into();
        }
    };
    if let Some(actor) = &mut event.actor {
        for text in [&mut actor.id, &mut actor.name, &mut actor.email] {
            name(text, limits::NAME_BYTES);
        }
    }
    if let Some(org) = &mut event.org {
        name(&mut org.role, limits::NAME_BYTES);
        name(&mut org.department, limits::NAME_BYTES);
        for group in org.groups.iter_mut().filter(|group| group.len() > limits::NAME_BYTES) {
            *group = clipped(group, limits::NAME_BYTES).to_owned().into();
        }
    }
    if let Some(client) = &mut event.client {
        name(&mut client.user_agent, limits::HEADER_BYTES);
        for hop in client.forwarded_for.iter_mut().filter(|hop| hop.len() > limits::NAME_BYTES) {
            *hop = clipped(hop, limits::NAME_BYTES).to_owned().into();
        }
    }
    for target in event.target.iter_mut().chain(&mut event.targets) {
        name(&mut target.id, limits::NAME_BYTES);
        name(&mut target.name, limits::NAME_BYTES);
    }
    if let Some(model) = &mut event.model {
        name(&mut model.id, limits::NAME_BYTES);
    }
    if let Some(http) = &mut event.http {
        name(&mut http.path, limits::HEADER_BYTES);
    }
    name(&mut event.session_id, limits::INSTANCE_BYTES);
    fit_lists(event);
}

/// Leaves out what of the lists does not fit beside the other fields, and says in the details how much that was.
fn fit_lists(event: &mut Event<'static>) {
    let target_bytes = |target: &Target<'_>| {
        [&target.kind, &target.id, &target.name].into_iter().flatten().map(|text| written(text)).sum()
    };
    let mut room = limits::EVENT_BYTES.saturating_sub(FRAME_BYTES + single_bytes(event));
    let mut left_out = Vec::new();
    if let Some(client) = &mut event.client {
        let hops = &mut client.forwarded_for;
        left_out.push((
            "forwarded_for",
            keep(hops, limits::LIST_ITEMS, room / 16, &mut room, |hop| written(hop)),
        ));
    }
    if let Some(org) = &mut event.org {
        let groups = &mut org.groups;
        left_out
            .push(("groups", keep(groups, limits::LIST_ITEMS, room / 8, &mut room, |group| written(group))));
    }
    let half = room / 2;
    left_out.push(("targets", keep(&mut event.targets, limits::BULK_ITEMS, half, &mut room, target_bytes)));
    let rest = room;
    left_out.push(("changes", keep(&mut event.changes, limits::BULK_ITEMS, rest, &mut room, change_bytes)));
    left_out.retain(|(_, count)| *count > 0);
    if left_out.is_empty() {
        return;
    }
    let mut details = match event.details.take() {
        Some(Json::Object(members)) => members,
        _ => Vec::new(),
    };
    details.push(("left_out".into(), Json::object(left_out)));
    event.details = Some(Json::Object(details));
}

/// What the fields that are no lists take, as written.
fn single_bytes(event: &Event<'_>) -> usize {
    let mut texts = vec![event.message.as_ref(), event.session_id.as_ref(), event.reason.as_ref()];
    if let Some(actor) = &event.actor {
        texts.extend([actor.id.as_ref(), actor.name.as_ref(), actor.email.as_ref()]);
    }
    if let Some(org) = &event.org {
        texts.extend([org.role.as_ref(), org.department.as_ref()]);
    }
    texts.extend(event.client.as_ref().map(|client| client.user_agent.as_ref()));
    if let Some(target) = &event.target {
        texts.extend([target.kind.as_ref(), target.id.as_ref(), target.name.as_ref()]);
    }
    texts.extend(event.model.as_ref().map(|model| model.id.as_ref()));
    texts.extend(event.http.as_ref().map(|http| http.path.as_ref()));
    texts.into_iter().flatten().map(|text| written(text)).sum()
}

/// Keeps the first items, as many as fit into `bytes`, and takes their length off `room`; says how many it left out.
fn keep<T>(
    items: &mut Vec<T>,
    most: usize,
    bytes: usize,
    room: &mut usize,
    length: impl Fn(&T) -> usize,
) -> u64 {
    let mut used = 0;
    let mut kept = 0;
    for item in items.iter().take(most) {
        // Brackets, quotes, names of members and commas around it.
        let needed = length(item) + 64;
        if used + needed > bytes {
            break;
        }
        used += needed;
        kept += 1;
    }
    *room -= used;
    let left_out = items.len() - kept;
    items.truncate(kept);
    left_out as u64
}

fn change_bytes(change: &Change<'_>) -> usize {
    let values = [&change.before, &change.after].into_iter().flatten().map(json_bytes);
    written(&change.field) + values.sum::<usize>()
}

fn json_bytes(value: &Json<'_>) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 24,
        Json::String(text) => written(text),
        Json::Array(items) => items.iter().map(|item| json_bytes(item) + 1).sum::<usize>() + 2,
        Json::Object(members) => {
            members.iter().map(|(key, value)| written(key) + json_bytes(value) + 2).sum::<usize>() + 2
        }
    }
}

/// How long a text is as a JSON string: control characters take six bytes.
fn written(text: &str) -> usize {
    let of = |byte: u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(of).sum::<usize>() + 2
}

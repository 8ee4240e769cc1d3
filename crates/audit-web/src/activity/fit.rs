//! Cutting what is too long for the record: what cannot be recorded would be a way to look unseen.
//!
//! People name themselves at the platform as they like, and addresses are as long as they like.

use std::borrow::Cow;

use audit_event::{Event, limits};

/// Cuts what visitors may have made too long.
pub(super) fn fit(event: &mut Event<'static>) {
    if let Some(actor) = &mut event.actor {
        for text in [&mut actor.id, &mut actor.name, &mut actor.email] {
            cut(text, limits::NAME_BYTES);
        }
    }
    if let Some(org) = &mut event.org {
        cut(&mut org.role, limits::NAME_BYTES);
    }
    if let Some(client) = &mut event.client {
        cut(&mut client.user_agent, limits::HEADER_BYTES);
    }
    if let Some(target) = &mut event.target {
        cut(&mut target.id, limits::NAME_BYTES);
        cut(&mut target.name, limits::NAME_BYTES);
    }
    if let Some(http) = &mut event.http {
        cut(&mut http.method, limits::CODE_BYTES);
        cut(&mut http.path, limits::HEADER_BYTES);
    }
    cut(&mut event.session_id, limits::INSTANCE_BYTES);
}

fn cut(text: &mut Option<Cow<'static, str>>, most: usize) {
    const MARK: &str = "…";
    if let Some(long) = text.as_mut().filter(|text| text.len() > most) {
        let end = long.floor_char_boundary(most - MARK.len());
        *long = format!("{}{MARK}", &long[..end]).into();
    }
}

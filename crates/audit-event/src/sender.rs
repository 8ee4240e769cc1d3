//! Who hands in events that come from outside, and what they may say.
//!
//! What an event says of itself is its author's word. Which door it came through is not: the intake writes that into the
//! event (`sender`), and whoever believes this program or its gateways believes only events without one.

use std::sync::Arc;

use crate::error::{ErrorKind, Refusal, refusal};
use crate::event::Event;
use crate::limits;
use crate::taxonomy;
use crate::vocabulary::Source;

/// Who hands events in.
#[derive(Debug, Clone)]
pub struct Sender {
    name: Arc<str>,
    may_say_all: bool,
}

impl Sender {
    /// Somebody who tells of what they saw themselves: neither as one of our gateways or this program, nor of what only
    /// this program does ([`taxonomy::is_reserved`]). A name that is too long is cut.
    #[must_use]
    pub fn new(name: &str) -> Sender {
        let end = name.floor_char_boundary(limits::NAME_BYTES);
        Sender { name: name[..end].into(), may_say_all: false }
    }

    /// The same where they may say anything, such as to import what another server recorded.
    #[must_use]
    pub fn who_may_say_all(name: &str) -> Sender {
        Sender { may_say_all: true, ..Sender::new(name) }
    }

    /// The beginning of the name of an Open WebUI that sends us its events; the source's name follows.
    pub const WEBHOOK: &str = "webhook:";

    /// What is written into their events.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they may say this.
    pub(crate) fn check(&self, event: &Event<'_>) -> Result<(), Refusal> {
        const IMPORT: &str =
            "who imports what another server recorded needs a token that may do and see everything";
        if self.may_say_all {
            return Ok(());
        }
        if matches!(event.source, Source::Gateway | Source::ModelGateway | Source::Internal) {
            let advice = format!(
                "must not be {:?}, which is what this server sees itself: leave it out, or send `api`; {IMPORT}",
                event.source.as_str()
            );
            return Err(refusal("source", ErrorKind::InvalidValue, advice));
        }
        if taxonomy::is_reserved(&event.action) {
            let advice = format!(
                "must not be {:?}, which only this server records of itself: choose another name; {IMPORT}",
                &*event.action
            );
            return Err(refusal("action", ErrorKind::InvalidValue, advice));
        }
        Ok(())
    }
}

impl Source {
    /// Whether an event that names this source and was handed in by `sender` comes from there: what our gateways and this
    /// program see nobody hands in, and a webhook's events come by its own door. Events recorded before senders were
    /// noted have none.
    #[must_use]
    pub fn is_first_hand(self, sender: Option<&str>) -> bool {
        match self {
            Source::Api => true,
            Source::Webhook => sender.is_none_or(|sender| sender.starts_with(Sender::WEBHOOK)),
            _ => sender.is_none(),
        }
    }
}

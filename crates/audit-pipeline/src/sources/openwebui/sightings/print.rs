//! What of an event is compared with another's.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use audit_event::{Event, Source};

use crate::sources::openwebui::ownership::{Ownership, Sameness};

/// What tells whether two events are of the same fact: names as hashes (keyed anew in each process), so that many fit
/// into little memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Print {
    pub source: Source,
    pub action: Box<str>,
    actor_id: Option<u64>,
    actor_email: Option<u64>,
    /// Targets and the chat.
    subjects: Box<[u64]>,
    /// Method and path.
    request: Option<u64>,
    ip: Option<IpAddr>,
    tokens: Option<(Option<u64>, Option<u64>)>,
    /// When it began, by the source's clock, in microseconds.
    pub from: i64,
    /// When it was over.
    pub to: i64,
}

/// How far apart two names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    /// One side does not say.
    Unknown,
    Different,
}

/// How well a sighting fits an event; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    other_address: bool,
    micros: u64,
}

/// When a sighting was made, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    /// When it came to us, by our clock, in microseconds.
    pub arrived: i64,
    /// Half the width of the window, in microseconds.
    pub window: i64,
}

/// Sources give whole seconds, cut off.
const SECOND: i64 = 1_000_000;

impl Print {
    /// The print of `event`; `now` stands in for a time that it lacks.
    pub fn of(event: &Event<'_>, now: i64, hasher: &RandomState) -> Self {
        let hash = |text: &str| hasher.hash_one(text);
        let actor = event.actor.as_ref();
        let chat = event.details.as_ref().and_then(|details| details.get("chat_id")?.as_str());
        let targets = event.target.iter().chain(&event.targets);
        let ids = targets.filter_map(|target| target.id.as_deref()).chain(chat);
        let request = event.http.as_ref().and_then(|http| {
            let path = http.path.as_deref()?;
            Some(hasher.hash_one((http.method.as_deref()?, path.split('?').next().unwrap_or(path))))
        });
        let from = event.time.map_or(now, |time| time.as_micros());
        Self {
            source: event.source,
            action: event.action.as_ref().into(),
            actor_id: actor.and_then(|actor| actor.id.as_deref()).map(hash),
            actor_email: actor
                .and_then(|actor| actor.email.as_deref())
                .map(|email| hash(&email.to_lowercase())),
            subjects: ids.map(hash).collect(),
            request,
            ip: event.client.as_ref().and_then(|client| client.ip),
            tokens: event.usage.map(|usage| (usage.input_tokens, usage.output_tokens)),
            from,
            to: from.saturating_add(micros_of_ms(event.latency_ms.unwrap_or(0.0))),
        }
    }

    /// Whether this sighting is of the fact that `told` (an event of another source) tells of, and how well it fits.
    pub fn is_of(&self, row: &Ownership, told: &Self, moments: Moments) -> Option<Distance> {
        let actors = self.actor(told);
        let may_be = self.source != told.source && actors != Likeness::Different && self.fits(told, moments);
        if !may_be {
            return None;
        }
        let is_same = match (self.request, told.request) {
            (Some(seen), Some(told)) => seen == told,
            _ => row.is_told_by(&self.action, &told.action) && self.is_about_the_same(row.by, told, actors),
        };
        is_same.then(|| Distance {
            other_address: self.ip.is_some() && told.ip.is_some() && self.ip != told.ip,
            micros: self.from.abs_diff(told.to),
        })
    }

    fn is_about_the_same(&self, by: Sameness, told: &Self, actors: Likeness) -> bool {
        let same_actor = actors == Likeness::Same;
        match by {
            Sameness::Target => match self.subjects(told) {
                Likeness::Same => true,
                Likeness::Unknown => same_actor,
                Likeness::Different => false,
            },
            Sameness::Actor => {
                same_actor || self.subjects(told) == Likeness::Same || self.is_line_of_nobody()
            }
            Sameness::Usage => same_actor && self.tokens.is_some() && self.tokens == told.tokens,
        }
    }

    /// The audit file does not say who signs in or up.
    fn is_line_of_nobody(&self) -> bool {
        self.source == Source::AuditFile && self.actor_id.is_none() && self.actor_email.is_none()
    }

    fn actor(&self, told: &Self) -> Likeness {
        match likeness(self.actor_id, told.actor_id) {
            Likeness::Unknown => likeness(self.actor_email, told.actor_email),
            known => known,
        }
    }

    fn subjects(&self, told: &Self) -> Likeness {
        if self.subjects.is_empty() || told.subjects.is_empty() {
            Likeness::Unknown
        } else if self.subjects.iter().any(|id| told.subjects.contains(id)) {
            Likeness::Same
        } else {
            Likeness::Different
        }
    }

    /// By the source's clock within the window around the other event, or by ours: it cannot come before its request
    /// began, and comes soon after. So a clock that is wrong keeps nothing apart that comes in time, and a source that
    /// comes late keeps nothing apart as long as its clock is right.
    fn fits(&self, told: &Self, moments: Moments) -> bool {
        let until = told.to.saturating_add(moments.window);
        let by_its_clock = self.to >= told.from - moments.window - SECOND && self.from <= until;
        let by_ours = (told.from..=until).contains(&moments.arrived);
        by_its_clock || by_ours
    }
}

fn likeness(seen: Option<u64>, told: Option<u64>) -> Likeness {
    match (seen, told) {
        (Some(seen), Some(told)) if seen == told => Likeness::Same,
        (Some(_), Some(_)) => Likeness::Different,
        _ => Likeness::Unknown,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates")]
fn micros_of_ms(ms: f64) -> i64 {
    (ms.max(0.0) * 1e3) as i64
}

//! Events of sources that we refused. Open WebUI does not send them again, so that there were some is put on the record
//! as soon as the ledger accepts it: per source how many, since when, and why the last of them.

use std::collections::BTreeMap;

use audit_event::{Actor, ActorType, Event, Json, Outcome, Source, Timestamp};
use audit_pipeline::Intake;
use parking_lot::Mutex;

/// What was refused, by the source's name. Only sources that showed their secret are in it.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, Refused>>);

#[derive(Default)]
struct Refused {
    /// Since the start.
    events: u64,
    /// Those of them that are not on the record.
    untold: Option<Untold>,
}

#[derive(Clone, Copy)]
struct Untold {
    events: u64,
    since: Timestamp,
    /// The code of the problem that the last was answered with.
    reason: &'static str,
}

impl Refusals {
    /// Notes that an event was refused; never waits.
    pub fn note(&self, name: &str, reason: &'static str, now: Timestamp) {
        let mut all = self.0.lock();
        let refused = all.entry(name.to_owned()).or_default();
        refused.events += 1;
        if refused.untold.is_none() {
            tracing::warn!(
                source = name,
                reason,
                "events of a source are refused and will not be sent again"
            );
        }
        refused.join(Untold { events: 1, since: now, reason });
    }

    /// How many events of a source were refused since the start.
    pub fn of(&self, name: &str) -> u64 {
        self.0.lock().get(name).map_or(0, |refused| refused.events)
    }

    /// Records what is not on the record, if the ledger takes it now. Blocks; for one thread at a time.
    pub fn tell(&self, intake: &Intake) {
        while let Some((name, untold)) = self.take() {
            if intake.record_internal(untold.event(&name)).is_err() {
                self.0.lock().entry(name).or_default().join(untold);
                return;
            }
        }
    }

    fn take(&self) -> Option<(String, Untold)> {
        let mut all = self.0.lock();
        all.iter_mut().find_map(|(name, refused)| Some((name.clone(), refused.untold.take()?)))
    }
}

impl Refused {
    fn join(&mut self, more: Untold) {
        self.untold = Some(match self.untold {
            None => more,
            Some(first) => Untold {
                events: first.events + more.events,
                since: first.since.min(more.since),
                reason: more.reason,
            },
        });
    }
}

impl Untold {
    fn event(self, name: &str) -> Event<'static> {
        let Self { events, since, reason } = self;
        let mut event = Event::new("source.events_refused", Source::Internal);
        event.outcome = Outcome::Failure;
        event.reason = Some(reason.into());
        event.actor = Some(Actor {
            kind: Some(ActorType::System),
            name: Some("secureai-audit".into()),
            ..Actor::default()
        });
        event.target = Some(super::target(name));
        event.message = Some(
            format!(
                "{events} events of the source {name} were refused since {since} and are not on the record"
            )
            .into(),
        );
        event.details =
            Some(Json::object([("events", Json::from(events)), ("since", Json::from(since.to_string()))]));
        event
    }
}

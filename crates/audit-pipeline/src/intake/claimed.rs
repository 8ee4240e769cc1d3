//! Events that came under an id which somebody else's event has.
//!
//! The ledger records an id once; what comes under it later is a repetition. Ids are chosen by those who send events, so
//! that whoever guesses or learns one could record something else under it first. A source of our own would then be told
//! that its event is recorded, and it would be nowhere. Therefore such an event is recorded under a fresh id, with the one
//! that it came with in `details.claimed_id`, and so is that there was a clash (`source.id_taken`).

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};

use audit_event::{
    Actor, ActorType, Entry, Event, Fields, Json, Outcome, Source, Target, limits, taxonomy, uuid_v7,
};
use audit_tlog::LeafIndex;

use super::{Error, Intake, OnError, Taken};

impl Intake {
    /// Takes events of a source of our own and returns when they are durable, whatever stands under their ids.
    ///
    /// # Errors
    /// As [`Intake::append_events`]. If it is repeated then, what was recorded is recognised.
    pub fn append_surely<'e, E: Borrow<Event<'e>>>(
        &self,
        events: &[E],
        on_error: OnError,
    ) -> Result<Taken, Error> {
        let taken = self.append_events(events.iter().map(Borrow::borrow), on_error)?;
        self.append_claimed(events, &taken)?;
        Ok(taken)
    }

    /// Records those of `events`, which were `taken`, whose ids somebody else's events have; says how many. Blocks.
    ///
    /// # Errors
    /// As [`Intake::append_events`]: none of them was recorded.
    pub fn append_claimed<'e, E: Borrow<Event<'e>>>(
        &self,
        events: &[E],
        taken: &Taken,
    ) -> Result<usize, Error> {
        if taken.differing().next().is_none() {
            return Ok(0);
        }
        let mut again = Vec::new();
        let mut clashes = Vec::new();
        for (event, index) in differing(events, taken) {
            let Some(claimed) = event.id.as_deref().filter(|_| !self.is_told_by(event.source, index)) else {
                continue;
            };
            let id = self.fresh_id()?;
            clashes.push((id.clone(), claimed.to_owned(), index));
            again.push(under(id, claimed, event));
        }
        for clashes in clashes.chunks(limits::BULK_ITEMS) {
            again.push(clash(clashes));
        }
        if !again.is_empty() {
            self.append_events(&again, OnError::Skip)?;
        }
        Ok(clashes.len())
    }

    /// Whether the event at `index` is this source's own: then it is the same event told again in other words, such as by
    /// another webhook, or an intent of which the end is known.
    fn is_told_by(&self, source: Source, index: LeafIndex) -> bool {
        let Ok(bytes) = self.ledger.reader().get(index) else { return false };
        let Ok(entry) = Entry::decode(&bytes) else { return false };
        let is_told =
            |fields: Fields<'_>| fields.source == source && source.is_first_hand(fields.sender.as_deref());
        Fields::decode(&entry).is_ok_and(is_told)
    }

    fn fresh_id(&self) -> Result<String, Error> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| Error::NoRandomness)?;
        Ok(uuid_v7(self.clock.now(), &random))
    }
}

/// The events that differ from what is recorded under their ids, and where that is. Those of the same id stand in the
/// same order in both.
fn differing<'a, 'e: 'a, E: Borrow<Event<'e>>>(
    events: &'a [E],
    taken: &'a Taken,
) -> impl Iterator<Item = (&'a Event<'e>, LeafIndex)> {
    let ids: HashSet<&str> = taken.differing().collect();
    let mut of_id: HashMap<&str, VecDeque<&Event<'e>>> = HashMap::new();
    for event in events.iter().map(Borrow::borrow) {
        if let Some(id) = event.id.as_deref().filter(|id| ids.contains(id)) {
            of_id.entry(id).or_default().push_back(event);
        }
    }
    taken.ids.iter().zip(&taken.placements).filter_map(move |(id, placement)| {
        let event = of_id.get_mut(&**id)?.pop_front()?;
        placement.differs.then_some((event, placement.index))
    })
}

/// The event with another id, and the one that it came with in its details.
fn under<'e>(id: String, claimed: &str, event: &Event<'e>) -> Event<'e> {
    let members = match &event.details {
        Some(Json::Object(members)) => members.clone(),
        _ => Vec::new(),
    };
    let details = Json::object(members.into_iter().chain([("claimed_id".into(), claimed.to_owned().into())]));
    Event { id: Some(id.into()), details: Some(details), ..event.clone() }
}

/// The event that tells of clashes: of each the fresh id, the one claimed, and where the event is that has it.
fn clash(clashes: &[(String, String, LeafIndex)]) -> Event<'static> {
    let mut event = Event::new("source.id_taken", Source::Internal);
    debug_assert!(taxonomy::lookup(&event.action).is_some());
    event.outcome = Outcome::Success;
    event.actor = Some(Actor {
        kind: Some(ActorType::System),
        name: Some("secureai-audit".into()),
        ..Actor::default()
    });
    let target = |(id, claimed, _): &(String, String, LeafIndex)| Target {
        kind: Some("event".into()),
        id: Some(id.clone().into()),
        name: Some(claimed.clone().into()),
    };
    event.targets = clashes.iter().map(target).collect();
    let indices = clashes.iter().take(100).map(|(_, _, index)| Json::from(index.get())).collect();
    event.details =
        Some(Json::object([("events", Json::from(clashes.len() as u64)), ("indices", Json::Array(indices))]));
    let plural = if clashes.len() == 1 { "event came under an id" } else { "events came under ids" };
    let message = format!("{} {plural} that another event has, recorded under a fresh one", clashes.len());
    event.message = Some(message.into());
    event
}

//! What was recorded lately, what waits for its owner, and which belongs to which. No I/O, no clock.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use audit_event::{Event, Source};

use super::print::{Distance, Moments, Print};
use crate::sources::openwebui::ownership::{Configured, Ownership, Patience};

/// Recorded events remembered.
const REMEMBERED: usize = 65_536;
/// Sightings remembered by id, so that the same one is not taken twice.
const KNOWN: usize = 131_072;
/// Sightings remembered that were recorded because their owner had not reported, and for how long: each event of an owner
/// is compared with all of them.
const UNSEEN: usize = 1_024;
const UNSEEN_MICROS: i64 = 15 * 60 * 1_000_000;
/// How much longer a source waits for each source that comes before it, after the owner.
const TURN_MICROS: i64 = 2_000_000;

/// Times and sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a sighting waits for its owner, in microseconds.
    pub hold: i64,
    /// The same when the owner's request may stream, in microseconds.
    pub streaming_hold: i64,
    /// How far the clocks may be apart, in microseconds.
    pub window: i64,
    /// Most sightings that wait.
    pub held: usize,
}

/// All that is known in this process.
pub(super) struct Memory {
    pub configured: Configured,
    limits: Limits,
    hasher: RandomState,
    recorded: VecDeque<Recorded>,
    held: VecDeque<Sighting>,
    unseen: VecDeque<Sighting>,
    known: Known,
    /// Since when each owner is known to watch, in microseconds.
    gateway_since: Option<i64>,
    webhook_since: Option<i64>,
    model_gateway_since: Option<i64>,
    pairs: Vec<Pair>,
}

/// An event in the ledger, or on its way there.
struct Recorded {
    id: Box<str>,
    print: Print,
    /// When it was noted here, in microseconds: in ascending order.
    noted: i64,
    /// The sightings that it explained; without an action when that was before a restart.
    explained: Vec<(Source, Option<Box<str>>)>,
}

/// What a source other than the owner saw.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    /// The source's own id.
    pub id: Box<str>,
    pub source: Source,
    row: &'static Ownership,
    /// The event, as it would be recorded.
    pub json: Box<[u8]>,
    print: Print,
    /// When it came, in microseconds.
    pub arrived: i64,
    /// When it is recorded if the owner has not reported, in microseconds.
    pub until: i64,
    pub owner: Option<Source>,
}

/// That a sighting and an event are of the same fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// The event's id.
    pub event: Box<str>,
    pub source: Source,
    /// The sighting's own id.
    pub sighting: Box<str>,
    /// The event's source, when the sighting had been recorded as an event of its own before.
    pub late: Option<Source>,
    /// When it was found, in microseconds.
    pub found: i64,
    /// The sighting itself, which the journal has to keep until the pair is recorded: when it came, and its JSON.
    kept: Option<(i64, Box<[u8]>)>,
}

/// What becomes of an offered event.
#[derive(Debug)]
pub(super) enum Fate {
    /// It was taken before.
    Duplicate,
    /// It is recorded as it is; here is its JSON.
    Own(Vec<u8>),
    /// It is of the same fact as another event, or waits for one. It must be kept on disk before it is given to
    /// [`Memory::keep`].
    Seen(Sighting),
}

/// What [`Memory::keep`] made of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is of the same fact as an event.
    Corroborates,
    /// It waits for one.
    Waits,
}

/// A sighting that nobody else's event explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alone {
    /// The source that sees all of these and did not see this one.
    pub unseen_by: Option<Source>,
}

#[derive(Default)]
struct Known {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Memory {
    pub fn new(configured: Configured, limits: Limits) -> Self {
        Self {
            configured,
            limits,
            hasher: RandomState::new(),
            recorded: VecDeque::new(),
            held: VecDeque::new(),
            unseen: VecDeque::new(),
            known: Known::default(),
            gateway_since: None,
            webhook_since: None,
            model_gateway_since: None,
            pairs: Vec::new(),
        }
    }

    /// Notes that every source watches from `now` on.
    pub fn begin(&mut self, now: i64) {
        for since in [&mut self.gateway_since, &mut self.webhook_since, &mut self.model_gateway_since] {
            since.get_or_insert(now);
        }
    }

    /// Notes an event that was recorded before this process began; oldest first.
    pub fn recall(&mut self, event: &Event<'_>, recorded_at: i64) {
        let Some(id) = event.id.as_deref() else { return };
        let print = Print::of(event, recorded_at, &self.hasher);
        if let Some(since) = self.since(event.source) {
            *since = Some(since.unwrap_or(i64::MAX).min(print.from));
        }
        self.known.insert(self.key(event.source, id));
        self.push(Recorded { id: id.into(), print, noted: recorded_at, explained: Vec::new() });
    }

    /// Notes a corroboration that was recorded before this process began.
    pub fn recall_pair(&mut self, event: &str, source: Source, sighting: &str) {
        self.known.insert(self.key(source, sighting));
        if let Some(recorded) = self.recorded.iter_mut().rev().find(|recorded| &*recorded.id == event) {
            recorded.explained.push((source, None));
        }
    }

    /// Notes an event that is being recorded; sightings of the same fact that waited become corroborations.
    pub fn remember(&mut self, event: &Event<'_>, now: i64) {
        let Some(id) = event.id.as_deref() else { return };
        let print = Print::of(event, now, &self.hasher);
        let mut recorded = Recorded { id: id.into(), print, noted: now, explained: Vec::new() };
        let window = self.limits.window;
        while self.unseen.front().is_some_and(|unseen| now - unseen.arrived > UNSEEN_MICROS) {
            self.unseen.pop_front();
        }
        for (waiting, is_late) in [(&mut self.held, false), (&mut self.unseen, true)] {
            while let Some(at) = best(waiting, &recorded, window) {
                let Some(sighting) = waiting.remove(at) else { break };
                recorded.explains(&sighting.print);
                self.pairs.push(Pair {
                    event: recorded.id.clone(),
                    source: sighting.source,
                    sighting: sighting.id,
                    late: is_late.then_some(event.source),
                    found: now,
                    kept: (!is_late).then_some((sighting.arrived, sighting.json)),
                });
            }
        }
        self.push(recorded);
    }

    /// The ids of the recorded events that are remembered, with their sources.
    pub fn recorded_ids(&self) -> HashSet<(Source, Box<str>)> {
        self.recorded.iter().map(|recorded| (recorded.print.source, recorded.id.clone())).collect()
    }

    /// Decides what becomes of an event from a source; `json` is the same, as it would be recorded.
    pub fn offer(&mut self, event: &Event<'_>, json: Vec<u8>, now: i64) -> Fate {
        let id: Box<str> = event.id.as_deref().unwrap_or_default().into();
        if !self.known.insert(self.key(event.source, &id)) {
            return Fate::Duplicate;
        }
        let row = Ownership::of(&event.action);
        let owner = row.owner(self.configured);
        if owner.is_none_or(|owner| owner == event.source) {
            return Fate::Own(json);
        }
        Fate::Seen(Sighting {
            id,
            source: event.source,
            row,
            json: json.into(),
            print: Print::of(event, now, &self.hasher),
            arrived: now,
            until: now.saturating_add(self.patience(row, event.source)),
            owner,
        })
    }

    /// A sighting that an earlier process kept on disk. Its owner, too, may have to be recovered first.
    pub fn restore(&mut self, event: &Event<'_>, json: &[u8], arrived: i64, now: i64) {
        let id: Box<str> = event.id.as_deref().unwrap_or_default().into();
        if !self.known.insert(self.key(event.source, &id)) {
            return;
        }
        let row = Ownership::of(&event.action);
        let sighting = Sighting {
            id,
            source: event.source,
            row,
            json: json.into(),
            print: Print::of(event, arrived, &self.hasher),
            arrived,
            until: now.saturating_add(self.patience(row, event.source)),
            owner: row.owner(self.configured),
        };
        self.keep(sighting, now);
    }

    /// Takes back that an event was offered: it could not be kept.
    pub fn forget(&mut self, source: Source, id: &str) {
        let key = self.key(source, id);
        self.known.remove(key);
    }

    /// [`Memory::forget`] of an event.
    pub fn forget_event(&mut self, event: &Event<'_>) {
        self.forget(event.source, event.id.as_deref().unwrap_or_default());
    }

    /// Lets an event of its owner's wait, which the ledger does not take now.
    pub fn postpone(&mut self, event: &Event<'_>, json: Vec<u8>, now: i64) {
        let row = Ownership::of(&event.action);
        self.held.push_back(Sighting {
            id: event.id.as_deref().unwrap_or_default().into(),
            source: event.source,
            row,
            json: json.into(),
            print: Print::of(event, now, &self.hasher),
            arrived: now,
            until: now,
            owner: None,
        });
    }

    /// Whether no more may be offered.
    pub fn is_full(&self) -> bool {
        self.held.len() >= self.limits.held.saturating_mul(2)
    }

    /// Makes a sighting a corroboration, or lets it wait; says which.
    pub fn keep(&mut self, sighting: Sighting, now: i64) -> Kept {
        if self.explain(&sighting, now) {
            return Kept::Corroborates;
        }
        self.held.push_back(sighting);
        Kept::Waits
    }

    /// Takes out at most `most` of the sightings whose owner has not reported in time, and of the oldest of those that are
    /// too many; the source that stands first among the owners comes first. What is due and not taken out waits on, so
    /// that it counts as [unrecorded](Self::unrecorded).
    pub fn due(&mut self, now: i64, most: usize) -> Vec<Sighting> {
        let too_many = self.held.len().saturating_sub(self.limits.held);
        let all = self.held.iter().enumerate();
        let mut due: Vec<usize> =
            all.filter(|(at, sighting)| sighting.until <= now || *at < too_many).map(|(at, _)| at).collect();
        due.sort_by_key(|at| (rank(&self.held[*at]), self.held[*at].arrived));
        due.truncate(most);
        let taken: Vec<Sighting> = due.iter().map(|at| self.held[*at].clone()).collect();
        let due: HashSet<usize> = due.into_iter().collect();
        let mut at = 0..;
        self.held.retain(|_| !at.next().is_some_and(|at| due.contains(&at)));
        taken
    }

    /// Puts sightings back that could not be recorded now.
    pub fn put_back(&mut self, sightings: Vec<Sighting>) {
        let again: HashSet<_> = sightings.iter().map(|one| (one.source, &*one.id)).collect();
        self.unseen.retain(|unseen| !again.contains(&(unseen.source, &*unseen.id)));
        for sighting in sightings.into_iter().rev() {
            self.held.push_front(sighting);
        }
    }

    /// Whether a sighting whose owner has not reported is to be recorded as an event of its own, and who should have seen
    /// it; `None` when another source's event of the same fact was recorded meanwhile.
    pub fn give_up(&mut self, sighting: &Sighting, now: i64) -> Option<Alone> {
        if self.explain(sighting, now) {
            return None;
        }
        let watched = |owner: &Source| {
            let since = self.watching_since(*owner);
            since.is_some_and(|since| sighting.print.to >= since - self.limits.window)
        };
        Some(Alone {
            unseen_by: sighting.owner.filter(|owner| sighting.row.owner_sees_all && watched(owner)),
        })
    }

    /// Notes that a sighting was recorded as an event of its own. Its owner may still report.
    pub fn went_unseen(&mut self, sighting: Sighting, event: &Event<'_>, now: i64) {
        self.remember(event, now);
        self.unseen.push_back(sighting);
        while self.unseen.len() > UNSEEN {
            self.unseen.pop_front();
        }
    }

    /// Corroborations that are not recorded yet.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The first `count` corroborations were recorded.
    pub fn pairs_recorded(&mut self, count: usize) {
        self.pairs.drain(..count.min(self.pairs.len()));
    }

    /// How many sightings wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many sightings are in the journal alone.
    pub fn unrecorded(&self) -> usize {
        self.held.len() + self.pairs.iter().filter(|pair| pair.kept.is_some()).count()
    }

    /// Those: when each came, and its JSON.
    pub fn unrecorded_lines(&self) -> Vec<(i64, Box<[u8]>)> {
        let held = self.held.iter().map(|sighting| (sighting.arrived, sighting.json.clone()));
        held.chain(self.pairs.iter().filter_map(|pair| pair.kept.clone())).collect()
    }

    /// Finds the event that is of the same fact, if there is one, and notes the pair.
    fn explain(&mut self, sighting: &Sighting, now: i64) -> bool {
        let row = sighting.row;
        let window = self.limits.window;
        let moments = Moments { arrived: sighting.arrived, window };
        // What was noted before the sighting's time cannot have lasted until then.
        let earliest = sighting.print.from.min(sighting.arrived).saturating_sub(window);
        let first = self.recorded.partition_point(|recorded| recorded.noted < earliest);
        let fitting = self.recorded.iter_mut().skip(first).filter_map(|recorded| {
            let distance = sighting.print.is_of(row, &recorded.print, moments)?;
            recorded.has_room_for(row, &sighting.print).then_some((distance, recorded))
        });
        let Some((_, recorded)) = fitting.min_by_key(|(distance, _)| *distance) else { return false };
        recorded.explains(&sighting.print);
        self.pairs.push(Pair {
            event: recorded.id.clone(),
            source: sighting.source,
            sighting: sighting.id.clone(),
            late: None,
            found: now,
            kept: Some((sighting.arrived, sighting.json.clone())),
        });
        true
    }

    fn push(&mut self, recorded: Recorded) {
        self.recorded.push_back(recorded);
        if self.recorded.len() > REMEMBERED {
            self.recorded.pop_front();
        }
    }

    fn patience(&self, row: &Ownership, source: Source) -> i64 {
        let hold = match row.patience {
            Patience::Usual => self.limits.hold,
            Patience::Streaming => self.limits.streaming_hold.max(self.limits.hold),
        };
        let before = row.owners.iter().filter(|owner| self.configured.has(**owner));
        let turns = before.take_while(|owner| **owner != source).count().saturating_sub(1);
        hold.saturating_add(TURN_MICROS.saturating_mul(i64::try_from(turns).unwrap_or(i64::MAX)))
    }

    fn since(&mut self, source: Source) -> Option<&mut Option<i64>> {
        match source {
            Source::Gateway => Some(&mut self.gateway_since),
            Source::Webhook => Some(&mut self.webhook_since),
            Source::ModelGateway => Some(&mut self.model_gateway_since),
            _ => None,
        }
    }

    fn watching_since(&self, source: Source) -> Option<i64> {
        match source {
            Source::Gateway => self.gateway_since,
            Source::Webhook => self.webhook_since,
            Source::ModelGateway => self.model_gateway_since,
            _ => None,
        }
    }

    fn key(&self, source: Source, id: &str) -> u64 {
        self.hasher.hash_one((source, id))
    }
}

impl Recorded {
    fn has_room_for(&self, row: &Ownership, seen: &Print) -> bool {
        let explained = self.explained.iter().filter(|(source, action)| {
            let same_action = match action {
                Some(action) => *action == seen.action,
                None => row.at_most == 1,
            };
            *source == seen.source && same_action
        });
        explained.count() < usize::from(row.at_most)
    }

    fn explains(&mut self, seen: &Print) {
        self.explained.push((seen.source, Some(seen.action.clone())));
    }
}

impl Known {
    fn insert(&mut self, key: u64) -> bool {
        let is_new = self.ids.insert(key);
        if is_new {
            self.order.push_back(key);
            if self.order.len() > KNOWN
                && let Some(oldest) = self.order.pop_front()
            {
                self.ids.remove(&oldest);
            }
        }
        is_new
    }

    /// The latest were noted last, so the look is short.
    fn remove(&mut self, key: u64) {
        if self.ids.remove(&key)
            && let Some(at) = self.order.iter().rposition(|known| *known == key)
        {
            self.order.remove(at);
        }
    }
}

/// The waiting sighting that fits an event best.
fn best(waiting: &VecDeque<Sighting>, recorded: &Recorded, window: i64) -> Option<usize> {
    let fitting = waiting.iter().enumerate().filter_map(|(at, sighting)| {
        let moments = Moments { arrived: sighting.arrived, window };
        let distance: Distance = sighting.print.is_of(sighting.row, &recorded.print, moments)?;
        recorded.has_room_for(sighting.row, &sighting.print).then_some((distance, at))
    });
    fitting.min().map(|(_, at)| at)
}

/// Where the sighting's source stands among the owners of its action.
fn rank(sighting: &Sighting) -> usize {
    let owners = sighting.row.owners;
    owners.iter().position(|owner| *owner == sighting.source).unwrap_or(owners.len())
}

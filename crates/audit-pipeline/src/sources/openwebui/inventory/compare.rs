//! The lists against the log.

use std::collections::{BTreeMap, HashSet};

use audit_event::Timestamp;
use serde::Serialize;

use super::{Claims, Kind, Object};

/// A span of time; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last.
    pub to: Timestamp,
}

impl Range {
    fn has(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }
}

/// An object that the log tells of and Open WebUI does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownObject {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The first event that tells of it.
    pub event: String,
    /// That event's action.
    pub action: String,
    /// And its time.
    pub time: Timestamp,
}

/// What came of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Objects that Open WebUI has from the span of time.
    pub objects: u64,
    /// Those of them that the log tells of.
    pub recorded: u64,
    /// Those that it does not, oldest first.
    pub missing: Vec<Object>,
    /// Objects that the log tells of first in the span of time.
    pub told: u64,
    /// Those of them that are gone, as the log says.
    pub deleted: u64,
    /// Those that Open WebUI does not have, without a word of the log on their end; oldest first.
    pub unknown: Vec<UnknownObject>,
}

impl Tally {
    /// Whether both sides agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }
}

/// What came of each kind whose list could be read.
pub type Comparison = BTreeMap<Kind, Tally>;

/// Compares what Open WebUI has of these kinds with what the log tells of `range`. `objects` is everything there is,
/// of whatever time, or what was made long ago would be taken for gone.
#[must_use]
pub fn compare(kinds: &[Kind], objects: &[Object], claims: &Claims, range: Range) -> Comparison {
    let mut comparison: Comparison = kinds.iter().map(|kind| (*kind, Tally::default())).collect();
    let mut present = HashSet::new();
    for object in objects {
        let is_new = present.insert((object.kind, object.id.as_str()));
        let Some(tally) = comparison.get_mut(&object.kind).filter(|_| is_new) else { continue };
        if !range.has(object.created_at) {
            continue;
        }
        tally.objects += 1;
        if claims.has(object.kind, &object.id) {
            tally.recorded += 1;
        } else {
            tally.missing.push(object.clone());
        }
    }
    for (kind, id, claim) in claims.made() {
        let Some(tally) = comparison.get_mut(&kind).filter(|_| range.has(claim.time)) else { continue };
        tally.told += 1;
        if present.contains(&(kind, id)) {
            continue;
        }
        if claims.explains_absence(kind, id, claim) {
            tally.deleted += 1;
        } else {
            tally.unknown.push(UnknownObject {
                kind,
                id: id.to_owned(),
                event: claim.event.clone(),
                action: claim.action.clone(),
                time: claim.time,
            });
        }
    }
    for tally in comparison.values_mut() {
        tally.missing.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        tally.unknown.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    }
    comparison
}

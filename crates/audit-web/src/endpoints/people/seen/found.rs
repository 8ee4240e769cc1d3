//! What the index is asked: who did something, and whose sign-in failed.

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers, Budget, Group, GroupKey, Measure, NumberField, TimeRange};

use super::terms::{actions, exists, is, latest, text, time, whole};
use super::{Allowed, CONVERSATIONS, FAILED_SIGN_INS, MODEL_CALL, SIGN_INS};
use crate::problem::Result;

/// More groups than this are not put together: people and names tried, each with what they were called.
const MOST_GROUPS: usize = 250_000;
/// Addresses that are looked up one by one; for more, all people who ever were are asked for.
const FEW_ADDRESSES: usize = 200;

/// Somebody under one name and address.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) role: Option<String>,
    pub(super) department: Option<String>,
    pub(super) events: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) last_sign_in: Option<Timestamp>,
    pub(super) tokens: u64,
    pub(super) conversations: u64,
    pub(super) files: u64,
}

/// What people did.
pub(super) struct Active {
    pub(super) found: Vec<Found>,
    pub(super) left_out: u64,
    pub(super) snapshot: u64,
}

impl Active {
    pub(super) fn ask(
        index: &impl Answers,
        allowed: &Allowed,
        range: TimeRange,
        snapshot: Option<u64>,
        more: Filter,
        budget: &Budget,
    ) -> Result<Self> {
        let keys = [Field::ActorId, Field::ActorEmail, Field::ActorName];
        let sign_ins = Filter::all_of(vec![actions(SIGN_INS), is(Field::Outcome, "success")]);
        let mut measures = vec![
            Measure::Count,
            Measure::First,
            Measure::Last,
            Measure::Last.when(sign_ins),
            Measure::Count.when(actions(CONVERSATIONS)),
            Measure::Count.when(is(Field::Category, "file")),
        ];
        let tokens = allowed.usage.then_some(measures.len());
        measures
            .extend(allowed.usage.then(|| Measure::Sum(NumberField::TotalTokens).when(actions(MODEL_CALL))));
        let org = allowed.org.then_some(measures.len());
        if allowed.org {
            measures.extend([Measure::Latest(Field::Role), Measure::Latest(Field::Department)]);
        }
        let group = Group {
            filter: Filter::all_of(vec![allowed.within.clone(), is_a_person(), more]),
            range,
            keys: keys.into_iter().map(GroupKey::Field).collect(),
            measures,
            limit: MOST_GROUPS,
            snapshot,
        };
        let table = index.group(&group, budget)?;
        let found = table.rows.iter().map(|row| Found {
            id: text(row, 0),
            email: text(row, 1),
            name: text(row, 2),
            role: org.and_then(|at| latest(row, at)),
            department: org.and_then(|at| latest(row, at + 1)),
            events: whole(row, 0),
            first: time(row, 1),
            last: time(row, 2),
            last_sign_in: time(row, 3),
            conversations: whole(row, 4),
            files: whole(row, 5),
            tokens: tokens.map_or(0, |at| whole(row, at)),
        });
        Ok(Self { found: found.collect(), left_out: table.left_out, snapshot: table.snapshot })
    }
}

/// Failed sign-ins of one name.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Of the person, where the record knows it.
    pub(super) id: Option<String>,
    /// The name that was tried, lower case.
    pub(super) name: Option<String>,
    pub(super) count: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

pub(super) struct Failed {
    pub(super) found: Vec<Attempt>,
    pub(super) left_out: u64,
}

impl Failed {
    pub(super) fn ask(
        index: &impl Answers,
        allowed: &Allowed,
        range: TimeRange,
        snapshot: u64,
        budget: &Budget,
    ) -> Result<Self> {
        // Who fails the second step is named by the account it was for.
        let mut keys = vec![Field::ActorId, Field::ActorEmail];
        keys.extend(allowed.target.then_some(Field::TargetId));
        let group = Group {
            filter: Filter::all_of(vec![allowed.within.clone(), actions(FAILED_SIGN_INS)]),
            range,
            keys: keys.into_iter().map(GroupKey::Field).collect(),
            measures: vec![Measure::Count, Measure::First, Measure::Last],
            limit: MOST_GROUPS,
            snapshot: Some(snapshot),
        };
        let table = index.group(&group, budget)?;
        let found = table.rows.iter().map(|row| Attempt {
            id: text(row, 0).or_else(|| text(row, 2)),
            name: text(row, 1).map(|name| name.to_lowercase()),
            count: whole(row, 0),
            first: time(row, 1),
            last: time(row, 2),
        });
        Ok(Self { found: found.collect(), left_out: table.left_out })
    }
}

/// People, not programs; whoever is anonymous is nobody yet.
fn is_a_person() -> Filter {
    let kinds = ["service", "system", "anonymous"].map(|kind| is(Field::ActorType, kind));
    let token = Filter::all_of(vec![is(Field::ActorType, "api_key"), exists(Field::ActorEmail).negate()]);
    let program = Filter::any_of([kinds.to_vec(), vec![token]].concat());
    let named = [Field::ActorId, Field::ActorEmail, Field::ActorName].map(exists);
    Filter::all_of(vec![program.negate(), Filter::any_of(named.to_vec())])
}

/// The people with the addresses that were tried.
pub(super) fn of_addresses(attempts: &[Attempt]) -> Filter {
    let has_id = exists(Field::ActorId);
    if attempts.len() > FEW_ADDRESSES {
        return has_id;
    }
    let names = attempts.iter().filter_map(|attempt| attempt.name.as_deref());
    let ids = attempts.iter().filter_map(|attempt| attempt.id.as_deref());
    let whose =
        names.map(|name| is(Field::ActorEmail, name)).chain(ids.map(|id| is(Field::ActorId, id))).collect();
    Filter::all_of(vec![has_id, Filter::any_of(whose)])
}

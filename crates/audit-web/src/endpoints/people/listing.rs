//! A list of people: everyone seen, held against the accounts, then narrowed, sorted and cut to a page.

use std::collections::HashSet;
use std::sync::Arc;

use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers, Budget, Group, GroupKey, Measure, TableRow, TimeRange};
use http::HeaderMap;

use super::asked::{Asked, List};
use super::seen::{self, Allowed, Person, Seen};
use crate::problem::Result;
use crate::roster::{Accounts, NoRoster};
use crate::state::AppState;

/// What the platform told of accounts, for this question.
pub(crate) type Told = std::result::Result<Arc<Accounts>, NoRoster>;

/// The answer.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Everybody on the list who fits the words, in order.
    pub people: Vec<Person>,
    pub counts: Counts,
    pub told: Told,
    /// Names beyond what is put together; zero but for an enormous log.
    pub left_out: u64,
    pub snapshot: u64,
}

/// How many are on each list, whatever is looked for. Those that take a roster are unknown without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub people: u64,
    pub tried: u64,
    pub idle: Option<u64>,
    pub gone: Option<u64>,
}

/// Asks index and platform, at one time.
///
/// # Errors
/// When the index cannot answer. A platform that cannot is no error: the list is shorter by what only it knows.
pub(crate) async fn list(
    state: &AppState,
    headers: &HeaderMap,
    allowed: &Allowed,
    asked: &Asked,
) -> Result<Listing> {
    let (allowed_there, range) = (allowed.clone(), asked.range);
    let seen = state.ask(move |state, budget| Seen::ask(state.index(), &allowed_there, range, budget));
    let (seen, told) = tokio::join!(seen, roster(state, headers, allowed));
    let (seen, allowed, asked) = (seen?, allowed.clone(), asked.clone());
    // Comparing thousands is no work for the runtime's threads.
    state
        .ask(move |state, budget| Listing::put_together(seen, told, state.index(), &allowed, &asked, budget))
        .await
}

/// The accounts, as far as the reader may know them.
pub(crate) async fn roster(state: &AppState, headers: &HeaderMap, allowed: &Allowed) -> Told {
    if allowed.is_limited {
        return Err(NoRoster::Scoped);
    }
    match state.roster() {
        Some(roster) => roster.accounts(headers).await,
        None => Err(NoRoster::NoGateway),
    }
}

impl Listing {
    fn put_together(
        mut seen: Seen,
        told: Told,
        index: &impl Answers,
        allowed: &Allowed,
        asked: &Asked,
        budget: &Budget,
    ) -> Result<Self> {
        let mut counts = Counts::default();
        let mut idle = Vec::new();
        if let Ok(roster) = &told {
            seen.compare(roster);
            idle = seen.idle(roster);
            counts.idle = Some(idle.len() as u64);
            counts.gone = Some(seen.people.iter().filter(|person| is_gone(person)).count() as u64);
        } else if asked.list == List::Idle {
            idle = known_but_idle(&seen, index, allowed, asked, budget)?;
        }
        counts.people = seen.people.len() as u64;
        counts.tried = seen.tried.len() as u64;
        let (left_out, snapshot) = (seen.left_out, seen.snapshot);
        let mut people = match asked.list {
            List::People => seen.people,
            List::Tried => seen.tried,
            List::Idle => idle,
            List::Gone => seen.people.into_iter().filter(is_gone).collect(),
        };
        let words: Vec<String> = asked.find.split_whitespace().map(str::to_lowercase).collect();
        people.retain(|person| words.iter().all(|word| person.mentions(word)));
        people.sort_by(|a, b| asked.sort.compare(a, b, asked.descending));
        Ok(Self { people, counts, told, left_out, snapshot })
    }

    /// The people of the page that was asked for.
    pub fn page(&self, asked: &Asked) -> &[Person] {
        let from = (asked.page - 1).saturating_mul(asked.limit).min(self.people.len());
        let to = from.saturating_add(asked.limit).min(self.people.len());
        &self.people[from..to]
    }

    /// How many pages there are; at least one.
    pub fn pages(&self, asked: &Asked) -> usize {
        self.people.len().div_ceil(asked.limit).max(1)
    }
}

fn is_gone(person: &Person) -> bool {
    person.account == seen::Standing::HasNone && person.events > 0
}

impl Person {
    /// Whether the word, in lower case, is in one of the texts that name them.
    fn mentions(&self, word: &str) -> bool {
        let texts = [&self.name, &self.email, &self.id, &self.role, &self.department].into_iter().flatten();
        let mut texts = texts.chain(&self.emails);
        texts.any(|text| text.to_lowercase().contains(word))
    }
}

/// Where nobody lists the accounts: whom the record knows to exist, and who did nothing in this time. Those whose account
/// it saw deleted are left out.
fn known_but_idle(
    seen: &Seen,
    index: &impl Answers,
    allowed: &Allowed,
    asked: &Asked,
    budget: &Budget,
) -> Result<Vec<Person>> {
    let until = TimeRange { from: TimeRange::ALL.from, to: asked.range.to };
    let rows = |action| told_of_accounts(index, allowed, action, Filter::All, (until, seen.snapshot), budget);
    let deleted: HashSet<String> =
        rows("user.deleted")?.iter().filter_map(|row| seen::text(row, 0)).collect();
    let active: HashSet<&str> =
        seen.people.iter().filter(|person| person.events > 0).map(|person| person.key.as_str()).collect();
    let mut known: HashSet<String> = HashSet::new();
    let mut idle: Vec<Person> = Vec::new();
    let ever = Seen::ask(index, allowed, until, budget)?;
    let created = rows("user.created")?;
    let created = created.iter().filter_map(person_of);
    for person in ever.people.into_iter().chain(created) {
        let is_there = !active.contains(person.key.as_str()) && !deleted.contains(&person.key);
        if is_there && known.insert(person.key.clone()) {
            // What lies before the time that was asked for is no part of the answer but for when it ended.
            let last = person.last;
            let bare = Person { events: 0, first: None, tokens: 0, conversations: 0, files: 0, ..person };
            idle.push(Person { last, failed_sign_ins: 0, ..bare });
        }
    }
    Ok(idle)
}

/// Whom the record saw created under this id, and who did nothing since.
///
/// # Errors
/// When the index cannot answer.
pub(super) fn created(
    index: &impl Answers,
    allowed: &Allowed,
    snapshot: u64,
    key: &str,
    budget: &Budget,
) -> Result<Option<Person>> {
    let of_them = seen::is(Field::TargetId, key);
    let rows = told_of_accounts(index, allowed, "user.created", of_them, (TimeRange::ALL, snapshot), budget)?;
    Ok(rows.first().and_then(person_of))
}

/// Accounts to which this happened: id, name, and when last. None for who may not see what events are about.
fn told_of_accounts(
    index: &impl Answers,
    allowed: &Allowed,
    action: &str,
    which: Filter,
    (range, snapshot): (TimeRange, u64),
    budget: &Budget,
) -> Result<Vec<TableRow>> {
    if !allowed.target {
        return Ok(Vec::new());
    }
    let filter = vec![
        allowed.within.clone(),
        seen::is(Field::Action, action),
        seen::is(Field::Outcome, "success"),
        seen::is(Field::TargetType, "user"),
        which,
    ];
    let group = Group {
        filter: Filter::all_of(filter),
        range,
        keys: [Field::TargetId, Field::TargetName].into_iter().map(GroupKey::Field).collect(),
        measures: vec![Measure::Last],
        limit: usize::MAX,
        snapshot: Some(snapshot),
    };
    Ok(index.group(&group, budget)?.rows)
}

/// The person of such an account, whose name may be an e-mail address.
fn person_of(row: &TableRow) -> Option<Person> {
    let (id, name) = (seen::text(row, 0)?, seen::text(row, 1));
    let (email, name) =
        name.map_or(
            (None, None),
            |name| {
                if name.contains('@') { (Some(name), None) } else { (None, Some(name)) }
            },
        );
    Some(Person { key: id.clone(), id: Some(id), name, email, ..Person::default() })
}

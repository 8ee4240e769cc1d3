//! Everyone whom the record has seen in a time: two groupings, put together.
//!
//! A person is an id. What carries no id but an e-mail address (an event of a source that knows no more) belongs to the
//! id that was last seen with this address, else the address is the person. Programs (tokens of ours, services, the
//! system itself) are no people. A sign-in that failed was done by nobody known: it counts for whoever has the address
//! that was tried, and is not their activity.

mod found;
mod person;
mod terms;
mod together;

use std::collections::HashMap;

use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers, Budget, TimeRange};

use crate::problem::Result;
use crate::roster::{Account, Accounts};
use found::{Active, Failed, of_addresses};
pub(crate) use person::{Person, Standing};
use terms::exists;
pub(super) use terms::{actions, is, text, time, whole};
use together::{People, tried};

/// A sign-in; signing up gives a session, too.
pub(crate) const SIGN_INS: &str = "auth.login,auth.sso_login,auth.signup";
/// A sign-in that failed.
pub(crate) const FAILED_SIGN_INS: &str = "auth.login_failed,auth.sso_login_failed,auth.mfa.failed";
/// Calls of models: tokens are counted of these alone, here as on the page Usage.
pub(crate) const MODEL_CALL: &str = "model.called";
/// A conversation that was begun.
pub(crate) const CONVERSATIONS: &str = "chat.created";

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In no order.
    pub people: Vec<Person>,
    /// Names tried that no person has of whom the record knows: an address each, and when it was tried.
    pub tried: Vec<Person>,
    /// Groups beyond what is put together.
    pub left_out: u64,
    /// The size of the ledger that it was answered for.
    pub snapshot: u64,
}

/// What may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    /// The reader's scope.
    pub within: Filter,
    /// Whether roles and departments may be seen.
    pub org: bool,
    /// Whether tokens may be seen.
    pub usage: bool,
    /// Whether addresses may be seen.
    pub client: bool,
    /// Whether it may be seen what was acted on.
    pub target: bool,
    /// Whether the events themselves may be seen.
    pub events: bool,
    /// Whether the reader sees less than everything.
    pub is_limited: bool,
}

impl Seen {
    /// Asks for everyone seen in `range`. Blocks.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn ask(index: &impl Answers, allowed: &Allowed, range: TimeRange, budget: &Budget) -> Result<Self> {
        let active = Active::ask(index, allowed, range, None, Filter::All, budget)?;
        let (mut people, snapshot) = (People::default(), active.snapshot);
        let mut left_out = active.left_out;
        // What has no id finds whose it is among those that have one.
        let (named, loose): (Vec<_>, Vec<_>) = active.found.into_iter().partition(|found| found.id.is_some());
        for found in named.into_iter().chain(loose) {
            people.add(found);
        }
        let failed = Failed::ask(index, allowed, range, snapshot, budget)?;
        left_out += failed.left_out;
        let mut nobody = people.take_failed(failed.found);
        // Whoever was not active in this time may have been before.
        if range != TimeRange::ALL && !nobody.is_empty() {
            let whose = of_addresses(&nobody);
            let known = Active::ask(index, allowed, TimeRange::ALL, Some(snapshot), whose, budget)?;
            for found in known.found {
                people.remember(found);
            }
            nobody = people.take_failed(nobody);
        }
        Ok(Self { people: people.all, tried: tried(nobody), left_out, snapshot })
    }

    /// Asks for one person alone, without failed sign-ins: `key` is an id, an e-mail address or a name. Blocks.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn ask_for(
        index: &impl Answers,
        allowed: &Allowed,
        range: TimeRange,
        snapshot: Option<u64>,
        key: &str,
        budget: &Budget,
    ) -> Result<Self> {
        let named = [Field::ActorId, Field::ActorEmail, Field::ActorName].map(|field| is(field, key));
        let first = Active::ask(index, allowed, range, snapshot, Filter::any_of(named.to_vec()), budget)?;
        let snapshot = first.snapshot;
        // What carries no id belongs to them by the addresses that they had.
        let emails: std::collections::BTreeSet<String> = first
            .found
            .iter()
            .filter(|found| found.id.as_deref() == Some(key))
            .filter_map(|found| found.email.as_ref().map(|email| email.to_lowercase()))
            .collect();
        let mut found = first.found;
        if !emails.is_empty() {
            let by_email = emails.iter().map(|email| is(Field::ActorEmail, email)).collect();
            let loose = Filter::all_of(vec![exists(Field::ActorId).negate(), Filter::any_of(by_email)]);
            found.retain(|found| found.id.is_some());
            found.extend(Active::ask(index, allowed, range, Some(snapshot), loose, budget)?.found);
        }
        let (named, loose): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.id.is_some());
        let mut people = People::default();
        for found in named.into_iter().chain(loose) {
            people.add(found);
        }
        Ok(Self { people: people.all, snapshot, ..Self::default() })
    }

    /// Takes out the person of this key, or with this address.
    pub fn take(&mut self, key: &str) -> Option<Person> {
        let email = key.to_lowercase();
        let by_key = self.people.iter().position(|person| person.key == key);
        let at = by_key.or_else(|| self.people.iter().position(|person| person.emails.contains(&email)))?;
        Some(self.people.swap_remove(at))
    }

    /// Adds what the platform says. Names tried that an account has count for it.
    pub fn compare(&mut self, roster: &Accounts) {
        let by_id: HashMap<&str, &Account> =
            roster.accounts.iter().map(|account| (account.id.as_str(), account)).collect();
        let by_email: HashMap<String, &Account> =
            roster.accounts.iter().map(|account| (account.email.to_lowercase(), account)).collect();
        for person in &mut self.people {
            let by_address = || person.emails.iter().find_map(|email| by_email.get(email));
            let account = match &person.id {
                Some(id) => by_id.get(id.as_str()),
                None => by_address(),
            };
            person.account = match account {
                Some(account) => account.standing(),
                None if roster.is_whole() => Standing::HasNone,
                None => Standing::Unknown,
            };
        }
        let mut place: HashMap<String, usize> =
            self.people.iter().enumerate().map(|(at, person)| (person.key.clone(), at)).collect();
        let (people, tried) = (&mut self.people, std::mem::take(&mut self.tried));
        for tried in tried {
            let Some(account) = by_email.get(&tried.key) else {
                self.tried.push(tried);
                continue;
            };
            let at = *place.entry(account.id.clone()).or_insert_with(|| {
                people.push(account.person());
                people.len() - 1
            });
            people[at].failed_sign_ins += tried.failed_sign_ins;
        }
    }

    /// The accounts of which nothing was recorded in this time.
    pub fn idle(&self, roster: &Accounts) -> Vec<Person> {
        let active = self.people.iter().filter(|person| person.events > 0);
        let (mut ids, mut emails) = (std::collections::HashSet::new(), std::collections::HashSet::new());
        for person in active {
            match &person.id {
                Some(id) => drop(ids.insert(id.as_str())),
                None => emails.extend(person.emails.iter().map(String::as_str)),
            }
        }
        let is_idle = |account: &&Account| {
            !ids.contains(account.id.as_str()) && !emails.contains(account.email.to_lowercase().as_str())
        };
        let failed: HashMap<&str, u64> =
            self.people.iter().map(|person| (person.key.as_str(), person.failed_sign_ins)).collect();
        let idle = roster.accounts.iter().filter(is_idle).map(|account| Person {
            failed_sign_ins: failed.get(account.id.as_str()).copied().unwrap_or_default(),
            ..account.person()
        });
        idle.collect()
    }
}

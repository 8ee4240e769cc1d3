//! Everyone whom the record has seen in a time: two groupings, put together.
//!
//! A person is an id. What carries no id but an e-mail address (an event of a source that knows no more) belongs to the
//! id that was last seen with this address, else the address is the person. Programs (tokens of ours, services, the
//! system itself) are no people. A sign-in that failed was done by nobody known: it counts for whoever has the address
//! that was tried, and is not their activity.

use std::collections::HashMap;

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter, Test};
use audit_query::question::{
    Answers, Budget, Group, GroupKey, Key, Measure, NumberField, TableRow, TimeRange, Value,
};

use crate::problem::Result;
use crate::roster::{Account, Accounts};

/// More groups than this are not put together: people and names tried, each with what they were called.
const MOST_GROUPS: usize = 250_000;
/// Addresses that are looked up one by one; for more, all people who ever were are asked for.
const FEW_ADDRESSES: usize = 200;

/// A sign-in; signing up gives a session, too.
pub(crate) const SIGN_INS: &str = "auth.login,auth.sso_login,auth.signup";
/// A sign-in that failed.
pub(crate) const FAILED_SIGN_INS: &str = "auth.login_failed,auth.sso_login_failed,auth.mfa.failed";
/// Calls of models: tokens are counted of these alone, here as on the page Usage.
pub(crate) const MODEL_CALL: &str = "model.called";
/// A conversation that was begun.
pub(crate) const CONVERSATIONS: &str = "chat.created";

/// Somebody, with what they did in the time that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// What names them in addresses: the id, else the e-mail address, else the name.
    pub key: String,
    pub id: Option<String>,
    /// As it was last; so are the next three.
    pub name: Option<String>,
    pub email: Option<String>,
    pub role: Option<String>,
    pub department: Option<String>,
    /// Every address they had in this time, lower case.
    pub emails: Vec<String>,
    pub events: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub last_sign_in: Option<Timestamp>,
    pub failed_sign_ins: u64,
    pub tokens: u64,
    pub conversations: u64,
    pub files: u64,
    pub account: Standing,
    /// Whether some of it carries no id.
    pub is_loose: bool,
}

/// What the platform says of somebody's account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody was asked, or not all accounts are known.
    #[default]
    Unknown,
    /// There is one, with this role now.
    Has {
        /// The role now.
        role: String,
        /// When the platform last heard of it.
        last_active: Option<Timestamp>,
    },
    /// There is none.
    HasNone,
}

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

impl Account {
    fn standing(&self) -> Standing {
        Standing::Has { role: self.role.clone(), last_active: self.last_active }
    }

    /// Somebody of whom nothing but the account is known.
    pub(super) fn person(&self) -> Person {
        let present = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Person {
            key: self.id.clone(),
            id: Some(self.id.clone()),
            name: present(&self.name),
            email: present(&self.email),
            role: present(&self.role),
            emails: vec![self.email.to_lowercase()],
            account: self.standing(),
            ..Person::default()
        }
    }
}

/// Somebody under one name and address.
#[derive(Debug, Default)]
struct Found {
    id: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: Option<String>,
    department: Option<String>,
    events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    last_sign_in: Option<Timestamp>,
    tokens: u64,
    conversations: u64,
    files: u64,
}

/// What people did.
struct Active {
    found: Vec<Found>,
    left_out: u64,
    snapshot: u64,
}

impl Active {
    fn ask(
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
struct Attempt {
    /// Of the person, where the record knows it.
    id: Option<String>,
    /// The name that was tried, lower case.
    name: Option<String>,
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

struct Failed {
    found: Vec<Attempt>,
    left_out: u64,
}

impl Failed {
    fn ask(
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

/// People as they are put together.
#[derive(Default)]
struct People {
    all: Vec<Person>,
    /// Since when each of a person's attributes is known: name, e-mail address, role, department.
    known_at: Vec<[Option<Timestamp>; 4]>,
    by_key: HashMap<String, usize>,
    /// Who last had an address, and when.
    by_email: HashMap<String, (usize, Option<Timestamp>)>,
    /// Those who are known but did nothing in this time.
    others: HashMap<String, Found>,
    others_by_email: HashMap<String, (String, Option<Timestamp>)>,
}

impl People {
    fn add(&mut self, found: Found) {
        let Some(at) = self.place(&found) else { return };
        let person = &mut self.all[at];
        person.is_loose |= found.id.is_none();
        person.events += found.events;
        person.first = [person.first, found.first].into_iter().flatten().min();
        person.last = person.last.max(found.last);
        person.last_sign_in = person.last_sign_in.max(found.last_sign_in);
        person.tokens += found.tokens;
        person.conversations += found.conversations;
        person.files += found.files;
        self.describe(at, found);
    }

    /// Where the person is to whom this belongs.
    fn place(&mut self, found: &Found) -> Option<usize> {
        let email = found.email.as_ref().map(|email| email.to_lowercase());
        if found.id.is_none()
            && let Some((at, _)) = email.as_ref().and_then(|email| self.by_email.get(email))
        {
            return Some(*at);
        }
        let key = found.id.clone().or_else(|| email.clone()).or_else(|| found.name.clone())?;
        if let Some(at) = self.by_key.get(&key) {
            return Some(*at);
        }
        self.by_key.insert(key.clone(), self.all.len());
        self.all.push(Person { key, id: found.id.clone(), ..Person::default() });
        self.known_at.push([None; 4]);
        Some(self.all.len() - 1)
    }

    /// Takes over what somebody was last called.
    fn describe(&mut self, at: usize, found: Found) {
        let (person, known) = (&mut self.all[at], &mut self.known_at[at]);
        if let Some(email) = found.email.as_ref().map(|email| email.to_lowercase()) {
            let holder = self.by_email.entry(email.clone()).or_insert((at, found.last));
            if found.last > holder.1 {
                *holder = (at, found.last);
            }
            if !person.emails.contains(&email) {
                person.emails.push(email);
            }
        }
        let slots = [&mut person.name, &mut person.email, &mut person.role, &mut person.department];
        let values = [found.name, found.email, found.role, found.department];
        for ((slot, known), value) in slots.into_iter().zip(known).zip(values) {
            if value.is_some() && (slot.is_none() || found.last > *known) {
                (*slot, *known) = (value, found.last);
            }
        }
    }

    /// Keeps somebody in mind who did nothing in this time, should a failed sign-in be for them.
    fn remember(&mut self, found: Found) {
        let Some(id) = found.id.clone() else { return };
        if self.by_key.contains_key(&id) {
            // Another address of somebody who is there already.
            if let Some(email) = &found.email {
                let at = self.by_key[&id];
                self.by_email.entry(email.to_lowercase()).or_insert((at, found.last));
            }
            return;
        }
        if let Some(email) = &found.email {
            let holder = self.others_by_email.entry(email.to_lowercase()).or_insert((id.clone(), found.last));
            if found.last > holder.1 {
                *holder = (id.clone(), found.last);
            }
        }
        match self.others.get(&id) {
            Some(other) if other.last >= found.last => {}
            _ => drop(self.others.insert(id, found)),
        }
    }

    /// Counts attempts for those whom they were for; gives back the others.
    fn take_failed(&mut self, attempts: Vec<Attempt>) -> Vec<Attempt> {
        let mut nobody = Vec::new();
        for attempt in attempts {
            match self.holder(&attempt) {
                Some(at) => self.all[at].failed_sign_ins += attempt.count,
                None => nobody.push(attempt),
            }
        }
        nobody
    }

    fn holder(&mut self, attempt: &Attempt) -> Option<usize> {
        if let Some(at) = attempt.id.as_ref().and_then(|id| self.by_key.get(id)) {
            return Some(*at);
        }
        if let Some((at, _)) = attempt.name.as_ref().and_then(|name| self.by_email.get(name)) {
            return Some(*at);
        }
        let by_name = attempt.name.as_ref().and_then(|name| self.others_by_email.get(name));
        let id = by_name.map(|(id, _)| id.clone()).or_else(|| attempt.id.clone())?;
        if let Some(at) = self.by_key.get(&id) {
            // Known already, by another of their addresses.
            return Some(*at);
        }
        let other = self.others.remove(&id)?;
        // Known by name only: nothing of what they did lies in this time.
        let other = Found {
            events: 0,
            first: None,
            last_sign_in: None,
            tokens: 0,
            conversations: 0,
            files: 0,
            ..other
        };
        let at = self.place(&other)?;
        self.describe(at, other);
        Some(at)
    }
}

/// The names of attempts that were for nobody, each once.
fn tried(attempts: Vec<Attempt>) -> Vec<Person> {
    let mut names: HashMap<String, Person> = HashMap::new();
    for attempt in attempts {
        let Some(key) = attempt.name.or(attempt.id) else { continue };
        let tried = names.entry(key.clone()).or_insert_with(|| Person {
            email: Some(key.clone()),
            key,
            ..Person::default()
        });
        tried.failed_sign_ins += attempt.count;
        tried.first = [tried.first, attempt.first].into_iter().flatten().min();
        tried.last = tried.last.max(attempt.last);
    }
    names.into_values().collect()
}

/// People, not programs; whoever is anonymous is nobody yet.
pub(super) fn is_a_person() -> Filter {
    let kinds = ["service", "system", "anonymous"].map(|kind| is(Field::ActorType, kind));
    let token = Filter::all_of(vec![is(Field::ActorType, "api_key"), exists(Field::ActorEmail).negate()]);
    let program = Filter::any_of([kinds.to_vec(), vec![token]].concat());
    let named = [Field::ActorId, Field::ActorEmail, Field::ActorName].map(exists);
    Filter::all_of(vec![program.negate(), Filter::any_of(named.to_vec())])
}

/// The people with the addresses that were tried.
fn of_addresses(attempts: &[Attempt]) -> Filter {
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

impl Person {
    /// What they did.
    pub fn deeds(&self) -> Filter {
        let emails = self.emails.iter().map(|email| is(Field::ActorEmail, email)).collect();
        let loose = Filter::all_of(vec![
            exists(Field::ActorId).negate(),
            is(Field::ActorType, "anonymous").negate(),
            Filter::any_of(emails),
        ]);
        match (&self.id, self.is_loose) {
            (Some(id), false) => is(Field::ActorId, id),
            (Some(id), true) => Filter::any_of(vec![is(Field::ActorId, id), loose]),
            (None, _) if !self.emails.is_empty() => loose,
            (None, _) => Filter::all_of(vec![
                exists(Field::ActorId).negate(),
                exists(Field::ActorEmail).negate(),
                is(Field::ActorName, &self.key),
            ]),
        }
    }

    /// Sign-ins that failed, for this person.
    pub fn attempts(&self) -> Filter {
        let by_id = self.id.iter().flat_map(|id| [is(Field::ActorId, id), is(Field::TargetId, id)]);
        let by_email = self.emails.iter().map(|email| is(Field::ActorEmail, email));
        Filter::all_of(vec![actions(FAILED_SIGN_INS), Filter::any_of(by_id.chain(by_email).collect())])
    }
}

/// The field has this value.
pub(super) fn is(field: Field, value: &str) -> Filter {
    Filter::Test(Test::Equals { field, value: value.to_owned() })
}

fn exists(field: Field) -> Filter {
    Filter::Test(Test::Exists(field))
}

/// One of these actions, written with commas between them as addresses have them.
pub(super) fn actions(list: &str) -> Filter {
    Filter::any_of(list.split(',').map(|action| is(Field::Action, action)).collect())
}

pub(super) fn text(row: &TableRow, at: usize) -> Option<String> {
    match row.keys.get(at) {
        Some(Key::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn whole(row: &TableRow, at: usize) -> u64 {
    match row.values.get(at) {
        Some(Value::Whole(number)) => *number,
        _ => 0,
    }
}

pub(super) fn time(row: &TableRow, at: usize) -> Option<Timestamp> {
    match row.values.get(at) {
        Some(Value::Event(Some(event))) => Some(event.time),
        _ => None,
    }
}

fn latest(row: &TableRow, at: usize) -> Option<String> {
    match row.values.get(at) {
        Some(Value::Text(Some(text))) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

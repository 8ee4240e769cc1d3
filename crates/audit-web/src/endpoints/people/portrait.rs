//! One person: what is known of them, and what they did in a time.

use std::collections::HashMap;

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter};
use audit_query::question::{
    Answers, Bucket, Budget, Group, GroupKey, Key, List, Measure, NumberField, Order, RowRef, TimeRange,
    Value,
};

use super::asked::Asked;
use super::seen::{Allowed, MODEL_CALL, Person, Seen, actions, text, time, whole};
use crate::problem::{Code, Problem, Result};
use crate::roster::Accounts;

/// Events of the timeline.
const TIMELINE: usize = 25;
/// Hours of all of time with a category each: more than this are more than 40 years.
const MOST_HOURS: usize = 2_000_000;
/// Models and addresses that are told one by one.
const MOST_ROWS: usize = 1_000;
/// For how long an address is new.
const NEW_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// What is told of one person.
#[derive(Debug)]
pub(crate) struct Portrait {
    /// With the figures of the time that was asked for.
    pub person: Person,
    /// When they were first and last seen, whatever time was asked for.
    pub ever: (Option<Timestamp>, Option<Timestamp>),
    /// Cost of models in US dollars, where the record has it.
    pub cost_usd: f64,
    pub models: Vec<Model>,
    pub addresses: Vec<Address>,
    /// Events by the hour in which they happened, and category.
    pub hours: Vec<(Timestamp, String, u64)>,
    /// The newest of what they did, and of what failed for them.
    pub timeline: Vec<RowRef>,
    pub snapshot: u64,
}

/// A model they used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub name: String,
    pub calls: u64,
    pub tokens: u64,
    pub cost_usd: f64,
}

/// An address they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub ip: String,
    pub events: u64,
    /// From here somebody tried to sign in as them, and failed.
    pub failed_sign_ins: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// They came from here for the first time in the seven days before the end of the time, and from elsewhere before.
    pub is_new: bool,
}

impl Portrait {
    /// Asks for whoever `key` names: an id, else an e-mail address, else a name. Blocks.
    ///
    /// # Errors
    /// [`Code::NoSuchPerson`] when neither the record nor the roster knows them; when the index cannot answer.
    pub fn ask(
        index: &impl Answers,
        allowed: &Allowed,
        asked: &Asked,
        key: &str,
        roster: Option<&Accounts>,
        budget: &Budget,
    ) -> Result<Self> {
        let mut ever = Seen::ask_for(index, allowed, TimeRange::ALL, None, key, budget)?;
        let account = roster.and_then(|roster| {
            let is_it = |account: &&crate::roster::Account| {
                account.id == key || account.email.eq_ignore_ascii_case(key)
            };
            roster.accounts.iter().find(is_it)
        });
        let known = match ever.take(key).or_else(|| account.map(crate::roster::Account::person)) {
            None => super::listing::created(index, allowed, ever.snapshot, key, budget)?,
            known => known,
        };
        let known = known.ok_or_else(|| {
            Problem::new(Code::NoSuchPerson, "nobody of this id, e-mail address or name was ever seen here")
        })?;
        let snapshot = ever.snapshot;
        let span = (known.first, known.last);
        let mut person = if asked.is_of_all_time() {
            known.clone()
        } else {
            let mut seen = Seen::ask_for(index, allowed, asked.range, Some(snapshot), &known.key, budget)?;
            let now = seen.take(&known.key).unwrap_or_default();
            Person {
                key: known.key.clone(),
                id: known.id.clone(),
                name: known.name.clone(),
                email: known.email.clone(),
                role: known.role.clone(),
                department: known.department.clone(),
                emails: known.emails.clone(),
                is_loose: known.is_loose,
                ..now
            }
        };
        let within = |filter: Filter| Filter::all_of(vec![allowed.within.clone(), filter]);
        let questions = Questions {
            index,
            budget,
            snapshot,
            range: asked.range,
            deeds: within(known.deeds()),
            attempts: within(known.attempts()),
        };
        person.failed_sign_ins = questions.failed()?;
        if let Some(roster) = roster {
            let mut alone = Seen { people: vec![person], ..Seen::default() };
            alone.compare(roster);
            person = alone.people.into_iter().next().unwrap_or_default();
        }
        let models = if allowed.usage { questions.models()? } else { Vec::new() };
        Ok(Self {
            ever: span,
            cost_usd: models.iter().map(|model| model.cost_usd).sum(),
            models,
            addresses: if allowed.client { questions.addresses(asked.end(), span.0)? } else { Vec::new() },
            hours: questions.hours(&asked.zone)?,
            timeline: if allowed.events { questions.timeline()? } else { Vec::new() },
            person,
            snapshot,
        })
    }
}

/// Questions about one person.
struct Questions<'q, A: Answers> {
    index: &'q A,
    budget: &'q Budget,
    snapshot: u64,
    range: TimeRange,
    deeds: Filter,
    attempts: Filter,
}

impl<A: Answers> Questions<'_, A> {
    fn group(
        &self,
        filter: &Filter,
        range: TimeRange,
        keys: Vec<GroupKey>,
        measures: Vec<Measure>,
        limit: usize,
    ) -> Result<Vec<audit_query::question::TableRow>> {
        let (filter, snapshot) = (filter.clone(), Some(self.snapshot));
        let group = Group { filter, range, keys, measures, limit, snapshot };
        Ok(self.index.group(&group, self.budget)?.rows)
    }

    fn failed(&self) -> Result<u64> {
        let rows = self.group(&self.attempts, self.range, Vec::new(), vec![Measure::Count], 1)?;
        Ok(rows.first().map_or(0, |row| whole(row, 0)))
    }

    /// Those with most tokens first.
    fn models(&self) -> Result<Vec<Model>> {
        let measures =
            vec![Measure::Sum(NumberField::TotalTokens), Measure::Count, Measure::Sum(NumberField::CostUsd)];
        let keys = vec![GroupKey::Field(Field::Model)];
        let calls = Filter::all_of(vec![self.deeds.clone(), actions(MODEL_CALL)]);
        let rows = self.group(&calls, self.range, keys, measures, MOST_ROWS)?;
        let models = rows.iter().filter_map(|row| {
            let cost_usd = row.values.get(2).map_or(0.0, Value::as_f64);
            Some(Model { name: text(row, 0)?, tokens: whole(row, 0), calls: whole(row, 1), cost_usd })
        });
        Ok(models.collect())
    }

    /// The latest first.
    fn addresses(&self, end: Timestamp, since: Option<Timestamp>) -> Result<Vec<Address>> {
        let by_ip = || vec![GroupKey::Field(Field::Ip)];
        let span = || vec![Measure::Count, Measure::First, Measure::Last];
        let used = self.group(&self.deeds, self.range, by_ip(), span(), MOST_ROWS)?;
        let tried = self.group(&self.attempts, self.range, by_ip(), span(), MOST_ROWS)?;
        let until = TimeRange { from: TimeRange::ALL.from, to: self.range.to };
        let ever = self.group(&self.deeds, until, by_ip(), vec![Measure::First], MOST_GROUPS)?;
        let ever: HashMap<String, Timestamp> =
            ever.iter().filter_map(|row| Some((text(row, 0)?, time(row, 0)?))).collect();
        let mut addresses: HashMap<String, Address> = HashMap::new();
        for (row, is_attempt) in
            used.iter().map(|row| (row, false)).chain(tried.iter().map(|row| (row, true)))
        {
            let Some(ip) = text(row, 0) else { continue };
            let begun = Address {
                events: 0,
                failed_sign_ins: 0,
                first: None,
                last: None,
                is_new: ever.get(&ip).is_some_and(|first| is_new(*first, since, end)),
                ip: ip.clone(),
            };
            let address = addresses.entry(ip).or_insert(begun);
            let count = if is_attempt { &mut address.failed_sign_ins } else { &mut address.events };
            *count += whole(row, 0);
            address.first = [address.first, time(row, 1)].into_iter().flatten().min();
            address.last = address.last.max(time(row, 2));
        }
        let mut addresses: Vec<Address> = addresses.into_values().collect();
        addresses.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.ip.cmp(&b.ip)));
        Ok(addresses)
    }

    fn hours(&self, zone: &jiff::tz::TimeZone) -> Result<Vec<(Timestamp, String, u64)>> {
        let keys =
            vec![GroupKey::Time { bucket: Bucket::Hour, tz: zone.clone() }, GroupKey::Field(Field::Category)];
        let rows = self.group(&self.deeds, self.range, keys, vec![Measure::Count], MOST_HOURS)?;
        let hours = rows.iter().filter_map(|row| match row.keys.as_slice() {
            [Key::Time(hour), Key::Text(category)] => Some((*hour, category.clone(), whole(row, 0))),
            _ => None,
        });
        Ok(hours.collect())
    }

    fn timeline(&self) -> Result<Vec<RowRef>> {
        let question = List {
            filter: Filter::any_of(vec![self.deeds.clone(), self.attempts.clone()]),
            range: self.range,
            order: Order::NewestFirst,
            limit: TIMELINE,
            after: None,
            snapshot: Some(self.snapshot),
            count: false,
        };
        Ok(self.index.list(&question, self.budget)?.rows)
    }
}

/// Addresses that somebody may have used in all of time.
const MOST_GROUPS: usize = 100_000;

/// Whether an address that was first used at `first` was new at `end`, for somebody who was there `since`.
fn is_new(first: Timestamp, since: Option<Timestamp>, end: Timestamp) -> bool {
    let is_recent = first.as_micros() >= end.as_micros().saturating_sub(NEW_MICROS);
    is_recent && since.is_some_and(|since| since < first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600 * 1_000_000;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_micros(day * DAY)
    }

    #[test]
    fn an_address_is_new_for_a_week_to_whoever_had_others_before() {
        assert!(is_new(at(95), Some(at(10)), at(100)));
        assert!(is_new(at(93), Some(at(10)), at(100)));
        assert!(!is_new(at(92), Some(at(10)), at(100)), "more than a week ago");
        assert!(!is_new(at(95), Some(at(95)), at(100)), "their first address is not a new one");
    }
}

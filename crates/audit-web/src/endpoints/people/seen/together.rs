//! People, put together from what was found under their ids, addresses and names.

use std::collections::HashMap;

use audit_event::Timestamp;

use super::Person;
use super::found::{Attempt, Found};

/// People as they are put together.
#[derive(Default)]
pub(super) struct People {
    pub(super) all: Vec<Person>,
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
    pub(super) fn add(&mut self, found: Found) {
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
    pub(super) fn remember(&mut self, found: Found) {
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
    pub(super) fn take_failed(&mut self, attempts: Vec<Attempt>) -> Vec<Attempt> {
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
pub(super) fn tried(attempts: Vec<Attempt>) -> Vec<Person> {
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

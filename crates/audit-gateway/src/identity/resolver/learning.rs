//! What exchanges teach: who signed in, whose a key is, and what is to be forgotten.

use std::sync::Arc;

use audit_pipeline::sources::openwebui::caller::{Caller, Person};
use audit_pipeline::sources::openwebui::exchange::Exchange;
use audit_pipeline::sources::openwebui::identity::{Credential, Lesson};
use tokio::time::Instant;

use super::{Inner, Presented, Verdict};

impl Inner {
    /// Takes lessons in; gives the session that the exchange began, if it did.
    pub(super) fn learn(
        &self,
        exchange: &Exchange<'_>,
        lessons: Vec<Lesson>,
    ) -> Option<(Presented, Option<Person>)> {
        let mut signed_in = None;
        for lesson in lessons {
            match lesson {
                Lesson::SignedIn(credential, person) => signed_in = Some((self.name(credential), person)),
                Lesson::IssuedToSender(key) => self.keep_owner(exchange.caller, &key),
                Lesson::ForgetSender => self.forget_sender(exchange),
                Lesson::ForgetSenderPerson => self.forget_person_of(exchange.caller),
                Lesson::Forget(id) => self.forget(|person| person.id == id),
                Lesson::ForgetAll => self.forget(|_| true),
                Lesson::Department { user_id, department } => self.keep_department(user_id, department),
            }
        }
        signed_in
    }

    fn keep_owner(&self, sender: &Caller, key: &Credential) {
        if let Some(person) = &sender.person {
            let key = self.names.cache_key(key);
            self.state.lock().owners.insert(key, Arc::clone(person));
            if let Some(file) = &self.owners_file {
                file.keep(&key, person);
            }
        }
    }

    fn keep_department(&self, user_id: String, department: Option<String>) {
        let mut state = self.state.lock();
        match department {
            Some(department) => state.told.insert(user_id, department),
            None => state.told.remove(&user_id),
        }
    }

    fn forget_sender(&self, exchange: &Exchange<'_>) {
        let Some(presented) = self.presented(exchange.target, exchange.request_headers) else { return };
        let mut state = self.state.lock();
        state.epoch += 1;
        if let Some(entry) = state.accepted.get(&presented.key) {
            entry.until = Instant::now();
        }
    }

    fn forget_person_of(&self, sender: &Caller) {
        if let Some(sender) = &sender.person {
            self.forget(|person| person.id == sender.id);
        }
    }

    /// Has everything asked again that is remembered of such people.
    fn forget(&self, is_meant: impl Fn(&Person) -> bool) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.epoch += 1;
        for entry in state.accepted.values_mut() {
            if matches!(&entry.verdict, Verdict::Person(person) if is_meant(person)) {
                entry.until = now;
            }
        }
    }
}

//! One question about one credential, from path to path.

use std::sync::Arc;

use audit_pipeline::sources::openwebui::caller::{Person, Refusal};
use audit_pipeline::sources::openwebui::identity::inquiry::{self, GROUPS_PATH, Progress};
use audit_pipeline::sources::openwebui::identity::{Claims, Credential, Inquiry};
use http::HeaderValue;

use super::lanes::Lane;
use super::name::CacheKey;
use super::resolver::{Inner, Verdict};

/// One credential, being asked about.
pub(super) struct Question<'q> {
    pub(super) inner: &'q Inner,
    pub(super) credential: &'q Credential,
    pub(super) claims: Option<&'q Claims>,
    pub(super) formerly: Option<Arc<Person>>,
    pub(super) lane: Lane,
}

impl Question<'_> {
    /// Asks until it is known whose it is. `known`: who it is, when a sign-in's answer said so.
    pub(super) async fn ask(self, key: CacheKey, known: Option<Person>) -> Verdict {
        let Some(authorization) = self.credential.authorization() else {
            return Verdict::Refused(Refusal::Malformed, None);
        };
        let Some(_turn) = self.inner.turns.take(self.lane).await else { return Verdict::NoAnswer };
        if let Some(person) = known {
            return self.complete(person, &authorization).await;
        }
        let mut inquiry = Inquiry::of(self.credential, self.claims);
        loop {
            let path = inquiry.path();
            let Some(reply) = self.inner.directory.get(&path, &authorization).await else {
                return Verdict::NoAnswer;
            };
            return match inquiry.answer(reply.status, &reply.body) {
                Progress::Further => continue,
                Progress::Known(person) => self.complete(person, &authorization).await,
                Progress::Refused(refusal) => self.refused(refusal),
                Progress::Nameless => self.nameless(&key),
                Progress::NoAnswer => Verdict::NoAnswer,
            };
        }
    }

    /// Adds groups and department. Someone pending has no access to the groups; when they cannot be had for another
    /// reason, those of before are better than none.
    async fn complete(self, mut person: Person, authorization: &HeaderValue) -> Verdict {
        if person.role.as_deref() != Some("pending") {
            let reply = self.inner.directory.get(GROUPS_PATH, authorization).await;
            let groups = reply.filter(|reply| reply.status == 200);
            let groups = groups.and_then(|reply| inquiry::groups(&reply.body));
            let former = self.formerly.filter(|former| former.id == person.id);
            person.groups = groups.or_else(|| former.map(|former| former.groups.clone())).unwrap_or_default();
        }
        let told = self.inner.state.lock().told.get(&person.id).cloned();
        person.department = self.inner.config.departments.of(&person, told.as_deref());
        Verdict::Person(Arc::new(person))
    }

    fn refused(self, refusal: Refusal) -> Verdict {
        let is_expired = self.claims.is_some_and(|claims| claims.is_expired(self.inner.clock.now()));
        let refusal = match refusal {
            Refusal::Invalid if is_expired => Refusal::Expired,
            Refusal::Invalid if self.formerly.is_some() => Refusal::Revoked,
            other => other,
        };
        Verdict::Refused(refusal, self.formerly)
    }

    /// A good key that may not ask: whoever it was issued to, if that was seen. What they were then they need not be now,
    /// and nobody can be asked: their role is not told, so that such a key opens nothing of ours.
    fn nameless(self, key: &CacheKey) -> Verdict {
        let owner = self.inner.state.lock().owners.get(key).cloned();
        let owner = owner.map(|owner| Arc::new(Person { role: None, ..Person::clone(&owner) }));
        owner.map_or(Verdict::Nameless, Verdict::Person)
    }
}

//! Asks about a credential once for all who wait, and remembers the answer.

mod learning;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit_event::Clock;
use audit_pipeline::sources::openwebui::caller::{Caller, CredentialKind, Person, Refusal, Standing};
use audit_pipeline::sources::openwebui::exchange::Exchange;
use audit_pipeline::sources::openwebui::identity::{Claims, Credential, lesson};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Config;
use super::ask::Directory;
use super::lanes::{Lane, Traffic, Turns};
use super::memory::Memory;
use super::name::{CacheKey, Names};
use super::owners::Owners;
use super::question::Question;

/// How long Open WebUI may take to say whose a credential is; longer than anybody waits, so that the next request
/// finds the answer.
const ASKING_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it is left alone after it had no answer.
const AFTER_NO_ANSWER: Duration = Duration::from_secs(2);
/// A refusal (401) makes what is remembered of a credential doubtful when it is older than this. Open WebUI answers
/// 401 to good credentials without the right, too.
const DOUBT_AFTER: Duration = Duration::from_secs(1);
/// Whose an API key is holds for no longer than this: keys open our own interface too.
const MOST_FOR_KEYS: Duration = Duration::from_secs(60);
/// How many departments that provisioning told are remembered.
const MAX_TOLD: usize = 100_000;

/// Tells who the caller is. Clones share what is remembered.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

pub(super) struct Inner {
    pub(super) config: Config,
    pub(super) directory: Box<dyn Directory>,
    names: Names,
    owners_file: Option<Owners>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) turns: Turns,
    pub(super) state: Mutex<State>,
}

/// What is remembered. All of it is behind one lock that is never held while waiting.
pub(super) struct State {
    /// Accepted credentials. Those whose time is over stay until they are pushed out: they tell a revoked credential
    /// from a forged one.
    accepted: Memory<CacheKey, Entry>,
    /// The others, apart, so that a flood of forged credentials does not push out good ones.
    doubtful: Memory<CacheKey, Entry>,
    /// Owners of API keys that were seen being issued: restricted keys cannot be asked about.
    pub(super) owners: Memory<CacheKey, Arc<Person>>,
    /// Departments by user id, as provisioning or the identity provider told.
    pub(super) told: Memory<String, String>,
    /// What is being asked now.
    flights: HashMap<CacheKey, Flight>,
    traffic: Traffic,
    /// Counts what made memories obsolete: an answer that was asked for before is not remembered.
    epoch: u64,
}

/// A question under way, for all who wait for its answer.
struct Flight {
    landing: watch::Receiver<Option<Verdict>>,
    /// Whoever comes when this is over has to ask anew.
    epoch: u64,
}

#[derive(Clone)]
struct Entry {
    verdict: Verdict,
    since: Instant,
    until: Instant,
}

#[derive(Debug, Clone)]
pub(super) enum Verdict {
    Person(Arc<Person>),
    /// The reason, and whose it was when it was still good.
    Refused(Refusal, Option<Arc<Person>>),
    Nameless,
    NoAnswer,
}

/// What the request carried, and what it is remembered by.
struct Presented {
    credential: Credential,
    claims: Option<Claims>,
    key: CacheKey,
}

impl Resolver {
    pub(super) fn new(
        config: Config,
        directory: Box<dyn Directory>,
        key: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (owners_file, known) = config.owners.as_deref().and_then(open_owners).unzip();
        let mut owners = Memory::new(config.capacity);
        for (key, person) in known.unwrap_or_default() {
            owners.insert(key, Arc::new(person));
        }
        let state = State {
            accepted: Memory::new(config.capacity),
            doubtful: Memory::new(config.capacity),
            owners,
            told: Memory::new(MAX_TOLD),
            flights: HashMap::new(),
            traffic: Traffic::default(),
            epoch: 0,
        };
        Self(Arc::new(Inner {
            config,
            directory,
            names: Names::new(key),
            owners_file,
            clock,
            turns: Turns::new(),
            state: Mutex::new(state),
        }))
    }

    /// Who sends a request to `target` (path and query as they came) with these headers. Waits at most
    /// [`Config::wait`]; never fails: unproven at worst.
    pub async fn resolve(&self, target: &str, headers: &HeaderMap) -> Caller {
        let Some(presented) = self.0.presented(target, headers) else { return Caller::default() };
        let verdict = self.verdict(&presented, None).await;
        self.0.caller(&presented, verdict)
    }

    /// The same without waiting: `None` when it would have to be asked.
    #[must_use]
    pub fn remembered(&self, target: &str, headers: &HeaderMap) -> Option<Caller> {
        let Some(presented) = self.0.presented(target, headers) else { return Some(Caller::default()) };
        let verdict = self.0.recall(&presented)?;
        Some(self.0.caller(&presented, verdict))
    }

    /// Learns from an exchange that is over, and tells whom its event should name when that is not
    /// `exchange.caller`: who has just signed in; nobody, when the answer shows that the credential is no longer
    /// good; somebody, when the first question had no answer in time. Waits at most [`Config::wait`].
    pub async fn conclude(&self, exchange: &Exchange<'_>) -> Option<Caller> {
        let lessons = lesson::lessons(exchange, self.0.config.department_claim.as_deref());
        let signed_in = self.0.learn(exchange, lessons);
        if let Some((presented, person)) = signed_in {
            let verdict = match (self.verdict(&presented, person.clone()).await, person) {
                // The sign-in's answer said who it is; only the groups could not be had.
                (Verdict::NoAnswer, Some(person)) => Verdict::Person(Arc::new(person)),
                (verdict, _) => verdict,
            };
            return Some(self.0.caller(&presented, verdict));
        }
        self.reconsider(exchange).await
    }

    /// Looks again at a caller whose standing the answer makes doubtful, or who is not proven yet.
    async fn reconsider(&self, exchange: &Exchange<'_>) -> Option<Caller> {
        let caller = exchange.caller;
        let status = exchange.answer.as_ref()?.status;
        if caller.credential == CredentialKind::Scim {
            return Some(provisioning(caller, status));
        }
        let is_doubtful = status == 401 && caller.standing == Standing::Proven;
        let is_to_be_asked = is_doubtful || caller.standing == Standing::Open;
        let presented =
            self.0.presented(exchange.target, exchange.request_headers).filter(|_| is_to_be_asked)?;
        if is_doubtful {
            self.0.doubt(&presented);
        }
        let verdict = self.verdict(&presented, None).await;
        // A credential that was good before and cannot be asked about now stays whose it was.
        let is_undecided = matches!(verdict, Verdict::NoAnswer | Verdict::Nameless);
        (!is_undecided).then(|| self.0.caller(&presented, verdict))
    }

    /// What is remembered, else what the one question for all who wait brings. `known`: who it is, when a sign-in's
    /// answer said so.
    async fn verdict(&self, presented: &Presented, known: Option<Person>) -> Verdict {
        if presented.credential.kind() == CredentialKind::Scim {
            return Verdict::Nameless;
        }
        let mut flight = {
            let mut state = self.0.state.lock();
            if let Some(verdict) = state.recall(&presented.key) {
                return verdict;
            }
            // What was asked before something changed answers only those who waited already.
            match state.flights.get(&presented.key).filter(|flight| flight.epoch == state.epoch) {
                Some(flight) => flight.landing.clone(),
                None => match self.take_off(&mut state, presented, known) {
                    Some(flight) => flight,
                    None => return Verdict::NoAnswer,
                },
            }
        };
        let landed = timeout(self.0.config.wait, flight.wait_for(Option::is_some)).await;
        let verdict = landed.ok().and_then(Result::ok).and_then(|verdict| verdict.clone());
        verdict.unwrap_or(Verdict::NoAnswer)
    }

    /// Asks in a task of its own: a client that leaves does not end it for the others. `None`: too much is being asked.
    fn take_off(
        &self,
        state: &mut State,
        presented: &Presented,
        known: Option<Person>,
    ) -> Option<watch::Receiver<Option<Verdict>>> {
        let lane = state.lane(presented, known.is_some());
        if !state.traffic.enter(lane) {
            return None;
        }
        let (landing, flight) = watch::channel(None);
        let epoch = state.epoch;
        state.flights.insert(presented.key, Flight { landing: flight.clone(), epoch });
        let formerly = state.formerly(&presented.key);
        let inner = Arc::clone(&self.0);
        let (credential, claims, key) =
            (presented.credential.clone(), presented.claims.clone(), presented.key);
        tokio::spawn(async move {
            let question =
                Question { inner: &inner, credential: &credential, claims: claims.as_ref(), formerly, lane };
            let asked = timeout(ASKING_TIMEOUT, question.ask(key, known)).await;
            let verdict = asked.unwrap_or(Verdict::NoAnswer);
            inner.remember(key, credential.kind(), &verdict, claims.as_ref(), epoch);
            inner.state.lock().traffic.leave(lane);
            // Nobody may be waiting any more.
            let _ = landing.send(Some(verdict));
        });
        Some(flight)
    }
}

impl Inner {
    fn presented(&self, target: &str, headers: &HeaderMap) -> Option<Presented> {
        Credential::of_request(target, headers, &self.config.api_key_header).map(|found| self.name(found))
    }

    fn name(&self, credential: Credential) -> Presented {
        Presented { claims: credential.claims(), key: self.names.cache_key(&credential), credential }
    }

    fn recall(&self, presented: &Presented) -> Option<Verdict> {
        if presented.credential.kind() == CredentialKind::Scim {
            return Some(Verdict::Nameless);
        }
        self.state.lock().recall(&presented.key)
    }

    fn caller(&self, presented: &Presented, verdict: Verdict) -> Caller {
        let Presented { credential, claims, .. } = presented;
        let (standing, person, former) = match verdict {
            Verdict::Person(person) => (Standing::Proven, Some(person), None),
            Verdict::Refused(refusal, former) => (Standing::Refused(refusal), None, former),
            Verdict::Nameless | Verdict::NoAnswer => (Standing::Open, None, None),
        };
        let claimed = || {
            let own = claims.as_ref().and_then(|claims| claims.user_id.clone());
            own.or_else(|| former.map(|former| former.id.clone()))
        };
        let claimed_id = if person.is_some() { None } else { claimed() };
        let is_proven = person.is_some();
        Caller {
            credential: credential.kind(),
            standing,
            claimed_id,
            session_id: Some(self.names.session_id(credential)),
            auth_method: claims.as_ref().filter(|_| is_proven).and_then(|claims| claims.auth_method.clone()),
            person,
        }
    }

    /// Keeps an answer for as long as it may be believed.
    fn remember(
        &self,
        key: CacheKey,
        kind: CredentialKind,
        verdict: &Verdict,
        claims: Option<&Claims>,
        epoch: u64,
    ) {
        let since = Instant::now();
        let keep = match verdict {
            Verdict::Person(_) if kind == CredentialKind::ApiKey => self.config.remember.min(MOST_FOR_KEYS),
            Verdict::Person(_) => self.config.remember.min(self.left(claims)),
            Verdict::Refused(..) | Verdict::Nameless => self.config.remember_refused,
            Verdict::NoAnswer => AFTER_NO_ANSWER,
        };
        let mut state = self.state.lock();
        if state.flights.get(&key).is_some_and(|flight| flight.epoch == epoch) {
            state.flights.remove(&key);
        }
        // What was asked before something changed serves only those who waited for it.
        let until = if state.epoch == epoch { since + keep } else { since };
        let entry = Entry { verdict: verdict.clone(), since, until };
        match verdict {
            Verdict::Person(_) => {
                state.doubtful.remove(&key);
                state.accepted.insert(key, entry);
            }
            // No answer takes nothing back; what was known before is asked again all the same.
            _ => state.doubtful.insert(key, entry),
        }
    }

    /// How long a session has left by its own claim.
    fn left(&self, claims: Option<&Claims>) -> Duration {
        let Some(expires) = claims.and_then(|claims| claims.expires) else { return Duration::MAX };
        let now = self.clock.now().as_micros().div_euclid(1_000_000);
        Duration::from_secs(u64::try_from(expires.saturating_sub(now)).unwrap_or_default())
    }

    /// Has a credential asked about again, unless that was just done.
    fn doubt(&self, presented: &Presented) {
        let now = Instant::now();
        if let Some(entry) = self.state.lock().accepted.get(&presented.key)
            && now.duration_since(entry.since) >= DOUBT_AFTER
        {
            entry.until = now;
        }
    }
}

impl State {
    /// What is remembered and may still be believed.
    fn recall(&mut self, key: &CacheKey) -> Option<Verdict> {
        let now = Instant::now();
        let fresh = |entry: &&mut Entry| entry.until > now;
        let accepted = self.accepted.get(key).filter(fresh).map(|entry| entry.verdict.clone());
        accepted.or_else(|| self.doubtful.get(key).filter(fresh).map(|entry| entry.verdict.clone()))
    }

    /// The way of a question. `was_given_out`: Open WebUI just answered a sign-in with it.
    fn lane(&mut self, presented: &Presented, was_given_out: bool) -> Lane {
        let is_known = was_given_out
            || self.accepted.get(&presented.key).is_some()
            || self.owners.get(&presented.key).is_some();
        if is_known { Lane::Known } else { Lane::of_new(presented.credential.kind()) }
    }

    /// Whose a credential was when it was last accepted.
    fn formerly(&mut self, key: &CacheKey) -> Option<Arc<Person>> {
        match &self.accepted.get(key)?.verdict {
            Verdict::Person(person) => Some(Arc::clone(person)),
            _ => None,
        }
    }
}

fn open_owners(path: &Path) -> Option<(Owners, Vec<(CacheKey, Person)>)> {
    let opened = Owners::open(path);
    opened
        .inspect_err(|error| {
            tracing::warn!(error.message = %error, "whose restricted API keys are cannot be kept");
        })
        .ok()
}

/// The provisioning token is not asked about: the answer to its request tells.
fn provisioning(caller: &Caller, status: u16) -> Caller {
    let standing = match status {
        401 | 403 => Standing::Refused(Refusal::Invalid),
        200..=399 => Standing::Proven,
        _ => caller.standing,
    };
    Caller { standing, ..caller.clone() }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("config", &self.0.config).finish_non_exhaustive()
    }
}

//! Who has an account in Open WebUI, asked with the credential of the administrator who wants to know.
//!
//! Invariants:
//! - Nobody learns of accounts but who Open WebUI says is an administrator, by the credential of their own request; it is
//!   the only one that is used, and it is forgotten when the list is read.
//! - What one administrator was told is told to no other, and to them for at most [`Config::remember`].
//! - At most [`Config::at_once`] requests are under way for one administrator, however often they ask.
//!
//! A list that takes longer than [`Config::wait`] goes on being read in the background; who asks again finds it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use audit_pipeline::sources::openwebui::accounts::{self, Account, PAGE};
use audit_pipeline::sources::openwebui::caller::Caller;
use audit_pipeline::sources::openwebui::identity::Credential;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::identity::{Directory, Resolver};

/// How the list is read.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header that may carry an API key: Open WebUI's `CUSTOM_API_KEY_HEADER`.
    pub api_key_header: HeaderName,
    /// How long a list may be shown again to whoever it was read for.
    pub remember: Duration,
    /// How long a request waits for the list.
    pub wait: Duration,
    /// How long all of a list may take.
    pub patience: Duration,
    /// Pages that are asked for at one time.
    pub at_once: usize,
    /// Accounts beyond this are not read.
    pub most_accounts: u32,
    /// Administrators whose lists are kept.
    pub capacity: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_key_header: HeaderName::from_static("x-api-key"),
            remember: Duration::from_secs(60),
            wait: Duration::from_secs(2),
            patience: Duration::from_secs(120),
            at_once: 4,
            most_accounts: 100_000,
            capacity: 16,
        }
    }
}

/// The accounts, as one administrator was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Oldest first; none twice.
    pub accounts: Vec<Account>,
    /// How many there are by Open WebUI's count. More than were read when there are more than
    /// [`Config::most_accounts`], or some went while the list was read.
    pub total: u64,
}

/// Why there is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The request carries no credential of an administrator of Open WebUI.
    NotAnAdmin,
    /// Open WebUI refused the credential for the list.
    Refused,
    /// Open WebUI gave no whole answer, or not the list.
    NoAnswer,
    /// It takes longer than one wants to wait; it is being read meanwhile.
    BeingRead,
}

/// Reads and remembers lists. Clones share them.
#[derive(Clone)]
pub struct Roster(Arc<Inner>);

struct Inner {
    config: Config,
    resolver: Arc<Resolver>,
    directory: Box<dyn Directory>,
    known: Mutex<HashMap<Key, Known>>,
}

/// Person and session: by another session one asks anew.
type Key = (String, String);
type Told = Result<Arc<Accounts>, Unavailable>;

/// What was told, and when; nothing while it is still asked for.
type Answer = Option<(Instant, Told)>;

struct Known {
    asked: Instant,
    answer: watch::Receiver<Answer>,
}

impl Roster {
    /// Asks `directory` (Open WebUI); `resolver` tells who asks.
    #[must_use]
    pub fn build(config: Config, resolver: Arc<Resolver>, directory: impl Directory) -> Self {
        let directory = Box::new(directory);
        Self(Arc::new(Inner { config, resolver, directory, known: Mutex::default() }))
    }

    /// The accounts, for whoever sends these headers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn accounts(&self, headers: &HeaderMap) -> Told {
        let caller = self.0.resolver.resolve("/", headers).await;
        let key = key_of(&caller).ok_or(Unavailable::NotAnAdmin)?;
        let credential = Credential::find(headers, &self.0.config.api_key_header);
        let authorization =
            credential.and_then(|credential| credential.authorization()).ok_or(Unavailable::NotAnAdmin)?;
        let mut answer = self.known_or_asked(key, authorization);
        match timeout(self.0.config.wait, answer.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.as_ref().map_or(Err(Unavailable::NoAnswer), |(_, told)| told.clone()),
            Ok(Err(_)) => Err(Unavailable::NoAnswer),
            Err(_) => Err(Unavailable::BeingRead),
        }
    }

    fn known_or_asked(&self, key: Key, authorization: HeaderValue) -> watch::Receiver<Answer> {
        let mut known = self.0.known.lock();
        known.retain(|_, list| list.is_good(&self.0.config));
        if let Some(list) = known.get(&key) {
            return list.answer.clone();
        }
        if known.len() >= self.0.config.capacity
            && let Some(oldest) = known.iter().min_by_key(|(_, list)| list.asked).map(|(key, _)| key.clone())
        {
            known.remove(&oldest);
        }
        let (tell, answer) = watch::channel(None);
        known.insert(key, Known { asked: Instant::now(), answer: answer.clone() });
        let inner = Arc::clone(&self.0);
        // In a task of its own: a reader who leaves does not end it for when they come back.
        tokio::spawn(async move {
            let read = timeout(inner.config.patience, read(&inner, &authorization)).await;
            let told = read.unwrap_or(Err(Unavailable::NoAnswer)).map(Arc::new);
            tell.send_replace(Some((Instant::now(), told)));
        });
        answer
    }
}

impl Known {
    /// Whether it may be shown, or is still to come. What failed is asked anew.
    fn is_good(&self, config: &Config) -> bool {
        match &*self.answer.borrow() {
            None => self.asked.elapsed() <= config.patience,
            Some((at, Ok(_))) => at.elapsed() < config.remember,
            Some((_, Err(_))) => false,
        }
    }
}

/// Reads the whole list.
async fn read(inner: &Arc<Inner>, authorization: &HeaderValue) -> Result<Accounts, Unavailable> {
    let first = inner.page(1, authorization).await?;
    let wanted = first.total.min(u64::from(inner.config.most_accounts));
    let last = u32::try_from(wanted.div_ceil(u64::from(PAGE))).unwrap_or(u32::MAX);
    let mut pages = BTreeMap::from([(1, first.accounts)]);
    // Dropped with this future, and its tasks with it.
    let mut asking = JoinSet::new();
    let mut rest = 2..=last;
    loop {
        while asking.len() < inner.config.at_once
            && let Some(number) = rest.next()
        {
            let (inner, authorization) = (Arc::clone(inner), authorization.clone());
            asking.spawn(async move { (number, inner.page(number, &authorization).await) });
        }
        let Some(landed) = asking.join_next().await else { break };
        let (number, page) = landed.map_err(|_| Unavailable::NoAnswer)?;
        pages.insert(number, page?.accounts);
    }
    let mut seen = HashSet::new();
    let mut accounts: Vec<Account> = pages.into_values().flatten().collect();
    accounts.retain(|account| seen.insert(account.id.clone()));
    Ok(Accounts { accounts, total: first.total })
}

impl Inner {
    async fn page(&self, page: u32, authorization: &HeaderValue) -> Result<accounts::Page, Unavailable> {
        let reply = self.directory.get(&accounts::target(page), authorization).await;
        let reply = reply.ok_or(Unavailable::NoAnswer)?;
        match reply.status {
            200 => accounts::read_page(&reply.body).map_err(|error| {
                tracing::warn!(error.message = %error, "the list of accounts cannot be read");
                Unavailable::NoAnswer
            }),
            401 | 403 => Err(Unavailable::Refused),
            _ => Err(Unavailable::NoAnswer),
        }
    }
}

/// Under what an administrator's list is kept; `None` for all others.
fn key_of(caller: &Caller) -> Option<Key> {
    let person = caller.person.as_ref().filter(|person| person.role.as_deref() == Some("admin"))?;
    Some((person.id.clone(), caller.session_id.clone()?))
}

#[cfg(test)]
mod tests;

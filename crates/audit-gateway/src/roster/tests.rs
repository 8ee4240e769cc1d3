use std::sync::atomic::{AtomicUsize, Ordering};

use audit_event::{ManualClock, Timestamp};
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use tokio::sync::Semaphore;
use tokio::time::advance;

use super::*;
use crate::identity::{self, Asking, Reply};

/// Open WebUI with 95 accounts, where `admin` and `other` are sessions of administrators and `user` is not.
#[derive(Clone)]
struct Platform {
    pages: Arc<Mutex<Vec<(String, String)>>>,
    status: Arc<Mutex<u16>>,
    gate: Arc<Semaphore>,
    under_way: Arc<AtomicUsize>,
    most_under_way: Arc<AtomicUsize>,
}

impl Platform {
    fn new() -> Self {
        Self {
            pages: Arc::default(),
            status: Arc::new(Mutex::new(200)),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            under_way: Arc::default(),
            most_under_way: Arc::default(),
        }
    }

    fn roster(&self) -> Roster {
        self.roster_with(Config::default())
    }

    fn roster_with(&self, config: Config) -> Roster {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        let resolver = Resolver::build(identity::Config::default(), self.clone(), &[7; 32], clock);
        Roster::build(config, Arc::new(resolver), self.clone())
    }

    /// Pages asked for since the last look, and by whose credential.
    fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.pages.lock())
    }

    fn answer(&self, path: &str, token: &str) -> (u16, String) {
        let role = if token == "user" { "user" } else { "admin" };
        match path.split_once("page=") {
            None if path == "/api/v1/auths/" && token == "forged" => (401, String::new()),
            None if path == "/api/v1/auths/" => {
                (200, format!(r#"{{"id":"id-of-{token}","name":"N","email":"e@x","role":"{role}"}}"#))
            }
            None => (200, "[]".to_owned()),
            Some((_, rest)) => {
                let page: usize = rest.split('&').next().unwrap().parse().unwrap();
                let numbers = (page - 1) * 30..(page * 30).min(95);
                let users: Vec<_> = numbers
                    .map(|n| format!(r#"{{"id":"u-{n}","name":"U {n}","email":"u{n}@x","role":"user"}}"#))
                    .collect();
                (*self.status.lock(), format!(r#"{{"users":[{}],"total":95}}"#, users.join(",")))
            }
        }
    }
}

impl Directory for Platform {
    fn get<'a>(&'a self, path: &'a str, authorization: &'a HeaderValue) -> Asking<'a> {
        Box::pin(async move {
            let token = authorization.to_str().ok()?.strip_prefix("Bearer ")?.to_owned();
            if path.contains("page=") {
                self.pages.lock().push((path.to_owned(), token.clone()));
                let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
                self.most_under_way.fetch_max(now, Ordering::Relaxed);
                let _turn = self.gate.acquire().await.ok()?;
                tokio::task::yield_now().await;
                self.under_way.fetch_sub(1, Ordering::Relaxed);
            }
            let (status, body) = self.answer(path, &token);
            Some(Reply { status, body: Bytes::from(body) })
        })
    }
}

fn cookie(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("token={token}")).unwrap())])
}

#[tokio::test]
async fn every_page_is_read_with_the_askers_own_credential() {
    let platform = Platform::new();
    let list = platform.roster().accounts(&cookie("admin")).await.unwrap();
    let ids: Vec<_> = list.accounts.iter().map(|account| account.id.as_str()).collect();
    let all: Vec<_> = (0..95).map(|n| format!("u-{n}")).collect();
    assert_eq!(ids, all, "oldest first, none twice");
    assert_eq!(list.total, 95);
    let asked = platform.asked();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|(_, token)| token == "admin"), "{asked:?}");
    assert!(platform.most_under_way.load(Ordering::Relaxed) <= 4);
}

#[tokio::test]
async fn who_is_no_administrator_is_told_nothing_and_nothing_is_asked_for_them() {
    let platform = Platform::new();
    let roster = platform.roster();
    roster.accounts(&cookie("admin")).await.unwrap();
    platform.asked();
    let bearer = HeaderValue::from_static("Bearer user");
    for headers in
        [cookie("user"), cookie("forged"), HeaderMap::new(), HeaderMap::from_iter([(AUTHORIZATION, bearer)])]
    {
        assert_eq!(roster.accounts(&headers).await, Err(Unavailable::NotAnAdmin));
    }
    assert!(platform.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_is_shown_again_for_a_minute_to_whom_it_was_read_for() {
    let platform = Platform::new();
    let roster = platform.roster();
    roster.accounts(&cookie("admin")).await.unwrap();
    advance(Duration::from_secs(59)).await;
    roster.accounts(&cookie("admin")).await.unwrap();
    assert_eq!(platform.asked().len(), 4, "one reading");
    roster.accounts(&cookie("other")).await.unwrap();
    assert!(platform.asked().iter().all(|(_, token)| token == "other"), "another asks for themselves");
    advance(Duration::from_secs(2)).await;
    roster.accounts(&cookie("admin")).await.unwrap();
    assert_eq!(platform.asked().len(), 4, "the minute is over");
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_is_read_on_while_nobody_waits() {
    let platform = Platform::new();
    let roster = platform.roster();
    platform.gate.forget_permits(Semaphore::MAX_PERMITS);
    assert_eq!(roster.accounts(&cookie("admin")).await, Err(Unavailable::BeingRead));
    assert_eq!(roster.accounts(&cookie("admin")).await, Err(Unavailable::BeingRead));
    platform.gate.add_permits(1_000);
    assert_eq!(roster.accounts(&cookie("admin")).await.unwrap().accounts.len(), 95);
    assert_eq!(platform.asked().len(), 4, "one reading for all three");
}

#[tokio::test]
async fn a_refusal_and_a_failure_are_told_apart_and_not_remembered() {
    let platform = Platform::new();
    let roster = platform.roster();
    for (status, expected) in
        [(403, Unavailable::Refused), (401, Unavailable::Refused), (502, Unavailable::NoAnswer)]
    {
        *platform.status.lock() = status;
        assert_eq!(roster.accounts(&cookie("admin")).await, Err(expected), "{status}");
    }
    *platform.status.lock() = 200;
    assert!(roster.accounts(&cookie("admin")).await.is_ok());
}

#[tokio::test]
async fn more_accounts_than_are_read_are_counted() {
    let platform = Platform::new();
    let config = Config { most_accounts: 60, ..Config::default() };
    let list = platform.roster_with(config).accounts(&cookie("admin")).await.unwrap();
    assert_eq!((list.accounts.len(), list.total), (60, 95));
}

#[tokio::test]
async fn lists_of_few_administrators_are_kept() {
    let platform = Platform::new();
    let roster = platform.roster_with(Config { capacity: 2, ..Config::default() });
    for token in ["a", "b", "c"] {
        roster.accounts(&cookie(token)).await.unwrap();
    }
    assert_eq!(roster.0.known.lock().len(), 2);
}

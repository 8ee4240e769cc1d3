use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use audit_event::{Client, Event, ManualClock, Source, Timestamp};
use audit_pipeline::sources::openwebui::caller::{Caller, CredentialKind, Refusal, Standing};
use audit_pipeline::sources::openwebui::exchange::{Answer, Captured, Ending, Exchange};
use audit_pipeline::sources::openwebui::identity::Departments;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::advance;

use super::ask::Asking;
use super::*;

const ADA: &str = r#"{"id":"u-ada","name":"Ada","email":"ada@example.test","role":"admin"}"#;
const BOB: &str = r#"{"id":"u-bob","name":"Bob","email":"bob@example.test","role":"user"}"#;
const INVALID: &str =
    r#"{"detail":"Your session has expired or the token is invalid. Please sign in again."}"#;
const FORBIDDEN: &str = r#"{"detail":"You do not have permission to access this resource."}"#;
const NOW: i64 = 1_800_000_000;

/// Status and body, by credential and path.
type Answers = HashMap<(String, String), (u16, String)>;

/// Stands for Open WebUI: answers by credential and path, counts, and can be made to hang.
#[derive(Clone)]
struct Stub {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Takes a second to say that it does not know a credential.
    slow: Arc<AtomicBool>,
}

impl Stub {
    fn new() -> Self {
        Self {
            answers: Arc::default(),
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            waiting: Arc::default(),
            slow: Arc::default(),
        }
    }

    fn answer(&self, credential: &str, path: &str, status: u16, body: &str) {
        let key = (format!("Bearer {credential}"), path.to_owned());
        self.answers.lock().insert(key, (status, body.to_owned()));
    }

    /// A session of this person, in these groups.
    fn session(&self, token: &str, person: &str, groups: &[&str]) {
        self.answer(token, "/api/v1/auths/", 200, person);
        let groups: Vec<_> = groups.iter().map(|name| serde_json::json!({ "name": name })).collect();
        self.answer(token, "/api/v1/users/groups", 200, &serde_json::Value::from(groups).to_string());
    }

    fn revoke(&self, token: &str) {
        self.answer(token, "/api/v1/auths/", 401, INVALID);
        self.answer(token, "/api/v1/users/user/status", 401, INVALID);
    }

    /// Paths asked since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }

    fn hang(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn go_on(&self) {
        self.gate.add_permits(1_000);
    }
}

impl Directory for Stub {
    fn get<'a>(&'a self, path: &'a str, authorization: &'a HeaderValue) -> Asking<'a> {
        Box::pin(async move {
            self.asked.lock().push(path.to_owned());
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let _turn = self.gate.acquire().await.ok()?;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let key = (authorization.to_str().ok()?.to_owned(), path.to_owned());
            let answer = self.answers.lock().get(&key).cloned();
            if answer.is_none() && self.slow.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let (status, body) = answer?;
            Some(Reply { status, body: Bytes::from(body) })
        })
    }
}

fn resolver_with(stub: &Stub, config: Config) -> Resolver {
    let clock = ManualClock::new(Timestamp::from_micros(NOW * 1_000_000));
    Resolver::build(config, stub.clone(), &[7; 32], Arc::new(clock))
}

fn resolver(stub: &Stub) -> Resolver {
    resolver_with(stub, Config::default())
}

/// A token with these claims; the signature is of no matter here.
fn token(claims: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut payload = String::new();
    for chunk in claims.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            payload.push(char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    format!("e30.{payload}.c2ln")
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", format!("Bearer {token}"))])
}

fn cookie(token: &str) -> HeaderMap {
    headers(&[("cookie", format!("x=y; token={token}"))])
}

/// One exchange, to learn from.
struct Passed<'a> {
    method: Method,
    target: &'a str,
    headers: HeaderMap,
    caller: &'a Caller,
    status: u16,
    body: &'a str,
}

impl Passed<'_> {
    async fn conclude(&self, resolver: &Resolver) -> Option<Caller> {
        let body = Captured { bytes: self.body.as_bytes(), tail: b"", gist: b"", is_whole: true, length: 0 };
        let none = HeaderMap::new();
        let exchange = Exchange {
            id: "e",
            started: Timestamp::from_micros(NOW * 1_000_000),
            latency_ms: 1.0,
            first_byte_ms: None,
            method: &self.method,
            target: self.target,
            request_headers: &self.headers,
            request_body: Captured::default(),
            answer: Some(Answer { status: self.status, headers: &none, body }),
            ending: Ending::Complete,
            caller: self.caller,
            client: Client::default(),
            before: None,
        };
        resolver.conclude(&exchange).await
    }
}

fn id(caller: &Caller) -> Option<&str> {
    Some(caller.person.as_ref()?.id.as_str())
}

#[tokio::test]
async fn a_session_is_proven_once_and_remembered() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &["x", "dept:Board"]);
    let departments = Departments::new("dept:", Default::default());
    let resolver = resolver_with(&stub, Config { departments, ..Config::default() });
    let first = resolver.resolve("/", &bearer("a.b.c")).await;
    assert_eq!(first.standing, Standing::Proven);
    assert_eq!(first.credential, CredentialKind::Session);
    let person = first.person.clone().unwrap();
    assert_eq!((person.email.as_deref(), person.role.as_deref()), (Some("ada@example.test"), Some("admin")));
    assert_eq!(person.department.as_deref(), Some("Board"));
    assert_eq!(person.groups, ["dept:Board", "x"]);
    assert_eq!(stub.asked(), ["/api/v1/auths/", "/api/v1/users/groups"]);
    assert_eq!(resolver.resolve("/", &bearer("a.b.c")).await, first);
    assert_eq!(resolver.remembered("/", &bearer("a.b.c")), Some(first));
    assert_eq!(stub.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_session_has_one_id_by_bearer_and_by_cookie_and_nobody_else_has_it() {
    let stub = Stub::new();
    stub.session("a.b.cc", ADA, &[]);
    let resolver = resolver(&stub);
    let by_bearer = resolver.resolve("/", &bearer("a.b.cc")).await.session_id.unwrap();
    let by_cookie = resolver.resolve("/", &cookie("a.b.cc")).await.session_id.unwrap();
    assert_eq!(by_bearer, by_cookie);
    assert_eq!(by_bearer.len(), 32);
    let forged = resolver.resolve("/", &bearer("a.b.dd")).await.session_id.unwrap();
    assert_ne!(forged, by_bearer, "the same claims under another signature");
    let other_key = Resolver::build(Config::default(), stub, &[8; 32], Arc::new(ManualClock::default()));
    assert_ne!(other_key.resolve("/", &bearer("a.b.cc")).await.session_id.unwrap(), by_bearer);
}

#[tokio::test]
async fn the_bearer_counts_not_the_cookie() {
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    stub.session("b.b.b", BOB, &[]);
    let both = headers(&[("authorization", "Bearer b.b.b".into()), ("cookie", "token=a.a.a".into())]);
    assert_eq!(id(&resolver(&stub).resolve("/", &both).await), Some("u-bob"));
}

#[tokio::test]
async fn a_forged_token_proves_nobody_and_its_claim_is_kept_apart() {
    let stub = Stub::new();
    let forged = token(r#"{"id":"u-ada","auth_method":"password"}"#);
    stub.revoke(&forged);
    let caller = resolver(&stub).resolve("/", &bearer(&forged)).await;
    assert_eq!(caller.standing, Standing::Refused(Refusal::Invalid));
    assert_eq!((caller.person.as_ref(), caller.claimed_id.as_deref()), (None, Some("u-ada")));
    assert_eq!(caller.auth_method, None, "a claim of a refused token");
    let mut event = Event::new("access.denied", Source::Gateway);
    caller.sign(&mut event);
    assert_eq!(event.actor.unwrap().id, None);
}

#[tokio::test]
async fn an_expired_token_is_said_to_be_that() {
    let stub = Stub::new();
    let expired = token(&format!(r#"{{"id":"u-ada","exp":{}}}"#, NOW - 1));
    stub.revoke(&expired);
    let caller = resolver(&stub).resolve("/", &bearer(&expired)).await;
    assert_eq!(caller.standing, Standing::Refused(Refusal::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_believed_beyond_its_own_end() {
    let stub = Stub::new();
    let short = token(&format!(r#"{{"id":"u-ada","exp":{}}}"#, NOW + 5));
    stub.session(&short, ADA, &[]);
    let resolver = resolver(&stub);
    resolver.resolve("/", &bearer(&short)).await;
    advance(Duration::from_secs(5)).await;
    assert_eq!(resolver.remembered("/", &bearer(&short)), None);
}

#[tokio::test(start_paused = true)]
async fn memories_end() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    stub.revoke("x.y.z");
    let resolver = resolver(&stub);
    resolver.resolve("/", &bearer("a.b.c")).await;
    resolver.resolve("/", &bearer("x.y.z")).await;
    advance(Duration::from_secs(11)).await;
    assert!(resolver.remembered("/", &bearer("a.b.c")).is_some());
    assert_eq!(resolver.remembered("/", &bearer("x.y.z")), None, "refusals are kept for a shorter time");
    advance(Duration::from_secs(50)).await;
    assert_eq!(resolver.remembered("/", &bearer("a.b.c")), None);
}

#[tokio::test]
async fn what_open_webui_never_issues_is_not_asked_about() {
    let stub = Stub::new();
    let caller = resolver(&stub).resolve("/", &cookie("\"a b\"")).await;
    assert_eq!(caller.standing, Standing::Refused(Refusal::Malformed));
    assert_eq!(stub.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_credential_nobody_is_asked() {
    let stub = Stub::new();
    assert_eq!(resolver(&stub).resolve("/", &HeaderMap::new()).await, Caller::default());
    assert_eq!(stub.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn someone_pending_has_no_groups_to_ask_for() {
    let stub = Stub::new();
    stub.session("a.b.c", r#"{"id":"u-p","role":"pending"}"#, &[]);
    assert_eq!(id(&resolver(&stub).resolve("/", &bearer("a.b.c")).await), Some("u-p"));
    assert_eq!(stub.asked(), ["/api/v1/auths/"]);
}

#[tokio::test]
async fn all_who_wait_share_one_question() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    stub.hang();
    let resolver = resolver(&stub);
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.resolve("/", &bearer("a.b.c")).await })
        })
        .collect();
    while stub.waiting.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    stub.go_on();
    for caller in callers {
        assert_eq!(id(&caller.await.unwrap()), Some("u-ada"));
    }
    assert_eq!(stub.asked(), ["/api/v1/auths/", "/api/v1/users/groups"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_and_the_answer_serves_the_next() {
    let stub = Stub::new();
    let slow = token(r#"{"id":"u-ada"}"#);
    stub.session(&slow, ADA, &[]);
    stub.hang();
    let resolver = resolver(&stub);
    let caller = resolver.resolve("/", &bearer(&slow)).await;
    assert_eq!((caller.standing, caller.person.as_ref()), (Standing::Open, None));
    assert_eq!(caller.claimed_id.as_deref(), Some("u-ada"));
    stub.go_on();
    assert_eq!(id(&resolver.resolve("/", &bearer(&slow)).await), Some("u-ada"));
    assert_eq!(stub.asked().len(), 2, "the question that was under way");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_does_not_end_the_question() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    stub.hang();
    let resolver = resolver(&stub);
    let left = tokio::time::timeout(Duration::from_millis(1), resolver.resolve("/", &bearer("a.b.c"))).await;
    assert!(left.is_err());
    stub.go_on();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(id(&resolver.remembered("/", &bearer("a.b.c")).unwrap()), Some("u-ada"));
}

#[tokio::test(start_paused = true)]
async fn a_server_in_trouble_is_left_alone_for_a_moment() {
    let stub = Stub::new();
    stub.answer("a.b.c", "/api/v1/auths/", 503, "");
    let resolver = resolver(&stub);
    for _ in 0..3 {
        assert_eq!(resolver.resolve("/", &bearer("a.b.c")).await.standing, Standing::Open);
    }
    assert_eq!(stub.asked().len(), 1);
    advance(Duration::from_secs(3)).await;
    stub.session("a.b.c", ADA, &[]);
    assert_eq!(resolver.resolve("/", &bearer("a.b.c")).await.standing, Standing::Proven);
}

#[tokio::test]
async fn a_flood_of_forged_credentials_pushes_out_nobody() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    let resolver = resolver_with(&stub, Config { capacity: 20, ..Config::default() });
    resolver.resolve("/", &bearer("a.b.c")).await;
    for number in 0..200 {
        let forged = format!("a.b.{number}");
        stub.revoke(&forged);
        resolver.resolve("/", &bearer(&forged)).await;
    }
    assert_eq!(id(&resolver.remembered("/", &bearer("a.b.c")).unwrap()), Some("u-ada"));
    assert_eq!(resolver.remembered("/", &bearer("a.b.0")), None, "the oldest refusals are gone");
}

#[tokio::test(start_paused = true)]
async fn a_401_has_a_remembered_session_asked_about_again() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    let resolver = resolver(&stub);
    let caller = resolver.resolve("/api/v1/chats/", &bearer("a.b.c")).await;
    advance(Duration::from_secs(2)).await;
    stub.revoke("a.b.c");
    let passed = Passed {
        method: Method::GET,
        target: "/api/v1/chats/",
        headers: bearer("a.b.c"),
        caller: &caller,
        status: 401,
        body: INVALID,
    };
    let better = passed.conclude(&resolver).await.unwrap();
    assert_eq!(better.standing, Standing::Refused(Refusal::Revoked));
    assert_eq!((better.person.as_ref(), better.claimed_id.as_deref()), (None, Some("u-ada")));
    assert_eq!(better.session_id, caller.session_id);
}

#[tokio::test(start_paused = true)]
async fn a_401_for_lack_of_a_right_takes_nobodys_name_away() {
    let stub = Stub::new();
    stub.session("a.b.c", BOB, &[]);
    let resolver = resolver(&stub);
    let caller = resolver.resolve("/api/v1/users/", &bearer("a.b.c")).await;
    advance(Duration::from_secs(2)).await;
    let passed = Passed {
        method: Method::GET,
        target: "/api/v1/users/",
        headers: bearer("a.b.c"),
        caller: &caller,
        status: 401,
        body: FORBIDDEN,
    };
    assert_eq!(id(&passed.conclude(&resolver).await.unwrap()), Some("u-bob"));
    stub.answer("a.b.c", "/api/v1/auths/", 500, "");
    advance(Duration::from_secs(2)).await;
    assert_eq!(
        passed.conclude(&resolver).await,
        None,
        "no answer to the second question: the first one stands"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_could_not_be_asked_about_in_time_is_asked_about_at_the_end() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    stub.hang();
    let resolver = resolver(&stub);
    let caller = resolver.resolve("/", &bearer("a.b.c")).await;
    stub.go_on();
    let passed = Passed {
        method: Method::POST,
        target: "/",
        headers: bearer("a.b.c"),
        caller: &caller,
        status: 200,
        body: "",
    };
    assert_eq!(id(&passed.conclude(&resolver).await.unwrap()), Some("u-ada"));
}

#[tokio::test]
async fn who_signs_in_is_named_not_whose_cookie_was_there() {
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    let issued = token(r#"{"id":"u-bob","auth_method":"ldap"}"#);
    stub.session(&issued, BOB, &["dept:Law"]);
    let departments = Departments::new("dept:", Default::default());
    let resolver = resolver_with(&stub, Config { departments, ..Config::default() });
    let cookies_owner = resolver.resolve("/api/v1/auths/ldap", &cookie("a.a.a")).await;
    stub.asked();
    let mut body: serde_json::Value = serde_json::from_str(BOB).unwrap();
    body["token"] = issued.clone().into();
    let passed = Passed {
        method: Method::POST,
        target: "/api/v1/auths/ldap",
        headers: cookie("a.a.a"),
        caller: &cookies_owner,
        status: 200,
        body: &body.to_string(),
    };
    let caller = passed.conclude(&resolver).await.unwrap();
    assert_eq!((id(&caller), caller.auth_method.as_deref()), (Some("u-bob"), Some("ldap")));
    assert_eq!(caller.person.as_ref().unwrap().department.as_deref(), Some("Law"));
    assert_eq!(stub.asked(), ["/api/v1/users/groups"], "the answer said who; only the groups are asked for");
    let next = resolver.resolve("/", &cookie(&issued)).await;
    assert_eq!((id(&next), &next.session_id), (Some("u-bob"), &caller.session_id));
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_is_known_even_when_the_groups_cannot_be_had() {
    let stub = Stub::new();
    stub.hang();
    let resolver = resolver(&stub);
    let passed = Passed {
        method: Method::POST,
        target: "/api/v1/auths/signin",
        headers: HeaderMap::new(),
        caller: &Caller::default(),
        status: 200,
        body: r#"{"id":"u-bob","email":"bob@example.test","role":"user","token":"b.b.bb"}"#,
    };
    let caller = passed.conclude(&resolver).await.unwrap();
    assert_eq!((id(&caller), caller.standing), (Some("u-bob"), Standing::Proven));
}

#[tokio::test]
async fn a_changed_account_is_asked_about_anew_others_are_not() {
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    stub.session("b.b.b", BOB, &[]);
    let resolver = resolver(&stub);
    let ada = resolver.resolve("/", &bearer("a.a.a")).await;
    resolver.resolve("/", &bearer("b.b.b")).await;
    let passed = Passed {
        method: Method::POST,
        target: "/api/v1/users/u-bob/update",
        headers: bearer("a.a.a"),
        caller: &ada,
        status: 200,
        body: "{}",
    };
    assert_eq!(passed.conclude(&resolver).await, None);
    assert!(resolver.remembered("/", &bearer("a.a.a")).is_some());
    assert_eq!(resolver.remembered("/", &bearer("b.b.b")), None);
}

#[tokio::test]
async fn an_answer_asked_for_before_a_change_is_not_remembered() {
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    stub.session("b.b.b", BOB, &[]);
    let resolver = resolver(&stub);
    let ada = resolver.resolve("/", &bearer("a.a.a")).await;
    stub.hang();
    let asking = tokio::spawn({
        let resolver = resolver.clone();
        async move { resolver.resolve("/", &bearer("b.b.b")).await }
    });
    while stub.waiting.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let passed = Passed {
        method: Method::DELETE,
        target: "/api/v1/users/u-bob",
        headers: bearer("a.a.a"),
        caller: &ada,
        status: 200,
        body: "true",
    };
    passed.conclude(&resolver).await;
    // Whoever comes now is asked about anew.
    let later = tokio::spawn({
        let resolver = resolver.clone();
        async move { resolver.resolve("/", &bearer("b.b.b")).await }
    });
    while stub.waiting.load(Ordering::Relaxed) == 1 {
        tokio::task::yield_now().await;
    }
    stub.go_on();
    assert_eq!(id(&asking.await.unwrap()), Some("u-bob"), "those who waited have the answer of their time");
    assert_eq!(id(&later.await.unwrap()), Some("u-bob"));
}

#[tokio::test]
async fn a_restricted_key_is_whose_it_was_issued_to() {
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    for path in ["/api/v1/users/user/status", "/api/v1/calendars/"] {
        stub.answer("sk-1", path, 403, FORBIDDEN);
        stub.answer("sk-2", path, 403, FORBIDDEN);
    }
    let resolver = resolver(&stub);
    let ada = resolver.resolve("/", &bearer("a.a.a")).await;
    let passed = Passed {
        method: Method::POST,
        target: "/api/v1/auths/api_key",
        headers: bearer("a.a.a"),
        caller: &ada,
        status: 200,
        body: r#"{"api_key":"sk-1"}"#,
    };
    passed.conclude(&resolver).await;
    let by_key = resolver.resolve("/api/models", &headers(&[("x-api-key", "sk-1".into())])).await;
    assert_eq!((id(&by_key), by_key.credential), (Some("u-ada"), CredentialKind::ApiKey));
    assert!(ada.is_admin() && !by_key.is_admin(), "an administrator then is not known to be one now");
    let other = resolver.resolve("/api/models", &headers(&[("x-api-key", "sk-2".into())])).await;
    assert_eq!(other.standing, Standing::Open, "good, but nobody's as far as is known");
}

#[tokio::test]
async fn whose_a_restricted_key_is_outlives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let owners = directory.path().join("owners");
    let config = || Config { owners: Some(owners.clone()), ..Config::default() };
    let stub = Stub::new();
    stub.session("a.a.a", ADA, &[]);
    for path in ["/api/v1/users/user/status", "/api/v1/calendars/"] {
        stub.answer("sk-1", path, 403, FORBIDDEN);
    }
    let before = resolver_with(&stub, config());
    let ada = before.resolve("/", &bearer("a.a.a")).await;
    let passed = Passed {
        method: Method::POST,
        target: "/api/v1/auths/api_key",
        headers: bearer("a.a.a"),
        caller: &ada,
        status: 200,
        body: r#"{"api_key":"sk-1"}"#,
    };
    passed.conclude(&before).await;
    drop(before);
    let after = resolver_with(&stub, config());
    let by_key = after.resolve("/api/models", &headers(&[("x-api-key", "sk-1".into())])).await;
    assert_eq!((id(&by_key), by_key.is_admin()), (Some("u-ada"), false));
    let file = std::fs::read_to_string(&owners).unwrap();
    assert!(!file.contains("sk-1") && !file.contains("ada@"), "no key and no name: {file}");
}

#[tokio::test]
async fn the_answer_tells_whether_a_provisioning_token_was_good() {
    let resolver = resolver(&Stub::new());
    let target = "/api/v1/scim/v2/Users";
    let caller = resolver.resolve(target, &bearer("scim")).await;
    assert_eq!((caller.credential, caller.standing), (CredentialKind::Scim, Standing::Open));
    let passed = |status| Passed {
        method: Method::POST,
        target,
        headers: bearer("scim"),
        caller: &caller,
        status,
        body: "",
    };
    assert_eq!(passed(201).conclude(&resolver).await.unwrap().standing, Standing::Proven);
    let refused = passed(401).conclude(&resolver).await.unwrap();
    assert_eq!(refused.standing, Standing::Refused(Refusal::Invalid));
    let mut event = Event::new("access.denied", Source::Gateway);
    refused.sign(&mut event);
    assert_eq!(event.actor.unwrap().name, None, "a wrong token is not the provisioning service");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_forged_credentials_delays_nobody_who_was_good_before() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    key_of(&stub, "sk-good", ADA);
    let resolver = resolver(&stub);
    resolver.resolve("/", &bearer("a.b.c")).await;
    resolver.resolve("/", &bearer("sk-good")).await;
    advance(Duration::from_secs(61)).await;
    // Open WebUI is slow for what it does not know, and more comes than may wait.
    stub.slow.store(true, Ordering::Relaxed);
    let flood: Vec<_> = (0..2_000)
        .map(|number| {
            let resolver = resolver.clone();
            let forged = if number % 2 == 0 { format!("sk-{number}") } else { format!("x.y.z{number}") };
            tokio::spawn(async move { resolver.resolve("/", &bearer(&forged)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for good in ["a.b.c", "sk-good"] {
        let began = tokio::time::Instant::now();
        assert_eq!(id(&resolver.resolve("/", &bearer(good)).await), Some("u-ada"), "{good}");
        assert!(began.elapsed() < Duration::from_millis(10), "{good} waited {:?}", began.elapsed());
    }
    for forged in flood {
        assert_ne!(forged.await.unwrap().standing, Standing::Proven);
    }
}

#[tokio::test(start_paused = true)]
async fn forged_keys_do_not_delay_new_sessions() {
    let stub = Stub::new();
    stub.session("a.b.c", ADA, &[]);
    let resolver = resolver(&stub);
    stub.slow.store(true, Ordering::Relaxed);
    for number in 0..2_000 {
        let resolver = resolver.clone();
        tokio::spawn(async move { resolver.resolve("/", &bearer(&format!("sk-{number}"))).await });
    }
    tokio::task::yield_now().await;
    assert_eq!(id(&resolver.resolve("/", &bearer("a.b.c")).await), Some("u-ada"));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_believed_for_a_minute_at_most() {
    let stub = Stub::new();
    key_of(&stub, "sk-good", ADA);
    let resolver = resolver_with(&stub, Config { remember: Duration::from_secs(3_600), ..Config::default() });
    assert!(resolver.resolve("/", &bearer("sk-good")).await.is_admin());
    stub.answer("sk-good", "/api/v1/users/user/status", 401, INVALID);
    advance(Duration::from_secs(59)).await;
    assert!(resolver.resolve("/", &bearer("sk-good")).await.is_admin(), "remembered");
    advance(Duration::from_secs(1)).await;
    let refused = resolver.resolve("/", &bearer("sk-good")).await;
    assert_eq!(refused.standing, Standing::Refused(Refusal::Revoked));
    assert!(!refused.is_admin());
}

#[tokio::test]
async fn only_an_administrators_key_or_session_is_one() {
    let stub = Stub::new();
    key_of(&stub, "sk-ada", ADA);
    key_of(&stub, "sk-bob", BOB);
    stub.session("a.b.c", ADA, &[]);
    let resolver = resolver(&stub);
    for (credential, is_admin) in [("sk-ada", true), ("sk-bob", false), ("sk-forged", false), ("a.b.c", true)]
    {
        assert_eq!(resolver.resolve("/", &bearer(credential)).await.is_admin(), is_admin, "{credential}");
        let header = headers(&[("x-api-key", credential.to_owned())]);
        assert_eq!(resolver.resolve("/", &header).await.is_admin(), is_admin, "x-api-key: {credential}");
    }
}

/// An API key of this person.
fn key_of(stub: &Stub, key: &str, person: &str) {
    stub.answer(key, "/api/v1/users/user/status", 200, person);
    stub.answer(key, "/api/v1/users/groups", 200, "[]");
}

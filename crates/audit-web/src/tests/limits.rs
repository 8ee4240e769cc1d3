//! How fast anybody may ask, and how often try out credentials.

use audit_control::{Expiry, NewToken, Role, Secret};
use axum::body::Body;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use serde_json::json;
use tower::ServiceExt as _;

use super::app::{Answer, App, NOW, event};
use crate::router::PREFIXES;
use crate::server::PeerAddr;
use crate::{Config, Limits, Pace};

/// Five at once and then one a second, of what `pick` names.
fn few(pick: impl FnOnce(&mut Limits, Pace)) -> App {
    let mut limits = Limits::default();
    pick(&mut limits, Pace { per_second: 1, at_once: 5 });
    App::start_with(Config { limits, ..Config::default() })
}

/// Sends a request from another address than usual.
async fn send_from(app: &App, address: &str, mut request: Request<Body>) -> Answer {
    request.extensions_mut().insert(PeerAddr(format!("{address}:4711").parse().unwrap()));
    let answer: Response = app.router.clone().oneshot(request).await.unwrap();
    Answer::of(answer).await
}

fn page(path: &str, token: &str) -> Request<Body> {
    let request = Request::builder().uri(path).header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn whoever_reads_too_fast_is_told_when_to_go_on() {
    let app = few(|limits, pace| limits.reads = pace);
    for _ in 0..5 {
        app.get_json("/?limit=1").await;
    }
    let answer = app.get("/?limit=1").await;
    let problem = answer.problem(429, "rate_limited");
    assert_eq!((answer.header("retry-after"), &problem["retry_after_ms"]), ("1", &json!(1_000)));
    let other = app.request(Method::GET, "/?limit=1", Role::Admin).body(Body::empty()).unwrap();
    assert_eq!(app.send(other).await.status(), StatusCode::OK, "others have a pace of their own");
    app.clock.advance_micros(1_000_000);
    app.get_json("/?limit=1").await;
    app.clock.advance_micros(5_000_000);
    let refused = app.deeds("audit.access_denied").await;
    assert_eq!(
        (&refused[0]["reason"], &refused[0]["actor"]["name"]),
        (&json!("rate_limited"), &json!("auditor"))
    );
}

#[tokio::test]
async fn pages_and_api_share_a_pace_and_a_page_says_it_to_people() {
    let app = few(|limits, pace| limits.reads = pace);
    for _ in 0..5 {
        app.get_json("/?limit=1").await;
    }
    let answer = Answer::of(app.send(page("/audit", app.token(Role::Auditor))).await).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text().contains("Too many requests"), "{}", answer.text());
}

#[tokio::test]
async fn an_address_has_a_pace_whoever_asks_from_there() {
    let app = few(|limits, pace| limits.address = pace);
    let open =
        || Request::builder().uri(format!("{}/openapi.json", PREFIXES[0])).body(Body::empty()).unwrap();
    for request in 0..5 {
        let address = format!("2001:db8::{request}");
        assert_eq!(send_from(&app, &format!("[{address}]"), open()).await.status, StatusCode::OK);
    }
    send_from(&app, "[2001:db8::ffff]", open()).await.problem(429, "rate_limited");
    let token = format!("{}/?limit=1", PREFIXES[0]);
    send_from(&app, "[2001:db8::9]", page(&token, app.token(Role::Admin))).await.problem(429, "rate_limited");
    assert_eq!(send_from(&app, "[2001:db8:0:1::1]", open()).await.status, StatusCode::OK);
    for path in ["/healthz", "/readyz"] {
        let probe = Request::builder().uri(format!("{}{path}", PREFIXES[0])).body(Body::empty()).unwrap();
        assert_eq!(send_from(&app, "[2001:db8::9]", probe).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn appending_has_a_pace_of_its_own_and_none_unless_set() {
    let append = async |app: &App, number: u32| {
        app.post("", "application/json", event(&format!("e-{number}"), 0, &json!({})).to_string()).await
    };
    let app = few(|limits, pace| (limits.reads, limits.address) = (pace, pace));
    for number in 0..20 {
        assert_eq!(append(&app, number).await.status, StatusCode::CREATED);
    }
    let app = few(|limits, pace| limits.appends = pace);
    for number in 0..5 {
        assert_eq!(append(&app, number).await.status, StatusCode::CREATED);
    }
    append(&app, 5).await.problem(429, "rate_limited");
    app.catch_up();
    app.get("/e-5").await.problem(404, "no_such_event");
    app.clock.advance_micros(1_000_000);
    assert_eq!(append(&app, 5).await.status, StatusCode::CREATED);
}

/// A token that nobody has.
fn guess(number: u8) -> String {
    Secret::from_random(&[number; 32]).reveal().to_owned()
}

async fn show(app: &App, address: &str, token: &str) -> Answer {
    send_from(app, address, page(&format!("{}/?limit=1", PREFIXES[0]), token)).await
}

#[tokio::test]
async fn whoever_tries_out_tokens_has_to_wait_and_a_good_one_is_not_looked_at_either() {
    let app = App::start();
    for number in 0..5 {
        show(&app, "192.0.2.66", &guess(number)).await.problem(401, "invalid_token");
    }
    let answer = show(&app, "192.0.2.66", &guess(6)).await;
    answer.problem(429, "too_many_attempts");
    assert_eq!(answer.header("retry-after"), "1");
    show(&app, "192.0.2.66", app.token(Role::Auditor)).await.problem(429, "too_many_attempts");
    let page = send_from(&app, "192.0.2.66", page("/audit", app.token(Role::Auditor))).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "pages too");
    assert_eq!(show(&app, "192.0.2.67", app.token(Role::Auditor)).await.status, StatusCode::OK);
    app.clock.advance_micros(1_000_000);
    assert_eq!(show(&app, "192.0.2.66", app.token(Role::Auditor)).await.status, StatusCode::OK);
    let reasons: Vec<_> =
        app.deeds("audit.access_denied").await.iter().map(|deed| deed["reason"].clone()).collect();
    assert!(reasons.contains(&json!("too_many_attempts")), "{reasons:?}");
    let metrics = app.get("/metrics").await;
    for line in [
        r#"secureai_audit_wrong_credentials_total{kind="token"} 5"#,
        r#"secureai_audit_locked_out_total{kind="token"} 3"#,
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}\n{}", metrics.text());
    }
}

#[tokio::test]
async fn a_program_that_was_let_in_before_is_not_harmed_by_who_guesses_beside_it() {
    let app = App::start();
    app.get_json("/?limit=1").await;
    for number in 0..5 {
        show(&app, "192.0.2.7", &guess(number)).await.problem(401, "invalid_token");
    }
    app.get_json("/?limit=1").await;
    show(&app, "192.0.2.7", app.token(Role::Admin)).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn old_tokens_are_no_guesses() {
    let app = App::start();
    let control = app.state.access().control();
    let short = |name: &str| {
        let new = NewToken { expiry: Expiry::Days(1), ..NewToken::of(name, "auditor") };
        control.create_token(&new, NOW).unwrap().1.reveal().to_owned()
    };
    let expired: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(short).to_vec();
    app.state.access().reload().unwrap();
    app.clock.advance_micros(86_400_000_000);
    for token in &expired {
        show(&app, "192.0.2.66", token).await.problem(401, "expired_token");
    }
    for _ in 0..20 {
        show(&app, "192.0.2.66", &guess(1)).await.problem(401, "invalid_token");
    }
    assert_eq!(show(&app, "192.0.2.66", app.token(Role::Auditor)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_tries_out_secrets_of_a_source_has_to_wait_and_the_source_itself_has_not() {
    let app = App::start();
    let put = app.request(Method::PUT, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
    let secret = Answer::of(app.send(put).await).await.json()["secret"].as_str().unwrap().to_owned();
    let send = async |secret: &str, id: u32| {
        let body = json!({ "id": format!("e-{id}"), "event": "system.startup.started", "created_at": 1_774_008_000 });
        let path = format!("{}/sources/openwebui/main/{secret}", PREFIXES[0]);
        let request = Request::builder().method("POST").uri(path).body(Body::from(body.to_string())).unwrap();
        send_from(&app, "192.0.2.66", request).await
    };
    assert_eq!(send(&secret, 0).await.status, StatusCode::OK);
    for number in 0..5 {
        send(&format!("guess-{number}"), 1).await.problem(401, "invalid_token");
    }
    send("guess-6", 1).await.problem(429, "too_many_attempts");
    assert_eq!(send(&secret, 1).await.status, StatusCode::OK, "its events come once only");
    assert_eq!(
        show(&app, "192.0.2.66", app.token(Role::Auditor)).await.status,
        StatusCode::OK,
        "tokens are another thing"
    );
}

//! Events that Open WebUI sends us: who may, what becomes of them, and that no secret is left anywhere.

use std::sync::Arc;
use std::time::Duration;

use audit_control::Role;
use audit_event::Timestamp;
use audit_ledger::disk::SimDisk;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, NOW};
use crate::Config;
use crate::router::PREFIXES;

async fn put(app: &App, name: &str) -> Answer {
    let request = app.request(Method::PUT, &format!("/sources/openwebui/{name}"), Role::Admin);
    Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await
}

/// Makes the source `main` and gives its secret.
pub(super) async fn secret(app: &App) -> String {
    let answer = put(app, "main").await;
    answer.json()["secret"].as_str().unwrap().to_owned()
}

pub(super) fn native(id: &str, event: &str, user: &str) -> Value {
    json!({
        "schema": "0.12.4", "id": id, "event": event, "created_at": NOW.as_micros() / 1_000_000,
        "source": "password", "actor": { "id": user, "email": format!("{user}@example.test"), "role": "user" },
        "subject": { "type": "user", "id": user }, "data": { "auth_method": "password" },
    })
}

pub(super) async fn send(app: &App, path: &str, authorization: Option<String>, event: &Value) -> Answer {
    let mut request =
        Request::builder().method("POST").uri(format!("{}/sources/openwebui/{path}", PREFIXES[0]));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    Answer::of(app.send(request.body(Body::from(event.to_string())).unwrap()).await).await
}

pub(super) fn basic(password: &str) -> Option<String> {
    Some(format!("Basic {}", STANDARD.encode(format!("openwebui:{password}"))))
}

/// All that is recorded, as text.
fn record(app: &App) -> Vec<String> {
    app.state.activity().flush();
    let reader = app.ledger.reader();
    (0..app.ledger.size().get())
        .map(|index| {
            let bytes = reader.get(audit_tlog::LeafIndex::new(index)).unwrap();
            let mut json = Vec::new();
            audit_event::Entry::decode(&bytes).unwrap().write_json(&mut json);
            String::from_utf8(json).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn the_secret_may_stand_in_the_path_the_password_or_the_query() {
    let app = App::start();
    let secret = secret(&app).await;
    let started =
        |id: String| json!({ "id": id, "event": "system.startup.started", "created_at": 1_774_008_000 });
    for (path, authorization) in [
        (format!("main/{secret}"), None),
        (format!("main?token={secret}"), None),
        ("main".to_owned(), basic(&secret)),
    ] {
        let answer = send(&app, &path, authorization, &started(format!("e-{}", path.len()))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["recorded"], 1);
    }
}

#[tokio::test]
async fn a_refused_call_is_an_event_without_the_secret() {
    let app = App::start();
    let secret = secret(&app).await;
    let wrong = secret.replace(&secret[10..14], "0000");
    let event = native("w", "auth.login", "ada");
    for (path, authorization) in [
        (format!("main/{wrong}"), None),
        (format!("main?token={wrong}"), None),
        ("main".to_owned(), basic(&wrong)),
        (format!("other/{secret}"), None),
        ("main".to_owned(), Some(format!("Bearer {}", app.token(Role::Admin)))),
    ] {
        let answer = send(&app, &path, authorization, &event).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.header("www-authenticate").starts_with("Basic"), "{path}");
    }
    let record = record(&app);
    assert!(record.iter().any(|event| event.contains("audit.access_denied")));
    assert!(!record.iter().any(|event| event.contains(&wrong[14..30]) || event.contains(&secret[14..30])));
    assert!(!record.iter().any(|event| event.contains("\"auth.login\"")), "nothing was taken");
    assert!(record.iter().any(|event| event.contains("/sources/openwebui/main\"")), "the address is told");
}

#[tokio::test]
async fn what_the_gateway_should_see_waits_for_it_and_survives() {
    let app = App::start();
    let secret = secret(&app).await;
    let answer = send(&app, "main", basic(&secret), &native("w", "auth.login", "ada")).await;
    assert_eq!(answer.json()["held"], 1);
    let again = send(&app, "main", basic(&secret), &native("w", "auth.login", "ada")).await;
    assert_eq!(again.json()["duplicates"], 1);
    assert!(!record(&app).iter().any(|event| event.contains("\"auth.login\"")));
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 11_000_000));
    app.sightings.settle();
    let record = record(&app);
    let login = record.iter().find(|event| event.contains("\"auth.login\"")).unwrap();
    assert!(login.contains("\"unseen_by\":\"gateway\""), "{login}");
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_that_is_on_record() {
    let app = App::start();
    let secret = secret(&app).await;
    for body in
        [json!({ "text": "hello" }), json!("x"), json!({ "id": "e", "event": "with blank", "created_at": 1 })]
    {
        let answer = send(&app, "main", basic(&secret), &body).await;
        answer.problem(422, "invalid_events");
    }
    let large =
        json!({ "id": "e", "event": "chat.finished", "created_at": 1, "data": { "x": "y".repeat(1 << 20) } });
    send(&app, "main", basic(&secret), &large).await.problem(413, "body_too_large");
    assert!(record(&app).iter().any(|event| event.contains("source.lines_skipped")));
}

#[tokio::test]
async fn making_renewing_and_removing_a_source_is_on_record() {
    let app = App::start();
    let made = put(&app, "main").await;
    assert_eq!(made.status, StatusCode::CREATED);
    let old = made.json()["secret"].as_str().unwrap().to_owned();
    let renewed = put(&app, "main").await;
    assert_eq!(renewed.status, StatusCode::OK);
    let new = renewed.json()["secret"].as_str().unwrap().to_owned();
    let event = native("w", "system.startup.started", "ada");
    for secret in [&old, &new] {
        assert_eq!(send(&app, "main", basic(secret), &event).await.status, StatusCode::OK);
    }
    let listed = app.request(Method::GET, "/sources", Role::Admin).body(Body::empty()).unwrap();
    let listed = Answer::of(app.send(listed).await).await.json();
    assert_eq!(
        (&listed["sources"][0]["name"], &listed["sources"][0]["received"]),
        (&json!("main"), &json!(2))
    );
    assert_eq!(listed["sightings"]["duplicates"], 1);
    assert!(app.sightings.configured().webhook);

    let remove =
        || app.request(Method::DELETE, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
    assert_eq!(app.send(remove()).await.status(), StatusCode::OK);
    Answer::of(app.send(remove()).await).await.problem(404, "no_such_source");
    assert_eq!(send(&app, "main", basic(&new), &event).await.status, StatusCode::UNAUTHORIZED);
    assert!(!app.sightings.configured().webhook);
    let record = record(&app).join("\n");
    for action in ["source.added", "source.changed", "source.removed"] {
        assert!(record.contains(action), "{action}");
    }
    assert!(!record.contains(&old[10..30]) && !record.contains(&new[10..30]));
}

#[tokio::test]
async fn while_it_shuts_down_the_sender_is_told_to_come_again() {
    let app = App::start();
    let secret = secret(&app).await;
    app.sightings.finish();
    let answer = send(&app, "main", basic(&secret), &native("w", "auth.login", "ada")).await;
    answer.problem(503, "shutting_down");
    assert!(!answer.header("retry-after").is_empty());
}

/// The events that tell of refused ones.
fn refusals(app: &App) -> Vec<Value> {
    let events = record(app).into_iter().map(|json| serde_json::from_str::<Value>(&json).unwrap());
    events.filter(|event| event["action"] == "source.events_refused").collect()
}

#[tokio::test]
async fn events_that_were_refused_are_counted_on_the_record_as_soon_as_the_ledger_accepts() {
    let disk = SimDisk::new(1);
    let app = App::start_on(Arc::new(disk.clone()), Config::default(), |_| {});
    let secret = secret(&app).await;
    record(&app);
    app.sightings.finish();
    disk.set_capacity(disk.used_bytes());
    for id in ["a", "b"] {
        send(&app, "main", basic(&secret), &native(id, "auth.login", "ada"))
            .await
            .problem(503, "shutting_down");
    }
    assert_eq!(refusals(&app), [Value::Null; 0], "the ledger takes nothing");
    app.clock.advance_micros(60_000_000);
    send(&app, "main", basic(&secret), &native("c", "auth.login", "ada")).await;
    disk.set_capacity(u64::MAX);

    // One event, unless the recorder was telling of the first ones when the last was refused.
    let told = refusals(&app);
    let events: u64 = told.iter().map(|event| event["details"]["events"].as_u64().unwrap()).sum();
    assert_eq!(events, 3, "{told:?}");
    assert_eq!(told[0]["details"]["since"], NOW.to_string());
    for event in &told {
        assert_eq!((&event["target"]["name"], &event["reason"]), (&json!("main"), &json!("shutting_down")));
        assert_eq!((&event["severity"], &event["outcome"]), (&json!("high"), &json!("failure")));
    }
    assert_eq!(refusals(&app).len(), told.len(), "each is told of once");
    let status = app.get_json("/status").await;
    assert_eq!(status["sources"]["webhooks"][0]["refused"], 3);
}

#[tokio::test]
async fn an_event_that_breaks_off_or_stalls_is_a_refused_one() {
    let app = App::start_with(Config { body_timeout: Duration::from_millis(1), ..Config::default() });
    let secret = secret(&app).await;
    let stalled = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let path = format!("{}/sources/openwebui/main/{secret}", PREFIXES[0]);
    let request = Request::builder().method("POST").uri(path).body(stalled).unwrap();
    Answer::of(app.send(request).await).await.problem(408, "request_timeout");
    let told = refusals(&app);
    assert_eq!((told.len(), &told[0]["reason"]), (1, &json!("request_timeout")));
}

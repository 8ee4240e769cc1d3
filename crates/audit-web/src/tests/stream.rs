//! Live tails.

use std::sync::Arc;
use std::time::Duration;

use audit_control::{Expiry, NewToken, Role};
use audit_event::Timestamp;
use audit_ledger::NewEntry;
use audit_ledger::disk::RealDisk;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::app::{Answer, App, NOW, event, events};
use crate::Config;

/// A live tail as its client reads it.
struct Tail {
    body: Body,
    text: String,
}

/// A message: its id and its event.
type Message = (u64, Value);

impl Tail {
    async fn open(app: &App, query: &str, last_event_id: Option<u64>) -> Self {
        let mut request = app.request(Method::GET, &format!("/stream{query}"), Role::Auditor);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut tail = Self { body: response.into_body(), text: String::new() };
        tail.read().await;
        tail
    }

    /// Reads a piece; false at the end.
    async fn read(&mut self) -> bool {
        let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.unwrap();
        let Some(frame) = frame else { return false };
        self.text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        true
    }

    /// Reads to the end; what the server says about it.
    async fn end(&mut self) -> Value {
        while self.read().await {}
        let last = self.text.trim_end().rsplit("\n\n").next().unwrap();
        let data = last.strip_prefix("event: end\ndata: ").unwrap_or_else(|| panic!("{}", self.text));
        serde_json::from_str(data).unwrap()
    }

    /// The first `count` messages with an event.
    async fn messages(&mut self, count: usize) -> Vec<Message> {
        loop {
            let messages: Vec<_> = self.text.split("\n\n").filter_map(parse).collect();
            if messages.len() >= count {
                return messages;
            }
            assert!(self.read().await, "the stream ended: {}", self.text);
        }
    }
}

fn parse(block: &str) -> Option<Message> {
    if block.lines().any(|line| line.starts_with("event: ")) {
        return None;
    }
    let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    Some((line("id: ")?.parse().unwrap(), serde_json::from_str(line("data: ")?).unwrap()))
}

#[tokio::test]
async fn events_arrive_as_they_are_recorded() {
    let app = App::start();
    app.record(&events(3)).await;
    let mut tail = Tail::open(&app, "?action=auth.login", None).await;
    app.record(&[event("new", 0, &json!({}))]).await;
    let messages = tail.messages(1).await;
    assert_eq!(messages.len(), 1, "what was there before is not shown");
    assert_eq!(messages[0].1["id"], "new");
}

#[tokio::test]
async fn a_reconnecting_client_misses_nothing() {
    let app = App::start();
    app.record(&events(10)).await;
    let mut tail = Tail::open(&app, "?action=auth.login", Some(6)).await;
    let seen: Vec<_> = tail.messages(3).await.iter().map(|(index, _)| *index).collect();
    assert_eq!(seen, [7, 8, 9]);
    let mut tail = Tail::open(&app, "?after=8&action=auth.login", None).await;
    assert_eq!(tail.messages(1).await[0].0, 9);
}

#[tokio::test]
async fn only_what_the_filter_accepts_is_sent() {
    let app = App::start();
    let mut tail = Tail::open(&app, "?outcome=failure", None).await;
    app.record(&[event("a", 0, &json!({})), event("b", 0, &json!({ "outcome": "failure" }))]).await;
    let messages = tail.messages(1).await;
    assert_eq!(messages.iter().map(|(_, event)| event["id"].as_str().unwrap()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn silence_is_filled_with_heartbeats_that_move_the_position() {
    let app = App::start_with(Config { heartbeat: Duration::from_millis(20), ..Config::default() });
    let mut tail = Tail::open(&app, "?user=nobody", None).await;
    app.record(&events(5)).await;
    app.state.activity().flush();
    let last = format!("id: {}\n", app.ledger.size().get() - 1);
    while !tail.text.contains(&last) {
        assert!(tail.read().await);
    }
    assert!(!tail.text.contains("data:"));
}

#[tokio::test]
async fn a_draining_server_ends_its_tails_and_says_so() {
    let app = App::start();
    let mut tail = Tail::open(&app, "", None).await;
    app.state.draining().cancel();
    assert_eq!(tail.end().await["code"], "shutting_down");
}

#[tokio::test]
async fn a_tail_does_not_outlive_its_token() {
    let app = App::start();
    let mut tail = Tail::open(&app, "", None).await;
    app.state.access().control().revoke_token("auditor", app.state.now()).unwrap();
    app.state.access().reload().unwrap();
    app.record(&[event("secret", 0, &json!({}))]).await;
    assert_eq!(tail.end().await["code"], "invalid_token");
    assert!(!tail.text.contains("secret"), "nothing is shown after the revocation: {}", tail.text);

    app.state.activity().flush();
    app.catch_up();
    let denied = app
        .request(Method::GET, "/?limit=5&action=audit.access_denied", Role::Admin)
        .body(Body::empty())
        .unwrap();
    let denied = Answer::of(app.send(denied).await).await.json();
    assert_eq!(denied["events"][0]["reason"], "invalid_token");
    assert_eq!(denied["events"][0]["http"]["path"], "/api/v1/auditlog/stream");
}

#[tokio::test]
async fn a_tail_ends_when_its_token_expires_though_nothing_happens() {
    let app = App::start();
    let new = NewToken { expiry: Expiry::Days(1), ..NewToken::of("brief", "auditor") };
    let (_, token) = app.state.access().control().create_token(&new, app.state.now()).unwrap();
    app.state.access().reload().unwrap();
    let request = Request::builder()
        .uri("/api/v1/auditlog/stream?user=nobody")
        .header("authorization", format!("Bearer {}", token.reveal()))
        .body(Body::empty())
        .unwrap();
    let body = app.send(request).await.into_body();
    let mut tail = Tail { body, text: String::new() };
    tail.read().await;
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 25 * 3_600 * 1_000_000));
    assert_eq!(tail.end().await["code"], "expired_token");
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_named_and_passed_over() {
    let app = App::start_on(Arc::new(RealDisk), Config::default(), |config| {
        config.ring_bytes = 0;
        config.cache_bytes = 0;
    });
    for id in ["before", "rotten", "after"] {
        app.record(&[event(id, 0, &json!({}))]).await;
    }
    let nonsense = NewEntry { key: b"nonsense", bytes: b"no entry", leaf: b"leaf" };
    app.ledger.append([nonsense]).unwrap();
    app.record(&[event("last", 0, &json!({}))]).await;
    app.damage("rotten");

    let mut tail = Tail::open(&app, "?after=0&action=auth.login", None).await;
    let seen: Vec<_> = tail.messages(2).await.iter().map(|(index, _)| *index).collect();
    assert_eq!(seen, [2, 4]);
    for index in [1, 3] {
        let named = format!("event: problem\nid: {index}\ndata: {{");
        assert!(tail.text.contains(&named), "{}", tail.text);
    }
    let ready = app.get_json("/readyz").await;
    assert_eq!([&ready["unreadable"], &ready["undecodable"]], [2, 1], "{ready}");
}

#[tokio::test]
async fn whoever_sees_a_part_is_not_told_of_entries_that_cannot_be_read() {
    let app = App::start();
    let sales = json!({ "org": { "department": "Sales" } });
    app.record(&[event("before", 0, &sales)]).await;
    let nonsense = NewEntry { key: b"nonsense", bytes: b"no entry", leaf: b"leaf" };
    app.ledger.append([nonsense]).unwrap();
    app.record(&[event("last", 0, &sales)]).await;
    let new = NewToken { scope: Some("department:Sales"), ..NewToken::of("sales", "auditor") };
    let (_, token) = app.state.access().control().create_token(&new, app.state.now()).unwrap();
    app.state.access().reload().unwrap();
    let request = Request::builder()
        .uri("/api/v1/auditlog/stream?after=0")
        .header("authorization", format!("Bearer {}", token.reveal()))
        .body(Body::empty())
        .unwrap();
    let mut tail = Tail { body: app.send(request).await.into_body(), text: String::new() };
    let seen: Vec<_> = tail.messages(1).await.iter().map(|(index, _)| *index).collect();
    assert_eq!(seen, [2]);
    assert!(!tail.text.contains("problem"), "{}", tail.text);
    assert_eq!(app.get_json("/readyz").await["undecodable"], 1, "the server knows of it");
}

#[tokio::test]
async fn an_index_beyond_the_ledger_is_refused() {
    let app = App::start();
    app.record(&events(3)).await;
    for (query, id) in [("?after=3", None), ("?after=18446744073709551615", None), ("", Some("400000"))] {
        let mut request = app.request(Method::GET, &format!("/stream{query}"), Role::Auditor);
        if let Some(id) = id {
            request = request.header("last-event-id", id);
        }
        let answer = Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await;
        answer.problem(400, "invalid_parameter");
    }
    Tail::open(&app, "?after=2", None).await;
}

#[tokio::test]
async fn too_many_tails_are_refused_until_one_ends() {
    let app = App::start_with(Config { max_streams: 1, ..Config::default() });
    let first = Tail::open(&app, "", None).await;
    let answer = app.get("/stream").await;
    answer.problem(429, "too_many_streams");
    assert_eq!(answer.header("retry-after"), "10");
    drop(first);
    Tail::open(&app, "", None).await;
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused() {
    let app = App::start();
    app.get("/stream?from=2026-03-01").await.problem(400, "unknown_parameter");
    app.get("/stream?after=yesterday").await.problem(400, "invalid_parameter");
    let request = app
        .request(Method::GET, "/stream", Role::Auditor)
        .header("last-event-id", "abc")
        .body(Body::empty())
        .unwrap();
    Answer::of(app.send(request).await).await.problem(400, "invalid_parameter");
}

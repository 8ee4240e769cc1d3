//! How gateways and sources are.

use std::sync::Arc;

use audit_control::Role;
use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App};
use crate::sessions::Pending;
use crate::surroundings::{Gateways, Provider, Recorder, Status, Surroundings, Upstream};

/// Gateways as they may be.
struct Made(Gateways);

impl Surroundings for Made {
    fn look(&self) -> Pending<'_, Gateways> {
        Box::pin(async { self.0.clone() })
    }
}

fn gateways() -> Gateways {
    Gateways {
        upstream: Some(Upstream {
            url: "http://127.0.0.1:8080".to_owned(),
            version: Some("0.12.4".to_owned()),
            clock_ahead_ms: Some(-1_200),
            took_ms: 3,
            error: None,
        }),
        trusted_proxies: vec!["10.0.0.0/8".to_owned()],
        recorder: Some(Recorder { journalled: 1, waiting: 2, dropped: 3 }),
        models: vec![Provider { name: "local".to_owned(), calls: 9, with_usage: 7, ..Provider::default() }],
    }
}

#[tokio::test]
async fn gateways_tell_how_they_are() {
    let app = App::start_among(Arc::new(Made(gateways())));
    let status = app.get_json("/status").await;
    assert_eq!(status["gateways"]["upstream"]["version"], "0.12.4");
    assert_eq!(status["gateways"]["recorder"], json!({"journalled": 1, "waiting": 2, "dropped": 3}));
    let read: Status = serde_json::from_value(status).unwrap();
    assert_eq!(read.gateways, gateways(), "what was told can be read again");
}

#[tokio::test]
async fn without_gateways_there_is_nothing_to_tell_of_them() {
    let status = App::start().get_json("/status").await;
    assert_eq!(
        status["gateways"],
        json!({"upstream": null, "trusted_proxies": [], "recorder": null, "models": []})
    );
}

#[tokio::test]
async fn a_webhook_tells_when_it_last_sent() {
    let app = App::start();
    let request = app.request(Method::PUT, "/sources/openwebui/main", Role::Admin);
    let made = Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await.json();
    let webhooks = |status: Value| status["sources"]["webhooks"].clone();
    let quiet = webhooks(app.get_json("/status").await);
    assert_eq!(quiet, json!([{"name": "main", "received": 0, "last_received": null, "refused": 0}]));

    let path = format!("/sources/openwebui/main/{}", made["secret"].as_str().unwrap());
    let event = json!({"id": "w-1", "event": "system.startup.completed", "created_at": 1_774_007_990});
    let request = app.request(Method::POST, &path, Role::Ingest).body(Body::from(event.to_string())).unwrap();
    let answer = Answer::of(app.send(request).await).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let status = app.get_json("/status").await;
    assert_eq!(status["sources"]["webhook_delay_ms"], 10_000);
    assert_eq!(webhooks(status)[0]["last_received"], "2026-03-20T12:00:00.000000Z");
}

#[tokio::test]
async fn who_may_only_append_learns_nothing() {
    let app = App::start();
    let request = app.request(Method::GET, "/status", Role::Ingest).body(Body::empty()).unwrap();
    Answer::of(app.send(request).await).await.problem(403, "permission_required");
    assert_eq!(app.get("/status?verbose=1").await.status, StatusCode::BAD_REQUEST);
}

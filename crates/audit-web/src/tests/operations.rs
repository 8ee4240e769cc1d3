//! Health, readiness, metrics.

use std::sync::Arc;

use audit_control::Role;
use audit_ledger::disk::RealDisk;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, event, events};
use crate::Config;

async fn open(app: &App, path: &str) -> Answer {
    let request = Request::builder().uri(format!("/api/v1/auditlog{path}")).body(Body::empty()).unwrap();
    Answer::of(app.send(request).await).await
}

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let app = App::start();
    assert_eq!(open(&app, "/healthz").await.text(), "ok\n");
    let ready = open(&app, "/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json()["ledger"], "accepting");
    assert_eq!([&ready.json()["index_failing_seconds"], &ready.json()["index_rebuilt"]], [&Value::Null; 2]);
}

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready() {
    let app = App::start();
    app.state.draining().cancel();
    assert_eq!(open(&app, "/healthz").await.status, StatusCode::OK);
    let ready = open(&app, "/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["draining"], true);
}

#[tokio::test]
async fn no_route_ignores_a_parameter_that_it_does_not_know() {
    let app = App::start();
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/tlog/checkpoint",
        "/tlog/tile/0/000",
        "/0",
        "/stats",
    ] {
        app.get(&format!("{path}?colour=red")).await.problem(400, "unknown_parameter");
    }
}

#[tokio::test]
async fn damage_that_readers_meet_is_told_by_readiness_and_metrics() {
    let app = App::start_on(Arc::new(RealDisk), Config::default(), |config| {
        config.ring_bytes = 0;
        config.cache_bytes = 0;
    });
    app.record(&[event("rotten", 0, &json!({}))]).await;
    assert_eq!(app.get_json("/readyz").await["unreadable"], 0);
    app.damage("rotten");
    app.get("/0").await.problem(500, "internal");
    app.get("/0/proof").await.problem(500, "internal");
    app.get("/?limit=5&action=auth.login").await.problem(500, "internal");
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK, "events are taken all the same");
    assert_eq!(ready.json()["unreadable"], 3);
    let page = app.get("/metrics").await;
    assert!(page.text().contains("secureai_audit_unreadable_total 3\n"), "{}", page.text());
}

#[tokio::test]
async fn metrics_tell_what_happens() {
    let app = App::start();
    app.post("", "application/json", serde_json::json!(events(3)).to_string()).await;
    app.get("/?limit=1").await;
    app.get("/?limit=none").await;
    let request = app.request(Method::GET, "/metrics", Role::Auditor).body(Body::empty()).unwrap();
    let page = Answer::of(app.send(request).await).await;
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "secureai_audit_ledger_accepting 1",
        "secureai_audit_http_requests_total{method=\"GET\",route=\"/\",status=\"2xx\"} 1",
        "secureai_audit_http_requests_total{method=\"GET\",route=\"/\",status=\"4xx\"} 1",
        "secureai_audit_http_requests_total{method=\"POST\",route=\"/events\",status=\"2xx\"} 1",
    ] {
        assert!(page.text().lines().any(|found| found == line), "{line}\n{}", page.text());
    }
    for name in ["secureai_audit_follower_lag{follower=\"index\"} ", "secureai_audit_ledger_disk_bytes "] {
        assert!(page.text().lines().any(|found| found.starts_with(name)), "{name}");
    }
}

//! Whoever reads the audit log is in it.

use audit_control::Role;
use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;

use super::app::{App, events};

#[track_caller]
fn assert_by_auditor(deed: &Value) {
    assert_eq!(deed["actor"]["type"], "api_key");
    assert_eq!(deed["actor"]["name"], "auditor");
    assert!(deed["actor"]["id"].as_str().unwrap().starts_with("tok_"));
    assert_eq!(deed["client"]["ip"], "192.0.2.7");
    assert_eq!(deed["client"]["user_agent"], "tests/1");
    assert_eq!(deed["source"], "internal");
}

#[tokio::test]
async fn a_search_is_recorded_with_its_filter_and_result() {
    let app = App::start();
    app.record(&events(3)).await;
    app.get("/?limit=2&user=ada@example.com&from=2026-03-01").await;
    let deeds = app.deeds("audit.searched").await;
    let search = &deeds[0];
    assert_by_auditor(search);
    assert_eq!(search["outcome"], "success");
    assert_eq!(search["details"]["results"], 2);
    let filter = search["details"]["filter"].as_str().unwrap();
    assert!(filter.contains("ada@example.com") && filter.contains("2026-03-01"), "{filter}");
}

#[tokio::test]
async fn looking_and_proving_are_recorded() {
    let app = App::start();
    app.record(&events(3)).await;
    app.get("/e-1").await;
    app.get("/2/proof").await;
    for (action, id) in [("audit.read", "e-1"), ("audit.proof_issued", "e-2")] {
        let deeds = app.deeds(action).await;
        assert_eq!(deeds.len(), 1);
        assert_by_auditor(&deeds[0]);
        assert_eq!(deeds[0]["target"]["id"], id);
    }
}

#[tokio::test]
async fn the_same_search_again_is_counted_not_repeated() {
    let app = App::start();
    app.record(&events(3)).await;
    for _ in 0..5 {
        app.get("/?limit=2&user=ada@example.com").await;
    }
    let about_ada = |deeds: Vec<Value>| {
        deeds
            .into_iter()
            .filter(|deed| deed["details"]["filter"].as_str().unwrap().contains("ada"))
            .collect::<Vec<_>>()
    };
    assert_eq!(about_ada(app.deeds("audit.searched").await).len(), 1);

    app.clock.advance_micros(10 * 60 * 1_000_000);
    app.get("/?limit=2&user=ada@example.com").await;
    let deeds = about_ada(app.deeds("audit.searched").await);
    assert_eq!(deeds.len(), 3, "the first, its repetitions, and the first of the next ten minutes");
    assert_eq!(deeds[1]["details"]["repeated"], 4);
}

#[tokio::test]
async fn refusals_are_recorded() {
    let app = App::start();
    let anonymous = Request::builder().uri("/api/v1/auditlog/?limit=1").body(Body::empty()).unwrap();
    app.send(anonymous).await;
    app.send(app.request(Method::GET, "/tokens", Role::Auditor).body(Body::empty()).unwrap()).await;
    let deeds = app.deeds("audit.access_denied").await;
    assert_eq!(deeds.len(), 2);
    let by_reason = |reason: &str| deeds.iter().find(|deed| deed["reason"] == reason).unwrap();
    assert_eq!(by_reason("missing_token")["actor"]["type"], "anonymous");
    assert_eq!(by_reason("missing_token")["outcome"], "denied");
    assert_by_auditor(by_reason("role_required"));
    assert_eq!(by_reason("role_required")["http"]["path"], "/api/v1/auditlog/tokens");
}

#[tokio::test]
async fn what_has_gathered_is_recorded_at_the_end() {
    let app = App::start();
    app.record(&events(3)).await;
    for _ in 0..3 {
        app.get("/e-1").await;
    }
    app.state.finish().await;
    app.catch_up();
    let page = app.get_json("/?limit=10&action=audit.read&order=oldest_first").await;
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["details"]["repeated"], 2);
}

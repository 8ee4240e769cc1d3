//! Whoever reads the audit log is in it.

use std::sync::Arc;

use audit_control::Role;
use axum::body::Body;
use http::{HeaderMap, HeaderName, Method, Request};
use serde_json::Value;

use super::app::{Answer, App, NOW, events};
use crate::Config;
use crate::activity::UNRECORDED;
use crate::router::{Required, endpoints, pages};
use crate::sessions::{Pending, PlatformUser, Sessions};

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
async fn watching_a_job_that_one_began_is_no_look() {
    let app = App::start();
    app.record(&events(3)).await;
    let begin = app.request(Method::POST, "/exports?format=csv", Role::Auditor).body(Body::empty()).unwrap();
    let export = Answer::of(app.send(begin).await).await.json();
    let id = export["export"]["id"].as_str().unwrap().to_owned();
    for watched in [format!("/exports/{id}"), "/verifications/1".to_owned()] {
        app.get(&watched).await;
    }
    assert_eq!(app.deeds("audit.viewed").await, Vec::<Value>::new());
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
    assert_by_auditor(by_reason("permission_required"));
    assert_eq!(by_reason("permission_required")["http"]["path"], "/api/v1/auditlog/tokens");
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

#[tokio::test]
async fn a_look_is_durable_before_its_answer_leaves() {
    let app = App::start();
    app.record(&events(3)).await;
    for path in ["/?limit=1", "/e-1", "/e-1/proof", "/status", "/stats?by=action", "/healthz?no=such"] {
        let before = app.ledger.size();
        let answer = app.get(path).await;
        let is_seen = answer.status.is_success();
        assert_eq!(app.ledger.size() > before, is_seen, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_route_shows_anything_unrecorded() {
    let app = App::start();
    app.record(&events(3)).await;
    let api = endpoints().into_iter().map(|route| (format!("/api/v1/auditlog{}", route.path), route));
    let pages = pages().into_iter().map(|route| (route.path.to_owned(), route));
    for (address, route) in api.chain(pages) {
        let is_private = route.admission.required(app.state.config()) != Required::Nothing;
        if route.method != "GET" || !is_private || UNRECORDED.contains(&route.path) || route.path == "/stream"
        {
            continue;
        }
        let address =
            address.replace("{event}", "1").replace("{person}", "u-1").replace("{view}", "denied-access");
        // What a head alone tells, a length or a hash, is seen as well.
        for method in [Method::GET, Method::HEAD] {
            let path = address.strip_prefix("/api/v1/auditlog").unwrap_or("");
            let mut request = app.request(method.clone(), path, Role::Admin).body(Body::empty()).unwrap();
            *request.uri_mut() = address.parse().unwrap();
            // What was seen at another address just now is new again.
            app.clock.advance_micros(10 * 60 * 1_000_000);
            let before = app.ledger.size();
            let status = app.send(request).await.status();
            if status == 200 {
                assert!(app.ledger.size() > before, "{method} {address} was seen and nothing was recorded");
            }
        }
    }
}

#[tokio::test]
async fn a_view_that_no_route_tells_of_is_recorded_by_its_address() {
    let app = App::start();
    for path in ["/status", "/status", "/status?"] {
        app.get(path).await;
    }
    let deeds = app.deeds("audit.viewed").await;
    assert_eq!(deeds.len(), 1);
    assert_by_auditor(&deeds[0]);
    let target = &deeds[0]["target"];
    assert_eq!(target["type"], "api");
    assert_eq!(target["id"], "/status");
    assert_eq!(target["name"], "/api/v1/auditlog/status");
}

#[tokio::test]
async fn long_addresses_are_told_apart_by_what_the_record_does_not_show() {
    let app = App::start();
    for end in ["1", "2", "2"] {
        let mut request = app.request(Method::GET, "", Role::Admin).body(Body::empty()).unwrap();
        *request.uri_mut() = format!("/audit/access?role={}{end}", "a".repeat(600)).parse().unwrap();
        assert_eq!(app.send(request).await.status(), 200);
    }
    let deeds = app.deeds("audit.viewed").await;
    assert_eq!(deeds.len(), 2);
    assert!(deeds[0]["target"]["name"].as_str().unwrap().ends_with("a…"));
}

/// A platform on which somebody has the longest of names.
struct LongNames;

impl Sessions for LongNames {
    fn find<'a>(&'a self, _headers: &'a HeaderMap) -> Pending<'a, Option<PlatformUser>> {
        let user = PlatformUser {
            id: "u-1".to_owned(),
            name: "ä".repeat(700),
            email: Some(format!("{}@example.test", "e".repeat(700))),
            session_id: None,
            is_admin: true,
        };
        Box::pin(async move { Some(user) })
    }

    fn key_header(&self) -> &HeaderName {
        static NAME: HeaderName = HeaderName::from_static("x-api-key");
        &NAME
    }
}

#[tokio::test]
async fn nobody_looks_unseen_by_a_long_name() {
    let app = App::start_behind(Config::default(), Some(Arc::new(LongNames)));
    app.record(&events(3)).await;
    let request = Request::builder().uri("/api/v1/auditlog/e-1").header("x-api-key", "sk-1");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), 200);
    let deeds = app.deeds("audit.read").await;
    assert_eq!(deeds[0]["actor"]["id"], "u-1");
    assert!(deeds[0]["actor"]["name"].as_str().unwrap().ends_with("ää…"));
}

#[tokio::test]
async fn repetitions_say_what_they_showed_in_sum() {
    let app = App::start();
    app.record(&events(3)).await;
    for _ in 0..3 {
        app.get("/?limit=2&user=ada@example.com").await;
    }
    app.clock.advance_micros(10 * 60 * 1_000_000);
    app.get("/?limit=1&user=ada@example.com").await;
    let deeds = app.deeds("audit.searched").await;
    let repetition = deeds.iter().find(|deed| !deed["details"]["repeated"].is_null()).unwrap();
    assert_eq!(
        (&repetition["details"]["repeated"], &repetition["details"]["results"]),
        (&2.into(), &4.into())
    );
}

#[tokio::test]
async fn the_same_from_another_address_is_another_look() {
    let app = App::start();
    app.record(&events(3)).await;
    app.get("/e-1").await;
    let mut request = app.request(Method::GET, "/e-1", Role::Auditor).body(Body::empty()).unwrap();
    request.extensions_mut().insert(crate::server::PeerAddr("192.0.2.8:4711".parse().unwrap()));
    app.send_as_is(request).await;
    assert_eq!(app.deeds("audit.read").await.len(), 2);
}

#[tokio::test]
async fn the_next_start_tells_of_repetitions_that_a_crash_left_uncounted() {
    let app = App::start();
    // This start has looked for what the one before it left.
    app.state.activity().flush();
    let kept = r#"[{"who":"tok_1","action":"audit.read","repeats":3},{"who":"tok_2","action":"audit.read","repeats":1}]"#;
    app.state.access().control().remember("looks.uncounted", kept, NOW).unwrap();
    let again = app.state_of_the_next_start();
    again.finish().await;
    assert_eq!(app.state.access().control().remembered("looks.uncounted").unwrap(), None);
    let deeds = app.deeds("audit.repeats_lost").await;
    assert_eq!(deeds.len(), 1);
    assert_eq!(deeds[0]["details"]["at_least"], 4);
    assert_eq!(deeds[0]["details"]["repeats"][0]["who"], "tok_1");
}

#[tokio::test]
async fn what_a_crash_would_leave_uncounted_is_kept_until_it_is_recorded() {
    let app = App::start();
    app.record(&events(3)).await;
    let kept = || app.state.access().control().remembered("looks.uncounted").unwrap();
    app.get("/e-1").await;
    app.state.activity().flush();
    app.clock.advance_micros(6_000_000);
    app.get("/e-1").await;
    app.get("/e-1").await;
    app.state.activity().flush();
    app.get("/e-2").await;
    app.state.activity().flush();
    assert!(kept().unwrap().0.contains(r#""action":"audit.read","repeats":"#), "{:?}", kept());
    app.state.finish().await;
    assert_eq!(kept(), None);
}

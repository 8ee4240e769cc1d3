//! A full disk: appending says so, reading goes on, and what readers do is recorded later.

use std::sync::Arc;

use audit_control::Role;
use audit_ledger::disk::{RealDisk, SimDisk};
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, event};
use crate::Config;

/// The ledger's reserve of free space in these tests.
const RESERVE_BYTES: u64 = 1 << 20;

#[tokio::test]
async fn a_full_disk_is_told_and_reading_goes_on() {
    let app = App::start_on(Arc::new(RealDisk), Config::default(), |config| {
        // No disk has that much room left.
        config.min_free_bytes = u64::MAX / 2;
    });
    let answer = app.post("", "application/json", event("a", 1, &json!({})).to_string()).await;
    let problem = answer.problem(503, "ledger_unavailable");
    assert!(problem["free_bytes"].is_u64());
    assert!(!answer.header("retry-after").is_empty());

    let page = app.get_json("/?limit=5").await;
    assert_eq!(page["events"], json!([]));
    assert_eq!(app.get("/?format=ndjson").await.status, StatusCode::OK);
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["ledger"], "disk_full");
}

/// An API on a disk that is as full as a test wants.
fn on_a_disk() -> (App, SimDisk) {
    let disk = SimDisk::new(1);
    let app = App::start_on(Arc::new(disk.clone()), Config::default(), |config| {
        config.min_free_bytes = RESERVE_BYTES;
    });
    (app, disk)
}

fn leave(disk: &SimDisk, bytes: u64) {
    disk.set_capacity(disk.used_bytes() + bytes);
}

async fn as_admin(app: &App, (method, path, body): (Method, &str, Value)) -> Answer {
    let request = app.request(method, path, Role::Admin).header(CONTENT_TYPE, "application/json");
    Answer::of(app.send(request.body(Body::from(body.to_string())).unwrap()).await).await
}

#[tokio::test]
async fn nothing_is_changed_that_cannot_be_recorded() {
    let (app, disk) = on_a_disk();
    let role = json!({ "name": "clerk", "permissions": ["events.read"] });
    let acts = || {
        [
            (Method::POST, "/tokens", json!({ "name": "more", "role": "admin" })),
            (Method::POST, "/tokens/auditor/rotate", json!({ "overlap_hours": 1 })),
            (Method::DELETE, "/tokens/ingest", json!(null)),
            (Method::POST, "/roles", role.clone()),
            (Method::PUT, "/break-glass", json!({ "password": "correct horse battery" })),
            (Method::PUT, "/sources/openwebui/second", json!(null)),
            (Method::POST, "/views", json!({ "name": "Mine", "query": "range=7d", "shared": true })),
        ]
    };
    leave(&disk, 1_000);
    for act in acts() {
        let what = format!("{} {}", act.0, act.1);
        let problem = as_admin(&app, act).await.problem(503, "ledger_unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("nothing was changed"), "{what}: {detail}");
    }
    let tokens = app.state.control().tokens().unwrap();
    assert!(
        tokens.len() == 3 && tokens.iter().all(|token| token.revoked.is_none() && token.rotated.is_none())
    );
    assert!(app.state.control().roles().unwrap().is_empty());
    assert!(app.state.control().sources().unwrap().is_empty());
    assert!(app.state.control().break_glass().unwrap().is_none() && app.state.emergency().since().is_none());
    assert!(app.state.control().views_of("anybody").unwrap().is_empty());

    disk.set_capacity(u64::MAX);
    let before = app.ledger.size().get();
    for act in acts() {
        let what = format!("{} {}", act.0, act.1);
        let answer = as_admin(&app, act).await;
        assert!(answer.status.is_success(), "{what}: {}", answer.text());
    }
    assert_eq!(app.ledger.size().get(), before + 7, "each is on record, and nothing else was waiting");
}

#[tokio::test]
async fn what_the_program_does_itself_is_recorded_from_the_reserve() {
    let (app, disk) = on_a_disk();
    leave(&disk, RESERVE_BYTES / 2);
    let answer = app.post("", "application/json", event("a", 1, &json!({})).to_string()).await;
    answer.problem(503, "ledger_unavailable");
    let act = (Method::POST, "/tokens", json!({ "name": "more", "role": "auditor" }));
    assert_eq!(as_admin(&app, act).await.status, StatusCode::CREATED);
    app.get("/?limit=5").await;
    disk.set_capacity(u64::MAX);
    assert_eq!(app.deeds("audit.token_created").await.len(), 1);
    assert_eq!(app.deeds("audit.searched").await[0]["details"]["results"], 1);
}

#[tokio::test]
async fn looks_that_wait_for_room_are_kept_over_an_orderly_stop() {
    let (app, disk) = on_a_disk();
    leave(&disk, 1_000);
    app.get("/?limit=5&user=ada@example.com").await;
    assert_eq!(app.get("/?format=ndjson").await.status, StatusCode::OK);
    let app = app.restarted();
    assert_eq!(app.ledger.size().get(), 0);
    // A stop without room again loses nothing either, and there is room before the next start.
    let app = app.restarted();
    disk.set_capacity(u64::MAX);
    let app = app.restarted();
    let searched = app.deeds("audit.searched").await;
    let of_ada = |deed: &&Value| deed["details"]["filter"].as_str().unwrap().contains("ada@example.com");
    assert_eq!(searched.iter().filter(of_ada).count(), 1, "{searched:?}");
    let phases: Vec<_> =
        app.deeds("audit.exported").await.iter().map(|deed| deed["details"]["phase"].clone()).collect();
    assert!(phases.contains(&json!("started")), "{phases:?}");
    assert!(app.deeds("audit.repeats_lost").await.is_empty());
    let before = app.ledger.size();
    let app = app.restarted();
    assert_eq!(app.ledger.size(), before, "recorded once");
}

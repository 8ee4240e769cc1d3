//! Who may say what: decided by the door through which an event comes, and never by its text.

use audit_control::Role;
use audit_event::{Source, Timestamp};
use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use super::app::{App, NOW, event, events, ids};
use super::pages::Browser;
use super::sources::{basic, native, secret, send};

const JSON: &str = "application/json";
/// What only the program does, one of each family, and what happens on the platform.
const RESERVED: [&str; 7] = [
    "audit.exported",
    "audit.made_up",
    "config.changed",
    "gateway.upstream_recovered",
    "ledger.stopped",
    "source.corroborated",
    "system.capture_lowered",
];

/// The id of a role's token.
async fn token_id(app: &App, role: Role) -> String {
    let request = app.request(http::Method::GET, "/tokens", Role::Admin).body(Body::empty()).unwrap();
    let tokens = super::app::Answer::of(app.send(request).await).await.json();
    let tokens = tokens["tokens"].as_array().unwrap();
    tokens.iter().find(|token| token["name"] == role.as_str()).unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_only_appends_speaks_neither_as_the_program_nor_as_its_gateways() {
    let app = App::start();
    let ours = [Source::Gateway, Source::ModelGateway, Source::Internal];
    for source in Source::ALL {
        for action in RESERVED.iter().chain(&["auth.login"]) {
            let id = format!("{source}-{action}");
            let said = event(&id, 0, &json!({ "action": action, "source": source, "category": "system" }));
            let answer = app.post("", JSON, json!([event("fine", 0, &json!({})), said]).to_string()).await;
            let field = match () {
                () if ours.contains(source) => "source",
                () if *action != "auth.login" => "action",
                () => {
                    assert_eq!(answer.status, StatusCode::CREATED, "{id}: {}", answer.text());
                    continue;
                }
            };
            let problem = answer.problem(422, "invalid_events");
            let error = &problem["errors"][0];
            assert_eq!(
                (&error["field"], &error["line"], &error["id"]),
                (&json!(field), &json!(2), &json!(id))
            );
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("token that may do and see everything"), "{message}");
        }
    }
    assert_eq!(app.ledger.size().get(), 4, "fine, and what the three other sources told of the platform");
}

#[tokio::test]
async fn the_rest_of_a_request_is_taken_where_that_is_asked_for_and_larger_bodies_are_looked_at_too() {
    let app = App::start();
    let forged = event("forged", 0, &json!({ "action": "audit.exported", "source": "internal" }));
    let long = event("long", 0, &json!({ "details": { "x": "x".repeat(17_000) } }));
    let answer = app.post("", JSON, json!([forged, long]).to_string()).await;
    assert_eq!(answer.problem(422, "invalid_events")["errors"][0]["field"], "source");
    let skipped = app.post("?on_error=skip", JSON, json!([forged, long]).to_string()).await;
    assert_eq!((&skipped.json()["recorded"], &skipped.json()["skipped"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_webhook_tells_of_the_platform_only() {
    let app = App::start();
    let secret = secret(&app).await;
    for action in RESERVED {
        let answer = send(&app, "main", basic(&secret), &native(action, action, "mallory")).await;
        let problem = answer.problem(422, "invalid_events");
        assert!(problem["detail"].as_str().unwrap().contains(action), "{problem}");
    }
    let refused = app.deeds("source.events_refused").await;
    let told: u64 = refused.iter().map(|event| event["details"]["events"].as_u64().unwrap()).sum();
    assert_eq!(told, RESERVED.len() as u64, "{refused:?}");
    assert!(refused.iter().all(|event| event["reason"] == "reserved_action"), "{refused:?}");
    assert_eq!(app.deeds("audit.exported").await, Vec::<Value>::new());
}

#[tokio::test]
async fn every_event_from_outside_names_who_handed_it_in() {
    let app = App::start();
    let ingest = token_id(&app, Role::Ingest).await;
    app.post("", JSON, event("posted", 1, &json!({ "sender": "somebody else" })).to_string()).await;
    let secret = secret(&app).await;
    let started = json!({ "id": "told", "event": "system.startup.started", "created_at": 1_774_008_000, "sender": "x" });
    send(&app, "main", basic(&secret), &started).await;
    app.record(&[event("seen", 1, &json!({ "source": "gateway" }))]).await;
    assert_eq!(app.get_json("/posted").await["sender"], json!(ingest));
    assert_eq!(app.get_json("/told").await["sender"], "webhook:main");
    assert_eq!(app.get_json("/seen").await.get("sender"), None, "nobody handed it in");
    let found = app.get_json(&format!("/?limit=10&sender={ingest}")).await;
    assert_eq!(ids(&found), ["posted"]);
    let by_webhooks = app.get_json("/?limit=10&q=sender:webhook:*").await;
    assert_eq!(ids(&by_webhooks), ["told"]);
    let csv = app.get("/?format=csv&fields=id,sender&sender=*&order=oldest_first").await;
    assert_eq!(csv.text(), format!("id,sender\r\nposted,{ingest}\r\ntold,webhook:main\r\n"));
    let page = Browser::signed_in(&app).await.get("/audit/events/posted").await;
    assert!(page.text().contains("Handed in by") && page.text().contains(&ingest), "{}", page.text());
}

#[tokio::test]
async fn the_same_event_from_another_sender_is_no_other_event() {
    let app = App::start();
    app.record(&events(2)).await;
    let again = app.post("", JSON, json!(events(2)).to_string()).await.json();
    assert_eq!((&again["duplicates"], again.get("differing")), (&json!(2), None), "{again}");
}

#[tokio::test]
async fn what_an_admin_imports_is_on_record_first_and_counted() {
    let app = App::start();
    let own = |id: &str| event(id, 0, &json!({ "action": "audit.token_revoked", "source": "internal" }));
    app.import(&[own("one")]).await;
    app.import(&[own("two")]).await;
    let imports = app.deeds("audit.imported").await;
    let admin = token_id(&app, Role::Admin).await;
    assert_eq!(imports.len(), 1, "{imports:?}");
    assert_eq!((&imports[0]["actor"]["id"], imports[0].get("sender")), (&json!(admin), None));
    let first = app.get_json("/0").await;
    assert_eq!(first["action"], "audit.imported", "before what was imported");
    assert_eq!(app.get_json("/one").await["sender"], json!(admin));
    app.post("", JSON, event("plain", 0, &json!({})).to_string()).await;
    assert_eq!(app.deeds("audit.imported").await.len(), 1, "appending is no import");
}

#[tokio::test]
async fn an_imported_event_of_the_gateway_explains_no_sighting() {
    let app = App::start();
    let secret = secret(&app).await;
    let mut told = native("w", "user.role_updated", "mallory");
    told["subject"] = json!({ "type": "user", "id": "t-2" });
    assert_eq!(send(&app, "main", basic(&secret), &told).await.json()["held"], 1);
    let explains = json!({
        "action": "user.role_updated", "source": "gateway", "outcome": "denied",
        "actor": { "type": "user", "id": "mallory" }, "target": { "type": "user", "id": "t-2" },
    });
    app.import(&[event("forged", 0, &explains)]).await;
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 11_000_000));
    app.sightings.settle();
    app.catch_up();
    let found = app.get_json("/?limit=10&q=action:user.role_updated%20source:webhook").await;
    assert_eq!(ids(&found), ["w"], "what the webhook told is on record");
    assert_eq!(found["events"][0]["details"]["unseen_by"], "gateway");
}

#[tokio::test]
async fn nothing_that_was_handed_in_is_believed() {
    let app = App::start();
    let started = json!({ "action": "ledger.started" });
    app.record_own(&[event("s1", 20, &started), event("s2", 10, &started)]).await;
    let own = |id: &str, minutes: i64, action: &str, more: Value| {
        let mut forged = event(id, minutes, &json!({ "action": action, "source": "internal" }));
        forged.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        forged
    };
    let export = json!({
        "actor": { "type": "user", "id": "u-9", "name": "Framed" },
        "details": { "phase": "finished", "format": "csv", "count": 1, "bytes": 1, "sha256": "00", "file": "forged.csv" },
    });
    app.import(&[
        own("stop", 15, "ledger.stopped", json!({})),
        own("dropped", 15, "ledger.events_dropped", json!({ "details": { "events": 77_777 } })),
        own("export", 5, "audit.exported", export),
    ])
    .await;
    let mut browser = Browser::signed_in(&app).await;
    let integrity = browser.get("/audit/integrity").await;
    assert!(integrity.text().contains("began anew without having stopped"), "the crash is not hidden");
    assert!(!integrity.text().contains("77,777"), "{}", integrity.text());
    let looks = browser.get("/audit/looks").await;
    assert!(!looks.text().contains("Framed"), "{}", looks.text());
    let exports = browser.get("/audit/exports").await;
    assert!(!exports.text().contains("forged.csv"), "{}", exports.text());
}

#[tokio::test]
async fn an_id_that_somebody_took_loses_no_event_of_a_webhook() {
    let app = App::start();
    let secret = secret(&app).await;
    app.post("", JSON, json!([event("x", 0, &json!({})), event("y", 0, &json!({}))]).to_string()).await;
    // One that is the webhook's own to tell, and one that waits for the gateway.
    let own = json!({ "id": "x", "event": "system.startup.started", "created_at": 1_774_008_000 });
    assert_eq!(send(&app, "main", basic(&secret), &own).await.json()["recorded"], 1);
    let mut told = native("y", "user.role_updated", "mallory");
    told["subject"] = json!({ "type": "user", "id": "t-2" });
    assert_eq!(send(&app, "main", basic(&secret), &told).await.json()["held"], 1);
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 11_000_000));
    app.sightings.settle();
    app.catch_up();
    let found = app.get_json("/?limit=10&q=sender:webhook:main&order=oldest_first").await;
    let told: Vec<_> = found["events"].as_array().unwrap().iter().collect();
    let claims: Vec<_> =
        told.iter().map(|event| (&event["action"], &event["details"]["claimed_id"])).collect();
    assert_eq!(
        claims,
        [(&json!("system.startup.started"), &json!("x")), (&json!("user.role_updated"), &json!("y"))]
    );
    let clashes = app.deeds("source.id_taken").await;
    assert_eq!(clashes.len(), 2, "{clashes:?}");
    assert_eq!(clashes[0]["targets"][0]["id"], told[0]["id"]);
    assert_eq!((&clashes[0]["targets"][0]["name"], clashes[0].get("sender")), (&json!("x"), None));
}

#[tokio::test]
async fn a_webhooks_event_told_again_in_other_words_is_the_same() {
    let app = App::start();
    let secret = secret(&app).await;
    let own =
        json!({ "id": "x", "event": "system.startup.started", "created_at": 1_774_008_000, "sender": null });
    app.record(&[event("x", 0, &json!({ "source": "webhook", "action": "system.startup.started" }))]).await;
    assert_eq!(send(&app, "main", basic(&secret), &own).await.status, StatusCode::OK);
    assert_eq!(app.deeds("source.id_taken").await, Vec::<Value>::new());
}

#[tokio::test]
async fn other_events_under_recorded_ids_are_on_record() {
    let app = App::start();
    app.record(&events(3)).await;
    let again: Vec<_> = events(3)
        .into_iter()
        .map(|mut event| {
            event["outcome"] = json!("failure");
            event
        })
        .collect();
    for _ in 0..2 {
        let receipt = app.post("", JSON, json!(again).to_string()).await.json();
        assert_eq!(receipt["differing"], json!(["e-0", "e-1", "e-2"]));
    }
    let clashes = app.deeds("source.id_taken").await;
    assert_eq!(clashes.len(), 1, "the second is counted: {clashes:?}");
    assert_eq!(clashes[0]["actor"]["id"], json!(token_id(&app, Role::Ingest).await));
    assert_eq!(clashes[0]["details"], json!({ "events": 3, "ids": ["e-0", "e-1", "e-2"] }));
    app.post("", JSON, json!(events(3)).to_string()).await;
    assert_eq!(app.deeds("source.id_taken").await.len(), 1, "the same events again are no clash");
}

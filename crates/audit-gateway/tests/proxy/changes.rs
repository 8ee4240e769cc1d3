//! What changed: the state before comes from what passed a moment ago, or is asked for with the caller's credential.

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::stub::{Act, Arrived, Stub, answer};
use super::world::{World, request};

const JSON: &str = "content-type: application/json\r\n";
const ADA: &str = "Authorization: Bearer good.session.token\r\n";

/// An Open WebUI that keeps one object behind each path; a POST to `…/update` stores its body there.
async fn stub() -> Stub {
    let name = Mutex::new("Research".to_owned());
    Stub::start(move |request| {
        let target = request.target();
        match (request.line.split(' ').next().unwrap_or_default(), target) {
            (_, "/api/v1/auths/") => {
                answer(200, JSON, br#"{"id":"u-1","email":"ada@example.test","name":"Ada","role":"admin"}"#)
            }
            ("GET", "/api/v1/groups/id/g-1" | "/api/v1/models/model?id=m-1") => {
                let state = json!({"id": "g-1", "name": *name.lock(), "description": "R&D"});
                answer(200, JSON, state.to_string().as_bytes())
            }
            ("GET", "/api/v1/users/u-3") => {
                answer(200, JSON, br#"{"id":"u-3","role":"user","name":"x","email":"e"}"#)
            }
            ("POST", "/api/v1/groups/id/g-1/update" | "/api/v1/models/model/update") => store(request, &name),
            ("GET", target) if target.starts_with("/api/v1/knowledge/") => answer(404, JSON, b"{}"),
            ("GET", _) => answer(500, JSON, b"{}"),
            _ => answer(200, JSON, b"true"),
        }
    })
    .await
}

fn store(request: &Arrived, name: &Mutex<String>) -> Vec<Act> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    *name.lock() = body["name"].as_str().unwrap().to_owned();
    answer(200, JSON, &request.body)
}

async fn change(world: &World, target: &str, body: Value) {
    let got = world.send(request(&format!("POST {target}"), ADA, body.to_string().as_bytes())).await;
    assert_eq!(got.status(), 200, "{target}");
}

/// Requests that read a state, in the order in which they arrived.
fn asked(stub: &Stub) -> usize {
    let is_state = |request: &Arrived| request.line.starts_with("GET /api/v1/groups/id/g-1 ");
    stub.arrived().iter().filter(|request| is_state(request)).count()
}

#[tokio::test]
async fn the_state_before_is_asked_for_with_the_callers_own_credential() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    change(&world, "/api/v1/groups/id/g-1/update", json!({"name": "Research & Co", "description": "R&D"}))
        .await;
    let arrived = stub.arrived();
    let lines: Vec<&str> = arrived.iter().map(|request| request.line.as_str()).collect();
    assert_eq!(lines, ["GET /api/v1/groups/id/g-1 HTTP/1.1", "POST /api/v1/groups/id/g-1/update HTTP/1.1"]);
    assert_eq!(arrived[0].header("authorization"), Some("Bearer good.session.token"));
    let events = world.events().await;
    assert_eq!(events[0]["action"], "group.updated");
    assert_eq!(
        events[0]["changes"],
        json!([{"field": "name", "before": "Research", "after": "Research & Co"}])
    );
}

#[tokio::test]
async fn what_passed_a_moment_ago_is_not_asked_for_again_until_it_changes() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    assert_eq!(world.send(request("GET /api/v1/groups/id/g-1", ADA, b"")).await.status(), 200);
    // What a read leaves is kept after its answer has ended.
    world.gateway.clone().drain(std::time::Duration::from_secs(5)).await;
    change(&world, "/api/v1/groups/id/g-1/update", json!({"name": "One"})).await;
    assert_eq!(asked(&stub), 1);
    change(&world, "/api/v1/groups/id/g-1/update", json!({"name": "Two"})).await;
    assert_eq!(asked(&stub), 2);
    let changes: Vec<Value> = world.events().await.iter().map(|event| event["changes"][0].clone()).collect();
    assert_eq!(
        changes,
        [
            json!({"field": "name", "before": "Research", "after": "One"}),
            json!({"field": "name", "before": "One", "after": "Two"})
        ]
    );
}

#[tokio::test]
async fn where_only_the_body_names_the_object_what_was_last_seen_of_it_counts() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    assert_eq!(world.send(request("GET /api/v1/models/model?id=m-1", ADA, b"")).await.status(), 200);
    world.gateway.clone().drain(std::time::Duration::from_secs(5)).await;
    change(&world, "/api/v1/models/model/update", json!({"id": "m-1", "name": "Mine"})).await;
    let events = world.events().await;
    let fields: Vec<&Value> =
        events[0]["changes"].as_array().unwrap().iter().map(|change| &change["field"]).collect();
    assert_eq!(fields, ["id", "name"]);
    assert_eq!(events[0]["changes"][1], json!({"field": "name", "before": "Research", "after": "Mine"}));
}

#[tokio::test]
async fn a_state_that_cannot_be_had_leaves_before_open_and_stops_nothing() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    change(&world, "/api/v1/users/u-2/update", json!({"role": "admin"})).await;
    let events = world.events().await;
    assert_eq!(events[0]["action"], "user.role_updated");
    assert_eq!(events[0]["changes"], json!([{"field": "role", "after": "admin"}]));
}

#[tokio::test]
async fn a_read_that_fails_is_recorded_where_the_table_says_so() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    assert_eq!(world.send(request("GET /api/v1/knowledge/k-1", ADA, b"")).await.status(), 404);
    assert_eq!(world.send(request("GET /api/v1/channels/?page=1", ADA, b"")).await.status(), 500);
    let events = world.events().await;
    let told: Vec<_> =
        events.iter().map(|event| (&event["action"], &event["reason"], &event["target"]["id"])).collect();
    assert_eq!(told, [(&json!("knowledge.read"), &json!("not_found"), &json!("k-1"))]);
}

#[tokio::test]
async fn a_long_member_before_the_one_that_matters_hides_nothing() {
    let stub = stub().await;
    let world = World::before(&stub).await;
    let pad = "A".repeat(1_500_000);
    let send = async |target: &str, body: String| {
        let got = world.send(request(&format!("POST {target}"), ADA, body.as_bytes())).await;
        assert_eq!(got.status(), 200, "{target}");
    };
    send("/api/v1/users/u-3/update", format!(r#"{{"pad":"{pad}","role":"admin","name":"x","email":"e"}}"#))
        .await;
    send("/api/v1/users/u-3/update", format!(r#"{{"pad":"{pad}","role":"user","password":"x"}}"#)).await;
    send("/api/chat/completions", format!(r#"{{"pad":"{pad}","model":"secret-model","messages":[]}}"#)).await;
    send("/api/v1/models/model/delete", format!(r#"{{"id":"harmless","pad":"{pad}","id":"victim"}}"#)).await;
    let events = world.events().await;
    let told = |at: usize| (events[at]["action"].clone(), events[at]["details"]["request_unread"].clone());
    assert_eq!(told(0), (json!("user.role_updated"), json!("too_long")), "{}", events[0]);
    assert_eq!(events[0]["changes"], json!([{"field": "role", "before": "user", "after": "admin"}]));
    assert_eq!(told(1).0, "auth.password_changed");
    assert_eq!(events[2]["model"]["id"], "secret-model");
    assert_eq!(events[3]["target"]["id"], "victim");
}

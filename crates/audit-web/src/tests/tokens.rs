//! Tokens over the API.

use audit_control::{Expiry, NewToken, Role};
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, NOW};
use crate::router::PREFIXES;

async fn create(app: &App, wish: Value) -> Answer {
    let request = app
        .request(Method::POST, "/tokens", Role::Admin)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(wish.to_string()))
        .unwrap();
    Answer::of(app.send(request).await).await
}

async fn revoke(app: &App, name: &str) -> Answer {
    let request =
        app.request(Method::DELETE, &format!("/tokens/{name}"), Role::Admin).body(Body::empty()).unwrap();
    Answer::of(app.send(request).await).await
}

async fn status_with(app: &App, token: &str) -> StatusCode {
    let request = Request::builder()
        .uri(format!("{}/?limit=1", PREFIXES[0]))
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    app.send(request).await.status()
}

#[tokio::test]
async fn a_token_works_from_its_making_to_its_revocation() {
    let app = App::start();
    let created = create(&app, json!({ "name": "siem", "role": "auditor" })).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    let secret = created.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(status_with(&app, &secret).await, StatusCode::OK);

    let revoked = revoke(&app, "siem").await;
    assert_eq!(revoked.json()["token"]["status"], "revoked");
    assert_eq!(status_with(&app, &secret).await, StatusCode::UNAUTHORIZED);
    revoke(&app, "siem").await.problem(404, "no_such_token");
}

#[tokio::test]
async fn a_token_that_only_decides_does_not_make_the_last_admin_one_of_two() {
    let app = App::start();
    let role = json!({ "name": "deciders", "permissions": ["approvals.decide"] }).to_string();
    let request = app.request(Method::POST, "/roles", Role::Admin).header(CONTENT_TYPE, "application/json");
    assert_eq!(app.send(request.body(Body::from(role)).unwrap()).await.status(), StatusCode::CREATED);
    assert_eq!(
        create(&app, json!({ "name": "decider", "role": "deciders" })).await.status,
        StatusCode::CREATED
    );
    revoke(&app, "admin").await.problem(409, "approval_required");
}

#[tokio::test]
async fn the_list_shows_no_text() {
    let app = App::start();
    let secret = create(&app, json!({ "name": "siem", "role": "ingest", "expires_in_days": 7 })).await.json();
    let request = app.request(Method::GET, "/tokens", Role::Admin).body(Body::empty()).unwrap();
    let list = Answer::of(app.send(request).await).await;
    assert!(!list.text().contains(secret["secret"].as_str().unwrap()));
    let tokens = list.json();
    let siem = tokens["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "siem").unwrap();
    assert_eq!(siem["status"], "live");
    assert_eq!(siem["expires"], "2026-03-27T12:00:00.000000Z");
}

#[tokio::test]
async fn bad_wishes_are_refused() {
    let app = App::start();
    create(&app, json!({ "name": "admin", "role": "auditor" })).await.problem(409, "name_taken");
    for wish in [
        json!({ "name": "a b", "role": "auditor" }),
        json!({ "name": "a", "role": "root" }),
        json!({ "name": "a", "role": "viewer" }),
        json!({ "name": "a" }),
        json!({ "name": "a", "role": "auditor", "colour": "red" }),
        json!({ "name": "a", "role": "auditor", "expires": "2020-01-01T00:00:00Z" }),
        json!({ "name": "a", "role": "auditor", "expires": "soon" }),
        json!({ "name": "a", "role": "auditor", "expires": "never", "expires_in_days": 3 }),
    ] {
        create(&app, wish).await.problem(422, "invalid_document");
    }
}

#[tokio::test]
async fn a_bad_field_is_named_with_what_it_may_be() {
    let app = App::start();
    let token = |more: Value| {
        let mut wish = json!({ "name": "a", "role": "auditor" });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    for days in [json!(0), json!(-1), json!(1.5), json!("30"), json!(4_000_000_000_u64), json!(36_526)] {
        let problem =
            create(&app, token(json!({ "expires_in_days": days }))).await.problem(422, "invalid_document");
        assert_eq!(problem["field"], "expires_in_days");
        assert_eq!(problem["detail"], "expires_in_days: must be a whole number from 1 to 36525");
    }
    for (wish, field) in [
        (json!({ "role": "auditor" }), "name"),
        (json!({ "name": 7, "role": "auditor" }), "name"),
        (token(json!({ "colour": "red" })), "colour"),
        (token(json!({ "expires": 5 })), "expires"),
        (json!(["a"]), "the body"),
    ] {
        assert_eq!(create(&app, wish).await.problem(422, "invalid_document")["field"], field);
    }
    let longest = create(&app, token(json!({ "expires_in_days": 36_525 }))).await;
    assert_eq!(longest.status, StatusCode::CREATED, "{}", longest.text());
}

#[tokio::test]
async fn changes_are_recorded_without_the_secret() {
    let app = App::start();
    let created = create(&app, json!({ "name": "siem", "role": "auditor", "expires": "never" })).await.json();
    let secret = created["secret"].as_str().unwrap();
    revoke(&app, "siem").await;
    for action in ["audit.token_created", "audit.token_revoked"] {
        let deeds = app.deeds(action).await;
        assert_eq!(deeds.len(), 1);
        assert_eq!(deeds[0]["target"]["name"], "siem");
        assert_eq!(deeds[0]["target"]["id"], created["token"]["id"]);
        assert_eq!(deeds[0]["actor"]["name"], "admin");
        assert!(!deeds[0].to_string().contains(&secret[4..]));
    }
}

#[tokio::test]
async fn last_use_is_saved_coarsely() {
    let app = App::start();
    assert_eq!(status_with(&app, app.token(Role::Auditor)).await, StatusCode::OK);
    let last_used = || {
        let tokens = app.state.access().control().tokens().unwrap();
        tokens.iter().find(|token| token.name == "auditor").unwrap().last_used
    };
    assert_eq!(last_used(), None, "no request writes to the database");
    app.state.access().save_uses();
    assert_eq!(last_used(), Some(NOW));
}

/// The text of an admin token that may be used from one network, for a month.
fn fenced(app: &App, name: &str) -> String {
    let networks = ["192.0.2.0/24".parse().unwrap()];
    let new = NewToken { expiry: Expiry::Days(30), networks: &networks, ..NewToken::of(name, "admin") };
    let secret = app.state.access().control().create_token(&new, NOW).unwrap().1;
    app.state.access().reload().unwrap();
    secret.reveal().to_owned()
}

async fn ask(app: &App, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", PREFIXES[0]))
        .header("authorization", format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json");
    Answer::of(app.send(request.body(Body::from(body.to_string())).unwrap()).await).await
}

#[tokio::test]
async fn whoever_is_fenced_in_makes_no_token_that_is_not() {
    let app = App::start();
    let fenced = fenced(&app, "fenced");
    for beyond in [
        json!({ "expires": "never" }),
        json!({ "expires_in_days": 31 }),
        json!({ "networks": ["192.0.2.0/23"] }),
        json!({ "networks": ["192.0.2.7", "10.0.0.0/8"] }),
        json!({ "networks": ["::/0"] }),
    ] {
        let mut wish = json!({ "name": "free", "role": "admin" });
        wish.as_object_mut().unwrap().extend(beyond.as_object().unwrap().clone());
        let answer = ask(&app, &fenced, Method::POST, "/tokens", wish).await;
        answer.problem(403, "permission_required");
    }
    // What is not said is as with whoever makes it.
    let wish = json!({ "name": "alike", "role": "admin" });
    let alike = ask(&app, &fenced, Method::POST, "/tokens", wish).await.json();
    assert_eq!(alike["token"]["networks"], json!(["192.0.2.0/24"]));
    assert_eq!(alike["token"]["expires"], "2026-04-19T12:00:00.000000Z");
    let within =
        json!({ "name": "within", "role": "ingest", "networks": ["192.0.2.7"], "expires_in_days": 3 });
    let within = ask(&app, &fenced, Method::POST, "/tokens", within).await.json();
    assert_eq!(within["token"]["networks"], json!(["192.0.2.7/32"]));
    assert_eq!(within["token"]["expires"], "2026-03-23T12:00:00.000000Z");
}

#[tokio::test]
async fn whoever_is_fenced_in_gets_no_secret_of_a_token_that_is_not() {
    let app = App::start();
    let fenced_token = fenced(&app, "fenced");
    fenced(&app, "other");
    let rotate = async |name: &str| {
        ask(&app, &fenced_token, Method::POST, &format!("/tokens/{name}/rotate"), json!({})).await
    };
    rotate("admin").await.problem(403, "permission_required");
    rotate("ingest").await.problem(403, "permission_required");
    assert_eq!(rotate("other").await.status, StatusCode::OK);
    assert_eq!(rotate("fenced").await.status, StatusCode::OK, "one's own");
    assert_eq!(revoke(&app, "other").await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_is_fenced_in_does_not_set_the_password_that_is_not() {
    let app = App::start();
    let fenced = fenced(&app, "fenced");
    let password = json!({ "password": "correct horse battery staple" });
    ask(&app, &fenced, Method::PUT, "/break-glass", password).await.problem(403, "permission_required");
    assert!(app.state.emergency().since().is_none());
    assert_eq!(ask(&app, &fenced, Method::DELETE, "/break-glass", json!({})).await.status, StatusCode::OK);
}

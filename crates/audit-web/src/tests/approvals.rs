//! Four eyes.

use audit_control::{Expiry, NewToken, Role};
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::{Value, json};

use super::app::{Answer, App, NOW};
use crate::router::PREFIXES;
use crate::{Approvals, Config, Eyes};

mod two_people;

/// A second admin, by the text of their token.
fn another_admin(app: &App, name: &str) -> String {
    let new = NewToken { expiry: Expiry::Never, ..NewToken::of(name, "admin") };
    let access = app.state.access();
    let earlier = audit_event::Timestamp::from_micros(NOW.as_micros() - 1_000_000);
    let made = audit_event::Clock::now(app.clock.as_ref()).min(earlier);
    let made = if name == "late" { audit_event::Clock::now(app.clock.as_ref()) } else { made };
    let secret = access.control().create_token(&new, made).unwrap().1;
    access.reload().unwrap();
    secret.reveal().to_owned()
}

async fn ask(app: &App, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", PREFIXES[0]))
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    Answer::of(app.send(request.body(body).unwrap()).await).await
}

async fn decide(app: &App, token: &str, id: &str, decision: &str) -> Answer {
    let body = json!({ "decision": decision, "note": "as agreed" });
    ask(app, token, Method::POST, &format!("/approvals/{id}"), Some(body)).await
}

const SOURCE: &str = "/sources/openwebui/main";

/// A source that the first admin wants to remove; gives the request's id.
async fn asked_to_remove(app: &App) -> String {
    let first = app.token(Role::Admin);
    assert_eq!(
        ask(app, first, Method::PUT, SOURCE, None).await.status,
        201,
        "a new source needs nobody else"
    );
    let problem = ask(app, first, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    problem["approval"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_admin_alone_needs_nobody() {
    let app = App::start();
    let first = app.token(Role::Admin);
    for (method, status) in [(Method::PUT, 201), (Method::PUT, 200), (Method::DELETE, 200)] {
        assert_eq!(ask(&app, first, method.clone(), SOURCE, None).await.status, status, "{method}");
    }
}

#[tokio::test]
async fn what_another_admin_approved_is_done_once_and_all_of_it_is_on_record() {
    let app = App::start();
    let second = another_admin(&app, "second");
    let id = asked_to_remove(&app).await;
    let first = app.token(Role::Admin).to_owned();
    let again = ask(&app, &first, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    assert_eq!(again["approval"]["id"], id, "asking twice is asking once");
    decide(&app, &first, &id, "approve").await.problem(403, "own_request");

    let approved = decide(&app, &second, &id, "approve").await.json();
    assert_eq!(approved["approval"]["state"], "approved");
    assert_eq!(approved["approval"]["decided_by"]["name"], "second");
    // Whoever approved may not act in the other's place.
    ask(&app, &second, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200);
    assert_eq!(ask(&app, &first, Method::PUT, SOURCE, None).await.status, 201);
    ask(&app, &first, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");

    for (action, by) in [
        ("audit.approval_requested", "admin"),
        ("audit.approval_granted", "second"),
        ("audit.approval_used", "admin"),
        ("source.removed", "admin"),
    ] {
        let deeds = app.deeds(action).await;
        assert_eq!(deeds[0]["actor"]["name"], by, "{action}");
        if action != "source.removed" {
            assert_eq!(deeds[0]["target"]["id"], id, "{action}");
            assert_eq!(deeds[0]["details"]["act"], "sources.remove");
        }
    }
}

#[tokio::test]
async fn what_was_refused_or_withdrawn_is_not_done() {
    let app = App::start();
    let second = another_admin(&app, "second");
    let first = app.token(Role::Admin).to_owned();
    for (decider, decision, action) in
        [(&second, "refuse", "audit.approval_refused"), (&first, "withdraw", "audit.approval_withdrawn")]
    {
        let answer = ask(&app, &first, Method::PUT, SOURCE, None).await;
        let id = match answer.status.as_u16() {
            201 => asked_again(&app, &first).await,
            _ => answer.problem(409, "approval_required")["approval"]["id"].as_str().unwrap().to_owned(),
        };
        assert_eq!(decide(&app, decider, &id, decision).await.status, 200);
        decide(&app, &second, &id, "approve").await.problem(409, "approval_over");
        let deeds = app.deeds(action).await;
        assert!(deeds.iter().any(|deed| deed["target"]["id"] == id.as_str()), "{action}");
        let anew = asked_again(&app, &first).await;
        assert_ne!(anew, id);
        decide(&app, &first, &anew, "withdraw").await;
    }
}

async fn asked_again(app: &App, token: &str) -> String {
    let problem = ask(app, token, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    problem["approval"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_is_over_after_its_time() {
    let app = App::start();
    let second = another_admin(&app, "second");
    let id = asked_to_remove(&app).await;
    app.clock.advance_micros(24 * 3600 * 1_000_000);
    decide(&app, &second, &id, "approve").await.problem(409, "approval_over");
    let deeds = app.deeds("audit.approval_expired").await;
    assert_eq!(deeds[0]["target"]["id"], id);
    let all = ask(&app, &second, Method::GET, "/approvals", None).await.json();
    assert_eq!(all["approvals"][0]["state"], "expired");
}

#[tokio::test]
async fn a_token_made_for_the_purpose_does_not_approve() {
    let app = App::start();
    another_admin(&app, "second");
    let id = asked_to_remove(&app).await;
    let late = another_admin(&app, "late");
    decide(&app, &late, &id, "approve").await.problem(403, "permission_required");
    assert_eq!(decide(&app, &late, &id, "refuse").await.status, 200);
}

#[tokio::test]
async fn a_token_rotated_or_a_role_changed_for_the_purpose_does_not_approve() {
    let app = App::start();
    another_admin(&app, "second");
    let first = app.token(Role::Admin).to_owned();
    let deciders = json!({ "name": "deciders", "permissions": ["events.read"] });
    assert_eq!(ask(&app, &first, Method::POST, "/roles", Some(deciders)).await.status, 201);
    let third = json!({ "name": "third", "role": "deciders" });
    let third = ask(&app, &first, Method::POST, "/tokens", Some(third)).await.json();
    app.clock.advance_micros(1_000_000);
    let id = asked_to_remove(&app).await;

    let rotated = ask(&app, &first, Method::POST, "/tokens/second/rotate", Some(json!({}))).await.json();
    let stolen = rotated["secret"].as_str().unwrap();
    decide(&app, stolen, &id, "approve").await.problem(403, "permission_required");
    let raised = json!({ "permissions": ["events.read", "approvals.decide"] });
    assert_eq!(ask(&app, &first, Method::PUT, "/roles/deciders", Some(raised)).await.status, 200);
    let raised = third["secret"].as_str().unwrap();
    decide(&app, raised, &id, "approve").await.problem(403, "permission_required");
    assert_eq!(decide(&app, raised, &id, "refuse").await.status, 200, "whoever may decide may stop it");
}

#[tokio::test]
async fn settings_say_which_acts_need_two() {
    let never = Approvals { remove_source: Eyes::Two, change_source: Eyes::Two, ..Approvals::default() };
    let app = App::start_with(Config { approvals: never, ..Config::default() });
    another_admin(&app, "second");
    let first = app.token(Role::Admin);
    for (method, status) in [(Method::PUT, 201), (Method::PUT, 200), (Method::DELETE, 200)] {
        assert_eq!(ask(&app, first, method.clone(), SOURCE, None).await.status, status, "{method}");
    }

    let always = Approvals { revoke_last_admin: Eyes::Four, ..Approvals::default() };
    let app = App::start_with(Config { approvals: always, ..Config::default() });
    let first = app.token(Role::Admin);
    ask(&app, first, Method::DELETE, "/tokens/admin", None).await.problem(409, "last_admin");
    let second = another_admin(&app, "second");
    let revoked = ask(&app, &second, Method::DELETE, "/tokens/admin", None).await;
    assert_eq!(revoked.status, 200, "one admin of two is not the last");
}

#[tokio::test]
async fn a_decision_says_what_it_is() {
    let app = App::start();
    let second = another_admin(&app, "second");
    let id = asked_to_remove(&app).await;
    for body in
        [json!({}), json!({ "decision": "maybe" }), json!({ "decision": "approve", "not": "" }), json!([])]
    {
        let answer = ask(&app, &second, Method::POST, &format!("/approvals/{id}"), Some(body)).await;
        answer.problem(422, "invalid_document");
    }
    decide(&app, &second, "apr_none", "approve").await.problem(404, "no_such_approval");
}

#[tokio::test]
async fn two_tokens_that_one_person_was_shown_are_not_four_eyes() {
    let app = App::start();
    let first = app.token(Role::Admin).to_owned();
    let hoarded = json!({ "name": "hoarded", "role": "admin" });
    let made = ask(&app, &first, Method::POST, "/tokens", Some(hoarded)).await.json();
    let hoarded = made["secret"].as_str().unwrap();
    another_admin(&app, "second");
    let rotated = ask(&app, &first, Method::POST, "/tokens/second/rotate", Some(json!({}))).await.json();
    let stolen = rotated["secret"].as_str().unwrap();
    let honest = another_admin(&app, "third");
    app.clock.advance_micros(1_000_000);

    let id = asked_to_remove(&app).await;
    for token in [hoarded, stolen] {
        decide(&app, token, &id, "approve").await.problem(403, "permission_required");
    }
    // Nor by turning them around, nor by rotating one with itself.
    let asked = ask(&app, hoarded, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    let by_hoarded = asked["approval"]["id"].as_str().unwrap().to_owned();
    decide(&app, &first, &by_hoarded, "approve").await.problem(403, "permission_required");
    let washed = ask(&app, hoarded, Method::POST, "/tokens/hoarded/rotate", Some(json!({}))).await.json();
    app.clock.advance_micros(1_000_000);
    decide(&app, &first, &id, "withdraw").await;
    let id = asked_again(&app, &first).await;
    decide(&app, washed["secret"].as_str().unwrap(), &id, "approve")
        .await
        .problem(403, "permission_required");
    assert_eq!(decide(&app, &honest, &id, "approve").await.status, 200);
}

#[tokio::test]
async fn whoever_revokes_the_other_admins_first_still_needs_one() {
    let app = App::start();
    another_admin(&app, "second");
    let first = app.token(Role::Admin);
    assert_eq!(ask(&app, first, Method::PUT, SOURCE, None).await.status, 201);
    assert_eq!(ask(&app, first, Method::DELETE, "/tokens/second", None).await.status, 200);
    ask(&app, first, Method::DELETE, SOURCE, None).await.problem(409, "approval_required");
    app.clock.advance_micros(24 * 3600 * 1_000_000);
    assert_eq!(ask(&app, first, Method::DELETE, SOURCE, None).await.status, 200, "then they are alone");
}

#[tokio::test]
async fn the_last_admin_does_not_go_with_a_change_of_their_role() {
    let app = App::start();
    let first = app.token(Role::Admin).to_owned();
    let all: Vec<_> = audit_control::Permission::ALL.iter().map(|one| one.as_str()).collect();
    let boss = json!({ "name": "boss", "permissions": all });
    assert_eq!(ask(&app, &first, Method::POST, "/roles", Some(boss)).await.status, 201);
    let made = json!({ "name": "boss", "role": "boss" });
    let made = ask(&app, &first, Method::POST, "/tokens", Some(made)).await.json();
    let boss = made["secret"].as_str().unwrap();
    assert_eq!(ask(&app, boss, Method::DELETE, "/tokens/admin", None).await.status, 200);
    for lesser in [
        json!({ "permissions": ["events.read", "roles.manage"] }),
        json!({ "permissions": all, "scope": "department:sales" }),
        json!({ "permissions": all, "withheld": ["actor"] }),
    ] {
        ask(&app, boss, Method::PUT, "/roles/boss", Some(lesser)).await.problem(409, "last_admin");
    }
    let enough = json!({ "permissions": ["events.read", "roles.manage", "tokens.manage"] });
    assert_eq!(ask(&app, boss, Method::PUT, "/roles/boss", Some(enough)).await.status, 200);
}

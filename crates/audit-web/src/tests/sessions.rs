//! Callers who come with the platform's session, and the page they come for.

use std::sync::Arc;

use audit_control::Role;
use axum::body::Body;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use serde_json::json;

use super::app::{Answer, App, event};
use crate::Config;
use crate::router::{Admission, PREFIXES, pages};
use crate::sessions::{Pending, PlatformUser, Sessions};

/// A platform where `admin` and `user` are the tokens of an administrator and of an ordinary user, and where these are also
/// taken from the header `x-api-key`.
pub(super) struct Platform;

impl Sessions for Platform {
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> Pending<'a, Option<PlatformUser>> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bearer = text("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let token = if bearer.is_empty() {
            text("cookie").strip_prefix("token=").unwrap_or(text("x-api-key"))
        } else {
            bearer
        };
        let user = ["admin", "user"].contains(&token).then(|| PlatformUser {
            id: format!("id-of-{token}"),
            name: format!("The {token}"),
            email: Some(format!("{token}@example.test")),
            session_id: Some("session-1".to_owned()),
            is_admin: token == "admin",
        });
        Box::pin(async move { user })
    }

    fn key_header(&self) -> &HeaderName {
        static NAME: HeaderName = HeaderName::from_static("x-api-key");
        &NAME
    }
}

fn app() -> App {
    App::start_behind(Config::default(), Some(Arc::new(Platform)))
}

async fn send(app: &App, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await
}

const COOKIE: (&str, &str) = ("cookie", "token=admin");
const BEARER: (&str, &str) = ("authorization", "Bearer admin");

fn api(path: &str) -> String {
    format!("{}{path}", PREFIXES[0])
}

#[tokio::test]
async fn an_administrator_of_the_platform_is_let_in_by_name() {
    let app = app();
    for credential in [COOKIE, BEARER] {
        let answer = send(&app, Method::GET, &api("/session"), &[credential]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let me = answer.json();
        assert_eq!(
            (&me["id"], &me["name"], &me["role"]),
            (&json!("id-of-admin"), &json!("The admin"), &json!("admin"))
        );
        assert!(me["permissions"].as_array().unwrap().contains(&json!("tokens.manage")), "{me}");
    }
}

#[tokio::test]
async fn what_an_administrator_reads_is_recorded_under_their_own_name() {
    let app = app();
    send(&app, Method::GET, &api("/?limit=1&q=rotor"), &[COOKIE]).await;
    let deeds = app.deeds("audit.searched").await;
    let deed = deeds.iter().find(|deed| deed["details"]["filter"] == "rotor").expect("it is recorded");
    assert_eq!(deed["actor"]["type"], "user");
    assert_eq!(deed["actor"]["email"], "admin@example.test");
    assert_eq!(deed["session_id"], "session-1");
}

#[tokio::test]
async fn an_ordinary_user_is_refused_and_that_is_recorded() {
    let app = app();
    let answer = send(&app, Method::GET, &api("/?limit=1"), &[("cookie", "token=user")]).await;
    answer.problem(403, "permission_required");
    let deeds = app.deeds("audit.access_denied").await;
    assert_eq!(deeds[0]["actor"]["id"], "id-of-user");
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let app = app();
    let uri = api("/tokens/nobody");
    send(&app, Method::DELETE, &uri, &[COOKIE]).await.problem(403, "permission_required");
    send(&app, Method::DELETE, &uri, &[COOKIE, BEARER]).await.problem(404, "no_such_token");
}

#[tokio::test]
async fn an_administrators_api_key_reads_and_changes() {
    let app = app();
    let key = ("x-api-key", "admin");
    let answer = send(&app, Method::GET, &api("/session"), &[key]).await;
    assert_eq!(answer.json()["id"], "id-of-admin");
    send(&app, Method::DELETE, &api("/tokens/nobody"), &[key]).await.problem(404, "no_such_token");
    send(&app, Method::GET, &api("/session"), &[("x-api-key", "user")])
        .await
        .problem(403, "permission_required");
    send(&app, Method::GET, &api("/session"), &[("x-api-key", "forged")]).await.problem(401, "missing_token");
    let without_platform = App::start();
    send(&without_platform, Method::GET, &api("/session"), &[key]).await.problem(401, "missing_token");
}

#[tokio::test]
async fn what_a_browser_adds_to_a_cookie_by_itself_makes_it_no_more_than_a_cookie() {
    let app = app();
    let uri = api("/tokens/nobody");
    for value in ["Basic YWRhOnNlY3JldA==", "Negotiate x", "Bearer", "bearer  ", "admin"] {
        let added = ("authorization", value);
        send(&app, Method::DELETE, &uri, &[COOKIE, added]).await.problem(403, "permission_required");
        let answer = send(&app, Method::GET, &api("/session"), &[COOKIE, added]).await;
        assert_eq!(answer.status, StatusCode::OK, "the cookie still reads, beside {value}");
    }
    let both = [("authorization", "Basic YWRhOnNlY3JldA=="), BEARER];
    send(&app, Method::DELETE, &uri, &both).await.problem(404, "no_such_token");
}

#[tokio::test]
async fn a_session_that_the_platform_does_not_know_is_none() {
    let app = app();
    send(&app, Method::GET, &api("/session"), &[]).await.problem(401, "missing_token");
    send(&app, Method::GET, &api("/session"), &[("cookie", "token=old")]).await.problem(401, "missing_token");
    send(&app, Method::GET, &api("/session"), &[("authorization", "Bearer old")])
        .await
        .problem(401, "invalid_token");
}

#[tokio::test]
async fn our_own_tokens_are_never_shown_to_the_platform() {
    let app = app();
    let authorization = format!("Bearer {}", app.token(Role::Auditor));
    let answer =
        send(&app, Method::GET, &api("/session"), &[("authorization", &authorization), COOKIE]).await;
    assert_eq!(answer.json()["role"], "auditor");
}

#[tokio::test]
async fn without_a_platform_its_cookie_means_nothing() {
    let app = App::start();
    send(&app, Method::GET, &api("/session"), &[COOKIE]).await.problem(401, "missing_token");
}

#[tokio::test]
async fn every_page_admits_its_role_and_no_other() {
    let app = app();
    app.record(&[event("e-1", 1, &json!({}))]).await;
    let is_plain = |path: &str| !["{name}", "{view}", "/provider"].iter().any(|part| path.contains(part));
    for page in pages().iter().filter(|page| page.method == "GET" && is_plain(page.path)) {
        let path = page.path.replace("{event}", "e-1").replace("{person}", "u-1");
        let may_anyone = matches!(page.admission, Admission::Anyone);
        let stranger = send(&app, Method::GET, &path, &[]).await;
        assert_eq!(stranger.status == StatusCode::OK, may_anyone, "{}", page.path);
        let user = send(&app, Method::GET, &path, &[("cookie", "token=user")]).await;
        assert_eq!(user.status == StatusCode::OK, may_anyone, "{}", page.path);
        let admin = send(&app, Method::GET, &path, &[COOKIE]).await;
        assert_eq!(admin.status, StatusCode::OK, "{}", page.path);
        if !may_anyone {
            assert!(stranger.header("content-type").starts_with("text/html"), "people read a page");
            assert!(stranger.text().contains("<h1>Sign in"), "{}", stranger.text());
        }
    }
}

#[tokio::test]
async fn the_page_lists_events_and_escapes_what_they_hold() {
    let app = app();
    let nasty = json!({"message": "<script>alert(1)</script> \"x\"", "actor": {"type": "user", "name": "<b>Eve</b>"}});
    app.record(&[event("a", 1, &nasty)]).await;
    let answer = send(&app, Method::GET, "/audit", &[COOKIE]).await;
    let page = answer.text();
    assert!(!page.contains("<script>") && !page.contains("<b>Eve"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_page_is_narrowed_by_the_query_and_goes_on_with_older_events() {
    let app = app();
    let events: Vec<_> =
        (0..60).map(|n| event(&format!("e{n}"), n, &json!({"message": format!("Rotor {n}")}))).collect();
    app.record(&events).await;
    let first = send(&app, Method::GET, "/audit?q=rotor", &[COOKIE]).await;
    assert!(first.text().contains("Rotor 0<") && first.text().contains("Rotor 49<"));
    assert!(!first.text().contains("Rotor 50<"));
    let (_, link) =
        first.text().split_once("href=\"/audit?q=rotor&#38;page_token=").expect("a link to older events");
    let token = link.split('"').next().unwrap();
    let second = send(&app, Method::GET, &format!("/audit?q=rotor&page_token={token}"), &[COOKIE]).await;
    assert!(second.text().contains("Rotor 59<") && !second.text().contains("Rotor 49<"));
}

#[tokio::test]
async fn a_query_that_cannot_be_understood_is_explained_on_the_page() {
    let app = app();
    let answer = send(&app, Method::GET, "/audit?q=ip%3Anowhere", &[COOKIE]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("role=\"alert\""), "{}", answer.text());
    assert!(answer.text().contains("value=\"ip:nowhere\""), "what was typed stays: {}", answer.text());
}

#[tokio::test]
async fn an_empty_list_says_why() {
    let app = app();
    let answer = send(&app, Method::GET, "/audit?q=nothing-like-this", &[COOKIE]).await;
    assert!(answer.text().contains("No event matches") || answer.text().contains("Nothing is recorded yet"));
}

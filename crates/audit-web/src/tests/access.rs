//! Who may do what: every route with every role, and with no or bad tokens.

use audit_control::{Expiry, NewToken, Permission, Permissions, Role, RoleRights};
use audit_event::Timestamp;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};

use super::app::{Answer, App, NOW};
use crate::Config;
use crate::router::{Admission, PREFIXES, Required, endpoints, pages};

/// A request for a route, with its path's parameters filled in so that its handler answers quickly.
fn request(method: &str, path: &str, prefix: &str, token: Option<&str>) -> Request<Body> {
    let path = path
        .replace("{event}", "0")
        .replace("{token}", "nobody")
        .replace("{view}", "nothing")
        .replace("{approval}", "nothing")
        .replace("{*tile}", "0/000");
    // A live tail does not end by itself; its head is enough here.
    let method = if path == "/stream" { "HEAD" } else { method };
    let mut request = Request::builder().method(method).uri(format!("{prefix}{path}"));
    if prefix.is_empty() {
        // As if one of our own pages sent it.
        request = request.header("sec-fetch-site", "same-origin");
    }
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

fn is_denied(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Everybody who may come along: what they are called, what they show, and what they may do; `None` where they are nobody.
fn principals(app: &App) -> Vec<(&'static str, Option<String>, Option<Permissions>)> {
    let control = app.state.access().control();
    let token = |new: NewToken<'_>| Some(control.create_token(&new, NOW).unwrap().1.reveal().to_owned());
    let of = |role: Role| (role.as_str(), Some(app.token(role).to_owned()), Some(role.permissions()));
    let custom = Permissions::of(&[Permission::UsageRead, Permission::MetricsRead, Permission::RolesManage]);
    let rights = RoleRights { permissions: custom, ..RoleRights::built_in(Role::Viewer) };
    control.create_role("custom", &rights, NOW).unwrap();
    let brief = token(NewToken { expiry: Expiry::Days(1), ..NewToken::of("brief", "admin") });
    let revoked = token(NewToken::of("revoked", "admin"));
    control.revoke_token("revoked", NOW).unwrap();
    let elsewhere = ["10.0.0.0/8".parse().unwrap()];
    let here = ["192.0.2.0/24".parse().unwrap()];
    let viewer =
        NewToken { scope: Some("department:sales"), expiry: Expiry::Never, ..NewToken::of("v", "viewer") };
    let principals = vec![
        ("nobody", None, None),
        ("a stranger", Some(format!("saa_{}", "0".repeat(49))), None),
        ("expired", brief, None),
        ("revoked", revoked, None),
        (
            "elsewhere",
            token(NewToken { networks: &elsewhere, expiry: Expiry::Never, ..NewToken::of("e", "admin") }),
            None,
        ),
        (
            "here",
            token(NewToken { networks: &here, expiry: Expiry::Never, ..NewToken::of("h", "auditor") }),
            Some(Role::Auditor.permissions()),
        ),
        ("scoped viewer", token(viewer), Some(Role::Viewer.permissions())),
        ("custom", token(NewToken { expiry: Expiry::Never, ..NewToken::of("c", "custom") }), Some(custom)),
        of(Role::Admin),
        of(Role::Auditor),
        of(Role::Ingest),
    ];
    app.state.access().reload().unwrap();
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 2 * 86_400_000_000));
    principals
}

/// Walks every route with every principal under `config` and compares the answers with the router's matrix.
async fn walk(config: Config) {
    let app = App::start_with(config);
    let principals = principals(&app);
    let api = endpoints()
        .into_iter()
        .flat_map(|route| PREFIXES.map(|prefix| (prefix, route.method, route.path, route.admission)));
    let pages = pages().into_iter().map(|page| ("", page.method, page.path, page.admission));
    for (prefix, method, path, admission) in api.chain(pages) {
        let required = admission.required(app.state.config());
        for (who, token, permissions) in &principals {
            let sent = request(method, path, prefix, token.as_deref());
            let answer = Answer::of(app.send(sent).await).await;
            let status = answer.status;
            // Whom the gate let in the form itself refuses: a token has no session whose key it could carry.
            let is_let_in = prefix.is_empty() && answer.text().contains("form is of another session");
            let is_denied = is_denied(status) && !is_let_in;
            let case = format!("{method} {prefix}{path} as {who}: {status}");
            if matches!(admission, Admission::Source) {
                // A token of whatever role is no source's secret.
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{case}");
            } else if required != Required::Nothing {
                let may = permissions.is_some_and(|permissions| match required {
                    Required::Permission(required) => permissions.contains(required),
                    Required::Credential | Required::Nothing => true,
                });
                // The list as a whole is an export, which needs that permission besides.
                let exports = method == "GET" && path == "/";
                let may = may
                    && (!exports || permissions.is_some_and(|all| all.contains(Permission::EventsExport)));
                assert_eq!(!is_denied, may, "{case}");
                let is_known = permissions.is_some() || *who == "elsewhere";
                if !may {
                    assert_eq!(status == StatusCode::FORBIDDEN, is_known, "{case}");
                }
            } else {
                assert!(!is_denied, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn every_route_admits_its_role_and_no_other() {
    walk(Config::default()).await;
}

#[tokio::test]
async fn settings_open_the_routes_they_name() {
    walk(Config { public_tlog: true, public_metrics: true, ..Config::default() }).await;
}

#[test]
fn only_a_few_harmless_routes_are_open_to_anyone() {
    let open: Vec<_> = endpoints()
        .into_iter()
        .filter(|route| matches!(route.admission, Admission::Anyone))
        .map(|r| r.path)
        .collect();
    assert_eq!(open, ["/healthz", "/readyz", "/openapi.json"]);
}

async fn with_authorization(app: &App, value: &str) -> Answer {
    let request = Request::builder()
        .uri(format!("{}/?limit=1", PREFIXES[0]))
        .header(AUTHORIZATION, value)
        .body(Body::empty())
        .unwrap();
    Answer::of(app.send(request).await).await
}

#[tokio::test]
async fn without_a_token_the_answer_says_how_to_get_one() {
    let app = App::start();
    let answer = Answer::of(app.send(request("GET", "/", PREFIXES[0], None)).await).await;
    let problem = answer.problem(401, "missing_token");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"secureai-audit\"");
    assert!(problem["detail"].as_str().unwrap().contains("token create"));
}

#[tokio::test]
async fn what_is_no_bearer_token_is_none() {
    let app = App::start();
    for value in ["Basic YWRhOnNlY3JldA==", "Bearer", "Bearer  ", "Negotiate x"] {
        with_authorization(&app, value).await.problem(401, "missing_token");
    }
}

#[tokio::test]
async fn bad_tokens_are_told_apart_only_as_far_as_it_helps_their_owner() {
    let app = App::start();
    let cases = [
        ("Bearer nonsense", "invalid_token"),
        ("Bearer saa_0000000000000000000000000000000000000000000000000", "invalid_token"),
    ];
    for (value, code) in cases {
        let answer = with_authorization(&app, value).await;
        answer.problem(401, code);
        assert!(answer.header("www-authenticate").contains("invalid_token"), "{value}");
    }
    let good = format!("bearer {}", app.token(Role::Auditor));
    assert_eq!(
        with_authorization(&app, &good).await.status,
        StatusCode::OK,
        "the scheme's letter case is free"
    );
}

#[tokio::test]
async fn a_token_is_refused_when_its_time_is_over() {
    let app = App::start();
    let new = NewToken { expiry: Expiry::Days(1), ..NewToken::of("short", "auditor") };
    let secret = app.state.access().control().create_token(&new, NOW).unwrap().1;
    app.state.access().reload().unwrap();
    let value = format!("Bearer {}", secret.reveal());
    assert_eq!(with_authorization(&app, &value).await.status, StatusCode::OK);

    app.clock.advance_micros(24 * 3600 * 1_000_000);
    with_authorization(&app, &value).await.problem(401, "expired_token");
}

#[tokio::test]
async fn lacking_the_role_names_the_role() {
    let app = App::start();
    let answer =
        Answer::of(app.send(request("GET", "/", PREFIXES[0], Some(app.token(Role::Ingest)))).await).await;
    let problem = answer.problem(403, "permission_required");
    assert_eq!(problem["required_permission"], "events.read");
}

#[tokio::test]
async fn where_there_is_no_route_the_answer_is_a_problem_too() {
    let app = App::start();
    for path in ["/api/v1", "/api/v1/auditlog/a/b/c", "/favicon.ico"] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        Answer::of(app.send(request).await).await.problem(404, "no_such_route");
    }
    // But for the bare address, which the server prints: there are the pages.
    let request = Request::builder().uri("/").body(Body::empty()).unwrap();
    let answer = Answer::of(app.send(request).await).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/audit"));
}

#[tokio::test]
async fn an_address_that_is_no_text_names_nothing() {
    let app = App::start();
    app.get("/%ff").await.problem(404, "no_such_route");
    app.get("/%ff/proof").await.problem(404, "no_such_route");
    app.get("/tlog/tile/%ff").await.problem(404, "no_such_route");
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_refused_with_those_it_has() {
    let app = App::start();
    for (method, path, allowed) in [
        (Method::DELETE, "/", "GET,HEAD"),
        (Method::PUT, "/tokens", "GET,HEAD,POST"),
        (Method::GET, "/events/", "POST"),
    ] {
        let request = app.request(method, path, Role::Admin).body(Body::empty()).unwrap();
        let answer = Answer::of(app.send(request).await).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

#[tokio::test]
async fn both_prefixes_answer_with_and_without_a_slash() {
    let app = App::start();
    for path in ["/api/v1/auditlog", "/api/v1/auditlog/", "/api/v1/auditlogs", "/api/v1/auditlogs/"] {
        let request = Request::builder()
            .uri(format!("{path}?limit=1"))
            .header(AUTHORIZATION, format!("Bearer {}", app.token(Role::Auditor)))
            .body(Body::empty())
            .unwrap();
        assert_eq!(app.send(request).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn everybody_who_is_known_may_ask_who_they_are() {
    let app = App::start();
    for role in Role::ALL {
        let Some(token) = (role != Role::Viewer).then(|| app.token(role)) else { continue };
        let answer = Answer::of(app.send(request("GET", "/session", PREFIXES[0], Some(token))).await).await;
        assert_eq!(answer.status, StatusCode::OK, "{role}");
        assert_eq!(answer.json()["role"], role.as_str());
    }
    let stranger = Answer::of(app.send(request("GET", "/session", PREFIXES[0], None)).await).await;
    stranger.problem(401, "missing_token");
}

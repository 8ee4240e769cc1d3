//! What every answer has and none, and how much every route takes.

use std::collections::BTreeSet;

use audit_control::Role;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode};

use super::app::{Answer, App, event};
use crate::Config;
use crate::endpoints::pages::assets;
use crate::router::{Kind, PREFIXES, endpoints, pages};

/// Every route with its whole path, its parameters filled in.
fn routes() -> Vec<(Kind, &'static str, &'static str, String)> {
    let filled = |path: &str| {
        let filled = path.replace("{event}", "0").replace("{*tile}", "0/000").replace("{name}", "main");
        filled.replace(['{', '}'], "")
    };
    let api = endpoints()
        .into_iter()
        .map(|route| (Kind::Api, route.method, route.path, format!("{}{}", PREFIXES[0], filled(route.path))));
    let pages = pages().into_iter().map(|page| (Kind::Page, page.method, page.path, filled(page.path)));
    // A live tail does not end.
    api.chain(pages).filter(|(_, _, path, _)| *path != "/stream").collect()
}

fn request(app: &App, method: &str, path: &str, role: Option<Role>) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin");
    match role {
        Some(role) => request.header(AUTHORIZATION, format!("Bearer {}", app.token(role))),
        None => request,
    }
}

async fn ask(app: &App, request: http::request::Builder) -> Answer {
    Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await
}

/// An answer of each route to everybody, and what there is besides.
async fn answers(app: &App) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (_, method, _, path) in routes() {
        for role in [None, Some(Role::Ingest), Some(Role::Auditor), Some(Role::Admin)] {
            let answer = ask(app, request(app, method, &path, role)).await;
            answers.push((format!("{method} {path} as {role:?}: {}", answer.status), answer));
        }
    }
    let style = format!("{}/style.css", assets::folder());
    for (method, path) in [
        ("GET", style.as_str()),
        ("GET", "/audit/assets/x/nothing.js"),
        ("GET", "/nothing"),
        ("GET", "/api/v1/auditlog/a/b/c"),
        ("DELETE", "/audit"),
        ("PATCH", "/api/v1/auditlog/tokens"),
        ("OPTIONS", "/api/v1/auditlog/tokens"),
        ("GET", "/api/v1/auditlog/?limit=none"),
        ("GET", "/api/v1/auditlog/?format=csv"),
        ("GET", "/api/v1/auditlog/?format=parquet"),
        ("HEAD", "/api/v1/auditlog/?limit=1"),
    ] {
        let answer = ask(app, request(app, method, path, Some(Role::Admin))).await;
        answers.push((format!("{method} {path}: {}", answer.status), answer));
    }
    answers
}

#[tokio::test]
async fn every_answer_is_guarded_and_says_nothing_of_the_program() {
    let app = App::start();
    app.record(&[event("e", 1, &serde_json::json!({}))]).await;
    for (what, answer) in answers(&app).await {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{what}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{what}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{what}");
        assert!(["DENY", "SAMEORIGIN"].contains(&answer.header("x-frame-options")), "{what}");
        assert!(["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")), "{what}");
        assert!(!answer.header("cache-control").is_empty(), "{what}");
        assert!(!answer.headers.contains_key("strict-transport-security"), "{what}: the connection is plain");
        for (name, value) in &answer.headers {
            assert!(!["server", "via", "x-powered-by"].contains(&name.as_str()), "{what}: {name}");
            assert!(
                !value.to_str().unwrap().contains(env!("CARGO_PKG_VERSION")),
                "{what}: {name}: {value:?}"
            );
        }
        if !answer.status.is_success() {
            let text = String::from_utf8_lossy(&answer.body);
            assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{what}: {text}");
        }
    }
}

#[test]
fn over_tls_browsers_are_told_to_stay_there() {
    let mut headers = HeaderMap::new();
    crate::headers::complete(&mut headers, true);
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
}

#[tokio::test]
async fn no_other_origin_s_scripts_read_anything() {
    let app = App::start();
    for (_, method, path, address) in routes() {
        let preflight = request(&app, "OPTIONS", &address, None)
            .header(ORIGIN, "https://evil.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization, content-type");
        let simple =
            request(&app, method, &address, Some(Role::Admin)).header(ORIGIN, "https://evil.example");
        let opaque = request(&app, method, &address, Some(Role::Admin)).header(ORIGIN, "null");
        for (what, asked) in [("preflight", preflight), ("simple", simple), ("opaque", opaque)] {
            let answer = ask(&app, asked).await;
            let opened = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(opened, None, "{what} {method} {path}");
            assert!(
                what != "preflight" || answer.status == StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
        }
    }
}

/// Routes that change something and look at no body.
const WITHOUT_BODY: [&str; 10] = [
    "DELETE /break-glass",
    "DELETE /exports/{export}",
    "DELETE /roles/{role}",
    "DELETE /sources/openwebui/{name}",
    "DELETE /tokens/{token}",
    "DELETE /verifications/{id}",
    "DELETE /views/{view}",
    "POST /exports",
    "POST /verifications",
    "PUT /sources/openwebui/{name}",
];

#[tokio::test]
async fn every_route_that_takes_a_body_takes_so_much_and_no_more() {
    let app = App::start_with(Config { max_body_bytes: 1 << 20, ..Config::default() });
    let put = app.request(Method::PUT, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
    let secret = Answer::of(app.send(put).await).await.json()["secret"].as_str().unwrap().to_owned();
    let body = format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20));
    let mut without = BTreeSet::new();
    let (removing, others): (Vec<_>, Vec<_>) =
        routes().into_iter().filter(|route| route.1 != "GET").partition(|route| route.1 == "DELETE");
    for (kind, method, path, address) in others.into_iter().chain(removing) {
        let address = match path {
            "/sources/openwebui/{name}" if method == "POST" => format!("{address}?token={secret}"),
            "/sources/openwebui/{name}/{secret}" => {
                format!("{}/sources/openwebui/main/{secret}", PREFIXES[0])
            }
            _ => address,
        };
        let media_type = match kind {
            Kind::Api => "application/json",
            Kind::Page => "application/x-www-form-urlencoded",
        };
        let sent = request(&app, method, &address, Some(Role::Admin)).header(CONTENT_TYPE, media_type);
        let answer = Answer::of(app.send(sent.body(Body::from(body.clone())).unwrap()).await).await;
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            let says_so = "the body has more than";
            assert!(answer.text().to_lowercase().contains(says_so), "{method} {path}: {}", answer.text());
            let is_page = answer.header("content-type").starts_with("text/html");
            assert_eq!(is_page, kind == Kind::Page, "{method} {path}");
        } else {
            without.insert(format!("{method} {path}"));
        }
    }
    assert_eq!(without.iter().map(String::as_str).collect::<Vec<_>>(), WITHOUT_BODY);
}

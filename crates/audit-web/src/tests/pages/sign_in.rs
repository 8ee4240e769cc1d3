//! Signing in with a token, staying signed in, signing out.

use super::*;

const MINUTE: i64 = 60 * 1_000_000;

#[tokio::test]
async fn without_a_session_the_page_asks_for_a_token_and_comes_back() {
    let app = App::start();
    let mut browser = Browser::new(&app);
    let refused = browser.get("/audit?q=rotor").await;
    assert_eq!(refused.status, 401);
    let next = hidden(refused.text(), "next").replace("&#38;", "&");
    assert_eq!(next, "/audit?q=rotor");
    let token = app.token(Role::Auditor).to_owned();
    let answer = browser.submit("/audit/sign-in", &[("token", &token), ("next", &next)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/audit?q=rotor"));
    let page = browser.get("/audit?q=rotor").await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains(&token), "the token is shown nowhere");
}

#[tokio::test]
async fn the_session_reads_the_interface_of_programs_too_but_changes_nothing_there() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let session = browser.get("/api/v1/auditlog/session").await;
    assert_eq!(session.json()["name"], "auditor");
    let appended = browser.submit("/api/v1/auditlog/events", &[]).await;
    appended.problem(403, "permission_required");
}

#[tokio::test]
async fn a_session_ends_with_the_secret_that_it_began_with() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    assert_eq!(browser.get("/audit").await.status, 200);
    let access = app.state.access();
    access.control().rotate_token("auditor", 1, app.state.now()).unwrap();
    access.reload().unwrap();
    assert_eq!(browser.get("/audit").await.status, 200, "for as long as that is good");
    access.control().rotate_token("auditor", 0, app.state.now()).unwrap();
    access.reload().unwrap();
    assert_eq!(browser.get("/audit").await.status, 401);
}

#[tokio::test]
async fn a_token_that_may_not_read_does_not_sign_in() {
    let app = App::start();
    let mut browser = Browser::new(&app);
    let token = app.token(Role::Ingest).to_owned();
    let answer = browser.submit("/audit/sign-in", &[("token", &token)]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers.get("set-cookie"), None);
    assert_eq!(app.deeds("audit.access_denied").await[0]["reason"], "permission_required");
}

#[tokio::test]
async fn failed_attempts_are_recorded_and_slow_down_the_next() {
    let app = App::start();
    let mut browser = Browser::new(&app);
    for _ in 0..5 {
        assert_eq!(browser.submit("/audit/sign-in", &[("token", "guess")]).await.status, 422);
    }
    let token = app.token(Role::Auditor).to_owned();
    let slowed = browser.submit("/audit/sign-in", &[("token", &token)]).await;
    assert_eq!((slowed.status.as_u16(), slowed.header("retry-after")), (429, "1"));
    app.clock.advance_micros(1_000_000);
    assert_eq!(browser.submit("/audit/sign-in", &[("token", &token)]).await.status, 303);
    let denied = app.deeds("audit.access_denied").await;
    assert_eq!(
        (&denied[0]["reason"], &denied[0]["client"]["ip"]),
        (&"invalid_token".into(), &"192.0.2.7".into())
    );
}

#[tokio::test]
async fn coming_and_going_is_on_the_record() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit").await;
    let key = hidden(page.text(), "key").to_owned();
    let cookie = browser.cookie.clone();
    assert_eq!(
        browser.submit("/audit/sign-out", &[("key", &key)]).await.header("location"),
        "/audit/sign-in"
    );
    browser.cookie = cookie;
    assert_eq!(browser.get("/audit").await.status, 401, "the old cookie is worth nothing");
    assert_eq!(
        app.deeds("audit.signed_in").await[0]["message"],
        "auditor signed in to the audit log's pages"
    );
    assert_eq!(app.deeds("audit.signed_out").await[0]["actor"]["name"], "auditor");
}

#[tokio::test]
async fn a_form_of_another_site_or_without_the_sessions_key_does_nothing() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit").await;
    let key = hidden(page.text(), "key").to_owned();
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(
            browser.submit_from(site, "/audit/sign-out", &[("key", &key)]).await.status,
            403,
            "{site}"
        );
    }
    browser.submit("/audit/sign-out", &[("key", "guess")]).await;
    assert_eq!(browser.get("/audit").await.status, 200, "still signed in");
}

#[tokio::test]
async fn browsers_that_do_not_say_the_site_say_the_origin() {
    let app = App::start();
    let send = |origin: Option<&str>| {
        let mut request =
            Request::builder().method(Method::POST).uri("/audit/theme").header("host", "audit.example:8321");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        app.send(request.body(Body::from("theme=dark&next=/audit?q=x")).unwrap())
    };
    assert_eq!(send(None).await.status(), 403);
    assert_eq!(send(Some("null")).await.status(), 403);
    assert_eq!(send(Some("http://evil.example")).await.status(), 403);
    let chosen = send(Some("http://audit.example:8321")).await;
    assert_eq!(
        (chosen.status().as_u16(), chosen.headers()["location"].to_str().unwrap()),
        (303, "/audit?q=x")
    );
    assert!(
        chosen.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with("secureai_audit_theme=dark; Path=/audit;")
    );
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    assert_eq!(browser.get("/audit").await.status, 200);
    let revoke = app.request(Method::DELETE, "/tokens/auditor", Role::Admin).body(Body::empty()).unwrap();
    assert_eq!(app.send(revoke).await.status(), 200);
    assert_eq!(browser.get("/audit").await.status, 401);
    browser.get("/api/v1/auditlog/session").await.problem(401, "invalid_token");
}

#[tokio::test]
async fn a_session_gets_another_id_from_time_to_time_and_ends_when_it_is_idle() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let first = browser.cookie.clone();
    app.clock.advance_micros(16 * MINUTE);
    assert_eq!(browser.get("/audit").await.status, 200);
    assert_ne!(browser.cookie, first);
    app.clock.advance_micros(61 * MINUTE);
    assert_eq!(browser.get("/audit").await.status, 401);
}

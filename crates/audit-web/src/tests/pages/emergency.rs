//! The way in when every other is shut.

use http::header::CONTENT_TYPE;
use serde_json::json;

use super::*;

const PASSWORD: &str = "correct horse battery staple";

async fn switch(app: &App, method: Method, role: Role, body: &str) -> Answer {
    let request = app.request(method, "/break-glass", role).header(CONTENT_TYPE, "application/json");
    Answer::of(app.send(request.body(Body::from(body.to_owned())).unwrap()).await).await
}

async fn set(app: &App, password: &str) {
    let answer = switch(app, Method::PUT, Role::Admin, &json!({ "password": password }).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn it_is_off_and_cannot_be_told_from_a_wrong_password() {
    let app = App::start();
    assert_eq!(switch(&app, Method::GET, Role::Admin, "").await.json(), json!({"on": false, "set": null}));
    let mut browser = Browser::new(&app);
    let form_off = browser.get("/audit/sign-in/emergency").await.text().to_owned();
    let off = browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    set(&app, "another good password").await;
    assert_eq!(browser.get("/audit/sign-in/emergency").await.text(), form_off);
    let wrong = browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    assert_eq!((off.status.as_u16(), off.text()), (422, wrong.text()));
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.headers.get("set-cookie"), None);
}

#[tokio::test]
async fn only_who_may_make_tokens_switches_it_on_or_off() {
    let app = App::start();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for role in [Role::Auditor, Role::Ingest] {
            assert_eq!(switch(&app, method.clone(), role, "{}").await.status, 403, "{method} {role}");
        }
    }
    for bad in [
        "",
        "{}",
        r#"{"password":7}"#,
        r#"{"password":"short"}"#,
        r#"{"password":"correct horse battery","x":1}"#,
    ] {
        switch(&app, Method::PUT, Role::Admin, bad).await.problem(422, "invalid_document");
    }
}

#[tokio::test]
async fn who_may_do_less_than_it_opens_does_not_set_it() {
    let app = App::start();
    let access = app.state.access();
    let rights = |scope: Option<&str>, permissions| audit_control::RoleRights {
        permissions,
        scope: scope.map(str::to_owned),
        withheld: audit_event::GroupSet::EMPTY,
    };
    let tokens_only = audit_control::Permissions::of(&[audit_control::Permission::TokensManage]);
    for (name, rights) in [
        ("token-clerk", rights(None, tokens_only)),
        ("local-admin", rights(Some("department:Sales"), audit_control::Permissions::ALL)),
    ] {
        access.control().create_role(name, &rights, crate::tests::app::NOW).unwrap();
        let new = audit_control::NewToken::of(name, name);
        let secret = access.control().create_token(&new, crate::tests::app::NOW).unwrap().1;
        access.reload().unwrap();
        for method in [Method::PUT, Method::DELETE] {
            let request = Request::builder()
                .method(method)
                .uri("/api/v1/auditlog/break-glass")
                .header("authorization", format!("Bearer {}", secret.reveal()))
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(json!({ "password": PASSWORD }).to_string()))
                .unwrap();
            Answer::of(app.send(request).await).await.problem(403, "permission_required");
        }
    }
    assert!(app.state.emergency().since().is_none());
}

#[tokio::test]
async fn it_does_not_approve_what_somebody_else_asked_for() {
    let app = App::start();
    let new = audit_control::NewToken::of("second", "admin");
    app.state.access().control().create_token(&new, crate::tests::app::NOW).unwrap();
    app.state.access().reload().unwrap();
    set(&app, PASSWORD).await;
    let source =
        |method| app.request(method, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
    app.send(source(Method::PUT)).await;
    let asked = Answer::of(app.send(source(Method::DELETE)).await).await.problem(409, "approval_required");
    let mut browser = Browser::new(&app);
    browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    let page = browser.get("/audit/approvals").await;
    let key = hidden(page.text(), "key").to_owned();
    let id = asked["approval"]["id"].as_str().unwrap();
    let form = [("key", key.as_str()), ("approval", id), ("decision", "approve")];
    assert_eq!(browser.submit("/audit/approvals", &form).await.status, 403);
}

#[tokio::test]
async fn it_opens_everything_and_is_loud_about_it() {
    let app = App::start();
    set(&app, PASSWORD).await;
    let mut browser = Browser::new(&app);
    let opened = browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    assert_eq!((opened.status.as_u16(), opened.header("location")), (303, "/audit"));
    assert_eq!(browser.get("/api/v1/auditlog/session").await.json()["role"], "admin");
    // Somebody else reads meanwhile.
    let mut other = Browser::signed_in(&app).await;
    assert!(other.get("/audit").await.text().contains("Emergency access is in use"), "everybody sees it");
    let signed_in = app.deeds("audit.signed_in").await;
    let event = signed_in.iter().find(|event| event["details"]["break_glass"] == true).expect("a loud event");
    assert_eq!((&event["severity"], &event["actor"]["id"]), (&json!("critical"), &json!("break-glass")));
    let changed = &app.deeds("audit.break_glass_changed").await[0];
    assert_eq!(changed["changes"], json!([{"field": "on", "before": false, "after": true}]));
    assert!(!changed.to_string().contains(PASSWORD));
    app.clock.advance_micros(16 * 60 * 1_000_000);
    assert!(!other.get("/audit").await.text().contains("Emergency access is in use"), "it is over");
}

#[tokio::test]
async fn switching_it_off_or_setting_another_password_ends_its_sessions() {
    let app = App::start();
    for end in [Method::DELETE, Method::PUT] {
        set(&app, PASSWORD).await;
        let mut browser = Browser::new(&app);
        browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
        assert_eq!(browser.get("/audit").await.status, 200);
        app.clock.advance_micros(1_000_000);
        let another = json!({"password": "another good password"}).to_string();
        assert_eq!(switch(&app, end.clone(), Role::Admin, &another).await.status, 200);
        assert_eq!(browser.get("/audit").await.status, 401, "{end}");
    }
}

#[tokio::test]
async fn guesses_slow_down_the_address_and_after_ten_everybody() {
    let app = App::start();
    set(&app, PASSWORD).await;
    let mut browser = Browser::new(&app);
    let mut waited = 0;
    for guess in 0..10 {
        let answer = browser.submit("/audit/sign-in/emergency", &[("password", "a guess, a guess")]).await;
        assert_eq!(answer.status, 422, "guess {guess}");
        if let Some(seconds) =
            app.state.sign_ins().attempts.wait(Some("192.0.2.7".parse().unwrap()), app.state.now())
        {
            app.clock.advance_micros(seconds * 1_000_000);
            waited += seconds;
        }
    }
    assert_eq!(waited, 1 + 2 + 4 + 8 + 16 + 32);
    let answer = browser.submit("/audit/sign-in/emergency", &[("password", "a guess, a guess")]).await;
    assert_eq!(answer.status, 422);
    assert!(app.state.emergency().wait(app.state.now()).is_some(), "whoever they are");
    app.clock.advance_micros(120 * 1_000_000);
    let opened = browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    assert_eq!(opened.status, 303);
    assert!(app.state.emergency().wait(app.state.now()).is_none(), "forgotten");
}

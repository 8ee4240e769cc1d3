//! Signing in with an identity provider, as a browser does it.

use std::sync::Arc;

use audit_control::{Permission, Permissions, RoleRights};
use audit_event::Group;
use serde_json::{Value, json};

use super::*;
use crate::oidc::tests::{Fake, settings};
use crate::oidc::{Provider, Settings};
use crate::tests::app::{NOW, event};

fn app_with(fake: &Fake, settings: Settings) -> App {
    App::start_with_provider(Provider::build(settings, Arc::new(fake.clone()), &[7; 32]).unwrap())
}

fn app(fake: &Fake) -> App {
    app_with(fake, settings())
}

/// A browser that keeps the attempt's cookie, too.
pub(in crate::tests) struct Visit<'a> {
    pub(in crate::tests) browser: Browser<'a>,
    attempt: String,
    back: String,
}

impl<'a> Visit<'a> {
    /// Goes to the provider, signs in there, and has the address to come back with.
    pub(in crate::tests) async fn begin(app: &'a App, fake: &Fake, next: &str) -> Self {
        let mut browser = Browser::new(app);
        let answer = browser.get(&format!("/audit/sign-in/provider?next={next}")).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let line = answer.header("set-cookie").to_owned();
        assert!(
            line.contains("; HttpOnly; SameSite=Lax") && line.contains("Path=/audit/sign-in/provider;"),
            "{line}"
        );
        let location = answer.header("location").to_owned();
        let state = crate::oidc::tests::parameter(&location, "state");
        let code = fake.sign_in(&location);
        let back = format!(
            "/audit/sign-in/provider/callback?code={code}&state={state}&iss=https%3A%2F%2Fid.example"
        );
        Self { browser, attempt: line.split(';').next().unwrap().to_owned(), back }
    }

    pub(in crate::tests) async fn come_back(&mut self) -> Answer {
        let cookies = format!("{}; {}", self.attempt, self.browser.cookie);
        let request =
            Request::builder().uri(&self.back).header("cookie", cookies).body(Body::empty()).unwrap();
        self.browser.send(request).await
    }
}

#[tokio::test]
async fn somebody_signs_in_reads_and_signs_out_at_the_provider_too() {
    let fake = Fake::new(NOW);
    let app = app(&fake);
    let refused = Browser::new(&app).get("/audit?q=rotor").await;
    assert!(refused.text().contains("Sign in with Example"), "{}", refused.text());
    let mut visit = Visit::begin(&app, &fake, "%2Faudit%3Fq%3Drotor").await;
    let moved = visit.come_back().await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert!(
        moved.text().contains("http-equiv=\"refresh\" content=\"0; url=/audit?q=rotor\""),
        "{}",
        moved.text()
    );
    assert_eq!(moved.header("referrer-policy"), "no-referrer");
    let session = visit.browser.get("/api/v1/auditlog/session").await.json();
    assert_eq!(
        (&session["id"], &session["name"], &session["role"]),
        (&json!("ada"), &json!("Ada"), &json!("auditor"))
    );
    let page = visit.browser.get("/audit").await;
    assert!(page.header("content-security-policy").contains("form-action 'self' https://id.example"));
    let key = hidden(page.text(), "key").to_owned();
    let out = visit.browser.submit("/audit/sign-out", &[("key", &key)]).await;
    assert!(
        out.header("location").starts_with("https://id.example/end?id_token_hint="),
        "{}",
        out.header("location")
    );
    assert_eq!(visit.browser.get("/audit").await.status, 401);
    let signed_in = &app.deeds("audit.signed_in").await[0];
    assert_eq!(
        (&signed_in["actor"]["email"], &signed_in["actor"]["type"]),
        (&json!("ada@example.test"), &json!("user"))
    );
    assert_eq!(signed_in["details"]["by"], "oidc");
    assert_eq!(app.deeds("audit.signed_out").await[0]["actor"]["id"], "ada");
}

#[tokio::test]
async fn a_session_has_an_id_that_nobody_knew_before() {
    let fake = Fake::new(NOW);
    let app = app(&fake);
    let mut visit = Visit::begin(&app, &fake, "").await;
    visit.browser.cookie = "secureai_audit_session=planted".to_owned();
    assert_eq!(visit.come_back().await.status, 200);
    assert_ne!(visit.browser.cookie, "secureai_audit_session=planted");
    let first = visit.browser.cookie.clone();
    let mut again = Visit::begin(&app, &fake, "").await;
    again.browser.cookie.clone_from(&first);
    assert_eq!(again.come_back().await.status, 200);
    assert_ne!(again.browser.cookie, first);
    let mut former = Browser::new(&app);
    former.cookie = first;
    assert_eq!(former.get("/audit").await.status, 401, "the session before has ended");
}

#[tokio::test]
async fn who_has_no_role_sees_a_page_that_says_so_and_that_is_recorded() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.claims.extend([("groups".to_owned(), json!(["others"]))]));
    let app = app(&fake);
    let mut visit = Visit::begin(&app, &fake, "").await;
    let refused = visit.come_back().await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("You are signed in as Ada, but none of your groups may see the audit log"),
        "{}",
        refused.text()
    );
    assert_eq!(visit.browser.get("/audit").await.status, 401);
    let denied = &app.deeds("audit.access_denied").await[0];
    assert_eq!(
        (&denied["reason"], &denied["actor"]["id"], &denied["outcome"]),
        (&json!("no_role"), &json!("ada"), &json!("denied"))
    );
}

#[tokio::test]
async fn a_return_without_its_cookie_or_of_another_sign_in_opens_nothing() {
    let fake = Fake::new(NOW);
    let app = app(&fake);
    let (mut mine, other) = (Visit::begin(&app, &fake, "").await, Visit::begin(&app, &fake, "").await);
    let mut stranger = Browser::new(&app);
    assert_eq!(stranger.get(&mine.back).await.status, 400, "no cookie");
    mine.attempt = other.attempt;
    assert_eq!(mine.come_back().await.status, 400, "another state");
    let reasons: Vec<Value> =
        app.deeds("audit.access_denied").await.iter().map(|deed| deed["reason"].clone()).collect();
    assert_eq!(reasons, ["sign_in_not_begun", "sign_in_state_mismatch"]);
}

#[tokio::test]
async fn what_is_not_believed_opens_nothing_and_slows_the_address_down() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.claims.extend([("aud".to_owned(), json!("other"))]));
    let app = app(&fake);
    for _ in 0..5 {
        let mut visit = Visit::begin(&app, &fake, "").await;
        assert_eq!(visit.come_back().await.status, 403);
    }
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 429);
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_tokens_still_open() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.is_down = true);
    let app = app(&fake);
    let mut browser = Browser::new(&app);
    let answer = browser.get("/audit/sign-in/provider").await;
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("does not answer") && answer.text().contains("name=\"token\""),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("connection refused"), "what it was is for the log");
    let token = app.token(Role::Auditor).to_owned();
    assert_eq!(browser.submit("/audit/sign-in", &[("token", &token)]).await.status, 303);
}

#[tokio::test]
async fn a_head_of_department_sees_their_department_and_nothing_else() {
    let fake = Fake::new(NOW);
    fake.set(|lies| {
        let claims = [("groups", json!(["leads"])), ("department", json!("R&D \"Nord\" OR *"))];
        lies.claims.extend(claims.map(|(name, value)| (name.to_owned(), value)));
    });
    let app = app(&fake);
    let of = |id: &str, department: &str| sample(id, 1, &json!({"org": {"department": department}}));
    app.record(&[of("theirs", "R&D \"Nord\" OR *"), of("sales", "Sales"), sample("nobodys", 1, &json!({}))])
        .await;
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 200);
    let page = visit.browser.get("/api/v1/auditlog/?limit=10").await.json();
    assert_eq!(crate::tests::app::ids(&page), ["theirs"]);
    assert_eq!(visit.browser.get("/api/v1/auditlog/sales").await.status, 404);
    assert_eq!(visit.browser.get("/api/v1/auditlog/tokens").await.status, 403);
}

#[tokio::test]
async fn a_session_ends_after_the_configured_hours_however_much_it_is_used() {
    let fake = Fake::new(NOW);
    let app = app_with(&fake, Settings { session: std::time::Duration::from_secs(2 * 3_600), ..settings() });
    let mut visit = Visit::begin(&app, &fake, "").await;
    visit.come_back().await;
    for _ in 0..4 {
        assert_eq!(visit.browser.get("/audit").await.status, 200);
        app.clock.advance_micros(30 * 60 * 1_000_000);
    }
    assert_eq!(visit.browser.get("/audit").await.status, 401);
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let app = App::start();
    let mut browser = Browser::new(&app);
    assert_eq!(browser.get("/audit/sign-in/provider").await.status, 404);
    assert_eq!(browser.get("/audit/sign-in/provider/callback?code=x&state=y").await.status, 404);
    assert!(!browser.get("/audit/sign-in").await.text().contains("/audit/sign-in/provider"));
}

/// What the role of that name allows, from now on.
fn role_of_our_own(app: &App, scope: &str) {
    let rights = RoleRights {
        permissions: Permissions::of(&[Permission::EventsRead]),
        scope: Some(scope.to_owned()),
        withheld: [Group::Content].into_iter().collect(),
    };
    let control = app.state.access().control();
    if control.create_role("desk", &rights, NOW).is_err() {
        control.change_role("desk", &rights, NOW).unwrap();
    }
    app.state.access().reload().unwrap();
}

#[tokio::test]
async fn a_group_may_have_a_role_of_our_own_and_what_it_allows_is_asked_at_each_request() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.claims.extend([("groups".to_owned(), json!(["desk-people"]))]));
    let mut settings = settings();
    settings.roles.push(("desk-people".to_owned(), crate::oidc::Grant::parse("desk")));
    let app = app_with(&fake, settings);
    let of = |number: usize, department: &str| {
        let id = format!("e-{number}");
        event(&id, 1, &json!({ "org": { "department": department }, "message": "a secret text" }))
    };
    app.record(&[of(0, "sales"), of(1, "board")]).await;
    let mut early = Visit::begin(&app, &fake, "").await;
    assert_eq!(early.come_back().await.status, 403, "there is no such role yet");

    role_of_our_own(&app, "department:sales");
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 200);
    let session = visit.browser.get("/api/v1/auditlog/session").await.json();
    assert_eq!((&session["role"], &session["permissions"]), (&json!("desk"), &json!(["events.read"])));
    assert_eq!(visit.browser.get("/api/v1/auditlog/e-1").await.status, 404);
    let seen = visit.browser.get("/api/v1/auditlog/e-0").await;
    assert!(seen.status == 200 && !seen.text().contains("a secret text"), "{}", seen.text());
    assert_eq!(visit.browser.get("/audit/exports").await.status, 403);

    role_of_our_own(&app, "department:board");
    assert_eq!(visit.browser.get("/api/v1/auditlog/e-0").await.status, 404, "the role as it is now");
    app.state.access().control().remove_role("desk", NOW).unwrap();
    app.state.access().reload().unwrap();
    assert_eq!(visit.browser.get("/audit").await.status, 401, "and without it nobody");
}

#[tokio::test]
async fn whoever_has_the_same_id_elsewhere_is_somebody_else() {
    let fake = Fake::new(NOW);
    let app = app(&fake);
    let hers = audit_control::NewView {
        owner: "ada",
        owner_name: "Ada of the platform",
        name: "Hers",
        query: "q=x",
        shared: false,
    };
    let hers = app.state.access().control().save_view(&hers, NOW).unwrap();
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 200);
    let session = visit.browser.get("/api/v1/auditlog/session").await.json();
    assert_eq!(session["id"], "ada", "called as at the provider");
    assert!(!visit.browser.get("/api/v1/auditlog/views").await.text().contains("Hers"));
    assert_eq!(visit.browser.get(&format!("/api/v1/auditlog/views/{}", hers.id)).await.status, 404);
}

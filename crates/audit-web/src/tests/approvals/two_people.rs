//! The ways in which one person could come as two.

use std::sync::Arc;

use audit_control::{Permission, Permissions, RoleRights};
use audit_event::GroupSet;

use super::*;
use crate::oidc::tests::{Fake, settings};
use crate::oidc::{Grant, Provider};
use crate::tests::pages::{Browser, Visit, hidden};
use crate::tests::sessions::Platform;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3_600 * SECOND;

/// A token that the bearer of another made, by its text.
async fn made_by(app: &App, maker: &str, name: &str, role: &str) -> String {
    let wish = json!({ "name": name, "role": role });
    let made = ask(app, maker, Method::POST, "/tokens", Some(wish)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["secret"].as_str().unwrap().to_owned()
}

/// Another secret for a token; the one before is good for `hours` more.
async fn rotated_by(app: &App, who: &str, name: &str, hours: u32) -> String {
    let overlap = json!({ "overlap_hours": hours });
    let rotated = ask(app, who, Method::POST, &format!("/tokens/{name}/rotate"), Some(overlap)).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    rotated.json()["secret"].as_str().unwrap().to_owned()
}

/// The id of the request that `token` makes to remove the source, some time after all that was before.
async fn asked_by(app: &App, token: &str) -> String {
    app.clock.advance_micros(SECOND);
    let put = ask(app, token, Method::PUT, SOURCE, None).await.status;
    assert!(put == 201 || put == 409, "{put}");
    asked_again(app, token).await
}

/// A role that may do everything, and how another is asked for in its place.
const LESS: &str = r#"{"permissions":["events.read"]}"#;

fn boss(app: &App) {
    let rights = RoleRights { permissions: Permissions::ALL, scope: None, withheld: GroupSet::EMPTY };
    app.state.access().control().create_role("boss", &rights, NOW).unwrap();
    app.state.access().reload().unwrap();
}

/// A bearer of that role whom nobody made by the API.
fn a_boss(app: &App) -> String {
    boss(app);
    let new = NewToken { expiry: Expiry::Never, ..NewToken::of("the-boss", "boss") };
    let secret = app.state.access().control().create_token(&new, NOW).unwrap().1;
    app.state.access().reload().unwrap();
    secret.reveal().to_owned()
}

#[tokio::test]
async fn two_tokens_that_one_admin_made_are_not_two_people() {
    let app = App::start();
    let honest = another_admin(&app, "honest");
    let first = app.token(Role::Admin).to_owned();
    let one = made_by(&app, &first, "one", "admin").await;
    let other = made_by(&app, &first, "other", "admin").await;
    let grandchild = made_by(&app, &one, "grandchild", "admin").await;
    let id = asked_by(&app, &one).await;
    for token in [&other, &first, &grandchild] {
        decide(&app, token, &id, "approve").await.problem(403, "permission_required");
    }
    let of_the_other = asked_by(&app, &other).await;
    decide(&app, &grandchild, &of_the_other, "approve").await.problem(403, "permission_required");
    assert_eq!(decide(&app, &honest, &id, "approve").await.status, 200);
    assert_eq!(ask(&app, &one, Method::DELETE, SOURCE, None).await.status, 200);
}

#[tokio::test]
async fn whoever_holds_the_former_secret_of_a_token_is_its_bearer_too() {
    let app = App::start();
    let honest = another_admin(&app, "honest");
    let first = app.token(Role::Admin).to_owned();
    let former = made_by(&app, &first, "second", "admin").await;
    let present = rotated_by(&app, &honest, "second", 24).await;
    let id = asked_by(&app, &first).await;
    for secret in [&former, &present] {
        decide(&app, secret, &id, "approve").await.problem(403, "permission_required");
    }
    // When the former secret is over, it is the other's alone.
    app.clock.advance_micros(DAY);
    let id = asked_by(&app, &first).await;
    assert_eq!(ask(&app, &former, Method::GET, "/session", None).await.status, 401);
    assert_eq!(decide(&app, &present, &id, "approve").await.status, 200);
}

#[tokio::test]
async fn whoever_rotates_with_a_former_secret_has_the_new_one() {
    let app = App::start();
    let honest = another_admin(&app, "honest");
    let first = app.token(Role::Admin).to_owned();
    let former = made_by(&app, &first, "second", "admin").await;
    rotated_by(&app, &honest, "second", 24).await;
    let taken_back = rotated_by(&app, &former, "second", 0).await;
    app.clock.advance_micros(2 * DAY);
    let id = asked_by(&app, &first).await;
    decide(&app, &taken_back, &id, "approve").await.problem(403, "permission_required");
}

#[tokio::test]
async fn whoever_lost_the_right_to_decide_by_a_change_of_their_role_still_counts_for_a_day() {
    let app = App::start();
    let boss = a_boss(&app);
    let first = app.token(Role::Admin).to_owned();
    let id = asked_by(&app, &first).await;
    let less = serde_json::from_str(LESS).unwrap();
    assert_eq!(ask(&app, &first, Method::PUT, "/roles/boss", Some(less)).await.status, 200);
    assert_eq!(asked_again(&app, &first).await, id);
    decide(&app, &boss, &id, "approve").await.problem(403, "permission_required");
    app.clock.advance_micros(DAY + SECOND);
    assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200, "then they are alone");
}

#[tokio::test]
async fn whoever_was_revoked_still_counts_when_their_role_is_gone() {
    let app = App::start();
    a_boss(&app);
    let first = app.token(Role::Admin).to_owned();
    asked_by(&app, &first).await;
    assert_eq!(ask(&app, &first, Method::DELETE, "/tokens/the-boss", None).await.status, 200);
    assert_eq!(ask(&app, &first, Method::DELETE, "/roles/boss", None).await.status, 200);
    asked_again(&app, &first).await;
    // Nor does it help to make the role again as one that decides nothing.
    let less = json!({ "name": "boss", "permissions": ["events.read"] });
    assert_eq!(ask(&app, &first, Method::POST, "/roles", Some(less)).await.status, 201);
    asked_again(&app, &first).await;
    app.clock.advance_micros(DAY + SECOND);
    assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200, "then they are alone");
}

#[tokio::test]
async fn whoever_expired_lately_still_counts() {
    let app = App::start();
    let new = NewToken { expiry: Expiry::Days(1), ..NewToken::of("brief", "admin") };
    app.state.access().control().create_token(&new, NOW).unwrap();
    app.state.access().reload().unwrap();
    let first = app.token(Role::Admin).to_owned();
    asked_by(&app, &first).await;
    app.clock.advance_micros(DAY + SECOND);
    asked_again(&app, &first).await;
    app.clock.advance_micros(DAY);
    assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200, "then they are alone");
}

/// Behind an identity provider whose administrators have the role `boss`.
fn app_with_bosses(fake: &Fake) -> App {
    let mut settings = settings();
    settings.roles = vec![("audit-admins".to_owned(), Grant::parse("boss"))];
    let app = App::start_with_provider(Provider::build(settings, Arc::new(fake.clone()), &[7; 32]).unwrap());
    boss(&app);
    app
}

#[tokio::test]
async fn admins_of_the_identity_provider_still_count_when_their_role_is_taken_from_them() {
    for path in [Method::PUT, Method::DELETE] {
        let app = app_with_bosses(&Fake::new(NOW));
        let first = app.token(Role::Admin).to_owned();
        asked_by(&app, &first).await;
        let less = (path == Method::PUT).then(|| serde_json::from_str(LESS).unwrap());
        assert_eq!(ask(&app, &first, path.clone(), "/roles/boss", less).await.status, 200);
        asked_again(&app, &first).await;
        app.clock.advance_micros(DAY + SECOND);
        assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn one_address_of_mail_is_one_person() {
    let fake = Fake::new(NOW);
    fake.set(|lies| {
        let claims = [("groups", json!(["audit-admins"])), ("email", json!("Admin@Example.test"))];
        lies.claims.extend(claims.map(|(name, value)| (name.to_owned(), value)));
    });
    let provider = Provider::build(settings(), Arc::new(fake.clone()), &[7; 32]).unwrap();
    let app = App::start_between(Arc::new(Platform), provider);
    let id = asked_by(&app, "admin").await;
    let by_the_platforms = made_by(&app, "admin", "hers", "admin").await;
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 200);
    let approve = async |browser: &mut Browser<'_>, id: &str| {
        let page = browser.get("/audit/approvals").await;
        let key = hidden(page.text(), "key").to_owned();
        let form = [("key", key.as_str()), ("approval", id), ("decision", "approve")];
        browser.submit("/audit/approvals", &form).await.status
    };
    assert_eq!(approve(&mut visit.browser, &id).await, 403);
    // Nor does a token help that the same person made as the one and uses against the other.
    app.clock.advance_micros(SECOND);
    let by_token = asked_again(&app, &by_the_platforms).await;
    assert_eq!(approve(&mut visit.browser, &by_token).await, 403);

    fake.set(|lies| {
        lies.claims.extend([("email".to_owned(), json!("somebody.else@example.test"))]);
        lies.claims.extend([("sub".to_owned(), json!("grace"))]);
    });
    let mut visit = Visit::begin(&app, &fake, "").await;
    assert_eq!(visit.come_back().await.status, 200);
    assert_eq!(approve(&mut visit.browser, &id).await, 303);
    assert_eq!(ask(&app, "admin", Method::DELETE, SOURCE, None).await.status, 200);
}

#[tokio::test]
async fn the_approval_of_somebody_who_may_no_longer_decide_is_void() {
    let app = App::start();
    let honest = another_admin(&app, "honest");
    another_admin(&app, "third");
    let first = app.token(Role::Admin).to_owned();
    let id = asked_by(&app, &first).await;
    assert_eq!(decide(&app, &honest, &id, "approve").await.status, 200);
    assert_eq!(ask(&app, &first, Method::DELETE, "/tokens/honest", None).await.status, 200);
    let anew = asked_again(&app, &first).await;
    assert_ne!(anew, id);
    let deeds = app.deeds("audit.approval_expired").await;
    assert_eq!((&deeds[0]["target"]["id"], &deeds[0]["reason"]), (&json!(id), &json!("approver_gone")));
}

/// Somebody in by the emergency password, and their forms' key.
async fn emergency(app: &App) -> (Browser<'_>, String) {
    const PASSWORD: &str = "correct horse battery staple";
    app.state.control().set_break_glass(PASSWORD, app.state.now()).unwrap();
    app.state.emergency().reload().unwrap();
    let mut browser = Browser::new(app);
    let opened = browser.submit("/audit/sign-in/emergency", &[("password", PASSWORD)]).await;
    assert_eq!(opened.status, 303, "{}", opened.text());
    let key = hidden(browser.get("/audit/access").await.text(), "key").to_owned();
    (browser, key)
}

#[tokio::test]
async fn what_is_asked_for_in_an_emergency_nobody_approves() {
    // One admin with a token; those of the platform, where it stands before one, are another.
    let app = App::start_behind(Config::default(), Some(Arc::new(Platform)));
    let (mut browser, key) = emergency(&app).await;
    let revoke = [("key", key.as_str()), ("act", "revoke"), ("name", "admin")];
    let refused = browser.submit("/audit/access/tokens", &revoke).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("at the machine"), "{}", refused.text());
    let all = ask(&app, "admin", Method::GET, "/approvals", None).await.json();
    assert_eq!(all["approvals"], json!([]));
}

#[tokio::test]
async fn an_emergency_gives_nobody_anything_that_outlasts_it() {
    let app = App::start();
    another_admin(&app, "second");
    boss(&app);
    let (mut browser, key) = emergency(&app).await;
    let days = ("days", "3650");
    let key = ("key", key.as_str());
    for form in [
        vec![key, ("act", "create"), ("name", "lasting"), ("role", "admin"), days],
        vec![key, ("act", "rotate"), ("name", "second")],
    ] {
        let answer = browser.submit("/audit/access/tokens", &form).await;
        assert_eq!(answer.status, 403, "{form:?}: {}", answer.text());
        assert!(!answer.text().contains("saa_"));
    }
    for act in ["create", "change"] {
        let name = if act == "create" { "mighty" } else { "boss" };
        let form = [key, ("act", act), ("name", name), ("permissions", "tokens.manage")];
        assert_eq!(browser.submit("/audit/access/roles", &form).await.status, 403, "{act}");
    }
    // What stops somebody can be done.
    let revoke = [key, ("act", "revoke"), ("name", "second")];
    assert_eq!(browser.submit("/audit/access/tokens", &revoke).await.status, 200);
    assert_eq!(
        browser.submit("/audit/access/roles", &[key, ("act", "remove"), ("name", "boss")]).await.status,
        200
    );
}

#[tokio::test]
async fn a_role_may_be_for_deciding_alone() {
    let app = App::start();
    let rights = RoleRights {
        permissions: Permissions::of(&[Permission::ApprovalsDecide]),
        scope: None,
        withheld: GroupSet::EMPTY,
    };
    app.state.access().control().create_role("deciders", &rights, NOW).unwrap();
    let new = NewToken::of("decider", "deciders");
    let decider = app.state.access().control().create_token(&new, NOW).unwrap().1;
    app.state.access().reload().unwrap();
    let first = app.token(Role::Admin).to_owned();
    let id = asked_by(&app, &first).await;
    assert_eq!(decide(&app, decider.reveal(), &id, "approve").await.status, 200);
    assert_eq!(ask(&app, &first, Method::DELETE, SOURCE, None).await.status, 200);
}

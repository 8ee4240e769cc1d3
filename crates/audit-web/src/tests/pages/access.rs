//! The page on which tokens and roles are managed.

use super::*;

/// A browser of the admin, on the page.
async fn admin(app: &App) -> (Browser<'_>, String) {
    let mut browser = Browser::new(app);
    let token = app.token(Role::Admin).to_owned();
    browser.submit("/audit/sign-in", &[("token", &token)]).await;
    let page = browser.get("/audit/access").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let key = hidden(page.text(), "key").to_owned();
    (browser, key)
}

#[tokio::test]
async fn a_token_is_made_shown_once_rotated_and_revoked() {
    let app = App::start();
    let (mut browser, key) = admin(&app).await;
    let wish = [
        ("key", key.as_str()),
        ("act", "create"),
        ("name", "sales"),
        ("role", "viewer"),
        ("scope", "department:Sales"),
        ("networks", "192.0.2.0/24, 10.0.0.7"),
        ("days", "30"),
    ];
    let made = browser.submit("/audit/access/tokens", &wish).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let secret = part(made.text(), "<code class=\"secret\">saa_", "</code>");
    let later = browser.get("/audit/access").await;
    assert!(
        later.text().contains("10.0.0.7/32")
            && !later.text().contains("saa_")
            && !later.text().contains(&secret)
    );

    let rotate = [("key", key.as_str()), ("act", "rotate"), ("name", "sales")];
    let rotated = browser.submit("/audit/access/tokens", &rotate).await;
    assert!(
        rotated.text().contains("class=\"secret\">saa_") && rotated.text().contains("former secret until")
    );
    let revoke = [("key", key.as_str()), ("act", "revoke"), ("name", "sales")];
    let revoked = browser.submit("/audit/access/tokens", &revoke).await;
    assert!(revoked.text().contains("sales is refused from now on"), "{}", revoked.text());
    for action in ["audit.token_created", "audit.token_rotated", "audit.token_revoked"] {
        assert_eq!(app.deeds(action).await[0]["target"]["name"], "sales", "{action}");
    }
}

#[tokio::test]
async fn a_role_is_made_and_stands_in_the_matrix_until_it_is_removed() {
    let app = App::start();
    let (mut browser, key) = admin(&app).await;
    let wish = [
        ("key", key.as_str()),
        ("act", "create"),
        ("name", "usage-only"),
        ("permissions", "usage.read"),
        ("permissions", "events.read"),
        ("withheld", "actor"),
    ];
    let made = browser.submit("/audit/access/roles", &wish).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(made.text().contains("<th scope=\"col\">usage-only</th>"));
    let changes = app.deeds("audit.role_created").await[0]["changes"].clone();
    assert_eq!(changes[0]["after"], serde_json::json!(["events.read", "usage.read"]));
    let remove = [("key", key.as_str()), ("act", "remove"), ("name", "usage-only")];
    let removed = browser.submit("/audit/access/roles", &remove).await;
    assert!(!removed.text().contains("<th scope=\"col\">usage-only</th>"));
}

#[tokio::test]
async fn a_role_is_changed_on_its_page_and_the_change_is_on_record() {
    let app = App::start();
    let (mut browser, key) = admin(&app).await;
    let role = |act: &'static str, scope: &'static str| {
        [
            ("key", key.as_str()),
            ("act", act),
            ("name", "sales-lead"),
            ("permissions", "events.read"),
            ("scope", scope),
            ("withheld", "content"),
        ]
    };
    browser.submit("/audit/access/roles", &role("create", "department:Sales")).await;
    let page = browser.get("/audit/access?role=sales-lead").await;
    assert!(page.text().contains("<details id=\"role\" open>"), "{}", page.text());
    assert!(page.text().contains("name=\"permissions\" value=\"events.read\" checked"));
    assert!(page.text().contains("name=\"withheld\" value=\"content\" checked"));
    assert!(page.text().contains("value=\"department:Sales\" data-filter"));

    let changed = browser.submit("/audit/access/roles", &role("change", "department:Finance")).await;
    assert!(changed.text().contains("The role sales-lead is changed"), "{}", changed.text());
    let deed = app.deeds("audit.role_changed").await[0].clone();
    assert_eq!(deed["changes"][0]["after"], "department:Finance");

    let wrong = browser.submit("/audit/access/roles", &role("change", "departmant:Sales")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("value=\"departmant:Sales\" data-filter"), "what was sent is kept");
    let none = browser.get("/audit/access?role=admin").await;
    assert!(!none.text().contains("<details id=\"role\" open>"), "a built-in role cannot be changed");
}

#[tokio::test]
async fn a_form_of_another_session_changes_nothing() {
    let app = App::start();
    let (mut browser, _) = admin(&app).await;
    let forged = [("key", "guessed"), ("act", "revoke"), ("name", "auditor")];
    assert_eq!(browser.submit("/audit/access/tokens", &forged).await.status, 403);
    assert!(browser.get("/audit/access").await.text().contains("auditor"));
    assert_eq!(Browser::signed_in(&app).await.get("/audit/access").await.status, 403);
}

#[tokio::test]
async fn the_last_admin_cannot_be_revoked() {
    let app = App::start();
    let (mut browser, key) = admin(&app).await;
    let revoke = [("key", key.as_str()), ("act", "revoke"), ("name", "admin")];
    let refused = browser.submit("/audit/access/tokens", &revoke).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("the last token that may manage tokens"));
}

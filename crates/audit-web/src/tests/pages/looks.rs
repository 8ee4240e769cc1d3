//! Who looked.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_page_shows_who_looked_at_what_and_how_much() {
    let app = App::start();
    app.record(&[sample("e-1", 5, &json!({})), sample("e-2", 4, &json!({}))]).await;
    app.get("/?limit=1&user=ada@example.com").await;
    app.get("/e-1").await;
    let file = app.get("/?format=csv&user=ada@example.com").await;
    app.send(app.request(Method::GET, "/tokens", Role::Auditor).body(Body::empty()).unwrap()).await;
    app.state.activity().flush();
    app.catch_up();

    let mut browser = Browser::signed_in(&app).await;
    app.state.activity().flush();
    app.catch_up();
    let page = browser.get("/audit/looks").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let rows = part(page.text(), "<tbody>", "</tbody>");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&file.body);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    for shown in [
        "user:ada@example.com",
        "event e-1",
        "1 shown",
        "2 events",
        &sha256,
        "permission required",
        "Sign-in",
    ] {
        assert!(rows.contains(shown), "{shown}: {rows}");
    }
    assert!(!rows.contains("auth.login"), "only looks are shown");
}

#[tokio::test]
async fn looks_are_chosen_by_kind_person_and_event() {
    let app = App::start();
    app.record(&[sample("e-1", 5, &json!({})), sample("e-2", 4, &json!({}))]).await;
    app.get("/e-1").await;
    app.get("/e-2").await;
    app.get("/e-2/proof").await;
    app.get("/?limit=1").await;
    app.state.activity().flush();
    app.catch_up();
    let mut browser = Browser::signed_in(&app).await;
    let mut rows = async |address: &str| {
        app.state.activity().flush();
        app.catch_up();
        let page = browser.get(address).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page.text().matches("<tr class=").count()
    };
    assert_eq!(rows("/audit/looks?target=e-2").await, 2, "opened and proved");
    assert_eq!(rows("/audit/looks?kind=views").await, 2);
    assert_eq!(rows("/audit/looks?kind=proofs&user=auditor").await, 1);
    assert_eq!(rows("/audit/looks?kind=proofs&user=nobody").await, 0);
    assert_eq!(browser.get("/audit/looks?kind=glances").await.status, 400);
    let event = browser.get("/audit/events/1").await;
    assert!(event.text().contains("href=\"/audit/looks?target=e-2\""), "an event leads to who looked at it");
}

#[tokio::test]
async fn csv_and_events_are_the_ordinary_listing() {
    let app = App::start();
    app.record(&[sample("e-1", 5, &json!({}))]).await;
    app.get("/e-1").await;
    app.state.activity().flush();
    app.catch_up();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/looks?kind=views&user=auditor").await;
    let link = part(page.text(), "/api/v1/auditlog?action=", "\"").replace("&#38;", "&");
    let csv = browser.get(link.trim_end_matches('"')).await;
    assert!(csv.header("content-type").starts_with("text/csv"), "{}", csv.header("content-type"));
    assert_eq!(csv.text().lines().count(), 2, "{}", csv.text());
}

#[tokio::test]
async fn requests_wait_on_their_page_for_another_admin() {
    let app = App::start();
    let access = app.state.access();
    let new = audit_control::NewToken {
        expiry: audit_control::Expiry::Never,
        ..audit_control::NewToken::of("second", "admin")
    };
    let earlier = audit_event::Timestamp::from_micros(super::super::app::NOW.as_micros() - 1);
    let second = access.control().create_token(&new, earlier).unwrap().1;
    access.reload().unwrap();
    for method in [Method::PUT, Method::DELETE] {
        let request =
            app.request(method, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
        app.send(request).await;
    }
    let mut browser = Browser::new(&app);
    browser.submit("/audit/sign-in", &[("token", second.reveal())]).await;
    let page = browser.get("/audit/approvals").await;
    assert!(page.text().contains("remove the source main"), "{}", page.text());
    let (key, id) = (hidden(page.text(), "key").to_owned(), hidden(page.text(), "approval").to_owned());
    let fields = [("key", key.as_str()), ("approval", &id), ("decision", "approve"), ("note", "fine")];
    let decided = browser.submit("/audit/approvals", &fields).await;
    assert_eq!(decided.header("location"), "/audit/approvals", "{}", decided.text());
    let removed =
        app.request(Method::DELETE, "/sources/openwebui/main", Role::Admin).body(Body::empty()).unwrap();
    assert_eq!(app.send(removed).await.status(), 200);
}

#[tokio::test]
async fn looks_that_others_tell_of_are_not_shown() {
    let app = App::start();
    let told = json!({ "action": "audit.read", "actor": { "type": "user", "id": "u-9", "name": "Framed" } });
    app.record(&[sample("told", 1, &told)]).await;
    let mut browser = Browser::signed_in(&app).await;
    app.state.activity().flush();
    app.catch_up();
    let page = browser.get("/audit/looks").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains("Framed"), "{}", page.text());
}

#[tokio::test]
async fn what_is_verified_by_itself_is_a_look_of_nobody() {
    let app = App::start();
    let scheduled = json!({ "action": "audit.verified", "actor": { "type": "system" } });
    app.record_own(&[sample("v-1", 5, &scheduled), sample("v-2", 4, &scheduled)]).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/looks").await;
    let kinds = part(page.text(), "aria-label=\"Kind\"", "</nav>");
    assert!(kinds.contains("Scheduled checks <span class=\"count\"><span data-number=\"2\""), "{kinds}");
    assert!(
        !page.text().contains("audit.verified</code>") && !page.text().contains("class=\"result\">Proof")
    );
    let page = browser.get("/audit/looks?kind=scheduled").await;
    assert_eq!(page.text().matches("<tr class=").count(), 2, "{}", page.text());
}

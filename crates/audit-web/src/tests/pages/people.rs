//! The people's pages.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::tests::people::{SomeAccounts, account, by, some_life};
use crate::tests::sessions::Platform;

fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let rows = page.split("<tr>").skip(1).map(|row| row.split("</tr>").next().unwrap());
    rows.filter(|row| row.contains(name)).last().unwrap_or_else(|| panic!("{name} in {page}"))
}

#[tokio::test]
async fn every_number_leads_to_its_events() {
    let app = App::start();
    some_life(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/users?range=30d").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let bob = row(page.text(), "BOB");
    assert!(bob.contains("href=\"/audit/users/bob?range=30d\""), "{bob}");
    assert!(bob.contains("href=\"/audit?range=30d&#38;actor.id=bob&#38;event_type=file\""), "{bob}");
    // Whoever has events without an id is asked for by their addresses, too: the numbers agree.
    let ada = row(page.text(), "ADA");
    for (label, count) in [("Failed sign-ins", 2), ("Conversations", 1), ("Files", 1), ("Events", 4)] {
        let cell = ada.split(&format!("data-label=\"{label}\">")).nth(1).unwrap();
        let href = cell.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let events = browser.get(&href).await;
        assert_eq!(events.text().matches("class=\"time\"><a").count(), count, "{label}: {href}");
    }
}

#[tokio::test]
async fn headings_sort_and_the_words_stay() {
    let app = App::start();
    some_life(&app).await;
    let page = Browser::signed_in(&app).await.get("/audit/users?find=example&sort=events").await;
    let text = page.text();
    assert!(text.contains("aria-sort=\"descending\""), "{text}");
    assert!(
        text.contains("find=example&#38;sort=events&#38;order=asc"),
        "a second click turns it round: {text}"
    );
    assert!(text.contains("find=example&#38;sort=name&#38;order=asc"), "{text}");
    assert!(text.contains("value=\"example\""), "{text}");
    assert!(
        text.contains("href=\"/api/v1/auditlog/people?find=example&#38;sort=events&#38;format=csv\""),
        "{text}"
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let app = App::start();
    let crowd: Vec<_> = (0..60)
        .map(|n| sample(&format!("e-{n}"), n, &by(&format!("p{n:02}"), &format!("p{n}@x"), &json!({}))))
        .collect();
    app.record(&crowd).await;
    let mut browser = Browser::signed_in(&app).await;
    let first = browser.get("/audit/users?sort=id").await;
    assert!(
        first.text().contains("href=\"/audit/users?sort=id&#38;page=2\" rel=\"next\""),
        "{}",
        first.text()
    );
    let second = browser.get("/audit/users?sort=id&page=2").await;
    assert!(second.text().contains(">P59<") && !second.text().contains(">P49<"), "{}", second.text());
}

#[tokio::test]
async fn without_accounts_the_page_says_so_and_how_to_get_them() {
    let app = App::start();
    some_life(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    for list in ["people", "idle", "gone"] {
        let page = browser.get(&format!("/audit/users?list={list}")).await;
        assert!(page.text().contains("Set gateway.upstream"), "{list}: {}", page.text());
    }
}

#[tokio::test]
async fn accounts_stand_beside_activity() {
    let heard = crate::roster::Account {
        last_active: Some(crate::tests::app::NOW),
        ..account("cyd", "cyd@example.test")
    };
    let roster = SomeAccounts(Ok(vec![account("ada", "ada@example.test"), heard]));
    let app = App::start_with_accounts(Arc::new(Platform), Arc::new(roster));
    some_life(&app).await;
    let mut admin = Browser::new(&app);
    admin.cookie = "token=admin".to_owned();
    let seen = admin.get("/audit/users").await;
    assert!(row(seen.text(), "BOB").contains("No account"), "{}", seen.text());
    assert!(!row(seen.text(), "ADA").contains("No account"), "{}", seen.text());
    let idle = admin.get("/audit/users?list=idle").await;
    assert!(row(idle.text(), "CYD").contains("Seen by Open WebUI in this time"), "{}", idle.text());
    let cyd = admin.get("/audit/users/cyd").await;
    assert!(cyd.text().contains("Nothing was recorded in this time."), "{}", cyd.text());
}

#[tokio::test]
async fn a_person_has_figures_pictures_models_addresses_and_a_timeline() {
    let app = App::start();
    some_life(&app).await;
    let new = json!({ "client": { "ip": "198.51.100.7" } });
    app.record(&[sample("a-9", 30, &by("ada", "ada@example.test", &new))]).await;
    let page = Browser::signed_in(&app).await.get("/audit/users/ada").await;
    let text = page.text();
    assert_eq!(text.matches("<rect class=\"s").count(), 168, "{text}");
    assert!(text.contains("<path class=\"model_usage\""), "{text}");
    assert!(text.contains(">gpt-5<") && text.contains("$0.50"), "{text}");
    assert!(text.contains("198.51.100.7</a> <small class=\"flag\">New</small>"), "{text}");
    assert!(text.contains("Only failed sign-ins"), "{text}");
    assert_eq!(text.matches("class=\"time\"><a").count(), 7, "{text}");
    assert!(text.contains("also <bdi>ada@old.test</bdi>"), "{text}");
}

#[tokio::test]
async fn names_are_shown_harmlessly() {
    let app = App::start();
    let nasty = "\"><script>alert(1)</script>/..?#%\u{202e}";
    let named = json!({ "actor": { "type": "user", "id": nasty, "name": nasty, "email": nasty } });
    app.record(&[sample("n", 1, &named)]).await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/audit/users").await;
    assert!(!list.text().contains("<script>alert"), "{}", list.text());
    let href = list.text().split("class=\"who\"><a href=\"").nth(1).unwrap().split('"').next().unwrap();
    let person = browser.get(&href.replace("&#38;", "&")).await;
    assert_eq!(person.status, 200, "{}", person.text());
    assert!(!person.text().contains("<script>alert"), "{}", person.text());
}

#[tokio::test]
async fn nobody_is_a_page_that_says_so() {
    let app = App::start();
    let page = Browser::signed_in(&app).await.get("/audit/users/nobody").await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html"));
}

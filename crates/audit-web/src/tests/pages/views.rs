//! Saved views on the events page.

use serde_json::json;

use super::*;

async fn keep(browser: &mut Browser<'_>, what: &str, fields: &[(&str, &str)]) -> Answer {
    let page = browser.get("/audit").await;
    let key = hidden(page.text(), "key").to_owned();
    let given = [("key", key.as_str()), ("do", what)];
    let all: Vec<_> = given.into_iter().chain(fields.iter().copied()).collect();
    browser.submit("/audit/views", &all).await
}

#[tokio::test]
async fn a_view_is_saved_opened_changed_and_deleted_without_scripts() {
    let app = App::start();
    app.record(&[sample("e-1", 5, &json!({"outcome": "denied"})), sample("e-2", 4, &json!({}))]).await;
    let mut browser = Browser::signed_in(&app).await;
    let saved = keep(&mut browser, "save", &[("name", "Mine <b>"), ("query", "outcome=denied")]).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let address = saved.header("location").to_owned();
    let id = address.split("view=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(address, format!("/audit?view={id}&outcome=denied"));

    let page = browser.get(&address).await;
    let open = format!(
        "<a href=\"/audit?view={id}&#38;outcome=denied\" aria-current=\"page\"><bdi>Mine &#60;b&#62;</bdi></a>"
    );
    assert!(page.text().contains(&open), "{}", part(page.text(), "<div class=\"views\">", "</nav>"));
    assert!(!page.text().contains("Save changes"));
    assert_eq!(page.text().matches("<tr class=").count(), 1);

    let other = browser.get(&format!("/audit?view={id}&outcome=success")).await;
    assert!(other.text().contains("Save changes") && other.text().contains("<small>changed</small>"));
    keep(&mut browser, "update", &[("view", &id), ("query", "outcome=success")]).await;
    let lasting = browser.get(&format!("/audit/views/{id}")).await;
    assert_eq!(lasting.header("location"), format!("/audit?view={id}&outcome=success"));

    let gone = keep(&mut browser, "delete", &[("view", &id)]).await;
    assert_eq!(gone.header("location"), "/audit");
    assert_eq!(browser.get(&format!("/audit/views/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_form_without_its_key_keeps_nothing() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let fields = [("do", "save"), ("name", "a"), ("query", "")];
    assert_eq!(browser.submit("/audit/views", &fields).await.status, 403);
    let forged = [("key", "guess"), ("do", "save"), ("name", "a"), ("query", "")];
    assert_eq!(browser.submit("/audit/views", &forged).await.status, 403);
    assert_eq!(browser.submit_from("cross-site", "/audit/views", &forged).await.status, 403);
    assert!(app.deeds("audit.view_saved").await.is_empty());
}

#[tokio::test]
async fn columns_are_chosen_in_the_address() {
    let app = App::start();
    let call = json!({"action": "model.called", "model": {"id": "gpt-5"}, "latency_ms": 1500.0,
        "usage": {"input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.25}});
    app.record(&[sample("e-1", 5, &call)]).await;
    let mut browser = Browser::signed_in(&app).await;
    let page =
        browser.get("/audit?action=model.called&columns=who,tokens&columns=cost&columns=latency").await;
    let row = part(page.text(), "<tbody>", "</tbody>");
    assert!(!row.contains("class=\"what\"") && row.contains("class=\"who\""), "{row}");
    for shown in ["1,234", "$0.2500", "1.5 s"] {
        assert!(row.contains(shown), "{shown}: {row}");
    }
    assert_eq!(browser.get("/audit?columns=whom").await.status, 400);
}

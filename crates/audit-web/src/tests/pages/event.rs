//! One event's page.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_page_shows_all_of_it_and_what_is_around() {
    let app = App::start();
    let event = json!({
        "action": "user.role_updated", "source": "gateway", "session_id": "s-1",
        "target": {"type": "user", "id": "u-2", "name": "Bob"}, "client": {"ip": "192.0.2.1"},
        "changes": [{"field": "role", "before": "user", "after": "admin"}, {"field": "note", "after": {"by": "<b>"}}],
        "http": {"method": "POST", "status": 200}, "details": {"reason": "promotion"}, "message": "Ada made Bob an admin",
    });
    let before = json!({"session_id": "s-1", "message": "Ada signed in"});
    app.record(&[sample("e-1", 9, &before), sample("e-2", 5, &event)]).await;
    let page = Browser::signed_in(&app).await.get("/audit/events/e-2").await;
    assert_eq!(page.status, 200);
    // A checkpoint is signed once a second: how much it covers depends on when one looks.
    let (before, after) = page.text().split_once("the newest checkpoint covers <b>").unwrap();
    let text = format!(
        "{before}the newest checkpoint covers <b>N{}",
        after.trim_start_matches(|c: char| c.is_ascii_digit())
    );
    let article = part(&text, "<article", "</article>");
    insta::assert_snapshot!(article);
    assert_eq!(app.deeds("audit.read").await[0]["target"]["id"], "e-2");
}

#[tokio::test]
async fn an_event_that_is_not_there_is_a_page_too() {
    let app = App::start();
    let page = Browser::signed_in(&app).await.get("/audit/events/999999").await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html") && page.text().contains("No such event"));
}

#[tokio::test]
async fn the_search_box_learns_the_fields() {
    let app = App::start();
    let fields = Browser::signed_in(&app).await.get("/audit/fields.json").await.json();
    let outcome = fields.as_array().unwrap().iter().find(|field| field["name"] == "outcome").unwrap();
    assert_eq!(outcome["words"], json!(["success", "failure", "denied", "unknown"]));
}

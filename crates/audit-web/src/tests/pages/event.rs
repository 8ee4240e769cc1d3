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

#[tokio::test]
async fn what_happened_around_an_event_is_what_was_next_to_it() {
    let app = App::start();
    let of_session = |number: i64| {
        let message = format!("number {number} of the session");
        sample(&format!("s-{number}"), 60 - number, &json!({ "session_id": "s-1", "message": message }))
    };
    app.record(&(0..40).map(of_session).collect::<Vec<_>>()).await;
    let page = Browser::signed_in(&app).await.get("/audit/events/s-20").await;
    let related = part(page.text(), "In the same session", "</section>");
    let numbers: Vec<&str> =
        related.split("number ").skip(1).map(|rest| rest.split(' ').next().unwrap()).collect();
    assert_eq!(numbers, ["23", "22", "21", "20", "19", "18", "17"], "{related}");
    assert!(related.contains("aria-current=\"true\""), "{related}");
    let hour = part(page.text(), "within the hour", "</section>");
    assert!(hour.contains("number 19 ") && hour.contains("number 21 "), "{hour}");
}

#[tokio::test]
async fn the_json_on_the_page_is_to_the_character_what_is_hashed() {
    let app = App::start();
    let event = json!({
        "message": "a \"quote\", a \\, a { and a\u{2028}break", "details": {"list": [], "number": 0.1, "deep": {"z": 1, "a": [2]}},
    });
    app.record(&[sample("e-1", 5, &event)]).await;
    let recorded = app.get("/e-1").await;
    let page = Browser::signed_in(&app).await.get("/audit/events/e-1").await;
    let raw = part(page.text(), "<pre class=\"raw\"", "</pre>");
    let (_, raw) = raw.split_once('>').unwrap();
    let raw =
        raw.trim_end_matches("</pre>").replace("&#34;", "\"").replace("&#38;", "&").replace("&#39;", "'");
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&raw), value(recorded.text()));
    let lines: String = raw.lines().map(str::trim_start).collect();
    assert_eq!(lines.replace("\": ", "\":"), recorded.text().trim_end());
}

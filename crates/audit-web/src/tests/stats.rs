//! Counts and sums.

use serde_json::json;

use super::app::{App, event, events};

async fn app() -> App {
    let app = App::start();
    let usage = |department: &str, input: u32| {
        json!({ "action": "model.called", "org": { "department": department }, "model": { "id": "gpt-4o" },
            "usage": { "input_tokens": input, "output_tokens": 1, "cost_usd": 0.5 } })
    };
    app.record(&events(2)).await;
    app.record(&[
        event("m-1", 24 * 60, &usage("Finance", 10)),
        event("m-2", 5, &usage("Finance", 20)),
        event("m-3", 5, &usage("Legal", 30)),
    ])
    .await;
    app
}

#[tokio::test]
async fn counts_over_time_and_by_field() {
    let app = app().await;
    let table = app.get_json("/stats?interval=day&by=category").await;
    assert_eq!(table["keys"], json!(["day", "category"]));
    assert_eq!(
        table["rows"],
        json!([
            { "day": "2026-03-19T00:00:00.000000Z", "category": "model_usage", "count": 1 },
            { "day": "2026-03-20T00:00:00.000000Z", "category": "authentication", "count": 2 },
            { "day": "2026-03-20T00:00:00.000000Z", "category": "model_usage", "count": 2 },
        ])
    );
    assert_eq!(table["tree_size"], 5);
}

#[tokio::test]
async fn sums_of_usage() {
    let app = app().await;
    let table =
        app.get_json("/stats?by=department,model&sum=input_tokens,cost_usd&event_type=model_usage").await;
    assert_eq!(
        table["rows"],
        json!([
            { "department": "Finance", "model": "gpt-4o", "count": 2, "input_tokens": 30, "cost_usd": 1.0 },
            { "department": "Legal", "model": "gpt-4o", "count": 1, "input_tokens": 30, "cost_usd": 0.5 },
        ])
    );
}

#[tokio::test]
async fn the_limit_keeps_the_largest_groups_and_says_what_it_left_out() {
    let app = app().await;
    let table = app.get_json("/stats?by=action&limit=1").await;
    assert_eq!(table["rows"], json!([{ "action": "model.called", "count": 3 }]));
    assert_eq!(table["left_out"], 1);
}

#[tokio::test]
async fn without_keys_everything_is_one_row() {
    let app = app().await;
    assert_eq!(app.get_json("/stats?outcome=success").await["rows"], json!([{ "count": 5 }]));
}

#[tokio::test]
async fn bad_questions_name_what_is_wrong() {
    let app = App::start();
    for (query, code, parameter) in [
        ("by=colour", "invalid_parameter", "by"),
        ("by=latency", "invalid_parameter", "by"),
        ("by=action,outcome,ip,model", "invalid_parameter", "by"),
        ("interval=year", "invalid_parameter", "interval"),
        ("sum=outcome", "invalid_parameter", "sum"),
        ("limit=0", "invalid_parameter", "limit"),
        ("format=csv", "unknown_parameter", "format"),
        ("colour=red", "unknown_parameter", "colour"),
    ] {
        let problem = app.get(&format!("/stats?{query}")).await.problem(400, code);
        assert_eq!(problem["parameter"], parameter, "{query}");
    }
}

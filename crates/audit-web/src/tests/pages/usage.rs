//! What the models were used for.

use serde_json::{Value, json};

use super::*;

const DAY: i64 = 24 * 60;

/// A call of that model by somebody of that department, so many minutes ago.
fn call(id: &str, minutes: i64, department: &str, model: &str, usage: &Value) -> Value {
    let more = json!({ "action": "model.called", "org": { "department": department }, "model": { "id": model },
        "target": { "type": "chat", "id": format!("chat-of-{department}") }, "usage": usage, "latency_ms": 200 });
    sample(id, minutes, &more)
}

/// Calls of two departments in this month, and of one before.
async fn some_calls(app: &App) {
    let tokens =
        |input: u32, cost: f64| json!({"input_tokens": input, "output_tokens": 10, "cost_usd": cost});
    app.record(&[
        call("c-1", 60, "Finance", "gpt-5", &tokens(100, 0.1)),
        call("c-2", 2 * DAY, "Finance", "gpt-5", &tokens(200, 0.2)),
        call("c-3", 2 * DAY, "Legal", "llama", &json!({"input_tokens": 50, "output_tokens": 0})),
        call("c-4", 40 * DAY, "Finance", "gpt-5", &tokens(90, 0.000_000_001)),
        sample("other", 5, &json!({})),
    ])
    .await;
}

async fn csv(browser: &mut Browser<'_>, query: &str) -> String {
    let answer = browser.get(&format!("/audit/usage.csv?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    answer.text().to_owned()
}

#[tokio::test]
async fn the_largest_are_listed_with_all_that_is_counted_of_them() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    assert_eq!(
        csv(&mut browser, "by=department&table=largest").await.lines().collect::<Vec<_>>(),
        [
            "Department,Calls,Conversations,Input tokens,Output tokens,Tokens,Cost,Average latency,Calls without cost,Change of tokens",
            "Finance,2,1,300,20,320,0.30,200,0,+220 %",
            "Legal,1,1,50,0,50,,200,1,new",
            "All,3,2,350,20,370,0.30,200,1,+270 %",
        ]
    );
}

#[tokio::test]
async fn amounts_over_time_are_told_apart() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let table = csv(&mut browser, "by=model&table=time&range=7d").await;
    let lines: Vec<_> = table.lines().filter(|line| !line.ends_with(",0")).collect();
    assert_eq!(lines, ["Time,gpt-5,llama,All", "Wed 18 Mar 2026,210,50,260", "Fri 20 Mar 2026,110,0,110"]);
}

#[tokio::test]
async fn every_amount_leads_to_its_events() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/usage?by=department&show=calls").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let link = |name: &str| {
        let (before, _) = page.text().split_once(&format!("\"><bdi>{name}</bdi></a>")).expect(name);
        before.rsplit("href=\"").next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    };
    for (name, count) in [("Finance", 2), ("Legal", 1), ("All", 3)] {
        let events = browser.get(&link(name)).await;
        assert!(events.text().contains(&format!("<b data-number=\"{count}\">")), "{name}: {}", link(name));
    }
}

#[tokio::test]
async fn the_others_are_together_and_lead_to_their_events() {
    let app = App::start();
    let calls: Vec<_> = (1..=12)
        .map(|n| call(&format!("m-{n}"), n, "Finance", &format!("model-{n:02}"), &json!({"input_tokens": n})))
        .collect();
    app.record(&calls).await;
    let mut browser = Browser::signed_in(&app).await;
    let table = csv(&mut browser, "by=model").await;
    assert!(table.contains("\r\n2 other models,2,"), "{table}");
    let page = browser.get("/audit/usage?by=model").await;
    let (before, _) = page.text().split_once("\"><bdi>2 other models</bdi></a>").unwrap();
    let href = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let events = browser.get(&href).await;
    assert!(events.text().contains("<b data-number=\"2\">"), "{href}");
}

#[tokio::test]
async fn a_cost_that_is_not_known_is_not_zero() {
    let app = App::start();
    app.record(&[call("free", 60, "Finance", "llama", &json!({"input_tokens": 5}))]).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/usage?show=cost").await;
    assert!(page.text().contains("No call has a cost"), "{}", page.text());
    assert!(page.text().contains("<b>not known</b>") && !page.text().contains("<b>$0</b>"));
    some_calls(&app).await;
    let page = browser.get("/audit/usage?show=cost").await;
    assert!(page.text().contains("have no cost") && page.text().contains("<b>$0.30</b>"), "{}", page.text());
}

#[tokio::test]
async fn costs_add_up_to_the_billionth() {
    let app = App::start();
    let calls: Vec<_> = (0..1_000)
        .map(|n| {
            call(
                &format!("c-{n}"),
                1,
                "Finance",
                "gpt-5",
                &json!({"input_tokens": 1, "cost_usd": 0.000_123_457}),
            )
        })
        .collect();
    app.record(&calls).await;
    let mut browser = Browser::signed_in(&app).await;
    let table = csv(&mut browser, "by=department").await;
    assert!(table.contains(",0.123457,"), "{table}");
}

#[tokio::test]
async fn nothing_counted_says_why() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/usage").await;
    assert!(page.text().contains("No call of a model is recorded here"), "{}", page.text());
    assert!(page.text().contains("href=\"/audit/health\""));
    app.record(&[call("c-1", 60, "Finance", "llama", &json!({"cost_usd": 0.1}))]).await;
    let page = browser.get("/audit/usage").await;
    assert!(page.text().contains("their tokens are not counted"), "{}", page.text());
}

#[tokio::test]
async fn bad_addresses_say_what_is_wrong() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    for address in ["show=colour", "by=colour", "top=11", "range=year", "q=acton:x"] {
        let page = browser.get(&format!("/audit/usage?{address}")).await;
        assert_eq!(page.status, 400, "{address}");
        assert!(page.text().contains("role=\"alert\""), "{address}");
    }
}

#[tokio::test]
async fn all_ways_of_showing_answer() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    for show in ["tokens", "input", "output", "cost", "calls", "conversations", "latency"] {
        for range in ["today", "7d", "this-month", "last-month", "all"] {
            let page = browser.get(&format!("/audit/usage?show={show}&by=user&range={range}")).await;
            assert_eq!(page.status, 200, "{show} {range}");
        }
    }
}

#[tokio::test]
async fn names_are_harmless_in_a_spreadsheet() {
    let app = App::start();
    app.record(&[call("c-1", 60, "=HYPERLINK(\"x\")", "llama", &json!({"input_tokens": 5}))]).await;
    let mut browser = Browser::signed_in(&app).await;
    let table = csv(&mut browser, "by=department").await;
    assert!(table.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{table}");
}

#[tokio::test]
async fn looking_at_usage_is_recorded() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    browser.get("/audit/usage?by=department&model=gpt-5").await;
    let deeds = app.deeds("audit.searched").await;
    let filters: Vec<_> = deeds.iter().filter_map(|deed| deed["details"]["filter"].as_str()).collect();
    assert!(filters.iter().any(|filter| filter.starts_with("usage by department of model:")), "{filters:?}");
}

/// The numbers of a table's last column, without its head.
fn last_column(table: &str) -> Vec<u64> {
    let last = |line: &str| line.rsplit(',').next().unwrap().parse().unwrap();
    table.lines().skip(1).map(last).collect()
}

#[tokio::test]
async fn nothing_is_lost_over_time_where_clocks_change_at_midnight() {
    let app = App::start();
    let tokens = json!({ "input_tokens": 7, "output_tokens": 3 });
    let days = (20..30).map(|day| {
        let mut call = call(&format!("d-{day}"), 0, "Finance", "gpt-5", &tokens);
        call["time"] = json!(format!("2025-04-{day}T10:00:00Z"));
        call
    });
    app.record(&days.collect::<Vec<_>>()).await;
    let mut browser = Browser::signed_in(&app).await;
    browser.cookie.push_str("; secureai_audit_zone=Africa/Cairo");
    let table = csv(&mut browser, "by=model&table=time&from=2025-04-19&to=2025-04-30").await;
    let amounts = last_column(&table);
    assert_eq!(amounts.len(), 12, "{table}");
    assert_eq!(amounts.iter().filter(|amount| **amount == 10).count(), 10, "{table}");
}

#[tokio::test]
async fn nothing_is_lost_over_time_with_calls_of_long_ago_and_of_the_future() {
    let app = App::start();
    some_calls(&app).await;
    let tokens = json!({ "input_tokens": 1, "output_tokens": 0 });
    let far = ["1980-01-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(|time| {
        let mut call = call(time, 0, "Finance", "gpt-5", &tokens);
        call["time"] = json!(time);
        call
    });
    app.record(&far).await;
    let mut browser = Browser::signed_in(&app).await;
    let table = csv(&mut browser, "by=model&table=time&range=all").await;
    assert_eq!(last_column(&table).iter().sum::<u64>(), 472, "{table}");
    assert!(table.lines().count() < 60, "{table}");
    assert!(csv(&mut browser, "by=model&range=all").await.contains(",472,"));
    assert!(csv(&mut browser, "by=model&range=90d").await.contains(",470,"));
}

#[tokio::test]
async fn people_and_usage_count_the_same_tokens() {
    let app = App::start();
    some_calls(&app).await;
    let failed = json!({ "action": "model.provider_request.failed", "outcome": "failure", "model": { "id": "gpt-5" },
        "usage": { "input_tokens": 1_000, "output_tokens": 0 } });
    app.record(&[sample("failed", 5, &failed)]).await;
    let mut browser = Browser::signed_in(&app).await;
    assert!(csv(&mut browser, "by=user&range=all").await.contains(",470,"));
    let people = app.get_json("/people").await;
    assert_eq!(people["people"][0]["tokens"], 470, "{people}");
    let person = app.get_json("/people/u-1").await;
    assert_eq!(person["models"][0]["tokens"], 420, "{person}");
}

#[tokio::test]
async fn an_action_that_is_filtered_by_holds_in_the_links_too() {
    let app = App::start();
    some_calls(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/usage?by=department&show=calls&action=model.*").await;
    let (before, _) = page.text().split_once("\"><bdi>All</bdi></a>").unwrap();
    let href = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(href.contains("action=model.*"), "{href}");
    assert_eq!(total(browser.get(&href).await.text()), 3, "{href}");
}

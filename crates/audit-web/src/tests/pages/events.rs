//! The list of events.

use audit_control::{Expiry, NewToken};
use serde_json::{Value, json};

use super::*;
use crate::tests::app::NOW;

/// Two people of one family name, and somebody else.
async fn some_people(app: &App) {
    let by = |id: &str, minutes: i64, name: &str, email: &str| {
        sample(id, minutes, &json!({ "actor": { "type": "user", "name": name, "email": email } }))
    };
    app.record(&[
        by("d-1", 9, "Nadia Dimitrov", "nadia.dimitrov@kestrel.example"),
        by("d-2", 8, "Nadia Dimitrov", "nadia.dimitrov@kestrel.example"),
        by("d-3", 7, "Ivo Dimitrov", "ivo@kestrel.example"),
        by("o-1", 6, "Somebody Else", "else@kestrel.example"),
    ])
    .await;
}

#[tokio::test]
async fn people_are_suggested_by_any_word_of_their_name() {
    let app = App::start();
    some_people(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let found = browser.get("/audit/suggestions?field=user&text=dimit").await.json();
    let expected = json!({ "whole": true, "values": [
        { "value": "nadia.dimitrov@kestrel.example", "name": "Nadia Dimitrov" },
        { "value": "ivo@kestrel.example", "name": "Ivo Dimitrov" },
    ]});
    assert_eq!(found, expected);
    let both = browser.get("/audit/suggestions?field=user&text=DIMITROV+nad").await.json();
    assert_eq!(both["values"].as_array().unwrap().len(), 1);
    assert_eq!(browser.get("/audit/suggestions?field=nothing&text=x").await.status, 400);
    // Three words half typed are one look: the first on record, the others counted with the last text.
    let deeds = app.deeds("audit.searched").await;
    let asked: Vec<_> = deeds.iter().map(|deed| deed["details"]["filter"].as_str().unwrap()).collect();
    assert_eq!(asked.iter().filter(|filter| filter.starts_with("user:")).count(), 1, "{asked:?}");
}

#[tokio::test]
async fn what_a_field_holds_is_suggested_by_its_beginning() {
    let app = App::start();
    some_people(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let found = browser.get("/audit/suggestions?field=actor.name&text=nad").await.json();
    assert_eq!(found["values"], json!([{ "value": "Nadia Dimitrov" }]));
}

#[tokio::test]
async fn a_name_that_nobody_has_leads_to_those_who_may_be_meant() {
    let app = App::start();
    some_people(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit?user=dimitrov").await;
    let meant = part(page.text(), "<ul class=\"ways\" id=\"meant\">", "</ul>");
    assert!(meant.contains("Nadia Dimitrov") && meant.contains("data-number=\"2\""), "{meant}");
    assert!(meant.contains("user=nadia.dimitrov%40kestrel.example"), "{meant}");
    assert!(!meant.contains("Somebody"), "{meant}");
    let page = browser.get("/audit?user=dimitrov*").await;
    assert!(!page.text().contains("id=\"meant\""), "who asks for a pattern means it");
}

#[tokio::test]
async fn a_mistyped_field_leads_to_the_one_that_was_meant() {
    let app = App::start();
    some_people(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit?q=outcom%3Asuccess&range=30d&department=Sales").await;
    assert_eq!(page.status, 400);
    let problem = part(page.text(), "<div id=\"problem\"", "</div>");
    assert!(problem.contains("q=outcome%3Asuccess"), "{problem}");
    assert!(problem.contains("<code>outcome</code>") && !problem.contains('`'), "{problem}");
    assert!(
        problem.contains("href=\"/audit?range=30d&#38;department=Sales\""),
        "what is right is kept: {problem}"
    );
    assert!(page.text().contains("class=\"tabs\""), "the saved views stay at hand");
}

#[tokio::test]
async fn a_range_of_ones_own_stands_in_its_form() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit?from=2026-03-01T08:00:00Z&to=2026-03-02T09:30:00Z").await;
    for shown in ["value=\"2026-03-01T08:00\"", "value=\"2026-03-02T09:30\""] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
}

#[tokio::test]
async fn a_printed_page_says_what_it_is_of() {
    let app = App::start();
    some_people(&app).await;
    let page = Browser::signed_in(&app).await.get("/audit?q=nadia&from=2026-03-01T08:00:00Z").await;
    let printed = part(page.text(), "<p class=\"printed\">", "</p>");
    for said in ["nadia", "2026-03-01T08:00:00.000000Z", "by <bdi>auditor</bdi>", "at tree size"] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
}

#[tokio::test]
async fn who_looks_for_a_page_that_is_none_gets_a_page() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    for nowhere in ["/audit/nope", "/audit/exports/x"] {
        let page = browser.get(nowhere).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
    }
    assert_eq!(browser.get("/nope").await.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn whoever_may_not_export_is_offered_none() {
    let app = App::start();
    let mut browser = Browser::new(&app);
    let new =
        NewToken { scope: Some("actor.name:ada"), expiry: Expiry::Never, ..NewToken::of("v", "viewer") };
    let token = app.state.access().control().create_token(&new, NOW).unwrap().1.reveal().to_owned();
    app.state.access().reload().unwrap();
    browser.submit("/audit/sign-in", &[("token", &token)]).await;
    let page = browser.get("/audit").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains("id=\"export\""), "{}", page.text());
    assert!(Browser::signed_in(&app).await.get("/audit").await.text().contains("id=\"export\""));
}

/// Sign-ins, two of which failed, a minute apart.
async fn some_sign_ins(app: &App) {
    let failed = json!({"action": "auth.login_failed", "outcome": "failure", "reason": "invalid_credentials",
        "message": "Sign-in of Ada failed"});
    let model = json!({"action": "model.called", "model": {"id": "gpt-5"}, "message": "Ada asked gpt-5"});
    let events: Vec<Value> = vec![
        sample("e-1", 90, &json!({})),
        sample("e-2", 61, &failed),
        sample("e-3", 60, &failed),
        sample("e-4", 3, &model),
    ];
    app.record(&events).await;
}

#[tokio::test]
async fn a_row_says_who_did_what_when_with_what_outcome() {
    let app = App::start();
    let event = json!({"action": "chat.deleted", "outcome": "denied", "reason": "not_owner", "severity": "high",
        "org": {"role": "user", "department": "Finance"}, "target": {"type": "chat", "id": "c-1", "name": "Bonus"},
        "client": {"ip": "192.0.2.1", "user_agent": "curl/8.5"}, "message": "Ada wanted to delete Bonus"});
    app.record(&[sample("e-1", 5, &event)]).await;
    let page = Browser::signed_in(&app).await.get("/audit?action=chat.deleted").await;
    insta::assert_snapshot!(part(page.text(), "<tbody>", "</tbody>"));
}

#[tokio::test]
async fn what_was_recorded_is_shown_harmlessly() {
    let app = App::start();
    let nasty = "\"><script>alert(1)</script>\u{202e}<img src=x onerror=alert(2)>";
    let long = "long ".repeat(1_600);
    let events = [
        sample(
            "a",
            2,
            &json!({"message": nasty, "actor": {"type": "user", "name": nasty}, "target": {"type": "chat", "name": nasty}}),
        ),
        sample("b", 1, &json!({"message": long})),
    ];
    app.record(&events).await;
    let mut browser = Browser::signed_in(&app).await;
    for address in [
        "/audit",
        "/audit?q=%22%3E%3Cscript%3E",
        "/audit?user=%22%3E%3Cscript%3E&range=30d",
        "/audit/events/a",
    ] {
        let page = browser.get(address).await;
        assert!(
            !page.text().contains("<script>") && !page.text().contains("<img"),
            "{address}: {}",
            page.text()
        );
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
    let list = browser.get("/audit").await;
    assert!(!list.text().contains(&long) && list.text().contains("long …"), "a list shows the beginning");
    assert!(browser.get("/audit/events/b").await.text().contains(long.trim_end()), "its page shows all");
}

#[tokio::test]
async fn three_clicks_lead_to_the_failed_sign_ins_of_thirty_days() {
    let app = App::start();
    some_sign_ins(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let mut page = browser.get("/audit").await;
    for click in [">30 days", "Authentication <span"] {
        let link = page
            .text()
            .split("href=\"")
            .skip(1)
            .find(|link| link.split("</a>").next().unwrap().contains(click));
        let href = link.expect(click).split('"').next().unwrap().replace("&#38;", "&");
        page = browser.get(&href).await;
    }
    let form = part(page.text(), "<form class=\"query\"", "</form>");
    assert_eq!(hidden(&form, "range"), "30d");
    assert_eq!(hidden(&form, "event_type"), "authentication");
    let found = browser.get("/audit?range=30d&event_type=authentication&q=failed").await;
    assert_eq!(found.text().matches("<code>auth.login_failed</code>").count(), 2);
    assert_eq!(found.text().matches("<tr class=").count(), 2);
}

#[tokio::test]
async fn choices_are_counted_as_if_nothing_of_their_kind_were_chosen() {
    let app = App::start();
    some_sign_ins(&app).await;
    let page = Browser::signed_in(&app)
        .await
        .get("/audit?event_type=authentication&from=2026-03-20T10:00:00Z")
        .await;
    let facets = part(page.text(), "<nav class=\"facets\" aria-label=\"Event type\">", "</nav>");
    assert!(facets.contains("aria-current=\"true\"><i class=\"dot authentication\""), "{facets}");
    let counted = |name: &str| {
        facets.split(name).nth(1).unwrap().split("data-number=\"").nth(1).unwrap().starts_with('1')
    };
    assert!(counted("Model usage"), "{facets}");
}

#[tokio::test]
async fn the_histogram_counts_the_same_events() {
    let app = App::start();
    some_sign_ins(&app).await;
    let page = Browser::signed_in(&app)
        .await
        .get("/audit?from=2026-03-20T09:30:00Z&to=2026-03-20T12:00:00Z&user=Ada")
        .await;
    insta::assert_snapshot!(part(page.text(), "<figure", "</figure>"));
}

#[tokio::test]
async fn a_mistake_is_pointed_at() {
    let app = App::start();
    let page = Browser::signed_in(&app).await.get("/audit?q=rotor+acton%3Ax").await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("<span>rotor </span><mark>acton</mark><span>:x</span>"), "{}", page.text());
    assert!(page.text().contains("did you mean"), "{}", page.text());
}

#[tokio::test]
async fn an_empty_list_says_what_would_fill_it() {
    let app = App::start();
    some_sign_ins(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit?to=2026-03-20T11:30:00Z&action=model.called").await;
    let why = part(page.text(), "<section class=\"card center\"", "</section>");
    assert!(why.contains("href=\"/audit?action=model.called\">At any time"), "{why}");
    assert!(why.contains("href=\"/audit?to=2026-03-20T11%3A30%3A00Z\">Without any filter"), "{why}");
    let page = browser.get("/audit?user=ada&outcome=denied").await;
    let why = part(page.text(), "<section class=\"card center\"", "</section>");
    assert!(why.contains("Without outcome: denied"), "{why}");
}

#[tokio::test]
async fn exports_take_what_the_filters_show() {
    let app = App::start();
    some_sign_ins(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit?q=failed&to=2026-03-20").await;
    let menu = part(page.text(), "id=\"export\"", "</details>");
    let csv = menu.split("href=\"").find(|link| link.contains("format=csv")).unwrap();
    let href = csv.split('"').next().unwrap().replace("&#38;", "&");
    let export = browser.get(&href).await;
    assert_eq!(export.text().lines().count(), 3, "a head and two events: {}", export.text());
}

#[tokio::test]
async fn days_are_those_of_the_readers_zone() {
    let app = App::start();
    some_sign_ins(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    browser.cookie.push_str("; secureai_audit_zone=Europe/Berlin");
    let page = browser.get("/audit").await;
    assert!(page.text().contains("<small data-zone>Europe/Berlin</small>"));
    assert!(page.text().contains("title=\"2026-03-20T11:57:00.000000Z\"><b>12:57:00</b>"), "{}", page.text());
}

#[tokio::test]
async fn scripts_and_style_come_from_us_and_may_be_kept() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit").await;
    let addresses: Vec<_> =
        page.text().split('"').filter(|part| part.starts_with("/audit/assets/")).map(str::to_owned).collect();
    assert_eq!(addresses.len(), 3, "icon, style sheet, script");
    for address in addresses {
        let asset = browser.get(&address).await;
        assert_eq!(asset.status, 200, "{address}");
        assert!(asset.header("cache-control").contains("immutable"));
        assert_eq!(asset.header("x-content-type-options"), "nosniff");
    }
    assert_eq!(browser.get("/audit/assets/0/none.js").await.status, 404);
}

#[tokio::test]
async fn an_event_of_long_ago_changes_no_number_but_its_own() {
    let app = App::start();
    some_sign_ins(&app).await;
    app.record(&[sample("old", 0, &json!({ "time": "1980-01-01T00:00:00Z" }))]).await;
    let mut browser = Browser::signed_in(&app).await;
    for address in ["/audit?user=Ada", "/audit?user=Ada&from=1980-01-01", "/audit?user=Ada&from=0001-01-01"] {
        let page = browser.get(address).await;
        assert_eq!(total(page.text()), 5, "{address}");
        let bars = bars(page.text());
        assert_eq!(bars.iter().map(|(count, _)| count).sum::<u64>(), 5, "{address}");
        for (count, href) in bars.into_iter().filter(|(count, _)| *count > 0) {
            assert_eq!(total(browser.get(&href).await.text()), count, "{href}");
        }
    }
    let page = browser.get("/audit?user=Ada").await;
    assert!(bars(page.text()).len() < 10, "the time of the others can be told apart: {}", page.text());
    let looks = app.deeds("audit.searched").await;
    assert_eq!(looks[0]["details"]["matched"], 5, "{}", looks[0]);
}

#[tokio::test]
async fn bars_count_what_their_links_show_where_clocks_change_at_midnight_or_by_half_an_hour() {
    let app = App::start();
    let hours = |from: &str, count: i64| {
        let from = audit_event::Timestamp::parse_rfc3339(from).unwrap().as_micros();
        let sample_at = move |hour: i64| {
            let time = audit_event::Timestamp::from_micros(from + hour * 2_400_000_000).to_string();
            sample(&time.to_string(), 0, &json!({ "time": time }))
        };
        (0..count).map(sample_at).collect::<Vec<_>>()
    };
    app.record(&hours("2025-04-21T00:00:00Z", 300)).await;
    app.record(&hours("2025-10-04T00:00:00Z", 90)).await;
    for (zone, query) in [
        ("Africa/Cairo", "from=2025-04-20&to=2025-05-01"),
        ("Australia/Lord_Howe", "from=2025-10-04T06:00&to=2025-10-05T12:00"),
    ] {
        let mut browser = Browser::signed_in(&app).await;
        browser.cookie.push_str(&format!("; secureai_audit_zone={zone}"));
        let page = browser.get(&format!("/audit?user=Ada&{query}")).await;
        let shown = bars(page.text());
        assert_eq!(shown.iter().map(|(count, _)| count).sum::<u64>(), total(page.text()), "{zone}");
        assert!(total(page.text()) > 30);
        for (count, href) in shown {
            assert_eq!(total(browser.get(&href).await.text()), count, "{zone}: {href}");
        }
    }
}

#[tokio::test]
async fn what_lies_in_the_future_is_in_no_preset_and_said_above_the_list() {
    let app = App::start();
    some_sign_ins(&app).await;
    app.record(&[sample("ahead", 0, &json!({ "time": "2027-02-24T00:00:00Z" }))]).await;
    let mut browser = Browser::signed_in(&app).await;
    for preset in ["today", "24h", "7d", "30d", "90d", "this-month"] {
        let page = browser.get(&format!("/audit?range={preset}&user=Ada")).await;
        assert!(!page.text().contains("2027-02-24"), "{preset}");
        assert_eq!(page.text().matches("<tr class=").count(), 4, "{preset}");
        assert_eq!(total(page.text()), 4, "{preset}");
        let note = part(page.text(), "id=\"future\"", "</p>");
        let href = note.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let ahead = browser.get(&href).await;
        assert_eq!(total(ahead.text()), 1, "{href}");
        assert!(ahead.text().contains("2027-02-24"));
    }
    let all = browser.get("/audit?user=Ada").await;
    assert_eq!((total(all.text()), bars(all.text()).iter().map(|(count, _)| count).sum::<u64>()), (5, 5));
    assert!(all.text().contains("id=\"future\""));
}

#[tokio::test]
async fn those_to_come_begin_where_the_list_ends() {
    let app = App::start();
    some_sign_ins(&app).await;
    let page = Browser::signed_in(&app).await.get("/audit?action=auth.login_failed").await;
    let newest = app.get("/?limit=1&action=auth.login_failed").await.json()["indices"][0].as_u64().unwrap();
    let button = part(page.text(), "<button type=\"button\" id=\"live\"", ">");
    let after = button.split_once("data-after=\"").unwrap().1.split('"').next().unwrap();
    assert!(after.parse::<u64>().unwrap() >= newest, "{button}");
}

#[tokio::test]
async fn a_place_that_is_no_longer_good_leads_to_the_top() {
    let app = App::start();
    some_sign_ins(&app).await;
    let page =
        Browser::signed_in(&app).await.get("/audit?user=ada&page_token=old&at=2026-03-20T12:00:00Z").await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, "/audit?user=ada"));
}

#[tokio::test]
async fn a_page_names_the_zone_in_which_it_is_drawn() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit").await;
    assert!(
        page.text().contains("data-drawn-in=\"UTC\"")
            && page.text().contains("<noscript><p class=\"quiet\">Times and days are in UTC")
    );
    browser.cookie.push_str("; secureai_audit_zone=Asia/Kolkata");
    let page = browser.get("/audit").await;
    assert!(page.text().contains("data-drawn-in=\"Asia/Kolkata\"") && !page.text().contains("<noscript>"));
}

//! Pages of events: filters, order, tokens, formats, bad questions.

use audit_control::Role;
use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::json;

use super::app::{Answer, App, event, events, ids};

#[tokio::test]
async fn newest_first_unless_asked_otherwise() {
    let app = App::start();
    app.record(&events(5)).await;
    assert_eq!(ids(&app.get_json("/?limit=2").await), ["e-4", "e-3"]);
    assert_eq!(ids(&app.get_json("/?limit=2&order=oldest_first").await), ["e-0", "e-1"]);
}

#[tokio::test]
async fn an_event_is_shown_exactly_as_recorded_with_its_index() {
    let app = App::start();
    app.record(&events(3)).await;
    let page = app.get_json("/?limit=1").await;
    assert_eq!(page["indices"], json!([2]));
    assert_eq!(page["tree_size"], 3);
    let one = app.get("/2").await;
    assert_eq!(one.json(), page["events"][0]);
    assert_eq!(one.header("audit-index"), "2");
    let by_id = app.get("/e-2").await;
    assert_eq!(by_id.body, one.body);
    assert_eq!(by_id.header("audit-index"), "2");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = App::start();
    app.record(&events(1)).await;
    for name in ["1", "99999999999999999999999", "e-99", "%20"] {
        app.get(&format!("/{name}")).await.problem(404, "no_such_event");
        app.get(&format!("/{name}/proof")).await.problem(404, "no_such_event");
    }
}

#[tokio::test]
async fn pages_follow_each_other_while_events_arrive() {
    let app = App::start();
    app.record(&events(7)).await;
    let mut seen = Vec::new();
    let mut query = "/?limit=3&count=true&action=auth.login".to_owned();
    loop {
        let page = app.get_json(&query).await;
        assert_eq!(page["total"], 7);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        app.record(&[event(&format!("late-{}", seen.len()), 0, &json!({}))]).await;
        let Some(token) = page["next_page_token"].as_str() else { break };
        query = format!("/?limit=3&count=true&action=auth.login&page_token={token}");
    }
    assert_eq!(seen, ["e-6", "e-5", "e-4", "e-3", "e-2", "e-1", "e-0"]);
}

#[tokio::test]
async fn forged_foreign_and_expired_tokens_are_refused() {
    let app = App::start();
    app.record(&events(3)).await;
    let token = app.get_json("/?limit=1").await["next_page_token"].as_str().unwrap().to_owned();
    let forged = format!("{}{}", &token[..token.len() - 2], if token.ends_with("AA") { "BB" } else { "AA" });
    app.get(&format!("/?limit=1&page_token={forged}")).await.problem(400, "invalid_page_token");
    app.get(&format!("/?limit=1&user=bob&page_token={token}")).await.problem(400, "invalid_page_token");
    app.get("/?page_token=nonsense").await.problem(400, "invalid_page_token");
    assert_eq!(ids(&app.get_json(&format!("/?page_token={token}")).await), ["e-1", "e-0"]);

    app.clock.advance_micros(25 * 3600 * 1_000_000);
    app.get(&format!("/?limit=1&page_token={token}")).await.problem(400, "invalid_page_token");
}

#[tokio::test]
async fn filters_choose_events() {
    let app = App::start();
    app.record(&[
        event("ada", 30, &json!({ "client": { "ip": "10.1.2.3" } })),
        event(
            "bob",
            20,
            &json!({ "actor": { "type": "user", "email": "bob@example.com" }, "outcome": "failure",
            "action": "auth.login_failed", "reason": "invalid_credentials" }),
        ),
        event(
            "chat",
            10,
            &json!({ "action": "chat.deleted", "target": { "type": "chat", "name": "Brake rotor" } }),
        ),
    ])
    .await;
    let cases: &[(&str, &[&str])] = &[
        ("user=ada@example.com", &["chat", "ada"]),
        ("user=bob@example.com", &["bob"]),
        ("event_type=authentication", &["bob", "ada"]),
        ("event_type=authentication&event_type=conversation", &["chat", "bob", "ada"]),
        ("action=auth.*", &["bob", "ada"]),
        ("outcome=failure", &["bob"]),
        ("ip=10.0.0.0/8", &["ada"]),
        ("target=chat", &["chat"]),
        ("q=brake%20rotor", &["chat"]),
        ("q=-outcome:success", &["bob"]),
        ("from=2026-03-20T11:35:00Z", &["chat", "bob"]),
        ("to=2026-03-20T11:35:00Z", &["ada"]),
        ("from=2026-03-20&to=2026-03-20", &["chat", "bob", "ada"]),
        ("from=2026-03-20&to=2026-03-20&tz=Asia/Tokyo&user=nobody", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&app.get_json(&format!("/?limit=10&source=api&{query}")).await), *expected, "{query}");
    }
}

#[tokio::test]
async fn bad_questions_name_what_is_wrong() {
    let app = App::start();
    let cases = [
        ("limit=10&usr=ada", "unknown_parameter", "usr"),
        ("limit=0", "invalid_parameter", "limit"),
        ("limit=1000000", "invalid_parameter", "limit"),
        ("limit=1&from=2026-03-18&to=2026-03-01", "invalid_range", "from"),
        ("limit=1&from=yesteryear", "invalid_parameter", "from"),
        ("limit=1&tz=Mars/Olympus", "invalid_parameter", "tz"),
        ("limit=1&format=xlsx", "invalid_parameter", "format"),
        ("limit=1&fields=colour", "invalid_parameter", "fields"),
        ("limit=1&event_type=weather", "invalid_filter", "event_type"),
        ("limit=1&q=(unclosed", "invalid_filter", "q"),
        ("count=true", "invalid_parameter", "count"),
    ];
    for (query, code, parameter) in cases {
        let answer = app.get(&format!("/?{query}")).await;
        let problem = answer.problem(400, code);
        assert_eq!(problem["parameter"], parameter, "{query}");
    }
}

#[tokio::test]
async fn a_page_comes_in_every_format_and_with_chosen_fields() {
    let app = App::start();
    app.record(&events(3)).await;
    let json = app.get_json("/?limit=2&fields=id,outcome").await;
    assert_eq!(
        json["events"],
        json!([{ "id": "e-2", "outcome": "success" }, { "id": "e-1", "outcome": "success" }])
    );
    let ndjson = app.get("/?limit=2&source=api&format=ndjson").await;
    assert_eq!(ndjson.text().lines().count(), 2);
    assert!(!ndjson.header("audit-next-page-token").is_empty());
    let csv = app.get("/?limit=2&source=api&format=csv&fields=id,action").await;
    assert_eq!(csv.text(), "id,action\r\ne-2,auth.login\r\ne-1,auth.login\r\n");
    let parquet = app.get("/?limit=2&format=parquet").await;
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let none = app.get_json("/?limit=2&fields=id&user=nobody").await;
    assert_eq!(none["events"], json!([]));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let app = App::start();
    app.record(&events(50)).await;
    let plain = app.get("/?limit=50&source=api").await;
    for (name, unpack) in [
        (
            "gzip",
            (|bytes: &[u8]| std::io::read_to_string(flate2::read::GzDecoder::new(bytes)).unwrap())
                as fn(&[u8]) -> String,
        ),
        ("zstd", |bytes: &[u8]| String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap()),
    ] {
        let request = app
            .request(Method::GET, "/?limit=50&source=api", Role::Auditor)
            .header("accept-encoding", name)
            .body(Body::empty())
            .unwrap();
        let packed = Answer::of(app.send(request).await).await;
        assert_eq!(packed.header("content-encoding"), name);
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert!(packed.body.len() < plain.body.len() / 3);
        assert_eq!(unpack(&packed.body).len(), plain.body.len());
    }
}

#[tokio::test]
async fn a_get_with_a_content_type_and_no_body_is_an_ordinary_get() {
    let app = App::start();
    app.record(&events(2)).await;
    let request = app
        .request(Method::GET, "?limit=1", Role::Auditor)
        .header("content-type", "application/json")
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.send(request).await.status(), StatusCode::OK);
}

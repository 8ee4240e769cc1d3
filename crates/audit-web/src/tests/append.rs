//! Appending: what is taken, what is refused and how the answer names it.

use std::io::Write as _;

use audit_control::Role;
use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, event, events, ids};
use crate::Config;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

#[tokio::test]
async fn one_event_an_array_and_lines_are_taken() {
    let app = App::start();
    let one = app.post("", JSON, event("one", 1, &json!({})).to_string()).await;
    assert_eq!(one.status, StatusCode::CREATED);
    let receipt = one.json();
    assert_eq!(receipt["recorded"], 1);
    assert_eq!(receipt["indices"], json!([0]));
    assert_eq!(receipt["ids"], json!(["one"]));
    assert_eq!(receipt["proof"], "/api/v1/auditlog/0/proof");
    assert!(receipt["tree_size"].as_u64().unwrap() >= 1);

    let array = app
        .post("", JSON, json!([event("two", 1, &json!({})), event("three", 1, &json!({}))]).to_string())
        .await;
    assert_eq!(array.json()["indices"], json!([1, 2]));
    let many = app.post("", NDJSON, lines(&events(100))).await;
    assert_eq!(many.json()["recorded"], 100);
    assert_eq!(app.ledger.size().get(), 103);
}

#[tokio::test]
async fn an_event_gets_what_it_lacks() {
    let app = App::start();
    let answer = app.post("", JSON, r#"{"action":"auth.login","source":"api"}"#).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let recorded = app.get_json("/0").await;
    assert_eq!(recorded["category"], "authentication");
    assert_eq!(recorded["outcome"], "unknown");
    assert_eq!(recorded["id"], answer.json()["ids"][0]);
    assert!(recorded["time"].is_string() && recorded["recorded_at"].is_string());
}

#[tokio::test]
async fn a_repeated_event_is_where_it_was_first() {
    let app = App::start();
    app.record(&events(3)).await;
    let again = app.post("", NDJSON, lines(&events(3))).await;
    assert_eq!(again.status, StatusCode::OK, "nothing new was recorded");
    let receipt = again.json();
    assert_eq!((&receipt["recorded"], &receipt["duplicates"]), (&json!(0), &json!(3)));
    assert_eq!(receipt["indices"], json!([0, 1, 2]));
    assert_eq!(app.ledger.size().get(), 3);
}

#[tokio::test]
async fn a_repeated_id_with_other_content_is_named_and_the_first_record_stands() {
    let app = App::start();
    let sent = events(4);
    app.record(&sent).await;
    let mut again = sent.clone();
    again[1]["outcome"] = json!("failure");
    again[3]["actor"]["email"] = json!("somebody.else@example.com");
    let receipt = app.post("", NDJSON, lines(&again)).await.json();
    assert_eq!((&receipt["recorded"], &receipt["duplicates"]), (&json!(0), &json!(4)));
    assert_eq!(receipt["differing"], json!([sent[1]["id"], sent[3]["id"]]));
    assert_eq!(app.get_json("/1").await["outcome"], sent[1]["outcome"], "the first record stands");
    let receipt = app.post("", NDJSON, lines(&sent)).await.json();
    assert_eq!(receipt.get("differing"), None, "the same events sent again");
}

#[tokio::test]
async fn the_same_event_without_a_time_is_the_same_whenever_it_is_sent() {
    let app = App::start();
    let event = r#"{"id":"e-1","action":"auth.login","source":"api"}"#;
    app.post("", JSON, event).await.json();
    app.clock.advance_micros(60_000_000);
    let receipt = app.post("", JSON, event).await.json();
    assert_eq!((&receipt["duplicates"], receipt.get("differing")), (&json!(1), None));
    let timed = r#"{"id":"e-1","action":"auth.login","source":"api","time":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(app.post("", JSON, timed).await.json()["differing"], json!(["e-1"]));
}

#[tokio::test]
async fn a_body_of_white_space_is_refused() {
    let app = App::start();
    let problem = app.post("", NDJSON, "\n \r\n\n").await.problem(422, "invalid_events");
    assert!(problem["detail"].as_str().unwrap().contains("white space"), "{problem}");
    post_packed(&app, "gzip", gzip(b"\n\n")).await.problem(422, "invalid_events");
    app.post("", JSON, " \n").await.problem(422, "invalid_events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_client_is_answered_as_any_other() {
    let app = App::start();
    for number in 0..40 {
        let one = event(&format!("lone-{number}"), 1, &json!({})).to_string();
        let answer = app.post("", JSON, one.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.json()["indices"], json!([number]));
        assert_eq!(app.post("", JSON, one).await.json()["indices"], json!([number]));
        app.post("", JSON, r#"{"action":"auth.login","colour":"red"}"#).await.problem(422, "invalid_events");
    }
    assert!(app.ledger.is_quiet());
}

#[tokio::test]
async fn every_bad_line_is_named_and_nothing_is_recorded() {
    let app = App::start();
    let body = format!(
        "{}\n{{\"action\":\n\n{}\n{}\n{}\n",
        event("good", 1, &json!({})),
        event("no-such-field", 1, &json!({ "colour": "red" })),
        event("wrong-type", 1, &json!({ "latency_ms": "fast" })),
        event("no-such-category", 1, &json!({ "category": "weather" })),
    );
    let problem = app.post("", NDJSON, body).await.problem(422, "invalid_events");
    assert_eq!(problem["error_count"], 4);
    let errors = problem["errors"].as_array().unwrap();
    let named: Vec<_> =
        errors.iter().map(|e| (e["line"].as_u64().unwrap(), e["code"].as_str().unwrap())).collect();
    assert_eq!(named[0], (2, "malformed_json"));
    assert_eq!(named[1], (4, "unknown_field"));
    assert_eq!(named[2], (5, "wrong_type"));
    assert_eq!(named[3], (6, "unknown_category"));
    assert_eq!(errors[1]["field"], "colour");
    assert_eq!(errors[1]["id"], "no-such-field");
    assert_eq!(app.ledger.size().get(), 0);
}

#[tokio::test]
async fn on_request_bad_lines_are_skipped_and_named() {
    let app = App::start();
    let body = format!("{}\nnonsense\n{}\n", event("a", 2, &json!({})), event("b", 1, &json!({})));
    let answer = app.post("?on_error=skip", NDJSON, body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let receipt = answer.json();
    assert_eq!((&receipt["recorded"], &receipt["skipped"]), (&json!(2), &json!(1)));
    assert_eq!(receipt["errors"][0]["line"], 2);
    app.catch_up();
    assert_eq!(ids(&app.get_json("/?limit=10&order=oldest_first").await), ["a", "b"]);
}

#[tokio::test]
async fn a_document_that_is_no_json_is_malformed() {
    let app = App::start();
    for body in ["{\"action\":", "[{\"action\":\"auth.login\"}", "hello"] {
        app.post("", JSON, body).await.problem(400, "malformed_body");
    }
    app.post("", JSON, &b"{\"action\":\"\xff\xfe\"}"[..]).await.problem(400, "malformed_body");
    app.post("", JSON, "").await.problem(400, "malformed_body");
    app.post("", JSON, "[]").await.json();
    assert_eq!(app.ledger.size().get(), 0);
}

#[tokio::test]
async fn unknown_types_encodings_and_parameters_are_refused() {
    let app = App::start();
    let body = event("a", 1, &json!({})).to_string();
    app.post("", "text/csv", body.clone()).await.problem(415, "unsupported_media_type");
    app.post("?on_error=ignore", JSON, body.clone()).await.problem(400, "invalid_parameter");
    app.post("?mode=fast", JSON, body.clone()).await.problem(400, "unknown_parameter");
    let request = app
        .request(Method::POST, "/events", Role::Ingest)
        .header(CONTENT_TYPE, JSON)
        .header(CONTENT_ENCODING, "br")
        .body(Body::from(body))
        .unwrap();
    let answer = Answer::of(app.send(request).await).await;
    answer.problem(415, "unsupported_encoding");
    assert_eq!(answer.header("accept-encoding"), "gzip, zstd");
}

async fn post_packed(app: &App, encoding: &str, body: Vec<u8>) -> Answer {
    let request = app
        .request(Method::POST, "/events", Role::Ingest)
        .header(CONTENT_TYPE, NDJSON)
        .header(CONTENT_ENCODING, encoding)
        .body(Body::from(body))
        .unwrap();
    Answer::of(app.send(request).await).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    let app = App::start();
    let body = lines(&events(50));
    assert_eq!(post_packed(&app, "gzip", gzip(body.as_bytes())).await.json()["recorded"], 50);
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    assert_eq!(post_packed(&app, "zstd", zstd).await.json()["duplicates"], 50);
    post_packed(&app, "gzip", body.into_bytes()).await.problem(400, "malformed_body");
}

#[tokio::test]
async fn large_bodies_are_refused_packed_or_not() {
    let limits = Config { max_body_bytes: 10_000, max_unpacked_bytes: 50_000, ..Config::default() };
    let app = App::start_with(limits);
    let body = lines(&events(200));
    assert!(body.len() > 20_000 && body.len() < 50_000);
    app.post("", NDJSON, body.clone()).await.problem(413, "body_too_large");
    assert_eq!(post_packed(&app, "gzip", gzip(body.as_bytes())).await.status, StatusCode::CREATED);
    let bomb = gzip(&vec![b'\n'; 5_000_000]);
    assert!(bomb.len() < 10_000);
    post_packed(&app, "gzip", bomb).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn an_upload_that_breaks_off_records_nothing() {
    let app = App::start();
    let pieces = [Ok(Bytes::from(lines(&events(5)))), Err(std::io::Error::other("connection lost"))];
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    app.post("", NDJSON, body).await.problem(400, "malformed_body");
    assert_eq!(app.ledger.size().get(), 0);
}

#[tokio::test]
async fn times_far_away_are_recorded_and_marked() {
    let app = App::start();
    let future = json!({ "time": "2031-01-01T00:00:00Z" });
    let past = json!({ "time": "1999-01-01T00:00:00Z" });
    app.record(&[event("future", 0, &future), event("past", 0, &past)]).await;
    assert_eq!(app.get_json("/future").await["marks"], json!(["time_future"]));
    assert_eq!(app.get_json("/past").await["marks"], json!(["time_past"]));
}

#[tokio::test]
async fn too_many_uploads_at_once_are_told_to_come_back() {
    let app = App::start_with(Config { ingest_memory_bytes: 1_000, ..Config::default() });
    let answer = app.post("", NDJSON, lines(&events(10))).await;
    answer.problem(503, "busy");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(app.post("", NDJSON, lines(&events(1))).await.status, StatusCode::CREATED);
}

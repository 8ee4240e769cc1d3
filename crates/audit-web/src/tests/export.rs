//! Exports: whole, streamed, recorded.

use std::time::Duration;

use audit_control::Role;
use audit_event::Entry;
use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::app::{Answer, App, event, events};
use crate::Config;

/// Enough for several chunks.
const MANY: i64 = 12_000;

async fn with_many() -> App {
    let app = App::start();
    for chunk in events(MANY).chunks(1_000) {
        app.record(chunk).await;
    }
    app
}

#[tokio::test]
async fn without_a_limit_everything_streams_in_order() {
    let app = with_many().await;
    let answer = app.get("/?format=ndjson&order=oldest_first").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"audit-export.ndjson\"");
    let lines: Vec<_> = answer.text().lines().collect();
    assert_eq!(lines.len(), 12_000);
    for (number, line) in lines.iter().enumerate() {
        assert!(line.contains(&format!("\"id\":\"e-{number}\"")), "{line}");
    }
}

#[tokio::test]
async fn the_default_is_one_json_document() {
    let app = App::start();
    app.record(&events(3)).await;
    let answer = app.get("?from=2026-03-01&to=2026-03-20").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"audit-export-2026-03-01-2026-03-20.json\""
    );
    let document = answer.json();
    assert_eq!(document["events"].as_array().unwrap().len(), 3);
    assert_eq!(document["count"], 3);
    let nothing = app.get_json("?from=1999-01-01&to=1999-12-31").await;
    assert_eq!(nothing["events"], Value::from(Vec::<Value>::new()));
}

#[tokio::test]
async fn what_was_recorded_before_the_export_is_in_it() {
    let app = App::start();
    for number in 0..20 {
        let event = event(&format!("n-{number}"), 1, &json!({}));
        let answer = app.post("", "application/json", event.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let export = app.get("/?format=ndjson&action=auth.login").await;
        assert_eq!(export.text().lines().count(), number + 1);
    }
}

#[tokio::test]
async fn exports_are_recorded_before_their_first_byte_and_at_their_end() {
    let app = App::start();
    app.record(&events(3)).await;
    let before = app.ledger.size().get();
    let request = app.request(Method::GET, "/?format=csv", Role::Auditor).body(Body::empty()).unwrap();
    let response = app.send(request).await;
    let first = app.ledger.reader().get(audit_tlog::LeafIndex::new(before));
    let first = first.expect("the beginning is durable before the body is read");
    let mut json = Vec::new();
    Entry::decode(&first).unwrap().write_json(&mut json);
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap()["details"]["phase"], "started");
    let export = Answer::of(response).await;

    let mut deeds = app.deeds("audit.exported").await;
    for _ in 0..6_000 {
        if deeds.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        deeds = app.deeds("audit.exported").await;
    }
    let [started, finished] = deeds.as_slice() else { panic!("{deeds:?}") };
    assert_eq!(started["details"]["phase"], "started");
    assert_eq!(started["actor"]["name"], "auditor");
    assert_eq!(started["client"]["ip"], "192.0.2.7");
    assert_eq!(finished["details"]["phase"], "finished");
    assert_eq!(finished["details"]["count"], 3);
    let sent = export.header("content-disposition").split('"').nth(1).unwrap().to_owned();
    assert_eq!(finished["details"]["file"], sent, "the record names the file that was saved");
    let digest: String = Sha256::digest(&export.body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(finished["details"]["sha256"], digest);
    assert_eq!(finished["outcome"], "success");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_export_and_that_is_recorded() {
    let app = with_many().await;
    let request = app.request(Method::GET, "/?format=ndjson", Role::Auditor).body(Body::empty()).unwrap();
    let mut body = app.send(request).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    for _ in 0..6_000 {
        if app.deeds("audit.exported").await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let deeds = app.deeds("audit.exported").await;
    assert_eq!(deeds[1]["outcome"], "failure");
    assert_eq!(deeds[1]["reason"], "incomplete");
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_export() {
    let app = App::start_with(Config { stall_timeout: Duration::from_millis(50), ..Config::default() });
    // More than fits between the export and its client.
    let long = json!({ "details": { "text": "words ".repeat(5_000) } });
    for number in 0..20 {
        let events: Vec<_> = (0..50).map(|at| event(&format!("long-{number}-{at}"), 1, &long)).collect();
        app.record(&events).await;
    }
    let request = app.request(Method::GET, "/?format=ndjson", Role::Auditor).body(Body::empty()).unwrap();
    let body = app.send(request).await.into_body();
    for _ in 0..6_000 {
        if app.deeds("audit.exported").await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(app.deeds("audit.exported").await[1]["outcome"], "failure");
    assert!(body.collect().await.is_err(), "what comes after is an error, not an end");
}

#[tokio::test]
async fn exports_are_compressed_as_they_stream() {
    let app = with_many().await;
    // Not the exports' own events.
    let path = "/?format=csv&source=api";
    let plain = app.get(path).await;
    let request = app
        .request(Method::GET, path, Role::Auditor)
        .header("accept-encoding", "gzip, zstd")
        .body(Body::empty())
        .unwrap();
    let packed = Answer::of(app.send(request).await).await;
    assert_eq!(packed.header("content-encoding"), "zstd");
    assert!(packed.body.len() < plain.body.len() / 3);
    assert_eq!(zstd::decode_all(packed.body.as_slice()).unwrap(), plain.body);
    let request = app
        .request(Method::GET, "/?format=parquet", Role::Auditor)
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    let parquet = Answer::of(app.send(request).await).await;
    assert_eq!(parquet.header("content-encoding"), "");
    assert!(parquet.body.ends_with(b"PAR1"));
}

#[tokio::test]
async fn a_head_request_moves_no_data_and_is_recorded_as_a_look() {
    let app = App::start();
    app.record(&events(3)).await;
    let request = app.request(Method::HEAD, "/?format=csv", Role::Auditor).body(Body::empty()).unwrap();
    let answer = Answer::of(app.send(request).await).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("audit-tree-size"), "3");
    assert_eq!(app.deeds("audit.viewed").await[0]["http"]["method"], "HEAD");
    assert!(app.deeds("audit.exported").await.is_empty());
}

//! A full disk: appending says so, reading goes on, and what readers do is recorded later.

use std::sync::Arc;

use audit_ledger::disk::RealDisk;
use http::StatusCode;
use serde_json::json;

use super::app::{App, event};
use crate::Config;

#[tokio::test]
async fn a_full_disk_is_told_and_reading_goes_on() {
    let app = App::start_on(Arc::new(RealDisk), Config::default(), |config| {
        // No disk has that much room left.
        config.min_free_bytes = u64::MAX / 2;
    });
    let answer = app.post("", "application/json", event("a", 1, &json!({})).to_string()).await;
    let problem = answer.problem(503, "ledger_unavailable");
    assert!(problem["free_bytes"].is_u64());
    assert!(!answer.header("retry-after").is_empty());

    let page = app.get_json("/?limit=5").await;
    assert_eq!(page["events"], json!([]));
    assert_eq!(app.get("/?format=ndjson").await.status, StatusCode::OK);
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["ledger"], "disk_full");
}

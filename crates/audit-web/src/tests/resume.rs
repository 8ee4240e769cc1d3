//! Exports that are gone on with: the parts put together are the file.

use std::time::Duration;

use audit_control::Role;
use axum::body::Body;
use http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::app::{Answer, App, event, events};

async fn with_events() -> App {
    let app = App::start();
    for chunk in events(3_000).chunks(1_000) {
        app.record(chunk).await;
    }
    app
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters that ask for what comes after `had` of an export of that size.
fn after(tree_size: &str, had: &[u8]) -> String {
    format!("&tree_size={tree_size}&skip_bytes={}&skip_sha256={}", had.len(), sha256(had))
}

#[tokio::test]
async fn wherever_it_broke_off_the_rest_completes_the_file() {
    let app = with_events().await;
    for query in ["?format=ndjson", "?format=json", "?format=csv&bom=true", "?format=csv&order=oldest_first"]
    {
        let whole = app.get(query).await;
        let size = whole.header("audit-tree-size").to_owned();
        // What arrives later belongs to another export.
        app.record(&[event(&format!("late-{query}"), 5, &json!({}))]).await;
        let length = whole.body.len();
        for cut in [0, 1, 17, length / 3, length - 1, length] {
            let had = &whole.body[..cut];
            let more = if cut == 0 { format!("&tree_size={size}") } else { after(&size, had) };
            let rest = app.get(&format!("{query}{more}")).await;
            assert_eq!(rest.header("audit-tree-size"), size);
            assert!([had, &rest.body].concat() == whole.body, "{query} cut at {cut} of {length}");
        }
    }
}

#[tokio::test]
async fn the_rest_may_come_compressed() {
    let app = with_events().await;
    let whole = app.get("/?format=ndjson").await;
    let had = &whole.body[..1_000];
    let path = format!("/?format=ndjson{}", after(whole.header("audit-tree-size"), had));
    let request = app.request(Method::GET, &path, Role::Auditor).header("accept-encoding", "zstd");
    let rest = Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(zstd::decode_all(rest.body.as_slice()).unwrap(), whole.body[1_000..]);
}

#[tokio::test]
async fn what_is_not_the_beginning_is_refused_before_a_byte_is_sent() {
    let app = with_events().await;
    let whole = app.get("/?format=ndjson").await;
    let size = whole.header("audit-tree-size").to_owned();
    let altered = [b"x", &whole.body[1..500]].concat();
    app.get(&format!("/?format=ndjson{}", after(&size, &altered))).await.problem(409, "export_differs");
    let longer = [whole.body.as_slice(), b"more"].concat();
    app.get(&format!("/?format=ndjson{}", after(&size, &longer))).await.problem(409, "export_differs");
    // Of another question.
    app.get(&format!("/?format=csv{}", after(&size, &whole.body[..500])))
        .await
        .problem(409, "export_differs");
}

#[tokio::test]
async fn a_size_that_the_ledger_has_not_is_refused() {
    let app = App::start();
    app.record(&events(3)).await;
    let problem = app.get("/?format=ndjson&tree_size=999").await.problem(400, "invalid_parameter");
    assert_eq!(problem["parameter"], "tree_size");
    let early = app.get("/?format=ndjson&tree_size=2").await;
    assert_eq!(early.text().lines().count(), 2, "an export of an earlier state");
}

#[tokio::test]
async fn going_on_is_recorded_as_a_read_of_its_own() {
    let app = App::start();
    app.record(&events(3)).await;
    let whole = app.get("/?format=csv").await;
    let size = whole.header("audit-tree-size").to_owned();
    app.get(&format!("/?format=csv{}", after(&size, &whole.body[..100]))).await;
    let mut deeds = app.deeds("audit.exported").await;
    for _ in 0..6_000 {
        if deeds.len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        deeds = app.deeds("audit.exported").await;
    }
    deeds.retain(|deed| deed["details"]["resumed_at_bytes"] == 100);
    let [started, finished] = deeds.as_slice() else { panic!("{deeds:?}") };
    for (deed, phase) in [(started, "started"), (finished, "finished")] {
        assert_eq!(deed["details"]["phase"], phase);
        assert_eq!(deed["details"]["tree_size"], 3);
    }
    assert_eq!(finished["details"]["sha256"], sha256(&whole.body), "of the whole file");
    assert_eq!(finished["details"]["count"], 3);
}

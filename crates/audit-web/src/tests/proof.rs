//! Proof files verify with nothing but themselves and the log's key.

use audit_event::disclosure::Disclosure;
use audit_tlog::TlogProof;

use super::app::{App, ORIGIN, event, events};

/// Verifies a proof file offline and gives what it discloses.
fn verify(app: &App, file: &[u8]) -> String {
    let proof = TlogProof::parse(file).unwrap();
    let disclosed = String::from_utf8(proof.extra.clone().unwrap()).unwrap();
    let leaf = Disclosure::from_json(&disclosed).unwrap().leaf_data();
    proof.verify(leaf.as_bytes(), ORIGIN, std::slice::from_ref(&app.verifier)).unwrap();
    disclosed
}

#[tokio::test]
async fn a_proof_discloses_the_event_and_verifies() {
    let app = App::start();
    app.record(&events(300)).await;
    for index in [0, 1, 255, 256, 299] {
        let answer = app.get(&format!("/{index}/proof")).await;
        assert_eq!(answer.header("audit-index"), index.to_string());
        assert_eq!(
            answer.header("content-disposition"),
            format!("attachment; filename=\"event-{index}.tlog-proof\"")
        );
        assert!(verify(&app, &answer.body).contains("ada@example.com"));
    }
}

#[tokio::test]
async fn groups_can_be_withheld() {
    let app = App::start();
    app.record(&[event("secretive", 1, &serde_json::json!({ "message": "the content" }))]).await;
    let answer = app.get("/secretive/proof?groups=core,content").await;
    let disclosed = verify(&app, &answer.body);
    assert!(disclosed.contains("the content") && !disclosed.contains("ada@example.com"));
    app.get("/secretive/proof?groups=colour").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn an_event_can_be_proved_as_soon_as_it_is_acknowledged() {
    let app = App::start();
    for number in 0..5 {
        let answer = app.post(
            "",
            "application/json",
            event(&format!("n-{number}"), 1, &serde_json::json!({})).to_string(),
        );
        let proof = answer.await.json()["proof"].as_str().unwrap().to_owned();
        let path = proof.strip_prefix("/api/v1/auditlog").unwrap().to_owned();
        verify(&app, &app.get(&path).await.body);
    }
}

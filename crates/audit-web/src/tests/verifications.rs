//! Checks of the whole ledger: begun, watched, broken off, due by themselves; and everything else that is checked.

use std::time::Duration;

use audit_control::{Role, VerificationOutcome};
use audit_event::Timestamp;
use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, NOW, event, events};
use crate::Config;
use crate::verifications;

const HOUR: Duration = Duration::from_secs(3_600);

async fn ask(app: &App, method: Method, path: &str, role: Role) -> Answer {
    Answer::of(app.send(app.request(method, path, role).body(Body::empty()).unwrap()).await).await
}

/// Begins a check, waits for its end, and gives it as it is then.
async fn verify(app: &App, role: Role) -> Value {
    let begun = ask(app, Method::POST, "/verifications", role).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
    app.state.verifications().wait();
    let id = begun.json()["id"].as_u64().unwrap();
    assert_eq!(begun.header("location"), format!("/api/v1/auditlog/verifications/{id}"));
    app.get_json(&format!("/verifications/{id}")).await
}

#[tokio::test]
async fn a_check_gives_both_verdicts_and_is_an_event() {
    let app = App::start();
    app.record(&events(40)).await;
    app.ledger.publish_checkpoint().unwrap();
    let found = verify(&app, Role::Auditor).await;
    assert_eq!((&found["state"], &found["entries"]), (&json!("sound"), &json!(40)), "{found}");
    assert_eq!(found["integrity"], json!({ "sound": true, "findings": [] }));
    assert_eq!(found["completeness"], json!({ "sound": true, "findings": [] }));
    assert_eq!((&found["checkpoint_size"], &found["by"]["name"]), (&json!(40), &json!("auditor")));
    let note = ask(&app, Method::GET, "/tlog/checkpoint", Role::Auditor).await;
    assert!(note.text().contains(found["root"].as_str().unwrap()), "the root is the checkpoint's");
    let told = app.deeds("audit.verified").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["outcome"], &told[0]["actor"]["name"]), (&json!("success"), &json!("auditor")));
    assert_eq!(
        (&told[0]["details"]["entries"], &told[0]["details"]["verification"]),
        (&json!(40), &json!(1))
    );
}

#[tokio::test]
async fn damage_on_the_disk_is_found_and_told_without_saying_where_the_directory_is() {
    let app = App::start();
    app.record(&events(40)).await;
    app.record(&[event("rotten", 0, &json!({}))]).await;
    app.ledger.publish_checkpoint().unwrap();
    app.damage("rotten");
    let found = verify(&app, Role::Admin).await;
    assert_eq!(found["state"], "broken", "{found}");
    let sound = [&found["integrity"]["sound"], &found["completeness"]["sound"]];
    assert!(sound.contains(&&json!(false)), "{found}");
    let text = found.to_string();
    assert!(text.contains("ledger/checkpoint"), "{text}");
    assert!(!text.contains(&app.state.premises().root.display().to_string()), "{text}");
    let told = app.deeds("audit.verification_failed").await;
    assert_eq!((&told[0]["severity"], &told[0]["reason"]), (&json!("critical"), &json!("not_sound")));
    let checks = app.get_json("/checks").await;
    assert_eq!(checks["level"], "bad");
}

#[tokio::test]
async fn one_runs_at_a_time_and_can_be_broken_off() {
    let app = App::start();
    app.record(&events(40)).await;
    app.state.verifications().hold(true);
    let begun = ask(&app, Method::POST, "/verifications", Role::Auditor).await.json();
    assert_eq!(begun["state"], "running");
    let other = ask(&app, Method::POST, "/verifications", Role::Admin).await;
    assert_eq!(other.problem(409, "verification_running")["id"], begun["id"]);
    let path = format!("/verifications/{}", begun["id"]);
    let answer = ask(&app, Method::DELETE, &path, Role::Admin).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    app.state.verifications().hold(false);
    app.state.verifications().wait();
    let ended = app.get_json(&path).await;
    assert_eq!((&ended["state"], &ended["entries"]), (&json!("cancelled"), &Value::Null));
    let told = app.deeds("audit.verification_cancelled").await;
    assert_eq!((&told[0]["actor"]["name"], &told[0]["reason"]), (&json!("admin"), &json!("cancelled")));
    ask(&app, Method::DELETE, &path, Role::Admin).await.problem(409, "verification_over");
}

#[tokio::test]
async fn recording_goes_on_meanwhile() {
    let app = App::start();
    app.record(&events(40)).await;
    app.state.verifications().hold(true);
    ask(&app, Method::POST, "/verifications", Role::Auditor).await;
    app.record(&[event("meanwhile", 1, &json!({}))]).await;
    app.state.verifications().hold(false);
    app.state.verifications().wait();
    assert_eq!(app.get_json("/verifications/1").await["state"], "sound");
}

#[tokio::test]
async fn a_check_is_due_by_itself() {
    let app = App::start_with(Config { verify_every: Some(24 * HOUR), ..Config::default() });
    app.record(&events(3)).await;
    let due = app.get_json("/verifications").await;
    assert_eq!((&due["every_hours"], &due["next"]), (&json!(24), &json!(NOW.to_string())));
    verifications::tick(&app.state).unwrap();
    app.state.verifications().wait();
    let first = app.get_json("/verifications").await;
    assert_eq!(
        (&first["verifications"][0]["state"], &first["verifications"][0]["by"]),
        (&json!("sound"), &Value::Null)
    );
    let told = app.deeds("audit.verified").await;
    assert_eq!(told[0]["actor"]["type"], "system");
    for (hours, checks) in [(23, 1), (24, 2), (25, 2)] {
        app.clock.set(Timestamp::from_micros(NOW.as_micros() + hours * 3_600_000_000));
        verifications::tick(&app.state).unwrap();
        app.state.verifications().wait();
        let list = app.get_json("/verifications").await;
        assert_eq!(list["verifications"].as_array().unwrap().len(), checks, "after {hours} hours");
    }
}

#[tokio::test]
async fn where_the_schedule_is_off_nothing_is_due() {
    let app = App::start_with(Config { verify_every: None, ..Config::default() });
    app.record(&events(3)).await;
    verifications::tick(&app.state).unwrap();
    let list = app.get_json("/verifications").await;
    assert_eq!((&list["next"], &list["every_hours"]), (&Value::Null, &Value::Null));
    assert_eq!(list["verifications"], json!([]));
}

#[tokio::test]
async fn what_somebody_broke_off_does_not_begin_anew_but_what_the_servers_end_cut_short_does() {
    let app = App::start();
    let control = app.state.control();
    let id = control.begin_verification(None, NOW).unwrap();
    control.end_verification(id, &VerificationOutcome::Cancelled, NOW).unwrap();
    assert!(verifications::next(&app.state).unwrap().unwrap() > NOW);
    let app = App::start();
    let control = app.state.control();
    control.begin_verification(None, NOW).unwrap();
    control.interrupt_verifications(NOW).unwrap();
    assert_eq!(verifications::next(&app.state).unwrap(), Some(NOW));
}

#[tokio::test]
async fn a_check_that_was_never_made_is_not_found() {
    let app = App::start();
    for path in ["/verifications/7", "/verifications/x"] {
        ask(&app, Method::GET, path, Role::Auditor).await.problem(404, "no_such_verification");
    }
    ask(&app, Method::GET, "/checkpoints/7", Role::Auditor).await.problem(404, "no_such_checkpoint");
}

#[tokio::test]
async fn checkpoints_are_kept_and_given_back_as_signed() {
    let app = App::start();
    app.record(&events(5)).await;
    let note = app.ledger.publish_checkpoint().unwrap();
    verifications::tick(&app.state).unwrap();
    app.state.verifications().wait();
    let list = app.get_json("/checkpoints").await;
    let sizes: Vec<_> =
        list["checkpoints"].as_array().unwrap().iter().map(|one| one["size"].as_u64().unwrap()).collect();
    assert!(sizes.contains(&5), "{list}");
    let kept = ask(&app, Method::GET, "/checkpoints/5", Role::Auditor).await;
    assert_eq!(kept.body, &*note);
    assert_eq!(kept.header("content-disposition"), "attachment; filename=\"checkpoint-5.txt\"");
}

#[tokio::test]
async fn an_older_copy_of_the_ledger_is_found_by_the_checkpoints_kept() {
    let app = App::start();
    app.record(&events(40)).await;
    app.ledger.publish_checkpoint().unwrap();
    app.keep_checkpoint(50, audit_tlog::Hash::EMPTY_ROOT);
    let found = verify(&app, Role::Auditor).await;
    assert_eq!(
        (&found["state"], &found["completeness"]["sound"]),
        (&json!("broken"), &json!(false)),
        "{found}"
    );
    let finding = found["completeness"]["findings"][0].as_str().unwrap();
    assert!(finding.starts_with("control.db promises 50 entries"), "{finding}");
    // It grows beyond what it was, with other events.
    app.record(&(0..30).map(|n| event(&format!("new-{n}"), 0, &json!({}))).collect::<Vec<_>>()).await;
    app.ledger.publish_checkpoint().unwrap();
    verifications::tick(&app.state).unwrap();
    let found = verify(&app, Role::Auditor).await;
    assert_eq!((&found["state"], &found["integrity"]["sound"]), (&json!("broken"), &json!(false)), "{found}");
    let sizes = app.state.control().checkpoints(9).unwrap();
    assert_eq!(sizes.iter().map(|kept| kept.size).collect::<Vec<_>>(), [50], "none of the other log");
    let checks = app.get_json("/checks").await;
    assert_eq!(checks["level"], "bad");
}

#[tokio::test]
async fn an_older_copy_of_the_ledger_is_told_at_the_start() {
    let app = App::start();
    app.record(&events(4)).await;
    app.keep_checkpoint(50, audit_tlog::Hash::EMPTY_ROOT);
    verifications::promised::tell(&app.state).unwrap();
    let told = app.deeds("audit.verification_failed").await;
    assert_eq!((&told[0]["reason"], &told[0]["details"]["checkpoint"]), (&json!("put_back"), &json!(50)));
}

#[tokio::test]
async fn a_check_that_panics_has_failed_and_another_can_begin() {
    let app = App::start();
    app.record(&events(4)).await;
    app.state.verifications().panic();
    let found = verify(&app, Role::Auditor).await;
    assert_eq!(found["state"], "failed", "{found}");
    assert!(found["error"].as_str().unwrap().contains("itself failed"), "{found}");
    let told = app.deeds("audit.verification_failed").await;
    assert_eq!(told[0]["reason"], "unreadable");
    assert_eq!(verify(&app, Role::Auditor).await["id"], 2, "it does not run any more");
}

#[tokio::test]
async fn the_checks_say_what_to_do() {
    let app = App::start();
    let checks = app.get_json("/checks").await;
    let of = |subject: &str| {
        let findings = checks["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["subject"] == subject).unwrap_or(&Value::Null).clone()
    };
    assert_eq!(of("clock")["level"], "good", "what the binary looks at is among them");
    assert_eq!(of("recording")["level"], "good");
    assert_eq!(of("events")["finding"], "none, and nothing brings any");
    assert!(of("events")["advice"].as_str().unwrap().contains("--upstream"));
}

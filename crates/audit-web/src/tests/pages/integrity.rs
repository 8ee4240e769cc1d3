//! The pages on integrity and health, and what an empty list says.

use audit_event::Timestamp;
use http::Method;
use serde_json::json;

use super::*;
use crate::tests::app::{NOW, events};
use crate::verifications;

const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn the_page_shows_checkpoint_verdicts_and_what_a_witness_would_add() {
    let app = App::start();
    app.record(&events(40)).await;
    let note = app.ledger.publish_checkpoint().unwrap();
    verifications::tick(&app.state).unwrap();
    app.state.verifications().wait();
    let page = Browser::signed_in(&app).await.get("/audit/integrity").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    for there in
        ["Nothing was altered", "Nothing is missing", "the schedule", "None is configured", "None is known"]
    {
        assert!(text.contains(there), "{there}");
    }
    let root = std::str::from_utf8(&note).unwrap().lines().nth(2).unwrap();
    assert!(text.contains(&root.replace('+', "&#43;")) || text.contains(root), "the root hash is there");
}

#[tokio::test]
async fn a_form_of_the_page_begins_a_check_and_another_breaks_it_off() {
    let app = App::start();
    app.record(&events(40)).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/integrity").await;
    let key = hidden(page.text(), "key").to_owned();
    app.state.verifications().hold(true);
    let begun = browser.submit("/audit/integrity/verify", &[("key", &key)]).await;
    assert_eq!((begun.status.as_u16(), begun.header("location")), (303, "/audit/integrity"));
    let running = browser.get("/audit/integrity").await;
    assert!(running.text().contains("A verification is running"), "{}", running.text());
    assert!(!running.text().contains("Verify now</button>"), "one at a time");
    let again = browser.submit("/audit/integrity/verify", &[("key", &key)]).await;
    assert_eq!(again.status, 303, "it is shown the one that runs");
    let id = hidden(running.text(), "id").to_owned();
    browser.submit("/audit/integrity/cancel", &[("key", &key), ("id", &id)]).await;
    app.state.verifications().hold(false);
    app.state.verifications().wait();
    let page = browser.get("/audit/integrity").await;
    assert!(page.text().contains("cancelled"), "{}", page.text());
}

#[tokio::test]
async fn a_form_from_elsewhere_begins_nothing() {
    let app = App::start();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/audit/integrity").await;
    let key = hidden(page.text(), "key").to_owned();
    let foreign = browser.submit_from("cross-site", "/audit/integrity/verify", &[("key", &key)]).await;
    assert_eq!(foreign.status, 403);
    let guessed = browser.submit("/audit/integrity/verify", &[("key", "guessed")]).await;
    assert_eq!(guessed.status, 403);
    assert!(guessed.header("content-type").starts_with("text/html"), "people read a page");
    assert!(app.state.control().verifications().unwrap().is_empty());
}

#[tokio::test]
async fn gaps_are_listed_with_what_to_do() {
    let app = App::start();
    app.record_own(&[
        sample("r", 30, &json!({ "action": "ledger.recovered", "details": { "bytes": "1200" } })),
        sample("s1", 20, &json!({ "action": "ledger.started" })),
        sample("s2", 10, &json!({ "action": "ledger.started" })),
    ])
    .await;
    let interrupted = json!({ "action": "chat.deleted", "outcome": "unknown", "reason": "interrupted",
        "source": "gateway" });
    app.record(&[sample("i", 5, &interrupted)]).await;
    let page = Browser::signed_in(&app).await.get("/audit/integrity").await;
    let gaps = part(page.text(), "<h2 id=\"gaps\">", "</section>");
    for there in [
        "A write was cut off by a crash",
        "1.2 kB never acknowledged",
        "began anew without having stopped in order",
        "not known how a change ended",
        "chat.deleted",
    ] {
        assert!(gaps.contains(there), "{there} is not in {gaps}");
    }
}

#[tokio::test]
async fn who_may_append_neither_hides_a_gap_nor_makes_one() {
    let app = App::start();
    let started = json!({ "action": "ledger.started" });
    app.record_own(&[sample("s1", 20, &started), sample("s2", 10, &started)]).await;
    let forged = ["ledger.stopped", "ledger.recovered", "ledger.events_dropped", "audit.verification_failed"];
    let forged = forged.map(|action| sample(action, 15, &json!({ "action": action })));
    app.record(&forged).await;
    let interrupted = json!({ "outcome": "unknown", "reason": "interrupted" });
    app.record(&[sample("i", 5, &interrupted)]).await;
    let page = Browser::signed_in(&app).await.get("/audit/integrity").await;
    let gaps = part(page.text(), "<h2 id=\"gaps\">", "</section>");
    assert!(gaps.contains("began anew without having stopped in order"), "{gaps}");
    assert_eq!(gaps.matches("<time ").count(), 1, "{gaps}");
}

#[tokio::test]
async fn starts_and_stops_are_paired_as_recorded_whatever_the_clock_said() {
    let app = App::start();
    let [started, stopped] = ["started", "stopped"].map(|what| json!({ "action": format!("ledger.{what}") }));
    // The clock was put forward before the stop, and back again before the second start.
    app.record_own(&[sample("s1", 30, &started), sample("e1", 10, &stopped), sample("s2", 20, &started)])
        .await;
    let page = Browser::signed_in(&app).await.get("/audit/integrity").await;
    assert!(page.text().contains("None is known"), "{}", page.text());
}

#[tokio::test]
async fn a_ledger_that_was_larger_is_said_to_be_missing_something() {
    let app = App::start();
    app.record(&events(5)).await;
    app.ledger.publish_checkpoint().unwrap();
    verifications::tick(&app.state).unwrap();
    app.state.verifications().wait();
    let mut browser = Browser::signed_in(&app).await;
    assert!(browser.get("/audit/integrity").await.text().contains("None is known"));
    app.keep_checkpoint(5_000, audit_tlog::Hash::EMPTY_ROOT);
    let page = browser.get("/audit/integrity").await;
    for from in ["<h2 id=\"last\">", "<h2 id=\"gaps\">"] {
        let section = part(page.text(), from, "</section>");
        assert!(section.contains("The log was larger before"), "{section}");
        assert!(section.contains("covers 5,000 events"), "{section}");
    }
}

#[tokio::test]
async fn verdicts_that_are_old_or_followed_by_a_failure_are_not_shown_alone() {
    let app = App::start();
    app.record(&events(5)).await;
    verifications::tick(&app.state).unwrap();
    app.state.verifications().wait();
    let control = app.state.control();
    let last = async || {
        let page = Browser::signed_in(&app).await.get("/audit/integrity").await;
        part(page.text(), "<h2 id=\"last\">", "</section>")
    };
    assert!(!last().await.contains("role=\"alert\""), "{}", last().await);
    let id = control.begin_verification(None, NOW).unwrap();
    let failed = audit_control::VerificationOutcome::Failed("no such directory".to_owned());
    control.end_verification(id, &failed, NOW).unwrap();
    assert!(last().await.contains("could not be made: no such directory"), "{}", last().await);
    app.clock.set(Timestamp::from_micros(NOW.as_micros() + 49 * HOUR));
    assert!(last().await.contains("one is due every 24 h"), "{}", last().await);
    let checks = app.get_json("/checks").await;
    let findings = checks["findings"].as_array().unwrap();
    let check = findings.iter().find(|finding| finding["subject"] == "verification").unwrap();
    assert_eq!(check["level"], "bad", "{check}");
}

#[tokio::test]
async fn health_shows_sources_checks_disk_and_retention() {
    let app = App::start();
    app.record(&[
        sample("a", 30, &json!({ "source": "gateway" })),
        sample("b", 10, &json!({ "source": "gateway" })),
        sample("c", 10, &json!({ "source": "model_gateway", "action": "model.called", "model": { "id": "m", "provider": "openai" } })),
    ])
    .await;
    let page = Browser::signed_in(&app).await.get("/audit/health").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let sources = part(page.text(), "<h2 id=\"sources\">", "</section>");
    for there in ["Gateway", "openai", "token; when it was last used", "class=\"sparkline\"", "active"] {
        assert!(sources.contains(there), "{there} is not in {sources}");
    }
    for there in ["Kept for ever", "looked at by the binary", "doctor --url", "kept in reserve"] {
        assert!(page.text().contains(there), "{there}");
    }
}

#[tokio::test]
async fn whoever_may_append_only_sees_neither_page() {
    let app = App::start();
    for page in ["/audit/integrity", "/audit/health"] {
        let request = Request::builder()
            .method(Method::GET)
            .uri(page)
            .header("authorization", format!("Bearer {}", app.token(Role::Ingest)));
        let answer = Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await;
        assert_eq!(answer.status, 403, "{page}");
    }
}

#[tokio::test]
async fn an_empty_log_says_what_to_set_up() {
    let app = App::start();
    // That somebody signed in and looked is on the record; it is nothing that a source brought.
    let page = Browser::signed_in(&app).await.get("/audit?q=nobody").await;
    assert!(page.text().contains("source setup openwebui"), "{}", page.text());
    app.record(&events(3)).await;
    let page = Browser::signed_in(&app).await.get("/audit?q=nobody").await;
    assert!(page.text().contains("No event matches"), "{}", page.text());
}

/// A source that sent something every hour for two days, and nothing since 2026-03-17T09:30.
async fn a_source_falls_silent(app: &App) {
    let hourly = |hours: i64| {
        let time = Timestamp::from_micros(NOW.as_micros() - 74 * HOUR - 30 * HOUR / 60 - hours * HOUR);
        sample(&format!("h-{hours}"), 0, &json!({ "source": "gateway", "time": time.to_string() }))
    };
    app.record(&(0..48).map(hourly).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_silent_source_is_bad_health_and_every_page_says_so() {
    let app = App::start();
    a_source_falls_silent(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let health = browser.get("/audit/health").await;
    let summary = part(health.text(), "<p class=\"summary", "</p>");
    assert!(summary.contains("summary bad") && summary.contains("1 source is silent"), "{summary}");
    assert!(!summary.contains("Everything works"), "{summary}");
    let other = browser.get("/audit/exports").await;
    assert!(part(other.text(), "href=\"/audit/health\"", "</a>").contains("1 source is silent"));
}

#[tokio::test]
async fn an_empty_range_tells_of_the_source_that_fell_silent() {
    let app = App::start();
    let last = "2026-03-17T09:30:00";
    a_source_falls_silent(&app).await;
    let ahead = json!({ "source": "gateway", "time": "2099-01-01T00:00:00Z" });
    app.record(&[sample("dated-ahead", 0, &ahead)]).await;
    let page =
        Browser::signed_in(&app).await.get("/audit?from=2026-03-18&to=2026-03-19&q=source:gateway").await;
    assert!(page.text().contains("The source gateway has been silent since"), "{}", page.text());
    assert!(page.text().contains(last), "{}", page.text());
}

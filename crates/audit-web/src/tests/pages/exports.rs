//! The pages on exports: what is going to be written, what was, and the forms that begin and remove it.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::tests::app::events;

async fn filled() -> App {
    let app = App::start();
    app.record(&events(40)).await;
    app
}

/// Submits the form of a new export with these fields besides the usual ones.
async fn begun(browser: &mut Browser<'_>, more: &[(&str, &str)]) -> Answer {
    let page = browser.get("/audit/exports/new?user=ada").await;
    let key = hidden(page.text(), "key").to_owned();
    let question = hidden(page.text(), "question").to_owned();
    let fields = [&[("key", key.as_str()), ("question", question.as_str())], more].concat();
    browser.submit("/audit/exports", &fields).await
}

async fn until_done(browser: &mut Browser<'_>) -> Answer {
    for _ in 0..6_000 {
        let page = browser.get("/audit/exports").await;
        if page.text().contains("/proof\"") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the export does not end");
}

#[tokio::test]
async fn count_and_sizes_are_told_beforehand() {
    let app = filled().await;
    let page = Browser::signed_in(&app).await.get("/audit/exports/new?user=ada").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("data-number=\"40\""), "{}", page.text());
    let real = app.get("/?user=ada&format=ndjson").await.body.len();
    let said = format!("about {} KiB", real >> 10);
    assert!(page.text().contains(&said), "{said}: {}", page.text());
    let wrong = Browser::signed_in(&app).await.get("/audit/exports/new?usr=ada").await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn the_menu_learns_sizes_without_a_look_on_record() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    let real = app.get("/?user=ada&format=ndjson").await.body.len();
    let sizes = browser.get("/audit/exports/sizes?user=ada").await.json();
    assert_eq!(sizes["ndjson"], format!("{} KiB", real >> 10));
    let few = browser.get("/audit/exports/sizes?user=ada&fields=time").await.json();
    assert_ne!(few["csv"], sizes["csv"], "sizes are of the chosen columns");
    assert_eq!(app.deeds("audit.viewed").await.len(), 0);
}

#[tokio::test]
async fn the_form_begins_an_export_which_the_list_shows_and_can_remove() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    let empty = browser.get("/audit/exports").await;
    assert!(empty.text().contains("No exports yet"));
    let more = [
        ("format", "csv"),
        ("columns", "chosen"),
        ("field", "time"),
        ("field", "action"),
        ("name", "Ada <b>"),
        ("how", "job"),
    ];
    assert_eq!(begun(&mut browser, &more).await.status, 400, "no name for a file");
    let more = [
        ("format", "csv"),
        ("columns", "chosen"),
        ("field", "time"),
        ("field", "action"),
        ("name", "Ada"),
        ("how", "job"),
    ];
    let answer = begun(&mut browser, &more).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let id = answer.header("location").split_once('#').unwrap().1.to_owned();
    let page = until_done(&mut browser).await;
    for there in ["Ada.csv", "user:ada", "Ready", &format!("/exports/{id}/file")] {
        assert!(page.text().contains(there), "{there}: {}", page.text());
    }
    let file = browser.get(&format!("/api/v1/auditlog/exports/{id}/file")).await;
    assert_eq!(file.text().lines().next(), Some("time,action"));
    let key = hidden(page.text(), "key").to_owned();
    let foreign =
        browser.submit_from("cross-site", &format!("/audit/exports/{id}/delete"), &[("key", &key)]).await;
    assert_eq!(foreign.status, 403);
    let guessed = browser.submit(&format!("/audit/exports/{id}/delete"), &[("key", "guessed")]).await;
    assert_eq!(guessed.status, 403);
    let removed = browser.submit(&format!("/audit/exports/{id}/delete"), &[("key", &key)]).await;
    assert_eq!(removed.status, 303);
    assert!(browser.get("/audit/exports").await.text().contains("Deleted"));
}

#[tokio::test]
async fn a_small_one_can_be_had_at_once() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    let more = [("format", "csv"), ("columns", "usual"), ("bom", "true"), ("how", "now")];
    let answer = begun(&mut browser, &more).await;
    assert_eq!(answer.status, 303);
    let file = browser.get(answer.header("location")).await;
    assert!(file.text().starts_with("\u{feff}time,actor_name,"), "{}", file.text());
    assert_eq!(file.text().lines().count(), 41);
    let nothing = begun(&mut browser, &[("format", "csv"), ("columns", "chosen"), ("how", "now")]).await;
    assert_eq!(nothing.status, 400, "no column was chosen");
}

#[tokio::test]
async fn sizes_are_of_all_events_not_of_the_newest_and_the_oldest() {
    let app = App::start();
    let long = "long ".repeat(200);
    let large = |number: i64| {
        let more = if (300..900).contains(&number) { json!({ "message": long }) } else { json!({}) };
        sample(&format!("e-{number}"), 1_200 - number, &more)
    };
    for part in [0..400, 400..800, 800..1_200] {
        app.record(&part.map(large).collect::<Vec<_>>()).await;
    }
    let page = Browser::signed_in(&app).await.get("/audit/exports/new?user=ada").await;
    let real = app.get("/?user=ada&format=ndjson").await.body.len() as f64 / 1024.0;
    let sizes = page.text().split("about ").filter_map(|rest| rest.split(" KiB").next()?.parse::<f64>().ok());
    let close = sizes.filter(|said| (said / real - 1.0).abs() < 0.1);
    assert!(close.count() > 0, "{real} KiB: {}", page.text());
}

#[tokio::test]
async fn files_and_times_are_by_the_readers_days() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    browser.cookie.push_str("; secureai_audit_zone=Europe/Berlin");
    let page = browser.get("/audit?range=last-month").await;
    let menu = part(page.text(), "id=\"export\"", "</details>");
    let link = |with: &str| {
        let link = menu.split("href=\"").find(|link| link.contains(with)).unwrap();
        link.split('"').next().unwrap().replace("&#38;", "&")
    };
    let file = browser.get(&link("format=csv")).await;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"audit-export-2026-02-01-2026-02-28.csv\""
    );
    let page = browser.get(&link("/audit/exports/new")).await;
    assert!(page.text().contains("audit-export-2026-02-01-2026-02-28"), "{}", page.text());
    let (key, question) = (hidden(page.text(), "key").to_owned(), hidden(page.text(), "question").to_owned());
    let question = question.replace("&#38;", "&");
    let fields = [("key", key.as_str()), ("question", &question), ("format", "ndjson"), ("how", "job")];
    assert_eq!(browser.submit("/audit/exports", &fields).await.status, 303);
    let list = until_done(&mut browser).await;
    assert!(list.text().contains("from 1 Feb 2026, 00:00 to 1 Mar 2026, 00:00"), "{}", list.text());
}

#[tokio::test]
async fn a_download_at_once_bears_its_name_and_is_listed_with_checksum_and_proof() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    let bad = begun(&mut browser, &[("format", "ndjson"), ("name", "a/b"), ("how", "now")]).await;
    assert_eq!(bad.status, 400, "no name for a file");
    let answer = begun(&mut browser, &[("format", "ndjson"), ("name", "Rôles"), ("how", "now")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let file = browser.get(answer.header("location")).await;
    assert!(file.header("content-disposition").ends_with("filename*=UTF-8''R%C3%B4les.ndjson"), "{file:?}");
    let digest: String = Sha256::digest(&file.body).iter().map(|byte| format!("{byte:02x}")).collect();

    let mut page = browser.get("/audit/exports").await;
    for _ in 0..6_000 {
        if page.text().contains("Downloaded at once") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        page = browser.get("/audit/exports").await;
    }
    let listed = part(page.text(), "id=\"streamed\"", "</ul>");
    for there in ["Rôles.ndjson", &digest, "user:ada", "data-number=\"40\""] {
        assert!(listed.contains(there), "{there}: {listed}");
    }
    let proof = listed.split("href=\"").find(|link| link.contains("export-proof")).unwrap();
    let proof = browser.get(&proof.split('"').next().unwrap().replace("&#38;", "&")).await;
    assert_eq!(proof.status, 200, "{}", proof.text());
    assert!(proof.header("content-disposition").contains(".ndjson.proof"), "{proof:?}");
    assert_eq!(file.text().lines().count(), 40);
}

#[tokio::test]
async fn the_proof_of_a_download_asks_what_the_download_asked() {
    let app = filled().await;
    let mut browser = Browser::signed_in(&app).await;
    let question = "q=action%3Aauth.login+OR+outcome%3Adenied&from=2026-03-20T11:30:00Z&to=2026-03-20T12:00:00Z&order=oldest_first";
    let file = browser.get(&format!("/api/v1/auditlog?{question}&format=json")).await;
    let mut page = browser.get("/audit/exports").await;
    for _ in 0..6_000 {
        if page.text().contains("export-proof") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        page = browser.get("/audit/exports").await;
    }
    let proof = page.text().split("href=\"").find(|link| link.contains("export-proof")).unwrap();
    let proof = proof.split('"').next().unwrap().replace("&#38;", "&");
    let (begin, end) = proof.split_once("&from=").unwrap();
    assert!(
        begin.ends_with("outcome%3Adenied") || begin.ends_with("auth.login"),
        "the filter alone: {begin}"
    );
    let size = file.header("audit-tree-size");
    let range = "2026-03-20T11%3A30%3A00.000000Z&to=2026-03-20T12%3A00%3A00.000000Z";
    assert_eq!(end, format!("{range}&order=oldest_first&tree_size={size}"));
    assert_eq!(browser.get(&proof).await.status, 200);
}

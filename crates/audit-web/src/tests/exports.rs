//! Exports in the background: begun, watched, fetched in parts, proven, cancelled, kept over restarts, removed.

use std::time::Duration;

use audit_control::Role;
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::question::Budget;
use audit_tlog::TlogProof;
use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::app::{Answer, App, event, events, files};
use crate::{Config, ExportFiles};

/// Enough for several chunks.
const MANY: i64 = 3_000;

async fn with_many() -> App {
    filled(App::start()).await
}

async fn filled(app: App) -> App {
    for chunk in events(MANY).chunks(1_000) {
        app.record(chunk).await;
    }
    app
}

fn within(limits: ExportFiles) -> App {
    App::start_with(Config { export_files: Some(limits), ..Config::default() })
}

async fn ask(app: &App, method: Method, path: &str, role: Role) -> Answer {
    let request = app.request(method, path, role).body(Body::empty()).unwrap();
    Answer::of(app.send(request).await).await
}

/// Begins an export as an auditor and gives its id.
async fn begin(app: &App, query: &str) -> String {
    let answer = ask(app, Method::POST, &format!("/exports{query}"), Role::Auditor).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let id = answer.json()["export"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/api/v1/auditlog/exports/{id}"));
    id
}

/// Waits until an export has ended and gives it.
async fn ended(app: &App, id: &str) -> Value {
    for _ in 0..6_000 {
        let export = app.get_json(&format!("/exports/{id}")).await["export"].clone();
        let has_ended = !["queued", "running"].contains(&export["state"].as_str().unwrap());
        // The end is noted a moment before it is recorded.
        if has_ended && app.state.access().control().export(id).unwrap().unwrap().recorded {
            return export;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the export does not end");
}

/// An export that waits for ever, because the server is about to stop.
async fn waiting(app: &App, query: &str) -> String {
    app.state.export_jobs().stop();
    let id = begin(app, query).await;
    assert_eq!(app.get_json(&format!("/exports/{id}")).await["export"]["state"], "queued");
    id
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_file_is_what_the_stream_would_have_been() {
    let app = with_many().await;
    for query in [
        "?format=ndjson",
        "?format=json",
        "?format=csv&fields=time,action,actor&bom=true",
        "?user=ada&format=csv",
    ] {
        let id = begin(&app, query).await;
        let export = ended(&app, &id).await;
        assert_eq!(export["state"], "done", "{export}");
        let stream = app.get(&format!("/{query}&tree_size={}", export["tree_size"])).await;
        let file = app.get(&format!("/exports/{id}/file")).await;
        assert_eq!(file.status, StatusCode::OK);
        assert!(file.body == stream.body, "{query}");
        assert_eq!(file.header("content-type"), stream.header("content-type"));
        assert_eq!(export["sha256"], sha256(&file.body));
        assert_eq!(export["bytes"], file.body.len());
        assert_eq!(export["rows"], export["total"]);
        assert_eq!(export["progress"], 1.0);
    }
    let id = begin(&app, "?format=parquet").await;
    let export = ended(&app, &id).await;
    let file = app.get(&format!("/exports/{id}/file")).await;
    assert!(file.body.ends_with(b"PAR1"));
    assert_eq!(export["sha256"], sha256(&file.body));
}

#[tokio::test]
async fn an_export_of_nothing_is_an_export() {
    let app = with_many().await;
    let id = begin(&app, "?user=nobody&format=csv&name=nothing").await;
    let export = ended(&app, &id).await;
    assert_eq!(
        (&export["state"], &export["rows"], &export["first_index"]),
        (&json!("done"), &json!(0), &Value::Null)
    );
    let file = app.get(&format!("/exports/{id}/file")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"nothing.csv\"");
    assert_eq!(file.text().lines().count(), 1);
}

#[tokio::test]
async fn parts_put_together_are_the_file() {
    let app = with_many().await;
    let id = begin(&app, "?format=ndjson").await;
    ended(&app, &id).await;
    let path = format!("/exports/{id}/file");
    let whole = app.get(&path).await;
    let (tag, length) = (whole.header("etag").to_owned(), whole.body.len());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), length.to_string());
    let part = async |headers: &[(&str, &str)]| {
        let request =
            headers.iter().fold(app.request(Method::GET, &path, Role::Auditor), |request, (name, value)| {
                request.header(*name, *value)
            });
        Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await
    };
    for cut in [1, 1_000, length / 2, length - 1] {
        let first = part(&[("range", &format!("bytes=0-{}", cut - 1))]).await;
        let rest = part(&[("range", &format!("bytes={cut}-")), ("if-range", &tag)]).await;
        assert_eq!((first.status, rest.status), (StatusCode::PARTIAL_CONTENT, StatusCode::PARTIAL_CONTENT));
        assert_eq!(rest.header("content-range"), format!("bytes {cut}-{}/{length}", length - 1));
        assert!([first.body, rest.body].concat() == whole.body, "{cut}");
    }
    let other = part(&[("range", "bytes=10-"), ("if-range", "\"another\"")]).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, length));
    let behind = part(&[("range", &format!("bytes={length}-"))]).await;
    behind.problem(416, "range_not_satisfiable");
    assert_eq!(behind.header("content-range"), format!("bytes */{length}"));
    let known = part(&[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = ask(&app, Method::HEAD, &path, Role::Auditor).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, length.to_string().as_str()));
    assert_eq!(app.deeds("audit.export_downloaded").await.len(), 1, "all of it is one deed");
}

#[tokio::test]
async fn beginning_and_end_are_on_record_with_all_that_matters() {
    let app = with_many().await;
    let id = begin(&app, "?user=ada&format=csv&fields=time,action&from=2026-03-18&name=Ada").await;
    let export = ended(&app, &id).await;
    let deeds = app.deeds("audit.exported").await;
    let [started, finished] = deeds.as_slice() else { panic!("{deeds:?}") };
    for (deed, phase) in [(started, "started"), (finished, "finished")] {
        let details = &deed["details"];
        assert_eq!(details["phase"], phase);
        assert_eq!((&details["file"], &details["format"]), (&json!("Ada.csv"), &json!("csv")));
        assert_eq!(
            (&details["filter"], &details["from"]),
            (&json!("user:ada"), &json!("2026-03-18T00:00:00.000000Z"))
        );
        assert_eq!(details["fields"], "time,action");
        assert_eq!(details["tree_size"], export["tree_size"]);
        assert_eq!((&deed["actor"]["name"], &deed["client"]["ip"]), (&json!("auditor"), &json!("192.0.2.7")));
        assert_eq!((&deed["target"]["type"], &deed["target"]["id"]), (&json!("export"), &json!(id)));
    }
    let details = &finished["details"];
    assert_eq!((&details["count"], &details["bytes"]), (&export["rows"], &export["bytes"]));
    assert_eq!(details["sha256"], export["sha256"]);
    assert_eq!(
        (&details["first_index"], &details["last_index"]),
        (&export["first_index"], &export["last_index"])
    );
    assert_eq!(finished["id"], format!("{id}.end"));
    assert_eq!(finished["message"], format!("auditor exported {} events as CSV", export["rows"]));
}

#[tokio::test]
async fn the_manifest_carries_the_logs_own_word_for_the_file() {
    let app = with_many().await;
    let id = begin(&app, "?format=ndjson").await;
    let export = ended(&app, &id).await;
    let answer = app.get(&format!("/exports/{id}/proof")).await;
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"audit-export.ndjson.manifest.json\""
    );
    let manifest = answer.json();
    assert_eq!(manifest["manifest"], "secureai-audit-export-manifest/1");
    assert_eq!(manifest["export"]["sha256"], export["sha256"]);
    let proof = TlogProof::parse(manifest["proof"].as_str().unwrap().as_bytes()).unwrap();
    let shown = String::from_utf8(proof.extra.clone().unwrap()).unwrap();
    let disclosure = audit_event::disclosure::Disclosure::from_json(&shown).unwrap();
    let key = [app.verifier.clone()];
    let signed = proof.verify(disclosure.leaf_data().as_bytes(), key[0].name().as_str(), &key).unwrap();
    assert!(signed.checkpoint.size().get() > export["tree_size"].as_u64().unwrap());
    let event: Value = serde_json::from_str(&disclosure.event_json()).unwrap();
    assert_eq!(event["details"], manifest["export"]);
    assert_eq!(event["action"], "audit.exported");
    assert_eq!(app.deeds("audit.proof_issued").await.len(), 1);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_file_was() {
    let app = with_many().await;
    for query in ["?format=ndjson", "?format=json&order=oldest_first", "?format=csv", "?format=parquet"] {
        let size = app.ledger.size().get();
        let id = waiting(&app, query).await;
        let row = app.state.access().control().export(&id).unwrap().unwrap();
        assert_eq!(row.tree_size, size);
        // What a process that died had written: more than it had noted.
        let part = app.export_dir().join(format!("{id}.part"));
        let (position, mut bytes) = begun(&app, &row.format, query.contains("oldest"), size);
        bytes.extend_from_slice(b"torn");
        std::fs::write(&part, bytes).unwrap();
        let noted = serde_json::to_string(&position).unwrap();
        let control = app.state.access().control();
        control.note_export_position(&id, (position.rows, position.bytes), Some(&noted)).unwrap();
    }
    // What arrives meanwhile is of no export that was begun before.
    app.record(&[event("late", 1, &json!({}))]).await;
    let app = app.restarted();
    let exports = app.get_json("/exports").await["exports"].as_array().unwrap().clone();
    assert_eq!(exports.len(), 4);
    for export in exports {
        let id = export["id"].as_str().unwrap();
        let export = ended(&app, id).await;
        assert_eq!(export["state"], "done", "{export}");
        assert_eq!(export["rows"], export["total"]);
        let file = app.get(&format!("/exports/{id}/file")).await;
        assert_eq!(export["sha256"], sha256(&file.body));
        if export["format"] != "parquet" {
            let order = if export["format"] == "json" { "oldest" } else { "newest" };
            let query = format!(
                "?format={}&order={order}&tree_size={}",
                export["format"].as_str().unwrap(),
                export["tree_size"]
            );
            assert!(app.get(&format!("/{query}")).await.body == file.body, "{query}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(app.export_dir()).unwrap().collect();
    assert_eq!(left.len(), 4, "no unfinished file is left: {left:?}");
}

/// The beginning of an export, as far as its first chunks reach.
fn begun(app: &App, format: &str, oldest_first: bool, size: u64) -> (Position, Vec<u8>) {
    let mut export = Export::all(Format::from_name(format).unwrap());
    if oldest_first {
        export.order = audit_query::question::Order::OldestFirst;
    }
    let (budget, mut bytes) = (Budget::unlimited(), Vec::new());
    let start = Position { snapshot: Some(size), ..Position::default() };
    let mut reached = start;
    let origin = Origin { answers: app.state.index(), entries: app.state.ledger() };
    let run = export.run(origin, &budget, start, &mut bytes, &mut |position| {
        reached = *position;
        budget.cancel();
    });
    assert!(run.is_err() && reached.rows > 0);
    (reached, bytes)
}

#[tokio::test]
async fn a_file_that_lost_bytes_is_begun_again() {
    let app = with_many().await;
    let id = waiting(&app, "?format=ndjson").await;
    let (position, bytes) = begun(&app, "ndjson", false, app.ledger.size().get() - 1);
    std::fs::write(app.export_dir().join(format!("{id}.part")), &bytes[..100]).unwrap();
    let noted = serde_json::to_string(&position).unwrap();
    app.state
        .access()
        .control()
        .note_export_position(&id, (position.rows, position.bytes), Some(&noted))
        .unwrap();
    let app = app.restarted();
    let export = ended(&app, &id).await;
    assert_eq!((&export["state"], &export["rows"]), (&json!("done"), &export["total"]));
    let file = app.get(&format!("/exports/{id}/file")).await;
    assert_eq!(file.text().lines().count(), usize::try_from(export["rows"].as_u64().unwrap()).unwrap());
}

#[tokio::test]
async fn a_crash_between_naming_and_noting_the_file_does_not_matter() {
    let app = with_many().await;
    let id = waiting(&app, "?format=csv").await;
    std::fs::write(app.export_dir().join(&id), b"whole, but nobody knows").unwrap();
    let app = app.restarted();
    let export = ended(&app, &id).await;
    assert_eq!(export["sha256"], sha256(&app.get(&format!("/exports/{id}/file")).await.body));
    assert_eq!(export["rows"], export["total"]);
}

#[tokio::test]
async fn an_end_that_could_not_be_recorded_is_recorded_later_and_once() {
    let app = with_many().await;
    let id = begin(&app, "?format=csv").await;
    ended(&app, &id).await;
    let recorded = async |app: &App| {
        let deeds = app.deeds("audit.exported").await;
        deeds.iter().filter(|deed| deed["details"]["phase"] == "finished").count()
    };
    assert_eq!(recorded(&app).await, 1);
    let row = app.state.access().control().export(&id).unwrap().unwrap();
    // As if the process had died before it noted that the end is recorded.
    crate::exports::record_again(&app.state, &row);
    assert_eq!(recorded(&app).await, 1, "the same event is the same event");
}

#[tokio::test]
async fn a_cancelled_export_leaves_no_file() {
    let app = with_many().await;
    let id = waiting(&app, "?format=csv").await;
    std::fs::write(app.export_dir().join(format!("{id}.part")), b"some").unwrap();
    let answer = ask(&app, Method::DELETE, &format!("/exports/{id}"), Role::Auditor).await;
    assert_eq!(answer.json()["export"]["state"], "cancelled");
    assert_eq!(std::fs::read_dir(app.export_dir()).unwrap().count(), 0);
    app.get(&format!("/exports/{id}/file")).await.problem(409, "export_not_ready");
    let deeds = app.deeds("audit.exported").await;
    assert_eq!(deeds.last().unwrap()["reason"], "cancelled");
    assert_eq!(app.deeds("audit.export_deleted").await.len(), 1);
    assert_eq!(app.restarted().get_json(&format!("/exports/{id}")).await["export"]["state"], "cancelled");
}

#[tokio::test]
async fn one_can_be_cancelled_at_any_time() {
    let app = filled(within(ExportFiles { at_once: 1, ..files() })).await;
    // Before it is taken up, while it runs, as it ends: whatever it has come to, nothing is left but its row.
    for micros in (0..40).map(|step| step * 500) {
        let id = begin(&app, "?format=json").await;
        tokio::time::sleep(Duration::from_micros(micros)).await;
        let export = ask(&app, Method::DELETE, &format!("/exports/{id}"), Role::Auditor).await.json();
        let state = &export["export"]["state"];
        assert!(state == "cancelled" || state == "deleted", "{export}");
        assert_eq!(std::fs::read_dir(app.export_dir()).unwrap().count(), 0, "after {micros} us: {export}");
    }
}

#[tokio::test]
async fn a_removed_file_is_gone_and_its_export_stays_in_the_list() {
    let app = with_many().await;
    let id = begin(&app, "?format=csv").await;
    ended(&app, &id).await;
    let answer = ask(&app, Method::DELETE, &format!("/exports/{id}"), Role::Auditor).await;
    assert_eq!(answer.json()["export"]["state"], "deleted");
    app.get(&format!("/exports/{id}/file")).await.problem(410, "export_gone");
    assert_eq!(app.get_json("/exports").await["exports"][0]["id"], id);
    assert_eq!(
        app.get(&format!("/exports/{id}/proof")).await.status,
        StatusCode::OK,
        "a copy may be checked later"
    );
    let again = ask(&app, Method::DELETE, &format!("/exports/{id}"), Role::Auditor).await;
    assert_eq!(again.json()["export"]["state"], "deleted");
    assert_eq!(app.deeds("audit.export_deleted").await.len(), 1);
}

#[tokio::test]
async fn files_are_kept_for_their_days() {
    let app = with_many().await;
    let id = begin(&app, "?format=csv").await;
    let export = ended(&app, &id).await;
    assert_eq!(export["expires"], "2026-03-27T12:00:00.000000Z");
    app.clock.advance_micros(7 * 24 * 3600 * 1_000_000 - 1);
    app.state.export_jobs().sweep(&app.state);
    assert_eq!(ended(&app, &id).await["state"], "done");
    app.clock.advance_micros(1);
    app.state.export_jobs().sweep(&app.state);
    assert_eq!(ended(&app, &id).await["state"], "expired");
    assert_eq!(std::fs::read_dir(app.export_dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn where_there_is_no_room_an_export_does_not_begin() {
    let app = filled(within(ExportFiles { max_bytes: 10_000, ..files() })).await;
    let answer = ask(&app, Method::POST, "/exports?format=csv", Role::Auditor).await;
    let problem = answer.problem(507, "no_export_space");
    assert_eq!(problem["reason"], "no_export_space");
    let app = filled(within(ExportFiles { min_free_bytes: u64::MAX, ..files() })).await;
    let answer = ask(&app, Method::POST, "/exports?format=csv", Role::Auditor).await;
    assert_eq!(answer.problem(507, "no_export_space")["reason"], "disk_full");
    assert_eq!(app.deeds("audit.exported").await.len(), 0);
}

#[tokio::test]
async fn room_is_given_back() {
    let app = filled(within(ExportFiles { max_bytes: 1_500_000, ..files() })).await;
    let mut finished = 0;
    for _ in 0..3 {
        let id = begin(&app, "?format=ndjson").await;
        let export = ended(&app, &id).await;
        assert_eq!(export["state"], "done");
        finished = export["bytes"].as_u64().unwrap();
        assert!(finished > 750_000 && finished < 1_500_000, "{finished}");
        ask(&app, Method::POST, "/exports?format=ndjson", Role::Auditor)
            .await
            .problem(507, "no_export_space");
        ask(&app, Method::DELETE, &format!("/exports/{id}"), Role::Auditor).await;
    }
    // A restart counts what is there.
    let id = begin(&app, "?format=ndjson").await;
    ended(&app, &id).await;
    let app = app.restarted();
    ask(&app, Method::POST, "/exports?format=ndjson", Role::Auditor).await.problem(507, "no_export_space");
    assert!(finished > 0);
}

#[tokio::test]
async fn unfinished_exports_are_bounded_in_number() {
    let app = with_many().await;
    app.state.export_jobs().stop();
    app.state.export_jobs().hold(8, &auditor_id(&app));
    ask(&app, Method::POST, "/exports?format=csv", Role::Auditor).await.problem(429, "too_many_exports");
    let other = ask(&app, Method::POST, "/exports?format=csv", Role::Admin).await;
    assert_eq!(other.status, StatusCode::ACCEPTED, "somebody else may");
}

/// The auditor's id.
fn auditor_id(app: &App) -> String {
    let tokens = app.state.access().control().tokens().unwrap();
    tokens.into_iter().find(|token| token.role == Role::Auditor.as_str()).unwrap().id
}

#[tokio::test]
async fn an_export_is_its_owners_and_admins() {
    let app = with_many().await;
    let theirs = ask(&app, Method::POST, "/exports?format=csv", Role::Admin).await.json();
    let theirs = theirs["export"]["id"].as_str().unwrap().to_owned();
    let own = begin(&app, "?format=csv").await;
    ended(&app, &own).await;
    for path in [
        format!("/exports/{theirs}"),
        format!("/exports/{theirs}/file"),
        format!("/exports/{theirs}/proof"),
        "/exports/exp_none".to_owned(),
    ] {
        app.get(&path).await.problem(404, "no_such_export");
    }
    ask(&app, Method::DELETE, &format!("/exports/{theirs}"), Role::Auditor)
        .await
        .problem(404, "no_such_export");
    let listed = app.get_json("/exports").await;
    assert_eq!(listed["exports"].as_array().unwrap().len(), 1);
    let all = ask(&app, Method::GET, "/exports", Role::Admin).await.json();
    assert_eq!(all["exports"].as_array().unwrap().len(), 2);
    let file = ask(&app, Method::GET, &format!("/exports/{own}/file"), Role::Admin).await;
    assert_eq!(file.status, StatusCode::OK);
}

#[tokio::test]
async fn what_makes_no_sense_begins_nothing() {
    let app = App::start();
    for (query, code) in [
        ("?limit=5", "unknown_parameter"),
        ("?page_token=x", "unknown_parameter"),
        ("?usr=ada", "unknown_parameter"),
        ("?format=xls", "invalid_parameter"),
        ("?fields=nothing", "invalid_parameter"),
        ("?name=a/b", "invalid_parameter"),
        ("?q=outcome%3A%3A", "invalid_filter"),
    ] {
        ask(&app, Method::POST, &format!("/exports{query}"), Role::Auditor).await.problem(400, code);
    }
    assert_eq!(app.get_json("/exports").await["exports"], json!([]));
}

#[tokio::test]
async fn strangers_in_the_directory_are_removed_and_other_files_are_not() {
    let app = with_many().await;
    std::fs::write(app.export_dir().join("exp_0123.part"), b"of nobody").unwrap();
    std::fs::write(app.export_dir().join("notes.txt"), b"mine").unwrap();
    let app = app.restarted();
    let names: Vec<_> =
        std::fs::read_dir(app.export_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["notes.txt"]);
}

#[tokio::test]
async fn a_file_that_was_cut_off_by_hand_is_not_sent() {
    let app = with_many().await;
    let id = begin(&app, "?format=csv").await;
    ended(&app, &id).await;
    std::fs::write(app.export_dir().join(&id), b"short").unwrap();
    app.get(&format!("/exports/{id}/file")).await.problem(500, "internal");
}

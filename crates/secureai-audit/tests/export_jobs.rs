//! Exports in the background of a server that is killed: after the next start the file is whole, as recorded, and proven.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use program::{Home, Server};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Some 15 MB as NDJSON: long enough to be met on its way.
const EVENTS: u64 = 25_000;
/// Leaves out the events of the exports themselves.
const FILTER: &str = "q=id:event-*";
/// Longer than the time after which an export notes its place.
const UNTIL_NOTED: Duration = Duration::from_millis(2_500);
const PATIENCE: Duration = Duration::from_secs(60);

fn begin(server: &Server, format: &str) -> String {
    let answer = server.ask("POST", &format!("/exports?format={format}&name=killed&{FILTER}"), b"");
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["export"]["id"].as_str().unwrap().to_owned()
}

fn export(server: &Server, id: &str) -> Value {
    server.ask("GET", &format!("/exports/{id}"), b"").json()["export"].clone()
}

fn part(home: &Home, id: &str) -> PathBuf {
    home.data_dir().join("exports").join(format!("{id}.part"))
}

/// Waits until something of the export is written. `None` if it was done before that was seen.
fn underway(home: &Home, id: &str) -> Option<u64> {
    let (whole, started) = (home.data_dir().join("exports").join(id), Instant::now());
    while !whole.exists() {
        assert!(started.elapsed() < PATIENCE, "the export never began");
        match std::fs::metadata(part(home, id)) {
            Ok(written) if written.len() > 0 => return Some(written.len()),
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
    None
}

fn signal(server: &Server, signal: &str) {
    assert!(Command::new("kill").args([signal, &server.child.id().to_string()]).status().unwrap().success());
}

/// Kills the server while it writes an export, soon after its beginning or once it has noted how far it is; the export's id.
/// Again and again, until the kill came in time.
fn kill_midway(home: &Home, format: &str, is_noted: bool) -> String {
    for _ in 0..20 {
        let server = home.serve();
        let id = begin(&server, format);
        if let Some(written) = underway(home, &id) {
            if is_noted {
                // It stands still for as long as it takes that the next step is noted.
                signal(&server, "-STOP");
                thread::sleep(UNTIL_NOTED);
                signal(&server, "-CONT");
                grown(home, &id, written);
            }
            server.kill();
            if part(home, &id).exists() {
                return id;
            }
        }
    }
    panic!("the export was always faster than the kill");
}

/// Waits until more is written, or all.
fn grown(home: &Home, id: &str, written: u64) {
    let started = Instant::now();
    while std::fs::metadata(part(home, id)).is_ok_and(|now| now.len() <= written) {
        assert!(started.elapsed() < PATIENCE, "the export stands still");
        thread::sleep(Duration::from_micros(200));
    }
}

fn ended(server: &Server, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let export = export(server, id);
        // The end is noted a moment before it is recorded, which its proof needs.
        if export["state"] != "queued" && export["state"] != "running" && !export["proof"].is_null() {
            return export;
        }
        assert!(started.elapsed() < PATIENCE, "the export does not end: {export}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_an_export_makes_it_whole_after_its_start() {
    let home = Home::new();
    home.with_events(EVENTS);
    for (format, is_noted) in
        [("ndjson", false), ("ndjson", true), ("csv", true), ("json", false), ("parquet", false)]
    {
        let id = kill_midway(&home, format, is_noted);
        let server = home.serve();
        let export = ended(&server, &id);
        assert_eq!(export["state"], "done", "{export}");
        assert_eq!((&export["rows"], &export["total"]), (&EVENTS.into(), &EVENTS.into()));

        let file = server.ask("GET", &format!("/exports/{id}/file"), b"").body;
        let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(export["sha256"], sha256, "{format}: the file is not what is recorded");
        if format != "parquet" {
            let tree_size = export["tree_size"].as_u64().unwrap();
            let stream = server.ask("GET", &format!("?format={format}&{FILTER}&tree_size={tree_size}"), b"");
            assert!(stream.body == file, "{format}: the file is not what would have come in one go");
        }

        let manifest = server.ask("GET", &format!("/exports/{id}/proof"), b"");
        assert_eq!(manifest.status, 200, "{}", String::from_utf8_lossy(&manifest.body));
        home.write(&format!("{id}.{format}"), &file);
        let manifest = home.write(&format!("{id}.{format}.manifest.json"), &manifest.body);
        let key = home.run(&["key", "show"]).good().out;
        let arguments = ["proof", "verify", manifest.to_str().unwrap(), "--key", key.trim()];
        home.run(&arguments).good();

        let altered = home.write(&format!("{id}.altered"), &file[..file.len() - 1]);
        let other = [&arguments[..], &["--export", altered.to_str().unwrap()]].concat();
        assert_eq!(home.run(&other).status, 1, "{format}: an altered file is accepted");
        assert!(!part(&home, &id).exists(), "{format}: an unfinished file is left");
        assert_eq!(server.stop(), 0);
    }
    home.run(&["verify"]).good();
}

#[test]
fn a_manifest_of_an_export_that_an_admin_made_up_is_refused() {
    let home = Home::new();
    let server = home.serve();
    let details = json!({ "phase": "finished", "format": "ndjson", "count": 1, "bytes": 7, "sha256": "00" });
    let forged = json!({
        "id": "forged", "action": "audit.exported", "source": "internal", "outcome": "success", "details": details,
    });
    assert_eq!(server.ask("POST", "/events", forged.to_string().as_bytes()).status, 201);
    let proof = server.ask("GET", "/forged/proof", b"");
    assert_eq!(proof.status, 200, "{}", String::from_utf8_lossy(&proof.body));
    let manifest = json!({
        "manifest": "secureai-audit-export-manifest/1", "export": details,
        "proof": String::from_utf8(proof.body).unwrap(),
    });
    home.write("made-up.ndjson", "made up");
    let manifest = home.write("made-up.ndjson.manifest.json", manifest.to_string());
    let key = home.run(&["key", "show"]).good().out;
    home.run(&["proof", "verify", manifest.to_str().unwrap(), "--key", key.trim()])
        .refused(1, "another event than the end of an export");
    assert_eq!(server.stop(), 0);
}

//! Every command, as a person or a script uses it: what it prints, and its exit status.

mod program;

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use program::{Home, event_line};

const EVENTS: u64 = 300;

#[test]
fn a_life_on_a_data_directory() {
    let home = Home::new();
    home.with_events(EVENTS);

    let found = home
        .run(&["search", "--json", "--user", "ada3@example.com", "--limit", "5", "--count"])
        .good()
        .json();
    assert_eq!(found["events"].as_array().unwrap().len(), 5);
    assert_eq!(found["total"], (0..EVENTS).filter(|number| number % 7 == 3).count());
    let failed = home.run(&["search", "-n", "3", "-q", "action:auth.login_failed -outcome:success"]).good();
    assert!(failed.out.starts_with("INDEX  TIME "), "{failed:?}");
    assert_eq!(failed.out.lines().count(), 4, "{failed:?}");
    assert!(home.run(&["search", "no-such-word"]).good().err.contains("no event matches"));

    let newest = home.run(&["tail", "-n", "2", "--event-type", "conversation"]).good();
    assert_eq!(newest.out.lines().count(), 2, "{newest:?}");

    let stats =
        home.run(&["stats", "--json", "--by", "action", "--from", "2026-03-01", "--to", "2026-03-02"]).good();
    let rows = stats.json()["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["count"] == EVENTS / 3), "{rows:?}");
    let table =
        home.run(&["stats", "--by", "day,category", "--from", "2026-03-01", "--to", "2026-03-02"]).good();
    assert!(table.out.contains("2026-03-01  authentication    200"), "{table:?}");

    let verified = home.run(&["verify", "--json"]).good().json();
    assert_eq!([&verified["integrity"]["sound"], &verified["completeness"]["sound"]], [true, true]);
    assert!(verified["entries"].as_u64().unwrap() > EVENTS);
    assert!(home.run(&["verify"]).good().out.contains("nothing altered  sound"));

    let rebuilt = home.run(&["reindex", "--json"]).good().json();
    assert!(rebuilt["entries"].as_u64().unwrap() > EVENTS);
    let health = home.run(&["doctor", "--json"]).good().json();
    assert_ne!(health["level"], "bad", "{health}");
}

#[test]
fn exports_to_files_and_pipes() {
    let home = Home::new();
    home.with_events(EVENTS);
    let range = ["--from", "2026-03-01", "--to", "2026-03-02"];
    let export = |format: &str, to: &str| {
        home.run(&[&["export", "--format", format, "-o", to][..], &range].concat()).good()
    };
    for format in ["ndjson", "json", "csv", "parquet"] {
        let file = home.file(&format!("out.{format}"));
        export(format, file.to_str().unwrap());
        let written = std::fs::read(&file).unwrap();
        if format != "parquet" {
            assert_eq!(export(format, "-").out.as_bytes(), written, "{format}");
        }
        match format {
            "ndjson" => assert_eq!(written.split(|byte| *byte == b'\n').count() as u64, EVENTS + 1),
            "csv" => assert_eq!(written.split(|byte| *byte == b'\n').count() as u64, EVENTS + 2),
            "json" => {
                let document: serde_json::Value = serde_json::from_slice(&written).unwrap();
                assert_eq!(document["events"].as_array().unwrap().len() as u64, EVENTS);
            }
            _ => assert!(written.starts_with(b"PAR1") && written.ends_with(b"PAR1")),
        }
    }
    let file = home.file("out.ndjson");
    home.run(&["export", "--format", "ndjson", "-o", file.to_str().unwrap()]).refused(1, "exists");
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap().flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains(".part")));
}

#[test]
fn an_export_may_go_to_a_bare_file_name() {
    let home = Home::new();
    home.with_events(3);
    let server = home.serve();
    home.run_on(&server, &["export", "--format", "csv", "-o", "remote.csv", "id:event-*"]).good();
    assert_eq!(server.stop(), 0);
    home.run(&["export", "--format", "csv", "-o", "local.csv", "id:event-*"]).good();
    let [remote, local] = ["remote.csv", "local.csv"].map(|name| std::fs::read(home.file(name)).unwrap());
    assert_eq!(local.split(|byte| *byte == b'\n').count(), 1 + 3 + 1);
    assert_eq!(remote, local);
}

#[test]
fn a_flag_goes_before_the_environment() {
    let home = Home::new();
    home.with_events(3);
    let nobody = "http://127.0.0.1:9";
    let ask = |url: &str, token: &str, arguments: &[&str]| {
        let mut command = home.command(&[&["search", "--json", "id:event-1"][..], arguments].concat());
        command.env("SECUREAI_AUDIT_URL", url).env("SECUREAI_AUDIT_TOKEN", token);
        command.env_remove("SECUREAI_AUDIT_DATA_DIR").output().unwrap()
    };
    // Who names a data directory does not mean the server of the environment; whichever side of the command it is on.
    let data_dir = home.data_dir();
    let local = ask(nobody, "", &["--data-dir", data_dir.to_str().unwrap()]);
    assert!(local.status.success(), "{local:?}");
    assert!(String::from_utf8_lossy(&local.stdout).contains("event number 1"));

    let server = home.serve();
    let remote = ask(nobody, &server.token, &["--url", &server.url()]);
    assert!(remote.status.success(), "{remote:?}");
    assert!(String::from_utf8_lossy(&remote.stdout).contains("event number 1"));
    // Without a flag the variable counts.
    let unreachable = ask(nobody, &server.token, &[]);
    assert_eq!(unreachable.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("cannot reach"), "{unreachable:?}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn import_says_what_was_taken_and_is_safe_to_repeat() {
    let home = Home::new();
    let bad = r#"{"id":"x","action":"auth.login","colour":"red"}"#;
    let lines = format!("{}{bad}\n{}", event_line("a", 0), event_line("b", 1));
    let file = home.write("some.ndjson", lines);
    let path = file.to_str().unwrap();

    home.run(&["import", path, "--on-error", "reject"]).refused(1, "line 2");
    // A file of which nothing can be taken is no success; it is told what it looks like.
    let fruitless = ["import", path, "--format", "openwebui-audit"];
    home.run(&fruitless).refused(1, "it looks like --format native");
    let first = home.run(&["import", path, "--json"]).good().json();
    let report = &first["files"][0];
    assert_eq!([&report["taken"], &report["duplicates"], &report["skipped"], &report["lines"]], [2, 0, 1, 3]);
    assert_eq!(report["bad_lines"][0]["line"], 2);
    assert!(report["bad_lines"][0]["message"].as_str().unwrap().contains("colour"), "{report}");
    let again = home.run(&["import", path, "--json"]).good().json();
    let report = &again["files"][0];
    assert_eq!([&report["taken"], &report["duplicates"], &report["skipped"]], [0, 2, 1]);
    let text = home.run(&["import", path]).good();
    assert!(text.out.contains("(native): 0 taken, 2 known already, 1 skipped of 3 lines"), "{text:?}");

    let mut packed = Vec::new();
    zstd::stream::copy_encode(event_line("c", 2).as_bytes(), &mut packed, 1).unwrap();
    let packed = home.write("more.ndjson.zst", packed);
    let report = home.run(&["import", packed.to_str().unwrap(), "--json"]).good().json();
    assert_eq!(report["files"][0]["taken"], 1);
    let found = home.run(&["search", "sender:import", "--json"]).good().json();
    assert_eq!(found["events"].as_array().unwrap().len(), 3, "what is imported says so: {found}");
    home.run(&["import", "no-such-file"]).refused(1, "no-such-file");
    let nonsense = home.write("nonsense.txt", "hello\n");
    home.run(&["import", nonsense.to_str().unwrap()]).refused(1, "format");
}

#[test]
fn import_says_how_many_repeated_ids_came_with_other_content() {
    let home = Home::new();
    let lines = [event_line("a", 0), event_line("b", 1), event_line("a", 2)].concat();
    let file = home.write("twice.ndjson", lines);
    let ran = home.run(&["import", file.to_str().unwrap()]).good();
    assert!(ran.out.contains("2 taken, 1 known already"), "{ran:?}");
    assert!(ran.err.contains("1 of those known already have other content"), "{ran:?}");

    let server = home.serve();
    let changed = home.write("changed.ndjson", [event_line("a", 5), event_line("b", 1)].concat());
    let report = home.run_on(&server, &["import", changed.to_str().unwrap(), "--json"]).good().json();
    let file = &report["files"][0];
    assert_eq!([&file["duplicates"], &file["differing"]], [2, 1], "{report}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn import_takes_the_recordings_of_a_real_open_webui() {
    let home = Home::new();
    let recorded = program::recordings();
    for (name, format) in
        [("audit-metadata.log", "openwebui-audit"), ("webhooks.ndjson", "openwebui-webhook")]
    {
        let file = recorded.join(name);
        let told = home.run(&["import", file.to_str().unwrap(), "--json"]).good().json();
        assert_eq!(told["files"][0]["format"], format, "{told}");
        assert!(told["files"][0]["taken"].as_u64().unwrap() > 20, "{told}");
        assert_eq!(told["files"][0]["differing"], 0, "copies of one event are no contradiction: {told}");
        let again = home.run(&["import", file.to_str().unwrap(), "--format", format, "--json"]).good().json();
        assert_eq!(again["files"][0]["taken"], 0, "{again}");
    }
    home.run(&["verify"]).good();
}

#[test]
fn of_an_event_that_came_twice_the_copy_with_the_client_is_taken() {
    let home = Home::new();
    let event = r#"{"id":"e-1","event":"auth.login.succeeded","created_at":1795400126,"source":"api","actor":{"id":"u1","name":"Ada"},"subject":null,"data":{}}"#;
    let with_request =
        format!(r#"{{"event":{event},"request":{{"method":"POST","path":"/x","client":"203.0.113.9"}}}}"#);
    for (name, lines) in
        [("a", format!("{event}\n{with_request}\n{event}\n")), ("b", format!("{with_request}\n{event}\n"))]
    {
        let home = if name == "a" { &home } else { &Home::new() };
        let file = home.write("webhooks.ndjson", lines);
        let told = home.run(&["import", file.to_str().unwrap(), "--json"]).good().json();
        assert_eq!([&told["files"][0]["taken"], &told["files"][0]["differing"]], [1, 0], "{name}: {told}");
        let found = home.run(&["search", "--json", "id:e-1"]).good().json();
        assert_eq!(found["events"][0]["client"]["ip"], "203.0.113.9", "{name}: {found}");
    }
}

#[test]
fn events_of_the_future_do_not_hide_what_happens_now() {
    let home = Home::new();
    home.with_events(3);
    let of_later = |number: u32| {
        format!("{{\"id\":\"later-{number}\",\"time\":\"2131-01-01T00:00:00Z\",\"action\":\"auth.login\"}}\n")
    };
    let lines: String = (0..60).map(of_later).collect();
    let file = home.write("later.ndjson", lines);
    home.run(&["import", file.to_str().unwrap()]).good();
    for arguments in [&["search"][..], &["tail"]] {
        let found = home.run(&[arguments, &["action:auth.*"]].concat()).good();
        assert!(found.out.contains("event number 0") && !found.out.contains("2131"), "{found:?}");
        assert!(found.err.contains("left out: 60 events with times in the future"), "{found:?}");
    }
    let meant = home.run(&["search", "--from", "2130-01-01", "-n", "5"]).good();
    assert!(meant.out.contains("2131-01-01"), "{meant:?}");
    assert!(home.run(&["search", "--to", "2131-12-31"]).good().out.contains("2131-01-01"));
}

#[test]
fn what_is_written_for_others_to_keep_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.with_events(3);
    let (export, proof) = (home.file("all.ndjson"), home.file("event.proof"));
    home.run(&["export", "--format", "ndjson", "--proof", "-o", export.to_str().unwrap()]).good();
    let get = ["proof", "get", "event-1", "-o", proof.to_str().unwrap()];
    home.run(&get).good();
    home.run(&get).refused(1, "--force to replace it");
    home.run(&[&get[..], &["--force"]].concat()).good();
    for file in [&export, &home.file("all.ndjson.proof"), &proof] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn ready_asks_the_server_that_has_the_directory() {
    let home = Home::new();
    let server = home.serve();
    let data_dir = home.data_dir();
    let asked = home.run(&["ready", "--json", "--data-dir", data_dir.to_str().unwrap()]).good().json();
    assert_eq!(asked["ready"], true, "{asked}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn commands_speak_https_with_a_server_whose_certificate_they_trust() {
    let home = Home::new();
    home.with_events(3);
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = home.write("certificate.pem", own.cert.pem());
    let key = home.write("key.pem", own.signing_key.serialize_pem());
    let mut command = home.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("SECUREAI_AUDIT_TLS_CERTIFICATE_FILE", &certificate).env("SECUREAI_AUDIT_TLS_KEY_FILE", &key);
    let server = program::Server::start(command);
    let url = server.url().replace("http://", "https://");
    let ca_file = certificate.to_str().unwrap();
    let found =
        home.run_on(&server, &["search", "--json", "id:event-1", "--url", &url, "--ca-file", ca_file]);
    assert_eq!(found.good().json()["events"][0]["id"], "event-1");
    let file = home.file("all.ndjson");
    let export =
        ["export", "--format", "ndjson", "-o", file.to_str().unwrap(), "--url", &url, "--ca-file", ca_file];
    home.run_on(&server, &export).good();
    assert!(std::fs::read_to_string(&file).unwrap().lines().count() > 3);
    home.run_on(&server, &["ready", "--url", &url, "--ca-file", ca_file]).good();
    home.run_on(&server, &["search", "--url", &url]).refused(1, "cannot connect");
    assert_eq!(server.stop(), 0);
}

#[test]
fn tokens_are_printed_alone_and_work_until_revoked() {
    let home = Home::new();
    let made =
        home.run(&["token", "create", "--name", "siem", "--role", "auditor", "--expires", "30d"]).good();
    let token = made.out.trim_end().to_owned();
    assert!(token.starts_with("saa_") && !token.contains(char::is_whitespace), "{made:?}");
    assert_eq!(made.out, format!("{token}\n"));
    home.run(&["token", "create", "--name", "siem", "--role", "auditor"]).refused(1, "siem");
    home.run(&["token", "create", "--name", "x", "--role", "king"]).refused(2, "king");
    home.run(&["token", "create", "--name", "x", "--role", "ingest", "--expires", "soon"]).refused(2, "soon");

    let boss = home.run(&["token", "create", "--name", "boss", "--role", "admin"]).good().out;
    let mut server = home.serve();
    server.token = boss.trim().to_owned();
    let as_siem = |path: &str| program::ask(server.address, &token, "GET", path, b"").unwrap().status;
    assert_eq!([as_siem("?limit=1"), as_siem("/tokens")], [200, 403]);
    let listed = home.run_on(&server, &["token", "list"]).good();
    assert!(listed.out.contains("siem") && listed.out.contains("auditor"), "{listed:?}");
    assert!(!listed.out.contains(&token));
    home.run_on(&server, &["token", "revoke", "siem"]).good();
    assert_eq!(as_siem("?limit=1"), 401);
    home.run_on(&server, &["token", "revoke", "siem"]).refused(1, "siem");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_role_is_made_changed_in_part_and_removed() {
    let home = Home::new();
    home.with_events(1);
    let made =
        ["role", "create", "desk", "--permissions", "events.read,usage.read", "--scope", "department:Sales"];
    home.run(&made).good();
    let role = |home: &Home| {
        let listed = home.run(&["--json", "role", "list"]).good().out;
        let roles: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let all = roles["roles"].as_array().unwrap();
        all.iter().find(|role| role["name"] == "desk").cloned().unwrap_or_default()
    };
    home.run(&["role", "change", "desk", "--withhold", "actor,content"]).good();
    let withheld = role(&home);
    assert_eq!(
        withheld["withheld"],
        serde_json::json!(["actor", "target", "content"]),
        "targets go with actors"
    );
    assert_eq!(withheld["scope"], "department:Sales", "what is not said stays");
    home.run(&["role", "change", "desk", "--scope", "", "--permissions", "usage.read", "--withhold", ""])
        .good();
    let narrowed = role(&home);
    assert_eq!(narrowed["permissions"], serde_json::json!(["usage.read"]));
    assert_eq!(
        (&narrowed["scope"], &narrowed["withheld"]),
        (&serde_json::Value::Null, &serde_json::json!([]))
    );
    home.run(&["role", "change", "desk"]).refused(2, "--permissions");
    home.run(&["role", "change", "nobody", "--scope", "a"]).refused(1, "nobody");
    home.run(&["role", "change", "admin", "--scope", "a"]).refused(1, "built");
    home.run(&["role", "remove", "desk"]).good();
    assert!(role(&home).is_null());
}

#[test]
fn the_same_commands_against_a_running_server() {
    let home = Home::new();
    home.with_events(EVENTS);
    let server = home.serve();
    let more =
        home.write("more.ndjson", (0..50).map(|n| event_line(&format!("more-{n}"), n)).collect::<String>());
    let report = home.run_on(&server, &["import", more.to_str().unwrap(), "--json"]).good().json();
    assert_eq!(report["files"][0]["taken"], 50, "{report}");
    let again = home.run_on(&server, &["import", more.to_str().unwrap(), "--json"]).good().json();
    assert_eq!([&again["files"][0]["taken"], &again["files"][0]["duplicates"]], [0, 50], "{again}");

    let found = home.run_on(&server, &["search", "--json", "id:event-7"]).good().json();
    assert_eq!(found["events"][0]["id"], "event-7");
    let stats = home.run_on(&server, &["stats", "--json", "--by", "outcome"]).good().json();
    assert!(stats["rows"].as_array().unwrap().iter().any(|row| row["outcome"] == "failure"), "{stats}");
    let file = home.file("all.csv");
    home.run_on(
        &server,
        &[
            "export",
            "--format",
            "csv",
            "-o",
            file.to_str().unwrap(),
            "--from",
            "2026-03-01",
            "--to",
            "2026-03-02",
        ],
    )
    .good();
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count() as u64, EVENTS + 50 + 1);
    let health = home.run_on(&server, &["doctor", "--json"]).good().json();
    assert_ne!(health["level"], "bad", "{health}");

    let key = home.run(&["key", "show"]).good().out;
    let checkpoint = home.write("checkpoint", server.ask("GET", "/tlog/checkpoint", b"").body);
    let outside = ["verify", "--json", "--key", key.trim(), "--checkpoint", checkpoint.to_str().unwrap()];
    let verified = home.run_on(&server, &outside).good().json();
    assert_eq!(
        [&verified["integrity"]["sound"], &verified["completeness"]["sound"]],
        [true, true],
        "{verified}"
    );
    // Without the key a server could show anything: nothing is called sound.
    let unsigned = home.run_on(&server, &["verify", "--json"]);
    assert_eq!(unsigned.status, 4, "{unsigned:?}");
    let unsigned = unsigned.json();
    assert!(
        unsigned["integrity"]["sound"].is_null() && unsigned["completeness"]["sound"].is_null(),
        "{unsigned}"
    );
    assert!(home.run_on(&server, &["verify"]).out.contains("nothing altered  not checked"));
    // A data directory that is named has the key.
    let (url, directory) = (server.url(), home.data_dir());
    let with_its_key = ["verify", "--json", "--url", &url, "--data-dir", directory.to_str().unwrap()];
    assert_eq!(home.run_on(&server, &with_its_key).good().json()["integrity"]["sound"], true);
    let kept = ["verify", "--checkpoint", checkpoint.to_str().unwrap()];
    home.run_on(&server, &kept).refused(2, "--key");
    // The files can be verified while the server has them open.
    home.run(&["verify", "--checkpoint", checkpoint.to_str().unwrap()]).good();
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_proof_needs_nothing_but_the_file_and_the_key() {
    let home = Home::new();
    home.with_events(20);
    let key = home.run(&["key", "show"]).good().out.trim().to_owned();
    let file = home.file("event-7.tlog-proof");
    let path = file.to_str().unwrap();
    home.run(&["proof", "get", "event-7", "-o", path]).good();

    let elsewhere = Home::new();
    let held = elsewhere.run(&["proof", "verify", path, "--key", &key]).good();
    assert!(held.out.starts_with("the proof holds") && held.out.contains("event number 7"), "{held:?}");
    let key_file = elsewhere.write("log.key", format!("{key}\n"));
    let json = elsewhere
        .run(&["proof", "verify", path, "--key", key_file.to_str().unwrap(), "--json"])
        .good()
        .json();
    assert_eq!(
        [&json["valid"], &json["event"]["id"]],
        [&serde_json::json!(true), &serde_json::json!("event-7")]
    );

    let partly = home.file("partly");
    home.run(&["proof", "get", "event-7", "-o", partly.to_str().unwrap(), "--groups", "core,target"]).good();
    let held = elsewhere.run(&["proof", "verify", partly.to_str().unwrap(), "--key", &key]).good();
    assert!(!held.out.contains("ada0@example.com") && held.out.contains("event-7"), "{held:?}");
    let groups = "groups shown: core; empty in this event: org, target, usage; withheld or erased: actor, client, content";
    assert!(held.out.contains(groups), "{held:?}");
    let partly = partly.to_str().unwrap();
    let json = elsewhere.run(&["proof", "verify", partly, "--key", &key, "--json"]).good().json();
    assert_eq!(json["groups"]["withheld"], serde_json::json!(["actor", "client", "content"]), "{json}");

    let proof = std::fs::read_to_string(&file).unwrap();
    let index_line = proof.lines().find(|line| line.starts_with("index ")).unwrap();
    let forged = elsewhere.write("forged", proof.replace(index_line, "index 3"));
    elsewhere.run(&["proof", "verify", forged.to_str().unwrap(), "--key", &key]).refused(1, "does NOT hold");
    let other = Home::new();
    other.with_events(1);
    let other_key = other.run(&["key", "show"]).good().out;
    elsewhere.run(&["proof", "verify", path, "--key", other_key.trim()]).refused(1, "does NOT hold");
    elsewhere.run(&["proof", "verify", path, "--key", "nonsense"]).refused(2, "nonsense");
    home.run(&["proof", "get", "no-such-event"]).refused(1, "no-such-event");
}

#[test]
fn an_export_is_proved_line_by_line() {
    let home = Home::new();
    home.with_events(300);
    let key = home.run(&["key", "show"]).good().out.trim().to_owned();
    let path = |name: &str| home.file(name).to_str().unwrap().to_owned();
    let (local, document, remote) = (path("local.ndjson"), path("document.json"), path("remote.ndjson"));
    home.run(&["export", "--format", "ndjson", "-o", &local, "--proof"]).good();
    home.run(&["export", "--format", "json", "-o", &document, "--proof"]).good();
    let server = home.serve();
    home.run_on(&server, &["export", "--format", "ndjson", "-o", &remote, "--proof"]).good();
    assert_eq!(server.stop(), 0);

    for file in [local, document, remote] {
        let proof = format!("{file}.proof");
        let held = home.run(&["proof", "verify", &proof, "--key", &key]).good();
        assert!(held.out.starts_with("the proof holds: each of the "), "{held:?}");
        let altered = std::fs::read_to_string(&file).unwrap().replacen("event number", "event namber", 1);
        let altered = home.write("altered", altered);
        let other = ["proof", "verify", &proof, "--key", &key, "--export", altered.to_str().unwrap()];
        home.run(&other).refused(1, "was altered");
    }
    home.run(&["export", "--format", "csv", "-o", &path("a.csv"), "--proof"]).refused(2, "json or ndjson");
    home.run(&["export", "--format", "json", "-o", "-", "--proof"]).refused(2, "-o FILE");
}

#[test]
fn the_key_rotates_and_what_the_old_one_signed_stays_valid() {
    let home = Home::new();
    home.with_events(20);
    let old = home.run(&["key", "show"]).good().out;
    let proof = home.file("proof");
    home.run(&["proof", "get", "event-7", "-o", proof.to_str().unwrap()]).good();
    let new = home.run(&["key", "rotate"]).good().out;
    assert_ne!(old, new);
    assert_eq!(home.run(&["key", "show"]).good().out, new);
    assert_eq!(home.run(&["key", "show", "--json"]).good().json()["retired"][0], old.trim());
    home.run(&["proof", "verify", proof.to_str().unwrap(), "--key", old.trim()]).good();
    home.run(&["verify"]).good();
    let found = home.run(&["search", "--json", "action:audit.key_rotated"]).good().json();
    assert_eq!(found["events"].as_array().unwrap().len(), 1, "{found}");
}

#[test]
fn tail_follows_a_server() {
    let home = Home::new();
    home.with_events(3);
    let server = home.serve();
    let mut command =
        home.command(&["tail", "-f", "-n", "1", "--json", "--url", &server.url(), "id:event-*"]);
    command.env("SECUREAI_AUDIT_TOKEN", &server.token).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut tail = command.spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next_id = || {
        let event: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(next_id(), "event-2");
    let appended = server.ask("POST", "/events", event_line("event-3", 3).as_bytes());
    assert_eq!(appended.status, 201, "{appended:?}");
    assert_eq!(next_id(), "event-3");
    tail.kill().unwrap();
    tail.wait().unwrap();
    home.run(&["tail", "-f"]).refused(2, "--url");
}

#[test]
fn configuration_is_checked_and_shown_without_secrets() {
    let home = Home::new();
    home.run(&["config", "check"]).good();
    let file = home.write("audit.toml", "listen = \"127.0.0.1:9\"\n\n[ledger]\nmin_free_mb = 5\n");
    let config = ["--config", file.to_str().unwrap()];
    home.run(&["config", "check", config[0], config[1]])
        .refused(2, "audit.toml:4: unknown key `min_free_mb`");
    home.write("audit.toml", "listen = \"127.0.0.1:9\"\n[keys]\nsigning_key = \"PRIVATE+KEY+very+secret\"\n");
    let shown = home.run(&["config", "show", config[0], config[1]]).good();
    assert!(shown.out.contains("127.0.0.1:9") && shown.out.contains("line 1"), "{shown:?}");
    assert!(!shown.out.contains("very+secret") && shown.out.contains("(hidden)"), "{shown:?}");
    let mut command = home.command(&["config", "show", "--json"]);
    command.env("SECUREAI_AUDIT_LISTEN", "127.0.0.1:10");
    let json: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(json["settings"][0]["value"], "127.0.0.1:10");
    assert_eq!(json["settings"][0]["from"], "SECUREAI_AUDIT_LISTEN");
    home.run(&["config", "check", "--config", "no-such.toml"]).refused(2, "no-such.toml");
}

#[test]
fn completions_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(home.run(&["completions", shell]).good().out.contains("secureai-audit"));
    }
    home.run(&["completions", "cmd"]).refused(2, "cmd");
}

#[test]
fn bad_usage_is_one_line_and_status_2() {
    let home = Home::new();
    home.with_events(1);
    home.run(&["frobnicate"]).refused(2, "frobnicate");
    home.run(&["export", "--format", "xls", "-o", "-"]).refused(2, "xls");
    home.run(&["export", "--format", "csv"]).refused(2, "--output");
    home.run(&["search", "--limit", "many"]).refused(2, "many");
    home.run(&["search", "--event-type", "cooking"]).refused(2, "cooking");
    home.run(&["search", "--from", "2026-03-02", "--to", "2026-03-01"]).refused(2, "from");
    home.run(&["search", "--from", "yesteryear"]).refused(2, "from");
    home.run(&["token", "create", "--name", "x", "--role", "emperor"]).refused(2, "emperor");
    home.run(&["token", "create", "--name", "", "--role", "admin"]).refused(2, "name");
    home.run(&["token", "create", "--name", "x", "--role", "admin", "--expires", "0d"]).refused(2, "past");
    let mut command = home.command(&["key", "show"]);
    command.env("SECUREAI_AUDIT_URL", "http://127.0.0.1:9").env_remove("SECUREAI_AUDIT_DATA_DIR");
    let refused = command.output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SECUREAI_AUDIT_URL is set"), "{refused:?}");
    home.run(&["search", "--tz", "Mars/Olympus"]).refused(2, "Mars/Olympus");
    home.run(&["search", "colour:red"]).refused(2, "colour");
    home.run(&["export", "--format", "csv", "-o", "-", "colour:red"]).refused(2, "colour");
    home.run(&["stats", "--by", "colour"]).refused(2, "colour");
    home.run(&["search", "--url", "https://audit.example/path"]).refused(2, "without a path");
    home.run(&["search", "--url", "https://127.0.0.1:9"]).refused(1, "cannot reach https://127.0.0.1:9");
    home.run(&["search", "--limit", "20000"]).refused(2, "export writes more");
    home.run(&["stats", "--by", "user"]).refused(2, "say actor.email, actor.name or actor.id");
    let file = home.write("a-file", "");
    let in_a_file = ["search", "--data-dir", file.to_str().unwrap()];
    home.run(&in_a_file).refused(2, "a-file is a file: name the data directory");
    home.run(&["serve", "--listen", "nowhere"]).refused(2, "nowhere");
    home.run(&["bench", "--events", "7"]).refused(2, "at least 20000");
    home.run(&["search", "-outcome:success"]).refused(2, "goes behind --, or into -q");
    home.run(&["verify", "--checkpoint", "no-such-file"]).refused(1, "no-such-file");
    home.run(&["search", "--url", "http://127.0.0.1:9"]).refused(1, "cannot reach");
    assert_eq!(Home::new().run(&["search"]).refused(1, "is no data directory").out, "");
    assert_eq!(home.run(&["--help"]).status, 0);
    assert!(home.run(&["--version"]).good().out.starts_with("secureai-audit "));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let home = Home::new();
    home.with_events(EVENTS);
    let mut command = home.command(&["export", "--format", "ndjson", "-o", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    let mut command = home.command(&["import", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(event_line("from-stdin", 1).as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["files"][0]["taken"], 1, "{report}");
}

#[test]
fn the_demo_year_fills_an_empty_directory_only() {
    let home = Home::new();
    let server = home.serve_with(&["--demo"]);
    let latest = server.ask("GET", "?limit=50", b"").json();
    assert_eq!(latest["events"].as_array().unwrap().len(), 50);
    assert_eq!(server.stop(), 0);
    let again = home.serve_with(&["--demo"]);
    assert_eq!(again.stop(), 0);

    let other = Home::new();
    other.with_events(3);
    other.run(&["serve", "--demo", "--listen", "127.0.0.1:0"]).refused(2, "empty directory");
}

#[test]
fn the_bench_measures_a_small_workload() {
    let home = Home::new();
    let file = home.file("workload.ndjson");
    home.run(&["bench", "--events", "20000", "--write-workload", file.to_str().unwrap()]).good();
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 20_000);
}

//! What happens when something goes wrong around the program: it says so clearly and loses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{io::Write, net::TcpStream, process::Command, thread, time::Duration};

use program::{BINARY, Home, Server, clean, event_line};

#[test]
fn a_second_process_is_told_who_has_the_directory_and_where_to_ask() {
    let home = Home::new();
    home.with_events(3);
    let server = home.serve();
    let words = format!(
        "is in use by process {}: ask the running server with --url {}",
        server.child.id(),
        server.url()
    );
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["search"],
        &["token", "list"],
        &["reindex"],
        &["key", "rotate"],
    ] {
        home.run(arguments).refused(1, &words);
    }
    let health = home.run(&["doctor"]).good();
    assert!(health.out.contains("a server has it open"), "{health:?}");
    assert_eq!(server.stop(), 0);
    home.run(&["search"]).good();
}

#[test]
fn a_newer_data_directory_is_refused_naming_both_versions() {
    let home = Home::new();
    home.with_events(3);
    std::fs::write(home.data_dir().join("FORMAT"), "7\n").unwrap();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["search"], &["verify"]] {
        home.run(arguments).refused(1, "data format 7").refused(1, "up to format 1");
    }
    assert_eq!(home.run(&["doctor"]).status, 1);
    std::fs::write(home.data_dir().join("FORMAT"), "1\n").unwrap();
    home.run(&["verify"]).good();
}

#[test]
fn a_full_disk_refuses_events_and_goes_on_answering() {
    let home = Home::new();
    home.with_events(20);
    // More than any disk has free: as if it were full.
    let full = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("SECUREAI_AUDIT_LEDGER_MIN_FREE_MIB", "1000000000");
        command
    };
    let server = Server::start(full(&["serve", "--json", "--listen", "127.0.0.1:0"]));
    let refused = server.ask("POST", "/events", event_line("late", 1).as_bytes());
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["code"], "ledger_unavailable");
    assert!(refused.head.to_lowercase().contains("retry-after"), "{refused:?}");
    let found = server.ask("GET", "?limit=5&q=id:event-*", b"").json();
    assert_eq!(found["events"].as_array().unwrap().len(), 5);
    let not_ready = server.ask("GET", "/readyz", b"");
    assert_eq!((not_ready.status, not_ready.json()["ledger"].as_str()), (503, Some("disk_full")));
    let health = home.run_on(&server, &["doctor"]);
    assert_eq!(health.status, 1);
    assert!(health.out.contains("the disk is full"), "{health:?}");
    assert_eq!(server.stop(), 0);
    let health = full(&["doctor"]).output().unwrap();
    assert_eq!(health.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&health.stdout).contains("events are refused until there is room"));

    let server = home.serve();
    assert_eq!(server.ask("POST", "/events", event_line("late", 1).as_bytes()).status, 201);
    assert_eq!(server.stop(), 0);
    home.run(&["verify"]).good();
}

#[test]
fn a_write_that_fails_stops_recording_and_loses_nothing() {
    let home = Home::new();
    home.with_events(20);
    // Files may not grow beyond 400 KiB: writes fail in the middle of the load, as on a disk without a reserve.
    let limited = "trap '' XFSZ; ulimit -f 400; exec \"$0\" serve --json --listen 127.0.0.1:0";
    let mut command = clean(Command::new("bash"));
    command.args(["-c", limited, BINARY]).env("SECUREAI_AUDIT_DATA_DIR", home.data_dir());
    let server = Server::start(command);
    let mut acknowledged = Vec::new();
    let refusal = (0..2_000).find_map(|number| {
        let id = format!("filling-{number}");
        let answer = server.ask("POST", "/events", incompressible_line(&id, number).as_bytes());
        match answer.status {
            201 => acknowledged.push(id),
            _ => return Some(answer),
        }
        None
    });
    let refusal = refusal.expect("the limit was never reached");
    assert_eq!(refusal.status, 503, "{refusal:?}");
    assert_eq!(server.ask("GET", "?limit=5&q=id:event-*", b"").status, 200);
    server.kill();

    let server = home.serve();
    for id in [acknowledged.first(), acknowledged.last()].into_iter().flatten() {
        assert_eq!(server.ask("GET", &format!("/{id}"), b"").status, 200, "{id}");
    }
    let found = server.ask("GET", "?format=ndjson&q=id:filling-*", b"").body;
    let recorded = found.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert!(
        recorded >= acknowledged.len() && recorded <= acknowledged.len() + 1,
        "{recorded} of {}",
        acknowledged.len()
    );
    assert_eq!(server.stop(), 0);
    home.run(&["verify"]).good();
}

/// An event of some kilobytes that no compressor shortens much.
fn incompressible_line(id: &str, number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let noise: String = (0..500)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            format!("{:x}-", state & 0xff_ffff)
        })
        .collect();
    format!(r#"{{"id":"{id}","action":"chat.created","source":"api","details":{{"noise":"{noise}"}}}}"#)
        + "\n"
}

#[test]
fn a_truncated_upload_records_nothing() {
    let home = Home::new();
    let server = home.serve();
    let body = event_line("whole", 0) + &event_line("cut", 1);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /api/v1/auditlog/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        server.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..body.len() - 30]).unwrap();
    drop(stream);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(server.ask("GET", "/whole", b"").status, 404);
    assert_eq!(server.ask("POST", "/events", body.as_bytes()).json()["recorded"], 2);
    assert_eq!(server.stop(), 0);
    home.run(&["verify"]).good();
}

#[test]
fn a_changed_byte_is_found_and_named() {
    let home = Home::new();
    home.with_events(300);
    let largest = largest_file(&home.data_dir().join("ledger/wal"));
    let mut bytes = std::fs::read(&largest).unwrap();
    // Within the events; the file's end is room for those to come.
    bytes[2_000] ^= 0x10;
    std::fs::write(&largest, bytes).unwrap();
    let verified = home.run(&["verify", "--json"]);
    assert_eq!(verified.status, 3, "{verified:?}");
    let report = verified.json();
    assert_eq!(report["integrity"]["sound"], false, "{report}");
    let name = largest.file_name().unwrap().to_str().unwrap();
    assert!(report["integrity"]["findings"][0].as_str().unwrap().contains(name), "{report}");
}

#[test]
fn missing_events_are_found_by_a_checkpoint_kept_elsewhere() {
    let home = Home::new();
    home.with_events(20);
    let copy = home.file("copy");
    assert!(Command::new("cp").arg("-r").arg(home.data_dir()).arg(&copy).status().unwrap().success());
    let server = home.serve();
    assert_eq!(server.ask("POST", "/events", event_line("newest", 1).as_bytes()).status, 201);
    let proof = server.ask("GET", "/newest/proof", b"");
    assert_eq!(proof.status, 200);
    let checkpoint = home.write("checkpoint", server.ask("GET", "/tlog/checkpoint", b"").body);
    assert_eq!(server.stop(), 0);
    home.run(&["verify", "--checkpoint", checkpoint.to_str().unwrap()]).good();
    // The old copy is sound in itself, and lacks what came after.
    let old = ["verify", "--json", "--data-dir", copy.to_str().unwrap()];
    home.run(&old).good();
    let lacking = home.run(&[&old[..], &["--checkpoint", checkpoint.to_str().unwrap()]].concat());
    assert_eq!(lacking.status, 3, "{lacking:?}");
    assert_eq!(lacking.json()["completeness"]["sound"], false, "{lacking:?}");
}

#[test]
fn a_port_in_use_is_said_and_nothing_is_touched() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.run(&["serve", "--listen", &address]).refused(1, &format!("cannot listen on {address}"));
    assert!(!home.data_dir().exists());
}

#[test]
fn sigterm_drains_and_the_record_tells_of_start_and_stop() {
    let home = Home::new();
    let server = home.serve();
    for number in 0..20 {
        assert_eq!(
            server.ask("POST", "/events", event_line(&format!("event-{number}"), number).as_bytes()).status,
            201
        );
    }
    assert_eq!(server.stop(), 0);
    let verified = home.run(&["verify", "--json"]).good().json();
    assert_eq!(verified["checkpoint_size"], verified["entries"], "the last checkpoint covers everything");
    let found = home.run(&["search", "--json", "action:ledger.*"]).good().json();
    let actions: Vec<&str> =
        found["events"].as_array().unwrap().iter().filter_map(|event| event["action"].as_str()).collect();
    assert_eq!(actions, ["ledger.stopped", "ledger.started"]);
}

fn largest_file(directory: &std::path::Path) -> std::path::PathBuf {
    let mut files: Vec<(u64, std::path::PathBuf)> = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                directories.push(entry.path());
            } else {
                files.push((metadata.len(), entry.path()));
            }
        }
    }
    files.into_iter().max().unwrap().1
}

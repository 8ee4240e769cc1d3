//! The audit file followed while it grows, into a ledger.

use std::io::Write as _;
use std::time::Duration;

use audit_pipeline::sources::openwebui::ownership::Configured;
use audit_pipeline::sources::openwebui::table::RouteTable;
use audit_pipeline::sources::tail::{Config, Status, Tail};

use crate::scene::Scene;

const LINES: &str = include_str!("../data/audit-metadata.log");
const FILES_ALONE: Configured =
    Configured { gateway: false, webhook: false, audit_file: true, model_gateway: false };

fn start(scene: &Scene) -> Tail {
    let mut config =
        Config::new(scene.dir.path().join("audit.log"), scene.dir.path().join("audit_file.position"));
    config.poll = Duration::from_millis(2);
    Tail::start(config, scene.sightings.clone(), scene.intake.clone(), scene.clock.clone())
        .expect("it starts")
}

fn append(scene: &Scene, bytes: &[u8]) {
    let path = scene.dir.path().join("audit.log");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("the file");
    file.write_all(bytes).expect("written");
}

/// Waits until the status is as wished; a test that hangs here shows the last one when it is interrupted.
fn wait_until(tail: &Tail, wish: impl Fn(&Status) -> bool) -> Status {
    loop {
        let status = tail.status();
        if wish(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_line_becomes_an_event_once_across_restarts_and_rotation() {
    let scene = Scene::new(FILES_ALONE);
    let (first, rest) = LINES.split_at(30_001);
    let (second, third) = rest.split_at(30_000);
    let tail = start(&scene);
    append(&scene, first.as_bytes());
    wait_until(&tail, |status| status.lines > 40);
    append(&scene, second.as_bytes());
    tail.stop();
    std::fs::rename(
        scene.dir.path().join("audit.log"),
        scene.dir.path().join("audit.2026-11-23_07-00-00_000000.log"),
    )
    .expect("rotated");
    // The writer was in the middle of a line.
    let (end_of_line, third) = third.split_at(third.find('\n').expect("an end") + 1);
    let rotated = scene.dir.path().join("audit.2026-11-23_07-00-00_000000.log");
    let mut file = std::fs::OpenOptions::new().append(true).open(rotated).expect("the file");
    file.write_all(end_of_line.as_bytes()).expect("written");
    append(&scene, third.as_bytes());
    let tail = start(&scene);
    let expected = LINES.lines().count();
    while scene.ledger.size().get() < expected as u64 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = wait_until(&tail, |status| status.lag_bytes == 0 && status.offset > 0);
    assert_eq!((status.rotations, status.skipped, status.last_error), (1, 0, None));
    tail.stop();
    assert_eq!(scene.recorded().len(), expected);
}

#[test]
fn lines_that_are_no_entries_are_counted_on_the_record() {
    let scene = Scene::new(FILES_ALONE);
    let line = LINES.lines().next().expect("a line");
    append(&scene, b"{\"half\": \n\xff\xfe\n");
    append(&scene, line.as_bytes());
    append(&scene, b"\n");
    let tail = start(&scene);
    let status = wait_until(&tail, |status| status.lines == 1 && status.skipped > 0);
    assert_eq!(status.skipped, 2);
    tail.stop();
    let events = scene.events();
    let told = events.iter().find(|event| event["action"] == "source.lines_skipped").expect("told");
    assert_eq!(told["details"]["lines"], 2);
    assert_eq!(events.len(), 2);
}

#[test]
fn a_line_too_long_to_be_read_is_passed_over_as_a_whole_and_on_the_record() {
    let scene = Scene::new(FILES_ALONE);
    let [first, second, third] = [0, 1, 2].map(|at| LINES.lines().nth(at).expect("a line"));
    // What it ends with looks like a line of its own.
    let long = [&*vec![b'x'; 32 << 20], first.as_bytes()].concat();
    append(&scene, &[&long, second.as_bytes(), third.as_bytes(), b""].join(&b'\n'));
    let tail = start(&scene);
    let status = wait_until(&tail, |status| status.lines == 2 && status.lag_bytes == 0);
    assert_eq!(status.skipped, 1);
    tail.stop();
    let events = scene.events();
    let told: Vec<_> = events.iter().filter(|event| event["action"] == "source.lines_skipped").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["details"], serde_json::json!({"lines": 1, "from_byte": 0, "too_long": 1}));
    assert_eq!(events.len(), 3, "and the two lines after it");
}

#[test]
fn what_the_ledger_does_not_take_waits_in_the_journal() {
    let scene = Scene::new(FILES_ALONE);
    scene.ledger.close().expect("closed");
    append(&scene, LINES.as_bytes());
    let tail = start(&scene);
    let expected = LINES.lines().count();
    wait_until(&tail, |status| status.lines == expected as u64);
    tail.stop();
    scene.sightings.finish();

    let mut next = Scene::new(FILES_ALONE);
    next.sightings.finish();
    std::fs::copy(scene.journal(), next.journal()).expect("the same data directory");
    next.restart();
    next.pass(1_000);
    assert_eq!(next.recorded().len(), expected);
}

#[test]
fn what_the_gateway_deliberately_leaves_out_is_left_out_here() {
    let scene = Scene::new(Configured { gateway: true, ..FILES_ALONE });
    let line = |id: &str, verb: &str, path: &str| {
        format!(
            "{{\"id\":\"{id}\",\"timestamp\":1795413600,\"user\":{{\"id\":\"u\"}},\"audit_level\":\"METADATA\",\"verb\":\"{verb}\",\"request_uri\":\"http://x{path}\"}}\n"
        )
    };
    append(&scene, line("read", "GET", "/api/v1/chats/?page=1").as_bytes());
    append(&scene, line("deed", "DELETE", "/api/v1/chats/c-1").as_bytes());
    let mut config =
        Config::new(scene.dir.path().join("audit.log"), scene.dir.path().join("audit_file.position"));
    config.poll = Duration::from_millis(2);
    config.table = Some(RouteTable::embedded());
    let tail = Tail::start(config, scene.sightings.clone(), scene.intake.clone(), scene.clock.clone())
        .expect("it starts");
    wait_until(&tail, |status| status.offset > 0 && status.lag_bytes == 0);
    tail.stop();
    scene.pass(13);
    assert_eq!(scene.unseen(), ["deed unseen by gateway"]);
    assert_eq!(scene.events().len(), 1);
}

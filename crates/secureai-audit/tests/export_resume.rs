//! Exports that are interrupted: the same command goes on, and the file is the one that would have come in one go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{self, Read as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use program::{Home, Server};

/// Some 15 MB as NDJSON: long enough to be met on its way.
const EVENTS: u64 = 25_000;
const FORMATS: [&str; 3] = ["ndjson", "json", "csv"];
/// Leaves out the events of the exports themselves.
const FILTER: &str = "id:event-*";

/// A data directory, and the exports of it that nothing interrupted.
struct Fixture {
    home: Home,
}

impl Fixture {
    fn new() -> Self {
        let home = Home::new();
        home.with_events(EVENTS);
        Self { home }
    }

    /// The export that nothing interrupts.
    fn whole(&self, format: &str) -> Vec<u8> {
        let file = self.home.file(&format!("whole.{format}"));
        self.home.run(&["export", "--format", format, "-o", file.to_str().unwrap(), FILTER]).good();
        std::fs::read(file).unwrap()
    }

    /// The command that exports to `file`, of a server if there is a URL.
    fn command(&self, format: &str, file: &Path, url: Option<(&str, &str)>) -> Command {
        let mut command = self.home.command(&[
            "export",
            "--json",
            "--format",
            format,
            "-o",
            file.to_str().unwrap(),
            FILTER,
        ]);
        if let Some((url, token)) = url {
            command.args(["--url", url]).env("SECUREAI_AUDIT_TOKEN", token);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Runs the command to its good end; where it went on from.
fn finish(mut command: Command) -> u64 {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["resumed_at_bytes"].as_u64().unwrap()
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[track_caller]
fn assert_same(file: &Path, whole: &[u8]) {
    let written = std::fs::read(file).unwrap();
    assert!(written == whole, "{}: {} bytes instead of {}", file.display(), written.len(), whole.len());
    for ending in [".part", ".part.state", ".part.state.new"] {
        assert!(!beside(file, ending).exists(), "{ending} is left over");
    }
}

/// Starts the command and sends it a signal once its state is on the disk. `None` if its file was whole before.
fn interrupt(mut command: Command, file: &Path, signal: &str) -> Option<(ExitStatus, String)> {
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while !beside(file, ".part.state").exists() && child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "the export never began");
        thread::sleep(Duration::from_millis(1));
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
    sent.unwrap();
    let output = child.wait_with_output().unwrap();
    let is_done = output.status.success() || file.exists();
    (!is_done).then(|| (output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// [`interrupt`], again and again until the signal came in time.
fn interrupt_midway(command: impl Fn() -> Command, file: &Path, signal: &str) -> (ExitStatus, String) {
    for _ in 0..20 {
        if let Some(ended) = interrupt(command(), file, signal) {
            return ended;
        }
        std::fs::remove_file(file).unwrap();
    }
    panic!("the export was always faster than the signal");
}

#[test]
fn a_local_export_goes_on_after_ctrl_c_and_after_a_kill() {
    let fixture = Fixture::new();
    for format in FORMATS {
        let whole = fixture.whole(format);
        for signal in ["-INT", "-KILL"] {
            let file = fixture.home.file(&format!("out{signal}.{format}"));
            let command = || fixture.command(format, &file, None);
            let (status, said) = interrupt_midway(command, &file, signal);
            if signal == "-INT" {
                assert_eq!(status.code(), Some(1), "{said}");
                assert!(said.contains("the same command goes on from here"), "{said}");
            }
            assert!(!file.exists() && beside(&file, ".part").exists(), "{format} {signal}");
            assert!(finish(command()) > 0, "{format} {signal} began again");
            assert_same(&file, &whole);
        }
    }
}

#[test]
fn another_question_does_not_go_on_with_the_file() {
    let fixture = Fixture::new();
    let file = fixture.home.file("out.csv");
    interrupt_midway(|| fixture.command("csv", &file, None), &file, "-INT");
    let path = file.to_str().unwrap();
    for other in [
        &["--format", "ndjson"][..],
        &["--format", "csv", "--order", "asc"],
        &["--format", "csv", "-q", "ada"],
    ] {
        let arguments = [&["export", "-o", path, FILTER][..], other].concat();
        fixture.home.run(&arguments).refused(1, "of another export");
    }
}

#[test]
fn an_age_counts_back_from_when_the_export_began() {
    let fixture = Fixture::new();
    let file = fixture.home.file("out.ndjson");
    let command = || {
        let mut command = fixture.command("ndjson", &file, None);
        command.args(["--from", "5200w"]);
        command
    };
    interrupt_midway(command, &file, "-INT");
    assert!(finish(command()) > 0, "it is the same question a moment later");
    assert_same(&file, &fixture.whole("ndjson"));
}

/// What happens to a connection's answers.
#[derive(Clone, Copy)]
enum Fate {
    /// Cut after so many bytes.
    Cut(u64),
    /// Stuck after so many bytes, until the client is gone.
    Stuck(u64),
}

/// A way to a server on which the first connections meet their fates; later ones pass.
struct Proxy {
    url: String,
    server: Arc<Mutex<SocketAddr>>,
}

impl Proxy {
    fn before(server: &Server, fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Mutex::new(server.address));
        let address = Arc::clone(&server);
        thread::spawn(move || {
            let mut fates = fates.into_iter();
            for client in listener.incoming() {
                let (address, fate) = (*address.lock().unwrap(), fates.next());
                thread::spawn(move || connect(client.unwrap(), address, fate));
            }
        });
        Self { url, server }
    }

    /// The server is another one now.
    fn lead_to(&self, server: &Server) {
        *self.server.lock().unwrap() = server.address;
    }
}

/// Errors end the connection, which is all that anybody wants to know.
fn connect(mut client: TcpStream, address: SocketAddr, fate: Option<Fate>) {
    let server = TcpStream::connect(address).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let requests = thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    let limit = match fate {
        Some(Fate::Cut(bytes) | Fate::Stuck(bytes)) => bytes,
        None => u64::MAX,
    };
    let _ = io::copy(&mut (&server).take(limit), &mut client);
    if let Some(Fate::Stuck(_)) = fate {
        let _ = requests.join();
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Records an event that the question asks for.
fn record_late(server: &Server, id: &str) {
    let event = program::event_line(&format!("event-{id}"), 7);
    assert_eq!(server.ask("POST", "/events", event.as_bytes()).status, 201);
}

#[test]
fn a_remote_export_goes_on_after_its_connection_was_cut() {
    let fixture = Fixture::new();
    let server = fixture.home.serve();
    for format in FORMATS {
        let whole_file = fixture.home.file(&format!("whole.{format}"));
        finish(fixture.command(format, &whole_file, Some((&server.url(), &server.token))));
        let whole = std::fs::read(whole_file).unwrap();

        let file = fixture.home.file(&format!("out.{format}"));
        let cuts = [2_000, 300_000, 1_000_000].map(Fate::Cut).to_vec();
        let proxy = Proxy::before(&server, cuts.clone());
        let command = || fixture.command(format, &file, Some((&proxy.url, &server.token)));
        let mut had = 0;
        for _ in &cuts {
            let output = command().output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("the same command goes on from here: the answer broke off"), "{said}");
            let has = std::fs::metadata(beside(&file, ".part")).unwrap().len();
            assert!(has > had, "{format}: {has} after {had}");
            had = has;
            record_late(&server, &format!("late-{format}-{had}"));
        }
        assert_eq!(finish(command()), had);
        assert_same(&file, &whole);
    }
    let deeds = server.ask("GET", "?limit=100&action=audit.exported", b"").json();
    let resumed = deeds["events"].as_array().unwrap().iter();
    let resumed = resumed.filter(|deed| {
        deed["details"]["phase"] == "started" && deed["details"]["resumed_at_bytes"].is_number()
    });
    assert_eq!(resumed.count(), 9, "each going on is on the record");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_remote_export_goes_on_with_a_server_that_was_killed_and_started_again() {
    let fixture = Fixture::new();
    let whole = fixture.whole("ndjson");
    let file = fixture.home.file("out.ndjson");
    let server = fixture.home.serve();
    let token = server.token.clone();
    let proxy = Proxy::before(&server, vec![Fate::Cut(1_000_000)]);
    let command = || fixture.command("ndjson", &file, Some((&proxy.url, &token)));
    assert_eq!(command().output().unwrap().status.code(), Some(1));
    server.kill();
    let gone = command().output().unwrap();
    assert_eq!(gone.status.code(), Some(1), "nobody answers");
    let server = fixture.home.serve();
    proxy.lead_to(&server);
    record_late(&server, "late");
    assert!(finish(command()) > 900_000);
    assert_same(&file, &whole);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_remote_export_goes_on_after_ctrl_c_and_after_a_kill() {
    let fixture = Fixture::new();
    let whole = fixture.whole("csv");
    let file = fixture.home.file("out.csv");
    let server = fixture.home.serve();
    let proxy = Proxy::before(&server, [400_000, 500_000].map(Fate::Stuck).to_vec());
    let command = || fixture.command("csv", &file, Some((&proxy.url, &server.token)));
    for (signal, at_least) in [("-KILL", 300_000), ("-INT", 700_000)] {
        let mut child = command().spawn().unwrap();
        let has = || std::fs::metadata(beside(&file, ".part")).map_or(0, |data| data.len());
        while has() < at_least {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            thread::sleep(Duration::from_millis(1));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(!child.wait().unwrap().success());
    }
    assert!(finish(command()) >= 700_000);
    assert_same(&file, &whole);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_file_that_is_not_the_beginning_any_more_begins_again() {
    let fixture = Fixture::new();
    let whole = fixture.whole("ndjson");
    let file = fixture.home.file("out.ndjson");
    let server = fixture.home.serve();
    let proxy = Proxy::before(&server, vec![Fate::Cut(1_000_000)]);
    let command = || fixture.command("ndjson", &file, Some((&proxy.url, &server.token)));
    assert_eq!(command().output().unwrap().status.code(), Some(1));
    let part = beside(&file, ".part");
    let mut damaged = std::fs::read(&part).unwrap();
    damaged[500] ^= 1;
    std::fs::write(&part, damaged).unwrap();
    let output = command().output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the export begins again"));
    assert_same(&file, &whole);
    assert_eq!(server.stop(), 0);
}

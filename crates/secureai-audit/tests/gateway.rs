//! The gateway of the real binary in front of a small platform: nothing that changes something goes unrecorded, whatever
//! dies in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use program::{Home, Server};
use serde_json::Value;

/// A platform with one user, whose answers to requests for `/slow` paths wait until they are let go.
struct Platform {
    address: SocketAddr,
    /// Changing requests that have arrived.
    changes: Arc<AtomicU64>,
    let_go: mpsc::Sender<()>,
}

impl Platform {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let changes = Arc::new(AtomicU64::new(0));
        let (let_go, gate) = mpsc::channel();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let seen = Arc::clone(&changes);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
                thread::spawn(move || serve(connection.unwrap(), &seen, &gate));
            }
        });
        Self { address, changes, let_go }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Waits until this many changing requests have arrived.
    fn wait_for(&self, changes: u64) {
        for _ in 0..1_200 {
            if self.changes() >= changes {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("only {} of {changes} requests arrived", self.changes());
    }
}

/// Answers one request a connection.
fn serve(mut stream: TcpStream, changes: &AtomicU64, gate: &std::sync::Mutex<mpsc::Receiver<()>>) {
    let Some((line, _)) = read_request(&mut stream) else { return };
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if method != "GET" {
        changes.fetch_add(1, Ordering::SeqCst);
    }
    if path.contains("slow") {
        let _ = gate.lock().unwrap().recv();
    }
    let body = match path {
        "/api/v1/auths/" | "/api/v1/users/user/status" => {
            r#"{"id":"u1","email":"ada@example.test","name":"Ada","role":"admin"}"#
        }
        _ => r#"{"id":"n1","title":"Note"}"#,
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// The request line and the body.
fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ").and_then(|length| length.trim().parse::<usize>().ok())
            });
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some((head.lines().next()?.to_owned(), bytes[end + 4..].to_vec()));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// An unsigned session token of user `u1`: the platform believes everything.
const SESSION: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6InUxIiwidHlwIjoic2Vzc2lvbiIsImp0aSI6ImoxIn0.c2ln";

/// Sends a request through the gateway; status and body, or nothing if the connection broke.
fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SESSION}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// What the gateway has recorded, oldest first.
fn recorded(server: &Server) -> Vec<Value> {
    let answer = server.ask("GET", "?limit=1000&order=oldest_first&q=source:gateway", b"");
    answer.json()["events"].as_array().unwrap().clone()
}

fn in_front_of(home: &Home, platform: &Platform) -> Server {
    home.serve_with(&["--upstream", &platform.url()])
}

#[test]
fn an_answer_is_released_when_its_event_is_durable() {
    let (home, platform) = (Home::new(), Platform::start());
    let server = in_front_of(&home, &platform);
    let (status, body) = send(server.address, "POST", "/api/v1/notes/create", r#"{"title":"Note"}"#).unwrap();
    assert_eq!((status, body.as_str()), (200, r#"{"id":"n1","title":"Note"}"#));
    // As a power failure would: nothing that is only in memory survives.
    server.kill();
    let server = in_front_of(&home, &platform);
    let events = wait_until(|| Some(recorded(&server)).filter(|events| !events.is_empty()));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "note.created");
    assert_eq!(events[0]["outcome"], "success");
    assert_eq!(events[0]["actor"]["email"], "ada@example.test");
    assert_eq!(events[0]["target"]["id"], "n1");
}

#[test]
fn a_process_killed_between_forwarding_and_recording_leaves_an_event_of_unknown_outcome() {
    let (home, platform) = (Home::new(), Platform::start());
    let server = in_front_of(&home, &platform);
    let address = server.address;
    let client = thread::spawn(move || send(address, "DELETE", "/api/v1/notes/slow-one/delete", ""));
    platform.wait_for(1);
    server.kill();
    assert_eq!(client.join().unwrap(), None, "nobody saw an answer");
    platform.let_go.send(()).unwrap();

    let server = in_front_of(&home, &platform);
    let events = wait_until(|| Some(recorded(&server)).filter(|events| !events.is_empty()));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "note.deleted");
    assert_eq!(events[0]["outcome"], "unknown");
    assert_eq!(events[0]["reason"], "interrupted");
    assert_eq!(events[0]["target"]["id"], "slow-one");
    assert_eq!(events[0]["actor"]["id"], "u1");
    assert_eq!(server.stop(), 0);
    // It is settled: another start does not record it again.
    let server = in_front_of(&home, &platform);
    let events = wait_until(|| Some(recorded(&server)).filter(|events| !events.is_empty()));
    assert_eq!(events.len(), 1, "{events:?}");
}

#[test]
fn what_cannot_be_recorded_is_refused_and_never_reaches_the_platform() {
    let (home, platform) = (Home::new(), Platform::start());
    let mut command =
        home.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--upstream", &platform.url()]);
    // More than any disk has free: as if it were full.
    command.env("SECUREAI_AUDIT_LEDGER_MIN_FREE_MIB", "1000000000");
    let server = Server::start(command);
    let (status, body) = send(server.address, "POST", "/api/v1/notes/create", "{}").unwrap();
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("recorded"), "the answer says why: {body}");
    assert_eq!(platform.changes(), 0);
    let (status, _) = send(server.address, "GET", "/api/v1/notes/", "").unwrap();
    assert_eq!(status, 200, "reading goes on");
}

#[test]
fn a_running_request_is_recorded_before_the_server_stops() {
    let (home, platform) = (Home::new(), Platform::start());
    let server = in_front_of(&home, &platform);
    let address = server.address;
    let client =
        thread::spawn(move || send(address, "POST", "/api/v1/notes/create?slow", r#"{"title":"Note"}"#));
    platform.wait_for(1);
    let stopping = thread::spawn(move || server.stop());
    thread::sleep(Duration::from_millis(300));
    platform.let_go.send(()).unwrap();
    assert_eq!(client.join().unwrap().map(|(status, _)| status), Some(200));
    assert_eq!(stopping.join().unwrap(), 0);
    let server = in_front_of(&home, &platform);
    let events = wait_until(|| Some(recorded(&server)).filter(|events| !events.is_empty()));
    assert_eq!((events.len(), &events[0]["outcome"]), (1, &"success".into()), "{events:?}");
}

#[test]
fn a_platform_that_is_down_is_told_to_the_client_and_recorded() {
    let (home, platform) = (Home::new(), Platform::start());
    // Nothing listens on a port that only root may take.
    let server = home.serve_with(&["--upstream", "http://127.0.0.1:1"]);
    let (status, body) = send(server.address, "POST", "/api/v1/notes/create", "{}").unwrap();
    assert_eq!(status, 502, "{body}");
    let events = wait_until(|| Some(recorded(&server)).filter(|events| !events.is_empty()));
    assert!(events.iter().any(|event| event["outcome"] == "failure"), "{events:?}");
    assert_eq!(platform.changes(), 0);
}

fn wait_until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = ready() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not happen within a minute");
}

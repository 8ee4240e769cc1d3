//! `source setup openwebui` and its siblings, against a small stand-in for Open WebUI's webhook interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use program::Home;
use serde_json::{Value, json};

/// An Open WebUI as far as its webhooks go; an administrator's token is `admin`.
struct OpenWebUi {
    url: String,
    webhooks: Arc<Mutex<Vec<Value>>>,
}

impl OpenWebUi {
    /// One that sends to any address, or only to public ones.
    fn start(sends_anywhere: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let webhooks = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&webhooks);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&mut stream.unwrap(), sends_anywhere, &shared);
            }
        });
        Self { url, webhooks }
    }

    fn webhooks(&self) -> Vec<Value> {
        self.webhooks.lock().unwrap().clone()
    }
}

/// Answers one request on its connection, and sends an event to the webhook that it made or changed.
fn answer(stream: &mut TcpStream, sends_anywhere: bool, webhooks: &Mutex<Vec<Value>>) {
    let (head, body) = read(stream);
    let is_admin = head.contains("authorization: Bearer admin\r\n");
    let (method, path) = {
        let mut words = head.split(' ');
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
    };
    let id = path.strip_prefix("/api/events/webhooks/").map(str::to_owned);
    let mut kept = webhooks.lock().unwrap();
    let (status, answer) = match (method.as_str(), id) {
        _ if !is_admin => (401, json!({"detail": "401 Unauthorized"})),
        ("GET", None) => (200, Value::from(kept.clone())),
        ("DELETE", Some(id)) => {
            kept.retain(|webhook| webhook["id"] != *id);
            (200, json!({"status": true}))
        }
        _ if !sends_anywhere => {
            (400, json!({"detail": "The URL you provided is invalid. Please double-check and try again."}))
        }
        ("POST", None) => {
            let mut webhook = body;
            webhook["id"] = json!(format!("w-{}", kept.len()));
            kept.push(webhook.clone());
            (200, webhook)
        }
        ("PUT", Some(id)) => {
            let webhook = kept.iter_mut().find(|webhook| webhook["id"] == *id).unwrap();
            webhook["url"] = body["url"].clone();
            (200, webhook.clone())
        }
        other => panic!("{other:?}"),
    };
    let url = answer["url"].as_str().map(str::to_owned);
    let event_id = format!("event-{method}-{}", kept.len());
    drop(kept);
    let text = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    if let Some(url) = url.filter(|_| status == 200) {
        send_event(&url, &event_id);
    }
}

fn read(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

/// As Open WebUI does: the user and password of the address become basic authentication.
fn send_event(url: &str, id: &str) {
    let (credentials, rest) = url.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let body = json!({
        "id": id, "event": "config.webhook.updated", "created_at": 1_795_400_126, "source": "api",
        "actor": {"id": "u-1", "email": "ada@example.test"}, "subject": {"type": "config", "id": "w-0"}, "data": {},
    })
    .to_string();
    let mut stream = TcpStream::connect(authority).unwrap();
    let credentials = base64(credentials.as_bytes());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {credentials}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let is_padding = place > three.len();
            text.push(if is_padding { '=' } else { char::from(LETTERS[number >> (18 - 6 * place) & 63]) });
        }
    }
    text
}

#[test]
fn a_webhook_is_registered_once_and_renewed() {
    let open_webui = OpenWebUi::start(true);
    let home = Home::new();
    let server = home.serve();
    let setup = ["source", "setup", "openwebui", "--url", &open_webui.url, "--token", "admin"];
    let first = home.run(&setup).good();
    assert!(first.out.contains("registered") && first.out.contains("has arrived"), "{first:?}");
    let again = home.run(&setup).good();
    assert!(again.out.contains("updated") && again.out.contains("has arrived"), "{again:?}");

    let [webhook] = open_webui.webhooks().try_into().unwrap();
    assert_eq!(webhook["events"], json!(["*"]));
    let url = webhook["url"].as_str().unwrap().to_owned();
    assert!(url.ends_with("/api/v1/auditlog/sources/openwebui/main"), "{url}");
    let secret = url.split(['@', ':']).find(|part| part.starts_with("saa_")).unwrap();
    assert!(!first.out.contains(secret) && !again.out.contains(secret) && !again.err.contains(secret));

    let listed = home.run_on(&server, &["source", "list", "--json"]).good().json();
    assert_eq!(
        (&listed["sources"][0]["name"], &listed["sources"][0]["received"]),
        (&json!("main"), &json!(2))
    );

    let removed = ["source", "remove", "main", "--openwebui-url", &open_webui.url, "--token", "admin"];
    home.run_on(&server, &removed).good();
    assert!(open_webui.webhooks().is_empty());
    let listed = home.run_on(&server, &["source", "list"]).good();
    assert!(listed.err.contains("no sources yet"), "{listed:?}");
    assert_eq!(server.stop(), 0);

    let events = home
        .run(&["search", "--json", "-n", "100", "-q", "action:source.* OR action:config.webhook.updated"])
        .good();
    for expected in ["source.added", "source.changed", "source.removed", "config.webhook.updated"] {
        assert!(events.out.contains(expected), "{expected}: {events:?}");
    }
    assert!(!events.out.contains(secret));
}

#[test]
fn a_blocked_address_is_explained_and_leaves_no_source() {
    let open_webui = OpenWebUi::start(false);
    let home = Home::new();
    let server = home.serve();
    let setup = ["source", "setup", "openwebui", "--url", &open_webui.url, "--token", "admin"];
    home.run(&setup).refused(1, "ENABLE_LOCAL_WEB_FETCH=true");
    let listed = home.run_on(&server, &["source", "list", "--json"]).good().json();
    assert_eq!(listed["sources"], json!([]));
}

#[test]
fn who_is_no_administrator_changes_nothing() {
    let open_webui = OpenWebUi::start(true);
    let home = Home::new();
    let server = home.serve();
    let setup = ["source", "setup", "openwebui", "--url", &open_webui.url, "--token", "somebody"];
    home.run(&setup).refused(1, "must be a session token or API key of an administrator");
    home.run(&["source", "setup", "openwebui", "--url", "nonsense", "--token", "admin"])
        .refused(2, "nonsense");
    let listed = home.run_on(&server, &["source", "list", "--json"]).good().json();
    assert_eq!(listed["sources"], json!([]));
}

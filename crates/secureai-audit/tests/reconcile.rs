//! `reconcile` and `doctor` against a stub that answers as Open WebUI 0.12.4 does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

use program::{Home, Ran};
use serde_json::{Value, json};

/// The moment that all objects are made around: 2026-11-23T12:00:00Z.
const NOON: i64 = 1_795_435_200;
const TOKEN: &str = "sk-admin";

/// What the stub has.
#[derive(Clone, Default)]
struct Stub {
    users: Vec<&'static str>,
    /// Of the first user.
    chats: usize,
    files: usize,
    /// Whether admins may see others' chats.
    hides_chats: bool,
    /// Whether the token is an ordinary user's.
    is_ordinary: bool,
    version: &'static str,
}

impl Stub {
    /// Serves until the test ends; gives its address.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let stub = self.clone();
                std::thread::spawn(move || stub.serve(stream));
            }
        });
        url
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                match reader.read_line(&mut line) {
                    Ok(length) if length > 0 => {}
                    _ => return,
                }
                if line == "\r\n" {
                    break;
                }
                head.push(line.trim().to_owned());
            }
            let target = head[0].split(' ').nth(1).unwrap().to_owned();
            let bearer = format!("authorization: bearer {TOKEN}");
            let is_admin = head.iter().any(|line| line.to_lowercase() == bearer);
            let (status, body) = self.answer(&target, is_admin);
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, target: &str, is_admin: bool) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let page = query.split('&').find_map(|pair| pair.strip_prefix("page=")).unwrap_or("1");
        let page: usize = page.parse().unwrap();
        if path == "/api/version" {
            return (200, json!({"version": self.version}));
        }
        if !is_admin {
            return (401, json!({"detail": "401 Unauthorized"}));
        }
        let listed = |size: usize, all: Vec<Value>| {
            (200, json!({"items": paged(&all, page, size), "total": all.len()}))
        };
        match path {
            "/api/v1/users/" if self.is_ordinary => (401, json!({"detail": "no permission"})),
            "/api/v1/users/" => {
                let users =
                    self.users.iter().map(|id| made(id, &json!({"email": format!("{id}@example.test")})));
                let users: Vec<Value> = users.collect();
                (200, json!({"users": paged(&users, page, 30), "total": users.len()}))
            }
            "/api/v1/files/" => listed(
                50,
                (0..self.files).map(|n| made(&format!("file-{n}"), &json!({"user_id": "ada"}))).collect(),
            ),
            "/api/v1/knowledge/" => listed(30, Vec::new()),
            "/api/v1/groups/" => (200, json!([])),
            _ if self.hides_chats => (401, json!({"detail": "prohibited"})),
            _ => {
                let owner = path.strip_prefix("/api/v1/chats/list/user/").expect(path);
                let count = if Some(&owner) == self.users.first() { self.chats } else { 0 };
                let chats: Vec<Value> =
                    (0..count).map(|n| made(&format!("chat-{n}"), &json!({"title": "x"}))).collect();
                (200, paged(&chats, page, 60))
            }
        }
    }
}

fn made(id: &str, more: &Value) -> Value {
    let mut object = json!({"id": id, "created_at": NOON});
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn paged(all: &[Value], page: usize, size: usize) -> Value {
    all.iter().skip((page - 1) * size).take(size).cloned().collect::<Vec<_>>().into()
}

/// An event at noon.
fn event(action: &str, kind: &str, id: &str) -> String {
    let event = json!({
        "id": format!("{action}-{id}"), "time": "2026-11-23T12:00:00Z", "action": action, "outcome": "success",
        "source": "gateway", "actor": {"type": "user", "id": "ada"}, "target": {"type": kind, "id": id},
    });
    format!("{event}\n")
}

fn home(events: &str) -> Home {
    let home = Home::new();
    let file = home.write("events.ndjson", events);
    home.run(&["import", file.to_str().unwrap()]).good();
    home
}

fn reconcile(home: &Home, url: &str, more: &[&str]) -> Ran {
    let mut arguments =
        vec!["reconcile", "--upstream", url, "--token", TOKEN, "--from", "2026-11-23", "--to", "2026-11-23"];
    arguments.extend(more);
    home.run(&arguments)
}

fn reconciled(home: &Home) -> Value {
    home.run(&["search", "action:audit.reconciled", "-n", "1", "--json"]).good().json()["events"][0].clone()
}

#[test]
fn thousands_of_objects_that_are_all_recorded_are_complete() {
    let mut events = event("user.created", "user", "ada");
    (0..2_000).for_each(|n| events.push_str(&event("chat.created", "chat", &format!("chat-{n}"))));
    (0..1_500).for_each(|n| events.push_str(&event("file.uploaded", "file", &format!("file-{n}"))));
    let home = home(&events);
    let url = Stub { users: vec!["ada"], chats: 2_000, files: 1_500, ..Stub::default() }.start();
    let report = reconcile(&home, &url, &["--json"]).good().json();
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(report["kinds"]["chat"]["recorded"], 2_000);
    assert_eq!(report["kinds"]["file"]["recorded"], 1_500);
    let recorded = reconciled(&home);
    assert_eq!(recorded["outcome"], "success", "{recorded}");
    assert_eq!(recorded["details"]["kinds"]["chat"]["objects"], 2_000);
}

#[test]
fn what_is_missing_on_either_side_is_named_and_recorded() {
    let events = [
        event("auth.signup", "user", "ada"),
        event("chat.created", "chat", "chat-0"),
        event("chat.created", "chat", "vanished"),
        event("chat.created", "chat", "deleted"),
        event("chat.deleted", "chat", "deleted"),
    ];
    let home = home(&events.concat());
    let url = Stub { users: vec!["ada", "ben"], chats: 2, ..Stub::default() }.start();
    let ran = reconcile(&home, &url, &[]);
    assert_eq!(ran.status, 1, "{ran:?}");
    for line in [
        "without event: user ben ben@example.test, made 2026-11-23 12:00:00",
        "without event: chat chat-1 of user ada, made 2026-11-23 12:00:00",
        "unknown to Open WebUI: chat vanished, chat.created 2026-11-23 12:00:00 (event chat.created-vanished)",
        "2 without event, 1 unknown, from 2026-11-23 00:00:00 to 2026-11-23 23:59:59",
    ] {
        assert!(ran.out.lines().any(|it| it == line), "{line:?} is not in {ran:#?}");
    }
    let recorded = reconciled(&home);
    assert_eq!([&recorded["outcome"], &recorded["severity"]], ["failure", "high"], "{recorded}");
    let named: Vec<&str> =
        recorded["targets"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(named, ["ben", "chat-1", "vanished"]);
}

#[test]
fn a_list_that_may_not_be_read_is_told_and_the_others_are_compared() {
    let home = home(&event("user.created", "user", "ada"));
    let url = Stub { users: vec!["ada"], hides_chats: true, ..Stub::default() }.start();
    let ran = reconcile(&home, &url, &[]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("not compared: chats: answered 401: prohibited"), "{ran:?}");
    assert!(ran.out.contains("ENABLE_ADMIN_CHAT_ACCESS"), "{ran:?}");
    reconcile(&home, &url, &["--only", "users,files"]).good();
}

#[test]
fn whoever_does_not_see_all_compares_nothing() {
    let home = home(&event("file.uploaded", "file", "file-0"));
    let ordinary = Stub { users: vec!["ada"], is_ordinary: true, ..Stub::default() }.start();
    reconcile(&home, &ordinary, &[]).refused(1, "only an administrator sees all");
    let elsewhere = "http://127.0.0.1:1";
    reconcile(&home, elsewhere, &[]).refused(1, "does not answer");
    let without_token = ["reconcile", "--upstream", elsewhere, "--from", "1d"];
    home.run(&without_token).refused(2, "--token is missing");
}

#[test]
fn a_result_that_cannot_be_recorded_is_an_error() {
    let home = home(&event("user.created", "user", "ada"));
    let token = home.run(&["token", "create", "--name", "reader", "--role", "auditor"]).good();
    let mut server = home.serve();
    server.token = token.out.trim().to_owned();
    let url = Stub { users: vec!["ada"], ..Stub::default() }.start();
    let arguments = ["reconcile", "--upstream", &url, "--token", TOKEN, "--from", "2026-11-23"];
    let ran = home.run_on(&server, &arguments);
    assert!(ran.out.contains("complete"), "{ran:?}");
    ran.refused(1, "needs role admin");
}

#[test]
fn doctor_tells_what_is_behind_the_gateway() {
    let home = home(&event("user.created", "user", "ada"));
    let url = Stub { version: "0.13.1", ..Stub::default() }.start();
    let server = home.serve_with(&["--upstream", &url]);
    let health = home.run_on(&server, &["doctor", "--json"]).good().json();
    let finding = |subject: &str| {
        let findings = health["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["subject"] == subject).cloned().unwrap_or_default()
    };
    assert_eq!(health["level"], "warning", "{health}");
    let platform = finding("Open WebUI");
    assert!(platform["advice"].as_str().unwrap().contains("0.12.4"), "{platform}");
    assert!(finding("webhook")["advice"].as_str().unwrap().contains("source setup openwebui"), "{health}");
    assert_eq!(finding("gateway's queue")["level"], "good", "{health}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn doctor_fails_when_open_webui_does_not_answer() {
    let home = home(&event("user.created", "user", "ada"));
    home.write("gateway.toml", "[gateway]\nupstream = \"http://127.0.0.1:1\"\n");
    let file = home.file("gateway.toml");
    let ran = home.run(&["doctor", "--config", file.to_str().unwrap()]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("BAD   Open WebUI") || ran.out.contains("BAD  Open WebUI"), "{ran:?}");
}

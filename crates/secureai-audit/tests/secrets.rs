//! Nothing that is secret gets out: the real binary logs all it can while every kind of secret passes through it, and
//! then neither its log, nor its answers, nor a file of its data directory (its keys apart) has any of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use program::{Home, Server};
use serde_json::{Value, json};

/// Everything else in one: an Open WebUI, an identity provider and a provider of models. It keeps what it was sent.
#[derive(Clone)]
struct World {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
}

impl World {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let there = world.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let world = there.clone();
                thread::spawn(move || world.serve(connection.unwrap()));
            }
        });
        world
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn serve(&self, mut connection: TcpStream) {
        let Some(request) = read_request(&mut connection) else { return };
        self.heard.lock().unwrap().push_str(&request);
        let url = self.url();
        let (status, body) = match request.split(' ').nth(1).unwrap() {
            "/.well-known/openid-configuration" => (
                "200 OK",
                json!({
                    "issuer": url, "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token"),
                    "jwks_uri": format!("{url}/jwks"), "userinfo_endpoint": format!("{url}/me"),
                }),
            ),
            "/token" => ("400 Bad Request", json!({"error": "invalid_grant"})),
            "/jwks" => ("200 OK", json!({"keys": []})),
            path if path.starts_with("/api/v1/auths/signin") => (
                "200 OK",
                json!({"id": "u1", "email": "ada@example.test", "name": "Ada", "role": "user", "token": PLATFORM_SESSION}),
            ),
            path if path.starts_with("/v1/") => ("200 OK", json!({"id": "c", "model": "m", "choices": []})),
            _ => ("401 Unauthorized", json!({"detail": "no"})),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = connection.write_all(format!("{head}{body}").as_bytes());
    }
}

/// A whole request, head and body.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
            let is_chunked = lower.contains("transfer-encoding: chunked") && !body.ends_with("0\r\n\r\n");
            if !is_chunked && body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return Some(text);
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// Sends a request with these lines in its head, and gives the whole answer.
fn send(server: &Server, line: &str, head: &[&str], body: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let more: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[track_caller]
fn status(answer: &str, expected: &str) {
    assert_eq!(answer.split(' ').nth(1), Some(expected), "{answer}");
}

const PLATFORM_SESSION: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6InUxIn0.platform-session-signature-q1w2e3";
const PLATFORM_PASSWORD: &str = "platform-password-Zx81-tulip";
const PLATFORM_KEY: &str = "sk-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const OIDC_SECRET: &str = "oidc-client-secret-Kestrel-77";
const OIDC_CODE: &str = "oidc-code-Falcon-4711";
const MODEL_KEY: &str = "sk-model-provider-key-Heron-90210";
const MODEL_SECRET: &str = "model-gateway-secret-Plover-31337";
const JWT_SECRET: &str = "forwarded-user-jwt-secret-Dunlin-1234";
const EMERGENCY: &str = "emergency-password-Osprey-2026";
const WRONG_EMERGENCY: &str = "wrong-emergency-password-Kite-2025";
const WRONG_TOKEN: &str = "saa_WrongTokenWrongTokenWrongTokenWrongTokenWro000000";
const WRONG_SECRET: &str = "wrong-webhook-secret-Curlew-5150";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const OURS: &str = "Sec-Fetch-Site: same-origin";

fn configuration(world: &World) -> String {
    let url = world.url();
    format!(
        r#"
[log]
level = "trace"
[oidc]
issuer = "{url}"
client_id = "audit"
client_secret = "{OIDC_SECRET}"
public_url = "http://127.0.0.1:1"
[oidc.roles]
auditors = "auditor"
[gateway]
upstream = "{url}"
[models]
secret = "{MODEL_SECRET}"
user_jwt_secret = "{JWT_SECRET}"
[[models.provider]]
name = "stub"
url = "{url}"
key = "{MODEL_KEY}"
"#
    )
}

/// What is made up while the server runs.
struct Made {
    token: String,
    rotated: String,
    webhook: String,
    session: String,
}

/// Lets every kind of secret pass.
fn live(server: &Server) -> Made {
    let admin = format!("Authorization: Bearer {}", server.token);
    let api = |line: &str, head: &[&str], body: &str| send(server, line, head, body);
    let json = "Content-Type: application/json";
    let made = api("POST /api/v1/auditlog/tokens", &[&admin, json], r#"{"name":"siem","role":"auditor"}"#);
    let token = body(&made)["secret"].as_str().unwrap().to_owned();
    let rotated = api("POST /api/v1/auditlog/tokens/siem/rotate", &[&admin, json], "{}");
    let rotated = body(&rotated)["secret"].as_str().unwrap().to_owned();
    for (shown, answered) in [(token.as_str(), "200"), (&rotated, "200"), (WRONG_TOKEN, "401")] {
        let head = format!("Authorization: Bearer {shown}");
        status(&api("GET /api/v1/auditlog?limit=1", &[&head], ""), answered);
    }
    // Where people take a token for its name, or put it into the address.
    api(&format!("DELETE /api/v1/auditlog/tokens/{token}"), &[&admin], "");
    api(&format!("GET /api/v1/auditlog?access_token={token}"), &[&admin], "");

    let signed_in = api("POST /audit/sign-in", &[FORM, OURS], &format!("token={rotated}&next=/audit"));
    status(&signed_in, "303");
    let session =
        signed_in.split("secureai_audit_session=").nth(1).unwrap().split(';').next().unwrap().to_owned();
    status(&api("GET /audit", &[&format!("Cookie: secureai_audit_session={session}")], ""), "200");
    status(&api("POST /audit/sign-in", &[FORM, OURS], &format!("token={WRONG_TOKEN}")), "422");

    let source = api("PUT /api/v1/auditlog/sources/openwebui/main", &[&admin], "");
    let webhook = body(&source)["secret"].as_str().unwrap().to_owned();
    let path = "POST /api/v1/auditlog/sources/openwebui/main";
    let event = |id: &str| {
        json!({"id": id, "event": "system.startup.started", "created_at": 1_774_008_000}).to_string()
    };
    status(&api(&format!("{path}/{webhook}"), &[], &event("a")), "200");
    status(&api(&format!("{path}?token={webhook}"), &[], &event("b")), "200");
    status(&api(&format!("{path}/{WRONG_SECRET}"), &[], &event("c")), "401");
    status(&api(&format!("{path}/{webhook}"), &[], "no event"), "422");

    let set = json!({"password": EMERGENCY}).to_string();
    status(&api("PUT /api/v1/auditlog/break-glass", &[&admin, json], &set), "200");
    for (password, answered) in [(WRONG_EMERGENCY, "422"), (EMERGENCY, "303")] {
        let form = format!("password={password}");
        status(&api("POST /audit/sign-in/emergency", &[FORM, OURS], &form), answered);
    }

    let begun = api("GET /audit/sign-in/provider", &[], "");
    status(&begun, "303");
    let attempt = begun.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("Cookie: {}", attempt.split(';').next().unwrap());
    let state = begun.split("state=").nth(1).unwrap().split(['&', '\r']).next().unwrap();
    let back = format!("GET /audit/sign-in/provider/callback?code={OIDC_CODE}&state={state}");
    status(&api(&back, &[&cookie], ""), "400");

    let sign_in = json!({"email": "ada@example.test", "password": PLATFORM_PASSWORD}).to_string();
    status(&api("POST /api/v1/auths/signin", &[json], &sign_in), "200");
    let bearer = format!("Authorization: Bearer {PLATFORM_SESSION}");
    api("POST /api/v1/chats/new", &[&bearer, json], r#"{"chat":{"title":"x"}}"#);
    api("GET /api/v1/auditlog?limit=1", &[&format!("x-api-key: {PLATFORM_KEY}")], "");
    let call = format!("X-SecureAI-Audit-Secret: {MODEL_SECRET}");
    let body = r#"{"model":"m","messages":[]}"#;
    status(&api("POST /llm/stub/v1/chat/completions", &[&call, json], body), "200");
    status(&api(&format!("POST /llm/stub/~{MODEL_SECRET}/v1/chat/completions"), &[json], body), "200");
    Made { token, rotated, webhook, session }
}

#[track_caller]
fn body(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head}\n{body}"))
}

/// Every file below `directory` but the keys.
fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "keys") {
                files(&path, found);
            }
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_secret_is_in_the_log_the_answers_or_the_data_directory() {
    let (home, world) = (Home::new(), World::start());
    let config = home.write("config.toml", configuration(&world));
    let config = config.to_str().unwrap();
    let log = home.file("server.log");
    let serve = ["serve", "--json", "--listen", "127.0.0.1:0", "--config", config];
    let server = Server::start_logging(home.command(&serve), &log);
    let made = live(&server);
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for path in ["?format=ndjson", "/metrics", "/status", "/checks", "/sources", "/tokens", "/break-glass"] {
        let answer = server.ask("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        found.push((path.to_owned(), answer.body));
    }
    let first = server.token.clone();
    assert_eq!(server.stop(), 0);
    for command in
        [&["config", "show", "--config", config][..], &["config", "show", "--json", "--config", config]]
    {
        let ran = home.run(command).good();
        assert!(ran.out.contains("(hidden)"), "{ran:?}");
        found.push((ran.arguments, ran.out.into_bytes()));
    }
    let log = std::fs::read(&log).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("TRACE"), "all is logged");
    found.push(("the log".to_owned(), log));
    files(&home.data_dir(), &mut found);
    assert!(found.iter().any(|(name, _)| name.ends_with("control.db")));

    let secrets = [
        ("the first admin's token", first.as_str()),
        ("a token", &made.token),
        ("a rotated token", &made.rotated),
        ("a webhook's secret", &made.webhook),
        ("a session of the pages", &made.session),
        ("a wrong token", WRONG_TOKEN),
        ("a wrong webhook's secret", WRONG_SECRET),
        ("the emergency password", EMERGENCY),
        ("a wrong emergency password", WRONG_EMERGENCY),
        ("the identity provider's secret", OIDC_SECRET),
        ("the identity provider's code", OIDC_CODE),
        ("the model provider's key", MODEL_KEY),
        ("the model gateway's secret", MODEL_SECRET),
        ("the secret of forwarded users", JWT_SECRET),
        ("a password of the platform", PLATFORM_PASSWORD),
        ("a session of the platform", PLATFORM_SESSION),
        ("an API key of the platform", PLATFORM_KEY),
    ];
    let heard = world.heard.lock().unwrap().clone();
    for sent in [MODEL_KEY, PLATFORM_PASSWORD, PLATFORM_SESSION, OIDC_CODE] {
        assert!(heard.contains(sent), "{sent} did not pass: the test shows nothing");
    }
    for (what, secret) in secrets {
        // The part that no label or prefix explains.
        let telling = secret.as_bytes();
        let telling = &telling[telling.len() / 3..];
        for (place, bytes) in &found {
            let at = bytes.windows(telling.len()).position(|window| window == telling);
            if let Some(at) = at {
                let around = &bytes[at.saturating_sub(200)..(at + telling.len()).min(bytes.len())];
                panic!("{what} is in {place}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

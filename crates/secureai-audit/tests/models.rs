//! The model gateway of the real binary, on the server's listener and on one of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use program::{Home, Server};
use serde_json::Value;

const ANSWER: &str = r#"{"id":"c","model":"m","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":11}}"#;

/// A provider that gives every request the same answer.
fn provider() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut piece = [0; 1024];
                let length = connection.read(&mut piece).unwrap();
                assert_ne!(length, 0, "the request breaks off");
                request.extend_from_slice(&piece[..length]);
            }
            let length = ANSWER.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{ANSWER}");
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

/// Open WebUI calls a model; what comes back.
fn call(gateway: SocketAddr) -> String {
    let mut connection = TcpStream::connect(gateway).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let body = r#"{"model":"m","messages":[]}"#;
    let request = format!(
        "POST /llm/stub/v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\
         x-openwebui-user-id: u-1\r\nx-openwebui-user-name: Ada%20L\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn server(home: &Home, more: &str) -> Server {
    home.write("prices.toml", "[[price]]\nmodel = \"m\"\ninput = 1\noutput = 2\n");
    let config = format!(
        "[models]\ncallers = \"127.0.0.1\"\nprices_file = \"prices.toml\"\n{more}\n[[models.provider]]\nname = \"stub\"\nurl = \"http://{}\"\n",
        provider()
    );
    let config = home.write("config.toml", config);
    home.serve_with(&["--config", config.to_str().unwrap()])
}

/// The event of the only call: durable already, but the index may need a moment.
fn recorded(server: &Server) -> Value {
    for _ in 0..2_400 {
        let found = server.ask("GET", "?action=model.called&format=ndjson", b"");
        assert_eq!(found.status, 200, "{found:?}");
        if !found.body.is_empty() {
            return found.json();
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("no event");
}

#[track_caller]
fn check(event: &Value) {
    assert_eq!((&event["actor"]["name"], &event["model"]["provider"]), (&"Ada L".into(), &"stub".into()));
    assert_eq!(event["usage"]["cost_usd"], 0.000_042);
}

#[test]
fn calls_pass_beside_the_api_and_are_recorded_with_their_cost() {
    let home = Home::new();
    let server = server(&home, "");
    assert!(call(server.address).ends_with(ANSWER));
    check(&recorded(&server));
}

#[test]
fn an_address_of_its_own_is_the_only_one_then() {
    let home = Home::new();
    let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = server(&home, &format!("listen = \"{own}\""));
    assert!(call(own).ends_with(ANSWER));
    assert!(call(server.address).starts_with("HTTP/1.1 404"));
    check(&recorded(&server));
}

#[test]
fn a_bad_price_is_named_with_its_line() {
    let home = Home::new();
    home.write("prices.toml", "[[price]]\nmodel = \"m\"\ninput = \"free\"\n");
    let config = home.write(
        "config.toml",
        "[models]\nprices_file = \"prices.toml\"\n[[models.provider]]\nname = \"x\"\nurl = \"http://127.0.0.1:1\"\n",
    );
    let ran = home.run(&["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()]);
    let ran = ran.refused(1, "line 1: the price of \"m\": input");
    assert!(ran.err.contains("models.prices_file"), "{ran:?}");
}

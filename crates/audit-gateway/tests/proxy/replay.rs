//! The recorded scenario (every exchange of a run against a real Open WebUI) through and around the gateway.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::stub::{Act, Arrived, Stub};
use super::world::{Got, World};

const SCENARIO: &[u8] = include_bytes!("../data/scenario.ndjson.gz");

struct Exchange {
    /// The request as it goes out, closing its connection.
    request: Vec<u8>,
    answer: Vec<u8>,
    target: String,
}

fn scenario() -> Vec<Exchange> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(SCENARIO).read_to_string(&mut text).unwrap();
    text.lines().map(|line| exchange(&serde_json::from_str(line).unwrap())).collect()
}

/// Lines of a recorded head, without those that say how long the body is or whose connection it was.
fn lines(headers: &Value) -> String {
    let about_the_transfer = [
        "connection",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
        "keep-alive",
    ];
    let pairs =
        headers.as_array().unwrap().iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
    pairs
        .filter(|(name, _)| !about_the_transfer.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}

fn exchange(recorded: &Value) -> Exchange {
    let text = |name: &str| recorded[name].as_str().unwrap();
    let body = |name: &str| STANDARD.decode(text(name)).unwrap();
    let (sent, came) = (body("request"), body("response"));
    let is_chunked =
        recorded["response_headers"].as_array().unwrap().iter().any(|pair| pair[0] == "transfer-encoding");
    let status = recorded["status"].as_u64().unwrap();
    let head = format!("HTTP/1.1 {status} Recorded\r\n{}", lines(&recorded["response_headers"]));
    let answer = if status == 304 {
        format!("{head}\r\n").into_bytes()
    } else if is_chunked {
        let pieces: Vec<u8> = came
            .chunks(1_000)
            .flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
            .collect();
        [format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes(), &pieces, b"0\r\n\r\n"].concat()
    } else {
        [format!("{head}content-length: {}\r\n\r\n", came.len()).as_bytes(), &came].concat()
    };
    let (method, target) = (text("method"), text("target"));
    let length = if sent.is_empty() { String::new() } else { format!("content-length: {}\r\n", sent.len()) };
    let head = format!(
        "{method} {target} HTTP/1.1\r\n{}{length}connection: close\r\n\r\n",
        lines(&recorded["request_headers"])
    );
    Exchange { request: [head.as_bytes(), &sent].concat(), answer, target: target.to_owned() }
}

/// The parts that must be equal: everything but what belongs to one connection. Names of headers have no letter case.
fn essence(got: &Got) -> (u16, Vec<String>, Option<Vec<u8>>) {
    let mut headers: Vec<String> = got
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()))
        .filter(|line| !line.starts_with("connection:"))
        .collect();
    headers.sort();
    (got.status(), headers, got.body())
}

fn arrival(request: &Arrived) -> (String, Vec<(String, String)>, Vec<u8>) {
    let ours = ["connection", "forwarded", "x-real-ip"];
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| !ours.contains(&name.as_str()) && !name.starts_with("x-forwarded-"))
        .collect();
    headers.sort();
    (request.line.clone(), headers, request.body.clone())
}

#[tokio::test]
async fn the_whole_scenario_is_the_same_through_and_around_the_gateway() {
    let exchanges = Arc::new(scenario());
    assert_eq!(exchanges.len(), 477);
    let current = Arc::new(AtomicUsize::new(0));
    let (script, at) = (Arc::clone(&exchanges), Arc::clone(&current));
    let stub = Stub::start(move |request| {
        let is_inquiry = request.header("user-agent").is_some_and(|agent| agent.contains("(identity)"));
        if is_inquiry {
            return super::stub::answer(401, "", b"");
        }
        vec![Act::Send(script[at.load(Ordering::SeqCst)].answer.clone())]
    })
    .await;
    let world = World::before(&stub).await;
    for (index, exchange) in exchanges.iter().enumerate() {
        current.store(index, Ordering::SeqCst);
        let around = send_around(&stub, &exchange.request).await;
        let through = world.send(&exchange.request).await;
        let is_extended = exchange.target == "/static/loader.js";
        if !is_extended {
            assert_eq!(essence(&through), essence(&around), "{index}: {}", exchange.target);
        }
        let arrived = stub.arrived();
        // In between the gateway may have asked for the state before a change.
        let came_through = |request: &&Arrived| request.header("x-real-ip").is_some();
        let first = arrived.iter().rev().find(|request| !came_through(request)).unwrap();
        let second = arrived.iter().rev().find(came_through).unwrap();
        if !is_extended {
            assert_eq!(arrival(second), arrival(first), "{index}: {}", exchange.target);
        }
    }
    let events = world.events().await;
    assert!(events.len() > 150, "{} events", events.len());
}

/// Straight to the stub; it keeps connections open, so the answer's length says where it ends.
async fn send_around(stub: &Stub, request: &[u8]) -> Got {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(stub.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    super::world::split(&bytes)
}

#[tokio::test]
async fn the_scenario_has_what_browsers_get() {
    let zstd = scenario()
        .iter()
        .filter(|exchange| {
            String::from_utf8_lossy(&exchange.answer).to_lowercase().contains("content-encoding: zstd")
        })
        .count();
    assert!(zstd > 200);
}

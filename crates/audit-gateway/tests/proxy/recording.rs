//! What becomes an event, and when the answer to it may be seen.

use std::time::Duration;

use audit_gateway::recorder::Mode;
use audit_ledger::Ledger;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stub::{Act, Arrived, Stub, answer};
use super::world::{Setting, World, recorded, request};

const JSON: &str = "content-type: application/json\r\n";

/// Answers as Open WebUI does where it matters here.
fn open_webui(request: &Arrived) -> Vec<Act> {
    let me = br#"{"id":"u-1","email":"ada@example.test","name":"Ada","role":"admin"}"#;
    match request.target() {
        "/api/v1/auths/" if request.header("authorization") == Some("Bearer good.session.token") => {
            answer(200, JSON, me)
        }
        "/api/v1/auths/" => answer(401, JSON, b"{}"),
        "/api/v1/auths/signin" => answer(400, JSON, br#"{"detail":"wrong"}"#),
        path if path.starts_with("/api/v1/users") => answer(401, JSON, b"{}"),
        path if path.starts_with("/api/v1/chats") => answer(200, JSON, b"true"),
        _ => answer(200, JSON, b"{}"),
    }
}

const ADA: &str = "Authorization: Bearer good.session.token\r\n";

async fn stub() -> Stub {
    Stub::start(open_webui).await
}

async fn world(mode: Mode) -> (Stub, World) {
    let stub = stub().await;
    let world = World::with(stub.address, Setting { mode, ..Setting::default() }).await;
    (stub, world)
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn in_strict_mode_the_answer_comes_when_the_event_is_durable() {
    let (_stub, world) = world(Mode::Strict).await;
    let got = world.send(request("DELETE /api/v1/chats/c-1", ADA, b"")).await;
    let events = recorded(&world.ledger);
    assert_eq!((got.status(), got.text().as_str()), (200, "true"));
    assert_eq!(actions(&events), ["chat.deleted"]);
    let event = &events[0];
    assert_eq!(event["source"], "gateway");
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["actor"]["email"], "ada@example.test");
    assert_eq!(event["target"]["id"], "c-1");
    assert_eq!(event["http"]["status"], 200);
    assert!(event["session_id"].is_string() && event["latency_ms"].is_number(), "{event}");
    assert!(!event.to_string().contains("good.session.token"));
}

#[tokio::test]
async fn the_end_of_a_stream_waits_for_its_event_and_its_beginning_does_not() {
    let stub = Stub::start(|request| match request.target() {
        "/api/chat/completions" => vec![
            Act::Send(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    .to_vec(),
            ),
            Act::Send(b"8\r\ndata: 1\n\r\n".to_vec()),
            Act::Wait(Duration::from_millis(100)),
            Act::Send(b"0\r\n\r\n".to_vec()),
        ],
        _ => open_webui(request),
    })
    .await;
    let world = World::before(&stub).await;
    let mut stream = world.connect().await;
    let body = br#"{"model":"m","messages":[],"stream":true}"#;
    let lines = format!("Content-Type: application/json\r\n{ADA}");
    stream.write_all(&request("POST /api/chat/completions", &lines, body)).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("data: 1") {
        seen.push(char::from(stream.read_u8().await.unwrap()));
    }
    assert_eq!(world.ledger.size().get(), 0);
    stream.read_to_string(&mut seen).await.unwrap();
    assert!(seen.ends_with("0\r\n\r\n"));
    assert_eq!(actions(&recorded(&world.ledger)), ["chat.completion"]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_and_reading_goes_on() {
    let stub = stub().await;
    let world = World::with(stub.address, Setting { disk_is_full: true, ..Setting::default() }).await;
    // That the disk is full shows at the first try, whose event the journal keeps.
    assert_eq!(world.send(request("DELETE /api/v1/chats/c-0", ADA, b"")).await.status(), 200);
    let got = world.send(request("DELETE /api/v1/chats/c-1", ADA, b"")).await;
    assert_eq!(got.status(), 503);
    assert_eq!(serde_json::from_str::<Value>(&got.text()).unwrap()["code"], "ledger_unavailable");
    assert_eq!(world.send(request("GET /api/v1/chats/", ADA, b"")).await.status(), 200);
    let lines: Vec<_> = stub.arrived().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["DELETE /api/v1/chats/c-0 HTTP/1.1", "GET /api/v1/chats/ HTTP/1.1"]);
}

#[tokio::test]
async fn in_async_mode_requests_pass_though_the_ledger_refuses() {
    let stub = stub().await;
    let setting = Setting { disk_is_full: true, mode: Mode::Async, ..Setting::default() };
    let world = World::with(stub.address, setting).await;
    assert_eq!(world.send(request("DELETE /api/v1/chats/c-1", ADA, b"")).await.status(), 200);
    assert_eq!(stub.arrived().len(), 1);
}

#[tokio::test]
async fn in_async_mode_events_come_after_the_answer() {
    let (_stub, world) = world(Mode::Async).await;
    assert_eq!(world.send(request("DELETE /api/v1/chats/c-1", ADA, b"")).await.status(), 200);
    assert_eq!(actions(&world.events().await), ["chat.deleted"]);
}

#[tokio::test]
async fn a_failed_sign_in_names_who_was_tried() {
    let (_stub, world) = world(Mode::Strict).await;
    let body = br#"{"email":"Mallory@Example.test","password":"secret-word"}"#;
    world.send(request("POST /api/v1/auths/signin", "Content-Type: application/json\r\n", body)).await;
    let events = world.events().await;
    assert_eq!(actions(&events), ["auth.login_failed"]);
    let text = events[0].to_string();
    assert!(text.to_lowercase().contains("mallory@example.test") && !text.contains("secret-word"), "{text}");
}

#[tokio::test]
async fn a_read_that_is_refused_is_an_event_and_one_that_is_not_is_none() {
    let (_stub, world) = world(Mode::Strict).await;
    world.send(request("GET /api/v1/models", ADA, b"")).await;
    world.send(request("GET /api/v1/users/", "Authorization: Bearer forged\r\n", b"")).await;
    let events = world.events().await;
    assert_eq!(actions(&events), ["access.denied"]);
    assert_eq!(events[0]["outcome"], "denied");
    assert_eq!(events[0]["actor"]["type"], "anonymous");
}

async fn wait_for_events(ledger: &Ledger, count: u64) {
    for _ in 0..3_000 {
        if ledger.size().get() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} events, {count} were expected", ledger.size().get());
}

#[tokio::test]
async fn a_client_that_leaves_while_it_streams_is_recorded_with_what_there_was() {
    let stub = Stub::start(|request| match request.target() {
        "/api/chat/completions" => vec![
            Act::Send(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    .to_vec(),
            ),
            Act::Send(b"8\r\ndata: 1\n\r\n".to_vec()),
            Act::Wait(Duration::from_secs(60)),
        ],
        _ => open_webui(request),
    })
    .await;
    let world = World::before(&stub).await;
    let mut stream = world.connect().await;
    let body = br#"{"model":"m","messages":[],"stream":true}"#;
    let lines = format!("Content-Type: application/json\r\n{ADA}");
    stream.write_all(&request("POST /api/chat/completions", &lines, body)).await.unwrap();
    let mut piece = [0; 256];
    assert!(stream.read(&mut piece).await.unwrap() > 0);
    drop(stream);
    wait_for_events(&world.ledger, 1).await;
    let events = recorded(&world.ledger);
    assert_eq!(actions(&events), ["chat.completion"]);
    assert_eq!(events[0]["model"]["id"], "m");
    assert_eq!(events[0]["actor"]["id"], "u-1");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_recorded() {
    let stub = Stub::start(|request| match request.target() {
        "/api/v1/chats/c-1" => {
            vec![Act::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()), Act::Close]
        }
        _ => open_webui(request),
    })
    .await;
    let world = World::before(&stub).await;
    assert_eq!(world.send(request("DELETE /api/v1/chats/c-1", ADA, b"")).await.status(), 502);
    assert_eq!(actions(&recorded(&world.ledger)), ["chat.deleted"]);
}

//! Providers that refuse, break off, or say nothing, and callers that leave.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::provider::{Provider, Step, answer, json, open_stream, stream};
use super::world::{World, config};
use crate::recorder::Mode;

const PATH: &str = "/llm/stub/v1/chat/completions";
const REQUEST: &str = r#"{"model":"m","stream":true}"#;
/// Anthropic tells the input at the beginning.
const BEGUN: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n";

#[track_caller]
fn check(event: &serde_json::Value, reason: &str, status: Option<u16>) {
    assert_eq!((&event["outcome"], &event["reason"]), (&"failure".into(), &reason.into()), "{event:#}");
    assert_eq!(event["http"]["status"].as_u64(), status.map(u64::from));
    assert_eq!(event["model"]["id"], "m");
}

#[tokio::test]
async fn too_many_requests() {
    let error =
        r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#;
    let provider =
        Provider::start(move |_| answer(429, "retry-after: 7\r\ncontent-type: application/json\r\n", error))
            .await;
    let world = World::new(&provider).await;
    let got = world.post(PATH, REQUEST).await;
    assert_eq!((got.status, got.text(), got.headers["retry-after"].as_bytes()), (429, error, &b"7"[..]));
    let event = world.event().await;
    check(&event, "provider_rate_limited", Some(429));
    assert_eq!(event["details"]["provider_code"], "rate_limit_exceeded");
    assert_eq!(event["details"]["retry_after_seconds"], 7);
}

#[tokio::test]
async fn errors_of_the_provider() {
    for (status, reason) in [
        (500, "provider_error"),
        (503, "provider_error"),
        (401, "provider_rejected_credential"),
        (404, "provider_rejected_request"),
    ] {
        let provider = Provider::start(move |_| answer(status, "", "<html>Oops</html>")).await;
        let world = World::new(&provider).await;
        assert_eq!(world.post(PATH, REQUEST).await.text(), "<html>Oops</html>");
        check(&world.event().await, reason, Some(status));
    }
}

#[tokio::test]
async fn an_error_within_a_stream() {
    let error = "data: {\"error\":{\"code\":\"server_error\"}}\n\n";
    let provider = Provider::start(move |_| stream(&[error, "data: [DONE]\n\n"])).await;
    let world = World::new(&provider).await;
    assert_eq!(world.post(PATH, REQUEST).await.status, 200);
    let event = world.event().await;
    check(&event, "provider_error", Some(200));
    assert_eq!(event["details"]["provider_code"], "server_error");
}

#[tokio::test]
async fn a_stream_that_breaks_off() {
    let provider = Provider::start(|_| {
        let mut steps = open_stream(&[BEGUN]);
        steps.push(Step::Close);
        steps
    })
    .await;
    let world = World::new(&provider).await;
    let got = world.post("/llm/stub/v1/messages", REQUEST).await;
    assert_eq!(got.text(), BEGUN);
    assert!(got.error.is_some(), "the caller learns that it is not whole");
    let event = world.event().await;
    check(&event, "stream_broken", Some(200));
    assert_eq!(event["usage"]["input_tokens"], 10, "what was known by then");
}

#[tokio::test]
async fn a_stream_that_ends_in_order_without_its_last_word() {
    let provider = Provider::start(|_| stream(&["data: {\"choices\":[{\"finish_reason\":null}]}\n\n"])).await;
    let world = World::new(&provider).await;
    assert!(world.post(PATH, REQUEST).await.error.is_none());
    check(&world.event().await, "stream_broken", Some(200));
}

#[tokio::test]
async fn a_caller_that_leaves_in_the_middle() {
    for mode in [Mode::Async, Mode::Strict] {
        let provider = Provider::start(|_| {
            let mut steps = open_stream(&[BEGUN]);
            steps.push(Step::AwaitClose);
            steps
        })
        .await;
        let world = World::with(config(provider.address), mode, 0).await;
        let mut caller = ask(&world, "/llm/stub/v1/messages").await;
        let mut seen = Vec::new();
        while !seen.windows(BEGUN.len()).any(|window| window == BEGUN.as_bytes()) {
            let mut piece = [0; 1024];
            let length = caller.read(&mut piece).await.unwrap();
            assert_ne!(length, 0);
            seen.extend_from_slice(&piece[..length]);
        }
        drop(caller);
        let event = world.event().await;
        check(&event, "client_left", Some(200));
        assert_eq!(event["usage"]["input_tokens"], 10);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_answer() {
    let provider = Provider::start(|_| vec![Step::AwaitClose]).await;
    let world = World::new(&provider).await;
    let caller = ask(&world, PATH).await;
    while provider.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(caller);
    let event = world.event().await;
    check(&event, "client_left", None);
    assert_eq!(event.get("usage"), None);
}

async fn ask(world: &World, path: &str) -> TcpStream {
    let mut caller = TcpStream::connect(world.address).await.unwrap();
    let length = REQUEST.len();
    let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{REQUEST}");
    caller.write_all(request.as_bytes()).await.unwrap();
    caller
}

#[tokio::test]
async fn a_request_that_never_becomes_whole_goes_nowhere() {
    let provider = Provider::start(|_| json(200, "{}")).await;
    let world = World::new(&provider).await;
    let mut caller = TcpStream::connect(world.address).await.unwrap();
    let request = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{\"model\":\"m\",");
    caller.write_all(request.as_bytes()).await.unwrap();
    caller.shutdown().await.unwrap();
    check(&world.event().await, "client_left", None);
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_provider_that_is_not_there() {
    let provider = Provider::start(|_| vec![Step::Close]).await;
    let mut config = config(provider.address);
    // Bound, so that nobody else gets it, and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    config.providers[0].upstream.url = format!("http://{}", socket.local_addr().unwrap());
    let world = World::with(config, Mode::Async, 0).await;
    let got = world.post(PATH, REQUEST).await;
    assert_eq!((got.status, got.headers["content-type"].as_bytes()), (502, &b"application/problem+json"[..]));
    check(&world.event().await, "provider_unreachable", None);
}

#[tokio::test]
async fn a_provider_that_says_nothing() {
    let provider = Provider::start(|_| vec![Step::AwaitClose]).await;
    let mut config = config(provider.address);
    config.providers[0].upstream.head_timeout = Duration::from_millis(50);
    let world = World::with(config, Mode::Async, 0).await;
    assert_eq!(world.post(PATH, REQUEST).await.status, 504);
    check(&world.event().await, "provider_timeout", None);
}

#[tokio::test]
async fn a_provider_that_hangs_up_before_it_answers() {
    let provider = Provider::start(|_| vec![Step::Close]).await;
    let world = World::new(&provider).await;
    assert_eq!(world.post(PATH, REQUEST).await.status, 502);
    check(&world.event().await, "stream_broken", None);
}

#[tokio::test]
async fn a_request_with_two_lengths_has_one_behind_us() {
    let provider = Provider::start(|_| json(200, "{}")).await;
    let world = World::new(&provider).await;
    for heads in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let mut caller = TcpStream::connect(world.address).await.unwrap();
        let request = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\n{heads}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
        caller.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        caller.read_exact(&mut answer).await.unwrap();
        assert!([&b"HTTP/1.1 200"[..], b"HTTP/1.1 400"].contains(&&answer[..]));
    }
    for asked in provider.asked() {
        assert_eq!((asked.text(), asked.header("transfer-encoding")), ("{}", None));
        assert_eq!(asked.header("content-length"), Some("2"));
    }
}

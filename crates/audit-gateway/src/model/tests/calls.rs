//! Calls that are not streamed, other providers' shapes, and what is no call.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;

use super::provider::{Provider, Step, answer, json};
use super::world::{World, config, post};
use crate::recorder::Mode;

const ANSWER: &str = r#"{"id":"c","model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":11}}"#;
const REQUEST: &str = r#"{"model":"m","messages":[],"stream":false}"#;

#[tokio::test]
async fn a_whole_answer_is_counted_and_untouched() {
    let provider = Provider::start(|_| json(200, ANSWER)).await;
    let world = World::new(&provider).await;
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!((got.text(), provider.only().text()), (ANSWER, REQUEST));
    let event = world.event().await;
    assert_eq!((&event["usage"]["input_tokens"], &event["usage"]["output_tokens"]), (&20.into(), &11.into()));
    assert_eq!(event["usage"]["cost_usd"], 0.000_052);
    assert_eq!(event["details"]["stream"], false);
    assert!(event["details"].get("first_token_ms").is_none());
}

#[tokio::test]
async fn an_answer_that_comes_compressed_all_the_same_is_read() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(ANSWER.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let sent = gzip.clone();
    let provider = Provider::start(move |_| answer(200, "content-encoding: gzip\r\n", &sent)).await;
    let world = World::new(&provider).await;
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!((got.body, got.headers["content-encoding"].as_bytes()), (gzip, &b"gzip"[..]));
    assert_eq!(world.event().await["usage"]["input_tokens"], 20);
}

#[tokio::test]
async fn the_extra_chunk_is_hidden_from_a_compressed_stream_too() {
    let extra = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}\n\n";
    let rest = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all([extra, rest].concat().as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let headers = "content-encoding: gzip\r\ncontent-type: text/event-stream\r\n";
    let provider = Provider::start(move |_| answer(200, headers, &gzip)).await;
    let world = World::new(&provider).await;
    let got = world.post("/llm/stub/v1/chat/completions", r#"{"stream":true}"#).await;
    assert_eq!((got.text(), got.headers.get("content-encoding")), (rest, None));
    assert_eq!(world.event().await["usage"]["input_tokens"], 9);
}

#[tokio::test]
async fn an_encoding_that_is_not_read_passes_and_says_so() {
    for encoding in ["br", "x-unknown"] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let provider = Provider::start(move |_| answer(200, &headers, b"\x0b\x02\x80\xff\x03")).await;
        let world = World::new(&provider).await;
        let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
        assert_eq!(got.body, b"\x0b\x02\x80\xff\x03");
        let event = world.event().await;
        assert_eq!((&event["outcome"], event.get("usage")), (&"success".into(), None));
        assert_eq!(event["details"]["usage_missing"], "encoding_not_read");
    }
}

#[tokio::test]
async fn other_shapes_are_counted() {
    let check = async |path: &str, answer: &'static str, usage: serde_json::Value| {
        let provider = Provider::start(move |_| json(200, answer)).await;
        let world = World::new(&provider).await;
        world.post(&format!("/llm/stub{path}"), r#"{"model":"m","input":["x"]}"#).await;
        assert_eq!(world.event().await["usage"], usage, "{path}");
    };
    check(
        "/v1/embeddings",
        r#"{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
        serde_json::json!({"input_tokens": 8}),
    )
    .await;
    check(
        "/v1/messages",
        r#"{"type":"message","stop_reason":"end_turn","usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":4}}"#,
        serde_json::json!({"input_tokens": 100, "cached_tokens": 90, "output_tokens": 4, "cost_usd": 0.000_158}),
    )
    .await;
    check(
        "/api/chat",
        "{\"model\":\"m\",\"done\":false}\n{\"model\":\"m\",\"done\":true,\"prompt_eval_count\":2,\"eval_count\":3}\n",
        serde_json::json!({"input_tokens": 2, "output_tokens": 3, "cost_usd": 0.000_009}),
    )
    .await;
}

#[tokio::test]
async fn a_long_request_with_any_text_passes_byte_for_byte() {
    let provider = Provider::start(|_| json(200, ANSWER)).await;
    let world = World::new(&provider).await;
    let content = "Grüße 你好 \u{202e} 😀 \\u0000 ".repeat(40_000);
    let request = format!(r#"{{"messages":[{{"content":"{content}"}}],"model":"m","stream":false}}"#);
    assert!(request.len() > 1 << 20);
    world.post("/llm/stub/v1/chat/completions", request.clone()).await;
    assert_eq!(provider.only().text(), request);
    assert_eq!(world.event().await["model"]["id"], "m");
}

#[tokio::test]
async fn a_malformed_request_is_the_providers_to_refuse() {
    let error = r#"{"error":{"message":"bad json: {\"stream","type":"invalid_request_error"}}"#;
    let provider = Provider::start(move |_| json(400, error)).await;
    let world = World::new(&provider).await;
    for request in ["{\"stream\":true,", "", "\u{0}[[[", "{\"stream\":true}}"] {
        assert_eq!(world.post("/llm/stub/v1/chat/completions", request).await.text(), error);
    }
    let bodies: Vec<_> = provider.asked().into_iter().map(|asked| asked.text().to_owned()).collect();
    assert_eq!(bodies[..3], ["{\"stream\":true,", "", "\u{0}[[["]);
    for event in world.events(4).await {
        assert_eq!(
            (&event["outcome"], &event["reason"]),
            (&"failure".into(), &"provider_rejected_request".into())
        );
        assert_eq!(event["details"]["provider_code"], "invalid_request_error");
        assert!(!event.to_string().contains("bad json"), "the provider's words may quote the prompt");
    }
}

#[tokio::test]
async fn lists_of_models_pass_without_an_event() {
    let provider = Provider::start(|_| json(200, r#"{"data":[{"id":"m"}]}"#)).await;
    let world = World::new(&provider).await;
    let got = world.send(Request::get("/llm/stub/v1/models").header("accept-encoding", "gzip"), "").await;
    assert_eq!(got.text(), r#"{"data":[{"id":"m"}]}"#);
    assert_eq!(provider.only().header("accept-encoding"), Some("gzip"));
    world.post("/llm/stub/v1/messages/count_tokens", "{}").await;
    assert!(world.events(0).await.is_empty());
}

#[tokio::test]
async fn changes_at_the_provider_are_requests() {
    let provider = Provider::start(|_| json(200, r#"{"status":"success"}"#)).await;
    let world = World::new(&provider).await;
    world.send(Request::delete("/llm/stub/api/delete"), r#"{"model":"llama3"}"#).await;
    let event = world.event().await;
    assert_eq!((&event["action"], &event["http"]["method"]), (&"api.request".into(), &"DELETE".into()));
    assert_eq!(world.gateway.status().providers[0].calls, 0);
}

#[tokio::test]
async fn a_provider_below_a_path_with_a_key_of_its_own_gets_both() {
    let provider = Provider::start(|_| json(200, ANSWER)).await;
    let mut config = config(provider.address);
    config.providers[0].upstream.url = format!("http://{}/openai/", provider.address);
    config.providers[0].key = Some(super::super::Hidden("sk-ours".into()));
    config.providers[0].key_header = Some("api-key".into());
    config.providers[0].keeps_user_headers = true;
    let world = World::with(config, Mode::Async, 0).await;
    world
        .send(
            post("/llm/stub/v1/chat/completions", &[("connection", "keep-alive, x-hop"), ("x-hop", "1")]),
            REQUEST,
        )
        .await;
    let asked = provider.only();
    assert_eq!(asked.line, "POST /openai/v1/chat/completions HTTP/1.1");
    assert_eq!((asked.header("api-key"), asked.header("x-hop")), (Some("sk-ours"), None));
    assert_eq!(asked.header("x-openwebui-user-id"), Some("u-1"));
}

#[tokio::test]
async fn unknown_providers_and_odd_paths_are_refused() {
    let provider = Provider::start(|_| vec![Step::Close]).await;
    let world = World::new(&provider).await;
    for (path, status) in [
        ("/llm/other/v1/models", 404),
        ("/elsewhere", 404),
        ("/llm", 404),
        ("/llm/stub/v1/../admin", 400),
        ("/llm/stub/%2e%2e/admin", 400),
        ("/llm/stub//admin", 400),
    ] {
        let got = world.post(path, REQUEST).await;
        assert_eq!(got.status, status, "{path}");
        let problem: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(
            (problem["status"].as_u64(), problem["error"]["type"].as_str()),
            (Some(status.into()), Some("audit_gateway"))
        );
    }
    assert!(provider.asked().is_empty());
}

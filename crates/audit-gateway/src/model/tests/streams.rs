//! Streams: bytes, usage, and the one chunk that may be hidden.

use super::provider::{Provider, json, stream};
use super::world::{World, config, post};
use crate::recorder::Mode;

const FIRST: &str = "data: {\"id\":\"c-9\",\"model\":\"m-2026\",\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const LAST: &str =
    "data: {\"model\":\"m-2026\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"model\":\"m-2026\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7,\
                     \"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Answers with usage when it is asked for.
async fn provider() -> Provider {
    Provider::start(|asked| {
        let all = [FIRST, LAST, USAGE, DONE];
        let wants_usage = asked.text().contains(r#""include_usage":true"#);
        if wants_usage { stream(&all) } else { stream(&[FIRST, LAST, DONE]) }
    })
    .await
}

const REQUEST: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"Grüße \"stream\":false"}],"stream":true}"#;

#[tokio::test]
async fn usage_is_asked_for_and_hidden_from_who_did_not_ask() {
    let provider = provider().await;
    let world = World::new(&provider).await;
    let got = world.post("/llm/stub/v1/chat/completions?api-version=7", REQUEST).await;
    assert_eq!((got.status, got.text()), (200, [FIRST, LAST, DONE].concat().as_str()));

    let asked = provider.only();
    assert_eq!(asked.line, "POST /v1/chat/completions?api-version=7 HTTP/1.1");
    let edited =
        REQUEST.replace(r#""stream":true}"#, r#""stream":true,"stream_options":{"include_usage":true}}"#);
    assert_eq!(asked.text(), edited, "nothing else changes");
    assert_eq!(asked.header("authorization"), Some("Bearer sk-from-open-webui"));
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert_eq!(asked.header("host"), Some(provider.address.to_string().as_str()));
    let strangers = asked.headers.iter().filter(|(name, _)| name.starts_with("x-") || name == "cookie");
    assert_eq!(strangers.count(), 0, "{:?}", asked.headers);

    let event = world.event().await;
    assert_eq!(event["action"], "model.called");
    assert_eq!((&event["category"], &event["source"]), (&"model_usage".into(), &"model_gateway".into()));
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["model"], serde_json::json!({"id": "m", "provider": "stub"}));
    assert_eq!(event["target"], serde_json::json!({"type": "model", "id": "m"}));
    assert_eq!(event["targets"][0], serde_json::json!({"type": "chat", "id": "c-1"}));
    assert_eq!(
        event["usage"],
        serde_json::json!({"input_tokens": 9, "output_tokens": 7, "cached_tokens": 4, "reasoning_tokens": 3, "cost_usd": 0.000_027_5})
    );
    assert_eq!(
        event["actor"],
        serde_json::json!({"type": "user", "id": "u-1", "name": "Ada Löwe", "email": "ada@example.test"})
    );
    assert_eq!(event["org"]["role"], "user");
    assert_eq!(event["message"], "Ada Löwe called the model m");
    assert_eq!(event["http"]["path"], "/llm/stub/v1/chat/completions");
    assert_eq!(event["http"]["status"], 200);
    let details = &event["details"];
    assert_eq!((&details["stream"], &details["chat_id"]), (&true.into(), &"c-1".into()));
    assert_eq!(
        (&details["completion_id"], &details["provider_request_id"]),
        (&"c-9".into(), &"req-7".into())
    );
    assert_eq!((&details["finish_reason"], &details["answered_by"]), (&"stop".into(), &"m-2026".into()));
    assert!(details["first_token_ms"].as_f64().unwrap() <= event["latency_ms"].as_f64().unwrap());
    assert!(details.get("task").is_none() && details.get("usage_missing").is_none());

    let status = &world.gateway.status().providers[0];
    assert_eq!((status.calls, status.with_usage, status.unproven), (1, 1, 0));
}

#[tokio::test]
async fn who_asks_for_usage_gets_it_and_no_byte_changes() {
    let provider = provider().await;
    let world = World::new(&provider).await;
    let request =
        REQUEST.replace(r#""stream":true"#, r#""stream" : true, "stream_options": {"include_usage":true}"#);
    let got = world.post("/llm/stub/v1/chat/completions", request.clone()).await;
    assert_eq!(got.text(), [FIRST, LAST, USAGE, DONE].concat());
    assert_eq!(provider.only().text(), request);
    assert_eq!(world.event().await["usage"]["input_tokens"], 9);
}

#[tokio::test]
async fn a_provider_may_be_left_unasked() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.providers[0].asks_for_usage = false;
    let world = World::with(config, Mode::Async, 0).await;
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!(got.text(), [FIRST, LAST, DONE].concat());
    assert_eq!(provider.only().text(), REQUEST);
    let event = world.event().await;
    assert_eq!((event.get("usage"), &event["model"]["id"]), (None, &"m".into()));
    assert_eq!(event["details"]["usage_missing"], "not_sent_by_provider");
    assert_eq!(world.gateway.status().providers[0].without_usage, 1);
}

#[tokio::test]
async fn a_request_too_long_to_keep_passes_as_it_is() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.max_buffered_body = 20;
    let world = World::with(config, Mode::Async, 0).await;
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!((got.text(), provider.only().text()), ([FIRST, LAST, DONE].concat().as_str(), REQUEST));
    assert_eq!(world.event().await["model"]["id"], "m");
}

#[tokio::test]
async fn in_strict_mode_the_end_waits_for_the_record() {
    let provider = provider().await;
    let world = World::with(config(provider.address), Mode::Strict, 0).await;
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!(world.recorded().len(), 1, "durable before the answer ended");
    assert_eq!(got.text(), [FIRST, LAST, DONE].concat());
}

#[tokio::test]
async fn in_strict_mode_a_call_that_cannot_be_recorded_is_not_made() {
    let provider = provider().await;
    let world = World::with(config(provider.address), Mode::Strict, u64::MAX / 2).await;
    let first = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!(first.status, 200, "nobody knew yet; the journal keeps it");
    let got = world.post("/llm/stub/v1/chat/completions", REQUEST).await;
    assert_eq!(got.status, 503);
    let problem: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        (&problem["code"], &problem["error"]["code"]),
        (&"ledger_unavailable".into(), &"ledger_unavailable".into())
    );
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn tasks_of_open_webui_are_marked() {
    let provider = Provider::start(|_| json(200, r#"{"choices":[{"finish_reason":"stop"}]}"#)).await;
    let world = World::new(&provider).await;
    let prompt = r####"{"model":"m","messages":[{"role":"user","content":"### Task:\nGenerate 1-3 broad tags categorizing"}],"stream":false}"####;
    world.post("/llm/stub/v1/chat/completions", prompt).await;
    let named = post("/llm/stub/v1/chat/completions", &[("x-openwebui-task", "query_generation")]);
    world.send(named, r#"{"model":"m","messages":[]}"#).await;
    let events = world.events(2).await;
    assert_eq!(events[0]["details"]["task"], "tags");
    assert_eq!(events[1]["details"]["task"], "query");
}

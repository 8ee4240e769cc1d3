//! The calls that a real Open WebUI 0.12.4 made, made again.

use http::{Method, Request};
use serde_json::{Value, json};

use super::provider::{Asked, Provider, Step, answer, stream};
use super::world::World;

/// One recorded call a line: method, path, headers, body, the status that came back and the usage that was sent.
const CALLS: &str = include_str!("../../../tests/data/provider-calls.ndjson");

/// What the recording's provider would answer: usage in a stream only where it is asked for.
fn answer_to(asked: &Asked, calls: &[Value]) -> Vec<Step> {
    let call = &calls[asked.header("x-nth").unwrap().parse::<usize>().unwrap()];
    let status = call["status"].as_u64().unwrap().try_into().unwrap();
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let usage = if call["usage"].is_null() {
        json!({"prompt_tokens": 5, "completion_tokens": 6})
    } else {
        call["usage"].clone()
    };
    if status == 200 && body["stream"] == true {
        let first = json!({"id": "c", "model": body["model"], "choices": [{"delta": {"content": "x"}}]});
        let last = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
        let extra = json!({"choices": [], "usage": usage});
        let events: Vec<String> =
            [first, last, extra].iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        return stream(&[&events[0], &events[1], &events[2], "data: [DONE]\n\n"]);
    }
    let content = match status {
        200 => json!({"model": body["model"], "choices": [{"finish_reason": "stop"}], "usage": usage}),
        _ => json!({"error": {"message": "no", "code": "a_code"}}),
    };
    answer(status, "content-type: application/json\r\n", content.to_string())
}

#[tokio::test]
async fn every_recorded_call_is_one_event_with_its_user_and_tokens() {
    let calls: Vec<Value> = CALLS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let known = calls.clone();
    let provider = Provider::start(move |asked| answer_to(asked, &known)).await;
    let world = World::new(&provider).await;
    for (nth, call) in calls.iter().enumerate() {
        let method: Method = call["method"].as_str().unwrap().parse().unwrap();
        let path = format!("/llm/stub{}", call["path"].as_str().unwrap());
        let mut head = Request::builder().method(method).uri(path).header("x-nth", nth);
        for header in call["headers"].as_array().unwrap() {
            head = head.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        let body = if call["body"].is_null() { String::new() } else { call["body"].to_string() };
        let got = world.send(head, body).await;
        assert_eq!(u64::from(got.status), call["status"].as_u64().unwrap());
        let asked_for_usage = call["body"]["stream_options"]["include_usage"] == true;
        assert_eq!(
            asked_for_usage,
            got.text().contains("\"usage\"") && got.text().starts_with("data"),
            "{nth}"
        );
    }
    let is_call = |call: &&Value| call["method"] == "POST" && call["path"] != "/v1/messages/count_tokens";
    let expected: Vec<&Value> = calls.iter().filter(is_call).collect();
    let events = world.events(expected.len() as u64).await;
    let mut tasks = std::collections::BTreeMap::new();
    for (call, event) in expected.iter().zip(&events) {
        let header = |name: &str| {
            let headers = call["headers"].as_array().unwrap();
            headers.iter().find(|header| header[0] == name).and_then(|header| header[1].as_str())
        };
        assert_eq!(event["actor"]["id"].as_str(), header("X-OpenWebUI-User-Id"));
        assert_eq!(event["details"]["chat_id"].as_str(), header("X-OpenWebUI-Chat-Id"));
        assert_eq!(event["details"]["auth_type"].as_str(), header("X-OpenWebUI-Auth-Type"));
        assert_eq!(event["model"]["id"], call["body"]["model"]);
        let is_success = call["status"] == 200;
        assert_eq!(event["outcome"] == "success", is_success);
        assert_eq!(event.get("usage").is_some(), is_success, "every answer is counted");
        if is_success && !call["usage"].is_null() {
            assert_eq!(event["usage"]["input_tokens"], call["usage"]["prompt_tokens"]);
        }
        if let Some(task) = event["details"]["task"].as_str() {
            *tasks.entry(task.to_owned()).or_insert(0) += 1;
        }
    }
    let count = |task: &str| tasks.get(task).copied().unwrap_or(0);
    assert_eq!(
        (count("title"), count("tags"), count("follow_up"), count("query")),
        (9, 7, 8, 4),
        "{tasks:?}"
    );
    let chats = expected.iter().filter(|call| call["body"]["stream"] == true).count();
    assert_eq!(events.iter().filter(|event| event["details"]["stream"] == true).count(), chats);
}

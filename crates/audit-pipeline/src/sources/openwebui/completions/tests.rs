use super::*;

fn read(answer: &str) -> Completion {
    let whole = UsageReader::of_parts(answer.as_bytes(), b"");
    for size in [1, 2, 3, 7, 64] {
        let mut reader = UsageReader::default();
        answer.as_bytes().chunks(size).for_each(|piece| reader.feed(piece));
        assert_eq!(reader.finish(), whole, "in pieces of {size} bytes");
    }
    whole
}

fn tokens(input: u64, output: u64) -> Tokens {
    Tokens { input: Some(input), output: Some(output), ..Tokens::default() }
}

const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-5.2","choices":[{"index":0,"message":
    {"role":"assistant","content":"My \"usage\": {\"prompt_tokens\": 1} \\"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,
    "completion_tokens":11,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":16},"completion_tokens_details":{"reasoning_tokens":3}}}"#;

#[test]
fn a_whole_chat_completion() {
    let completion = read(CHAT);
    let expected = Completion {
        model: Some("gpt-5.2".to_owned()),
        id: Some("chatcmpl-1".to_owned()),
        tokens: Tokens { cached: Some(16), reasoning: Some(3), ..tokens(20, 11) },
        finish_reason: Some("stop".to_owned()),
        is_ended: true,
        ..Completion::default()
    };
    assert_eq!(completion, expected);
}

#[test]
fn a_streamed_chat_completion_with_either_line_end() {
    let stream = concat!(
        ": keep-alive\n\n",
        "data: {\"id\":\"c-1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
        "event: x\nid: 7\ndata:{\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\"},\"finish_reason\":\"length\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7,\"total_tokens\":16}}\n\n",
        "data: [DONE]\n\n",
    );
    for line_end in ["\n", "\r\n", "\r"] {
        let completion = read(&stream.replace('\n', line_end));
        assert_eq!(completion.tokens, tokens(9, 7), "{line_end:?}");
        assert_eq!(completion.finish_reason.as_deref(), Some("length"));
        assert!(completion.is_stream && completion.is_ended);
    }
}

#[test]
fn the_extra_chunk_is_told_from_others() {
    let events = [
        ("data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":null}\n\n", false),
        ("data: {\"choices\":[{\"index\":0}],\"usage\":{\"prompt_tokens\":1}}\n\n", false),
        (": nothing\n\n", false),
        ("data: {\"usage\":{\"prompt_tokens\":1},\ndata: \"choices\" : [ ]}\n\n", true),
        ("data: {\"choices\":[]}\n\n", false),
        ("data: {\"usage\":{}}\n\n", false),
        ("data: [DONE]\n\n", false),
    ];
    let stream: String = events.iter().map(|(event, _)| *event).collect();
    for size in [1, 5, 1000] {
        let (mut reader, mut ends, mut before) = (UsageReader::default(), Vec::new(), 0);
        for piece in stream.as_bytes().chunks(size) {
            reader.feed_events(piece, |end| ends.push((before + end.at, end.is_bare_usage)));
            before += piece.len();
        }
        let mut at = 0;
        let expected: Vec<_> = events
            .iter()
            .map(|(event, is_bare)| {
                at += event.len();
                (at, *is_bare)
            })
            .collect();
        assert_eq!(ends, expected, "in pieces of {size} bytes");
    }
}

#[test]
fn a_line_feed_behind_a_carriage_return_belongs_to_the_event() {
    let mut ends = Vec::new();
    UsageReader::default().feed_events(b"data: {}\r\n\r\ndata: {}\r\n\r\n", |end| ends.push(end.at));
    assert_eq!(ends, [12, 24]);
}

#[test]
fn a_stream_that_broke_off_has_not_ended() {
    let completion = read("data: {\"model\":\"m\",\"choices\":[{\"finish_reason\":null}]}\n\ndata: {\"choi");
    assert!(!completion.is_ended && completion.error.is_none());
    assert_eq!(completion.tokens, Tokens::default());
    assert!(!read("{\"choices\":[{\"finish_reason\":\"stop\"").is_ended);
    assert!(!read("").is_ended);
}

#[test]
fn an_error_gives_its_code_and_none_of_its_words() {
    let check = |answer: &str, code: Option<&str>| {
        let error = read(answer).error.unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(error.code.as_deref(), code, "{answer}");
    };
    check(
        r#"{"error":{"message":"no","type":"requests","code":"rate_limit_exceeded"}}"#,
        Some("rate_limit_exceeded"),
    );
    check(r#"{"error":{"code":"context_length_exceeded","type":"x"}}"#, Some("context_length_exceeded"));
    check(r#"{"error":{"code":null,"type":"server_error"}}"#, Some("server_error"));
    check(r#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]"#, Some("429"));
    check(r#"{"error":"model \"x\" not found"}"#, None);
    check(r#"{"error":{"code":"You said: my secret plan"}}"#, None);
    check("data: {\"choices\":[]}\n\ndata: {\"error\":{\"code\":1}}\n\ndata: [DONE]\n\n", Some("1"));
    check(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"O\"}}\n\n",
        Some("overloaded_error"),
    );
    check(
        "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\",\"param\":null}\n\n",
        Some("server_error"),
    );
    assert_eq!(read(r#"{"model":"m","error":null,"choices":[]}"#).error, None);
}

#[test]
fn responses_whole_and_streamed() {
    let response = r#"{"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"o9",
        "output":[{"type":"message","status":"completed"}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":4},
        "output_tokens":87,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":123}}"#
        .replace('\n', " ");
    let expected = Tokens { cached: Some(4), reasoning: Some(5), ..tokens(36, 87) };
    let whole = read(&response);
    assert_eq!((whole.tokens, whole.is_ended), (expected, true));
    assert_eq!(whole.finish_reason.as_deref(), Some("completed"));

    let stream = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_1\",\"status\":\"in_progress\",\"usage\":null}}}}\n\n\
         event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}}\n\n\
         event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{response}}}\n\n"
    );
    let streamed = read(&stream);
    assert_eq!((streamed.tokens, streamed.is_ended, streamed.is_stream), (expected, true, true));
    assert_eq!(streamed.model.as_deref(), Some("o9"));

    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}}\n\n";
    assert_eq!(read(failed).error.unwrap().code.as_deref(), Some("server_error"));
    let cut =
        r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}"#;
    assert_eq!(read(cut).finish_reason.as_deref(), Some("max_output_tokens"));
}

#[test]
fn anthropic_counts_cached_input_beside_and_we_within() {
    let whole = r#"{"id":"msg_1","type":"message","model":"claude-9","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"output_tokens":12}}"#;
    let expected = Tokens { cached: Some(3000), cache_written: Some(200), ..tokens(3210, 12) };
    assert_eq!(read(whole).tokens, expected);

    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-9\",\"usage\":",
        "{\"input_tokens\":10,\"cache_creation_input_tokens\":200,\"cache_read_input_tokens\":3000,\"output_tokens\":1}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":12}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let streamed = read(stream);
    assert_eq!(streamed.tokens, expected);
    assert_eq!(streamed.model.as_deref(), Some("claude-9"));
    assert_eq!(streamed.finish_reason.as_deref(), Some("end_turn"));
    assert!(streamed.is_ended);
}

#[test]
fn ollama_ends_its_lines_with_counts() {
    let stream = concat!(
        "{\"model\":\"llama3:8b\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n",
        "{\"model\":\"llama3:8b\",\"message\":{\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n",
    );
    let completion = read(stream);
    assert_eq!(completion.tokens, tokens(26, 298));
    assert_eq!(completion.finish_reason.as_deref(), Some("stop"));
    assert!(completion.is_ended && completion.is_stream);
    assert!(!read(stream.lines().next().unwrap()).is_ended);
    let generated = r#"{"model":"x","response":"text","done":true,"prompt_eval_count":1,"eval_count":2}"#;
    assert_eq!(read(generated).tokens, tokens(1, 2));
    let embedded = r#"{"model":"e","embeddings":[[0.1,-2e-3]],"prompt_eval_count":8}"#;
    assert_eq!(read(embedded).tokens, Tokens { input: Some(8), ..Tokens::default() });
    assert_eq!(read("{\"done\":false}\n{\"error\":\"an error\"}\n").error, Some(ProviderError::default()));
}

#[test]
fn embeddings_have_input_alone() {
    let completion = read(
        r#"{"object":"list","data":[{"embedding":[0.1,0.2],"index":0}],"model":"e-3","usage":{"prompt_tokens":8,"total_tokens":8}}"#,
    );
    assert_eq!(completion.tokens, Tokens { input: Some(8), ..Tokens::default() });
    assert!(completion.is_ended);
}

#[test]
fn what_the_answer_to_a_chat_of_the_page_says_is_no_answer() {
    let completion = read(r#"{"status":true,"task_ids":["t-1"],"chat_id":"c-1"}"#);
    assert!(completion.is_deferred && completion.finish_reason.is_none());
}

#[test]
fn odd_counts_are_no_counts() {
    let check = |count: &str, expected: Option<u64>| {
        let answer = format!(r#"{{"usage":{{"prompt_tokens":{count}}}}}"#);
        assert_eq!(read(&answer).tokens.input, expected, "{count}");
    };
    check("12.0", Some(12));
    for odd in
        ["-1", "1.5", "1e3", "null", "\"7\"", "[7]", "{\"a\":7}", "9007199254740992", "99999999999999999999"]
    {
        check(odd, None);
    }
}

#[test]
fn the_end_of_a_long_stream_or_document_is_enough() {
    let stream = concat!(
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"",
        "|xx\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n"
    );
    let (beginning, end) = stream.split_once('|').unwrap();
    let completion = UsageReader::of_parts(beginning.as_bytes(), end.as_bytes());
    assert_eq!((completion.tokens, completion.is_ended), (tokens(9, 7), true));
    assert_eq!(completion.model.as_deref(), Some("m"));

    let at = CHAT.find("My ").unwrap();
    let completion = UsageReader::of_parts(&CHAT.as_bytes()[..at], &CHAT.as_bytes()[at + 1..]);
    assert_eq!(completion.tokens.input, Some(20), "not what the content says");
    assert_eq!((completion.tokens.reasoning, completion.is_ended), (Some(3), true));
}

#[test]
fn where_usage_is_to_be_asked_for() {
    let check = |body: &str, expected: Option<&str>| {
        let mut reader = RequestReader::default();
        body.as_bytes().chunks(3).for_each(|piece| reader.feed(piece));
        let edited = reader.usage_edit().map(|edit| String::from_utf8(edit.apply(body.as_bytes())).unwrap());
        assert_eq!(edited.as_deref(), expected, "{body}");
        if let Some(edited) = expected {
            serde_json::from_str::<serde_json::Value>(edited).unwrap();
        }
    };
    check(
        r#" {"stream": true, "x":[1]} "#,
        Some(r#" {"stream": true, "x":[1],"stream_options":{"include_usage":true}} "#),
    );
    check(
        r#"{"stream":true,"stream_options":null}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
    );
    check(
        r#"{"stream_options":{ },"stream":true}"#,
        Some(r#"{"stream_options":{ "include_usage":true},"stream":true}"#),
    );
    check(
        r#"{"stream":true,"stream_options":{"a":{}}}"#,
        Some(r#"{"stream":true,"stream_options":{"a":{},"include_usage":true}}"#),
    );
    check(
        r#"{"stream":true,"stream_options":{"include_usage": false }}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage": true }}"#),
    );
    check(r#"{"stream":true,"stream_options":{"include_usage":true}}"#, None);
    check(r#"{"stream":false}"#, None);
    check(r#"{"stream":null}"#, None);
    check("{}", None);
    check(r#"{"stream":true"#, None);
    check(r#"{"messages":[{"stream":true}]}"#, None);
}

#[test]
fn tasks_are_known_by_their_prompts() {
    let check = |body: &str, expected: Option<&str>| {
        let mut reader = RequestReader::default();
        reader.feed(body.as_bytes());
        assert_eq!(reader.task(), expected, "{body}");
    };
    let title = "### Task:\\nGenerate a concise title summarizing the chat";
    check(
        &format!(r#"{{"messages":[{{"role":"user","content":"{title}"}}],"stream":false}}"#),
        Some("title"),
    );
    check(&format!(r#"{{"messages":[{{"content":[{{"type":"text","text":"{title}"}}]}}]}}"#), Some("title"));
    check(&format!(r#"{{"messages":[{{"content":"{title}"}}],"stream":true}}"#), None);
    check(&format!(r#"{{"messages":[{{"content":"Hi"}},{{"content":"{title}"}}]}}"#), None);
    check(
        r####"{"messages":[{"content":"### Task:\nRespond to the user query using the provided context"}]}"####,
        None,
    );
    assert_eq!(task_of_header("title_generation").as_deref(), Some("title"));
    assert_eq!(task_of_header("TASKS.TAGS_GENERATION").as_deref(), Some("tags"));
    assert_eq!(task_of_header(""), None);
    assert_eq!(task_of_header("a b"), None);
}

#[test]
fn a_long_answer_costs_no_memory() {
    let mut reader = UsageReader::default();
    reader.feed(b"{\"model\":\"m\",\"data\":[{\"embedding\":\"");
    for _ in 0..1000 {
        reader.feed(&[b'x'; 4096]);
    }
    reader.feed(b"\"}],\"usage\":{\"prompt_tokens\":4}}");
    assert!(reader.framing.held() < 512, "{}", reader.framing.held());
    assert_eq!(reader.finish().tokens.input, Some(4));
}

proptest::proptest! {
    #[test]
    fn anything_may_come(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), gap in proptest::bool::ANY) {
        let mut reader = UsageReader::default();
        reader.feed(&bytes);
        if gap {
            reader.gap();
            reader.feed(&bytes);
        }
        proptest::prop_assert!(reader.finish().tokens.is_empty());
    }
}

use std::sync::Arc;

use audit_event::ActorType;

use super::super::caller::{CredentialKind, Person};
use super::*;

fn server(socket: &mut Socket, frame: &str) -> Option<Seen> {
    socket.text(From::Server, frame.as_bytes())
}

fn frame(message: &str, kind: &str, data: &str) -> String {
    format!(
        r#"42["events",{{"chat_id":"c-1","message_id":"{message}","data":{{"type":"{kind}","data":{data}}}}}]"#
    )
}

const USAGE: &str = r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":2},
    "completion_tokens_details":{"reasoning_tokens":1},"input_tokens":9,"output_tokens":7}"#;

fn caller() -> Caller {
    Caller {
        credential: CredentialKind::Session,
        person: Some(Arc::new(Person { id: "u-1".into(), name: Some("Ada".into()), ..Person::default() })),
        ..Caller::default()
    }
}

#[test]
fn the_token_comes_with_the_connection_or_later() {
    let check = |frame: &str, expected: Option<&str>| {
        let token = match Socket::default().text(From::Client, frame.as_bytes()) {
            Some(Seen::Token(token)) => Some(token),
            _ => None,
        };
        assert_eq!(token.as_deref(), expected, "{frame}");
        assert_eq!(Socket::default().text(From::Server, frame.as_bytes()), None, "only the client's counts");
    };
    check(r#"40{"token":"ey.a.b"}"#, Some("ey.a.b"));
    check(r#"40/ns,{"token":"ey.a.b"}"#, Some("ey.a.b"));
    check(r#"421["user-join",{"auth":{"token":"ey.a.b"}}]"#, Some("ey.a.b"));
    check(r#"42["user-join",{"auth":{"token":"ey.a.b"}}]"#, Some("ey.a.b"));
    check(r#"42["other",{"auth":{"token":"ey.a.b"}}]"#, None);
    check(r#"42["user-join",{"data":{"token":"ey.a.b"}}]"#, None);
    check("40{}", None);
    check("3", None);
    check(r#"43{"token":"x"}"#, None);
    check(r#"2probe{"token":"x"}"#, None);
}

#[test]
fn the_token_is_never_printed() {
    let seen = Socket::default().text(From::Client, br#"40{"token":"ey.a.b"}"#);
    assert!(!format!("{seen:?}").contains("ey.a.b"));
}

#[test]
fn the_server_names_the_connection() {
    let seen = server(&mut Socket::default(), r#"40{"sid":"WXu-D7D7UkMZhsGZAAAB"}"#);
    assert_eq!(seen, Some(Seen::Accepted("WXu-D7D7UkMZhsGZAAAB".to_owned())));
}

#[test]
fn an_answer_with_usage_is_a_call() {
    let mut socket = Socket::default();
    let delta = r#"{"id":"x","model":"gpt-5.2","choices":[{"delta":{"content":"done"}}]}"#;
    assert_eq!(server(&mut socket, &frame("m-1", "response:completion", delta)), None);
    assert_eq!(
        server(&mut socket, &frame("m-1", "chat:completion", &format!(r#"{{"usage":{USAGE}}}"#))),
        None
    );
    let done = format!(r#"{{"done":true,"output":[{{"done":false}}],"title":"T","usage":{USAGE}}}"#);
    let Some(Seen::Answer(answer)) = server(&mut socket, &frame("m-1", "chat:completion", &done)) else {
        panic!("no answer")
    };
    assert_eq!((answer.chat_id.as_deref(), answer.message_id.as_str()), (Some("c-1"), "m-1"));
    let event = answer.event("e-1".to_owned(), &caller(), Timestamp::EPOCH).unwrap();
    assert_eq!((event.action.as_ref(), event.outcome), ("model.called", Outcome::Success));
    assert_eq!(event.model.unwrap().id.as_deref(), Some("gpt-5.2"));
    let usage = event.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(9), Some(7)));
    assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (Some(2), Some(1)));
    let actor = event.actor.unwrap();
    assert_eq!((actor.kind, actor.id.as_deref()), (Some(ActorType::User), Some("u-1")));
    assert_eq!(event.message.as_deref(), Some("Ada called the model gpt-5.2"));
}

#[test]
fn an_answer_without_usage_is_no_event_and_a_failed_one_is() {
    let mut socket = Socket::default();
    let Some(Seen::Answer(done)) = server(&mut socket, &frame("m-1", "chat:completion", r#"{"done":true}"#))
    else {
        panic!("no answer")
    };
    assert_eq!(done.event("e-1".to_owned(), &caller(), Timestamp::EPOCH), None);
    let error =
        frame("m-2", "chat:message:error", r#"{"error":{"content":"Rate limit reached"},"done":true}"#);
    let Some(Seen::Answer(failed)) = server(&mut socket, &error) else { panic!("no answer") };
    let event = failed.event("e-1".to_owned(), &caller(), Timestamp::EPOCH).unwrap();
    assert_eq!((event.outcome, event.reason.as_deref()), (Outcome::Failure, Some("provider_error")));
    assert!(!format!("{event:?}").contains("Rate limit"));
}

#[test]
fn who_watches_a_shared_chat_is_not_its_caller() {
    let shared = format!(
        r#"42["events",{{"chat_id":"c-1","message_id":"m-1","user_id":"u-2","shared":true,"data":{{"type":"chat:completion","data":{{"done":true,"usage":{USAGE}}}}}}}]"#
    );
    assert_eq!(server(&mut Socket::default(), &shared), None);
}

#[test]
fn copies_of_one_answer_have_one_fingerprint_and_nobody_elses_has_it() {
    let done = frame("m-1", "chat:completion", &format!(r#"{{"done":true,"usage":{USAGE}}}"#));
    let model = frame("m-1", "response:completion", r#"{"model":"m"}"#);
    let prints = |caller: &Caller| {
        let of = |frames: &[&String]| {
            let mut socket = Socket::default();
            let seen = frames.iter().map(|frame| server(&mut socket, frame)).last().flatten();
            let Some(Seen::Answer(answer)) = seen else { panic!("no answer") };
            answer.fingerprint(caller)
        };
        [of(&[&model, &done]), of(&[&done])]
    };
    let [whole, late] = prints(&caller());
    assert_eq!(whole, late, "whether the connection heard of the model or not");
    let mut other = caller();
    other.person = Some(Arc::new(Person { id: "u-2".into(), ..Person::default() }));
    assert_ne!(prints(&other)[0], whole);
}

#[test]
fn frames_come_in_pieces_and_long_ones_cost_no_memory() {
    let mut socket = Socket::default();
    let (start, end) = (r#"{"done":true,"output":[{"text":""#, format!(r#""}}],"usage":{USAGE}}}"#));
    let whole = frame("m-1", "chat:completion", &format!("{start}|{end}"));
    let (start, end) = whole.split_once('|').unwrap();
    for byte in start.as_bytes() {
        socket.part(From::Server, &[*byte]);
    }
    for _ in 0..1000 {
        socket.part(From::Server, &[b'x'; 1000]);
    }
    socket.part(From::Server, end.as_bytes());
    assert!(socket.from_server.held() < 1024, "{}", socket.from_server.held());
    assert!(matches!(socket.end(From::Server), Some(Seen::Answer(answer)) if answer.tokens.input == Some(9)));
}

#[test]
fn models_of_answers_under_way_are_bounded() {
    let mut socket = Socket::default();
    for message in 0..1000 {
        server(&mut socket, &frame(&message.to_string(), "chat:completion", r#"{"model":"m"}"#));
    }
    assert_eq!(socket.models.len(), MOST_ANSWERS);
}

#[test]
fn polled_packets_are_told_apart() {
    let body =
        format!("2\u{1e}40{{\"sid\":\"s-1\"}}\u{1e}{}", frame("m", "chat:completion", r#"{"done":true}"#));
    let seen = Socket::default().polled(From::Server, body.as_bytes());
    assert!(matches!(&seen[..], [Seen::Accepted(id), Seen::Answer(_)] if id == "s-1"), "{seen:?}");
}

#[test]
fn odd_frames_give_nothing() {
    for frame in [
        "",
        "4",
        "42",
        "42[",
        "42[]",
        r#"42["events"]"#,
        r#"42["events",null]"#,
        "451-[\"x\",{}]",
        "40",
        "4099999",
    ] {
        for from in [From::Client, From::Server] {
            assert_eq!(Socket::default().text(from, frame.as_bytes()), None, "{frame}");
        }
    }
}

/// The frames of a real Open WebUI 0.12.4, one a line: connection, sender, text; without deltas of answers.
const RECORDED: &str = include_str!("../../../../tests/data/socket-frames.ndjson");

#[test]
fn recorded_connections_tell_whose_they_are_and_what_chats_used() {
    let mut sockets: std::collections::BTreeMap<u64, Socket> = std::collections::BTreeMap::new();
    let (mut tokens, mut answers) = (Vec::new(), Vec::new());
    for line in RECORDED.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let connection = line["connection"].as_u64().unwrap();
        let from = if line["from"] == "client" { From::Client } else { From::Server };
        let socket = sockets.entry(connection).or_default();
        match socket.text(from, line["text"].as_str().unwrap().as_bytes()) {
            Some(Seen::Token(token)) => tokens.push((connection, token)),
            Some(Seen::Answer(answer)) => answers.push(answer),
            Some(Seen::Accepted(_) | Seen::NoteChanged(_) | Seen::Hidden) | None => {}
        }
    }
    let token = "ey.session.token".to_owned();
    assert_eq!(tokens, [(104, token.clone()), (104, token.clone()), (447, token)]);
    let events: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.event("e-1".to_owned(), &caller(), Timestamp::EPOCH))
        .collect();
    let inputs: Vec<_> = events.iter().filter_map(|event| event.usage?.input_tokens).collect();
    assert_eq!(inputs, [9, 7, 557, 483, 9, 494, 562]);
    assert_eq!(events.iter().filter(|event| event.outcome == Outcome::Failure).count(), 2);
    assert_eq!(answers.len(), events.len() + 2, "two chats with a model that tells no usage");
}

#[test]
fn the_path_is_read_as_the_router_reads_it() {
    for target in ["/ws/socket.io/?EIO=4", "/ws%2Fsocket.io/", "/ws/%73ocket.io"] {
        assert!(is_socket_io(target), "{target}");
    }
    assert!(!is_socket_io("/WS/socket.io/") && !is_socket_io("/x?/ws/socket.io"));
}

#[test]
fn a_note_that_the_client_writes_in_is_named() {
    let check = |frame: &str, expected: Option<&str>| {
        let seen = Socket::default().text(From::Client, frame.as_bytes());
        assert_eq!(seen, expected.map(|note| Seen::NoteChanged(note.to_owned())), "{frame}");
        assert_eq!(Socket::default().text(From::Server, frame.as_bytes()), None, "only the client's counts");
    };
    let update = |document: &str| {
        format!(r#"42["ydoc:document:update",{{"document_id":"{document}","update":[1,2]}}]"#)
    };
    check(&update("note:n-1"), Some("n-1"));
    check(&update("note_n-1"), Some("n-1"));
    check(&update("note:n-1:x"), Some("n-1"));
    check(&update("other:n-1"), None);
    check(r#"42["ydoc:document:join",{"document_id":"note:n-1"}]"#, None);
    check(&update("note:n-1:\\ud800 and more than one escape"), Some("n-1"));
    check(&update(&format!("note:n-1:{}", "x".repeat(10_000))), Some("n-1"));
    let plain = update("note:n-1");
    for head in ["451-", "450-", "42/,", "\u{664}\u{662}"] {
        check(&format!("{head}{}", &plain[2..]), Some("n-1"));
    }
    check(&format!("42/?a={},{}{}", "[b".repeat(100), "9".repeat(100), &plain[2..]), Some("n-1"));
    let padded =
        format!(r#"42["ydoc:document:update",{{"pad":"{}","document_id":"note:n-1"}}]"#, "A".repeat(300_000));
    check(&padded, Some("n-1"));
    check(r#"42["ydoc:document:update",{"document_id":"note:n-2","document_id":"note:n-1"}]"#, Some("n-1"));
}

#[test]
fn what_may_be_a_note_in_parts_is_told() {
    const GONE: &str = r#"{"_placeholder":true,"num":0}"#;
    let told = |frame: &str| Socket::default().text(From::Client, frame.as_bytes());
    for frame in [
        format!("451-{GONE}"),
        format!(r#"451-[{GONE},{{"document_id":"note:n-1"}}]"#),
        format!(r#"451-["ydoc:document:update",{GONE}]"#),
        format!(r#"451-["ydoc:document:update",{{"document_id":{GONE},"update":[1]}}]"#),
    ] {
        assert_eq!(told(&frame), Some(Seen::Hidden), "{frame}");
    }
    let padded = format!(r#"40{{"token":"ey.a.b{}"}}"#, " ".repeat(10_000));
    assert_eq!(told(&padded), Some(Seen::Hidden));
    for frame in [
        format!(r#"451-["upload",{GONE}]"#),
        format!(r#"451-["ydoc:awareness:update",{{"document_id":"note:n-1","update":{GONE}}}]"#),
        format!(r#"42[{GONE}]"#),
    ] {
        assert_eq!(told(&frame), None, "{frame}");
    }
    let update = format!(r#"451-["ydoc:document:update",{{"document_id":"note:n-1","update":{GONE}}}]"#);
    assert_eq!(told(&update), Some(Seen::NoteChanged("n-1".to_owned())));
}

#[test]
fn writing_in_a_note_is_an_event_whose_outcome_nobody_tells() {
    let event = note_event(Some("n-1"), &caller(), Timestamp::from_micros(7));
    assert_eq!((event.action.as_ref(), event.outcome), ("note.updated", Outcome::Unknown));
    assert_eq!(event.target.unwrap().id.as_deref(), Some("n-1"));
    assert_eq!(event.actor.unwrap().kind, Some(ActorType::User));
}

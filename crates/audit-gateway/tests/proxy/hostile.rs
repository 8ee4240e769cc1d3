//! What must not pass, and what must not stop the proxy.

use std::time::Duration;

use audit_gateway::proxy;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::stub::{Act, Stub, answer};
use super::world::{Setting, World, request};

async fn ok() -> Stub {
    Stub::start(|_| answer(200, "", b"ok")).await
}

fn code(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap_or_default()["code"].clone()
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_never_reach_upstream() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    let long = smuggled.len();
    for lines in [
        format!("Content-Length: 5\r\nContent-Length: {long}\r\n"),
        "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
        "Content-Length: 5, 6\r\n".to_owned(),
        "Host: b\r\n".to_owned(),
        "X: 1\r\n Folded: 2\r\n".to_owned(),
        "X\0: 1\r\n".to_owned(),
    ] {
        let sent = format!("POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n{smuggled}");
        let got = world.send(sent).await;
        assert_eq!(got.status(), 400, "{lines:?}: {got:?}");
    }
    assert_eq!(world.send("GET /x HTTP/1.1\r\n\r\n").await.status(), 400, "no Host");
    assert_eq!(stub.arrived(), []);
}

#[tokio::test]
async fn beside_a_transfer_coding_a_length_says_nothing() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    for lines in [
        "Content-Length: 37\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 37\r\n",
    ] {
        let sent = format!(
            "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n"
        );
        assert_eq!(world.send(sent).await.status(), 200, "{lines}");
    }
    assert_eq!(stub.arrived().len(), 2, "what follows is not passed on by a connection that closes");
    for arrived in stub.arrived() {
        assert_eq!(
            (arrived.header("content-length"), arrived.body.as_slice()),
            (None, &b""[..]),
            "RFC 9112, 6.3"
        );
        assert_eq!(arrived.target(), "/x");
    }
}

#[tokio::test]
async fn what_follows_a_request_is_a_request_of_its_own() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let first = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let second = "GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let got = world.send(format!("{first}{second}")).await;
    assert_eq!(String::from_utf8_lossy(&got.rest).matches("HTTP/1.1 200").count(), 1, "{got:?}");
    let lines: Vec<_> = stub.arrived().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /a HTTP/1.1", "GET /b HTTP/1.1"]);
}

#[tokio::test]
async fn odd_paths_arrive_as_they_are() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let paths = [
        "/a/../b",
        "//a",
        "/a//b/",
        "/%2e%2e/",
        "/a%2Fb",
        "/A/b",
        "/a;x=1",
        "/?",
        "/%",
        "/a%00",
        "/api/v1/chats%2Fnew",
    ];
    for path in paths {
        assert_eq!(world.send(request(&format!("GET {path}"), "", b"")).await.status(), 200, "{path}");
    }
    let arrived: Vec<_> = stub.arrived().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(arrived, paths);
}

#[tokio::test]
async fn an_absolute_target_is_asked_of_our_upstream_alone() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let got =
        world.send("GET http://evil.test/x?y HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(got.status(), 200);
    assert_eq!(stub.arrived()[0].line, "GET /x?y HTTP/1.1");
    assert_eq!(stub.arrived()[0].header("host"), Some("evil.test"), "RFC 9112, 3.2.2");
    let got = world.send("CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n").await;
    assert_eq!(got.status(), 501);
    assert_eq!(stub.arrived().len(), 1);
}

#[tokio::test]
async fn huge_heads_are_refused_and_large_ones_pass() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let cookie = |length: usize| format!("Cookie: a={}\r\n", "x".repeat(length));
    assert_eq!(world.send(request("GET /x", &cookie(16 << 10), b"")).await.status(), 200);
    assert_eq!(world.send(request("GET /x", &cookie(1 << 20), b"")).await.status(), 431);
    assert_eq!(world.send(request("GET /x", &"X: 1\r\n".repeat(500), b"")).await.status(), 431);
    assert_eq!(world.send(request("GET /x", "", b"")).await.status(), 200);
}

#[tokio::test]
async fn nobody_can_say_that_they_come_from_elsewhere() {
    let stub = Stub::start(|_| answer(400, "content-type: application/json\r\n", b"{}")).await;
    let world = World::before(&stub).await;
    let forged = "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n";
    let body = br#"{"email":"a@example.test","password":"x"}"#;
    world
        .send(request(
            "POST /api/v1/auths/signin",
            &format!("Content-Type: application/json\r\n{forged}"),
            body,
        ))
        .await;
    assert_eq!(stub.arrived()[0].header("x-forwarded-for"), Some("127.0.0.1"));
    let client = &world.events().await[0]["client"];
    assert_eq!(client["ip"], "127.0.0.1");
    assert_eq!(client["peer_ip"], "127.0.0.1");
    assert_eq!(client["forwarded_for"][0], "203.0.113.9", "what was said is kept apart");
}

#[tokio::test]
async fn a_trusted_proxy_says_where_a_client_is() {
    let stub = Stub::start(|_| answer(400, "content-type: application/json\r\n", b"{}")).await;
    let proxy =
        proxy::Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..proxy::Config::default() };
    let world = World::with(stub.address, Setting { proxy, ..Setting::default() }).await;
    let lines = "Content-Type: application/json\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9, 127.0.0.5\r\n\
                 X-Forwarded-Proto: https\r\n";
    let body = br#"{"email":"a@example.test","password":"x"}"#;
    world.send(request("POST /api/v1/auths/signin", lines, body)).await;
    assert_eq!(stub.arrived()[0].header("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(stub.arrived()[0].header("x-forwarded-proto"), Some("https"));
    let client = &world.events().await[0]["client"];
    assert_eq!((&client["ip"], &client["peer_ip"]), (&"203.0.113.9".into(), &"127.0.0.1".into()));
}

#[tokio::test]
async fn a_header_that_signs_people_in_comes_from_trusted_proxies_alone() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    world.send(request("GET /x", "X-Forwarded-Email: admin@example.test\r\n", b"")).await;
    assert_eq!(stub.arrived()[0].header("x-forwarded-email"), None);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_clear_answer_and_two_events() {
    // Bound, so that nobody else gets it, and not listened on yet.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let world = World::with(address, Setting::default()).await;
    for _ in 0..3 {
        let got = world.send(request("GET /api/config", "", b"")).await;
        assert_eq!((got.status(), code(&got.text())), (502, "upstream_unreachable".into()));
    }
    let page = world.send(request("GET /", "Accept: text/html\r\n", b"")).await;
    assert_eq!((page.status(), page.header("content-type")), (502, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("cannot be reached"), "{}", page.text());
    let stub = Stub::on(socket.listen(16).unwrap(), |_| answer(200, "", b"ok"));
    assert_eq!(world.send(request("GET /api/config", "", b"")).await.status(), 200);
    drop(stub);
    let actions: Vec<_> = world.events().await.iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["gateway.upstream_unreachable", "gateway.upstream_recovered"]);
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_given_up() {
    let stub = Stub::start(|_| vec![Act::Wait(Duration::from_secs(60))]).await;
    let setting = Setting { head_timeout: Duration::from_millis(100), ..Setting::default() };
    let world = World::with(stub.address, setting).await;
    let got = world.send(request("GET /slow", "", b"")).await;
    assert_eq!((got.status(), code(&got.text())), (504, "upstream_timeout".into()));
    let got = world.send(request("DELETE /api/v1/chats/some-chat", "", b"")).await;
    assert_eq!(got.status(), 504);
    let events = world.events().await;
    assert_eq!((&events[0]["action"], &events[0]["outcome"]), (&"chat.deleted".into(), &"unknown".into()));
}

#[tokio::test]
async fn an_upstream_that_speaks_no_http_or_breaks_off_is_a_bad_gateway() {
    for bytes in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    ] {
        let stub = Stub::start(|_| vec![Act::Send(bytes.as_bytes().to_vec()), Act::Close]).await;
        let world = World::before(&stub).await;
        let got = world.send(request("GET /x", "", b"")).await;
        assert_eq!((got.status(), code(&got.text())), (502, "upstream_broke".into()), "{bytes:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    for head in ["content-length: 10\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let stub = Stub::start(move |_| {
            vec![Act::Send(format!("HTTP/1.1 200 OK\r\n{head}").into_bytes()), Act::Close]
        })
        .await;
        let world = World::before(&stub).await;
        let got = world.send(request("GET /x", "", b"")).await;
        assert_eq!(got.status(), 200);
        assert_eq!(got.body(), None, "{head:?}: it must not look whole");
    }
}

#[tokio::test]
async fn an_answer_with_both_lengths_is_read_by_its_chunks() {
    let stub = Stub::start(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        vec![Act::Send(head.as_bytes().to_vec())]
    })
    .await;
    let world = World::before(&stub).await;
    let got = world.send(request("GET /x", "", b"")).await;
    assert_eq!(got.status(), 200, "{got:?}");
    assert_eq!((got.header("content-length"), got.text().as_str()), (None, "hello"));
}

/// Name tried and why the request was not read, of a sign-in with this body.
async fn sign_in(lines: &str, body: &[u8]) -> (Value, Value) {
    let stub = Stub::start(|_| answer(422, "content-type: application/json\r\n", br#"{"detail":[]}"#)).await;
    let world = World::before(&stub).await;
    let lines = format!("Content-Type: application/json\r\n{lines}");
    assert_eq!(world.send(request("POST /api/v1/auths/signin", &lines, body)).await.status(), 422);
    assert_eq!(stub.arrived()[0].body, body);
    let events = world.events().await;
    let [event] = events.as_slice() else { panic!("one event: {events:?}") };
    assert_eq!((&event["action"], &event["outcome"]), (&"auth.login_failed".into(), &"failure".into()));
    (event["actor"]["email"].clone(), event["details"]["request_unread"].clone())
}

#[tokio::test]
async fn bodies_that_are_no_json_are_recorded_and_say_so() {
    let mut deep = vec![b'['; 40_000];
    deep.extend_from_slice(b"1");
    for (body, unread) in [
        (&b"{\"email\": "[..], "malformed"),
        (b"\xff\xfe\x00", "encoding"),
        (&deep, "malformed"),
        (&[b'['; 200_000], "too_long"),
    ] {
        assert_eq!(sign_in("", body).await, (Value::Null, unread.into()));
    }
}

#[tokio::test]
async fn a_request_is_read_as_open_webui_reads_it() {
    let me = (Value::from("me@x"), Value::Null);
    assert_eq!(sign_in("", br#"{"email":"boss@x","email":"me@x"}"#).await, me);
    for encoding in ["br", "gzip", "identity", "gzip, br"] {
        let lines = format!("Content-Encoding: {encoding}\r\n");
        assert_eq!(sign_in(&lines, br#"{"email":"me@x"}"#).await, me, "{encoding}: it takes no notice");
    }
    assert_eq!(sign_in("Content-Encoding: br\r\n", b"not brotli").await, (Value::Null, "encoding".into()));
    let wide: Vec<u8> =
        r#"{"x":"\ud800","y":NaN,"email":"me@x"}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(sign_in("", &wide).await, me);
    let padded = format!(r#"{{"email":"boss@x","x":"{}","email":"me@x"}}"#, "x".repeat(70_000));
    assert_eq!(sign_in("", padded.as_bytes()).await, ("me@x".into(), "too_long".into()));
}

#[tokio::test]
async fn of_two_members_with_one_name_the_last_is_acted_on_and_recorded() {
    let stub = Stub::start(|_| answer(200, "content-type: application/json\r\n", b"true")).await;
    let world = World::before(&stub).await;
    let body = br#"{"id":"harmless","id":"victim"}"#;
    world.send(request("POST /api/v1/models/model/delete", "Content-Type: application/json\r\n", body)).await;
    let event = &world.events().await[0];
    assert_eq!((&event["action"], &event["target"]["id"]), (&"model.deleted".into(), &"victim".into()));
    assert_eq!(event["details"]["request_unread"], Value::Null);
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_harms_nobody() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    for part in
        ["GET", "GET /x HTTP/1.1\r\nHo", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"]
    {
        let mut stream = world.connect().await;
        stream.write_all(part.as_bytes()).await.unwrap();
        drop(stream);
    }
    assert_eq!(world.send(request("GET /x", "", b"")).await.status(), 200);
}

#[tokio::test]
async fn a_session_spelled_oddly_is_its_owners_all_the_same_and_asked_about_once() {
    let json = "content-type: application/json\r\n";
    let stub = Stub::start(move |request| match request.target() {
        "/api/v1/auths/" if request.header("authorization") == Some("Bearer aa.bb.c2lnbmF0dXJlIQ") => {
            answer(200, json, br#"{"id":"u-1","name":"Ada","email":"ada@test","role":"user"}"#)
        }
        "/api/v1/auths/" => answer(401, json, b"{}"),
        _ => answer(200, json, b"[]"),
    })
    .await;
    let world = World::before(&stub).await;
    for spelling in ["c2lnbmF0    dXJlIQ", "c2lnbmF0dXJlIQ", "c2ln\u{e9}\u{e9}bmF0dXJlIQ==anything"] {
        let lines = format!("Authorization: Bearer aa.bb.{spelling}\r\n");
        assert_eq!(world.send(request("POST /api/v1/folders/", &lines, b"{}")).await.status(), 200);
    }
    let events = world.events().await;
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!(event["actor"]["id"], "u-1", "{event}");
        assert_eq!(event["session_id"], events[0]["session_id"]);
    }
    assert_eq!(stub.inquiries(), 2, "who it is and in which groups, once for all spellings");
}

#[tokio::test]
async fn of_two_parameters_with_one_name_the_last_is_acted_on_and_recorded() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    for query in ["id=harmless&id=victim", "%69d=victim", "id=harmless&i%64=victim&x"] {
        world.send(request(&format!("POST /api/v1/models/model/toggle?{query}"), "", b"")).await;
    }
    for asked in stub.arrived().iter().filter(|request| request.line.starts_with("GET ")) {
        assert_eq!(asked.target(), "/api/v1/models/model?id=victim", "the state before is of the same");
    }
    let events = world.events().await;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["target"]["id"] == "victim"), "{events:?}");
}

//! What passes, passes untouched.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stub::{Act, Stub, answer};
use super::world::{World, request};

fn raw(text: &str) -> Vec<Act> {
    vec![Act::Send(text.as_bytes().to_vec())]
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_with_our_word_on_who_sent_it() {
    let stub = Stub::start(|_| answer(200, "", b"ok")).await;
    let world = World::before(&stub).await;
    let sent = "GET /api/v1/files/x%2Fy/%C3%A4?q=%41+b&c=//.. HTTP/1.1\r\nHost: chat.test\r\nAccept: */*\r\n\
                Cookie: a=1; token=t\r\nX-Odd: \u{e4}\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n";
    assert_eq!(world.send(sent).await.text(), "ok");
    let arrived = &stub.arrived()[0];
    assert_eq!(arrived.line, "GET /api/v1/files/x%2Fy/%C3%A4?q=%41+b&c=//.. HTTP/1.1");
    let mut headers: Vec<String> =
        arrived.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "accept: */*",
            "cookie: a=1; token=t",
            "forwarded: for=127.0.0.1;proto=http;host=\"chat.test\"",
            "host: chat.test",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: chat.test",
            "x-forwarded-proto: http",
            "x-odd: \u{e4}",
            "x-real-ip: 127.0.0.1",
        ]
    );
}

#[tokio::test]
async fn an_answer_arrives_as_it_was_sent() {
    let stub = Stub::start(|_| {
        let headers = "date: Fri, 20 Nov 2026 12:00:00 GMT\r\nserver: uvicorn\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\
                       content-encoding: zstd\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\n";
        answer(207, headers, b"\x28\xb5\x2f\xfd not really")
    })
    .await;
    let world = World::before(&stub).await;
    let got = world.send(request("GET /api/config", "", b"")).await;
    assert_eq!(got.status(), 207);
    let mut lines: Vec<&str> = got.head.trim_end().lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "connection: close",
            "content-encoding: zstd",
            "content-length: 15",
            "date: Fri, 20 Nov 2026 12:00:00 GMT",
            "server: uvicorn",
            "set-cookie: a=1",
            "set-cookie: b=2",
        ]
    );
    assert_eq!(got.rest, b"\x28\xb5\x2f\xfd not really");
}

#[tokio::test]
async fn answers_without_a_body_end_where_they_end() {
    let stub = Stub::start(|request| match request.line.as_str() {
        line if line.starts_with("HEAD") => raw("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"),
        line if line.contains("/not-modified") => {
            raw("HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 5000\r\n\r\n")
        }
        _ => raw("HTTP/1.1 204 No Content\r\n\r\n"),
    })
    .await;
    let world = World::before(&stub).await;
    let mut stream = world.connect().await;
    let mut got = Vec::new();
    for (line, status) in [
        ("HEAD /a", "HTTP/1.1 200"),
        ("GET /not-modified", "HTTP/1.1 304"),
        ("DELETE /api/v1/chats/x", "HTTP/1.1 204"),
        ("GET /c", "HTTP/1.1 204"),
    ] {
        stream.write_all(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        got.clear();
        while !got.ends_with(b"\r\n\r\n") {
            got.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8_lossy(&got).into_owned();
        assert!(head.starts_with(status), "{line}: {head}");
        if line.starts_with("HEAD") {
            assert!(head.contains("content-length: 5000"), "{head}");
        }
    }
    assert_eq!(stub.arrived().last().unwrap().connection, 0, "one connection served them all");
}

#[tokio::test]
async fn chunks_and_trailers_pass_in_both_directions() {
    let stub = Stub::start(|_| {
        raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             3\r\none\r\n4;ext=1\r\n two\r\n0\r\nx-sum: 42\r\n\r\n")
    })
    .await;
    let world = World::before(&stub).await;
    let sent = "POST /ws/other HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\nTrailer: x-up\r\n\
                Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;q=\"x\"\r\n world\r\n0\r\nx-up: 1\r\n\r\n";
    let got = world.send(sent).await;
    assert_eq!(got.text(), "one two");
    assert!(String::from_utf8_lossy(&got.rest).contains("x-sum: 42"), "{got:?}");
    assert_eq!(stub.arrived()[0].body, b"hello world");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let stub =
        Stub::start(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec()), Act::Close]).await;
    let world = World::before(&stub).await;
    assert_eq!(world.send(request("GET /x", "", b"")).await.text(), "until the end");
    let old = world.send("GET /x HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.text(), "until the end");
}

#[tokio::test]
async fn large_bodies_pass_whole() {
    let body: Vec<u8> = (0..3_000_000u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let echo = body.clone();
    let stub = Stub::start(move |_| answer(200, "", &echo)).await;
    let world = World::before(&stub).await;
    for path in ["/api/v1/files/", "/api/chat/completions", "/anything"] {
        let got = world.send(request(&format!("POST {path}"), "", &body)).await;
        assert!(got.body().unwrap() == body, "{path}: {}", got.head);
    }
    assert!(stub.arrived().iter().all(|request| request.body == body));
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let stub = Stub::start(|_| answer(200, "", b"ok")).await;
    let world = World::before(&stub).await;
    let mut stream = world.connect().await;
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200"), "{rest}");
    assert_eq!(stub.arrived()[0].body, b"hi");
}

#[tokio::test]
async fn a_stream_s_first_piece_does_not_wait_for_the_next() {
    let stub = Stub::start(|_| {
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        vec![
            Act::Send([&head[..], b"8\r\ndata: 1\n\r\n"].concat()),
            Act::Wait(Duration::from_millis(300)),
            Act::Send(b"8\r\ndata: 2\n\r\n0\r\n\r\n".to_vec()),
        ]
    })
    .await;
    let world = World::before(&stub).await;
    for path in ["/stream", "/api/chat/completions"] {
        let mut stream = world.connect().await;
        stream.write_all(&request(&format!("POST {path}"), "", b"{\"stream\":true}")).await.unwrap();
        let mut first = String::new();
        while !first.contains("data: 1") {
            first.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(!first.contains("data: 2"));
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("data: 2") && rest.ends_with("0\r\n\r\n"), "{rest}");
    }
}

#[tokio::test]
async fn connections_to_upstream_are_used_again_and_closed_ones_are_not() {
    let stub = Stub::start(|request| {
        let mut acts = answer(200, "", b"ok");
        if request.target() == "/last" {
            acts.push(Act::Close);
        }
        acts
    })
    .await;
    let world = World::before(&stub).await;
    for path in ["/a", "/b", "/last", "/c"] {
        assert_eq!(world.send(request(&format!("POST {path}"), "", b"x")).await.status(), 200, "{path}");
        // The stub's close is to arrive before the next request.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let connections: Vec<_> = stub.arrived().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

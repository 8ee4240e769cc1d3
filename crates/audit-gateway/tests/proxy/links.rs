//! Links to Open WebUI carry everybody's requests: what one client sends must never be taken for another's.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stub::{Arrived, Stub, answer};
use super::world::{World, request};

async fn ok() -> Stub {
    Stub::start(|_| answer(200, "", b"ok")).await
}

/// What would be taken out of the next request, were it announced and not sent.
const HIDDEN: &str = "DELETE /api/v1/chats/victim HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends the first request and then one whose body is a request; gives what arrived.
async fn then_a_carrier(stub: &Stub, first: &str) -> Vec<Arrived> {
    let world = World::before(stub).await;
    world.send(first).await;
    let got = world.send(request("POST /api/v1/memories/search", "", HIDDEN.as_bytes())).await;
    assert_eq!(got.status(), 200, "after {first:?}");
    let arrived = stub.arrived();
    assert_eq!(arrived.last().unwrap().body, HIDDEN.as_bytes(), "after {first:?}");
    arrived
}

#[tokio::test]
async fn a_length_without_its_body_takes_nothing_from_the_next_request() {
    for line in ["GET /static/loader.js", "GET /x", "HEAD /x", "OPTIONS /x", "DELETE /api/v1/chats/x"] {
        let stub = Stub::hasty(|_| answer(200, "", b"ok")).await;
        let body = "x".repeat(244);
        let first = format!(
            "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let arrived = then_a_carrier(&stub, &first).await;
        assert_eq!(arrived.len(), 2, "{line}: {arrived:?}");
        assert!(arrived[1].line.starts_with("POST /api/v1/memories/search"), "{line}: {arrived:?}");
    }
}

/// The head of a request for a WebSocket, without its end.
fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
}

#[tokio::test]
async fn a_websocket_with_a_body_takes_nothing_from_the_next_request() {
    for path in ["/ws/socket.io/", "/api/v1/chats/list", "/x"] {
        let stub = Stub::hasty(|_| answer(200, "", b"ok")).await;
        let first = format!("{}Content-Length: 50\r\n\r\n{}", upgrade(path), "x".repeat(50));
        let arrived = then_a_carrier(&stub, &first).await;
        assert_eq!(arrived.len(), 2, "{path}: {arrived:?}");
        assert_eq!(
            arrived[0].header("upgrade"),
            None,
            "{path}: no browser asks so, and it is passed on as a read"
        );
    }
}

#[tokio::test]
async fn a_link_that_was_to_become_a_websocket_is_not_used_again() {
    let stub = Stub::start(|request| {
        let is_upgrade = request.header("upgrade").is_some();
        answer(if is_upgrade { 403 } else { 200 }, "", b"ok")
    })
    .await;
    let arrived = then_a_carrier(&stub, &format!("{}\r\n", upgrade("/ws/socket.io/"))).await;
    assert!(arrived[0].header("upgrade").is_some());
    assert_ne!(arrived[0].connection, arrived[1].connection, "what the server makes of it is not known");
}

#[tokio::test]
async fn a_link_with_half_a_request_on_it_is_not_used_again() {
    for head in ["Content-Length: 400\r\n", "Transfer-Encoding: chunked\r\n"] {
        // Answers at once, before the body is there.
        let stub = Stub::hasty(|_| answer(200, "", b"ok")).await;
        let world = World::before(&stub).await;
        for path in ["/api/v1/memories/search", "/api/v1/folders/"] {
            let mut stream = world.connect().await;
            let begun = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{head}\r\n5\r\nhello\r\n");
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut got = [0; 12];
            stream.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, b"HTTP/1.1 200");
            let left = stub.connections();
            drop(stream);
            assert_eq!(world.send(request("GET /next", "", b"")).await.status(), 200);
            assert_eq!(stub.connections(), left + 1, "{path}, {head}");
        }
    }
}

#[tokio::test]
async fn trailers_of_a_request_stop_here() {
    for path in ["/api/v1/folders/", "/api/v1/memories/search", "/static/other"] {
        let stub = ok().await;
        let world = World::before(&stub).await;
        let sent = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close, te\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
             Trailer: cookie, x-user-email\r\nTrailer: x-forwarded-for\r\n\r\n2\r\n{{}}\r\n0\r\n\
             Cookie: token=alice\r\nX-User-Email: boss@x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        );
        assert_eq!(world.send(sent).await.status(), 200);
        let [arrived] = stub.arrived().try_into().unwrap();
        assert_eq!((arrived.body.as_slice(), arrived.trailers.as_slice()), (&b"{}"[..], &[][..]), "{path}");
        for name in ["trailer", "cookie", "x-user-email"] {
            assert_eq!(arrived.header(name), None, "{path}");
        }
        assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
    }
}

#[tokio::test]
async fn bodies_of_every_kind_leave_the_link_to_the_next_request() {
    let stub = ok().await;
    let world = World::before(&stub).await;
    let chunked = |line: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
    };
    let sent = [
        request("POST /a", "", b"hi"),
        chunked("POST /b").into_bytes(),
        chunked("POST /api/v1/folders/").into_bytes(),
        chunked("GET /c").into_bytes(),
        request("POST /d", "Content-Length: 0\r\n", b""),
        request("GET /e", "", b""),
    ];
    for sent in sent {
        assert_eq!(world.send(sent).await.status(), 200);
    }
    let arrived = stub.arrived();
    assert_eq!(arrived.len(), 6, "{arrived:?}");
    assert!(arrived[..4].iter().all(|request| request.body == b"hi"), "{arrived:?}");
    assert!(arrived.iter().all(|request| request.connection == 0), "{arrived:?}");
    assert_eq!(arrived[4].header("content-length"), Some("0"));
}

#[tokio::test]
async fn an_inquiry_announces_no_body() {
    // The state before a change is asked for with the client's own headers.
    let stub = Stub::start(|_| answer(404, "", b"")).await;
    let world = World::before(&stub).await;
    let lines =
        "Content-Type: application/json\r\nCookie: token=a.b.c\r\nIf-None-Match: *\r\nRange: bytes=0-0\r\n";
    world.send(request("POST /api/v1/auths/admin/config", lines, br#"{"ENABLE_SIGNUP":true}"#)).await;
    let arrived = stub.arrived();
    let asked: Vec<_> = arrived.iter().filter(|request| request.line.starts_with("GET ")).collect();
    assert!(!asked.is_empty(), "{arrived:?}");
    for request in asked {
        for name in ["content-length", "transfer-encoding", "if-none-match", "range"] {
            assert_eq!(request.header(name), None, "{request:?}");
        }
    }
}

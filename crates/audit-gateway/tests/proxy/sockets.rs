//! WebSockets through the gateway.

use std::sync::Arc;
use std::time::Duration;

use audit_gateway::proxy::{Direction, SocketListener, SocketTap};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stub::{Act, Stub};
use super::world::{Setting, World};

type Heard = Arc<Mutex<Vec<(Direction, String)>>>;

fn listener() -> (SocketListener, Heard) {
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    let listener: SocketListener = Arc::new(move |opening| {
        let log = Arc::clone(&log);
        let tap: SocketTap = Box::new(move |direction, text| {
            log.lock().push((direction, String::from_utf8_lossy(text).into_owned()));
        });
        opening.target.starts_with("/ws/socket.io").then_some(tap)
    });
    (listener, heard)
}

/// Accepts every WebSocket and sends back what comes; frames masked by a key of zeros are good answers as they are.
async fn echo() -> Stub {
    Stub::start(|_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                    sec-websocket-accept: x\r\n\r\n\x01early";
        vec![Act::Send(head.replace('\u{1}', "\u{1}\u{5}").into_bytes()), Act::Echo]
    })
    .await
}

const EARLY: &[u8] = b"\x01\x05early";

async fn open(world: &World, path: &str) -> (TcpStream, String) {
    let mut stream = world.connect().await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        got.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(got).unwrap())
}

async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, bytes);
}

#[tokio::test]
async fn a_socket_opens_passes_and_is_heard() {
    let stub = echo().await;
    let (sockets, heard) = listener();
    let world = World::with(stub.address, Setting { sockets: Some(sockets), ..Setting::default() }).await;
    let (mut stream, head) = open(&world, "/ws/socket.io/?EIO=4&transport=websocket").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
    assert!(head.contains("sec-websocket-accept: x"), "{head}");
    expect(&mut stream, EARLY).await;
    let frame = [&[0x80, 0x82, 0, 0, 0, 0][..], b"40"].concat();
    let start = [&[0x01, 0x85, 0, 0, 0, 0][..], b"hello"].concat();
    stream.write_all(&[start.clone(), frame.clone()].concat()).await.unwrap();
    expect(&mut stream, &[start, frame].concat()).await;
    let arrived = &stub.arrived()[0];
    assert_eq!(arrived.header("upgrade"), Some("websocket"));
    assert_eq!(arrived.header("connection"), Some("upgrade"));
    assert_eq!(arrived.header("sec-websocket-extensions"), None, "what is heard carries no compression");
    assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
    assert!(heard.lock().contains(&(Direction::ToServer, "hello40".to_owned())), "{:?}", heard.lock());
}

#[tokio::test]
async fn a_socket_that_nobody_hears_may_be_compressed() {
    let stub = echo().await;
    let (sockets, heard) = listener();
    let world = World::with(stub.address, Setting { sockets: Some(sockets), ..Setting::default() }).await;
    let (mut stream, _) = open(&world, "/api/v1/terminals/x").await;
    expect(&mut stream, EARLY).await;
    let extensions = stub.arrived()[0].header("sec-websocket-extensions").map(str::to_owned);
    assert_eq!(extensions.as_deref(), Some("permessage-deflate; client_max_window_bits"));
    assert!(heard.lock().is_empty());
}

#[tokio::test]
async fn an_upstream_that_refuses_is_passed_on() {
    let stub = Stub::start(|_| super::stub::answer(403, "", b"no")).await;
    let world = World::before(&stub).await;
    let (mut stream, head) = open(&world, "/ws/socket.io/").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    expect(&mut stream, b"no").await;
}

#[tokio::test]
async fn only_so_many_sockets_may_be_open() {
    let stub = echo().await;
    let mut setting = Setting::default();
    setting.proxy.max_sockets = 1;
    let world = World::with(stub.address, setting).await;
    let (first, _) = open(&world, "/ws/socket.io/").await;
    let (_, head) = open(&world, "/ws/socket.io/").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    drop(first);
    for _ in 0..200 {
        if world.gateway.free_sockets() == 1 {
            let (_, head) = open(&world, "/ws/socket.io/").await;
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place of a closed socket was not given back");
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let stub = echo().await;
    let world = World::before(&stub).await;
    let (mut stream, _) = open(&world, "/ws/socket.io/").await;
    // Ends between frames: `early` is a fragment of five bytes.
    expect(&mut stream, EARLY).await;
    world.gateway.drain(Duration::from_secs(10)).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [0x88, 0x02, 0x03, 0xE9]);
}

#[tokio::test]
async fn another_protocol_is_not_switched_to() {
    let stub = Stub::start(|_| super::stub::answer(200, "", b"ok")).await;
    let world = World::before(&stub).await;
    let sent = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
                HTTP2-Settings: x\r\n\r\n";
    assert_eq!(world.send(sent).await.status(), 200);
    let arrived = &stub.arrived()[0];
    assert_eq!((arrived.header("upgrade"), arrived.header("http2-settings")), (None, None));
}

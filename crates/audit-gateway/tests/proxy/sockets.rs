//! WebSockets through the gateway.

use std::sync::Arc;
use std::time::Duration;

use audit_gateway::proxy::{Direction, Piece, SocketListener, SocketTap, Verdict};
use audit_gateway::recorder::Mode;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stub::{Act, Stub};
use super::world::{Setting, World, recorded};

type Heard = Arc<Mutex<Vec<(Direction, String)>>>;

fn listener() -> (SocketListener, Heard) {
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    let listener: SocketListener = Arc::new(move |opening| {
        let log = Arc::clone(&log);
        let mut messages = [Vec::new(), Vec::new()];
        let tap: SocketTap = Box::new(move |direction, piece| {
            let message = &mut messages[usize::from(direction == Direction::ToClient)];
            match piece {
                Piece::Text(text) => message.extend_from_slice(text),
                Piece::End => {
                    let text = String::from_utf8_lossy(&std::mem::take(message)).into_owned();
                    log.lock().push((direction, text));
                }
                Piece::Close(_) => {}
            }
            Verdict::Pass
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
    open_with(world, path, "").await
}

async fn open_with(world: &World, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = world.connect().await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n{headers}\
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
    for _ in 0..6_000 {
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

#[tokio::test]
async fn an_upstream_that_fails_is_passed_on() {
    let stub = Stub::start(|_| super::stub::answer(500, "", b"failed")).await;
    let world = World::before(&stub).await;
    let (mut stream, head) = open(&world, "/ws/socket.io/").await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    expect(&mut stream, b"failed").await;
}

/// Sends back what comes; knows one session.
async fn knows_ada() -> Stub {
    knows_ada_and(vec![Act::Echo]).await
}

/// Knows one session, and does this in WebSockets.
async fn knows_ada_and(acts: Vec<Act>) -> Stub {
    Stub::start(move |request| match request.target() {
        "/api/v1/auths/" if request.header("authorization") == Some("Bearer good.session.token") => {
            super::stub::answer(200, JSON, br#"{"id":"u-1","name":"Ada","email":"ada@test","role":"user"}"#)
        }
        target if target.starts_with("/api/v1/") && !target.contains("terminals") => {
            super::stub::answer(401, JSON, b"{}")
        }
        _ => {
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n";
            [&[Act::Send(head.into())], &acts[..]].concat()
        }
    })
    .await
}

const JSON: &str = "content-type: application/json\r\n";

/// A text message, masked by a key of zeros.
fn message(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).unwrap();
    [&[0x81, 0x80 | length, 0, 0, 0, 0][..], text.as_bytes()].concat()
}

async fn say(stream: &mut TcpStream, text: &str) {
    let bytes = message(text);
    stream.write_all(&bytes).await.unwrap();
    expect(stream, &bytes).await;
}

const TERMINAL: &str = "/api/v1/terminals/s-1/api/terminals/t-1";

#[tokio::test]
async fn a_terminal_is_recorded_when_it_opens_as_of_whom_its_first_message_names() {
    let stub = knows_ada().await;
    let world = World::before(&stub).await;
    let (mut stream, head) = open_with(&world, TERMINAL, "Cookie: token=some.other.person\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    say(&mut stream, r#"{"type":"auth","token":"good.session.token"}"#).await;
    for _ in 0..6_000 {
        if !recorded(&world.ledger).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The terminal is still open.
    say(&mut stream, "ls").await;
    let events = recorded(&world.ledger);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "terminal.session.opened");
    assert_eq!((&events[0]["actor"]["id"], &events[0]["outcome"]), (&"u-1".into(), &"success".into()));
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn a_terminal_whose_first_message_names_nobody_is_refused() {
    for (first, reason) in
        [(r#"{"type":"auth","token":"forged.session.token"}"#, "credential_invalid"), ("ls", "no_credential")]
    {
        let stub = knows_ada().await;
        let world = World::before(&stub).await;
        let cookie = "Cookie: token=good.session.token\r\n";
        let (mut stream, _) = open_with(&world, TERMINAL, cookie).await;
        say(&mut stream, first).await;
        let events = world.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["action"], "access.denied");
        assert_eq!(events[0]["reason"], reason, "{events:?}");
        assert_eq!(events[0]["http"]["status"], 101);
        assert_ne!(events[0]["actor"]["id"], "u-1");
    }
}

#[tokio::test]
async fn a_terminal_that_open_webui_closes_at_once_was_refused() {
    for (code, action, outcome) in [
        (4003u16, "access.denied", "denied"),
        (4001, "access.denied", "denied"),
        (4004, "terminal.session.opened", "failure"),
        (1000, "terminal.session.opened", "success"),
    ] {
        let close = [&[0x88, 0x02][..], &code.to_be_bytes()].concat();
        let stub = knows_ada_and(vec![Act::Wait(Duration::from_millis(100)), Act::Send(close.clone())]).await;
        let world = World::before(&stub).await;
        let (mut stream, _) = open(&world, TERMINAL).await;
        stream.write_all(&message(r#"{"type":"auth","token":"good.session.token"}"#)).await.unwrap();
        expect(&mut stream, &close).await;
        drop(stream);
        let events = world.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(
            (&events[0]["action"], &events[0]["outcome"]),
            (&action.into(), &outcome.into()),
            "{code}"
        );
        assert_eq!((&events[0]["http"]["status"], &events[0]["actor"]["id"]), (&101.into(), &"u-1".into()));
    }
}

#[tokio::test]
async fn a_terminal_that_cannot_be_recorded_is_not_opened() {
    let stub = knows_ada().await;
    let world = World::with(stub.address, Setting { disk_is_full: true, ..Setting::default() }).await;
    // That the disk is full shows at the first try.
    let (mut stream, _) = open(&world, TERMINAL).await;
    say(&mut stream, "ls").await;
    drop(stream);
    let asked = stub.arrived().len();
    for _ in 0..6_000 {
        let (_, head) = open(&world, TERMINAL).await;
        if head.starts_with("HTTP/1.1 503") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("terminals were opened that could not be recorded: {} after {asked}", stub.arrived().len());
}

#[tokio::test]
async fn a_note_that_is_written_in_is_one_event_of_whoever_holds_the_connection() {
    let stub = knows_ada().await;
    let world = World::with(stub.address, Setting { hears: true, ..Setting::default() }).await;
    let (mut stream, _) = open(&world, "/ws%2Fsocket.io/?EIO=4&transport=websocket").await;
    say(&mut stream, r#"40{"token":"good.session.token"}"#).await;
    say(&mut stream, r#"42["user-join",{"auth":{"token":"junk"}}]"#).await;
    for _ in 0..3 {
        say(&mut stream, r#"42["ydoc:document:update",{"document_id":"note:n-1","update":[1]}]"#).await;
    }
    say(&mut stream, r#"42["ydoc:document:update",{"document_id":"other:n-2","update":[1]}]"#).await;
    let events = world.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "note.updated");
    assert_eq!(events[0]["target"]["id"], "n-1");
    assert_eq!(events[0]["actor"]["id"], "u-1", "a token that is not good changes nothing");
}

/// Says a text message of any length, without waiting for its echo.
async fn tell(stream: &mut TcpStream, text: &str) {
    let length = u64::try_from(text.len()).unwrap().to_be_bytes();
    let head = [&[0x81, 0xFF][..], &length, &[0; 4]].concat();
    stream.write_all(&[&head, text.as_bytes()].concat()).await.unwrap();
}

#[tokio::test]
async fn a_note_is_seen_however_its_change_is_spelled() {
    let pad = "A".repeat(300_000);
    let (number, namespace) = ("9".repeat(100), "b[".repeat(100));
    for update in [
        r#"451-["ydoc:document:update",{"document_id":"note:n-1","update":{"_placeholder":true,"num":0}}]"#
            .to_owned(),
        format!(r#"42{number}["ydoc:document:update",{{"document_id":"note:n-1"}}]"#),
        format!(r#"42/?a={namespace},["ydoc:document:update",{{"document_id":"note:n-1"}}]"#),
        format!(r#"42["ydoc:document:update",{{"pad":"{pad}","document_id":"note:n-1"}}]"#),
    ] {
        let stub = knows_ada().await;
        let world = World::with(stub.address, Setting { hears: true, ..Setting::default() }).await;
        let (mut stream, _) = open(&world, "/ws/socket.io/?EIO=4&transport=websocket").await;
        say(&mut stream, r#"40{"token":"good.session.token"}"#).await;
        tell(&mut stream, &update).await;
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let events = world.events().await;
        assert_eq!(events.len(), 1, "{events:?} of {}", &update[..40]);
        assert_eq!((&events[0]["target"]["id"], &events[0]["actor"]["id"]), (&"n-1".into(), &"u-1".into()));
    }
}

#[tokio::test]
async fn a_change_in_parts_that_nobody_can_read_is_not_let_pass() {
    let stub = knows_ada().await;
    let world = World::with(stub.address, Setting { hears: true, ..Setting::default() }).await;
    let (mut stream, _) = open(&world, "/ws/socket.io/?EIO=4&transport=websocket").await;
    say(&mut stream, r#"40{"token":"good.session.token"}"#).await;
    tell(&mut stream, r#"451-["ydoc:document:update",{"document_id":{"_placeholder":true,"num":0}}]"#).await;
    expect(&mut stream, &[0x88, 0x02, 0x03, 0xF5]).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "nothing of it was echoed");
    let events = world.events().await;
    assert_eq!((&events[0]["action"], &events[0]["outcome"]), (&"note.updated".into(), &"failure".into()));
    assert_eq!(
        (&events[0]["reason"], &events[0]["actor"]["id"]),
        (&"ambiguous_message".into(), &"u-1".into())
    );
}

#[tokio::test]
async fn in_strict_mode_notes_that_cannot_be_recorded_are_not_written() {
    for (mode, passes) in [(Mode::Strict, false), (Mode::Async, true)] {
        let stub = knows_ada().await;
        let setting = Setting { hears: true, disk_is_full: true, mode, ..Setting::default() };
        let world = World::with(stub.address, setting).await;
        // That the disk is full shows at the first try.
        world.send(super::world::request("POST /api/v1/folders/", "", b"{}")).await;
        for _ in 0..500 {
            if world.recorder.accepts().is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (mut stream, _) = open(&world, "/ws/socket.io/?EIO=4&transport=websocket").await;
        say(&mut stream, r#"40{"token":"good.session.token"}"#).await;
        say(&mut stream, r#"42["usage",{"model":"m"}]"#).await;
        let update = r#"42["ydoc:document:update",{"document_id":"note:n-1"}]"#;
        stream.write_all(&message(update)).await.unwrap();
        if passes {
            expect(&mut stream, &message(update)).await;
        } else {
            expect(&mut stream, &[0x88, 0x02, 0x03, 0xF5]).await;
        }
    }
}

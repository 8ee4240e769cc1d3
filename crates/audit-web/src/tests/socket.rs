//! A few things that only a real connection shows.

use std::net::SocketAddr;
use std::time::Duration;

use audit_control::Role;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::app::{App, events};
use crate::Config;

struct Server {
    app: App,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn serve(config: Config) -> Server {
    let app = App::start_with(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let state = app.state.clone();
    let ended = tokio::spawn(async move {
        crate::serve(listener, state, crate::Around::default(), async {
            let _ = stopped.await;
        })
        .await
    });
    Server { app, address, stop, ended }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn head(&self, request_line: &str, role: Role) -> String {
        let token = self.app.token(role);
        format!("{request_line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n")
    }
}

/// Everything the server sends until it closes.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await.unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn the_readme_s_curl_call_works_as_it_stands() {
    let server = serve(Config::default()).await;
    server.app.record(&events(3)).await;
    let mut stream = server.connect().await;
    let head = server.head("GET /api/v1/auditlog?from=2026-03-01&to=2026-03-20", Role::Auditor);
    let request = format!("{head}Content-Type: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("e-0") && answer.contains("e-2"));
}

#[tokio::test]
async fn a_request_that_runs_when_the_server_stops_is_answered() {
    let server = serve(Config::default()).await;
    let mut stream = server.connect().await;
    let body = events(1)[0].to_string();
    let head = server.head("POST /api/v1/auditlog/events", Role::Ingest);
    let half = body.len() / 2;
    let request = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..half]
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // The server has accepted the connection when it answers another one on the side.
    let mut other = server.connect().await;
    other
        .write_all(b"GET /api/v1/auditlog/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    read_all(&mut other).await;

    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.write_all(&body.as_bytes()[half..]).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    server.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "no new connections");
}

#[tokio::test]
async fn a_connection_that_sends_no_request_is_closed() {
    let server = serve(Config { head_timeout: Duration::from_millis(50), ..Config::default() }).await;
    let mut silent = server.connect().await;
    silent.write_all(b"GET /api").await.unwrap();
    read_all(&mut silent).await;
}

#[tokio::test]
async fn a_body_that_stops_arriving_is_answered_with_a_time_out() {
    let server = serve(Config { body_timeout: Duration::from_millis(50), ..Config::default() }).await;
    let mut stream = server.connect().await;
    let head = server.head("POST /api/v1/auditlog/events", Role::Ingest);
    let request = format!("{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let count =
        tokio::time::timeout(Duration::from_secs(20), stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn a_live_tail_ends_when_the_server_stops() {
    let server = serve(Config::default()).await;
    let mut stream = server.connect().await;
    let head = server.head("GET /api/v1/auditlog/stream", Role::Auditor);
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    let count = stream.read(&mut first).await.unwrap();
    assert!(String::from_utf8_lossy(&first[..count]).contains("text/event-stream"));
    server.stop.send(()).unwrap();
    read_all(&mut stream).await;
    server.ended.await.unwrap().unwrap();
}

//! An application served beside the API, over plain connections and TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use super::app::App;
use crate::{Around, Config, Front, FrontBody, RequestBody, Tls, Via};

/// Says who asks for what.
async fn echo(request: Request<RequestBody>, via: Via) -> Response<FrontBody> {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let text = match request.into_body().collect().await {
        Ok(body) => {
            let length = body.to_bytes().len();
            format!("{target} {} {length}", if via.is_tls { "tls" } else { "plain" })
        }
        Err(error) => format!("{target} {error}"),
    };
    Response::new(FrontBody::new(Full::new(Bytes::from(text)).map_err(|never| match never {})))
}

struct Server {
    app: App,
    address: std::net::SocketAddr,
    /// A request has reached the front.
    begun: Arc<Notify>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve(tls: Option<Tls>) -> Server {
    serve_with(Config::default(), tls).await
}

async fn serve_with(config: Config, tls: Option<Tls>) -> Server {
    let app = App::start_with(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let begun = Arc::new(Notify::new());
    let told = Arc::clone(&begun);
    let front = Front::new(move |request, via| {
        told.notify_one();
        echo(request, via)
    });
    let around = Around { front: Some(front), tls, origins: None, shards: None };
    let state = app.state.clone();
    let stopped = async move { drop(stopped.await) };
    let ended = tokio::spawn(async move { crate::serve(listener, state, around, stopped).await });
    Server { app, address, begun, stop, ended }
}

async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_not_ours_goes_to_the_front_as_it_came() {
    let server = serve(None).await;
    for path in ["/", "/api/v1/users/?q=%41", "/a//b/../c", "/api/v1/files/x%2F..%2Fy", "/audits"] {
        let answer = get(TcpStream::connect(server.address).await.unwrap(), path).await;
        assert!(answer.ends_with(&format!("{path} plain 0")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_ours_is_answered_here_and_its_disguises_by_nobody() {
    let server = serve(None).await;
    let answer = get(TcpStream::connect(server.address).await.unwrap(), "/api/v1/auditlog/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for path in [
        "/api/v1/%61uditlog/healthz",
        "//api/v1/auditlog",
        "/x/../audit",
        "/Audit",
        "/api/v1/auditlog%2fstats",
    ] {
        let answer = get(TcpStream::connect(server.address).await.unwrap(), path).await;
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("no_such_route"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn stopping_waits_for_the_front_s_requests() {
    let server = serve(None).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab").await.unwrap();
    server.begun.notified().await;
    server.stop.send(()).unwrap();
    stream.write_all(b"cd").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("/slow plain 4"), "{answer}");
    server.ended.await.unwrap().unwrap();
    drop(server.app);
}

#[tokio::test]
async fn a_body_that_was_announced_and_does_not_come_ends_its_connection() {
    let config = Config { front_body_timeout: Duration::from_millis(50), ..Config::default() };
    let server = serve_with(config, None).await;
    for sent in
        ["Content-Length: 4\r\n\r\n", "Content-Length: 4\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("POST /silent HTTP/1.1\r\nHost: a\r\n{sent}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let ended = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .expect("the connection is closed")
            .unwrap();
        assert!(answer.ends_with("/silent timed out"), "{answer}");
    }
}

#[tokio::test]
async fn nor_does_a_page_wait_for_a_form_that_does_not_come() {
    let config = Config { body_timeout: Duration::ZERO, ..Config::default() };
    let server = serve_with(config, None).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        "POST /audit/sign-in HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let ended = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the connection is closed").unwrap();
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
}

/// Certificates made once for these tests: a CA, and two of its servers named `localhost` (valid until 2046).
mod pem {
    pub const CA: &str = include_str!("tls/ca.pem");
    pub const FIRST: [&str; 2] = [include_str!("tls/first.pem"), include_str!("tls/first.key")];
    pub const SECOND: [&str; 2] = [include_str!("tls/second.pem"), include_str!("tls/second.key")];
}

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn with([certificate, key]: [&str; 2]) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        files.write([certificate, key]);
        files
    }

    fn write(&self, [certificate, key]: [&str; 2]) {
        std::fs::write(self.directory.path().join("c.pem"), certificate).unwrap();
        std::fs::write(self.directory.path().join("k.pem"), key).unwrap();
    }

    fn load(&self) -> Result<Tls, crate::TlsError> {
        Tls::load(&self.directory.path().join("c.pem"), &self.directory.path().join("k.pem"), None)
    }
}

type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(server: &Server, protocols: &[&str]) -> TlsStream {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem::CA.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

fn served_certificate(stream: &TlsStream) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn tls_serves_http1_and_a_new_certificate_once_it_is_there() {
    let files = Files::with(pem::FIRST);
    let tls = files.load().unwrap();
    let server = serve(Some(tls.clone())).await;
    let stream = connect(&server, &["http/1.1"]).await;
    let first = served_certificate(&stream);
    let answer = get(stream, "/hello").await;
    assert!(answer.ends_with("/hello tls 0"), "{answer}");

    files.write(["nonsense", "nonsense"]);
    assert!(tls.reload().is_err());
    assert_eq!(served_certificate(&connect(&server, &[]).await), first, "what is served stays");
    files.write([pem::SECOND[0], pem::FIRST[1]]);
    assert!(tls.reload().is_err(), "the key of another certificate");
    files.write(pem::SECOND);
    tls.reload().unwrap();
    assert_ne!(served_certificate(&connect(&server, &[]).await), first);
}

#[tokio::test]
async fn tls_serves_http2_to_those_who_can() {
    let server = serve(Some(Files::with(pem::FIRST).load().unwrap())).await;
    let stream = connect(&server, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut requests, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("https://localhost/hello?x=1").body(Full::new(Bytes::from("abc"))).unwrap();
    let answer = requests.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "/hello?x=1 tls 3");
    let request = Request::get("https://localhost/api/v1/auditlog/healthz").body(Full::default()).unwrap();
    assert_eq!(requests.send_request(request).await.unwrap().status(), 200);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let error = Files::with(["", ""]).load().err().unwrap().to_string();
    assert!(error.contains("c.pem"), "{error}");
    let error = Files::with([pem::FIRST[0], "x"]).load().err().unwrap().to_string();
    assert!(error.contains("k.pem"), "{error}");
}

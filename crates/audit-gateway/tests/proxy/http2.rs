//! HTTP/2 through the gateway: what its requests become on HTTP/1.1 links.

use std::pin::Pin;
use std::task::{Context, Poll};

use audit_gateway::body::{self, Body};
use audit_gateway::proxy::Peer;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::stub::{Arrived, Stub, answer};
use super::world::{World, request};

/// A client that speaks HTTP/2 with the gateway.
async fn client(world: &World) -> SendRequest<Body> {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let gateway = world.gateway.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let gateway = gateway.clone();
        async move {
            let peer = Peer { ip: std::net::Ipv4Addr::LOCALHOST.into(), is_tls: true };
            Ok::<_, std::convert::Infallible>(gateway.handle(request, peer).await)
        }
    });
    tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(theirs), service));
    let (requests, connection) = handshake(TokioExecutor::new(), TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    requests
}

async fn send(client: &mut SendRequest<Body>, request: Request<Body>) -> hyper::Result<Response<Bytes>> {
    let (head, body) = client.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

/// Sends one request on a connection of its own; gives what arrived.
async fn arrived(request: Request<Body>) -> Arrived {
    let stub = Stub::start(|_| answer(200, "", b"ok")).await;
    let world = World::before(&stub).await;
    let got = send(&mut client(&world).await, request).await.unwrap();
    assert_eq!((got.status(), got.body().as_ref()), (StatusCode::OK, &b"ok"[..]));
    stub.arrived().pop().unwrap()
}

/// A body without a length, which ends in trailers.
fn with_trailers(text: &'static str) -> Body {
    let trailers: HeaderMap =
        [(http::header::COOKIE, HeaderValue::from_static("token=alice"))].into_iter().collect();
    Body::new(Frames(vec![Frame::trailers(trailers), Frame::data(Bytes::from_static(text.as_bytes()))]))
}

/// Frames, the last one first, of a length that nobody knows.
struct Frames(Vec<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = body::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, body::BoxError>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }
}

#[tokio::test]
async fn split_cookies_are_one_line_and_the_authority_is_the_host() {
    let request = Request::get("https://chat.test/x?y=1")
        .header("host", "other.test")
        .header("cookie", "a=1")
        .header("cookie", "token=t")
        .body(body::empty());
    let arrived = arrived(request.unwrap()).await;
    assert_eq!(arrived.line, "GET /x?y=1 HTTP/1.1");
    let all = |name: &str| -> Vec<&str> {
        let named = arrived.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(all("cookie"), ["a=1; token=t"]);
    assert_eq!((all("host"), all("x-forwarded-proto")), (vec!["chat.test"], vec!["https"]));
    assert_eq!((all("content-length"), all("transfer-encoding")), (vec![], vec![]));
}

#[tokio::test]
async fn a_body_without_a_length_arrives_whole_and_its_trailers_do_not() {
    for path in ["/x", "/api/v1/folders/"] {
        let request = Request::post(format!("https://chat.test{path}")).header("trailer", "cookie");
        let arrived = arrived(request.body(with_trailers("{}")).unwrap()).await;
        assert_eq!((arrived.body.as_slice(), arrived.trailers.len()), (&b"{}"[..], 0), "{path}");
        assert_eq!((arrived.header("trailer"), arrived.header("cookie")), (None, None), "{path}");
        assert_eq!(arrived.header("transfer-encoding"), Some("chunked"), "{path}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_kept_takes_nothing_from_the_next_request() {
    for (method, length, body) in
        [("POST", "50", "short"), ("POST", "2", "longer"), ("GET", "50", ""), ("POST", "", "")]
    {
        let stub = Stub::hasty(|_| answer(200, "", b"ok")).await;
        let world = World::before(&stub).await;
        let request_of = Request::builder().method(method).uri("https://chat.test/static/loader.js");
        let body = if body.is_empty() { body::empty() } else { with_trailers(body) };
        let odd = request_of.header("content-length", length).body(body).unwrap();
        // Whether it is refused, or passed on without the length, is HTTP/2's affair.
        let _ = send(&mut client(&world).await, odd).await;
        let hidden = b"DELETE /api/v1/chats/victim HTTP/1.1\r\nHost: a\r\n\r\n";
        let got = world.send(request("POST /api/v1/memories/search", "", hidden)).await;
        assert_eq!(got.status(), 200, "{method} {length:?}");
        let arrived = stub.arrived();
        assert_eq!(arrived.last().unwrap().body, hidden, "{method} {length:?}: {arrived:?}");
        assert!(!arrived.iter().any(|request| request.line.starts_with("DELETE")), "{arrived:?}");
    }
}

//! Requests that come through a proxy in front of us.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use audit_event::Client;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::app::App;
use crate::{Around, Config, Origins};

/// Loopback is a proxy that names its client in one header.
struct OneProxy;

impl Origins for OneProxy {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client<'static> {
        let client = headers.get("x-forwarded-for").map(|value| value.to_str().unwrap().to_owned());
        Client {
            ip: client.as_ref().map(|client| client.parse().unwrap()).or(Some(peer)),
            peer_ip: Some(peer),
            forwarded_for: client.into_iter().map(Into::into).collect(),
            ..Client::default()
        }
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        peer.is_loopback()
    }
}

async fn serve() -> (App, SocketAddr) {
    let app = App::start_with(Config::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let around = Around { origins: Some(Arc::new(OneProxy)), ..Around::default() };
    tokio::spawn(crate::serve(listener, app.state.clone(), around, std::future::pending()));
    (app, address)
}

/// Tries a bad token in the name of `client`; gives the answer's status.
async fn try_to_sign_in(address: SocketAddr, client: &str) -> String {
    let head = format!(
        "POST /audit/sign-in HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nX-Forwarded-For: {client}\r\n\
         Connection: close\r\nContent-Length: 7\r\n\r\ntoken=x"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn who_fails_to_sign_in_locks_nobody_else_behind_the_proxy_out() {
    let (_app, address) = serve().await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(try_to_sign_in(address, "203.0.113.9").await);
    }
    assert_eq!(answers.first().map(String::as_str), Some("422"));
    assert_eq!(answers.last().map(String::as_str), Some("429"), "{answers:?}");
    assert_eq!(try_to_sign_in(address, "203.0.113.10").await, "422");
}

#[tokio::test]
async fn the_record_has_the_client_and_the_proxy() {
    let (app, address) = serve().await;
    try_to_sign_in(address, "203.0.113.9").await;
    let deed = app.deeds("audit.access_denied").await.remove(0);
    assert_eq!(deed["client"]["ip"], "203.0.113.9");
    assert_eq!(deed["client"]["peer_ip"], "127.0.0.1");
    assert_eq!(deed["client"]["forwarded_for"][0], "203.0.113.9");
}

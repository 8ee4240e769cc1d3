//! One HTTP connection that asks one thing after another, with as little of its own as possible.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    authorization: String,
}

impl Wire {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string(), authorization: format!("Bearer {token}") })
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<http::Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Appends NDJSON and returns when it is durable. A server that asks for patience is given it.
    pub(crate) async fn append(&mut self, events: Bytes) -> anyhow::Result<()> {
        loop {
            let answer = self.send(Method::POST, "/api/v1/auditlog/events", events.clone()).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            match status {
                status if status.is_success() => return Ok(()),
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                status => bail!("append: {status}: {}", String::from_utf8_lossy(&body)),
            }
        }
    }

    /// Asks, and returns the whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&whole));
        }
        Ok(whole.freeze())
    }

    /// Asks, throws the answer away as it comes, and says how long it was and took.
    pub(crate) async fn drain(&mut self, path: &str) -> anyhow::Result<(u64, Duration)> {
        let start = Instant::now();
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        if !answer.status().is_success() {
            bail!("{path}: {}", answer.status());
        }
        let mut body = answer.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok((length, start.elapsed()))
    }
}

//! A server that answers with the bytes it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub line: String,
    pub headers: Vec<(String, String)>,
    /// Its transfer coding undone.
    pub body: Vec<u8>,
    /// The lines after the last chunk.
    pub trailers: Vec<String>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Arrived {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What the stub does for a request.
#[derive(Debug, Clone)]
pub enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
    /// Sends back whatever comes, until the end.
    Echo,
}

/// An answer with a length.
pub fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<Act> {
    let head = format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: {}\r\n\r\n", body.len());
    vec![Act::Send([head.as_bytes(), body].concat())]
}

type Script = Arc<dyn Fn(&Arrived) -> Vec<Act> + Send + Sync>;

pub struct Stub {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Stub {
    pub async fn start(script: impl Fn(&Arrived) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub fn on(listener: TcpListener, script: impl Fn(&Arrived) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::serving(listener, script, Body::First)
    }

    /// One that answers before it has read a request's body, as Open WebUI does when it needs none.
    pub async fn hasty(script: impl Fn(&Arrived) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::serving(TcpListener::bind("127.0.0.1:0").await.unwrap(), script, Body::Last)
    }

    fn serving(
        listener: TcpListener,
        script: impl Fn(&Arrived) -> Vec<Act> + Send + Sync + 'static,
        body: Body,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let script: Script = Arc::new(script);
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (log, connections) = (Arc::clone(&arrived), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, connection, body, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self { address, arrived, connections, accepting }
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Every request so far, those that ask who somebody is left out.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().iter().filter(|request| !is_inquiry(request)).cloned().collect()
    }

    /// How often it was asked who somebody is.
    pub fn inquiries(&self) -> usize {
        self.arrived.lock().iter().filter(|request| is_inquiry(request)).count()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn is_inquiry(request: &Arrived) -> bool {
    request.header("user-agent").is_some_and(|agent| agent.contains("(identity)"))
}

/// When a request's body is read: before its answer is sent, or after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    First,
    Last,
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    body: Body,
    script: Script,
    log: Arc<Mutex<Vec<Arrived>>>,
) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut stream, &mut buffer, connection).await {
        if body == Body::First && read_body(&mut stream, &mut buffer, &mut request).await.is_none() {
            return;
        }
        let acts = script(&request);
        if body == Body::First {
            log.lock().push(request.clone());
        }
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Act::Wait(time) => tokio::time::sleep(time).await,
                Act::Close => return,
                Act::Echo => {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    return;
                }
            }
        }
        if body == Body::Last {
            if read_body(&mut stream, &mut buffer, &mut request).await.is_none() {
                return;
            }
            log.lock().push(request);
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 64 << 10];
    let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&piece[..length]);
    Some(())
}

async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Arrived> {
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => more(stream, buffer).await?,
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    buffer.drain(..end);
    Some(Arrived { line, headers, body: Vec::new(), trailers: Vec::new(), connection })
}

async fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &mut Arrived) -> Option<()> {
    if request.header("transfer-encoding").is_some() {
        (request.body, request.trailers) = read_chunked(stream, buffer).await?;
    } else if let Some(length) = request.header("content-length") {
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        request.body = buffer.drain(..length).collect();
    }
    Some(())
}

async fn read_chunked(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(Vec<u8>, Vec<String>)> {
    loop {
        if let Some(chunked) = dechunk(buffer) {
            buffer.drain(..chunked.length);
            return Some((chunked.body, chunked.trailers));
        }
        more(stream, buffer).await?;
    }
}

/// A body that came in chunks.
pub struct Chunked {
    pub body: Vec<u8>,
    pub trailers: Vec<String>,
    /// On the wire, trailers included.
    pub length: usize,
}

/// A whole chunked body; `None` while it is not whole.
pub fn dechunk(bytes: &[u8]) -> Option<Chunked> {
    let (mut at, mut body, mut trailers) = (0, Vec::new(), Vec::new());
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap();
        at += line + 2;
        if size == 0 {
            loop {
                let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
                let text = String::from_utf8_lossy(&bytes[at..at + line]).into_owned();
                at += line + 2;
                if line == 0 {
                    return Some(Chunked { body, trailers, length: at });
                }
                trailers.push(text);
            }
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
    }
}

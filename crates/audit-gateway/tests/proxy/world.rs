//! A gateway with a real ledger behind it, and clients that speak to it in raw bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit_event::{Clock, Entry, ManualClock, Timestamp};
use audit_gateway::proxy::{self, Gateway, Peer, SocketListener};
use audit_gateway::recorder::{self, Mode, Modes, Recorder};
use audit_gateway::{UpstreamClient, identity, upstream};
use audit_ledger::disk::RealDisk;
use audit_ledger::{Environment, Ledger};
use audit_pipeline::intake::{self, Intake};
use audit_pipeline::sources::openwebui::table::RouteTable;
use audit_tlog::LeafIndex;
use audit_tlog::note::{KeyName, Signer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::stub::{Stub, dechunk};

/// 2026-11-20T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_795_176_000_000_000);

/// More than any disk has free: with this the ledger refuses.
const FULL: u64 = u64::MAX / 2;

/// How a world differs from the usual.
pub struct Setting {
    pub mode: Mode,
    pub disk_is_full: bool,
    pub proxy: proxy::Config,
    pub head_timeout: Duration,
    pub sockets: Option<SocketListener>,
    /// Hears Socket.IO as the server does, model calls left out; instead of `sockets`.
    pub hears: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            mode: Mode::Strict,
            disk_is_full: false,
            proxy: proxy::Config::default(),
            head_timeout: Duration::from_secs(20),
            sockets: None,
            hears: false,
        }
    }
}

pub struct World {
    pub address: SocketAddr,
    pub gateway: Gateway,
    pub ledger: Ledger,
    pub recorder: Recorder,
    directory: tempfile::TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

impl World {
    /// In front of `stub`.
    pub async fn before(stub: &Stub) -> Self {
        Self::with(stub.address, Setting::default()).await
    }

    pub async fn with(upstream_address: SocketAddr, setting: Setting) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = open_ledger(directory.path(), if setting.disk_is_full { FULL } else { 0 });
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let intake = Intake::new(ledger.clone(), Arc::clone(&clock), intake::Config::default());
        let mut journal = recorder::Config::new(&directory.path().join("intents"));
        journal.modes = Modes::all(setting.mode);
        journal.patience = Duration::from_millis(20);
        let recorder = Recorder::open(journal, intake, None).unwrap();
        let config = upstream::Config {
            head_timeout: setting.head_timeout,
            ..upstream::Config::new(format!("http://{upstream_address}"))
        };
        let upstream = UpstreamClient::build(&config).unwrap();
        let resolver = identity::Resolver::build(
            identity::Config::default(),
            upstream.clone(),
            &[7; 32],
            Arc::clone(&clock),
        );
        let resolver = Arc::new(resolver);
        let hears = setting.hears.then(|| {
            proxy::socket_io::listener(Arc::clone(&resolver), recorder.clone(), Arc::clone(&clock), None)
        });
        let parts = proxy::Parts {
            upstream,
            table: RouteTable::embedded(),
            resolver,
            recorder: recorder.clone(),
            clock,
            sockets: hears.or(setting.sockets),
            counting: proxy::Counting::AtModelGateway,
        };
        let gateway = Gateway::build(setting.proxy, parts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, gateway.clone()));
        Self { address, gateway, ledger, recorder, directory, accepting }
    }

    /// What is recorded when all that passed has been.
    pub async fn events(&self) -> Vec<Value> {
        self.gateway.drain(Duration::from_secs(20)).await;
        let recorder = self.recorder.clone();
        tokio::task::spawn_blocking(move || recorder.finish()).await.unwrap();
        assert!(self.directory.path().exists());
        recorded(&self.ledger)
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own, and gives back all that comes until the other side closes.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Got {
        send(self.address, request).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, gateway: Gateway) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let gateway = gateway.clone();
        let service = service_fn(move |request| {
            let gateway = gateway.clone();
            async move {
                let peer = Peer { ip: peer.ip(), is_tls: false };
                Ok::<_, std::convert::Infallible>(gateway.handle(request, peer).await)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::spawn(connection);
    }
}

/// What the ledger holds.
pub fn recorded(ledger: &Ledger) -> Vec<Value> {
    let reader = ledger.reader();
    (0..ledger.size().get())
        .map(|index| {
            let bytes = reader.get(LeafIndex::new(index)).unwrap();
            let mut json = Vec::new();
            Entry::decode(&bytes).unwrap().write_json(&mut json);
            serde_json::from_slice(&json).unwrap()
        })
        .collect()
}

fn open_ledger(directory: &Path, min_free_bytes: u64) -> Ledger {
    let mut config = audit_ledger::Config::new(directory.join("ledger"), "test.example/audit");
    config.min_free_bytes = min_free_bytes;
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(|| NOW.as_micros()),
        signer: Arc::new(Signer::from_seed(KeyName::new("test.example/audit").unwrap(), &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: intake::leaf_of_entry,
        key_fn: intake::key_of_entry,
        same_fn: intake::same_event,
    };
    Ledger::open(config, environment).unwrap()
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub head: String,
    /// With its transfer coding, if it has one.
    pub rest: Vec<u8>,
}

impl Got {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body, its transfer coding undone; `None` when it is cut off.
    pub fn body(&self) -> Option<Vec<u8>> {
        if self.header("transfer-encoding").is_some() {
            return dechunk(&self.rest).map(|chunked| chunked.body);
        }
        let length = self.header("content-length").map_or(self.rest.len(), |length| length.parse().unwrap());
        (self.rest.len() >= length).then(|| self.rest[..length].to_vec())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body().unwrap_or_default()).into_owned()
    }
}

/// A request that closes its connection: line, further headers, body.
pub fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{line} HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n{headers}{length}\r\n");
    [head.as_bytes(), body].concat()
}

pub async fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Got {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let (mut bytes, request) = (Vec::new(), request.as_ref());
    let both = async {
        // A refusal may come, and the connection end, before all of the request is taken.
        let (_, read) = tokio::join!(to.write_all(request), from.read_to_end(&mut bytes));
        drop(read);
    };
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    split(&bytes)
}

/// Head and rest of an answer.
pub fn split(bytes: &[u8]) -> Got {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    Got { head: String::from_utf8_lossy(&bytes[..end]).into_owned(), rest: bytes[end..].to_vec() }
}

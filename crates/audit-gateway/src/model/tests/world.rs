//! A ledger, a recorder, a gateway with its listener, and a client.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit_event::{Clock, Entry, ManualClock, Timestamp};
use audit_ledger::disk::{Disk, RealDisk};
use audit_ledger::{Environment, Ledger};
use audit_pipeline::prices::Prices;
use audit_pipeline::{Intake, intake};
use audit_tlog::LeafIndex;
use audit_tlog::note::{KeyName, Signer};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::net::TcpListener;

use super::super::{Config, ModelGateway, Parts, Provider};
use super::provider;
use crate::UpstreamClient;
use crate::body::{BoxError, full};
use crate::recorder::{self, Mode, Modes, Recorder};
use crate::upstream;

/// 2026-11-20T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_795_176_000_000_000);

pub(super) const PRICES: &str = "[[price]]\nmodel = \"m\"\ninput = 1.5\noutput = 2\n";

/// Everything between a client and a stub provider.
pub(super) struct World {
    pub gateway: ModelGateway,
    pub address: SocketAddr,
    pub client: UpstreamClient,
    recorder: Recorder,
    ledger: Ledger,
    _directory: tempfile::TempDir,
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Why it broke off.
    pub error: Option<BoxError>,
}

impl Got {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A configuration in which loopback is Open WebUI, with the provider `stub` at this address.
pub(super) fn config(provider: SocketAddr) -> Config {
    let callers = vec!["127.0.0.0/8".parse().unwrap()];
    let providers = vec![Provider::new("stub", &format!("http://{provider}"))];
    Config { callers, providers, ..Config::new() }
}

impl World {
    pub(super) async fn new(provider: &provider::Provider) -> Self {
        Self::with(config(provider.address), Mode::Async, 0).await
    }

    /// `min_free_bytes` beyond any disk makes the ledger refuse.
    pub(super) async fn with(config: Config, mode: Mode, min_free_bytes: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = ledger(directory.path(), min_free_bytes);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let intake = Intake::new(ledger.clone(), Arc::clone(&clock), intake::Config::default());
        let mut recording = recorder::Config::new(&directory.path().join("intents"));
        recording.modes = Modes::all(mode);
        let recorder = Recorder::open(recording, intake, None).unwrap();
        let prices = Arc::new(Prices::parse(PRICES).unwrap());
        let gateway =
            ModelGateway::build(config, Parts { recorder: recorder.clone(), clock, prices }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(gateway.clone().serve(listener, std::future::pending()));
        let client = UpstreamClient::build(&upstream::Config::new(format!("http://{address}"))).unwrap();
        Self { gateway, address, client, recorder, ledger, _directory: directory }
    }

    pub(super) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Got {
        self.send(post(path, &[]), body).await
    }

    pub(super) async fn send(&self, head: http::request::Builder, body: impl Into<Bytes>) -> Got {
        let request: Request<crate::Body> = head.body(full(body.into())).unwrap();
        let answer = self.client.send(request).await.unwrap();
        let (head, mut body) = answer.into_parts();
        let mut got =
            Got { status: head.status.as_u16(), headers: head.headers, body: Vec::new(), error: None };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => got.body.extend_from_slice(frame.data_ref().map_or(&[][..], |bytes| bytes)),
                Err(error) => got.error = Some(error),
            }
        }
        got
    }

    /// The events, once there are so many.
    pub(super) async fn events(&self, count: u64) -> Vec<Value> {
        for _ in 0..12_000 {
            if self.ledger.size().get() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let recorder = self.recorder.clone();
        tokio::task::spawn_blocking(move || recorder.finish()).await.unwrap();
        let events = self.recorded();
        assert_eq!(events.len() as u64, count, "{events:#?}");
        events
    }

    pub(super) async fn event(&self) -> Value {
        self.events(1).await.remove(0)
    }

    /// What is durable by now.
    pub(super) fn recorded(&self) -> Vec<Value> {
        let reader = self.ledger.reader();
        let json = |index| {
            let bytes = reader.get(LeafIndex::new(index)).unwrap();
            let mut json = Vec::new();
            Entry::decode(&bytes).unwrap().write_json(&mut json);
            serde_json::from_slice(&json).unwrap()
        };
        (0..self.ledger.size().get()).map(json).collect()
    }
}

/// The head of a request of Open WebUI's, for the user Ada.
pub(super) fn post(path: &str, more: &[(&str, &str)]) -> http::request::Builder {
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer sk-from-open-webui"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "a=b"),
        ("x-openwebui-user-id", "u-1"),
        ("x-openwebui-user-name", "Ada L%C3%B6we"),
        ("x-openwebui-user-email", "ada@example.test"),
        ("x-openwebui-user-role", "user"),
        ("x-openwebui-auth-type", "jwt"),
        ("x-openwebui-chat-id", "c-1"),
    ];
    let head = Request::post(path);
    headers.iter().chain(more).fold(head, |head, (name, value)| head.header(*name, *value))
}

fn ledger(directory: &Path, min_free_bytes: u64) -> Ledger {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut config = audit_ledger::Config::new(directory.join("ledger"), "test.example/audit");
    config.min_free_bytes = min_free_bytes;
    let environment = Environment {
        disk,
        clock: Arc::new(|| NOW.as_micros()),
        signer: Arc::new(Signer::from_seed(KeyName::new("test.example/audit").unwrap(), &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: intake::leaf_of_entry,
        key_fn: intake::key_of_entry,
        same_fn: intake::same_event,
    };
    Ledger::open(config, environment).unwrap()
}

//! The server: Config → App → Running, each consuming the one before.
//!
//! [`App::bind`] takes the socket before anything else, so that a port in use costs nothing. [`App::start`] opens the
//! store and begins to answer; [`Running::stop`] drains: no new connections, running requests end, everything queued
//! is durable, a last checkpoint is signed, the index is on disk.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use audit_event::Json;
use audit_web::{AppState, Around, ExportFiles, Parts, Shards, Surroundings, Tls};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    capture,
    config::Config,
    gateway::{self, Gates},
    premises,
    receiving::Receiving,
    store::{Store, system_event},
};

/// A configuration and the socket it asks for.
pub(crate) struct App {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
}

/// A server that answers.
pub(crate) struct Running {
    store: Store,
    receiving: Receiving,
    gates: Option<Gates>,
    address: SocketAddr,
    is_tls: bool,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
    shards: Shards,
}

impl App {
    /// Binds the socket.
    pub(crate) async fn bind(config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let tls = match (&config.tls.certificate_file, &config.tls.key_file) {
            (Some(certificate), Some(key)) => {
                let client_ca = config.tls.client_ca_file.as_deref();
                Some(Tls::load(certificate, key, client_ca).context("tls")?)
            }
            _ => None,
        };
        Ok(Self { config, listener, address, tls })
    }

    /// Opens the store; connections wait meanwhile.
    pub(crate) fn open(&self, data_dir: &Path) -> anyhow::Result<Store> {
        let mut store = Store::open(&self.config, data_dir)?;
        store
            .lock_mut()
            .describe(&format!("{}://{}", scheme(self.tls.is_some()), self.address))
            .context("cannot write the lock file")?;
        Ok(store)
    }

    /// Serves `store`.
    pub(crate) fn start(self, store: Store) -> anyhow::Result<Running> {
        let mut receiving = Receiving::open(&self.config, &store)?;
        let gates = Gates::open(&self.config, &store, receiving.listener())?;
        receiving.follow(&self.config, &store)?;
        let parts = Parts {
            sessions: gates.as_ref().and_then(Gates::sessions),
            roster: gates.as_ref().and_then(Gates::roster),
            receiving: Some(receiving.web()),
            provider: crate::provider::of(&self.config.oidc)?,
            surroundings: Some(surroundings(&self.config, gates.as_ref(), &store)?),
            ..web_parts(&store)
        };
        let files = export_files(&self.config, &store);
        let web = audit_web::Config { export_files: Some(files), ..web_config(&self.config) };
        let state = AppState::build(web, parts).context("cannot build the API")?;
        let mut event = system_event("ledger.started");
        event.message = Some(
            format!("Recording started: secureai-audit {} on {}", env!("CARGO_PKG_VERSION"), self.address)
                .into(),
        );
        event.details = Some(Json::object([("version", env!("CARGO_PKG_VERSION"))]));
        store.record_or_warn(event);
        let recorded = capture::of(&self.config)?;
        if let Some(event) = capture::compare(store.control(), &recorded, store.clock().now())? {
            store.record_or_warn(event);
        }
        let (stop, stopped) = oneshot::channel();
        // A sender that is gone asks to stop as well.
        let stopped = async move { drop(stopped.await) };
        let is_tls = self.tls.is_some();
        let shards = Shards::start(cores()).context("no threads can be started")?;
        let around = Around {
            front: gates.as_ref().and_then(Gates::front),
            tls: self.tls,
            origins: Some(gateway::origins(&self.config.gateway)?),
            shards: Some(shards.clone()),
        };
        let server = tokio::spawn(audit_web::serve(self.listener, state, around, stopped));
        Ok(Running { store, receiving, gates, address: self.address, is_tls, stop, server, shards })
    }
}

impl Running {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", scheme(self.is_tls), self.address)
    }

    /// What it serves.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Drains and closes. Nothing that was acknowledged is lost even if this fails or is cut short.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        // The server may have ended by itself; then nobody listens.
        let _ = self.stop.send(());
        let served = self.server.await.context("the server's task panicked")?;
        if let Some(gates) = self.gates {
            gates.close().await?;
        }
        let (store, receiving) = (self.store, self.receiving);
        let closed = tokio::task::spawn_blocking(move || {
            receiving.close();
            let mut event = system_event("ledger.stopped");
            event.message = Some("Recording stopped in order".into());
            store.record_or_warn(event);
            store.close()
        });
        closed.await.context("closing panicked")??;
        // Only now: tasks of requests whose client has left record what they did in there.
        self.shards.end();
        Ok(served?)
    }
}

/// What tells how the gateways are.
fn surroundings(
    config: &Config,
    gates: Option<&Gates>,
    store: &Store,
) -> anyhow::Result<Arc<dyn Surroundings>> {
    let (recorder, models) = (gates.map(Gates::recorder), gates.and_then(Gates::models));
    let clock = Arc::clone(store.clock());
    Ok(Arc::new(crate::surroundings::Around::build(config, recorder, models, clock)?))
}

/// Where exports in the background keep their files. They leave twice the room on the disk at which recording stops.
fn export_files(config: &Config, store: &Store) -> ExportFiles {
    let bytes = |mebibytes: u64| mebibytes.saturating_mul(1 << 20);
    ExportFiles {
        dir: store.directory().exports(),
        max_bytes: bytes(config.exports.max_mib),
        min_free_bytes: bytes(config.ledger.min_free_mib).saturating_mul(2),
        keep_days: config.exports.keep_days,
        at_once: usize::from(config.exports.at_once),
    }
}

fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "https" } else { "http" }
}

/// What the API serves.
pub(crate) fn web_parts(store: &Store) -> Parts {
    Parts {
        ledger: store.ledger().clone(),
        index: store.index().clone(),
        intake: store.intake().clone(),
        control: Arc::clone(store.control()),
        clock: Arc::clone(store.clock()),
        page_key: store.page_key(),
        sessions: None,
        provider: None,
        roster: None,
        receiving: None,
        surroundings: None,
        premises: premises::of(store),
    }
}

/// The API's settings.
pub(crate) fn web_config(config: &Config) -> audit_web::Config {
    let threads = match usize::from(config.index.threads) {
        0 => cores().max(2),
        threads => threads,
    };
    let max_body_bytes =
        usize::try_from(config.http.max_body_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let timeout = Duration::from_millis(config.http.timeout_ms);
    audit_web::Config {
        public_tlog: config.http.public_tlog,
        public_metrics: config.http.public_metrics,
        max_body_bytes,
        max_unpacked_bytes: max_body_bytes.saturating_mul(2),
        head_timeout: timeout,
        body_timeout: timeout,
        front_body_timeout: Duration::from_millis(config.gateway.body_timeout_ms),
        query_timeout: Duration::from_millis(config.index.timeout_ms),
        max_connections: usize::try_from(config.gateway.max_connections).unwrap_or(usize::MAX),
        query_threads: threads,
        verify_every: config.verify.every(),
        // The configuration was checked when it was read; the default asks for a second admin.
        approvals: config.approvals.of_web().unwrap_or_default(),
        certificate_to_append: config.tls.require_client_certificate,
        limits: config.limits.of_web(),
        ingest_threads: cores(),
        ..audit_web::Config::default()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

//! The gateway, put together: what stands between clients and Open WebUI.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use audit_gateway::{
    UpstreamClient, identity,
    proxy::{self, Gateway, Peer, socket_io},
    recorder::{self, Recorder},
};
use audit_pipeline::sources::openwebui::{
    identity::{Departments, department::Mapping},
    table::RouteTable,
};
use audit_web::{Front, PlatformUser, Sessions};
use http::HeaderMap;

use crate::{config, store::Store};

/// How long what has passed may take to be recorded when the server stops.
const DRAIN: Duration = Duration::from_secs(20);

/// The gateway and what it is made of.
#[derive(Clone)]
pub(crate) struct Gates {
    proxy: Gateway,
    recorder: Recorder,
    resolver: Arc<identity::Resolver>,
}

impl Gates {
    /// Builds the gateway, if an upstream is configured. Intents that a crash left behind are recorded now.
    pub(crate) fn open(config: &config::Gateway, store: &Store) -> anyhow::Result<Option<Self>> {
        let Some(upstream) = config.upstream() else { return Ok(None) };
        let upstream = UpstreamClient::build(&upstream).context("gateway.upstream")?;
        let recorder = Recorder::open(
            recorder::Config {
                modes: config.modes()?,
                durability: config.durability(),
                ..recorder::Config::new(&store.directory().intents())
            },
            store.intake().clone(),
            None,
        )
        .context("cannot open the journal of intents")?;
        let clock = Arc::clone(store.clock());
        let key = store.keys().session_key()?;
        let resolver = identity::Resolver::build(who(config)?, upstream.clone(), &key, Arc::clone(&clock));
        let resolver = Arc::new(resolver);
        let parts = proxy::Parts {
            upstream,
            table: table(config.routes_file.as_deref())?,
            resolver: Arc::clone(&resolver),
            recorder: recorder.clone(),
            clock: Arc::clone(&clock),
            sockets: Some(socket_io::chat_usage(Arc::clone(&resolver), recorder.clone(), clock)),
        };
        Ok(Some(Self { proxy: Gateway::build(config.proxy()?, parts), recorder, resolver }))
    }

    /// Answers what is not ours.
    pub(crate) fn front(&self) -> Front {
        let proxy = self.proxy.clone();
        Front::new(move |request, via| {
            let proxy = proxy.clone();
            async move { proxy.handle(request, Peer { ip: via.peer.ip(), is_tls: via.is_tls }).await }
        })
    }

    /// Knows who is signed in to Open WebUI.
    pub(crate) fn sessions(&self) -> Arc<dyn Sessions> {
        Arc::new(SignedIn(Arc::clone(&self.resolver)))
    }

    /// Ends WebSockets, and records what has passed. Call it when no request can come any more.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.proxy.drain(DRAIN).await;
        let recorder = self.recorder;
        tokio::task::spawn_blocking(move || recorder.finish())
            .await
            .context("recording what was queued panicked")
    }
}

/// How callers are identified.
fn who(config: &config::Gateway) -> anyhow::Result<identity::Config> {
    let mapping: Mapping = match &config.department_file {
        None => Mapping::default(),
        Some(path) => toml::from_str(&read(path, "gateway.department_file")?)
            .with_context(|| format!("gateway.department_file: {}", path.display()))?,
    };
    Ok(identity::Config {
        api_key_header: config.api_key_header()?,
        departments: Departments::new(&config.department_prefix, mapping),
        department_claim: config.department_claim.clone(),
        ..identity::Config::default()
    })
}

/// The route table with the operator's rows.
fn table(routes_file: Option<&Path>) -> anyhow::Result<Arc<RouteTable>> {
    let Some(path) = routes_file else { return Ok(RouteTable::embedded()) };
    let table = RouteTable::with_overrides(&read(path, "gateway.routes_file")?)
        .with_context(|| format!("gateway.routes_file: {}", path.display()))?;
    Ok(Arc::new(table))
}

fn read(path: &Path, key: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{key}: cannot read {}", path.display()))
}

/// Open WebUI's sessions, for our pages.
struct SignedIn(Arc<identity::Resolver>);

impl Sessions for SignedIn {
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> audit_web::Pending<'a, Option<PlatformUser>> {
        Box::pin(async move {
            let caller = self.0.resolve("/", headers).await;
            let person = caller.person.as_ref()?;
            Some(PlatformUser {
                id: person.id.clone(),
                name: person
                    .name
                    .clone()
                    .or_else(|| person.email.clone())
                    .unwrap_or_else(|| person.id.clone()),
                email: person.email.clone(),
                is_admin: caller.is_admin_session(),
                session_id: caller.session_id.clone(),
            })
        })
    }
}

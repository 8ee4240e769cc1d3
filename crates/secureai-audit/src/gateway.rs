//! The gateway, put together: what stands between clients and Open WebUI.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use audit_event::Client;
use audit_gateway::{
    UpstreamClient, identity,
    proxy::{self, Counting, Gateway, Peer, TrustedProxies, socket_io},
    recorder::{self, Listener, Recorder},
    roster::{self, Unavailable},
};
use audit_pipeline::{
    prices::Prices,
    sources::openwebui::{
        identity::{Departments, department::Mapping},
        table::RouteTable,
    },
};
use audit_web::roster::{Account, Accounts, NoRoster};
use audit_web::{Front, Origins, PlatformUser, Sessions};
use http::{HeaderMap, HeaderName};

use crate::{
    config::{self, Config},
    models::{self, Models},
    store::Store,
};

/// How long what has passed may take to be recorded when the server stops.
const DRAIN: Duration = Duration::from_secs(20);

/// The gateways and what they are made of.
pub(crate) struct Gates {
    proxy: Option<Proxy>,
    models: Option<Models>,
    recorder: Recorder,
}

/// What stands in front of Open WebUI.
struct Proxy {
    gateway: Gateway,
    resolver: Arc<identity::Resolver>,
    key_header: HeaderName,
    roster: roster::Roster,
}

impl Gates {
    /// Builds the gateways that are configured. Intents that a crash left behind are recorded now.
    /// `listener` hears of every event.
    pub(crate) fn open(config: &Config, store: &Store, listener: Listener) -> anyhow::Result<Option<Self>> {
        if config.gateway.upstream.is_none() && !config.models.is_configured() {
            return Ok(None);
        }
        let recorder = recorder(&config.gateway, store, listener)?;
        let prices = Arc::new(models::prices(&config.models)?);
        let clock = Arc::clone(store.clock());
        let models = Models::open(&config.models, recorder.clone(), clock, Arc::clone(&prices))?;
        let proxy = Proxy::open(config, store, &recorder, &prices)?;
        Ok(Some(Self { proxy, models, recorder }))
    }

    /// What records what passes.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// What counts calls of models.
    pub(crate) fn models(&self) -> Option<audit_gateway::model::ModelGateway> {
        self.models.as_ref().map(Models::gateway)
    }

    /// Answers what is not ours; `None` when there is nothing else.
    pub(crate) fn front(&self) -> Option<Front> {
        let proxy = self.proxy.as_ref().map(|proxy| proxy.gateway.clone());
        let models = self.models.as_ref().and_then(Models::shared);
        match (proxy, models) {
            (None, None) => None,
            (None, Some(models)) => Some(Front::new(move |request, via| {
                let models = models.clone();
                async move { models.handle(request, via.peer.ip()).await }
            })),
            (Some(proxy), models) => Some(Front::new(move |request, via| {
                let (proxy, peer) = (proxy.clone(), Peer { ip: via.peer.ip(), is_tls: via.is_tls });
                let models = models.clone().filter(|models| models.takes(request.uri().path()));
                async move {
                    match models {
                        Some(models) => models.handle(request, peer.ip).await,
                        None => proxy.handle(request, peer).await,
                    }
                }
            })),
        }
    }

    /// Knows who is signed in to Open WebUI.
    pub(crate) fn sessions(&self) -> Option<Arc<dyn Sessions>> {
        let resolver = Arc::clone(&self.proxy.as_ref()?.resolver);
        let key_header = self.proxy.as_ref()?.key_header.clone();
        Some(Arc::new(SignedIn { resolver, key_header }))
    }

    /// Knows who has an account in Open WebUI.
    pub(crate) fn roster(&self) -> Option<Arc<dyn audit_web::Roster>> {
        let roster = self.proxy.as_ref()?.roster.clone();
        Some(Arc::new(AccountsThere(roster)))
    }

    /// Ends WebSockets, and records what has passed. Call it when no request can come any more.
    ///
    /// # Errors
    /// The first of what failed; the rest is closed all the same.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let models = match self.models {
            Some(models) => models.close().await,
            None => Ok(()),
        };
        if let Some(proxy) = self.proxy {
            proxy.gateway.drain(DRAIN).await;
        }
        let recorder = self.recorder;
        let recorded = tokio::task::spawn_blocking(move || recorder.finish())
            .await
            .context("recording what was queued panicked");
        models.and(recorded)
    }
}

impl Proxy {
    fn open(
        config: &Config,
        store: &Store,
        recorder: &Recorder,
        prices: &Arc<Prices>,
    ) -> anyhow::Result<Option<Self>> {
        let counts_elsewhere = config.models.is_configured();
        let config = &config.gateway;
        let Some(upstream) = config.upstream() else { return Ok(None) };
        let upstream = UpstreamClient::build(&upstream).context("gateway.upstream")?;
        let clock = Arc::clone(store.clock());
        let key = store.keys().session_key()?;
        let who = identity::Config { owners: Some(store.directory().gateway_owners()), ..who(config)? };
        let resolver = identity::Resolver::build(who, upstream.clone(), &key, Arc::clone(&clock));
        let resolver = Arc::new(resolver);
        let list = roster::Config { api_key_header: config.api_key_header()?, ..roster::Config::default() };
        let roster = roster::Roster::build(list, Arc::clone(&resolver), upstream.clone());
        let (counting, socket_prices) = if counts_elsewhere {
            (Counting::AtModelGateway, None)
        } else {
            (Counting::Here(Arc::clone(prices)), Some(Arc::clone(prices)))
        };
        let sockets =
            socket_io::listener(Arc::clone(&resolver), recorder.clone(), Arc::clone(&clock), socket_prices);
        let parts = proxy::Parts {
            upstream,
            table: table(config.routes_file.as_deref())?,
            resolver: Arc::clone(&resolver),
            recorder: recorder.clone(),
            clock,
            sockets: Some(sockets),
            counting,
        };
        let key_header = config.api_key_header()?;
        Ok(Some(Self { gateway: Gateway::build(config.proxy()?, parts), resolver, key_header, roster }))
    }
}

fn recorder(config: &config::Gateway, store: &Store, listener: Listener) -> anyhow::Result<Recorder> {
    let config = recorder::Config {
        modes: config.modes()?,
        durability: config.durability(),
        ..recorder::Config::new(&store.directory().intents())
    };
    Recorder::open(config, store.intake().clone(), Some(listener))
        .context("cannot open the journal of intents")
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
        remember: Duration::from_secs(config.remember_callers_s),
        wait: Duration::from_millis(config.caller_timeout_ms),
        ..identity::Config::default()
    })
}

/// The route table with the operator's rows.
pub(crate) fn table(routes_file: Option<&Path>) -> anyhow::Result<Arc<RouteTable>> {
    let Some(path) = routes_file else { return Ok(RouteTable::embedded()) };
    let table = RouteTable::with_overrides(&read(path, "gateway.routes_file")?)
        .with_context(|| format!("gateway.routes_file: {}", path.display()))?;
    Ok(Arc::new(table))
}

fn read(path: &Path, key: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{key}: cannot read {}", path.display()))
}

/// From where requests for our own API and pages come: by the same rule as those that pass.
pub(crate) fn origins(config: &config::Gateway) -> anyhow::Result<Arc<dyn Origins>> {
    Ok(Arc::new(BehindProxies(TrustedProxies::new(config.trusted_proxies()?))))
}

struct BehindProxies(TrustedProxies);

impl Origins for BehindProxies {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client<'static> {
        self.0.client(peer, headers)
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.0.contains(peer)
    }
}

/// Open WebUI's sessions and API keys, for our pages and interface.
struct SignedIn {
    resolver: Arc<identity::Resolver>,
    key_header: HeaderName,
}

impl Sessions for SignedIn {
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> audit_web::Pending<'a, Option<PlatformUser>> {
        Box::pin(async move {
            let caller = self.resolver.resolve("/", headers).await;
            let person = caller.person.as_ref()?;
            Some(PlatformUser {
                id: person.id.clone(),
                name: person
                    .name
                    .clone()
                    .or_else(|| person.email.clone())
                    .unwrap_or_else(|| person.id.clone()),
                email: person.email.clone(),
                is_admin: caller.is_admin(),
                session_id: caller.session_id.clone(),
            })
        })
    }

    fn key_header(&self) -> &HeaderName {
        &self.key_header
    }
}

/// Open WebUI's accounts, for our pages.
struct AccountsThere(roster::Roster);

impl audit_web::Roster for AccountsThere {
    fn accounts<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> audit_web::Pending<'a, Result<Arc<Accounts>, NoRoster>> {
        Box::pin(async move {
            let told = self.0.accounts(headers).await.map_err(|unavailable| match unavailable {
                Unavailable::NotAnAdmin => NoRoster::NotSignedIn,
                Unavailable::Refused => NoRoster::Refused,
                Unavailable::NoAnswer => NoRoster::NoAnswer,
                Unavailable::BeingRead => NoRoster::BeingRead,
            })?;
            let accounts = told.accounts.iter().map(|account| Account {
                id: account.id.clone(),
                name: account.name.clone(),
                email: account.email.clone(),
                role: account.role.clone(),
                last_active: account.last_active,
            });
            Ok(Arc::new(Accounts { accounts: accounts.collect(), total: told.total }))
        })
    }
}

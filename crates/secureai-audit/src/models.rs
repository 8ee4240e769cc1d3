//! The model gateway, put together: what stands between Open WebUI and its model providers.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use audit_event::Clock;
use audit_gateway::{
    model::{ModelGateway, Parts},
    recorder::Recorder,
};
use audit_pipeline::prices::Prices;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::config;

/// The model gateway, and its own listener if it has one.
pub(crate) struct Models {
    gateway: ModelGateway,
    own: Option<Own>,
}

struct Own {
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Models {
    /// Builds it, if a provider is configured, and listens if it has an address of its own.
    pub(crate) fn open(
        config: &config::Models,
        recorder: Recorder,
        clock: Arc<dyn Clock>,
        prices: Arc<Prices>,
    ) -> anyhow::Result<Option<Self>> {
        if !config.is_configured() {
            return Ok(None);
        }
        let parts = Parts { recorder, clock, prices };
        let gateway = ModelGateway::build(config.gateway()?, parts).context("models")?;
        let own = config.listen.map(|address| Own::start(address, gateway.clone())).transpose()?;
        Ok(Some(Self { gateway, own }))
    }

    /// What passes calls on, wherever it listens.
    pub(crate) fn gateway(&self) -> ModelGateway {
        self.gateway.clone()
    }

    /// What answers requests on the server's listener; none when it has its own.
    pub(crate) fn shared(&self) -> Option<ModelGateway> {
        self.own.is_none().then(|| self.gateway.clone())
    }

    /// Ends its listener and records what has passed.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if let Some(own) = self.own {
            // The listener may have ended by itself.
            let _ = own.stop.send(());
            own.server.await.context("the model gateway's listener panicked")??;
        }
        self.gateway.drain().await;
        Ok(())
    }
}

impl Own {
    fn start(address: SocketAddr, gateway: ModelGateway) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(address)
            .and_then(|listener| {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)
            })
            .with_context(|| format!("models.listen: cannot listen on {address}"))?;
        let (stop, stopped) = oneshot::channel();
        // A sender that is gone asks to stop as well.
        let stopped = async move { drop(stopped.await) };
        Ok(Self { stop, server: tokio::spawn(gateway.serve(listener, stopped)) })
    }
}

/// The price table; empty without a file.
pub(crate) fn prices(config: &config::Models) -> anyhow::Result<Prices> {
    let Some(path) = &config.prices_file else { return Ok(Prices::default()) };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("models.prices_file: cannot read {}", path.display()))?;
    Prices::parse(&text).with_context(|| format!("models.prices_file: {}", path.display()))
}

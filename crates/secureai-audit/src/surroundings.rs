//! How the gateways are, for `GET /status`.

use std::sync::Arc;

use audit_event::Clock;
use audit_gateway::{model::ModelGateway, recorder};
use audit_web::{
    Pending, Surroundings,
    surroundings::{Gateways, Provider, Recorder},
};

use crate::{config::Config, platform::Platform};

/// What there is around the API.
pub(crate) struct Around {
    /// Open WebUI, when we stand in front of it.
    pub platform: Option<Platform>,
    /// What records what passes.
    pub recorder: Option<recorder::Recorder>,
    /// What counts calls of models.
    pub models: Option<ModelGateway>,
    /// Networks whose word about addresses is taken.
    pub trusted_proxies: Vec<String>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Around {
    /// With a connection of its own to what the configuration says we stand in front of.
    pub(crate) fn build(
        config: &Config,
        recorder: Option<recorder::Recorder>,
        models: Option<ModelGateway>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let platform = config.gateway.upstream().map(|upstream| Platform::build(&upstream)).transpose()?;
        let trusted_proxies = config.gateway.trusted_proxies()?.iter().map(ToString::to_string).collect();
        Ok(Self { platform, recorder, models, trusted_proxies, clock })
    }
}

impl Surroundings for Around {
    fn look(&self) -> Pending<'_, Gateways> {
        Box::pin(async move {
            let upstream = match &self.platform {
                Some(platform) => Some(platform.probe(self.clock.as_ref()).await),
                None => None,
            };
            let models = self.models.as_ref().map(ModelGateway::status).unwrap_or_default();
            Gateways {
                upstream,
                trusted_proxies: self.trusted_proxies.clone(),
                recorder: self.recorder.as_ref().map(|recorder| figures(recorder.status())),
                models: models.providers.into_iter().map(provider).collect(),
            }
        })
    }
}

fn figures(status: recorder::Status) -> Recorder {
    Recorder { journalled: status.journalled as u64, waiting: status.waiting, dropped: status.dropped }
}

fn provider(status: audit_gateway::model::ProviderStatus) -> Provider {
    Provider {
        name: status.name,
        calls: status.calls,
        with_usage: status.with_usage,
        without_usage: status.without_usage,
        failed: status.failed,
        unproven: status.unproven,
    }
}

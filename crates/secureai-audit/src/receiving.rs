//! What takes the sightings of other sources than the gateway: webhooks, and the audit file.

use std::sync::Arc;

use anyhow::Context as _;
use audit_gateway::recorder::Listener;
use audit_pipeline::sources::{
    openwebui::{ownership::Configured, sightings::Sightings},
    tail::{self, Tail},
};

use crate::{config::Config, gateway, store::Store};

/// The sightings, and the file that is followed.
pub(crate) struct Receiving {
    sightings: Sightings,
    audit_file: Option<Arc<Tail>>,
}

impl Receiving {
    /// Takes up what an earlier process left.
    pub(crate) fn open(config: &Config, store: &Store) -> anyhow::Result<Self> {
        let configured = Configured {
            gateway: config.gateway.upstream.is_some(),
            webhook: !store.control().sources().context("cannot read the sources")?.is_empty(),
            audit_file: config.sources.audit_file.is_some(),
            model_gateway: config.models.is_configured(),
        };
        let settings = config.sources.sightings(&store.directory().sightings(), configured);
        let clock = Arc::clone(store.clock());
        let sightings = Sightings::open(&settings, store.intake().clone(), store.ledger(), clock)
            .context("cannot take up the sightings of an earlier run")?;
        let damaged = sightings.status().damaged;
        if damaged > 0 {
            tracing::warn!(
                lines = damaged,
                "lines of the journal of sightings cannot be read; they are in sightings.journal.damaged"
            );
        }
        Ok(Self { sightings, audit_file: None })
    }

    /// Hears of what the gateways record.
    pub(crate) fn listener(&self) -> Listener {
        let sightings = self.sightings.clone();
        Arc::new(move |event| sightings.saw(event))
    }

    /// Begins to follow the audit file, if one is configured.
    pub(crate) fn follow(&mut self, config: &Config, store: &Store) -> anyhow::Result<()> {
        let Some(path) = &config.sources.audit_file else { return Ok(()) };
        let routes_file = config.gateway.routes_file.as_deref();
        let table = config.gateway.upstream.is_some().then(|| gateway::table(routes_file)).transpose()?;
        let settings = tail::Config {
            table,
            ..tail::Config::new(path.clone(), store.directory().audit_file_position())
        };
        let clock = Arc::clone(store.clock());
        let tail = Tail::start(settings, self.sightings.clone(), store.intake().clone(), clock)
            .with_context(|| {
                format!(
                    "{} cannot be read: delete it to begin with the whole file again",
                    store.directory().audit_file_position().display()
                )
            })?;
        self.audit_file = Some(Arc::new(tail));
        Ok(())
    }

    /// For the API, which takes what webhooks send.
    pub(crate) fn web(&self) -> audit_web::Receiving {
        audit_web::Receiving { sightings: self.sightings.clone(), audit_file: self.audit_file.clone() }
    }

    /// Ends; what waits is kept for the next start. Call it when no gateway records any more. Blocks.
    pub(crate) fn close(self) {
        if let Some(tail) = &self.audit_file {
            tail.stop();
        }
        self.sightings.finish();
    }
}

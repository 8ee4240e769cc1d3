//! A data directory, opened: the ledger, its index, the tokens, and the intake that everything is recorded through.
//!
//! The only place where these are put together. Each part is built from its own settings; the order is that of need,
//! and [`Store::close`] goes backwards: nothing that was acknowledged waits for anything.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use audit_control::Control;
use audit_event::{Actor, ActorType, Clock, Event, Json, Outcome, Source};
use audit_ledger::{Environment, Ledger, disk::RealDisk};
use audit_pipeline::{Intake, intake};
use audit_query::Index;

use crate::{
    clock::SystemClock,
    config::Config,
    data_dir::{DataDir, Lock},
    keys::KeyStore,
    output::note,
};

/// An open data directory; this process is the only one that has it open.
pub(crate) struct Store {
    directory: DataDir,
    lock: Lock,
    keys: KeyStore,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    index: Index,
    control: Arc<Control>,
    intake: Intake,
    page_key: [u8; 32],
    config: Config,
}

impl Store {
    /// Opens the data directory at `root`, which is made if it is missing or empty. Recovery of the ledger is
    /// recorded as an event; the index catches up in the background.
    pub(crate) fn open(config: &Config, root: &Path) -> anyhow::Result<Self> {
        let directory = DataDir::open_or_create(root)?;
        let lock = directory.lock()?;
        let keys = KeyStore::of(&directory);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ledger = open_ledger(config, &directory, &keys, &clock)?;
        let index = open_index(config, &directory, &ledger)?;
        let control = Control::open(&directory.control()).context("cannot open the tokens")?;
        let intake = Intake::new(ledger.clone(), Arc::clone(&clock), intake_config(config));
        let store = Self {
            page_key: keys.page_key()?,
            directory,
            lock,
            keys,
            clock,
            ledger,
            index,
            control: Arc::new(control),
            intake,
            config: config.clone(),
        };
        store.record_recovery()?;
        Ok(store)
    }

    /// Records that opening had to repair something, if it had.
    fn record_recovery(&self) -> anyhow::Result<()> {
        let Some(torn) = &self.ledger.recovery().torn_tail else { return Ok(()) };
        let file = torn.file.file_name().unwrap_or_default().display().to_string();
        tracing::warn!(
            file,
            offset = torn.offset,
            bytes = torn.bytes,
            "a write that a crash interrupted was cut off"
        );
        let mut event = system_event("ledger.recovered");
        event.message = Some(
            format!(
                "The ledger recovered after an unclean stop: {} bytes never acknowledged were cut off {file}",
                torn.bytes
            )
            .into(),
        );
        event.details = Some(Json::object([
            ("file", file),
            ("offset", torn.offset.to_string()),
            ("bytes", torn.bytes.to_string()),
            ("entries", self.ledger.recovery().entries.to_string()),
        ]));
        self.record_or_warn(event);
        Ok(())
    }

    /// Records an event of our own; a full disk must not keep readers from what is recorded, so that then it is kept for
    /// the next start.
    pub(crate) fn record_or_warn(&self, event: Event<'_>) {
        let action = event.action.clone().into_owned();
        match audit_web::record_or_keep(&self.intake, &self.control, event, self.clock.now()) {
            Ok(true) => {}
            Ok(false) => note(format!("warning: {action} cannot be recorded now; the next start does it")),
            Err(error) => note(format!("warning: {action} was neither recorded nor kept: {error}")),
        }
    }

    /// Waits until all that is recorded can be found, at most `timeout`; says whether it can.
    pub(crate) fn wait_until_searchable(&self, timeout: Duration) -> bool {
        self.index.wait_for(self.ledger.size().get(), timeout)
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &DataDir {
        &self.directory
    }

    /// The lock, to note an address in.
    pub(crate) fn lock_mut(&mut self) -> &mut Lock {
        &mut self.lock
    }

    /// The secrets.
    pub(crate) fn keys(&self) -> &KeyStore {
        &self.keys
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The tokens.
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The door that every event goes through.
    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// The settings it was opened with.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The key of page tokens.
    pub(crate) fn page_key(&self) -> [u8; 32] {
        self.page_key
    }

    /// Writes what waits, signs a last checkpoint, brings the index to disk and gives the directory up.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        self.ledger.close().context("the last checkpoint could not be written")?;
        self.index.close().context("the index could not be written; the next start does it")?;
        Ok(())
    }
}

fn open_ledger(
    config: &Config,
    directory: &DataDir,
    keys: &KeyStore,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Ledger> {
    let signer = keys.signer(&config.keys)?;
    let former_keys = keys.verifiers(&config.keys)?.unwrap_or_default();
    let mut ledger = audit_ledger::Config::new(directory.ledger(), signer.verifier().name().as_str());
    ledger.queue_bytes =
        usize::try_from(config.ledger.queue_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    ledger.min_free_bytes = config.ledger.min_free_mib.saturating_mul(1 << 20);
    let clock = Arc::clone(clock);
    let environment = Environment {
        disk: Arc::new(RealDisk),
        clock: Arc::new(move || clock.now().as_micros()),
        signer: Arc::new(signer),
        former_keys,
        leaf_fn: intake::leaf_of_entry,
        key_fn: intake::key_of_entry,
        same_fn: intake::same_event,
    };
    Ledger::open(ledger, environment).context("cannot open the ledger")
}

fn open_index(config: &Config, directory: &DataDir, ledger: &Ledger) -> anyhow::Result<Index> {
    let mut index = audit_query::Config::new(directory.index());
    index.cache_bytes = usize::try_from(config.index.cache_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    Index::open(index, ledger.clone()).context("cannot open the index")
}

fn intake_config(config: &Config) -> intake::Config {
    let max_request_bytes =
        usize::try_from(config.http.max_body_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    intake::Config {
        instance: Some(config.instance.as_str().into()),
        max_request_bytes,
        ..intake::Config::default()
    }
}

/// A successful act of the system itself.
pub(crate) fn system_event(action: &'static str) -> Event<'static> {
    let mut event = Event::new(action, Source::Internal);
    event.outcome = Outcome::Success;
    event.actor = Some(Actor {
        kind: Some(ActorType::System),
        name: Some("secureai-audit".into()),
        ..Actor::default()
    });
    event
}

/// Whoever runs a command on the data directory itself: known by the login name alone, which nobody has proven.
pub(crate) fn person_at_keyboard(login_name: Option<&str>) -> Actor<'static> {
    Actor {
        kind: Some(ActorType::User),
        name: Some(login_name.unwrap_or("unknown").to_owned().into()),
        ..Actor::default()
    }
}

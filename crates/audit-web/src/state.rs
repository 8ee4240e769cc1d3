//! What all handlers share.

use std::sync::Arc;
use std::time::Duration;

use audit_control::Control;
use audit_event::{Clock, Timestamp};
use audit_ledger::Ledger;
use audit_pipeline::Intake;
use audit_query::Index;
use audit_query::question::Budget;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::activity::Activity;
use crate::break_glass::Emergency;
use crate::config::Config;
use crate::exports::Exports;
use crate::guesses::Guesses;
use crate::limits::Pacer;
use crate::metrics::Requests;
use crate::oidc::Provider;
use crate::premises::Premises;
use crate::problem;
use crate::roster::Roster;
use crate::sessions::Sessions;
use crate::sign_ins::SignIns;
use crate::silence::Silence;
use crate::sources::{Receiving, Sources};
use crate::surroundings::Surroundings;
use crate::unreadable::Unreadable;
use crate::verifications::Verifications;
use crate::workers::Workers;

/// How often it is saved when tokens were last used.
const SAVE_USES_EVERY: Duration = Duration::from_secs(300);

/// What the API serves; the binary opens these and closes them after [`crate::serve`] has returned.
#[derive(Clone)]
pub struct Parts {
    /// Holds the events.
    pub ledger: Ledger,
    /// Finds them.
    pub index: Index,
    /// Takes new ones.
    pub intake: Intake,
    /// Knows the tokens.
    pub control: Arc<Control>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Signs page tokens.
    pub page_key: [u8; 32],
    /// Knows who is signed in to the platform, where we stand in front of one.
    pub sessions: Option<Arc<dyn Sessions>>,
    /// Knows the platform's accounts, where we stand in front of one.
    pub roster: Option<Arc<dyn Roster>>,
    /// The identity provider that people may sign in to the pages with.
    pub provider: Option<Provider>,
    /// Takes what sources send; the server has it.
    pub receiving: Option<Receiving>,
    /// Where all this is on the disk.
    pub premises: Premises,
    /// Tells how the gateways are; the server has it.
    pub surroundings: Option<Arc<dyn Surroundings>>,
}

/// Why the API could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The tokens cannot be read.
    #[error(transparent)]
    Control(#[from] audit_control::Error),
    /// The system gives no threads.
    #[error("no thread could be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// The API's shared state; clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    config: Config,
    parts: Parts,
    access: Access,
    sources: Sources,
    sign_ins: SignIns,
    pacer: Pacer,
    token_guesses: Guesses,
    source_guesses: Guesses,
    emergency: Emergency,
    activity: Activity,
    requests: Requests,
    unreadable: Unreadable,
    silence: Silence,
    verifications: Verifications,
    queries: Workers,
    exports: Workers,
    export_jobs: Exports,
    encoders: Workers,
    /// Bytes of uploads that may still come into memory.
    upload_bytes: Arc<Semaphore>,
    /// Live tails that may still begin.
    streams: Arc<Semaphore>,
    draining: CancellationToken,
    started: Timestamp,
}

impl AppState {
    /// Loads the tokens and starts the worker threads.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(config: Config, parts: Parts) -> Result<Self, BuildError> {
        let (endpoints, pages) = (crate::router::endpoints(), crate::router::pages());
        let requests = Requests::new(endpoints.iter().chain(&pages).map(|route| (route.method, route.path)));
        let inner = Inner {
            access: Access::load(Arc::clone(&parts.control))?,
            sources: Sources::load(&parts.control)?,
            sign_ins: SignIns::default(),
            pacer: Pacer::new(config.limits),
            token_guesses: Guesses::default(),
            source_guesses: Guesses::default(),
            emergency: Emergency::load(Arc::clone(&parts.control))?,
            activity: Activity::start(
                parts.intake.clone(),
                Arc::clone(&parts.control),
                Arc::clone(&parts.clock),
            )?,
            requests,
            unreadable: Unreadable::default(),
            silence: Silence::default(),
            verifications: Verifications::default(),
            queries: Workers::start("query", config.query_threads, 256)?,
            exports: Workers::start("export", config.export_threads, 64)?,
            export_jobs: Exports::build(Arc::clone(&parts.control), config.export_files.clone())?,
            encoders: Workers::start("encode", config.ingest_threads, 1_024)?,
            upload_bytes: Arc::new(Semaphore::new(config.ingest_memory_bytes)),
            streams: Arc::new(Semaphore::new(config.max_streams)),
            draining: CancellationToken::new(),
            started: parts.clock.now(),
            config,
            parts,
        };
        Ok(Self(Arc::new(inner)))
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.parts.ledger
    }

    pub(crate) fn index(&self) -> &Index {
        &self.0.parts.index
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.0.parts.intake
    }

    pub(crate) fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.parts.sessions.as_deref()
    }

    /// What knows the platform's accounts.
    pub(crate) fn roster(&self) -> Option<&dyn Roster> {
        self.0.parts.roster.as_deref()
    }

    pub(crate) fn page_key(&self) -> &[u8; 32] {
        &self.0.parts.page_key
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    pub(crate) fn started(&self) -> Timestamp {
        self.0.started
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// The sources that may send.
    pub(crate) fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// What takes their events.
    pub(crate) fn receiving(&self) -> Option<&Receiving> {
        self.0.parts.receiving.as_ref()
    }

    /// What tells how the gateways are.
    pub(crate) fn surroundings(&self) -> Option<&dyn Surroundings> {
        self.0.parts.surroundings.as_deref()
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.0.activity
    }

    /// Who signed in to the pages.
    pub(crate) fn sign_ins(&self) -> &SignIns {
        &self.0.sign_ins
    }

    /// How fast anybody may ask.
    pub(crate) fn pacer(&self) -> &Pacer {
        &self.0.pacer
    }

    /// Tokens that were tried out.
    pub(crate) fn token_guesses(&self) -> &Guesses {
        &self.0.token_guesses
    }

    /// Secrets of sources that were tried out.
    pub(crate) fn source_guesses(&self) -> &Guesses {
        &self.0.source_guesses
    }

    /// The way in when every other is shut.
    pub(crate) fn emergency(&self) -> &Emergency {
        &self.0.emergency
    }

    /// The identity provider.
    pub(crate) fn provider(&self) -> Option<&Provider> {
        self.0.parts.provider.as_ref()
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// What readers found damaged.
    pub(crate) fn unreadable(&self) -> &Unreadable {
        &self.0.unreadable
    }

    /// What is known of silent sources.
    pub(crate) fn silence(&self) -> &Silence {
        &self.0.silence
    }

    /// Checks of the whole ledger.
    pub(crate) fn verifications(&self) -> &Verifications {
        &self.0.verifications
    }

    /// Where everything is on the disk.
    pub(crate) fn premises(&self) -> &Premises {
        &self.0.parts.premises
    }

    /// The control database.
    pub(crate) fn control(&self) -> &Control {
        &self.0.parts.control
    }

    /// Does work that blocks, on one of the threads for queries.
    ///
    /// # Errors
    /// As [`Workers::run`], and the work's own.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> problem::Result<T> + Send + 'static,
    ) -> problem::Result<T> {
        let state = self.clone();
        self.queries().run(move || work(&state)).await?
    }

    /// Asks within the time that a query may take. It ends when nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Workers::query`].
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self, &Budget) -> problem::Result<T> + Send + 'static,
    ) -> problem::Result<T> {
        let (state, budget) = (self.clone(), Budget::of(self.config().query_timeout));
        self.queries().query(budget, move |budget| question(&state, budget)).await
    }

    /// Threads for lists, counts, groups and single events.
    pub(crate) fn queries(&self) -> &Workers {
        &self.0.queries
    }

    /// Threads for exports, so that these never keep a query waiting.
    pub(crate) fn exports(&self) -> &Workers {
        &self.0.exports
    }

    /// Exports that go on without anybody waiting.
    pub(crate) fn export_jobs(&self) -> &Exports {
        &self.0.export_jobs
    }

    /// Threads for uploads of many events.
    pub(crate) fn encoders(&self) -> &Workers {
        &self.0.encoders
    }

    pub(crate) fn upload_bytes(&self) -> &Arc<Semaphore> {
        &self.0.upload_bytes
    }

    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    /// Cancelled when the server drains: readiness ends, live tails end, connections close after their request.
    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.0.draining
    }

    /// Goes on with the exports that a former process left.
    pub(crate) async fn take_up_exports(&self) {
        self.do_aside(|state| state.export_jobs().resume(state)).await;
    }

    /// Keeps what gathers in memory from being lost for long, and removes what was kept long enough; never ends.
    pub(crate) async fn keep_house(&self) {
        loop {
            tokio::time::sleep(SAVE_USES_EVERY).await;
            self.do_aside(|state| state.access().save_uses()).await;
            self.do_aside(|state| state.export_jobs().sweep(state)).await;
        }
    }

    async fn do_aside(&self, work: impl FnOnce(&Self) + Send + 'static) {
        let state = self.clone();
        if tokio::task::spawn_blocking(move || work(&state)).await.is_err() {
            tracing::error!("housekeeping panicked");
        }
    }

    /// Records what has gathered about readers; the last thing before the ledger is closed.
    pub(crate) async fn finish(&self) {
        let state = self.clone();
        let finished = tokio::task::spawn_blocking(move || {
            state.export_jobs().stop();
            state.verifications().finish();
            state.access().save_uses();
            state.activity().finish();
        });
        if finished.await.is_err() {
            tracing::error!("what readers did last could not be recorded");
        }
    }
}

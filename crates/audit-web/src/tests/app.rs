//! A running API in a temporary directory, and the few verbs that tests speak to it with.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use audit_control::{Control, Expiry, NewToken, Role};
use audit_event::{Clock as _, ManualClock, Timestamp};
use audit_ledger::disk::{Disk, RealDisk};
use audit_ledger::{Environment, Ledger};
use audit_pipeline::intake::{Framing, OnError};
use audit_pipeline::sources::openwebui::ownership::Configured;
use audit_pipeline::sources::openwebui::sightings::{self, Sightings};
use audit_pipeline::{Intake, intake};
use audit_query::Index;
use audit_tlog::{Signer, Verifier, note::KeyName};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::oidc::Provider;
use crate::roster::Roster;
use crate::router::{PREFIXES, router};
use crate::server::PeerAddr;
use crate::sessions::Sessions;
use crate::{AppState, Config, ExportFiles, Parts, Premises, Receiving, Surroundings};

/// The log's name in its checkpoints.
pub(super) const ORIGIN: &str = "test.example/audit";
/// 2026-03-20T12:00:00Z, when these tests play.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

/// A running API.
pub(super) struct App {
    pub state: AppState,
    pub router: Router,
    pub clock: Arc<ManualClock>,
    pub ledger: Ledger,
    pub verifier: Verifier,
    pub sightings: Sightings,
    parts: Parts,
    tokens: Vec<(Role, String)>,
    dir: tempfile::TempDir,
}

/// What stands around it.
#[derive(Default)]
struct Around {
    sessions: Option<Arc<dyn Sessions>>,
    provider: Option<Provider>,
    roster: Option<Arc<dyn Roster>>,
    surroundings: Option<Arc<dyn Surroundings>>,
}

impl App {
    /// With default settings.
    pub fn start() -> Self {
        Self::start_with(Config::default())
    }

    pub fn start_with(config: Config) -> Self {
        Self::start_on(Arc::new(RealDisk), config, |_| {})
    }

    /// In front of a platform that knows who is signed in.
    pub fn start_behind(config: Config, sessions: Option<Arc<dyn Sessions>>) -> Self {
        Self::assemble(Arc::new(RealDisk), config, |_| {}, Around { sessions, ..Around::default() })
    }

    /// In front of a platform that also tells who has an account.
    pub fn start_with_accounts(sessions: Arc<dyn Sessions>, roster: Arc<dyn Roster>) -> Self {
        let around = Around { sessions: Some(sessions), roster: Some(roster), ..Around::default() };
        Self::assemble(Arc::new(RealDisk), Config::default(), |_| {}, around)
    }

    /// With an identity provider to sign in with.
    pub fn start_with_provider(provider: Provider) -> Self {
        let around = Around { provider: Some(provider), ..Around::default() };
        Self::assemble(Arc::new(RealDisk), Config::default(), |_| {}, around)
    }

    /// In front of a platform, with an identity provider besides.
    pub fn start_between(sessions: Arc<dyn Sessions>, provider: Provider) -> Self {
        let around = Around { sessions: Some(sessions), provider: Some(provider), ..Around::default() };
        Self::assemble(Arc::new(RealDisk), Config::default(), |_| {}, around)
    }

    /// Among gateways.
    pub fn start_among(surroundings: Arc<dyn Surroundings>) -> Self {
        let around = Around { surroundings: Some(surroundings), ..Around::default() };
        Self::assemble(Arc::new(RealDisk), Config::default(), |_| {}, around)
    }

    /// On this disk, with the ledger's settings changed by `adjust`.
    pub fn start_on(
        disk: Arc<dyn Disk>,
        config: Config,
        adjust: impl FnOnce(&mut audit_ledger::Config),
    ) -> Self {
        Self::assemble(disk, config, adjust, Around::default())
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        mut config: Config,
        adjust: impl FnOnce(&mut audit_ledger::Config),
        around: Around,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let signer = Arc::new(Signer::from_seed(KeyName::new(ORIGIN).unwrap(), &[7; 32]));
        let verifier = signer.verifier().clone();
        let mut ledger_config = audit_ledger::Config::new(dir.path().join("ledger"), ORIGIN);
        ledger_config.min_free_bytes = 0;
        adjust(&mut ledger_config);
        let ledger_clock = Arc::clone(&clock);
        let environment = Environment {
            disk,
            clock: Arc::new(move || ledger_clock.now().as_micros()),
            signer,
            former_keys: Vec::new(),
            leaf_fn: intake::leaf_of_entry,
            key_fn: intake::key_of_entry,
            same_fn: intake::same_event,
        };
        let ledger = Ledger::open(ledger_config, environment).unwrap();
        let mut index_config = audit_query::Config::new(dir.path().join("index"));
        index_config.publish_interval = Duration::from_millis(1);
        let index = Index::open(index_config, ledger.clone()).unwrap();
        let control = Arc::new(Control::open(&dir.path().join("control.db")).unwrap());
        let tokens = [Role::Admin, Role::Auditor, Role::Ingest]
            .map(|role| {
                let new = NewToken { expiry: Expiry::Never, ..NewToken::of(role.as_str(), role.as_str()) };
                (role, control.create_token(&new, NOW).unwrap().1.reveal().to_owned())
            })
            .to_vec();
        let intake = Intake::new(ledger.clone(), clock.clone(), intake::Config::default());
        let configured = Configured { gateway: true, ..Configured::default() };
        let sightings = sightings::Config::new(dir.path().join("sightings.journal"), configured);
        let sightings = Sightings::open(&sightings, intake.clone(), &ledger, clock.clone()).unwrap();
        let parts = Parts {
            ledger: ledger.clone(),
            index,
            intake,
            control,
            clock: clock.clone(),
            page_key: [3; 32],
            sessions: around.sessions,
            provider: around.provider,
            roster: around.roster,
            surroundings: around.surroundings,
            premises: Premises {
                root: dir.path().to_owned(),
                ledger: dir.path().join("ledger"),
                index: dir.path().join("index"),
                exports: dir.path().join("exports"),
                reserve_bytes: 0,
                keys: vec![verifier.clone()],
                look: Arc::new(|| vec![crate::checks::good("clock", "looked at by the binary")]),
            },
            receiving: Some(Receiving { sightings: sightings.clone(), audit_file: None }),
        };
        config.export_files.get_or_insert_with(files).dir = dir.path().join("exports");
        let state = AppState::build(config, parts.clone()).unwrap();
        state.export_jobs().resume(&state);
        let router = router(state.clone());
        Self { state, router, clock, ledger, verifier, sightings, parts, tokens, dir }
    }

    /// The same after a restart of all that is above the ledger and its index.
    pub fn restarted(self) -> Self {
        self.state.export_jobs().stop();
        self.state.activity().finish();
        let state = AppState::build(self.state.config().clone(), self.parts.clone()).unwrap();
        state.export_jobs().resume(&state);
        let router = router(state.clone());
        Self { state, router, ..self }
    }

    /// Where exports in the background keep their files.
    pub fn export_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("exports")
    }

    /// The token of this role.
    pub fn token(&self, role: Role) -> &str {
        &self.tokens.iter().find(|(of, _)| *of == role).unwrap().1
    }

    /// Damages a recorded event on the disk: one bit inside of `text`, which must be in its bytes and in no other's.
    /// Of an app whose ledger keeps nothing in memory.
    pub fn damage(&self, text: &str) {
        let wal_dir = self.dir.path().join("ledger/wal");
        for file in std::fs::read_dir(wal_dir).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            if let Some(at) = bytes.windows(text.len()).position(|window| window == text.as_bytes()) {
                let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
                return;
            }
        }
        panic!("{text} is not in the ledger's files");
    }

    /// Another API on the same ledger and control data, as after a restart.
    pub fn state_of_the_next_start(&self) -> AppState {
        AppState::build(Config::default(), self.state.parts().clone()).unwrap()
    }

    /// Sends a request without saying from where.
    pub async fn send_as_is(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request as it is, from our usual address.
    pub async fn send(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(PeerAddr("192.0.2.7:4711".parse().unwrap()));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// `GET` below the prefix, as an auditor.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(
            self.send(self.request(Method::GET, path, Role::Auditor).body(Body::empty()).unwrap()).await,
        )
        .await
    }

    /// `GET`, which must succeed with JSON.
    pub async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// `POST /events` as an ingester.
    pub async fn post(&self, query: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        self.post_as(Role::Ingest, query, media_type, body).await
    }

    /// `POST /events` with the token of `role`.
    pub async fn post_as(&self, role: Role, query: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let request = self
            .request(Method::POST, &format!("/events{query}"), role)
            .header(CONTENT_TYPE, media_type)
            .body(body.into())
            .unwrap();
        Answer::of(self.send(request).await).await
    }

    /// Imports events as an admin: as what another server recorded.
    pub async fn import(&self, events: &[Value]) {
        let answer = self.post_as(Role::Admin, "", "application/json", json!(events).to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        self.catch_up();
    }

    /// Records events as the program's own parts do, whatever source they name, and waits until they can be searched.
    pub async fn record(&self, events: &[Value]) {
        let body = json!(events).to_string();
        let taken = self.state.intake().append(body.as_bytes(), Framing::Document, OnError::Reject);
        assert_eq!(taken.unwrap().duplicates(), 0);
        self.catch_up();
    }

    /// Records events that the program itself tells.
    pub async fn record_own(&self, events: &[Value]) {
        let own = events.iter().cloned().map(|mut event| {
            event["source"] = json!("internal");
            event
        });
        self.record(&own.collect::<Vec<_>>()).await;
    }

    /// Keeps a checkpoint of that size and root in the control database, as an earlier run of the server may have.
    pub fn keep_checkpoint(&self, size: u64, root: audit_tlog::Hash) {
        let signer = Signer::from_seed(KeyName::new(ORIGIN).unwrap(), &[7; 32]);
        let checkpoint = audit_tlog::Checkpoint::new(ORIGIN, audit_tlog::TreeSize::new(size), root).unwrap();
        let note = checkpoint.sign(&signer).to_string();
        let kept = audit_control::KeptCheckpoint { size, time: NOW, note };
        self.state.control().keep_checkpoint(&kept).unwrap();
    }

    /// Waits until everything recorded can be searched.
    pub fn catch_up(&self) {
        assert!(self.state.index().wait_for(self.ledger.size().get(), Duration::from_secs(60)));
    }

    /// What readers did, as recorded so far.
    pub async fn deeds(&self, action: &str) -> Vec<Value> {
        self.state.activity().flush();
        self.catch_up();
        let page = self.get_json(&format!("/?limit=1000&order=oldest_first&action={action}")).await;
        page["events"].as_array().unwrap().clone()
    }

    /// Begins a request with the token of `role`.
    pub fn request(&self, method: Method, path: &str, role: Role) -> http::request::Builder {
        let authorization = format!("Bearer {}", self.token(role));
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", PREFIXES[0]))
            .header(AUTHORIZATION, authorization)
            .header("user-agent", "tests/1")
    }
}

/// Room for exports as tests need it; the app says where.
pub(super) fn files() -> ExportFiles {
    ExportFiles {
        dir: std::path::PathBuf::new(),
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        keep_days: 7,
        at_once: 2,
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Self { status: head.status, headers: head.headers, body }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem with that status and code, and gives it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("#{code}")));
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

/// An event of that id, `minutes` before [`NOW`].
pub(super) fn event(id: &str, minutes: i64, more: &Value) -> Value {
    let time = Timestamp::from_micros(NOW.as_micros() - minutes * 60_000_000).to_string();
    let mut event = json!({
        "id": id,
        "time": time,
        "action": "auth.login",
        "outcome": "success",
        "source": "api",
        "actor": { "type": "user", "id": "u-1", "name": "Ada", "email": "ada@example.com" },
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// `count` plain events, one a minute, the newest last; ids `e-0`, `e-1`, …
pub(super) fn events(count: i64) -> Vec<Value> {
    (0..count).map(|number| event(&format!("e-{number}"), count - number, &json!({}))).collect()
}

/// The events' ids.
pub(super) fn ids(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

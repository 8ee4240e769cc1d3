//! The model gateway: between Open WebUI and its model providers.
//!
//! What comes in under `/llm/<name>/…` goes to the provider of that name, and each call of a model becomes one event:
//! for whom, which model, how many tokens, how long, how it ended. Bytes pass untouched, with the exceptions that
//! `docs/MODELS.md` lists: a streamed chat completion is asked for its usage, and the extra chunk that then comes is taken
//! out again when the caller had not asked for it.
//!
//! For whom Open WebUI calls is in headers that anybody could send. They are believed only from the networks, or with the
//! secret, that were configured. Other callers are refused, unless the provider is open to them; then the event has no
//! proven actor and keeps the claim apart.

mod answer;
mod believe;
mod call;
mod config;
mod decoding;
mod filter;
mod headers;
mod listener;
mod refusal;
mod request;
mod route;
mod status;

use std::net::IpAddr;
use std::sync::Arc;

use audit_event::{Category, Clock, Timestamp, uuid_v7};
use audit_pipeline::prices::Prices;
use bytes::Bytes;
use http::request::Parts as Head;
use http::{Request, Response, Uri};
use tokio_util::task::TaskTracker;

use self::answer::CountedAnswer;
use self::call::Call;
pub use self::config::{BuildError, Config, Hidden, Provider};
use self::config::{Known, Rules};
use self::refusal::Refusal;
use self::route::{Operation, Route};
pub use self::status::{ProviderStatus, Status};
use crate::body::{Body, BoxError};
use crate::recorder::{Mode, Recorder};

/// What the model gateway works with.
pub struct Parts {
    /// Takes the events.
    pub recorder: Recorder,
    /// Tells the time of events.
    pub clock: Arc<dyn Clock>,
    /// What calls cost.
    pub prices: Arc<Prices>,
}

/// Passes calls on to providers and records them; clones share it.
#[derive(Clone)]
pub struct ModelGateway(Arc<Inner>);

struct Inner {
    rules: Rules,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    prices: Arc<Prices>,
    /// Recordings that nobody waits for.
    tasks: TaskTracker,
}

impl ModelGateway {
    /// Checks the configuration; opens no connection yet.
    ///
    /// # Errors
    /// [`BuildError`] names the provider and what is wrong with it.
    pub fn build(config: Config, parts: Parts) -> Result<Self, BuildError> {
        let Parts { recorder, clock, prices } = parts;
        let rules = Rules::build(config)?;
        Ok(Self(Arc::new(Inner { rules, recorder, clock, prices, tasks: TaskTracker::new() })))
    }

    /// Whether a request with this path is for the model gateway.
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        Route::below(&self.0.rules.path, path).is_some()
    }

    /// Counts since the start.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            providers: self.0.rules.providers.iter().map(|known| known.counts.status(&known.name)).collect(),
        }
    }

    /// Waits until everything that was heard is recorded. Call after the last request has ended.
    pub async fn drain(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Answers a request that came from `peer`: the provider's answer, or why there is none.
    pub async fn handle<B>(&self, request: Request<B>, peer: IpAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        if !self.takes(head.uri.path()) {
            return Refusal::NotHere.answer();
        }
        let Some((provider, route)) = self.0.find(head.uri.path()) else {
            return Refusal::NoProvider.answer();
        };
        if !route.is_plain() {
            return Refusal::Path.answer();
        }
        let operation = Operation::of(&head.method, route.rest);
        let believed = self.0.rules.believe(&head.headers, peer, route.secret, self.0.clock.now());
        let request = request::boxed(body);
        let may_use = believed.may_use(provider, operation, &head.headers);
        match operation.action() {
            None if may_use => self.0.pass(head, request, provider).await,
            None => Refusal::Untrusted.answer(),
            Some(action) => {
                let call = Call::begin(&self.0, provider, &head, action, believed, peer.to_canonical());
                if !may_use {
                    call.refuse("untrusted_caller");
                    return Refusal::Untrusted.answer();
                }
                self.0.counted(call, head, request, operation).await
            }
        }
    }
}

impl Inner {
    fn find<'r>(&self, path: &'r str) -> Option<(&Arc<Known>, Route<'r>)> {
        let route = Route::below(&self.rules.path, path)?;
        let provider = self.rules.providers.iter().find(|known| known.name == route.name)?;
        Some((provider, route))
    }

    /// Lists of models and the like: nothing to record.
    async fn pass(&self, head: Head, body: Body, provider: &Arc<Known>) -> Response<Body> {
        let Some(head) = self.forwarded(head, provider, false) else { return Refusal::Path.answer() };
        match provider.client.send(Request::from_parts(head, body)).await {
            Ok(answer) => headers::from_provider(answer.map(Body::new)),
            Err(error) => Refusal::from(&error).answer(),
        }
    }

    /// A call that becomes an event.
    async fn counted(&self, mut call: Call, head: Head, body: Body, operation: Operation) -> Response<Body> {
        if let Err(error) = call.prepare().await {
            tracing::warn!(error.message = %error, "a model call was refused because it could not be recorded");
            call.refuse_unrecordable();
            return Refusal::Unrecordable.answer();
        }
        let provider = Arc::clone(call.provider());
        let Some(mut head) = self.forwarded(head, &provider, true) else { return Refusal::Path.answer() };
        let may_edit = operation.is_completion() && provider.asks_for_usage;
        let read = if may_edit {
            request::read(body, call.request(), &self.rules.room).await
        } else {
            Ok(request::tapped(body, call.request()))
        };
        let Ok(read) = read else {
            // The client left, or sent less than it said: nothing was forwarded.
            return Refusal::Incomplete.answer();
        };
        if read.is_edited {
            head.headers.remove(http::header::CONTENT_LENGTH);
        }
        match provider.client.send(Request::from_parts(head, read.body)).await {
            Ok(answer) => {
                call.answered(&answer);
                headers::from_provider(CountedAnswer::wrap(answer, call, read.is_edited))
            }
            Err(error) => {
                let refusal = Refusal::from(&error);
                match call.conclude_and_wait(refusal.ending()).await {
                    Ok(()) => refusal.answer(),
                    Err(_lost) => Refusal::Unrecorded.answer(),
                }
            }
        }
    }

    /// The request's head as the provider gets it; `None` when its path is none.
    fn forwarded(&self, mut head: Head, provider: &Known, is_counted: bool) -> Option<Head> {
        let route = Route::below(&self.rules.path, head.uri.path())?;
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{}{query}", provider.client.base_path(), route.rest);
        head.uri = target.parse::<Uri>().ok()?;
        headers::to_provider(&mut head.headers, provider, is_counted);
        Some(head)
    }

    /// A fresh id for an event of this time.
    fn new_id(&self, time: Timestamp) -> String {
        let mut random = [0; 10];
        if getrandom::fill(&mut random).is_err() {
            // Without randomness ids of one millisecond could be equal, and the ledger would take the calls for one.
            let count = self.rules.count_up();
            random[2..].copy_from_slice(&count.to_be_bytes());
        }
        uuid_v7(time, &random)
    }

    fn is_strict(&self) -> bool {
        self.recorder.mode(Category::ModelUsage) == Mode::Strict
    }
}

#[cfg(test)]
mod tests;

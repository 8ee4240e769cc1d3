//! Passing a request on and its answer back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use audit_event::{Actor, ActorType, Event, Outcome, Source, Timestamp, taxonomy, uuid_v7};
use audit_pipeline::sources::openwebui::exchange::{Ending, Plan};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, COOKIE, TRANSFER_ENCODING, USER_AGENT};
use http::request::Parts as Head;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::client_address::{CHAIN, Origin};
use super::passing::WatchedAnswer;
use super::refusal::Refusal;
use super::watch::{Seen, Watch};
use super::{Inner, Peer, headers};
use crate::body::{self, Body, full};
use crate::upstream::{AnswerBody, Error};

/// In strict mode an answer of at most this many bytes is held back whole, so that it can still be replaced when its
/// event cannot be recorded; of longer ones, and of streams, the end is held back.
const HELD_WHOLE: u64 = 64 << 10;

/// Path and query, whatever form the target has (RFC 9112, 3.2).
pub(super) fn target_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

impl Inner {
    /// A fresh id for an event of this time.
    pub fn new_id(&self, time: Timestamp) -> String {
        let mut random = [0; 10];
        if getrandom::fill(&mut random).is_err() {
            // Without randomness the ids of one microsecond would be equal, and the ledger would take them for one.
            let count = self.ids_without_randomness.fetch_add(1, Ordering::Relaxed);
            random[2..].copy_from_slice(&count.to_be_bytes());
        }
        uuid_v7(time, &random)
    }

    /// Makes a request's head one of ours to upstream.
    pub fn make_ours(&self, head: &mut Head, origin: &Origin, peer: Peer, target: PathAndQuery) {
        headers::forward(head, origin, peer.is_tls);
        self.trusted_headers.guard(&mut head.headers, origin.is_forwarded);
        head.uri = Uri::from(target);
    }

    /// The short way: nothing is recorded unless the answer is a refusal.
    pub async fn pass(
        self: &Arc<Self>,
        head: Head,
        body: Body,
        plan: Plan,
        target: PathAndQuery,
        origin: &Origin,
    ) -> Response<Body> {
        // Cheap copies: they share the request's own memory.
        let method = head.method.clone();
        let sketch = self.sketch(&head.headers);
        match self.upstream.send(Request::from_parts(head, body)).await {
            Ok(answer) => {
                self.note_up();
                let has_failed = plan.records_failures && answer.status().as_u16() >= 400;
                if has_failed || is_refusal(answer.status()) {
                    let mut credentials = sketch.into_headers();
                    credentials.extend(origin.chain.clone().map(|chain| (CHAIN, chain)));
                    let client = origin.client(&credentials);
                    let target = target.to_string();
                    let mut watch =
                        Watch::begin(self, Seen { plan, method, target, headers: credentials, client });
                    watch.answered(&answer);
                    return from_upstream(answer.map(|body| Body::new(WatchedAnswer::new(body, watch))));
                }
                from_upstream(answer.map(Body::new))
            }
            Err(error) => self.fail(&error).answer(&method, &sketch.into_headers()),
        }
    }

    /// The long way: the exchange becomes an event.
    pub async fn watched(self: &Arc<Self>, head: Head, body: Body, seen: Seen) -> Response<Body> {
        let (method, accept) = (seen.method.clone(), seen.headers.clone());
        let refuse = |refusal: Refusal| refusal.answer(&method, &accept);
        let mut watch = Watch::begin(self, seen);
        if let Err(error) = watch.prepare().await {
            tracing::warn!(error.message = %error, "a request was refused because it could not be recorded");
            watch.give_up();
            return refuse(Refusal::Unrecordable);
        }
        let body = match watch.request_copy() {
            Some(copy) => body::watched(body, move |bytes| copy.lock().feed(bytes)),
            None => body,
        };
        match self.upstream.send(Request::from_parts(head, body)).await {
            Ok(answer) => self.watched_answer(answer, watch).await.unwrap_or_else(refuse),
            Err(error) => {
                let refusal = self.fail(&error);
                match watch.conclude_and_wait(ending_of(&error)).await {
                    Ok(()) => refuse(refusal),
                    Err(_lost) => refuse(Refusal::Unrecorded),
                }
            }
        }
    }

    /// The answer to a recorded request, whole where it is short and waits for its record.
    async fn watched_answer(
        &self,
        answer: Response<AnswerBody>,
        mut watch: Watch,
    ) -> Result<Response<Body>, Refusal> {
        self.note_up();
        watch.answered(&answer);
        let (head, body) = answer.into_parts();
        let length = body.size_hint().exact();
        let is_empty = body.is_end_stream();
        let is_held_whole = watch.is_strict() && length.is_some_and(|length| length <= HELD_WHOLE);
        if !is_empty && !is_held_whole {
            let body = Body::new(WatchedAnswer::new(body, watch));
            return Ok(from_upstream(Response::from_parts(head, body)));
        }
        let whole = match body.collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(error) => {
                tracing::debug!(error.message = %error, "an answer broke off");
                watch.conclude_and_wait(Ending::UpstreamBroke).await.map_err(|_lost| Refusal::Unrecorded)?;
                return Err(Refusal::Broke);
            }
        };
        watch.saw(&whole);
        watch.conclude_and_wait(Ending::Complete).await.map_err(|_lost| Refusal::Unrecorded)?;
        Ok(from_upstream(Response::from_parts(head, full(whole))))
    }

    /// What to say instead of an answer; the first failure of a kind that means "down" is an event.
    pub fn fail(&self, error: &Error) -> Refusal {
        let refusal = Refusal::from(error);
        tracing::debug!(error.message = %error, "upstream did not answer");
        if refusal == Refusal::Unreachable && !self.is_down.swap(true, Ordering::Relaxed) {
            tracing::warn!(error.message = %error, "Open WebUI cannot be reached");
            self.note_change("gateway.upstream_unreachable", Outcome::Failure, Some(refusal.code()));
        }
        refusal
    }

    /// Open WebUI answered.
    pub fn note_up(&self) {
        if self.is_down.load(Ordering::Relaxed) && self.is_down.swap(false, Ordering::Relaxed) {
            tracing::info!("Open WebUI answers again");
            self.note_change("gateway.upstream_recovered", Outcome::Success, None);
        }
    }

    fn note_change(&self, action: &'static str, outcome: Outcome, reason: Option<&'static str>) {
        let mut event = Event::new(action, Source::Gateway);
        event.time = Some(self.clock.now());
        event.outcome = outcome;
        event.reason = reason.map(Into::into);
        event.message = taxonomy::lookup(action).map(|info| info.template.into());
        event.actor = Some(Actor {
            kind: Some(ActorType::System),
            name: Some("secureai-audit".into()),
            ..Actor::default()
        });
        self.recorder.note(vec![event]);
    }

    /// What tells who asked, should the answer be a refusal, and how to say so.
    fn sketch(&self, headers: &HeaderMap) -> Sketch {
        Sketch(SKETCHED.map(|name| headers.get(name).cloned()), {
            headers.get(&self.api_key_header).map(|key| (self.api_key_header.clone(), key.clone()))
        })
    }
}

/// What is kept of every request's head.
const SKETCHED: [HeaderName; 5] =
    [AUTHORIZATION, COOKIE, USER_AGENT, ACCEPT, HeaderName::from_static("x-request-id")];

/// Values that share the request's memory: for most requests nobody asks for them again.
struct Sketch([Option<HeaderValue>; 5], Option<(HeaderName, HeaderValue)>);

impl Sketch {
    fn into_headers(self) -> HeaderMap {
        let named = SKETCHED.into_iter().zip(self.0);
        named.filter_map(|(name, value)| Some((name, value?))).chain(self.1).collect()
    }
}

/// 401 and 403: somebody was turned away.
fn is_refusal(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

pub(super) fn ending_of(error: &Error) -> Ending {
    match error {
        Error::Connect(_) | Error::ConnectTimedOut => Ending::Unreachable,
        Error::TimedOut => Ending::TimedOut,
        Error::Broke(_) => Ending::UpstreamBroke,
    }
}

/// Makes an answer's head one of ours to the client.
pub(super) fn from_upstream(answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    if head.headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112, 6.3: the coding wins; a length beside it says nothing.
        head.headers.remove(CONTENT_LENGTH);
    }
    headers::remove_hop_by_hop(&mut head.headers);
    head.version = http::Version::HTTP_11;
    Response::from_parts(head, body)
}

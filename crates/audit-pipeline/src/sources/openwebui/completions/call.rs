//! A call of a model provider that passed the model gateway, and the event it is.

use std::net::IpAddr;

use audit_event::{Actor, ActorType, Client, Event, Http, Json, Model, Outcome, Source, Timestamp};

use super::forwarded::Forwarded;
use super::{Completion, RequestReader};
use crate::prices::Prices;
use crate::sources::openwebui::exchange::Ending;
use crate::sources::openwebui::{sentence, target};

/// Everything known of a call when it has ended.
#[derive(Debug)]
pub struct ModelCall<'a> {
    /// The event's id.
    pub id: &'a str,
    /// `model.called`, or `api.request` for what calls no model.
    pub action: &'static str,
    /// When its head arrived.
    pub started: Timestamp,
    /// Until the end of its answer, in milliseconds.
    pub latency_ms: f64,
    /// Until the first byte of the answer's body, in milliseconds.
    pub first_byte_ms: Option<f64>,
    /// The provider's configured name.
    pub provider: &'a str,
    /// Method.
    pub method: &'a str,
    /// Path below the provider's, without query or secrets.
    pub path: &'a str,
    /// What was asked for, as far as the request was read.
    pub request: &'a RequestReader,
    /// For whom, as the headers say.
    pub forwarded: &'a Forwarded,
    /// Whether they are believed.
    pub is_believed: bool,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The caller's `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// What the answer told.
    pub completion: &'a Completion,
    /// The provider's own id of the request, from its headers.
    pub provider_request_id: Option<&'a str>,
    /// After how many seconds the provider wants to be asked again.
    pub retry_after_seconds: Option<u64>,
    /// How it ended.
    pub ending: Ending,
    /// Why we did not pass it on.
    pub refusal: Option<&'static str>,
    /// The answer had an encoding that is not read.
    pub is_unreadable: bool,
}

impl ModelCall<'_> {
    /// The event.
    #[must_use]
    pub fn event(&self, prices: &Prices) -> Event<'static> {
        let mut event = Event::new(self.action, Source::ModelGateway);
        event.id = Some(self.id.to_owned().into());
        event.time = Some(self.started);
        event.latency_ms = Some(self.latency_ms);
        let (outcome, reason) = self.outcome();
        event.outcome = outcome;
        event.reason = reason.map(Into::into);
        self.sign(&mut event);
        let model = self.model();
        event.target = model.map(|id| target("model", id));
        event.targets = self.chat().map(|id| target("chat", id)).into_iter().collect();
        event.model = Some(Model {
            id: model.map(|id| id.to_owned().into()),
            provider: Some(self.provider.to_owned().into()),
        });
        event.usage = self.completion.tokens.usage();
        if let Some(usage) = &mut event.usage {
            usage.cost_usd = self.cost(prices);
        }
        event.http = Some(Http {
            method: Some(self.method.to_owned().into()),
            path: Some(self.path.to_owned().into()),
            status: self.status,
            request_id: None,
        });
        event.details = Some(Json::object(self.details()));
        event.message = Some(sentence(&event).into());
        event
    }

    /// The model asked for; providers answer with a more exact name, which is in the details.
    fn model(&self) -> Option<&str> {
        self.request.model().or(self.completion.model.as_deref())
    }

    fn chat(&self) -> Option<&str> {
        self.forwarded.chat_id.as_deref().filter(|_| self.is_believed)
    }

    fn cost(&self, prices: &Prices) -> Option<f64> {
        let models = [self.completion.model.as_deref(), self.request.model()];
        let cost_of = |model| prices.cost(self.provider, model, self.started, &self.completion.tokens);
        models.into_iter().flatten().find_map(cost_of).map(|cost| cost.as_dollars())
    }

    fn outcome(&self) -> (Outcome, Option<&'static str>) {
        if let Some(refusal) = self.refusal {
            return (Outcome::Denied, Some(refusal));
        }
        let failed = |reason| (Outcome::Failure, Some(reason));
        match (self.ending, self.status) {
            (Ending::Unreachable, _) => failed("provider_unreachable"),
            (Ending::TimedOut, _) => failed("provider_timeout"),
            (Ending::RefusedUnrecordable, _) => failed("unrecordable"),
            (_, Some(429)) => failed("provider_rate_limited"),
            (_, Some(401 | 403)) => failed("provider_rejected_credential"),
            (_, Some(400..500)) => failed("provider_rejected_request"),
            (_, Some(500..)) => failed("provider_error"),
            _ if self.completion.error.is_some() => failed("provider_error"),
            (Ending::ClientLeft, _) if !self.completion.is_ended => failed("client_left"),
            (Ending::UpstreamBroke, _) => failed("stream_broken"),
            (_, None) => (Outcome::Unknown, None),
            _ if self.completion.is_stream && !self.completion.is_ended => failed("stream_broken"),
            _ => (Outcome::Success, None),
        }
    }

    /// Only a believed user is the actor. A believed call without a user is Open WebUI's own.
    fn sign(&self, event: &mut Event<'static>) {
        let of = |kind| Some(Actor { kind: Some(kind), ..Actor::default() });
        match &self.forwarded.person {
            Some(person) if self.is_believed => person.sign(event),
            None if self.is_believed => event.actor = of(ActorType::System),
            _ => event.actor = of(ActorType::Anonymous),
        }
        event.client = Some(Client {
            // Of a believed call the peer is Open WebUI; where the user sits is in the gateway's own event.
            ip: (!self.is_believed).then_some(self.peer),
            peer_ip: Some(self.peer),
            user_agent: self.user_agent.map(|agent| agent.chars().take(512).collect::<String>().into()),
            ..Client::default()
        });
    }

    fn details(&self) -> Vec<(&'static str, Json<'static>)> {
        let completion = self.completion;
        let mut details: Vec<(&'static str, Json<'static>)> = Vec::new();
        let is_stream = completion.is_stream || self.request.stream() == Some(true);
        details.push(("stream", is_stream.into()));
        let mut text = |name, value: Option<&str>| {
            details.extend(value.map(|value| (name, Json::from(value.to_owned()))));
        };
        let believed = |value: &'_ Option<String>| value.clone().filter(|_| self.is_believed);
        text("task", believed(&self.forwarded.task).as_deref().or_else(|| self.request.task()));
        text("chat_id", self.chat());
        text("message_id", believed(&self.forwarded.message_id).as_deref());
        text("auth_type", believed(&self.forwarded.auth_type).as_deref());
        text("completion_id", completion.id.as_deref());
        text("provider_request_id", self.provider_request_id);
        text("finish_reason", completion.finish_reason.as_deref());
        text("answered_by", completion.model.as_deref().filter(|model| Some(*model) != self.model()));
        text("provider_code", completion.error.as_ref().and_then(|error| error.code.as_deref()));
        text("usage_missing", self.usage_missing());
        details.extend(completion.tokens.cache_written.map(|count| ("cache_written_tokens", count.into())));
        details.extend(self.retry_after_seconds.map(|seconds| ("retry_after_seconds", seconds.into())));
        if is_stream {
            details.extend(self.first_byte_ms.map(|ms| ("first_token_ms", rounded(ms).into())));
        }
        details.extend(self.claim().map(|claim| ("claimed_actor", claim)));
        details
    }

    /// Why a call that succeeded has no counts.
    fn usage_missing(&self) -> Option<&'static str> {
        let is_expected = self.completion.tokens.is_empty() && matches!(self.status, Some(200..300));
        match () {
            () if !is_expected => None,
            () if self.is_unreadable => Some("encoding_not_read"),
            () if self.ending != Ending::Complete => Some("answer_incomplete"),
            () => Some("not_sent_by_provider"),
        }
    }

    /// Whom a call that is not believed pretended to be for.
    fn claim(&self) -> Option<Json<'static>> {
        let person = self.forwarded.person.as_ref().filter(|_| !self.is_believed)?;
        let members =
            [("id", Some(&person.id)), ("name", person.name.as_ref()), ("email", person.email.as_ref())];
        Some(Json::object(
            members.into_iter().filter_map(|(name, value)| value.map(|value| (name, value.clone()))),
        ))
    }
}

/// Milliseconds with three decimals: a clock knows no more.
fn rounded(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

//! The event as sources build it and as `POST /events` sends it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::error::EventError;
use crate::json::Json;
use crate::time::Timestamp;
use crate::vocabulary::{ActorType, Capture, Category, Marks, Outcome, Severity, Source};

/// One audit event, before it is encoded. Field names are those of the JSON form.
///
/// Strings borrow from the input where they can; `Event<'static>` owns everything. What is `None` or
/// empty is left out of the canonical form, except for what the [`Encoder`](crate::Encoder) fills in:
/// `id`, `time`, `recorded_at`, `category`, `severity` and `instance`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// UUIDv7, or the source's own id: at most 64 visible ASCII characters. Filled in when absent.
    pub id: Option<Cow<'a, str>>,
    /// When it happened; the time of recording when absent.
    pub time: Option<Timestamp>,
    /// Filled in from the taxonomy when absent.
    pub category: Option<Category>,
    /// Dotted, past tense: `auth.login`, `chat.deleted`.
    pub action: Cow<'a, str>,
    /// How it ended.
    pub outcome: Outcome,
    /// A stable code such as `invalid_credentials`.
    pub reason: Option<Cow<'a, str>>,
    /// The taxonomy's default for the action when absent.
    pub severity: Option<Severity>,
    /// Which source saw it.
    pub source: Source,
    /// Who handed it in, where it came from outside; the intake says so, and never the event's author.
    pub sender: Option<Cow<'a, str>>,
    /// Which installation it came from; the encoder's default when absent.
    pub instance: Option<Cow<'a, str>>,
    /// How much content it carries; `None` is metadata only.
    pub capture: Option<Capture>,
    /// Marks set already (an event imported from an export); the encoder adds its own.
    pub marks: Marks,
    /// Who did it.
    pub actor: Option<Actor<'a>>,
    /// A keyed hash of the session, never the token.
    pub session_id: Option<Cow<'a, str>>,
    /// The actor's place in the organisation at that time.
    pub org: Option<Org<'a>>,
    /// From where.
    pub client: Option<Client<'a>>,
    /// What it was done to.
    pub target: Option<Target<'a>>,
    /// What a bulk action was done to.
    pub targets: Vec<Target<'a>>,
    /// The model called.
    pub model: Option<Model<'a>>,
    /// What the call used.
    pub usage: Option<Usage>,
    /// How long it took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// One sentence a person can read.
    pub message: Option<Cow<'a, str>>,
    /// What changed, from what to what.
    pub changes: Vec<Change<'a>>,
    /// The request that caused it.
    pub http: Option<Http<'a>>,
    /// Anything else: a JSON object.
    pub details: Option<Json<'a>>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor<'a> {
    /// `type` in JSON.
    pub kind: Option<ActorType>,
    /// The platform's id of the user, key or service.
    pub id: Option<Cow<'a, str>>,
    /// Display name.
    pub name: Option<Cow<'a, str>>,
    /// E-mail address, or the name that was tried at a failed sign-in.
    pub email: Option<Cow<'a, str>>,
}

/// The actor's place in the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Org<'a> {
    /// Role on the platform.
    pub role: Option<Cow<'a, str>>,
    /// Department.
    pub department: Option<Cow<'a, str>>,
    /// Groups, in the source's order.
    pub groups: Vec<Cow<'a, str>>,
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client<'a> {
    /// The client's address after trusted-proxy rules. IPv4-mapped IPv6 is written as IPv4.
    pub ip: Option<IpAddr>,
    /// The address the connection came from.
    pub peer_ip: Option<IpAddr>,
    /// The `X-Forwarded-For` chain as received.
    pub forwarded_for: Vec<Cow<'a, str>>,
    /// The `User-Agent` header.
    pub user_agent: Option<Cow<'a, str>>,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// `type` in JSON: `chat`, `file`, `user`...
    pub kind: Option<Cow<'a, str>>,
    /// The platform's id.
    pub id: Option<Cow<'a, str>>,
    /// Display name.
    pub name: Option<Cow<'a, str>>,
}

/// The model called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model<'a> {
    /// The model's id, as the provider names it.
    pub id: Option<Cow<'a, str>>,
    /// The provider or connection.
    pub provider: Option<Cow<'a, str>>,
}

/// What a model call used. Counts are at most 2^53 - 1 (what JSON numbers hold exactly).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// Input tokens that the provider had cached.
    pub cached_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
}

/// One changed setting or attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change<'a> {
    /// What changed, as a dotted path.
    pub field: Cow<'a, str>,
    /// The value before; `None` when unknown or absent.
    pub before: Option<Json<'a>>,
    /// The value after; `None` when unknown or absent.
    pub after: Option<Json<'a>>,
}

/// The request that caused the event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Http<'a> {
    /// Method.
    pub method: Option<Cow<'a, str>>,
    /// Path, without the query's secrets.
    pub path: Option<Cow<'a, str>>,
    /// Response status, 100 to 599.
    pub status: Option<u16>,
    /// Request id, as proxies pass it on.
    pub request_id: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// An event with an action and a source and nothing else; the outcome is `unknown`.
    #[must_use]
    pub fn new(action: impl Into<Cow<'a, str>>, source: Source) -> Event<'a> {
        Event {
            id: None,
            time: None,
            category: None,
            action: action.into(),
            outcome: Outcome::Unknown,
            reason: None,
            severity: None,
            source,
            sender: None,
            instance: None,
            capture: None,
            marks: Marks::EMPTY,
            actor: None,
            session_id: None,
            org: None,
            client: None,
            target: None,
            targets: Vec::new(),
            model: None,
            usage: None,
            latency_ms: None,
            message: None,
            changes: Vec::new(),
            http: None,
            details: None,
        }
    }

    /// Parses one JSON object.
    ///
    /// # Errors
    /// Anything that is not an event: malformed JSON, invalid UTF-8, an unknown, doubled or missing field,
    /// a value of the wrong type or too long. The error names the field and says what to do.
    pub fn parse(json: &'a [u8]) -> Result<Event<'a>, EventError> {
        let parsed = crate::parse::event(json).map_err(|refusal| *refusal)?;
        crate::validate::event(&parsed.event).map_err(|refusal| *refusal)?;
        Ok(parsed.event)
    }
}

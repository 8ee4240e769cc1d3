//! A request to Open WebUI and its answer, and the events they amount to.

pub use super::bodies::GistReader;
use audit_event::{Category, Client, Timestamp};
use http::{HeaderMap, Method};

use super::caller::Caller;

/// One request and its answer, as a proxy saw them.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The id that its event gets; a request that amounts to several events derives the others from it.
    pub id: &'a str,
    /// When its head arrived.
    pub started: Timestamp,
    /// From its head to the end of its answer, in milliseconds.
    pub latency_ms: f64,
    /// From its head to the first byte of the answer's body, in milliseconds.
    pub first_byte_ms: Option<f64>,
    /// Method.
    pub method: &'a Method,
    /// Path and query as they came, percent-encoding untouched.
    pub target: &'a str,
    /// The request's headers, as forwarded.
    pub request_headers: &'a HeaderMap,
    /// The request's body.
    pub request_body: Captured<'a>,
    /// What came back; `None` when nothing did.
    pub answer: Option<Answer<'a>>,
    /// How it ended.
    pub ending: Ending,
    /// Who sent it.
    pub caller: &'a Caller,
    /// From where.
    pub client: Client<'static>,
    /// What the target was before, when the plan asked for it and it could be had: the answer's JSON.
    pub before: Option<&'a [u8]>,
}

/// The answer's head and body.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Status.
    pub status: u16,
    /// Headers as received.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: Captured<'a>,
}

/// The bounded copy of a body; of an answer, its content encoding undone. Open WebUI does not undo a request's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Captured<'a> {
    /// The bytes from the beginning.
    pub bytes: &'a [u8],
    /// For a long stream, the last bytes, when they are not in `bytes`: the usage of a model call stands there.
    pub tail: &'a [u8],
    /// Whether `bytes` is all there was.
    pub is_whole: bool,
    /// Length of the body as transferred, in bytes.
    pub length: u64,
    /// Of a longer request the members that its row names, as a document of their own: what a [`GistReader`] found.
    pub gist: &'a [u8],
}

impl<'a> Captured<'a> {
    /// What the row's members are read from: all that was sent, or its gist, or at least its beginning.
    pub(super) const fn document(&self) -> &'a [u8] {
        if self.has_all() || self.gist.is_empty() { self.bytes } else { self.gist }
    }

    /// Whether `bytes` is all that was sent: also of a request whose sender left before the answer came.
    pub(super) const fn has_all(&self) -> bool {
        self.is_whole || self.length == self.bytes.len() as u64
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The answer was passed on whole.
    Complete,
    /// The client went away first.
    ClientLeft,
    /// Open WebUI broke the answer off.
    UpstreamBroke,
    /// Open WebUI could not be reached.
    Unreachable,
    /// Open WebUI did not answer in time.
    TimedOut,
    /// Not forwarded: the ledger could not have recorded it.
    RefusedUnrecordable,
    /// The connection became another protocol's (101); recorded when it is known who opened it.
    Upgraded,
}

/// What to look at in an exchange; made from method and target before it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The row of the table, if one fits; opaque to the gateway.
    pub(super) row: Option<usize>,
    /// Whether an event comes of it whatever the answer. A read that is in no row may still amount to an event when it
    /// is refused.
    pub is_recorded: bool,
    /// Whether an event comes of it when it fails, by any status from 400 on; a refusal is always one.
    pub records_failures: bool,
    /// Whether it may change state: what strict mode is about.
    pub changes_state: bool,
    /// The category that its event will have; decides the mode.
    pub category: Category,
    /// How many bytes of the request's body to keep; 0: none.
    pub keep_request: usize,
    /// How many bytes of the answer's body to keep; 0: none.
    pub keep_answer: usize,
    /// A path to fetch, with the caller's own credential, before the request is forwarded: the state before.
    pub before: Option<String>,
    /// The answer is the state of something: it is to be remembered under this path, as `before` names it.
    pub remember: Option<String>,
}

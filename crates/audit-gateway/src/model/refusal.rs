//! What a caller gets when there is no answer of the provider to pass on.
//!
//! Problem details (RFC 9457), with the member `error` that clients of OpenAI's API look for: Open WebUI shows its text to
//! the user.

use audit_pipeline::sources::openwebui::exchange::Ending;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::body::{Body, full};
use crate::upstream::Error;

/// Where each code is explained; the code is the fragment.
const DOCUMENTATION: &str = "https://github.com/secureai/secureai-audit/blob/main/docs/MODELS.md#";

/// Why the model gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not a path of the model gateway's.
    NotHere,
    /// No provider of that name.
    NoProvider,
    /// A path that could be read in two ways.
    Path,
    /// The caller is not known to be Open WebUI, and the provider is not open to others, or not for this.
    Untrusted,
    /// The request ended before its length.
    Incomplete,
    /// The provider could not be reached.
    Unreachable,
    /// The provider broke the connection off before it answered.
    Broke,
    /// The provider did not answer in time.
    TimedOut,
    /// The ledger cannot record the call: it was not passed on.
    Unrecordable,
    /// It was made, but could not be recorded.
    Unrecorded,
}

impl Refusal {
    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotHere => (
                StatusCode::NOT_FOUND,
                "nothing_here",
                "nothing is served at this address: the model gateway is below models.path",
            ),
            Self::NoProvider => (
                StatusCode::NOT_FOUND,
                "unknown_provider",
                "no provider of that name is configured: see [[models.provider]]",
            ),
            Self::Path => (
                StatusCode::BAD_REQUEST,
                "ambiguous_path",
                "the path has parts that could be read in two ways; it was not passed on",
            ),
            Self::Untrusted => (
                StatusCode::FORBIDDEN,
                "untrusted_caller",
                "this provider may be called only by Open WebUI: set models.callers to its network, or give it models.secret",
            ),
            Self::Incomplete => (
                StatusCode::BAD_REQUEST,
                "incomplete_request",
                "the request ended early; it was not passed on",
            ),
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "provider_unreachable",
                "the model provider cannot be reached from the audit gateway",
            ),
            Self::Broke => (
                StatusCode::BAD_GATEWAY,
                "provider_broke",
                "the model provider broke the connection off before it answered",
            ),
            Self::TimedOut => {
                (StatusCode::GATEWAY_TIMEOUT, "provider_timeout", "the model provider did not answer in time")
            }
            Self::Unrecordable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger_unavailable",
                "the audit log cannot record this call at present, so it was not made",
            ),
            Self::Unrecorded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "done_unrecorded",
                "the call was made, but the audit log could not record it",
            ),
        }
    }

    /// How the call ended, for its event.
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::TimedOut => Ending::TimedOut,
            Self::Broke => Ending::UpstreamBroke,
            _ => Ending::Unreachable,
        }
    }

    /// The answer.
    pub(super) fn answer(self) -> Response<Body> {
        let (status, code, text) = self.words();
        let document = json!({
            "type": format!("{DOCUMENTATION}{code}"),
            "title": text,
            "status": status.as_u16(),
            "code": code,
            "detail": text,
            "error": {"message": text, "type": "audit_gateway", "code": code},
        });
        let mut answer = Response::new(full(document.to_string()));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        answer
    }
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        match error {
            Error::Connect(_) | Error::ConnectTimedOut => Self::Unreachable,
            Error::TimedOut => Self::TimedOut,
            Error::Broke(_) => Self::Broke,
        }
    }
}

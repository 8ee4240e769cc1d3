//! What a client gets when there is no answer to pass on: problem details (RFC 9457) for programs, a page for people.

use http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::body::{Body, full};
use crate::upstream;

/// Where each code is explained; the code is the fragment.
const DOCUMENTATION: &str = "https://github.com/secureai/secureai-audit/blob/main/docs/GATEWAY.md#";

/// Why the gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request can be read in two ways.
    Ambiguous,
    /// `CONNECT`, or an upgrade over HTTP/2: not something to pass on.
    NotProxied,
    /// Too many WebSockets at once.
    TooManySockets,
    /// Open WebUI could not be reached.
    Unreachable,
    /// Open WebUI broke the connection off before it answered.
    Broke,
    /// Open WebUI did not answer in time.
    TimedOut,
    /// The ledger cannot record what the request would do: it was not forwarded.
    Unrecordable,
    /// It was done, but its event could not be recorded.
    Unrecorded,
}

/// A refusal in words.
struct Words {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    /// For programs and administrators.
    detail: &'static str,
    /// For whoever opened a page.
    page: &'static str,
}

impl Refusal {
    fn words(self) -> Words {
        let of = |status, code, title, detail, page| Words { status, code, title, detail, page };
        match self {
            Self::Ambiguous => of(
                StatusCode::BAD_REQUEST,
                "ambiguous_request",
                "The request can be read in two ways",
                "the request has conflicting lengths, codings or hosts; it was not forwarded",
                "Your browser or a proxy sent a request that cannot be passed on safely.",
            ),
            Self::NotProxied => of(
                StatusCode::NOT_IMPLEMENTED,
                "not_proxied",
                "This is not passed on",
                "the gateway passes on requests and WebSockets; this is neither",
                "This kind of request is not passed on.",
            ),
            Self::TooManySockets => of(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_sockets",
                "Too many WebSockets",
                "as many WebSockets are open as the gateway allows; try again",
                "Too many people are connected. Try again in a moment.",
            ),
            Self::Unreachable => of(
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "Open WebUI cannot be reached",
                "no connection to Open WebUI; check that it runs and that gateway.upstream is its address",
                "The chat service is not running or is being restarted. Try again in a moment; if it stays away, tell \
                 your administrator.",
            ),
            Self::Broke => of(
                StatusCode::BAD_GATEWAY,
                "upstream_broke",
                "Open WebUI broke the connection off",
                "Open WebUI ended the connection before it answered; its log may say why. What was asked for may have \
                 been done",
                "The chat service broke the connection off. Try again in a moment.",
            ),
            Self::TimedOut => of(
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "Open WebUI did not answer in time",
                "no answer within gateway.answer_timeout_ms; what was asked for may still be done",
                "The chat service took too long to answer. Try again in a moment.",
            ),
            Self::Unrecordable => of(
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger_unavailable",
                "This cannot be recorded at present, so it was not done",
                "the audit ledger does not accept events (a full disk, most likely) and the gateway runs in strict \
                 mode: requests that change something are refused until it does; reading goes on",
                "Changes are paused because the audit log cannot record them. Nothing was changed; you can go on \
                 reading. Your administrator has to look at the audit service.",
            ),
            Self::Unrecorded => of(
                StatusCode::SERVICE_UNAVAILABLE,
                "done_unrecorded",
                "This was done, but could not be recorded",
                "Open WebUI carried the request out, and then neither the audit ledger nor its journal took the event; \
                 do not repeat the request blindly",
                "Your change was made, but the audit log could not record it. Your administrator has to look at the \
                 audit service.",
            ),
        }
    }

    /// The stable code, for events and logs.
    pub fn code(self) -> &'static str {
        self.words().code
    }

    /// The answer: a page for a browser that navigates, else problem details.
    pub fn answer(self, method: &Method, headers: &HeaderMap) -> Response<Body> {
        let words = self.words();
        let (content_type, text) = if wants_page(method, headers) {
            ("text/html; charset=utf-8", page(&words))
        } else {
            ("application/problem+json", problem(&words))
        };
        let mut answer = Response::new(full(text));
        *answer.status_mut() = words.status;
        let fields = answer.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if words.status == StatusCode::SERVICE_UNAVAILABLE || words.status == StatusCode::BAD_GATEWAY {
            fields.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if content_type.starts_with("text/html") {
            let policy = "default-src 'none'; style-src 'unsafe-inline'";
            fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        if matches!(self, Self::Ambiguous | Self::NotProxied) {
            // Whatever follows on this connection may be part of the same trick.
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl From<&upstream::Error> for Refusal {
    fn from(error: &upstream::Error) -> Self {
        match error {
            upstream::Error::Connect(_) | upstream::Error::ConnectTimedOut => Self::Unreachable,
            upstream::Error::TimedOut => Self::TimedOut,
            upstream::Error::Broke(_) => Self::Broke,
        }
    }
}

/// Whether a person looks at the answer: a browser that navigates says so.
fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    method == Method::GET && accept.split(',').any(|kind| kind.trim().starts_with("text/html"))
}

fn problem(words: &Words) -> String {
    let document = json!({
        "type": format!("{DOCUMENTATION}{}", words.code),
        "title": words.title,
        "status": words.status.as_u16(),
        "code": words.code,
        "detail": words.detail,
    });
    document.to_string()
}

fn page(words: &Words) -> String {
    let Words { title, page, code, .. } = words;
    let style = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}\
                 h1{font-size:1.4rem}small{opacity:.6}@media(prefers-color-scheme:dark){body{background:#171717;color:#eee}}";
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>\
         <p>{page}</p><p><small>SecureAI Audit gateway: {code}</small></p></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_a_page_and_programs_a_problem() {
        let mut browser = HeaderMap::new();
        browser.insert(ACCEPT, HeaderValue::from_static("application/xhtml+xml, text/html;q=0.9"));
        let kind = |method: &Method, headers: &HeaderMap| {
            let answer = Refusal::Unreachable.answer(method, headers);
            answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        assert_eq!(kind(&Method::GET, &browser), "text/html; charset=utf-8");
        assert_eq!(kind(&Method::POST, &browser), "application/problem+json");
        assert_eq!(kind(&Method::GET, &HeaderMap::new()), "application/problem+json");
    }
}

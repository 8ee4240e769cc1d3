//! Open WebUI, as we ask it ourselves: whether it is there, and what its API lists.

use std::{fmt, time::Duration};

use anyhow::Context as _;
use audit_event::Clock;
use audit_gateway::{UpstreamClient, body, upstream};
use audit_web::surroundings::Upstream;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use tokio::time::timeout;

/// How long it may take to say that it is there.
const PROBE: Duration = Duration::from_secs(5);
/// How long a page of a list may take.
const LIST: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes. Lists of users hold their pictures.
const MAX_ANSWER: usize = 64 << 20;

/// Open WebUI at one address.
pub(crate) struct Platform {
    client: UpstreamClient,
    url: String,
}

/// Why there is no answer of use.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It cannot be reached, or broke off.
    NoAnswer(String),
    /// It refused, with what it said.
    Status(StatusCode, String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) => f.write_str(why),
            Self::Status(status, said) if said.is_empty() => write!(f, "answered {status}"),
            Self::Status(status, said) => write!(f, "answered {}: {said}", status.as_u16()),
        }
    }
}

impl Platform {
    /// Checks the address; opens no connection yet.
    pub(crate) fn build(config: &upstream::Config) -> anyhow::Result<Self> {
        let client = UpstreamClient::build(config).with_context(|| without_password(&config.url))?;
        Ok(Self { client, url: without_password(&config.url) })
    }

    /// Its address, without a password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for its version, and compares its clock with ours.
    pub(crate) async fn probe(&self, clock: &dyn Clock) -> Upstream {
        let asked = clock.now().as_micros();
        let answer = self.get("/api/version", None, PROBE).await;
        let took = clock.now().as_micros().saturating_sub(asked).max(0);
        let mut found =
            Upstream { url: self.url.clone(), took_ms: took.unsigned_abs() / 1_000, ..Upstream::default() };
        match answer {
            Ok((head, body)) => {
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                found.version = answer.get("version").and_then(Value::as_str).map(str::to_owned);
                // It was made somewhere between the question and the answer, and is cut to the second.
                let ours = asked + took / 2;
                found.clock_ahead_ms = date(&head).map(|theirs| (theirs + 500_000 - ours) / 1_000);
            }
            Err(refusal) => found.error = Some(refusal.to_string()),
        }
        found
    }

    /// What its API has at `target` (path and query) for the bearer of `token`.
    pub(crate) async fn list(&self, target: &str, token: &str) -> Result<Bytes, Refusal> {
        self.get(target, Some(token), LIST).await.map(|(_, body)| body)
    }

    async fn get(
        &self,
        target: &str,
        token: Option<&str>,
        patience: Duration,
    ) -> Result<(HeaderMap, Bytes), Refusal> {
        let broken = |error: &dyn fmt::Display| Refusal::NoAnswer(error.to_string());
        let mut request = Request::new(body::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() =
            format!("{}{target}", self.client.base_path()).parse::<Uri>().map_err(|error| broken(&error))?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut bearer = bearer.map_err(|_| broken(&"the token holds characters that no token has"))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        let answered = timeout(patience, async {
            let answer = self.client.send(request).await.map_err(|error| broken(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| broken(&error))?;
            Ok((head, body.to_bytes()))
        });
        let (head, body) = match answered.await {
            Ok(answered) => answered?,
            Err(_) => return Err(Refusal::NoAnswer(format!("no answer within {} s", patience.as_secs()))),
        };
        if head.status == StatusCode::OK {
            Ok((head.headers, body))
        } else {
            Err(Refusal::Status(head.status, said(&body)))
        }
    }
}

/// The reason in an answer of refusal; short, since it may be a whole page.
fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = answer.get("detail").and_then(Value::as_str).unwrap_or_default();
    detail.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The answer's `Date` (RFC 9110, section 6.6.1), in microseconds since 1970.
fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(date.timestamp().as_microsecond())
}

/// The address as it may be shown.
fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            let start = rest[..host].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[start..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        assert_eq!(
            without_password("http://ada:secret@chat.example:8080/x@y"),
            "http://chat.example:8080/x@y"
        );
        assert_eq!(without_password("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }

    #[test]
    fn dates_of_answers_are_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(date(&headers), None);
        headers.insert(header::DATE, HeaderValue::from_static("Mon, 23 Nov 2026 08:18:13 GMT"));
        assert_eq!(date(&headers), Some(1_795_421_893_000_000));
        headers.insert(header::DATE, HeaderValue::from_static("yesterday"));
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn a_refusal_tells_what_was_said() {
        let said = said(br#"{"detail":"401 Unauthorized\n"}"#);
        assert_eq!(
            Refusal::Status(StatusCode::UNAUTHORIZED, said).to_string(),
            "answered 401: 401 Unauthorized"
        );
    }
}

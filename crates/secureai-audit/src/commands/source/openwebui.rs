//! Open WebUI's interface for event webhooks, as an administrator uses it.

use anyhow::{Context as _, bail};
use audit_gateway::{UpstreamClient, body, upstream};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::UsageError;

const WEBHOOKS: &str = "/api/events/webhooks";
/// The longest answer that is read: a list of webhooks.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// What Open WebUI says of an address that it will not send to.
const BLOCKED: &str = "The URL you provided is invalid";

/// An Open WebUI, and the credential of an administrator.
pub(super) struct OpenWebUi {
    client: UpstreamClient,
    url: String,
    authorization: String,
}

/// A webhook as Open WebUI lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Registered {
    id: String,
    #[serde(default)]
    url: String,
}

/// A webhook to register.
pub(super) struct Webhook {
    name: String,
    url: String,
}

impl OpenWebUi {
    /// The Open WebUI at `url`; opens no connection yet.
    pub(super) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let mut config = upstream::Config::new(url);
        config.head_timeout = std::time::Duration::from_secs(30);
        let client = UpstreamClient::build(&config)
            .map_err(|error| UsageError::new(format!("{url} cannot be used: {error}")))?;
        Ok(Self { client, url: url.to_owned(), authorization: format!("Bearer {}", token.trim()) })
    }

    /// All webhooks.
    pub(super) async fn webhooks(&self) -> anyhow::Result<Vec<Registered>> {
        let (status, answer) = self.send(Method::GET, WEBHOOKS, None).await?;
        if !status.is_success() {
            bail!("{}", self.refusal(status, &answer));
        }
        serde_json::from_slice(&answer).with_context(|| {
            format!("{} answers, but not as an Open WebUI with event webhooks (0.12 or newer)", self.url)
        })
    }

    /// Makes the webhook, or changes the one that there is.
    pub(super) async fn register(
        &self,
        existing: Option<&Registered>,
        webhook: &Webhook,
    ) -> anyhow::Result<()> {
        let wish = json!({
            "name": webhook.name, "url": webhook.url, "enabled": true, "events": ["*"], "targets": null,
        });
        let (method, path) = match existing {
            Some(existing) => (Method::PUT, format!("{WEBHOOKS}/{}", existing.id)),
            None => (Method::POST, WEBHOOKS.to_owned()),
        };
        let (status, answer) = self.send(method, &path, Some(&wish)).await?;
        if status.is_success() {
            return Ok(());
        }
        if detail(&answer).contains(BLOCKED) {
            bail!(
                "Open WebUI refuses to send to that address. If it is not a public one, start Open WebUI with \
                 ENABLE_LOCAL_WEB_FETCH=true (before 0.12: ENABLE_RAG_LOCAL_WEB_FETCH), or give another --public-url"
            );
        }
        bail!("{}", self.refusal(status, &answer))
    }

    /// Removes a webhook.
    pub(super) async fn unregister(&self, webhook: &Registered) -> anyhow::Result<()> {
        let (status, answer) = self.send(Method::DELETE, &format!("{WEBHOOKS}/{}", webhook.id), None).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        bail!("{}", self.refusal(status, &answer))
    }

    fn refusal(&self, status: StatusCode, answer: &[u8]) -> String {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
                "Open WebUI refuses the token ({status}): it must be a session token or API key of an administrator"
            ),
            _ => format!("Open WebUI at {} answers {status}: {}", self.url, detail(answer)),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        wish: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let content = wish.map_or_else(String::new, Value::to_string);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.client.base_path()))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, content.len())
            .body(body::full(content))
            .map_err(|_| UsageError::new("the token cannot stand in a header: is it cut or wrapped?"))?;
        let answer = self.client.send(request).await.with_context(|| format!("cannot reach {}", self.url))?;
        let status = answer.status();
        let whole = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let whole =
            whole.map_err(|error| anyhow::anyhow!("the answer of {} broke off: {error}", self.url))?;
        Ok((status, whole.to_bytes()))
    }
}

impl Registered {
    /// Whether it sends to the source of this name, wherever that is reached.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let Ok(url) = self.url.parse::<Uri>() else { return false };
        let Some((_, rest)) = url.path().split_once("/sources/openwebui/") else { return false };
        url.path().contains("/auditlog") && rest.split('/').next() == Some(name)
    }
}

impl Webhook {
    /// For the source `name` at `path` below `public_url`. The secret stands where a password does: Open WebUI sends that
    /// as basic authentication, and a log of addresses has it nowhere.
    pub(super) fn new(public_url: &str, path: &str, name: &str, secret: &str) -> anyhow::Result<Self> {
        let public: Uri = public_url
            .parse()
            .map_err(|_| UsageError::new(format!("--public-url {public_url} is no URL")))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (public.scheme_str(), public.authority())
        else {
            return Err(
                UsageError::new(format!("--public-url {public_url}: write http(s)://HOST[:PORT]")).into()
            );
        };
        let base = public.path().trim_end_matches('/');
        Ok(Self {
            name: format!("SecureAI Audit ({name})"),
            url: format!("{scheme}://openwebui:{secret}@{authority}{base}{path}"),
        })
    }
}

/// What an error's answer says: a sentence, or the answer itself.
fn detail(answer: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(answer) {
        Ok(value) => value.get("detail").map_or_else(
            || value.to_string(),
            |detail| match detail.as_str() {
                Some(text) => text.to_owned(),
                None => detail.to_string(),
            },
        ),
        Err(_) => String::from_utf8_lossy(answer).into_owned(),
    };
    text.chars().take(300).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_stands_where_a_password_does() {
        let webhook = Webhook::new(
            "https://audit.example/base/",
            "/api/v1/auditlog/sources/openwebui/main",
            "main",
            "saa_x",
        )
        .unwrap();
        assert_eq!(
            webhook.url,
            "https://openwebui:saa_x@audit.example/base/api/v1/auditlog/sources/openwebui/main"
        );
        for wrong in ["", "audit.example", "ftp://audit.example", "/x"] {
            assert!(Webhook::new(wrong, "/p", "main", "s").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_webhook_is_recognised_wherever_its_secret_stands() {
        let is_of_main = |url: &str| Registered { id: "1".into(), url: url.into() }.is_of("main");
        for url in [
            "http://openwebui:s@127.0.0.1:1/api/v1/auditlog/sources/openwebui/main",
            "http://127.0.0.1:1/api/v1/auditlogs/sources/openwebui/main/secret",
            "https://other.example/x/api/v1/auditlog/sources/openwebui/main?token=t",
        ] {
            assert!(is_of_main(url), "{url}");
        }
        for url in ["", "http://x/api/v1/auditlog/sources/openwebui/main2", "http://x/hook", "no url"] {
            assert!(!is_of_main(url), "{url}");
        }
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(detail(br#"{"detail":"no\nsuch"}"#), "no such");
        assert_eq!(detail(br#"{"detail":[{"msg":"x"}]}"#), r#"[{"msg":"x"}]"#);
        assert_eq!(detail(b"<html>"), "<html>");
    }
}

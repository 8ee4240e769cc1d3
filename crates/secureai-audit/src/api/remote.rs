//! A running server, over plain HTTP.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Body, BoxError};
use crate::{commands::UsageError, environment::Environment};

/// A server's address and the token to show it.
pub(crate) struct Remote {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    authorization: Option<String>,
}

impl Remote {
    /// The server at `url`, with the token of the environment.
    pub(crate) fn new(url: &str, environment: &Environment) -> anyhow::Result<Self> {
        let base = check_url(url)?;
        let authorization = token(environment)?.map(|token| format!("Bearer {token}"));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), base, authorization })
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("{}{}", self.base, parts.uri).parse()?;
        if let Some(authorization) = &self.authorization {
            parts.headers.insert(header::AUTHORIZATION, authorization.parse()?);
        }
        let request = Request::from_parts(parts, Full::new(body));
        let response =
            self.client.request(request).await.with_context(|| format!("cannot reach {}", self.base))?;
        Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
    }
}

/// `http://host:port`, without a path or a slash at the end.
fn check_url(url: &str) -> anyhow::Result<String> {
    let usage = |text: String| Err(UsageError::new(text).into());
    let Ok(uri) = url.parse::<Uri>() else { return usage(format!("--url {url} is no URL")) };
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return usage(format!(
                "--url {url}: https is not spoken yet; use http on this machine, or a tunnel such as `ssh -L`"
            ));
        }
        _ => return usage(format!("--url {url}: write http://HOST:PORT")),
    }
    match uri.authority() {
        Some(authority) if uri.path() == "/" && uri.query().is_none() => Ok(format!("http://{authority}")),
        _ => usage(format!("--url {url}: write http://HOST:PORT without a path")),
    }
}

fn token(environment: &Environment) -> anyhow::Result<Option<String>> {
    if let Some(token) = environment.get("SECUREAI_AUDIT_TOKEN") {
        return Ok(Some(token.trim().to_owned()));
    }
    let Some(path) = environment.get("SECUREAI_AUDIT_TOKEN_FILE") else { return Ok(None) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) => bail!("SECUREAI_AUDIT_TOKEN_FILE: cannot read {path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        assert_eq!(check_url("http://127.0.0.1:8321").unwrap(), "http://127.0.0.1:8321");
        assert_eq!(check_url("http://audit.example:8321/").unwrap(), "http://audit.example:8321");
        for bad in ["https://audit.example", "127.0.0.1:8321", "http://a/b", "ftp://a", "", "http://a/?x=1"] {
            let error = check_url(bad).unwrap_err();
            assert!(error.is::<UsageError>(), "{bad}: {error}");
        }
    }
}

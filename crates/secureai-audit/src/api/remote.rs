//! A running server, over HTTP or HTTPS.

use std::path::Path;

use anyhow::{Context, bail};
use audit_gateway::{UpstreamClient, body, upstream};
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
    client: Way,
    base: String,
    authorization: Option<String>,
}

/// How requests get there.
enum Way {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(UpstreamClient),
}

impl Remote {
    /// The server at `url`, with the token of the environment. Its certificate must be of the system's authorities, or of
    /// those in `ca_file`.
    pub(crate) fn new(url: &str, ca_file: Option<&Path>, environment: &Environment) -> anyhow::Result<Self> {
        let base = check_url(url)?;
        let authorization = token(environment)?.map(|token| format!("Bearer {token}"));
        let client = if base.starts_with("https://") {
            let config =
                upstream::Config { ca_file: ca_file.map(Path::to_owned), ..upstream::Config::new(&base) };
            Way::Tls(UpstreamClient::build(&config).with_context(|| format!("--url {url}"))?)
        } else {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            Way::Plain(Client::builder(TokioExecutor::new()).build(connector))
        };
        Ok(Self { client, base, authorization })
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        if let Some(authorization) = &self.authorization {
            parts.headers.insert(header::AUTHORIZATION, authorization.parse()?);
        }
        let unreachable = || format!("cannot reach {}", self.base);
        match &self.client {
            Way::Plain(client) => {
                parts.uri = format!("{}{}", self.base, parts.uri).parse()?;
                let request = Request::from_parts(parts, Full::new(body));
                let response = client.request(request).await.with_context(unreachable)?;
                Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
            }
            Way::Tls(client) => {
                let request = Request::from_parts(parts, body::full(body));
                let response = client.send(request).await.with_context(unreachable)?;
                Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
            }
        }
    }
}

/// `http://host:port` or `https://host:port`, without a path or a slash at the end.
fn check_url(url: &str) -> anyhow::Result<String> {
    let usage = |text: String| Err(UsageError::new(text).into());
    let Ok(uri) = url.parse::<Uri>() else { return usage(format!("--url {url} is no URL")) };
    let scheme = match uri.scheme_str() {
        Some(scheme @ ("http" | "https")) => scheme,
        _ => return usage(format!("--url {url}: write http://HOST:PORT or https://HOST:PORT")),
    };
    match uri.authority() {
        Some(authority) if uri.path() == "/" && uri.query().is_none() => {
            Ok(format!("{scheme}://{authority}"))
        }
        _ => usage(format!("--url {url}: write {scheme}://HOST:PORT without a path")),
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
        assert_eq!(check_url("https://audit.example").unwrap(), "https://audit.example");
        for bad in ["https://a/b", "127.0.0.1:8321", "http://a/b", "ftp://a", "", "http://a/?x=1"] {
            let error = check_url(bad).unwrap_err();
            assert!(error.is::<UsageError>(), "{bad}: {error}");
        }
    }
}

//! `ready`: whether the server answers and takes events, for containers' health checks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use serde_json::json;
use tokio::net::TcpStream;

use super::Context;
use crate::{
    api::{Api, Query, Remote},
    config::Config,
};

/// Whoever asks for health kills what does not answer: be quicker than their patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// Succeeds when the server of `--url`, of the data directory, or of the configuration, is ready. Over TLS without `--url`
/// when it listens: its certificate is for another name than this machine has for itself.
pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let found = tokio::time::timeout(PATIENCE, look(context)).await;
    let found = found.context("the server does not answer in time")??;
    if context.output.is_json() {
        context.output.json(&json!({ "ready": true, "found": found }))?;
    } else {
        context.output.line(found)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(context: &Context) -> anyhow::Result<&'static str> {
    let url = match &context.global.url {
        Some(url) => url.clone(),
        None => match holder(context) {
            Some(url) => url,
            None => {
                let config = context.config()?.config;
                let address = reachable(config.listen);
                if speaks_tls(&config) {
                    TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
                    return Ok("listens");
                }
                format!("http://{address}")
            }
        },
    };
    let api = Api::Remote(Remote::new(&url, context.global.ca_file.as_deref(), &context.environment)?);
    api.get("/readyz", &Query::default()).await.context("the server is not ready")?;
    Ok("ready")
}

/// The address of the server that has the data directory open; over TLS its certificate is for another name.
fn holder(context: &Context) -> Option<String> {
    let url = context.data_dir().ok()?.holder_url()?;
    url.starts_with("http://").then_some(url)
}

fn speaks_tls(config: &Config) -> bool {
    config.tls.certificate_file.is_some()
}

/// Where a server that listens everywhere is reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in
            [("0.0.0.0:8321", "127.0.0.1:8321"), ("[::]:8321", "[::1]:8321"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}

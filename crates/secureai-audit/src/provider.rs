//! The way to the identity provider: our own client for each of its addresses.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use audit_gateway::{UpstreamClient, body, upstream};
use audit_web::{
    Pending,
    oidc::{Fetch, Provider},
};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::config;

/// How long the provider may take; somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes. A set of keys has some thousand.
const MAX_ANSWER: usize = 1 << 20;
/// Addresses that a provider may have endpoints at.
const MAX_ADDRESSES: usize = 16;

/// The identity provider of the configuration, if there is one.
pub(crate) fn of(config: &config::Oidc) -> anyhow::Result<Option<Provider>> {
    let Some(settings) = config.settings()? else { return Ok(None) };
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the system gives no random bytes")?;
    let web = Web { ca_file: config.ca_file.clone(), clients: Mutex::default() };
    Ok(Some(Provider::build(settings, Arc::new(web), &key)?))
}

struct Web {
    ca_file: Option<PathBuf>,
    /// By scheme and authority.
    clients: Mutex<HashMap<String, UpstreamClient>>,
}

impl Web {
    fn client(&self, address: &Uri) -> Result<UpstreamClient, String> {
        let (Some(scheme), Some(authority)) = (address.scheme_str(), address.authority()) else {
            return Err("its address is not complete".to_owned());
        };
        let origin = format!("{scheme}://{authority}");
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&origin) {
            return Ok(client.clone());
        }
        let config = upstream::Config {
            ca_file: self.ca_file.clone(),
            connect_timeout: PATIENCE,
            head_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            max_idle: 4,
            ..upstream::Config::new(&origin)
        };
        let client = UpstreamClient::build(&config).map_err(|error| error.to_string())?;
        if clients.len() >= MAX_ADDRESSES {
            clients.clear();
        }
        clients.insert(origin, client.clone());
        Ok(client)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let client = self.client(request.uri())?;
        let mut request = request.map(body::full);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        *request.uri_mut() = target.parse().map_err(|_| "its address cannot be asked".to_owned())?;
        let answered = timeout(PATIENCE, async {
            let (head, body) = client.send(request).await.map_err(|error| error.to_string())?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(head, body.to_bytes()))
        });
        answered.await.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }
}

impl Fetch for Web {
    fn fetch(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, String>> {
        Box::pin(self.exchange(request))
    }
}

//! From where requests come, when proxies stand in front of us.

use std::net::IpAddr;

use audit_event::Client;
use http::HeaderMap;

/// Knows the proxies in front of us.
pub trait Origins: Send + Sync {
    /// Who sent a request with these headers over a connection from `peer`.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client<'static>;

    /// Whether connections from there are a proxy's, which has many clients.
    fn is_proxy(&self, peer: IpAddr) -> bool;
}

/// Who sent a request; an extension of those whose sender is known.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub Client<'static>);

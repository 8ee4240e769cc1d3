//! From where a request really came, when trusted proxies stand in front of us.

use std::borrow::Cow;
use std::net::IpAddr;

use audit_event::Client;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

/// Where proxies say for whom they forward.
pub(super) const CHAIN: HeaderName = HeaderName::from_static("x-forwarded-for");

/// More links of a forwarding chain than anybody has; the rest is not kept.
const MAX_CHAIN: usize = 16;

/// The longest link that is kept, in characters: an IPv6 address with port and brackets has fewer than 64.
const MAX_LINK_CHARS: usize = 64;

/// The longest `User-Agent` that is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 512;

/// Whose `X-Forwarded-*` are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// Where a request came from, and how its sender reached us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client, by the rules below.
    pub ip: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the peer is a trusted proxy: then what it says about scheme and host counts, too.
    pub is_forwarded: bool,
    /// The first line of the chain as received.
    pub chain: Option<HeaderValue>,
}

impl TrustedProxies {
    /// The proxies of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the address is such a proxy's.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// Who sent a request with these headers over a connection from `peer`, as events have it.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client<'static> {
        self.origin(peer, headers).client(headers)
    }

    /// The client's address: the peer's, unless that is a trusted proxy. Then the chain it brought is read from right
    /// to left, as each proxy appended whom it saw: the first address that is no trusted proxy is the client. Beyond
    /// that link anything may have been made up, so nothing beyond it is looked at; a link that is no address ends
    /// the reading as well.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let peer = peer.to_canonical();
        let chain = headers.get(CHAIN).cloned();
        if !self.contains(peer) {
            return Origin { ip: peer, peer, is_forwarded: false, chain };
        }
        let mut ip = peer;
        for link in links(headers).rev() {
            let Some(address) = address_of(link) else { break };
            ip = address;
            if !self.contains(address) {
                break;
            }
        }
        Origin { ip, peer, is_forwarded: true, chain }
    }
}

impl Origin {
    /// The event's client: address, peer and the chain as it came.
    pub fn client(&self, headers: &HeaderMap) -> Client<'static> {
        let kept = |text: &str, limit: usize| Cow::Owned(text.chars().take(limit).collect::<String>());
        let user_agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Client {
            ip: Some(self.ip),
            peer_ip: Some(self.peer),
            forwarded_for: links(headers).take(MAX_CHAIN).map(|link| kept(link, MAX_LINK_CHARS)).collect(),
            user_agent: user_agent.map(|text| kept(&text, MAX_USER_AGENT_CHARS)),
        }
    }
}

/// The links of all `X-Forwarded-For` lines, in their order; what is no text is no link.
fn links(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = &str> {
    headers
        .get_all(CHAIN)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or("unreadable").split(',').map(str::trim))
        .filter(|link| !link.is_empty())
}

/// An address, with or without a port, in brackets or not.
fn address_of(link: &str) -> Option<IpAddr> {
    let bare = link.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(link, |(inner, _)| inner);
    let parsed = bare.parse().or_else(|_| link.parse::<std::net::SocketAddr>().map(|address| address.ip()));
    parsed.ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted = TrustedProxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        trusted.origin(peer.parse().unwrap(), &headers).ip.to_string()
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_client() {
        assert_eq!(origin(&[], "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(origin(&["10.0.0.0/8"], "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
    }

    #[test]
    fn the_chain_is_read_from_the_right_and_forged_links_are_beyond_reach() {
        let trusted = &["10.0.0.0/8", "fd00::/8"];
        assert_eq!(origin(trusted, "10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(origin(trusted, "10.0.0.1", &["6.6.6.6, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(origin(trusted, "10.0.0.1", &["6.6.6.6, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(origin(trusted, "10.0.0.1", &["6.6.6.6", "203.0.113.9", "fd00::2"]), "203.0.113.9");
        assert_eq!(origin(trusted, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn odd_links_end_the_chain() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(origin(trusted, "10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(origin(trusted, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(origin(trusted, "10.0.0.1", &[", ,"]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(origin(trusted, "::ffff:10.0.0.1", &["203.0.113.9:1234"]), "203.0.113.9");
        assert_eq!(origin(trusted, "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(origin(trusted, "10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(origin(trusted, "10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn the_event_keeps_peer_and_chain_within_bounds() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", format!("1.2.3.4, {}", "x, ".repeat(100)).parse().unwrap());
        headers.append("x-forwarded-for", "y".repeat(1_000).parse().unwrap());
        headers.insert(USER_AGENT, "u".repeat(5_000).parse().unwrap());
        let origin = TrustedProxies::default().origin("192.0.2.7".parse().unwrap(), &headers);
        let client = origin.client(&headers);
        assert_eq!(client.peer_ip, client.ip);
        assert_eq!(client.forwarded_for.len(), MAX_CHAIN);
        assert_eq!(client.forwarded_for[0], "1.2.3.4");
        assert_eq!(client.user_agent.unwrap().len(), MAX_USER_AGENT_CHARS);
    }
}

//! The headers by which a proxy in front of Open WebUI signs people in.
//!
//! With `WEBUI_AUTH_TRUSTED_EMAIL_HEADER` Open WebUI believes whoever sets that header. So it must not come from
//! anybody but the proxy that is meant: the gateway takes these headers out of every other request.

use http::{HeaderMap, HeaderName};

/// What sign-in proxies commonly call them, for when nothing is configured. (OAuth2 Proxy, Authelia, authentik,
/// Cloudflare Access, Tailscale, Google IAP, and the examples of Open WebUI's guide.)
const COMMON: &[&str] = &[
    "x-user-email",
    "x-user-name",
    "x-user-groups",
    "x-user-role",
    "x-email",
    "x-forwarded-email",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-auth-request-email",
    "x-auth-request-user",
    "x-auth-request-groups",
    "x-authentik-email",
    "x-authentik-name",
    "x-authentik-username",
    "x-authentik-groups",
    "x-goog-authenticated-user-email",
    "cf-access-authenticated-user-email",
    "remote-user",
    "remote-name",
    "remote-email",
    "remote-groups",
    "tailscale-user-login",
    "tailscale-user-name",
];

/// Which headers sign people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHeaders {
    names: Vec<HeaderName>,
}

impl Default for TrustedHeaders {
    fn default() -> Self {
        Self { names: COMMON.iter().map(|name| HeaderName::from_static(name)).collect() }
    }
}

impl TrustedHeaders {
    /// These beside the common ones.
    #[must_use]
    pub fn with(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        for name in names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        self
    }

    /// Takes them out of a request that does not come from a proxy that may set them; returns the names of those
    /// that were there.
    pub fn guard(&self, headers: &mut HeaderMap, is_from_trusted_proxy: bool) -> Vec<HeaderName> {
        // Most requests have none: comparing the names that are there is cheaper than looking each one up.
        if is_from_trusted_proxy || !headers.keys().any(|name| self.names.contains(name)) {
            return Vec::new();
        }
        self.names.iter().filter(|name| headers.remove(*name).is_some()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        names
            .iter()
            .map(|name| (HeaderName::from_static(name), http::HeaderValue::from_static("a")))
            .collect()
    }

    #[test]
    fn a_stranger_cannot_sign_in_by_header() {
        let own = HeaderName::from_static("x-acme-mail");
        let trusted = TrustedHeaders::default().with([own.clone()]);
        let mut request = headers(&["x-acme-mail", "x-forwarded-email", "accept"]);
        let removed = trusted.guard(&mut request, false);
        assert_eq!(removed, [HeaderName::from_static("x-forwarded-email"), own]);
        assert_eq!(request, headers(&["accept"]));
    }

    #[test]
    fn all_of_several_equal_headers_go() {
        let mut request = HeaderMap::new();
        request.append("x-user-email", http::HeaderValue::from_static("a"));
        request.append("x-user-email", http::HeaderValue::from_static("b"));
        TrustedHeaders::default().guard(&mut request, false);
        assert!(request.is_empty());
    }

    #[test]
    fn a_trusted_proxy_signs_people_in() {
        let mut request = headers(&["x-forwarded-email"]);
        assert_eq!(TrustedHeaders::default().guard(&mut request, true), Vec::<HeaderName>::new());
        assert_eq!(request, headers(&["x-forwarded-email"]));
    }
}

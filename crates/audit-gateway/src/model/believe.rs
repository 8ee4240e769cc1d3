//! Whose word about users counts.

use std::net::IpAddr;

use audit_event::Timestamp;
use audit_pipeline::sources::openwebui::completions::Forwarded;
use http::header::{AUTHORIZATION, FORWARDED};
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

use super::config::{Hidden, Known, Rules};
use super::route::Operation;

/// The header that carries the shared secret.
pub(super) const SECRET: HeaderName = HeaderName::from_static("x-secureai-audit-secret");

/// What proxies add to a request: one that has it did not come from Open WebUI itself.
const THROUGH_A_PROXY: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("via"),
    FORWARDED,
];

/// Headers in which callers of providers show a key of their own, beside `Authorization`.
const KEYS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// For whom a call is, and whether that is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Believed {
    pub forwarded: Forwarded,
    /// Whether the sender is Open WebUI, as far as the user is concerned.
    pub is_believed: bool,
    /// Whether the sender is Open WebUI.
    pub is_ours: bool,
}

impl Believed {
    /// Whether the sender may do this at the provider. Open WebUI may; others only where the provider is open to them,
    /// with a key of their own, and nothing that changes the provider. Our key is never lent.
    pub(super) fn may_use(&self, provider: &Known, operation: Operation, headers: &HeaderMap) -> bool {
        let is_open = provider.is_open && provider.key.is_none();
        self.is_ours || (is_open && operation != Operation::Change && has_key(headers))
    }
}

/// Whether a request carries any credential for the provider.
fn has_key(headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let is_authorized = headers.get(AUTHORIZATION).is_some_and(|value| {
        text(value).split_once(' ').is_some_and(|(_, credential)| !credential.trim().is_empty())
    });
    is_authorized
        || KEYS.iter().any(|name| headers.get(name).is_some_and(|value| !text(value).trim().is_empty()))
}

impl Rules {
    pub(super) fn believe(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
        secret_in_path: Option<&str>,
        now: Timestamp,
    ) -> Believed {
        let is_known = self.is_known_caller(headers, peer) || self.has_secret(headers, secret_in_path);
        let plain = Forwarded::plain(headers);
        let Some(Hidden(secret)) = &self.user_jwt_secret else {
            return Believed { forwarded: plain, is_believed: is_known, is_ours: is_known };
        };
        match Forwarded::signed(headers, secret.as_bytes(), now) {
            Some(forwarded) => Believed { forwarded, is_believed: true, is_ours: true },
            // Open WebUI's own calls name no user; one that is named without a signature is not believed.
            None => {
                let is_believed = is_known && plain.person.is_none();
                Believed { forwarded: plain, is_believed, is_ours: is_known }
            }
        }
    }

    fn is_known_caller(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let is_direct = !THROUGH_A_PROXY.iter().any(|name| headers.contains_key(name));
        is_direct && self.callers.iter().any(|network| network.contains(&peer))
    }

    fn has_secret(&self, headers: &HeaderMap, in_path: Option<&str>) -> bool {
        let Some(Hidden(secret)) = self.secret.as_ref().filter(|secret| !secret.0.is_empty()) else {
            return false;
        };
        let in_header = headers.get(SECRET).map(HeaderValue::as_bytes);
        let given = [in_header, in_path.map(str::as_bytes)];
        given.into_iter().flatten().any(|given| bool::from(given.ct_eq(secret.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::*;

    fn rules(change: impl FnOnce(&mut Config)) -> Rules {
        let mut config = Config::new();
        change(&mut config);
        Rules::build(config).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let user = [("x-openwebui-user-id", "u-1")];
        user.iter()
            .chain(pairs)
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn check(rules: &Rules, peer: &str, headers: &HeaderMap, in_path: Option<&str>, expected: bool) {
        let believed = rules.believe(headers, peer.parse().unwrap(), in_path, Timestamp::EPOCH);
        assert_eq!(believed.is_believed, expected, "{peer} {headers:?} {in_path:?}");
        assert!(believed.forwarded.person.is_some());
    }

    #[test]
    fn nobody_is_believed_by_default() {
        check(&rules(|_| {}), "127.0.0.1", &headers(&[]), Some(""), false);
    }

    #[test]
    fn the_configured_network_is_believed_unless_it_forwards_for_others() {
        let rules = rules(|config| config.callers = vec!["10.0.0.0/24".parse().unwrap()]);
        check(&rules, "10.0.0.7", &headers(&[]), None, true);
        check(&rules, "::ffff:10.0.0.7", &headers(&[]), None, true);
        check(&rules, "10.0.1.7", &headers(&[]), None, false);
        for name in ["x-forwarded-for", "x-real-ip", "via", "forwarded"] {
            check(&rules, "10.0.0.7", &headers(&[(name, "10.0.0.7")]), None, false);
        }
    }

    #[test]
    fn the_secret_counts_from_anywhere() {
        let rules = rules(|config| config.secret = Some(Hidden("s3cret".into())));
        check(&rules, "203.0.113.9", &headers(&[("x-secureai-audit-secret", "s3cret")]), None, true);
        check(&rules, "203.0.113.9", &headers(&[]), Some("s3cret"), true);
        check(
            &rules,
            "203.0.113.9",
            &headers(&[("x-secureai-audit-secret", "s3cre")]),
            Some("S3cret"),
            false,
        );
        check(&rules, "203.0.113.9", &headers(&[("x-secureai-audit-secret", "")]), Some(""), false);
    }

    #[test]
    fn with_a_signing_secret_only_signed_users_count() {
        let rules = rules(|config| {
            config.callers = vec!["10.0.0.0/24".parse().unwrap()];
            config.user_jwt_secret = Some(Hidden("jwt".into()));
        });
        check(&rules, "10.0.0.7", &headers(&[]), None, false);
        let nobody = rules.believe(&HeaderMap::new(), "10.0.0.7".parse().unwrap(), None, Timestamp::EPOCH);
        assert!(nobody.is_believed && nobody.forwarded.person.is_none());
    }
}

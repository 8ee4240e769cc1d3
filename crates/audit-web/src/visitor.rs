//! Who sent a request, as the record will name them.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use audit_control::{Caller, digest_presented};
use audit_event::{Actor, ActorType, Client, Event, Http, Org, Source};
use axum::extract::FromRequestParts;
use http::Extensions;
use http::header::USER_AGENT;
use http::request::Parts;

use crate::in_process::InProcess;
use crate::origins::Origin;
use crate::server::PeerAddr;
use crate::sessions::PlatformUser;

/// The caller (none on a public route), from where, and with what request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    caller: Option<Arc<Caller>>,
    /// Where the caller is somebody signed in to the platform.
    user: Option<Arc<PlatformUser>>,
    /// The user agent with it.
    client: Client<'static>,
    method: String,
    path: String,
}

impl Visitor {
    /// The address that a request comes from, as far as trusted proxies say.
    pub fn address(extensions: &Extensions) -> Option<IpAddr> {
        match extensions.get::<Origin>() {
            Some(Origin(client)) => client.ip,
            None => extensions.get::<PeerAddr>().map(|peer| peer.0.ip().to_canonical()),
        }
    }

    /// Taken from a request's head.
    pub fn of(parts: &Parts) -> Self {
        Self {
            caller: parts.extensions.get::<Arc<Caller>>().cloned(),
            user: parts.extensions.get::<Arc<PlatformUser>>().cloned(),
            client: match parts.extensions.get::<Origin>() {
                Some(Origin(client)) => client.clone(),
                None => client_without_proxies(parts),
            },
            method: parts.method.to_string(),
            path: without_secrets(parts.uri.path()).chars().take(512).collect(),
        }
    }

    /// The address they come from, as far as trusted proxies say.
    pub fn ip(&self) -> Option<IpAddr> {
        self.client.ip
    }

    /// The caller, with all that they may do.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// The id of a person where they come from, of others the caller's.
    pub fn id(&self) -> Option<&str> {
        let person = self.user.as_ref().map(|user| user.id.as_str());
        person.or_else(|| self.caller.as_ref().map(|caller| caller.id.as_str()))
    }

    /// What the caller is called.
    pub fn name(&self) -> Option<&str> {
        self.caller.as_ref().map(|caller| caller.name.as_str())
    }

    /// The address of mail of a person, where one is known.
    pub fn email(&self) -> Option<&str> {
        self.user.as_ref().and_then(|user| user.email.as_deref())
    }

    /// This visitor as somebody who is known by now.
    pub fn known_as(self, caller: Arc<Caller>) -> Self {
        Self { caller: Some(caller), ..self }
    }

    /// This visitor as somebody who has just signed in, and how they are recorded by name.
    pub fn signed_in_as(self, caller: Caller, user: PlatformUser) -> Self {
        Self { caller: Some(Arc::new(caller)), user: Some(Arc::new(user)), ..self }
    }

    /// What tells this visitor from others: the token or person, the session, and the address. Who reads from two places
    /// is recorded at both.
    pub fn key(&self) -> Cow<'_, str> {
        let caller = self.caller.as_ref().map_or("anonymous", |caller| &caller.id);
        let session = self.user.as_ref().and_then(|user| user.session_id.as_deref()).unwrap_or_default();
        let ip = self.ip().map(|ip| ip.to_string()).unwrap_or_default();
        Cow::Owned(format!("{caller} {session} {ip}"))
    }

    /// An event of what this visitor did.
    pub fn did(&self, action: &'static str) -> Event<'static> {
        Event {
            actor: Some(self.actor()),
            org: self
                .caller
                .as_ref()
                .map(|caller| Org { role: Some(Cow::Owned(caller.role.clone())), ..Org::default() }),
            client: Some(self.client.clone()),
            http: Some(Http {
                method: Some(Cow::Owned(self.method.clone())),
                path: Some(Cow::Owned(self.path.clone())),
                ..Http::default()
            }),
            session_id: self.user.as_ref().and_then(|user| user.session_id.clone()).map(Cow::Owned),
            ..Event::new(action, Source::Internal)
        }
    }

    fn actor(&self) -> Actor<'static> {
        match &self.caller {
            Some(caller) => Actor {
                kind: Some(if self.user.is_some() || caller.id == InProcess::CALLER_ID {
                    ActorType::User
                } else {
                    ActorType::ApiKey
                }),
                id: self.id().map(|id| Cow::Owned(id.to_owned())),
                name: Some(Cow::Owned(caller.name.clone())),
                email: self.user.as_ref().and_then(|user| user.email.clone()).map(Cow::Owned),
            },
            None => Actor { kind: Some(ActorType::Anonymous), ..Actor::default() },
        }
    }
}

/// A path without the token that somebody took for its name: the record is no place for it.
pub(crate) fn without_secrets(path: &str) -> Cow<'_, str> {
    let is_secret = |part: &str| digest_presented(part).is_ok();
    if !path.split('/').any(is_secret) {
        return Cow::Borrowed(path);
    }
    let parts = path.split('/').map(|part| if is_secret(part) { "saa_…" } else { part });
    Cow::Owned(parts.collect::<Vec<_>>().join("/"))
}

/// Where nobody knows of proxies, the other end of the connection is the client.
fn client_without_proxies(parts: &Parts) -> Client<'static> {
    let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    Client {
        ip: parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip().to_canonical()),
        user_agent: user_agent.map(|text| Cow::Owned(text.chars().take(512).collect())),
        ..Client::default()
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use audit_control::Secret;

    use super::*;

    #[test]
    fn a_token_in_a_path_is_not_kept() {
        let secret = Secret::from_random(&[7; 32]);
        let path = format!("/api/v1/auditlog/tokens/{}/rotate", secret.reveal());
        assert_eq!(without_secrets(&path), "/api/v1/auditlog/tokens/saa_…/rotate");
        assert_eq!(without_secrets("/api/v1/auditlog/tokens/saa_siem"), "/api/v1/auditlog/tokens/saa_siem");
    }
}

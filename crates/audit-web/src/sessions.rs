//! People who are signed in to the platform in front of which we stand.

use std::future::Future;
use std::pin::Pin;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::in_process::InProcess;
use crate::sign_ins::EMERGENCY_ID;

/// Somebody who is signed in to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformUser {
    /// The platform's id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// A keyed hash of the session.
    pub session_id: Option<String>,
    /// Whether this is an administrator of the platform, by a session or an API key of their own.
    pub is_admin: bool,
}

/// An answer that is still to come.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Knows whom a request's platform credential stands for. Answers from a short-lived memory, or asks the platform.
pub trait Sessions: Send + Sync {
    /// Who sends these headers; `None` when the platform does not vouch for anybody.
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> Pending<'a, Option<PlatformUser>>;

    /// The header in which the platform takes API keys, besides `Authorization`.
    fn key_header(&self) -> &HeaderName;
}

/// What stands before the ids of people whom the identity provider names: whoever has the same id at the platform is
/// somebody else, and has nothing of theirs.
pub(crate) const GUESTS: &str = "oidc:";

/// Whether an id that somebody else gives out reads like one that we give: of a token, the console, emergency access.
/// Whoever bears it would be taken for those.
pub(crate) fn is_id_of_ours(id: &str) -> bool {
    [InProcess::CALLER_ID, EMERGENCY_ID].contains(&id) || id.starts_with("tok_")
}

/// The headers that a session or key is known by, kept to ask again later.
pub(crate) fn credentials(headers: &HeaderMap, key_header: &HeaderName) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| [&AUTHORIZATION, &COOKIE, key_header].contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether the header carries a token of ours. Anything else may be the platform's.
pub(crate) fn is_our_token(authorization: &HeaderValue) -> bool {
    let token = authorization.to_str().ok().and_then(|text| text.split_once(' ')).map(|(_, token)| token);
    token.is_some_and(|token| token.trim_start().starts_with(audit_control::TOKEN_PREFIX))
}

//! Signing in to the pages with an identity provider: OpenID Connect 1.0, authorization code with PKCE.
//!
//! ```text
//! browser ── /audit/sign-in/provider ──► 303 to the provider (state, nonce, challenge; kept sealed in a cookie)
//! browser ◄── provider ── 303 ──► /audit/sign-in/provider/callback?code&state
//!                                   └► token endpoint (code, verifier) ──► ID token ──► role, department ──► session
//! ```
//!
//! - `settings`: what the operator decides.
//! - `attempt`: what has to come back with the browser, sealed, so that nothing is kept here for those who never return.
//! - `discovery`: where the provider's endpoints are.
//! - `keys`: signatures and the keys that made them.
//! - `token`: what an ID token must say.
//! - `claims`: who somebody is, and what they may do.
//! - `provider`: the conversation, step by step.
//!
//! Standards: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 6749, 7515, 7517, 7518, 7636, 9207.
//! The provider's answers are read over connections that [`Fetch`] makes; nothing here opens one.

mod attempt;
pub(crate) mod claims;
mod discovery;
mod keys;
mod provider;
mod settings;
mod token;

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};

pub(crate) use self::attempt::{COOKIE as ATTEMPT_COOKIE, LIFE_SECONDS as ATTEMPT_SECONDS};
pub(crate) use self::claims::Identity;
pub use self::provider::Provider;
pub(crate) use self::provider::{Begun, Returned};
pub use self::settings::{Grant, Settings, SettingsError};
use crate::sessions::Pending;

/// Sends requests to the provider.
pub trait Fetch: Send + Sync {
    /// The whole answer to a request whose address is complete. The error says in a few words why there is none; it is
    /// for the log and holds nothing of the request.
    fn fetch(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, String>>;
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no sign-in that this return could end: none was begun in this browser, or long ago.
    NoAttempt,
    /// The return is of another sign-in than the one begun in this browser.
    WrongState,
    /// The return names another provider (RFC 9207).
    WrongProvider,
    /// The provider refused, with its error code.
    Declined(String),
    /// The provider does not take the code: it was used before, or is too old.
    StaleCode,
    /// The provider cannot be reached, or answers nothing of use. What it was is for the log.
    NoAnswer(String),
    /// The provider's statement about the person is not to be believed, and why.
    NotBelieved(&'static str),
    /// Known, but nothing here says what they may do.
    NoRole(Box<claims::Person>),
    /// Known, and let in for their own department only; but the provider does not say which that is.
    NoDepartment(Box<claims::Person>),
}

impl Refusal {
    /// The stable code, as in an event's `reason`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAttempt => "sign_in_not_begun",
            Self::WrongState => "sign_in_state_mismatch",
            Self::WrongProvider => "sign_in_wrong_provider",
            Self::Declined(_) => "sign_in_declined",
            Self::StaleCode => "sign_in_code_stale",
            Self::NoAnswer(_) => "provider_unavailable",
            Self::NotBelieved(_) => "provider_not_believed",
            Self::NoRole(_) => "no_role",
            Self::NoDepartment(_) => "no_department",
        }
    }

    /// Who was refused, where that is proven.
    pub fn person(&self) -> Option<&claims::Person> {
        match self {
            Self::NoRole(person) | Self::NoDepartment(person) => Some(person),
            _ => None,
        }
    }
}

/// In words for the person, as a sentence without its end.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAttempt => f.write_str("This sign-in was not begun in this browser, or it took longer than ten minutes: begin again"),
            Self::WrongState => f.write_str("This is the return of another sign-in than the one begun last in this browser: begin again"),
            Self::WrongProvider => f.write_str("This return comes from another identity provider than the one asked: begin again, and tell an operator if it happens again"),
            Self::Declined(code) => write!(f, "The identity provider refused ({code})"),
            Self::StaleCode => f.write_str("The identity provider no longer takes this sign-in: it was used before or is too old. Begin again"),
            Self::NoAnswer(_) => f.write_str("The identity provider does not answer as it should: try again later, or sign in with an access token"),
            Self::NotBelieved(why) => write!(f, "What the identity provider said cannot be believed: {why}"),
            Self::NoRole(person) => write!(f, "You are signed in as {}, but none of your groups may see the audit log: ask an administrator for a role", person.name),
            Self::NoDepartment(person) => write!(f, "You are signed in as {}, and may see your department's events; but the identity provider does not say which department that is", person.name),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

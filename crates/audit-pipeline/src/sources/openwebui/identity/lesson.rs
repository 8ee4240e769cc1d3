//! What an exchange teaches about credentials: who got one, and which of those that are remembered may no longer be
//! what they were.

use http::header::SET_COOKIE;
use http::{HeaderValue, Method};
use serde::Deserialize;

use super::inquiry::is_id;
use super::{Credential, claims, inquiry};
use crate::sources::openwebui::caller::Person;
use crate::sources::openwebui::exchange::{Answer, Exchange};
use crate::sources::openwebui::table::decoded;

const AUTHS: &str = "/api/v1/auths/";
const USERS: &str = "/api/v1/users/";
const GROUPS: &str = "/api/v1/groups/";
const SCIM_USERS: &str = "/api/v1/scim/v2/Users";
const SCIM_GROUPS: &str = "/api/v1/scim/v2/Groups";
/// The schema of RFC 7643 section 4.3, whose `department` a provisioning service sends.
const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// One thing learnt. They are to be taken in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// The sender signed in and got this session token; whose cookie the request carried does not matter. The person
    /// is given when the answer says so, groups not known.
    SignedIn(Credential, Option<Person>),
    /// Open WebUI issued this key to the sender of the request.
    IssuedToSender(Credential),
    /// The request's own credential may be void.
    ForgetSender,
    /// All that is known of the sender's person may be outdated.
    ForgetSenderPerson,
    /// All that is known of this user (by id) may be outdated.
    Forget(String),
    /// All that is known of anybody may be outdated.
    ForgetAll,
    /// Provisioning said which department a user (by id) belongs to; `None`: no longer any.
    Department {
        /// Open WebUI's id.
        user_id: String,
        /// The department.
        department: Option<String>,
    },
}

/// What an exchange teaches. Nothing, unless it succeeded.
///
/// `department_claim`: the member of the identity provider's ID token that names the department.
#[must_use]
pub fn lessons(exchange: &Exchange<'_>, department_claim: Option<&str>) -> Vec<Lesson> {
    let path = decoded(exchange.target);
    let Some(answer) = exchange.answer.as_ref().filter(|answer| answer.status < 400) else {
        return Vec::new();
    };
    let Some(answered) = Subject::of(exchange.method, &path) else { return Vec::new() };
    match answered {
        Subject::SignIn => signed_in(answer),
        Subject::OAuthCallback => came_back_from_provider(answer, department_claim),
        Subject::SignOut => vec![Lesson::ForgetSender],
        Subject::OwnAccount => vec![Lesson::ForgetSenderPerson],
        Subject::OwnKey => [Lesson::ForgetSenderPerson].into_iter().chain(own_key(answer)).collect(),
        Subject::KeyRead => own_key(answer).into_iter().collect(),
        Subject::Account(id) => vec![Lesson::Forget(id.to_owned())],
        Subject::Membership => members(exchange).unwrap_or_else(|| vec![Lesson::ForgetAll]),
        Subject::Everybody => vec![Lesson::ForgetAll],
        Subject::ScimUser(id) => provisioned(exchange, answer, id),
    }
}

/// What a request is about, where that matters to who is who.
#[derive(Debug, PartialEq, Eq)]
enum Subject<'p> {
    SignIn,
    OAuthCallback,
    SignOut,
    /// The sender's password, name or second factor.
    OwnAccount,
    OwnKey,
    KeyRead,
    Account(&'p str),
    Membership,
    /// Settings and groups.
    Everybody,
    ScimUser(Option<&'p str>),
}

impl<'p> Subject<'p> {
    fn of(method: &Method, path: &'p str) -> Option<Self> {
        if *method == Method::GET {
            let is_callback = path.starts_with("/oauth/") && path.ends_with("/callback");
            let is_own_key = path == "/api/v1/auths/api_key";
            return is_callback.then_some(Self::OAuthCallback).or(is_own_key.then_some(Self::KeyRead));
        }
        if method.is_safe() {
            return None;
        }
        let under = |prefix: &str| path.strip_prefix(prefix).map(|rest| rest.trim_end_matches('/'));
        under(AUTHS)
            .map(Self::of_auths)
            .or_else(|| under(USERS).map(Self::of_users))
            .or_else(|| under(GROUPS).map(Self::of_groups))
            .or_else(|| under(SCIM_USERS).map(|id| Some(Self::of_scim_users(id))))
            .or_else(|| under(SCIM_GROUPS).map(|_| Some(Self::Everybody)))
            .or_else(|| under("/oauth/backchannel-logout").map(|_| Some(Self::Everybody)))?
    }

    fn of_auths(rest: &'p str) -> Option<Self> {
        let is_exchange = rest.starts_with("oauth/") && rest.ends_with("/token/exchange");
        Some(match rest {
            "signin" | "signup" | "ldap" | "mfa/verify" | "mfa/enroll/confirm" => Self::SignIn,
            _ if is_exchange => Self::SignIn,
            "signout" => Self::SignOut,
            "update/password" | "update/profile" | "mfa/replace" | "mfa/recovery/codes" => Self::OwnAccount,
            "api_key" => Self::OwnKey,
            _ if rest.starts_with("admin/config") => Self::Everybody,
            _ => return None,
        })
    }

    fn of_users(rest: &'p str) -> Option<Self> {
        let id = rest.split('/').next().filter(|id| is_id(id))?;
        match id {
            // The sender's own settings and status: nothing that is remembered.
            "user" => None,
            "default" => Some(Self::Everybody),
            id => Some(Self::Account(id)),
        }
    }

    fn of_groups(rest: &'p str) -> Option<Self> {
        let is_membership = rest.ends_with("/users/add") || rest.ends_with("/users/remove");
        Some(if is_membership { Self::Membership } else { Self::Everybody })
    }

    fn of_scim_users(rest: &'p str) -> Self {
        Self::ScimUser(rest.strip_prefix('/').filter(|id| is_id(id)))
    }
}

/// A sign-in's answer. It may be a step only (a second factor is asked for): then nothing is issued.
///
/// What was known of the person is dropped first: a trusted header or a directory may have changed role and groups.
fn signed_in(answer: &Answer<'_>) -> Vec<Lesson> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let Ok(Token { token }) = serde_json::from_slice(answer.body.bytes) else {
        // An authenticator may have been replaced: then the sender's other sessions end.
        return vec![Lesson::ForgetSenderPerson];
    };
    let person = inquiry::person(answer.body.bytes);
    let renewed = person.as_ref().map(|person| Lesson::Forget(person.id.clone()));
    renewed.into_iter().chain([Lesson::SignedIn(Credential::new(token), person)]).collect()
}

/// The end of a sign-in at an identity provider: a redirection that sets the cookie. Role, name and groups may have
/// been changed by it. Its failure is a redirection without the cookie.
fn came_back_from_provider(answer: &Answer<'_>, department_claim: Option<&str>) -> Vec<Lesson> {
    let Some(token) = cookie_set(answer, "token") else { return Vec::new() };
    let credential = Credential::new(token);
    let user_id = credential.claims().and_then(|claims| claims.user_id);
    let department = department_claim
        .zip(cookie_set(answer, "oauth_id_token"))
        .and_then(|(claim, id_token)| Some(claims::payload(&id_token)?.get(claim)?.as_str()?.to_owned()));
    let told = user_id.clone().zip(department);
    let told = told.map(|(user_id, department)| Lesson::Department { user_id, department: Some(department) });
    user_id.map(Lesson::Forget).into_iter().chain(told).chain([Lesson::SignedIn(credential, None)]).collect()
}

/// The value that an answer gives to a cookie; `None` when it takes it away.
fn cookie_set(answer: &Answer<'_>, name: &str) -> Option<Vec<u8>> {
    let values = answer.headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes);
    let mut set = values.filter_map(|cookie| {
        let value = cookie.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.split(|byte| *byte == b';').next().unwrap_or_default())
    });
    set.next_back().filter(|value| !value.is_empty() && *value != br#""""#).map(<[u8]>::to_vec)
}

/// The sender's key in an answer. A new one voids the old one.
fn own_key(answer: &Answer<'_>) -> Option<Lesson> {
    #[derive(Deserialize)]
    struct Key {
        api_key: String,
    }
    let Key { api_key } = serde_json::from_slice(answer.body.bytes).ok()?;
    Some(Lesson::IssuedToSender(Credential::new(api_key)))
}

/// Those who joined or left a group, when the request says it whole.
fn members(exchange: &Exchange<'_>) -> Option<Vec<Lesson>> {
    #[derive(Deserialize)]
    struct Members {
        user_ids: Vec<String>,
    }
    let Members { user_ids } = serde_json::from_slice(exchange.request_body.bytes).ok()?;
    Some(user_ids.into_iter().map(Lesson::Forget).collect())
}

/// A user made, changed or removed by the provisioning service.
fn provisioned(exchange: &Exchange<'_>, answer: &Answer<'_>, id: Option<&str>) -> Vec<Lesson> {
    #[derive(Deserialize)]
    struct Made {
        id: String,
    }
    let made = || serde_json::from_slice::<Made>(answer.body.bytes).ok().map(|made| made.id);
    let Some(id) = id.map(str::to_owned).or_else(made) else { return vec![Lesson::ForgetAll] };
    let told = department_told(exchange.request_body.bytes);
    let told = told.map(|department| Lesson::Department { user_id: id.clone(), department });
    [Lesson::Forget(id)].into_iter().chain(told).collect()
}

/// The department in a provisioning request: in a whole user, or among the operations of a patch (RFC 7644
/// section 3.5.2). `Some(None)`: it is taken away.
fn department_told(body: &[u8]) -> Option<Option<String>> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let named = |value: &serde_json::Value| value.as_str().map(|name| Some(name.to_owned()));
    if let Some(user) = body.get(ENTERPRISE_USER) {
        return named(user.get("department")?);
    }
    let operations = body.get("Operations")?.as_array()?;
    operations.iter().rev().find_map(|operation| {
        let path = operation.get("path").and_then(|path| path.as_str()).unwrap_or_default();
        let is_about_it = path == format!("{ENTERPRISE_USER}:department");
        let is_removed = operation.get("op")?.as_str()?.eq_ignore_ascii_case("remove");
        match operation.get("value") {
            _ if is_about_it && is_removed => Some(None),
            Some(value) if is_about_it => named(value),
            Some(value) => named(value.get(ENTERPRISE_USER)?.get("department")?),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests;

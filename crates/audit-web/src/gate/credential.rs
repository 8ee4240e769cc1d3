//! What callers show, and whom it stands for.
//!
//! Three kinds of callers are known: bearers of our own tokens, people who signed in to the pages, and, where we stand in
//! front of a platform, its administrators. The latter come with the platform's cookie, bearer token or API key. A browser
//! sends a cookie along whatever page made it ask, so a cookie alone only reads; what changes something needs a bearer
//! token, or is a form of one of our own pages. Of `Authorization` only a bearer token counts: what else stands there
//! (`Basic` for a proxy before us) the browser adds by itself, as it does a cookie.

use std::net::IpAddr;
use std::sync::Arc;

use audit_control::{Caller, Permission, Role};
use axum::extract::Request;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use crate::problem::{Code, Problem, Result};
use crate::router::{Kind, Required};
use crate::sessions::{self, PlatformUser};
use crate::sign_ins::{Holder, SignIn, emergency_caller, emergency_user};
use crate::state::AppState;

/// What a caller shows.
#[derive(Clone)]
pub(super) enum Credential {
    /// Callers in this process are who they are.
    None,
    /// The `Authorization` header, if it has a bearer token.
    Token(Option<HeaderValue>),
    /// Headers of the platform's session, and the request's method.
    Session(Box<HeaderMap>, Method),
    /// The session of somebody who signed in with a token, and whether the request only reads or is one of our forms.
    SignIn { sign_in: Arc<SignIn>, is_harmless: bool },
}

/// Who was let in.
#[derive(Clone)]
pub(super) struct Known {
    pub caller: Arc<Caller>,
    pub user: Option<Arc<PlatformUser>>,
}

/// Who was refused, as far as known, and why.
pub(super) type Refusal = (Option<Known>, Problem);

impl Credential {
    pub fn of(request: &Request, kind: Kind, state: &AppState) -> Self {
        let headers = request.headers();
        let bearer = bearer(headers);
        if bearer.is_none()
            && let Some(sign_in) = state.sign_ins().find(headers, state.now())
        {
            let is_harmless = kind == Kind::Page || only_reads(request.method());
            return Self::SignIn { sign_in, is_harmless };
        }
        if let Some(platform) = state.sessions().filter(|_| !bearer.is_some_and(sessions::is_our_token)) {
            let mut kept = sessions::credentials(headers, platform.key_header());
            // What is no bearer token is not the platform's to judge either: by it nobody is let in.
            kept.remove(AUTHORIZATION);
            kept.extend(bearer.map(|bearer| (AUTHORIZATION, bearer.clone())));
            // A page's form was found to be one of our own before.
            let method = if kind == Kind::Page { Method::GET } else { request.method().clone() };
            Self::Session(Box::new(kept), method)
        } else {
            Self::Token(bearer.cloned())
        }
    }

    /// The bearer token, where it can be one of ours: what else there is is the platform's, or not to be guessed.
    fn token(&self) -> Option<&[u8]> {
        match self {
            Self::Token(Some(value)) if sessions::is_our_token(value) => Some(value.as_bytes()),
            _ => None,
        }
    }

    /// Whether it is looked at now, or too many wrong ones came from there.
    pub fn may_be_tried(&self, from: Option<IpAddr>, state: &AppState) -> Result<()> {
        self.token().map_or(Ok(()), |token| state.token_guesses().admit(from, token, state.now()))
    }

    /// Notes what came of it. A token that is known, although it may not do this or not any more, was not guessed.
    pub fn note_trial(
        &self,
        admitted: &std::result::Result<Option<Known>, Refusal>,
        from: Option<IpAddr>,
        state: &AppState,
    ) {
        let Some(token) = self.token() else { return };
        match admitted {
            Ok(_) => state.token_guesses().good(from, token),
            Err((None, problem)) if problem.code() == Code::InvalidToken => {
                state.token_guesses().wrong(from, token, state.now());
            }
            Err(_) => {}
        }
    }

    /// Whom this stands for, if they may do what is `required`.
    pub async fn admitted(
        &self,
        required: Required,
        from: Option<IpAddr>,
        state: &AppState,
    ) -> std::result::Result<Option<Known>, Refusal> {
        let known = match self {
            Self::None => return Ok(None),
            Self::Token(authorization) => by_token(authorization.as_ref(), state)?,
            Self::Session(headers, method) => by_session(headers, method, state).await?,
            Self::SignIn { sign_in, is_harmless } => by_sign_in(sign_in, *is_harmless, state)?,
        };
        if !known.caller.may_come_from(from) {
            return Err((Some(known), wrong_network()));
        }
        match required.lacked_by(&known.caller) {
            None => Ok(Some(known)),
            Some(lacking) => {
                let problem = lacks_permission(&known.caller, lacking);
                Err((Some(known), problem))
            }
        }
    }
}

fn by_token(authorization: Option<&HeaderValue>, state: &AppState) -> std::result::Result<Known, Refusal> {
    let caller = state.access().authenticate(authorization, state.now());
    caller.map(|caller| Known { caller, user: None }).map_err(|problem| (None, problem))
}

/// Whoever signed in may do what they signed in with allows, for as long as it is good.
fn by_sign_in(sign_in: &SignIn, is_harmless: bool, state: &AppState) -> std::result::Result<Known, Refusal> {
    let now = state.now();
    if !sign_in.is_alive(now) {
        return Err((None, signed_out()));
    }
    let known = match sign_in.holder() {
        Holder::Token(digest) => {
            let caller = state.access().by_digest(digest, now).map_err(|problem| (None, problem))?;
            Known { caller, user: None }
        }
        Holder::Guest(guest) => {
            let user = Some(Arc::new(guest.user(sign_in.session_id())));
            let caller = guest.caller(state).ok_or_else(|| (None, signed_out()))?;
            Known { caller: Arc::new(caller), user }
        }
        Holder::Emergency(set_at) if state.emergency().since() == Some(*set_at) => {
            let (caller, user) = (Arc::new(emergency_caller()), emergency_user(sign_in.session_id()));
            Known { caller, user: Some(Arc::new(user)) }
        }
        Holder::Emergency(_) => return Err((None, signed_out())),
    };
    if is_harmless { Ok(known) } else { Err((Some(known), cookie_only_reads())) }
}

/// An administrator of the platform is one of ours. Of `headers`, `Authorization` is there only with a bearer token.
async fn by_session(
    headers: &HeaderMap,
    method: &Method,
    state: &AppState,
) -> std::result::Result<Known, Refusal> {
    let Some(sessions) = state.sessions() else { return by_token(headers.get(AUTHORIZATION), state) };
    // Without a vouched-for session the answer speaks of tokens, as it does to everybody.
    let Some(user) = sessions.find(headers).await else { return by_token(headers.get(AUTHORIZATION), state) };
    if sessions::is_id_of_ours(&user.id) || user.id.starts_with(sessions::GUESTS) {
        return by_token(headers.get(AUTHORIZATION), state);
    }
    let caller = Caller::with_role(&user.id, &user.name, Role::Admin);
    let (is_admin, user) = (user.is_admin, Some(Arc::new(user)));
    let known = Known { caller: Arc::new(caller), user };
    // No browser adds a key's header by itself, and no page of another origin can without our leave.
    let by_cookie_alone =
        !headers.contains_key(AUTHORIZATION) && !headers.contains_key(sessions.key_header());
    if !is_admin {
        return Err((Some(known), not_an_admin()));
    }
    if by_cookie_alone && !only_reads(method) {
        return Err((Some(known), cookie_only_reads()));
    }
    Ok(known)
}

/// The first `Authorization` line that has a bearer token (RFC 6750; the scheme's letter case does not matter). Other
/// schemes are not ours.
fn bearer(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get_all(AUTHORIZATION).iter().find(|value| {
        let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
        parts.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
    })
}

/// Whether requests of this method change nothing.
pub(super) fn only_reads(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn lacks_permission(caller: &Caller, required: Permission) -> Problem {
    let detail =
        format!("this needs the permission {required}; {:?} has the role {}", caller.name, caller.role);
    Problem::lacking(required, detail).challenge(Some("insufficient_scope"))
}

fn not_an_admin() -> Problem {
    let detail = "the audit log is for administrators: sign in as one, or use an access token of your own";
    Problem::new(Code::PermissionRequired, detail).challenge(Some("insufficient_scope"))
}

fn wrong_network() -> Problem {
    let detail =
        "this access token is not for the address that you come from; its networks are listed with it";
    Problem::new(Code::WrongNetwork, detail)
}

fn signed_out() -> Problem {
    Problem::new(Code::InvalidToken, "the session is over: sign in again").challenge(None)
}

fn cookie_only_reads() -> Problem {
    let detail =
        "a cookie only reads: send the session's token as \"Authorization: Bearer …\" to change something";
    Problem::new(Code::PermissionRequired, detail).challenge(Some("insufficient_scope"))
}

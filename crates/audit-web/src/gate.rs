//! What every request passes before its handler: authentication, the route's permission, counting.
//!
//! Three kinds of callers are known: bearers of our own tokens, people who signed in to the pages, and, where we stand in
//! front of a platform, its administrators. The latter come with the platform's cookie, bearer token or API key. A browser sends a cookie along whatever page made it ask, so a cookie alone only reads; what changes something
//! needs a bearer token, or is a form of one of our own pages. Of `Authorization` only a bearer token counts: what else
//! stands there (`Basic` for a proxy before us) the browser adds by itself, as it does a cookie.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use audit_control::{Caller, Permission, Role};
use audit_event::{Event, Outcome, Timestamp};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::activity::{self, Viewed};
use crate::certificate::{self, ClientCertificate};
use crate::endpoints::pages;
use crate::endpoints::pages::frame::Frame;
use crate::in_process::AtKeyboard;
use crate::limits::Class;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::router::{Admission, Kind, Required};
use crate::sessions::{self, PlatformUser};
use crate::sign_ins::{self, Holder, SignIn, emergency_caller, emergency_user};
use crate::sources::{self, SourceName};
use crate::state::AppState;
use crate::visitor::Visitor;

/// One route's gate.
#[derive(Clone)]
pub(crate) struct Gate {
    /// The application.
    pub state: AppState,
    /// Whom the route admits.
    pub admission: Admission,
    /// What its requests count as.
    pub class: Class,
    /// Whether programs or people read its answers.
    pub kind: Kind,
    /// The route's number in the counters.
    pub route: usize,
}

/// Lets a request through to its handler, or answers it.
pub(crate) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let reader = (gate.kind == Kind::Page).then(|| Frame::of(request.headers(), request.uri(), &gate.state));
    let renewed = gate.renewed_cookies(&request);
    // The answer leaves when what it shows is on record.
    let mut response = activity::settled(async {
        match (gate.admit(&mut request).await, reader) {
            (Ok(()), _) => gate.answered(request, next).await,
            // Whoever lacks one permission finds the pages that others of theirs open.
            (Err(problem), Some(reader)) if problem.member("required_permission").is_some() => {
                pages::refused(&reader.inside(request.extensions().get()), &problem)
            }
            (Err(problem), Some(reader)) => pages::refused(&reader, &problem),
            (Err(problem), None) => problem.into_response(),
        }
    })
    .await;
    // Unless the page gives out or takes back a session itself.
    if !response.headers().contains_key(SET_COOKIE) {
        response.headers_mut().extend(renewed.into_iter().map(|cookie| (SET_COOKIE, cookie)));
    }
    gate.state.requests().note(gate.route, response.status(), started.elapsed());
    response
}

/// What a request was let in on. An answer that lasts asks from time to time whether it still holds: tokens expire and
/// are revoked, sessions end.
#[derive(Clone)]
pub(crate) struct Admitted {
    by: Credential,
    required: Required,
    /// The address that the request came from.
    from: Option<IpAddr>,
}

/// What a caller shows.
#[derive(Clone)]
enum Credential {
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
struct Known {
    caller: Arc<Caller>,
    user: Option<Arc<PlatformUser>>,
}

/// Who was refused, as far as known, and why.
type Refusal = (Option<Known>, Problem);

impl Admitted {
    /// Whether the request would be let in now, and its reader see the same.
    ///
    /// # Errors
    /// What it would be answered with.
    pub async fn check(&self, state: &AppState, reader: &Reader) -> Result<()> {
        let known =
            self.by.admitted(self.required, self.from, state).await.map_err(|(_, problem)| problem)?;
        let sees_the_same = known.is_none_or(|known| {
            let (now, before) = (&known.caller, reader.caller());
            now.scopes == before.scopes && now.withheld == before.withheld
        });
        if sees_the_same { Ok(()) } else { Err(sees_otherwise()) }
    }
}

impl Credential {
    fn of(request: &Request, kind: Kind, state: &AppState) -> Self {
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
    fn may_be_tried(&self, from: Option<IpAddr>, state: &AppState) -> Result<()> {
        self.token().map_or(Ok(()), |token| state.token_guesses().admit(from, token, state.now()))
    }

    /// Notes what came of it. A token that is known, although it may not do this or not any more, was not guessed.
    fn note_trial(
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
    async fn admitted(
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

impl Gate {
    /// Lets the handler answer; what was seen and no handler tells of is recorded by its address.
    async fn answered(&self, mut request: Request, next: Next) -> Response {
        self.note_certificate(&mut request);
        let viewed = Viewed::of(&mut request);
        let response = next.run(request).await;
        if let Some(viewed) = viewed {
            viewed.note(self.state.activity(), response.status());
        }
        response
    }

    /// Decides whether the request may pass; its caller then travels with it.
    async fn admit(&self, request: &mut Request) -> Result<()> {
        let (from, now) = (Visitor::address(request.extensions()), self.state.now());
        if matches!(self.admission, Admission::Source) {
            return self.admit_source(request, from);
        }
        if self.lacks_certificate(request) {
            return Err(self.turned_away(request, certificate::needed()));
        }
        if let Err(problem) = self.state.pacer().admit_address(self.class, from, now) {
            return Err(self.turned_away(request, problem));
        }
        if self.kind == Kind::Page && !only_reads(request.method()) && !is_from_us(request.headers()) {
            return Err(self.turned_away(request, not_our_form()));
        }
        let required = self.admission.required(self.state.config());
        if required == Required::Nothing {
            return Ok(());
        }
        if let Some(AtKeyboard(caller)) = request.extensions_mut().remove() {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(Admitted { by: Credential::None, required, from: None });
            return Ok(());
        }
        let by = Credential::of(request, self.kind, &self.state);
        if let Err(problem) = by.may_be_tried(from, &self.state) {
            return Err(self.turned_away(request, problem));
        }
        let admitted = by.admitted(required, from, &self.state).await;
        by.note_trial(&admitted, from, &self.state);
        let paced = admitted.and_then(|known| {
            let id = known.as_ref().map(|known| known.caller.id.as_str());
            let paced = id.map_or(Ok(()), |id| self.state.pacer().admit_principal(self.class, id, now));
            paced.map(|()| known.clone()).map_err(|problem| (known, problem))
        });
        match paced {
            Ok(known) => {
                introduce(request, known);
                request.extensions_mut().insert(Admitted { by, required, from });
                Ok(())
            }
            Err((known, problem)) => {
                introduce(request, known);
                Err(self.turned_away(request, problem))
            }
        }
    }

    /// Whether a request brings events without the certificate that it needs. Callers in this process have no connection.
    fn lacks_certificate(&self, request: &Request) -> bool {
        let extensions = request.extensions();
        self.class == Class::Append
            && self.state.config().certificate_to_append
            && extensions.get::<ClientCertificate>().is_none()
            && extensions.get::<AtKeyboard>().is_none()
    }

    /// Records by whose certificate events are brought, once in ten minutes and with a count.
    fn note_certificate(&self, request: &mut Request) {
        if self.class != Class::Append {
            return;
        }
        let Some(certificate) = request.extensions().get::<ClientCertificate>().cloned() else { return };
        let (parts, body) = std::mem::take(request).into_parts();
        let visitor = Visitor::of(&parts);
        *request = Request::from_parts(parts, body);
        self.state.activity().note(certificate.sends(&visitor), &visitor.key(), certificate.fingerprint());
    }

    /// The cookies with which a reader's session goes on, where its id has been about for long.
    fn renewed_cookies(&self, request: &Request) -> Vec<HeaderValue> {
        if self.kind == Kind::Api || matches!(self.admission, Admission::Anyone) {
            return Vec::new();
        }
        let renewed = self.state.sign_ins().renew(request.headers(), self.state.now());
        let is_private = sign_ins::is_private(request.extensions(), request.headers());
        renewed.map(|id| sign_ins::cookies(&id, is_private)).unwrap_or_default()
    }

    /// Decides whether a request is from the source that its path names; whatever may be secret in the address is taken
    /// out before anybody else sees it.
    fn admit_source(&self, request: &mut Request, from: Option<IpAddr>) -> Result<()> {
        let now = self.state.now();
        let shown = sources::Shown::of(request.uri(), request.headers());
        *request.uri_mut() = sources::without_secret(request.uri());
        let source = if self.lacks_certificate(request) {
            Err(certificate::needed())
        } else {
            shown.and_then(|shown| self.source_of(&shown, from, now))
        };
        match source {
            Ok(source) => {
                request.extensions_mut().insert(source);
                Ok(())
            }
            Err(problem) => Err(self.turned_away(request, problem)),
        }
    }

    fn source_of(&self, shown: &sources::Shown, from: Option<IpAddr>, now: Timestamp) -> Result<SourceName> {
        let (state, guesses) = (&self.state, self.state.source_guesses());
        guesses.admit(from, shown.secret.as_bytes(), now)?;
        let source = state.sources().authenticate(shown, now);
        match &source {
            Ok(_) => guesses.good(from, shown.secret.as_bytes()),
            Err(_) => guesses.wrong(from, shown.secret.as_bytes(), now),
        }
        let source = source?;
        state.pacer().admit_principal(self.class, &format!("source {}", source.0), now)?;
        Ok(source)
    }

    /// Notes that somebody was refused, and why.
    fn turned_away(&self, request: &mut Request, problem: Problem) -> Problem {
        let route = activity::route_of(request).unwrap_or_default();
        let (parts, body) = std::mem::take(request).into_parts();
        let visitor = Visitor::of(&parts);
        let subject = format!("{} {} {route}", problem.code().as_str(), parts.method);
        *request = Request::from_parts(parts, body);
        let reason = problem.code().as_str();
        let event = Event {
            outcome: Outcome::Denied,
            reason: Some(Cow::Borrowed(reason)),
            ..visitor.did("audit.access_denied")
        };
        self.state.activity().note(event, &visitor.key(), &subject);
        problem
    }
}

/// The first `Authorization` line that has a bearer token (RFC 6750; the scheme's letter case does not matter). Other
/// schemes are not ours.
fn bearer(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get_all(AUTHORIZATION).iter().find(|value| {
        let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
        parts.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
    })
}

fn only_reads(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether a form was sent from a page of this address. Browsers say where a form comes from, either way; what does not
/// say it is not one of our pages.
fn is_from_us(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match (text(ORIGIN), text(HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, at)| at == host),
        _ => false,
    }
}

fn introduce(request: &mut Request, known: Option<Known>) {
    let Some(Known { caller, user }) = known else { return };
    request.extensions_mut().insert(caller);
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
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

pub(crate) fn wrong_network() -> Problem {
    let detail =
        "this access token is not for the address that you come from; its networks are listed with it";
    Problem::new(Code::WrongNetwork, detail)
}

fn sees_otherwise() -> Problem {
    let detail = "what you may see has been changed; begin again";
    Problem::new(Code::PermissionRequired, detail).challenge(Some("insufficient_scope"))
}

fn signed_out() -> Problem {
    Problem::new(Code::InvalidToken, "the session is over: sign in again").challenge(None)
}

fn not_our_form() -> Problem {
    Problem::new(
        Code::PermissionRequired,
        "this form was not sent from a page of the audit log: open the page and send it there",
    )
}

fn cookie_only_reads() -> Problem {
    let detail =
        "a cookie only reads: send the session's token as \"Authorization: Bearer …\" to change something";
    Problem::new(Code::PermissionRequired, detail).challenge(Some("insufficient_scope"))
}

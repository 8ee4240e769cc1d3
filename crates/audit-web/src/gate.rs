//! What every request passes before its handler: authentication, the route's permission, counting.

mod credential;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use audit_event::{Event, Outcome, Timestamp};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::activity::{self, Viewed};
use crate::certificate::{self, ClientCertificate};
use crate::endpoints::pages;
use crate::endpoints::pages::frame::Frame;
use crate::in_process::AtKeyboard;
use crate::limits::Class;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::router::{Admission, Kind, Required};
use crate::sign_ins;
use crate::sources::{self, SourceName};
use crate::state::AppState;
use crate::visitor::Visitor;
use credential::{Credential, Known, only_reads};

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

fn sees_otherwise() -> Problem {
    let detail = "what you may see has been changed; begin again";
    Problem::new(Code::PermissionRequired, detail).challenge(Some("insufficient_scope"))
}

fn not_our_form() -> Problem {
    Problem::new(
        Code::PermissionRequired,
        "this form was not sent from a page of the audit log: open the page and send it there",
    )
}

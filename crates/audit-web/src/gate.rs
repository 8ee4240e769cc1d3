//! What every request passes before its handler: authentication, the route's role, counting.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use audit_control::{Caller, Role};
use audit_event::{Event, Outcome};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{AUTHORIZATION, X_CONTENT_TYPE_OPTIONS};

use crate::in_process::AtKeyboard;
use crate::problem::{Code, Problem, Result};
use crate::router::Admission;
use crate::state::AppState;
use crate::visitor::Visitor;

/// One route's gate.
#[derive(Clone)]
pub(crate) struct Gate {
    /// The application.
    pub state: AppState,
    /// Whom the route admits.
    pub admission: Admission,
    /// The route's number in the counters.
    pub route: usize,
}

/// Lets a request through to its handler, or answers it.
pub(crate) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut response = match gate.admit(&mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    // What was recorded may contain markup: no browser shall guess that an answer is a page.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    gate.state.requests().note(gate.route, response.status(), started.elapsed());
    response
}

/// What a request was let in on. An answer that lasts asks from time to time whether it still holds: tokens expire and
/// are revoked.
#[derive(Clone)]
pub(crate) struct Admitted {
    /// The `Authorization` header; none for callers in this process, who are who they are.
    authorization: Option<HeaderValue>,
    required: Role,
}

impl Admitted {
    /// Whether the request would be let in now.
    ///
    /// # Errors
    /// What it would be answered with.
    pub fn check(&self, state: &AppState) -> Result<()> {
        let Some(authorization) = &self.authorization else { return Ok(()) };
        admitted_by(Some(authorization), self.required, state).map(drop).map_err(|(_, problem)| problem)
    }
}

/// Whom the header stands for, if they may do what `required` may; else who was refused, as far as known, and why.
fn admitted_by(
    authorization: Option<&HeaderValue>,
    required: Role,
    state: &AppState,
) -> std::result::Result<Arc<Caller>, (Option<Arc<Caller>>, Problem)> {
    let caller =
        state.access().authenticate(authorization, state.now()).map_err(|problem| (None, problem))?;
    if caller.role.may(required) {
        Ok(caller)
    } else {
        let problem = lacks_role(&caller, required);
        Err((Some(caller), problem))
    }
}

impl Gate {
    /// Decides whether the request may pass; its caller then travels with it.
    fn admit(&self, request: &mut Request) -> Result<()> {
        let Some(required) = self.admission.required(self.state.config()) else { return Ok(()) };
        if let Some(AtKeyboard(caller)) = request.extensions_mut().remove() {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(Admitted { authorization: None, required });
            return Ok(());
        }
        let authorization = request.headers().get(AUTHORIZATION).cloned();
        match admitted_by(authorization.as_ref(), required, &self.state) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(Admitted { authorization, required });
                Ok(())
            }
            Err((caller, problem)) => Err(self.turned_away(request, caller, problem)),
        }
    }

    /// Notes that somebody was refused, and why.
    fn turned_away(&self, request: &mut Request, caller: Option<Arc<Caller>>, problem: Problem) -> Problem {
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        let (parts, body) = std::mem::take(request).into_parts();
        let visitor = Visitor::of(&parts);
        *request = Request::from_parts(parts, body);
        let reason = problem.code().as_str();
        let event = Event {
            outcome: Outcome::Denied,
            reason: Some(Cow::Borrowed(reason)),
            ..visitor.did("audit.access_denied")
        };
        self.state.activity().note(event, &visitor.key(), reason);
        problem
    }
}

fn lacks_role(caller: &Caller, required: Role) -> Problem {
    let detail = format!("this needs the role {required}; the token {:?} has {}", caller.name, caller.role);
    Problem::new(Code::RoleRequired, detail)
        .with("required_role", required.as_str())
        .challenge(Some("insufficient_scope"))
}

//! `/audit/access`: access tokens, roles, and who may do what.
//!
//! Each form carries the session's key, as signing out does: a page of somebody else cannot send it. Whoever came with the
//! platform's session reads only.

use askama::Template;
use audit_control::{DEFAULT_OVERLAP_HOURS, Expiry, Permission, RoleView, Secret, Token};
use audit_event::Group;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::tz::TimeZone;

use super::events;
use super::form::{self, Form};
use super::frame::Frame;
use crate::endpoints::roles;
use crate::endpoints::tokens::acts::{self, Wish};
use crate::endpoints::tokens::create::network;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// The longest life that the form offers, in days.
const MAX_DAYS: u32 = 3_650;

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    frame: Frame,
    tokens: Vec<Row>,
    roles: Vec<RoleView>,
    permissions: &'static [Permission],
    groups: Vec<&'static str>,
    may_change_tokens: bool,
    may_change_roles: bool,
    /// The name of a token and its secret, shown this once.
    made: Option<(String, String)>,
    done: Option<String>,
    problem: Option<String>,
}

impl AccessPage {
    /// A time as the reader's clock shows it.
    fn time(&self, time: &str) -> String {
        let zone = self.frame.zone.clone().unwrap_or(TimeZone::UTC);
        let (date, clock) = events::row::local(time, &zone);
        format!("{date}, {clock}")
    }
}

/// A token as the page shows it.
struct Row {
    name: String,
    id: String,
    role: String,
    scope: String,
    networks: String,
    status: &'static str,
    expires: Option<String>,
    last_used: Option<String>,
    /// Until when the secret before the last rotation is good.
    former_until: Option<String>,
}

/// What came of a form.
#[derive(Default)]
struct Done {
    made: Option<(String, String)>,
    done: Option<String>,
}

impl Done {
    fn secret(token: &Token, secret: &Secret) -> Self {
        Self { made: Some((token.name.clone(), secret.reveal().to_owned())), done: None }
    }

    fn that(text: String) -> Self {
        Self { made: None, done: Some(text) }
    }
}

/// Answers with the page.
pub(crate) async fn handle(State(state): State<AppState>, frame: Frame, reader: Reader) -> Response {
    answer(&state, frame, &reader, Ok(Done::default())).await
}

/// Makes, rotates or revokes a token, as the form's field `act` says, and shows the page.
pub(crate) async fn change_tokens(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    body: Body,
) -> Response {
    let form = Form::read(body).await;
    let done = act(&state, &frame, &reader, form, on_tokens).await;
    answer(&state, frame, &reader, done).await
}

/// Makes or removes a role, and shows the page.
pub(crate) async fn change_roles(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    body: Body,
) -> Response {
    let form = Form::read(body).await;
    let done = act(&state, &frame, &reader, form, on_roles).await;
    answer(&state, frame, &reader, done).await
}

async fn act(
    state: &AppState,
    frame: &Frame,
    reader: &Reader,
    form: Form,
    act: fn(&AppState, &Reader, &Form) -> Result<Done>,
) -> Result<Done> {
    if !frame.is_own_form(&form) {
        return Err(form::not_theirs());
    }
    let (worker, reader) = (state.clone(), reader.clone());
    state.queries().run(move || act(&worker, &reader, &form)).await?
}

fn on_tokens(state: &AppState, reader: &Reader, form: &Form) -> Result<Done> {
    let name = form.get("name").trim();
    match form.get("act") {
        "create" => {
            let networks = form.get("networks").split([',', ' ']).filter(|network| !network.is_empty());
            let wish = Wish {
                name: name.to_owned(),
                role: form.get("role").to_owned(),
                expiry: expiry(form.get("days"))?,
                scope: Some(form.get("scope").to_owned()),
                networks: networks.map(network).collect::<Result<_>>()?,
            };
            acts::create(state, reader, &wish).map(|(token, secret)| Done::secret(&token, &secret))
        }
        "rotate" => {
            let rotated = acts::rotate(state, reader, name, DEFAULT_OVERLAP_HOURS);
            rotated.map(|(token, secret)| Done::secret(&token, &secret))
        }
        "revoke" => acts::revoke(state, reader, name, false)
            .map(|token| Done::that(format!("The token {} is refused from now on.", token.name))),
        _ => Err(no_such_act()),
    }
}

fn on_roles(state: &AppState, reader: &Reader, form: &Form) -> Result<Done> {
    let name = form.get("name").trim();
    match form.get("act") {
        "create" => {
            let scope = Some(form.get("scope").trim()).filter(|scope| !scope.is_empty());
            let all = |field| form.all(field).collect::<Vec<_>>();
            let rights = roles::read_rights(&all("permissions"), scope, &all("withheld"))?;
            roles::create(state, reader, name, &rights)
                .map(|role| Done::that(format!("The role {} can be given to tokens now.", role.name)))
        }
        "remove" => roles::remove(state, reader, name)
            .map(|role| Done::that(format!("The role {} is removed.", role.name))),
        _ => Err(no_such_act()),
    }
}

fn no_such_act() -> Problem {
    Problem::new(Code::InvalidDocument, "act: the form says nothing that can be done here")
}

fn expiry(days: &str) -> Result<Expiry> {
    let days = days.trim();
    if days.is_empty() {
        return Ok(Expiry::Default);
    }
    let number = days.parse().ok().filter(|days| (1..=MAX_DAYS).contains(days));
    number.map(Expiry::Days).ok_or_else(|| {
        Problem::new(Code::InvalidDocument, format!("days: must be a whole number from 1 to {MAX_DAYS}"))
    })
}

async fn answer(state: &AppState, frame: Frame, reader: &Reader, done: Result<Done>) -> Response {
    let (status, done, problem) = match done {
        Ok(done) => (StatusCode::OK, done, None),
        Err(problem) => (problem.code().status(), Done::default(), Some(problem.detail().to_owned())),
    };
    let worker = state.clone();
    let found = state.queries().run(move || {
        // So that the list knows of the uses of the last minutes, too.
        worker.access().save_uses();
        let control = worker.access().control();
        Ok::<_, audit_control::Error>((control.tokens()?, roles::list::views(control)?))
    });
    let (tokens, roles) = match found.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return super::refused(&frame, &error.into()),
        Err(problem) => return super::refused(&frame, &problem),
    };
    let has_session = frame.form_key.is_some();
    let page = AccessPage {
        // The newest first; what is over stands in the record.
        tokens: tokens
            .iter()
            .rev()
            .filter(|token| token.revoked.is_none())
            .map(|token| row(state, token))
            .collect(),
        roles,
        permissions: Permission::ALL,
        groups: Group::ALL
            .iter()
            .filter(|group| **group != Group::Core)
            .map(|group| group.as_str())
            .collect(),
        may_change_tokens: has_session && reader.may(Permission::TokensManage),
        may_change_roles: has_session && reader.may(Permission::RolesManage),
        made: done.made,
        done: done.done,
        problem,
        frame,
    };
    super::rendered(status, &page.frame, &page)
}

fn row(state: &AppState, token: &Token) -> Row {
    let now = state.now();
    let networks: Vec<_> = token.networks.iter().map(ToString::to_string).collect();
    let former = token.former.map(|(_, until)| until).filter(|until| *until > now);
    Row {
        name: token.name.clone(),
        id: token.id.clone(),
        role: token.role.clone(),
        scope: token.scope.clone().unwrap_or_default(),
        networks: networks.join(", "),
        status: if token.is_live(now) { "live" } else { "expired" },
        expires: token.expires.map(|time| time.to_string()),
        last_used: token.last_used.map(|time| time.to_string()),
        former_until: former.map(|time| time.to_string()),
    }
}

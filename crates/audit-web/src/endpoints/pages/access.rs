//! `/audit/access`: access tokens, roles, and who may do what.
//!
//! Each form carries the session's key, as signing out does: a page of somebody else cannot send it. Whoever came with the
//! platform's session reads only.

use askama::Template;
use audit_control::{
    DEFAULT_OVERLAP_HOURS, Expiry, Permission, Permissions, RoleRights, RoleView, Secret, Token,
};
use audit_event::Group;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::form::{self, Form};
use super::frame::Frame;
use super::time;
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
    token_form: TokenForm,
    role_form: RoleForm,
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
        time::in_full(time, &self.frame.time_zone())
    }

    /// How many of the tokens have the role that is being changed.
    fn bearers(&self) -> usize {
        self.tokens.iter().filter(|token| token.role == self.role_form.name).count()
    }
}

/// Groups of an event's fields that a role can withhold, and what is in them.
const GROUPS: [(Group, &str); 6] = [
    (Group::Actor, "Who it was: name, e-mail address, id, session; hides what it was about, too"),
    (Group::Org, "Their department and role"),
    (Group::Client, "Where they came from: address and program"),
    (Group::Target, "What it was about: type, name and id"),
    (Group::Usage, "Model, tokens, cost and duration"),
    (Group::Content, "The sentence, changes, request and details"),
];

/// What the form for a new token begins with.
struct TokenForm {
    is_open: bool,
    name: String,
    role: String,
    scope: String,
    networks: String,
    days: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            is_open: false,
            name: String::new(),
            role: "viewer".to_owned(),
            scope: String::new(),
            networks: String::new(),
            days: String::new(),
        }
    }
}

impl TokenForm {
    /// As it was sent.
    fn sent(form: &Form) -> Self {
        let text = |name| form.get(name).to_owned();
        Self {
            is_open: true,
            name: text("name"),
            role: text("role"),
            scope: text("scope"),
            networks: text("networks"),
            days: text("days"),
        }
    }
}

/// What the form for a role begins with.
#[derive(Default)]
struct RoleForm {
    is_open: bool,
    /// Whether it changes a role that there is.
    is_change: bool,
    name: String,
    permissions: Permissions,
    scope: String,
    withheld: Vec<String>,
}

impl RoleForm {
    fn of(role: &RoleView) -> Self {
        Self {
            is_open: true,
            is_change: true,
            name: role.name.clone(),
            permissions: role.permissions,
            scope: role.scope.clone().unwrap_or_default(),
            withheld: role.withheld.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn withholds(&self, group: &Group) -> bool {
        self.withheld.iter().any(|name| name == group.as_str())
    }

    /// As it was sent.
    fn sent(form: &Form) -> Self {
        let ticked = form.all("permissions").collect::<Vec<_>>().join(",");
        Self {
            is_open: true,
            is_change: form.get("act") == "change",
            name: form.get("name").to_owned(),
            permissions: Permissions::parse(&ticked).unwrap_or_default(),
            scope: form.get("scope").to_owned(),
            withheld: form.all("withheld").map(str::to_owned).collect(),
        }
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

/// The forms as the page shows them.
#[derive(Default)]
struct Forms {
    token: TokenForm,
    role: RoleForm,
    /// The role to be changed, as the address names it.
    chosen: Option<String>,
}

/// Answers with the page; `?role=` names a role to change.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    frame: Frame,
    reader: Reader,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let chosen = form_urlencoded::parse(query).find(|(name, _)| name == "role");
    let forms = Forms { chosen: chosen.map(|(_, value)| value.into_owned()), ..Forms::default() };
    answer(&state, frame, &reader, Ok(Done::default()), forms).await
}

/// Makes, rotates or revokes a token, as the form's field `act` says, and shows the page.
pub(crate) async fn change_tokens(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    form: Form,
) -> Response {
    let sent = Forms { token: TokenForm::sent(&form), ..Forms::default() };
    let is_new = form.get("act") == "create";
    let done = act(&state, &frame, &reader, form, on_tokens).await;
    // What was not accepted stands in the form again.
    let forms = if done.is_err() && is_new { sent } else { Forms::default() };
    answer(&state, frame, &reader, done, forms).await
}

/// Makes, changes or removes a role, and shows the page.
pub(crate) async fn change_roles(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    form: Form,
) -> Response {
    let sent = Forms { role: RoleForm::sent(&form), ..Forms::default() };
    let is_removal = form.get("act") == "remove";
    let done = act(&state, &frame, &reader, form, on_roles).await;
    let forms = if done.is_err() && !is_removal { sent } else { Forms::default() };
    answer(&state, frame, &reader, done, forms).await
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
    let reader = reader.clone();
    state.work(move |state| act(state, &reader, &form)).await
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
        "create" => roles::create(state, reader, name, &rights(form)?)
            .map(|role| Done::that(format!("The role {} can be given to tokens now.", role.name))),
        "change" => roles::change(state, reader, name, &rights(form)?)
            .map(|role| Done::that(format!("The role {} is changed, for all who have it.", role.name))),
        "remove" => roles::remove(state, reader, name)
            .map(|role| Done::that(format!("The role {} is removed.", role.name))),
        _ => Err(no_such_act()),
    }
}

fn rights(form: &Form) -> Result<RoleRights> {
    let scope = Some(form.get("scope").trim()).filter(|scope| !scope.is_empty());
    let all = |field| form.all(field).collect::<Vec<_>>();
    roles::read_rights(&all("permissions"), scope, &all("withheld"))
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

async fn answer(
    state: &AppState,
    frame: Frame,
    reader: &Reader,
    done: Result<Done>,
    forms: Forms,
) -> Response {
    let (status, done, problem) = match done {
        Ok(done) => (StatusCode::OK, done, None),
        Err(problem) => (problem.code().status(), Done::default(), Some(super::sentence(problem.detail()))),
    };
    let found = state.work(|state| {
        // So that the list knows of the uses of the last minutes, too.
        state.access().save_uses();
        let control = state.access().control();
        Ok((control.tokens()?, roles::list::views(control)?))
    });
    let (tokens, roles) = match found.await {
        Ok(found) => found,
        Err(problem) => return super::refused(&frame, &problem),
    };
    let has_session = frame.form_key.is_some();
    let chosen = roles.iter().find(|role| !role.built_in && Some(&role.name) == forms.chosen.as_ref());
    let role_form = chosen.map_or(forms.role, RoleForm::of);
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
        token_form: forms.token,
        role_form,
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

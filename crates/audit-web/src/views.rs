//! Saved views: which there are for a reader, and what they may do with them.
//!
//! A view is the query of the events page's address under a name. Some come with the program; the others are rows of the
//! control database. Whoever may change the settings may share views with everybody, and change what is shared.

use audit_control::{NewView, Permission, SavedView, ViewChange};
use audit_event::{Change, Event, Json, Target, Timestamp};
use http::Uri;
use serde::Serialize;

use crate::activity::{self, success};
use crate::endpoints::pages::events::view::View;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// A view that comes with the program.
pub(crate) struct BuiltIn {
    pub id: &'static str,
    pub name: &'static str,
    pub query: &'static str,
}

/// What most people look for first.
pub(crate) const BUILT_IN: [BuiltIn; 6] = [
    // What was done, without who looked at the record of it.
    BuiltIn {
        id: "activity",
        name: "Activity",
        query: "q=-action%3Aaudit.viewed%2Caudit.searched%2Caudit.read%2Caudit.streamed%2Caudit.proof_issued",
    },
    BuiltIn {
        id: "failed-sign-ins",
        name: "Failed sign-ins",
        query: "q=action%3Aauth.login_failed%2Cauth.sso_login_failed%2Cauth.mfa.failed&range=7d",
    },
    BuiltIn {
        id: "administrative-changes",
        name: "Administrative changes",
        query: "event_type=administration&q=severity%3E%3Dlow+-action%3Aaudit.exported%2Caudit.access_denied&range=30d",
    },
    BuiltIn { id: "file-downloads", name: "File downloads", query: "action=file.downloaded&range=30d" },
    BuiltIn {
        id: "expensive-model-calls",
        name: "Expensive model calls",
        query: "event_type=model_usage&q=cost%3E%3D0.1&range=7d&columns=who%2Cwhat%2Coutcome%2Cmodel%2Ctokens%2Ccost",
    },
    BuiltIn { id: "denied-access", name: "Denied access", query: "outcome=denied&range=7d" },
];

/// A view as one reader sees it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Listed {
    pub id: String,
    pub name: String,
    /// Filters, range and columns, as in the page's address.
    pub query: String,
    /// The page's address with them.
    pub address: String,
    /// Whether everybody sees it.
    pub shared: bool,
    pub built_in: bool,
    /// Whether it is the reader's own.
    pub mine: bool,
    /// Whether the reader may change it.
    pub may_change: bool,
    pub owner: Option<String>,
    pub created: Option<Timestamp>,
    pub changed: Option<Timestamp>,
}

/// What somebody wants a view to be; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub name: Option<String>,
    pub query: Option<String>,
    pub shared: Option<bool>,
}

/// The views that the reader sees: those of the program, their own, and those that are shared. Blocks.
///
/// # Errors
/// When the control database cannot be read.
pub(crate) fn all(state: &AppState, reader: &Reader) -> Result<Vec<Listed>> {
    let saved = state.access().control().views_of(&reader.caller().id)?;
    let built_in = BUILT_IN.iter().map(Listed::built_in);
    Ok(built_in.chain(saved.into_iter().map(|view| Listed::saved(view, reader))).collect())
}

/// One of [`all`]. Blocks.
///
/// # Errors
/// [`Code::NoSuchView`].
pub(crate) fn one(state: &AppState, reader: &Reader, id: &str) -> Result<Listed> {
    if let Some(view) = BUILT_IN.iter().find(|view| view.id == id) {
        return Ok(Listed::built_in(view));
    }
    let view = state.access().control().view(id, &reader.caller().id)?;
    Ok(Listed::saved(view, reader))
}

/// Saves a view of the reader's own, which is on record when this returns. Blocks.
///
/// # Errors
/// [`Code::InvalidDocument`] and [`Code::NameTaken`] for the wish, [`Code::PermissionRequired`] for one who may not share.
pub(crate) fn save(state: &AppState, reader: &Reader, wish: &Wish) -> Result<Listed> {
    let is_shared = wish.shared.unwrap_or(false);
    if is_shared {
        reader.need(Permission::SettingsChange)?;
    }
    let query = checked(reader, wish.query.as_deref().unwrap_or_default(), state.now())?;
    let caller = reader.caller();
    let new = NewView {
        owner: &caller.id,
        owner_name: &caller.name,
        name: wish.name.as_deref().unwrap_or_default(),
        query: &query,
        shared: is_shared,
    };
    let view = activity::change(state, |control| {
        let view = control.save_view(&new, state.now())?;
        let event = about(reader.visitor().did("audit.view_saved"), &view);
        Ok((view, event))
    })?;
    Ok(Listed::saved(view, reader))
}

/// Changes a view. Blocks.
///
/// # Errors
/// As [`save`]; [`Code::NoSuchView`] and [`Code::NotYourView`].
pub(crate) fn change(state: &AppState, reader: &Reader, id: &str, wish: &Wish) -> Result<Listed> {
    let before = owned(state, reader, id)?;
    if before.shared || wish.shared == Some(true) {
        reader.need(Permission::SettingsChange)?;
    }
    let query = wish.query.as_deref().map(|query| checked(reader, query, state.now())).transpose()?;
    let change = ViewChange { name: wish.name.as_deref(), query: query.as_deref(), shared: wish.shared };
    let view = activity::change(state, |control| {
        let view = control.change_view(id, &change, state.now())?;
        let event = about(reader.visitor().did("audit.view_changed"), &view);
        let event = Event { changes: changes(&before, &view), ..event };
        Ok((view, event))
    })?;
    Ok(Listed::saved(view, reader))
}

/// Deletes a view. Blocks.
///
/// # Errors
/// [`Code::NoSuchView`] and [`Code::NotYourView`].
pub(crate) fn delete(state: &AppState, reader: &Reader, id: &str) -> Result<Listed> {
    owned(state, reader, id)?;
    let view = activity::change(state, |control| {
        let view = control.delete_view(id)?;
        let event = about(reader.visitor().did("audit.view_deleted"), &view);
        Ok((view, event))
    })?;
    Ok(Listed::saved(view, reader))
}

/// A view that the reader may change or delete.
fn owned(state: &AppState, reader: &Reader, id: &str) -> Result<SavedView> {
    if BUILT_IN.iter().any(|view| view.id == id) {
        let detail = "this view comes with the program; save a copy of your own and change that";
        return Err(Problem::new(Code::NotYourView, detail));
    }
    let view = state.access().control().view(id, &reader.caller().id)?;
    if is_changeable(&view, reader) {
        return Ok(view);
    }
    let detail = format!("the view is {}'s; save a copy of your own and change that", view.owner_name);
    Err(Problem::new(Code::NotYourView, detail))
}

fn is_changeable(view: &SavedView, reader: &Reader) -> bool {
    view.owner == reader.caller().id || (view.shared && reader.may(Permission::SettingsChange))
}

/// The query, if the page understands it, without what is no part of a view.
fn checked(reader: &Reader, query: &str, now: Timestamp) -> Result<String> {
    let uri: Uri = format!("/audit?{}", query.trim_start_matches('?')).parse().map_err(|_| {
        let detail = "query: is what follows the question mark of an address, percent-encoded";
        Problem::new(Code::InvalidDocument, detail).with("field", "query")
    })?;
    let view = View::of(reader, &uri, None, now)?;
    view.question()?;
    view.columns()?;
    Ok(view.to_save())
}

fn about(event: Event<'static>, view: &SavedView) -> Event<'static> {
    let details = [("query", Json::from(view.query.clone())), ("shared", Json::Bool(view.shared))];
    Event {
        target: Some(Target {
            kind: Some("view".into()),
            id: Some(view.id.clone().into()),
            name: Some(view.name.clone().into()),
        }),
        details: Some(Json::object(details)),
        ..success(event)
    }
}

fn changes(before: &SavedView, after: &SavedView) -> Vec<Change<'static>> {
    let text = |view: &SavedView| {
        [
            ("name", Json::from(view.name.clone())),
            ("query", Json::from(view.query.clone())),
            ("shared", Json::Bool(view.shared)),
        ]
    };
    let pairs = text(before).into_iter().zip(text(after));
    let changed = pairs.filter(|((_, before), (_, after))| before != after);
    let change = |((field, before), (_, after)): ((&'static str, _), (_, _))| Change {
        field: field.into(),
        before: Some(before),
        after: Some(after),
    };
    changed.map(change).collect()
}

impl Listed {
    fn built_in(view: &BuiltIn) -> Self {
        Self {
            id: view.id.to_owned(),
            name: view.name.to_owned(),
            query: view.query.to_owned(),
            address: address(view.id, view.query),
            shared: true,
            built_in: true,
            mine: false,
            may_change: false,
            owner: None,
            created: None,
            changed: None,
        }
    }

    fn saved(view: SavedView, reader: &Reader) -> Self {
        Self {
            mine: view.owner == reader.caller().id,
            may_change: is_changeable(&view, reader),
            address: address(&view.id, &view.query),
            id: view.id,
            name: view.name,
            query: view.query,
            shared: view.shared,
            built_in: false,
            owner: Some(view.owner_name),
            created: Some(view.created),
            changed: Some(view.changed),
        }
    }
}

fn address(id: &str, query: &str) -> String {
    let joint = if query.is_empty() { "" } else { "&" };
    format!("/audit?view={id}{joint}{query}")
}

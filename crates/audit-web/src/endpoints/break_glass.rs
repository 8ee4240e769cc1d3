//! `/break-glass`: emergency access, on or off.
//!
//! The password opens everything: it is given, and taken away, by those only who may do and see everything.

use audit_control::{Permission, Permissions};
use audit_event::{Change, Event, Severity};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::activity::{self, success};
use crate::body;
use crate::endpoints::tokens::acts::may_give_all;
use crate::endpoints::tokens::fence::Fence;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;
use crate::visitor::Visitor;

const MAX_BODY_BYTES: usize = 16 << 10;

/// What the body says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    password: String,
}

/// `GET`: whether it is on, and since when with the present password.
pub(crate) async fn look(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    Ok(shown(&state))
}

/// `PUT`: sets the password; whoever is in with a former one is out.
pub(crate) async fn set(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    may_give_all(&reader, Permissions::ALL)?;
    body::require_json(&headers)?;
    let bytes = body::collect(body, MAX_BODY_BYTES, state.config().body_timeout).await?;
    let wish: Wish = serde_json::from_slice(&bytes).map_err(|_| {
        Problem::new(Code::InvalidDocument, "the body must be a JSON object with the field password, a text")
    })?;
    state
        .work(move |state| {
            may_set(state, &reader)?;
            activity::change(state, |control| {
                let was_on = control.break_glass()?.is_some();
                control.set_break_glass(&wish.password, state.now())?;
                Ok(((), switched(reader.visitor(), was_on, true)))
            })?;
            Ok(state.emergency().reload()?)
        })
        .await?;
    Ok(shown(&state))
}

/// `DELETE`: switches it off, and ends its sessions.
pub(crate) async fn remove(State(state): State<AppState>, uri: Uri, reader: Reader) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    may_give_all(&reader, Permissions::ALL)?;
    state
        .work(move |state| {
            if state.control().break_glass()?.is_some() {
                activity::change(state, |control| {
                    control.remove_break_glass()?;
                    Ok(((), switched(reader.visitor(), true, false)))
                })?;
            }
            Ok(state.emergency().reload()?)
        })
        .await?;
    Ok(shown(&state))
}

/// That the reader's own access has no bounds: the password may be used from anywhere, until another is set.
fn may_set(state: &AppState, reader: &Reader) -> Result<()> {
    if Fence::of(state, reader)?.is_open() {
        return Ok(());
    }
    let detail = "a token with networks or an end cannot set a password that has neither: use one without, sign in, or do \
                  it at the machine (secureai-audit break-glass set)";
    Err(Problem::lacking(Permission::TokensManage, detail))
}

fn shown(state: &AppState) -> Json<Value> {
    let since = state.emergency().since();
    Json(json!({ "on": since.is_some(), "set": since.map(|since| since.to_string()) }))
}

fn switched(visitor: &Visitor, was_on: bool, is_on: bool) -> Event<'static> {
    let mut event = success(visitor.did("audit.break_glass_changed"));
    event.severity = Some(if is_on { Severity::Critical } else { Severity::High });
    event.changes =
        vec![Change { field: "on".into(), before: Some(was_on.into()), after: Some(is_on.into()) }];
    event
}

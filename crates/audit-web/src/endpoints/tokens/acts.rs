//! Making, rotating and revoking tokens, for the API and the page alike. Each act blocks, and is on record and in force
//! when it returns.
//!
//! Nobody makes others mightier than themselves: who manages tokens deals with those that may not do more than they may,
//! and only if they see every event whole; and gives none that may be used from elsewhere, or for longer, than theirs.

use std::collections::BTreeSet;

use audit_control::{Control, Expiry, NewToken, Permissions, Secret, Token, rights_of};
use audit_event::Json;
use audit_query::Filter;
use ipnet::IpNet;

use super::about_token;
use super::fence::Fence;
use crate::activity;
use crate::endpoints::document::invalid;
use crate::four_eyes::{self, Act};
use crate::in_process::InProcess;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// The longest overlap of a rotation, in hours.
pub(crate) const MAX_OVERLAP_HOURS: u32 = 24 * 30;

/// A token to be made.
#[derive(Debug)]
pub(crate) struct Wish {
    pub name: String,
    pub role: String,
    pub expiry: Expiry,
    pub scope: Option<String>,
    pub networks: Vec<IpNet>,
}

/// Makes a token.
///
/// # Errors
/// What is wrong with the wish; that the reader may not give so much.
pub(crate) fn create(state: &AppState, reader: &Reader, wish: &Wish) -> Result<(Token, Secret)> {
    let access = state.access();
    may_give(access.control(), reader, &wish.role)?;
    let fence = Fence::of(state, reader)?;
    let (expiry, networks) = fence.narrowed(wish, state.now())?;
    let scope = wish.scope.as_deref().map(str::trim).filter(|scope| !scope.is_empty());
    if let Some(scope) = scope {
        check_scope(scope)?;
    }
    let new = NewToken { name: &wish.name, role: &wish.role, expiry, scope, networks: &networks };
    let made = activity::change(state, |control| {
        let (token, secret) = control.create_token(&new, state.now())?;
        note_shown(state, reader, &token)?;
        let event = about_token(reader.visitor().did("audit.token_created"), &token);
        Ok(((token, secret), event))
    })?;
    access.reload()?;
    Ok(made)
}

/// Gives a token another secret; the one before is good for some hours more.
///
/// # Errors
/// That there is none; that the reader may not have it.
pub(crate) fn rotate(
    state: &AppState,
    reader: &Reader,
    name: &str,
    overlap_hours: u32,
) -> Result<(Token, Secret)> {
    let access = state.access();
    may_touch(access.control(), reader, name)?;
    let fence = Fence::of(state, reader)?;
    for token in meant(access.control(), name)?.iter().filter(|token| token.id != reader.caller().id) {
        fence.check(&token.networks, token.expires)?;
    }
    let rotated = activity::change(state, |control| {
        let (token, secret) = control.rotate_token(name, overlap_hours, state.now())?;
        note_shown(state, reader, &token)?;
        let mut event = about_token(reader.visitor().did("audit.token_rotated"), &token);
        if let (Some(Json::Object(members)), Some((_, until))) = (&mut event.details, token.former) {
            members.push(("former_good_until".into(), Json::from(until.to_string())));
        }
        Ok(((token, secret), event))
    });
    access.reload()?;
    rotated
}

/// Revokes a token. The last that may manage tokens stays, unless `force` is said at the console: whoever may open the
/// data directory can make another, or a second admin (of the platform) approves it.
///
/// The order is: record, revoke in the database, refuse in memory. A crash after the first step leaves a recorded revocation
/// that did not happen, and a caller without an answer who will try again; the other way round it would be unrecorded.
///
/// # Errors
/// That there is none; that it is the last; that the reader may not take away so much.
pub(crate) fn revoke(state: &AppState, reader: &Reader, name: &str, force: bool) -> Result<Token> {
    let access = state.access();
    may_touch(access.control(), reader, name)?;
    let is_console = reader.caller().id == InProcess::CALLER_ID;
    if let Some(last) = four_eyes::last_admin(state)?.filter(|last| last.is_called(name)) {
        let is_alone = four_eyes::admins(state)? <= 1;
        if is_alone && !(force && is_console) {
            return Err(audit_control::Error::LastAdmin { name: name.to_owned() }.into());
        }
        four_eyes::cleared(state, reader, Act::RevokeLastAdmin, &last.id)?;
    }
    let revoked = activity::change(state, |control| {
        let token = control.revoke_token(name, state.now())?;
        let event = about_token(reader.visitor().did("audit.token_revoked"), &token);
        Ok((token, event))
    });
    // Whatever comes of the one, the other is done too: a retry that finds the token revoked already still makes this
    // process refuse it.
    access.reload()?;
    revoked
}

/// That a scope can be understood.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_scope(scope: &str) -> Result<()> {
    Filter::parse(scope).map(drop).map_err(|error| invalid("scope", error))
}

/// That the reader may give these permissions.
///
/// # Errors
/// [`crate::problem::Code::PermissionRequired`] with the first that they lack.
pub(crate) fn may_give_all(reader: &Reader, permissions: Permissions) -> Result<()> {
    let caller = reader.caller();
    if caller.may_give(permissions) {
        return Ok(());
    }
    let lacking = permissions.iter().find(|permission| !caller.may(*permission));
    let detail = match lacking {
        Some(permission) => {
            format!("you cannot give or take away what you may not do yourself: {permission}")
        }
        None => "who sees only a part of the events gives no rights to others".to_owned(),
    };
    Err(Problem::lacking(lacking.unwrap_or(audit_control::Permission::EventsRead), detail))
}

fn may_give(control: &Control, reader: &Reader, role: &str) -> Result<()> {
    match rights_of(role, &control.roles()?) {
        Some(rights) => may_give_all(reader, rights.permissions),
        // The control database says that there is none.
        None => Ok(()),
    }
}

/// That the reader may do as much as the token.
fn may_touch(control: &Control, reader: &Reader, name: &str) -> Result<()> {
    meant(control, name)?.iter().try_for_each(|token| may_give(control, reader, &token.role))
}

/// The tokens of this name or id that are not revoked.
fn meant(control: &Control, name: &str) -> Result<Vec<Token>> {
    let mut tokens = control.tokens()?;
    tokens.retain(|token| token.revoked.is_none() && (token.name == name || token.id == name));
    Ok(tokens)
}

/// Notes into whose hands a token's secret comes. What is shown at the console is shown to whoever may open the data
/// directory, who needs no token.
fn note_shown(state: &AppState, reader: &Reader, token: &Token) -> Result<()> {
    let hands = match reader.caller().id == InProcess::CALLER_ID {
        true => BTreeSet::new(),
        false => four_eyes::hands_of(state, reader)?,
    };
    state.access().control().note_shown(token, &hands).map_err(Problem::from)
}

//! `/roles`: what each role may do and see. Every change is an event with what was before and is after.

pub(crate) mod change;
pub(crate) mod list;

use audit_control::{CustomRole, Permissions, RoleRights};
use audit_event::{Change, Event, GroupSet, Json, Target};

use super::document::{Document, invalid};
use super::tokens::acts::{check_scope, may_give_all};
use super::tokens::fence;
use crate::activity::{self, success};
use crate::four_eyes;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Makes a role. Blocks.
///
/// # Errors
/// What is wrong with it; that the reader may not give so much.
pub(crate) fn create(
    state: &AppState,
    reader: &Reader,
    name: &str,
    rights: &RoleRights,
) -> Result<CustomRole> {
    check(reader, rights)?;
    let made = activity::change(state, |control| {
        let role = control.create_role(name, rights, state.now())?;
        let changes = changes(None, Some(&role.rights));
        let event = about(reader, "audit.role_created", &role, changes);
        Ok((role, event))
    })?;
    state.access().reload()?;
    Ok(made)
}

/// Gives a role other rights; they hold for all its bearers from the next request on. Blocks.
///
/// # Errors
/// As [`create`]; that there is none.
pub(crate) fn change(
    state: &AppState,
    reader: &Reader,
    name: &str,
    rights: &RoleRights,
) -> Result<CustomRole> {
    check(reader, rights)?;
    may_take(state, reader, name)?;
    four_eyes::leaves_an_admin(state, reader, name, rights)?;
    let changed = activity::change(state, |control| {
        let (before, after) = control.change_role(name, rights, state.now())?;
        let changes = changes(Some(&before.rights), Some(&after.rights));
        let event = about(reader, "audit.role_changed", &after, changes);
        Ok((after, event))
    });
    state.access().reload()?;
    changed
}

/// Removes a role that no live token has. Blocks.
///
/// # Errors
/// That there is none; that tokens have it; that the reader may not take so much.
pub(crate) fn remove(state: &AppState, reader: &Reader, name: &str) -> Result<CustomRole> {
    may_take(state, reader, name)?;
    let removed = activity::change(state, |control| {
        let role = control.remove_role(name, state.now())?;
        let changes = changes(Some(&role.rights), None);
        let event = about(reader, "audit.role_removed", &role, changes);
        Ok((role, event))
    });
    state.access().reload()?;
    removed
}

fn check(reader: &Reader, rights: &RoleRights) -> Result<()> {
    fence::check_lasting(reader)?;
    may_give_all(reader, rights.permissions)?;
    rights.scope.as_deref().map_or(Ok(()), check_scope)
}

fn may_take(state: &AppState, reader: &Reader, name: &str) -> Result<()> {
    let roles = state.access().control().roles()?;
    let held = roles.iter().find(|role| role.name == name).map(|role| role.rights.permissions);
    held.map_or(Ok(()), |held| may_give_all(reader, held))
}

/// The rights that a document describes.
fn rights(document: &Document) -> Result<RoleRights> {
    let scope = document.text("scope")?.map(str::trim).filter(|scope| !scope.is_empty());
    read_rights(&document.texts("permissions")?, scope, &document.texts("withheld")?)
}

/// The rights that these texts describe.
///
/// # Errors
/// With what is wrong.
pub(crate) fn read_rights(
    permissions: &[&str],
    scope: Option<&str>,
    withheld: &[&str],
) -> Result<RoleRights> {
    let permissions = Permissions::parse(&permissions.join(","))?;
    let withheld = withheld.iter().map(|name| name.trim().parse());
    let withheld: std::result::Result<GroupSet, _> = withheld.collect();
    Ok(RoleRights {
        permissions,
        scope: scope.map(str::to_owned),
        withheld: withheld.map_err(|error| invalid("withheld", error))?,
    })
}

fn about(
    reader: &Reader,
    action: &'static str,
    role: &CustomRole,
    changes: Vec<Change<'static>>,
) -> Event<'static> {
    let name = role.name.clone();
    Event {
        target: Some(Target {
            kind: Some("role".into()),
            id: Some(name.clone().into()),
            name: Some(name.into()),
        }),
        changes,
        ..success(reader.visitor().did(action))
    }
}

/// What became of each field, those left out that stayed as they were.
fn changes(before: Option<&RoleRights>, after: Option<&RoleRights>) -> Vec<Change<'static>> {
    let list = |texts: Vec<&'static str>| {
        Json::Array(texts.into_iter().map(|text| text.to_owned().into()).collect())
    };
    type Told<'a> = &'a dyn Fn(&RoleRights) -> Json<'static>;
    let fields: [(&'static str, Told<'_>); 3] = [
        ("permissions", &|rights| list(rights.permissions.iter().map(|one| one.as_str()).collect())),
        ("scope", &|rights| rights.scope.clone().map_or(Json::Null, Json::from)),
        ("withheld", &|rights| list(rights.withheld_names())),
    ];
    let changed = fields.iter().map(|(field, of)| (*field, before.map(of), after.map(of)));
    changed
        .filter(|(_, before, after)| before != after)
        .map(|(field, before, after)| Change { field: field.into(), before, after })
        .collect()
}

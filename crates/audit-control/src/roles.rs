//! Roles: those that are there from the beginning, and those that somebody made.
//!
//! A role made here says what its bearer may do, which events they see (a scope: a filter in the query box's language,
//! which this crate keeps and does not look into) and which groups of these they do not see. Tokens name their role; a
//! change of the role holds for all of them from the next request on.

use std::collections::BTreeMap;

use audit_event::{Group, GroupSet, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;

use crate::permission::{Permission, Permissions};
use crate::step::Step;
use crate::store::{Control, is_plain_name};
use crate::{Error, Result, Role};

const COLUMNS: &str = "name, permissions, scope, withheld, created, changed";
/// The longest scope, in bytes.
pub(crate) const LONGEST_SCOPE: usize = 4_096;

/// What a role allows and shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRights {
    /// What its bearer may do.
    pub permissions: Permissions,
    /// A filter that every event fulfils that they see; `None`: they see every event.
    pub scope: Option<String>,
    /// Groups of an event that they do not see. Of a role in the database: with what follows from that.
    pub withheld: GroupSet,
}

impl RoleRights {
    /// With what else has to be withheld for it to be: who sees no actors sees no targets, since whoever signs in, is
    /// given a role or changes their settings is the target of it.
    #[must_use]
    pub fn with_what_follows(mut self) -> Self {
        if self.withheld.contains(Group::Actor) {
            self.withheld = self.withheld.iter().chain([Group::Target]).collect();
        }
        self
    }

    /// Those of a role that is there from the beginning.
    pub fn built_in(role: Role) -> Self {
        Self { permissions: role.permissions(), scope: None, withheld: GroupSet::EMPTY }
    }

    /// The names of the withheld groups.
    pub fn withheld_names(&self) -> Vec<&'static str> {
        self.withheld.iter().map(Group::as_str).collect()
    }
}

/// A role that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    /// Unique, and none of the built-in ones' names.
    pub name: String,
    /// What it allows and shows.
    pub rights: RoleRights,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

/// A role as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// Whether it is there from the beginning and cannot be changed.
    pub built_in: bool,
    /// What it allows.
    pub permissions: Permissions,
    /// Its scope.
    pub scope: Option<String>,
    /// The names of the withheld groups.
    pub withheld: Vec<&'static str>,
}

impl RoleView {
    /// A role that is there from the beginning.
    pub fn of_built_in(role: Role) -> Self {
        Self::new(role.as_str(), &RoleRights::built_in(role), true)
    }

    /// One that somebody made.
    pub fn of_custom(role: &CustomRole) -> Self {
        Self::new(&role.name, &role.rights, false)
    }

    fn new(name: &str, rights: &RoleRights, built_in: bool) -> Self {
        Self {
            name: name.to_owned(),
            built_in,
            permissions: rights.permissions,
            scope: rights.scope.clone(),
            withheld: rights.withheld_names(),
        }
    }
}

impl Control {
    /// The roles that somebody made, by name.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn roles(&self) -> Result<Vec<CustomRole>> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM roles ORDER BY name"))?;
        let rows = statement.query_map([], role_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`Error::BadRoleName`], [`Error::RoleBuiltIn`], [`Error::RoleExists`] and [`Error::BadRights`] for the input;
    /// [`Error::Sqlite`].
    pub fn create_role(&self, name: &str, rights: &RoleRights, now: Timestamp) -> Result<CustomRole> {
        if !is_plain_name(name) {
            return Err(Error::BadRoleName { name: name.to_owned() });
        }
        refuse_built_in(name)?;
        check(rights)?;
        let made = self
            .lock()
            .query_row(
                &format!(
                    "INSERT INTO roles (name, permissions, scope, withheld, created, changed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (name) DO NOTHING RETURNING {COLUMNS}"
                ),
                params![
                    name,
                    rights.permissions.names(),
                    rights.scope,
                    rights.withheld_names().join(","),
                    now.as_micros()
                ],
                role_of_row,
            )
            .optional()?;
        made.ok_or_else(|| Error::RoleExists { name: name.to_owned() })
    }

    /// Gives a role other rights; gives it back as it was and as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`], [`Error::RoleBuiltIn`] and [`Error::BadRights`] for the input; [`Error::Sqlite`].
    pub fn change_role(
        &self,
        name: &str,
        rights: &RoleRights,
        now: Timestamp,
    ) -> Result<(CustomRole, CustomRole)> {
        refuse_built_in(name)?;
        check(rights)?;
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let before = find(&step, name)?;
        step.execute(
            "UPDATE roles SET permissions = ?2, scope = ?3, withheld = ?4, changed = ?5 WHERE name = ?1",
            params![
                name,
                rights.permissions.names(),
                rights.scope,
                rights.withheld_names().join(","),
                now.as_micros()
            ],
        )?;
        let after = find(&step, name)?;
        if !after.rights.permissions.contains(Permission::ApprovalsDecide) {
            note_decided(&step, &before, now)?;
        }
        step.keep()?;
        Ok((before, after))
    }

    /// Removes a role that no live token has, and gives it back as it was.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`], [`Error::RoleBuiltIn`], [`Error::RoleInUse`]; [`Error::Sqlite`].
    pub fn remove_role(&self, name: &str, now: Timestamp) -> Result<CustomRole> {
        refuse_built_in(name)?;
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let role = find(&step, name)?;
        let tokens: u32 = step.query_row(
            "SELECT count(*) FROM tokens WHERE role = ?1 AND revoked IS NULL",
            [name],
            |row| row.get(0),
        )?;
        if tokens > 0 {
            return Err(Error::RoleInUse { name: name.to_owned(), tokens });
        }
        step.execute("DELETE FROM roles WHERE name = ?1", [name])?;
        note_decided(&step, &role, now)?;
        step.keep()?;
        Ok(role)
    }

    /// The roles that once let their bearers decide about requests, and until when they last did: a change of the role, or
    /// its removal, took that from all of them. One that lets them now may be among them.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn former_deciders(&self) -> Result<BTreeMap<String, Timestamp>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT role, until FROM deciders")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?))))?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }
}

/// Notes that the role as it was let its bearers decide until `now`, if it did.
fn note_decided(connection: &rusqlite::Connection, role: &CustomRole, now: Timestamp) -> Result<()> {
    if role.rights.permissions.contains(Permission::ApprovalsDecide) {
        connection.execute(
            "INSERT OR REPLACE INTO deciders (role, until) VALUES (?1, ?2)",
            params![role.name, now.as_micros()],
        )?;
    }
    Ok(())
}

/// What the role of this name allows and shows, among those built in and `custom`.
pub fn rights_of(name: &str, custom: &[CustomRole]) -> Option<RoleRights> {
    match name.parse::<Role>() {
        Ok(role) => Some(RoleRights::built_in(role)),
        Err(_) => custom.iter().find(|role| role.name == name).map(|role| role.rights.clone()),
    }
}

fn find(connection: &rusqlite::Connection, name: &str) -> Result<CustomRole> {
    let query = format!("SELECT {COLUMNS} FROM roles WHERE name = ?1");
    let found = connection.query_row(&query, [name], role_of_row).optional()?;
    found.ok_or_else(|| Error::NoSuchRole { name: name.to_owned() })
}

fn refuse_built_in(name: &str) -> Result<()> {
    match name.parse::<Role>() {
        Ok(_) => Err(Error::RoleBuiltIn { name: name.to_owned() }),
        Err(_) => Ok(()),
    }
}

fn check(rights: &RoleRights) -> Result<()> {
    if rights.permissions.is_empty() {
        return Err(Error::BadRights("a role needs at least one permission"));
    }
    if rights.withheld.contains(Group::Core) {
        return Err(Error::BadRights("the group core cannot be withheld: it is what makes an event"));
    }
    if rights.scope.as_ref().is_some_and(|scope| scope.len() > LONGEST_SCOPE) {
        return Err(Error::BadRights("a scope has at most 4,096 bytes"));
    }
    Ok(())
}

fn role_of_row(row: &Row<'_>) -> rusqlite::Result<CustomRole> {
    let unreadable = |column, error: Error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    };
    let permissions: String = row.get(1)?;
    let withheld: String = row.get(3)?;
    // A group that this program does not know cannot be withheld by it: better no role than one that shows it.
    let withheld = withheld.split(',').filter(|name| !name.is_empty()).map(str::parse::<Group>);
    let withheld: std::result::Result<GroupSet, _> = withheld.collect();
    let rights = RoleRights {
        permissions: Permissions::parse(&permissions).map_err(|error| unreadable(1, error))?,
        scope: row.get(2)?,
        withheld: withheld
            .map_err(|_| unreadable(3, Error::BadRights("the role withholds a group that is not known")))?,
    };
    Ok(CustomRole {
        name: row.get(0)?,
        rights: rights.with_what_follows(),
        created: Timestamp::from_micros(row.get(4)?),
        changed: Timestamp::from_micros(row.get(5)?),
    })
}

#[cfg(test)]
mod tests;

//! Saved views: a name for a question that somebody asks again and again.
//!
//! What a view asks is the query of the page's address, filters, range and columns together; this crate does not look
//! into it. A view belongs to whoever saved it and is seen by them alone, unless it is shared with everybody. Who may
//! share and who may change what others share is decided by the caller.

use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use crate::store::Control;
use crate::{Error, Result};

/// Views that one person may keep.
pub const MOST_VIEWS: u32 = 200;

const NAME_CHARS: usize = 80;
const QUERY_BYTES: usize = 4_096;
const COLUMNS: &str = "id, owner, owner_name, name, query, shared, created, changed";

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// `view_` and twelve hexadecimal digits.
    pub id: String,
    /// Whose it is: a token's id, or a person's.
    pub owner: String,
    /// What they were called when they saved it.
    pub owner_name: String,
    /// Unique among the owner's views.
    pub name: String,
    /// What it asks, as the query of an address.
    pub query: String,
    /// Whether everybody sees it.
    pub shared: bool,
    /// When it was saved.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

/// A view to be saved.
#[derive(Debug, Clone, Copy)]
pub struct NewView<'a> {
    /// The owner's id.
    pub owner: &'a str,
    /// The owner's name.
    pub owner_name: &'a str,
    /// 1 to 80 characters, none of them a control character; blanks at the ends do not count.
    pub name: &'a str,
    /// At most 4,096 bytes.
    pub query: &'a str,
    /// Whether everybody sees it.
    pub shared: bool,
}

/// What to change of a view; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ViewChange<'a> {
    /// As [`NewView::name`].
    pub name: Option<&'a str>,
    /// As [`NewView::query`].
    pub query: Option<&'a str>,
    /// Whether everybody sees it.
    pub shared: Option<bool>,
}

impl Control {
    /// Saves a view.
    ///
    /// # Errors
    /// [`Error::BadView`], [`Error::ViewNameTaken`] and [`Error::TooManyViews`] for the input; [`Error::Randomness`] and
    /// [`Error::Sqlite`] for the rest.
    pub fn save_view(&self, new: &NewView<'_>, now: Timestamp) -> Result<SavedView> {
        let name = checked_name(new.name)?;
        check_query(new.query)?;
        let id = crate::secret::random_id("view_")?;
        let connection = self.lock();
        let kept: u32 =
            connection
                .query_row("SELECT count(*) FROM views WHERE owner = ?1", [new.owner], |row| row.get(0))?;
        if kept >= MOST_VIEWS {
            return Err(Error::TooManyViews { most: MOST_VIEWS });
        }
        let saved = connection.query_row(
            &format!(
                "INSERT INTO views ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) RETURNING {COLUMNS}"
            ),
            params![id, new.owner, new.owner_name, name, new.query, new.shared, now.as_micros()],
            view_of_row,
        );
        saved.map_err(|error| name_taken(error, name))
    }

    /// The views that `owner` sees: their own and those that are shared, by name.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn views_of(&self, owner: &str) -> Result<Vec<SavedView>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM views WHERE owner = ?1 OR shared = 1 ORDER BY name COLLATE NOCASE, created, id"
        ))?;
        let rows = statement.query_map([owner], view_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// The view of this id, if `owner` sees it.
    ///
    /// # Errors
    /// [`Error::NoSuchView`], also for what is somebody else's; [`Error::Sqlite`].
    pub fn view(&self, id: &str, owner: &str) -> Result<SavedView> {
        let connection = self.lock();
        let found = connection
            .query_row(
                &format!("SELECT {COLUMNS} FROM views WHERE id = ?1 AND (owner = ?2 OR shared = 1)"),
                [id, owner],
                view_of_row,
            )
            .optional()?;
        found.ok_or_else(|| Error::NoSuchView { id: id.to_owned() })
    }

    /// Changes a view and gives it as it is now.
    ///
    /// # Errors
    /// [`Error::NoSuchView`], [`Error::BadView`], [`Error::ViewNameTaken`]; [`Error::Sqlite`].
    pub fn change_view(&self, id: &str, change: &ViewChange<'_>, now: Timestamp) -> Result<SavedView> {
        let name = change.name.map(checked_name).transpose()?;
        change.query.map(check_query).transpose()?;
        let connection = self.lock();
        let changed = connection
            .query_row(
                &format!(
                    "UPDATE views SET name = coalesce(?2, name), query = coalesce(?3, query),
                     shared = coalesce(?4, shared), changed = ?5 WHERE id = ?1 RETURNING {COLUMNS}"
                ),
                params![id, name, change.query, change.shared, now.as_micros()],
                view_of_row,
            )
            .optional()
            .map_err(|error| name_taken(error, name.unwrap_or_default()))?;
        changed.ok_or_else(|| Error::NoSuchView { id: id.to_owned() })
    }

    /// Deletes a view and gives it as it was.
    ///
    /// # Errors
    /// [`Error::NoSuchView`]; [`Error::Sqlite`].
    pub fn delete_view(&self, id: &str) -> Result<SavedView> {
        let connection = self.lock();
        let deleted = connection
            .query_row(&format!("DELETE FROM views WHERE id = ?1 RETURNING {COLUMNS}"), [id], view_of_row)
            .optional()?;
        deleted.ok_or_else(|| Error::NoSuchView { id: id.to_owned() })
    }
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err(Error::BadView { problem: "has a name of 1 to 80 characters, in one line" })
    }
}

fn check_query(query: &str) -> Result<()> {
    if query.len() <= QUERY_BYTES {
        Ok(())
    } else {
        Err(Error::BadView {
            problem: "asks with at most 4,096 characters; leave some of its conditions away",
        })
    }
}

/// The one constraint that a view can break is the uniqueness of its name: ids are random.
fn name_taken(error: rusqlite::Error, name: &str) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::ViewNameTaken { name: name.to_owned() },
        _ => Error::Sqlite(error),
    }
}

fn view_of_row(row: &Row<'_>) -> rusqlite::Result<SavedView> {
    Ok(SavedView {
        id: row.get(0)?,
        owner: row.get(1)?,
        owner_name: row.get(2)?,
        name: row.get(3)?,
        query: row.get(4)?,
        shared: row.get(5)?,
        created: Timestamp::from_micros(row.get(6)?),
        changed: Timestamp::from_micros(row.get(7)?),
    })
}

#[cfg(test)]
mod tests;

//! Background exports: what was asked for, by whom, how far each has come and where it ended.
//!
//! The rows are the list of past exports as well as what a restarted process needs to go on with unfinished ones. What
//! an export asks for and who asked are kept as text that only the layer above understands.

use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use crate::store::Control;
use crate::{Error, Result};

const COLUMNS: &str = "id, name, state, format, owner, owner_name, scope, author, question, tree_size, total, created, \
     ended, rows, bytes, position, sha256, first_index, last_index, reason, event_id, recorded";

/// An export as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// `exp_` and 24 hexadecimal digits.
    pub id: String,
    /// What its owner calls it; the file's name without its ending.
    pub name: String,
    /// How it is.
    pub state: ExportState,
    /// The file's format, by name.
    pub format: String,
    /// The id of the caller who began it.
    pub owner: String,
    /// What that caller was called then.
    pub owner_name: String,
    /// What the owner was allowed to see when it began; empty for all.
    pub scope: String,
    /// The owner as the record names them.
    pub author: String,
    /// Which events, and how they are written.
    pub question: String,
    /// The ledger's size that it is of.
    pub tree_size: u64,
    /// Events that it will have.
    pub total: u64,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it came to its end, whichever.
    pub ended: Option<Timestamp>,
    /// Events written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Where an unfinished one can be gone on with.
    pub position: Option<String>,
    /// SHA-256 of the finished file in hexadecimal.
    pub sha256: Option<String>,
    /// Ledger indices of the file's first and last event.
    pub ends: Option<(u64, u64)>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Id of the event that records its end.
    pub event_id: String,
    /// Whether that event is in the ledger.
    pub recorded: bool,
}

/// How an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportState {
    /// It waits for its turn.
    Queued,
    /// It is being written.
    Running,
    /// Its file is whole.
    Done,
    /// It came to nothing.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its file was kept for as long as files are kept.
    Expired,
    /// Somebody removed its file.
    Deleted,
}

impl ExportState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Deleted,
    ];

    /// The state's name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// Whether there is still work to do.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// How an export came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportEnd {
    /// `Done`, `Failed` or `Cancelled`.
    pub state: ExportState,
    /// When.
    pub at: Timestamp,
    /// Events written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// SHA-256 of a finished file in hexadecimal.
    pub sha256: Option<String>,
    /// Ledger indices of its first and last event.
    pub ends: Option<(u64, u64)>,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Control {
    /// Adds an export.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn add_export(&self, export: &Export) -> Result<()> {
        self.lock().execute(
            "INSERT INTO exports (id, name, state, format, owner, owner_name, scope, author, question, tree_size, total,
                                  created, event_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                export.id,
                export.name,
                export.state.as_str(),
                export.format,
                export.owner,
                export.owner_name,
                export.scope,
                export.author,
                export.question,
                signed(export.tree_size),
                signed(export.total),
                export.created.as_micros(),
                export.event_id,
            ],
        )?;
        Ok(())
    }

    /// The newest `most` exports, newest first; with `owner`, theirs only.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn exports(&self, owner: Option<&str>, most: u32) -> Result<Vec<Export>> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM exports WHERE ?1 IS NULL OR owner = ?1 ORDER BY created DESC, id LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![owner, most], export_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// The export of this id.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn export(&self, id: &str) -> Result<Option<Export>> {
        let sql = format!("SELECT {COLUMNS} FROM exports WHERE id = ?1");
        self.lock().query_row(&sql, [id], export_of_row).optional().map_err(Error::from)
    }

    /// Notes that an export is being written, and how far it is. Does nothing to one that has ended.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn note_export_position(
        &self,
        id: &str,
        (rows, bytes): (u64, u64),
        position: Option<&str>,
    ) -> Result<()> {
        self.lock().execute(
            "UPDATE exports SET state = 'running', rows = ?2, bytes = ?3, position = ?4
             WHERE id = ?1 AND state IN ('queued', 'running')",
            params![id, signed(rows), signed(bytes), position],
        )?;
        Ok(())
    }

    /// Notes how an export ended; says whether it had not before.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn end_export(&self, id: &str, end: &ExportEnd) -> Result<bool> {
        let changed = self.lock().execute(
            "UPDATE exports SET state = ?2, ended = ?3, rows = ?4, bytes = ?5, sha256 = ?6, first_index = ?7,
                                last_index = ?8, reason = ?9, position = NULL
             WHERE id = ?1 AND state IN ('queued', 'running')",
            params![
                id,
                end.state.as_str(),
                end.at.as_micros(),
                signed(end.rows),
                signed(end.bytes),
                end.sha256,
                end.ends.map(|(first, _)| signed(first)),
                end.ends.map(|(_, last)| signed(last)),
                end.reason,
            ],
        )?;
        Ok(changed > 0)
    }

    /// Notes that the event of an export's end is in the ledger.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn note_export_recorded(&self, id: &str) -> Result<()> {
        self.lock().execute("UPDATE exports SET recorded = 1 WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Notes that a finished export's file is gone: `Expired` or `Deleted`. Says whether there was one.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn retire_export(&self, id: &str, state: ExportState) -> Result<bool> {
        let sql = "UPDATE exports SET state = ?2 WHERE id = ?1 AND state = 'done'";
        Ok(self.lock().execute(sql, params![id, state.as_str()])? > 0)
    }

    /// Forgets all but the newest `kept` exports; those that are unfinished or have a file stay.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn forget_exports(&self, kept: u32) -> Result<()> {
        self.lock().execute(
            "DELETE FROM exports WHERE state NOT IN ('queued', 'running', 'done') AND recorded = 1 AND id NOT IN
                (SELECT id FROM exports ORDER BY created DESC, id LIMIT ?1)",
            [kept],
        )?;
        Ok(())
    }
}

/// SQLite's numbers are signed; none of ours comes near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn export_of_row(row: &Row<'_>) -> rusqlite::Result<Export> {
    let state: String = row.get(2)?;
    let ended: Option<i64> = row.get(12)?;
    let first: Option<i64> = row.get(17)?;
    let has_ends = first.is_some();
    Ok(Export {
        id: row.get(0)?,
        name: row.get(1)?,
        state: ExportState::from_name(&state).ok_or(rusqlite::Error::InvalidQuery)?,
        format: row.get(3)?,
        owner: row.get(4)?,
        owner_name: row.get(5)?,
        scope: row.get(6)?,
        author: row.get(7)?,
        question: row.get(8)?,
        tree_size: unsigned(row, 9)?,
        total: unsigned(row, 10)?,
        created: Timestamp::from_micros(row.get(11)?),
        ended: ended.map(Timestamp::from_micros),
        rows: unsigned(row, 13)?,
        bytes: unsigned(row, 14)?,
        position: row.get(15)?,
        sha256: row.get(16)?,
        ends: if has_ends { Some((unsigned(row, 17)?, unsigned(row, 18)?)) } else { None },
        reason: row.get(19)?,
        event_id: row.get(20)?,
        recorded: row.get(21)?,
    })
}

#[cfg(test)]
mod tests;

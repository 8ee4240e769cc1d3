//! Small things that the next start wants to know of this one.

use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use crate::store::Control;
use crate::{Error, Result};

impl Control {
    /// What was kept under this name, and since when it is so.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn remembered(&self, name: &str) -> Result<Option<(String, Timestamp)>> {
        let connection = self.lock();
        let row =
            connection.query_row("SELECT value, changed FROM remembered WHERE name = ?1", [name], |row| {
                Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?)))
            });
        row.optional().map_err(Error::from)
    }

    /// Keeps a value under a name, in place of the one before. Durable on return.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn remember(&self, name: &str, value: &str, now: Timestamp) -> Result<()> {
        self.lock().execute(
            "INSERT INTO remembered (name, value, changed) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed = excluded.changed",
            params![name, value, now.as_micros()],
        )?;
        Ok(())
    }

    /// Forgets what was kept under a name.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn forget(&self, name: &str) -> Result<()> {
        self.lock().execute("DELETE FROM remembered WHERE name = ?1", [name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_start_finds_what_this_one_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.db");
        let at = Timestamp::from_micros(1_774_008_000_000_000);
        let control = Control::open(&path).unwrap();
        control.remember("capture", "strict", at).unwrap();
        control.remember("capture", "async", at).unwrap();
        drop(control);

        let control = Control::open(&path).unwrap();
        assert_eq!(control.remembered("capture").unwrap(), Some(("async".to_owned(), at)));
        control.forget("capture").unwrap();
        assert_eq!(control.remembered("capture").unwrap(), None);
    }
}

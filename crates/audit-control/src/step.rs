//! Changes that are made together or not at all, one inside another.

use std::ops::Deref;

use rusqlite::Connection;

use crate::Result;

/// What is done with the connection from its beginning on: undone unless it is kept. A step within another is kept with
/// that one.
pub(crate) struct Step<'c> {
    connection: &'c Connection,
    is_over: bool,
}

impl<'c> Step<'c> {
    /// Begins a step.
    pub fn begin(connection: &'c Connection) -> Result<Self> {
        connection.execute_batch("SAVEPOINT step")?;
        Ok(Self { connection, is_over: false })
    }

    /// Keeps what was done; durable when this returns, unless the step lies within another.
    pub fn keep(mut self) -> Result<()> {
        self.connection.execute_batch("RELEASE step")?;
        self.is_over = true;
        Ok(())
    }
}

impl Deref for Step<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Fails only where SQLite has undone everything already, as after some failures to write.
        let _ = self.connection.execute_batch("ROLLBACK TO step; RELEASE step");
    }
}

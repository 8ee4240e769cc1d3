//! The database's layout and how an older one becomes the present one.
//!
//! `PRAGMA user_version` holds the version. Each migration runs in its own transaction together with the new version
//! number, so that a crash leaves either the old layout or the new one.

use rusqlite::Connection;

use crate::{Error, Result};

/// One step each: `MIGRATIONS[n]` leads from version `n` to `n + 1`. A released step is never changed.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE tokens (
        id         TEXT PRIMARY KEY NOT NULL,   -- tok_ + 12 hexadecimal digits
        name       TEXT NOT NULL,
        role       TEXT NOT NULL,
        digest     BLOB NOT NULL UNIQUE,        -- SHA-256 of the token's text
        created    INTEGER NOT NULL,            -- times: microseconds since 1970, UTC
        expires    INTEGER,
        last_used  INTEGER,
        revoked    INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX tokens_live_name ON tokens (name) WHERE revoked IS NULL;
",
    "
    CREATE TABLE sources (
        name          TEXT PRIMARY KEY NOT NULL,
        digest        BLOB NOT NULL,            -- SHA-256 of the secret's text
        former        BLOB,                     -- that of the secret before, good until former_until
        former_until  INTEGER,
        created       INTEGER NOT NULL,
        changed       INTEGER NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE exports (
        id           TEXT PRIMARY KEY NOT NULL,  -- exp_ + 24 hexadecimal digits
        name         TEXT NOT NULL,
        state        TEXT NOT NULL,
        format       TEXT NOT NULL,
        owner        TEXT NOT NULL,              -- the caller's id, and name then
        owner_name   TEXT NOT NULL,
        scope        TEXT NOT NULL,              -- what they were allowed to see
        author       TEXT NOT NULL,              -- the caller as the record names them
        question     TEXT NOT NULL,
        tree_size    INTEGER NOT NULL,
        total        INTEGER NOT NULL,
        created      INTEGER NOT NULL,
        ended        INTEGER,
        rows         INTEGER NOT NULL DEFAULT 0,
        bytes        INTEGER NOT NULL DEFAULT 0,
        position     TEXT,
        sha256       TEXT,
        first_index  INTEGER,
        last_index   INTEGER,
        reason       TEXT,
        event_id     TEXT NOT NULL,
        recorded     INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX exports_created ON exports (created);
",
];

/// Brings the database to the newest version; refuses one that is newer still.
pub(crate) fn migrate(connection: &mut Connection, path: &str) -> Result<()> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = newest();
    if found > known {
        return Err(Error::NewerSchema { path: path.to_owned(), found, known });
    }
    for (step, statements) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", step)?;
        transaction.commit()?;
    }
    Ok(())
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

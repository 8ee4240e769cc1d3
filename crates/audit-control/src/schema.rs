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
    "
    CREATE TABLE views (
        id          TEXT PRIMARY KEY NOT NULL,  -- view_ + 12 hexadecimal digits
        owner       TEXT NOT NULL,              -- a token's id, or a person's of the platform
        owner_name  TEXT NOT NULL,
        name        TEXT NOT NULL,
        query       TEXT NOT NULL,              -- as in the page's address: filters, range, columns
        shared      INTEGER NOT NULL,           -- 1: everybody sees it
        created     INTEGER NOT NULL,
        changed     INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX views_name ON views (owner, name);

    CREATE TABLE approvals (
        id              TEXT PRIMARY KEY NOT NULL,  -- apr_ + 12 hexadecimal digits
        action          TEXT NOT NULL,
        parameters      TEXT NOT NULL,
        requester       TEXT NOT NULL,
        requester_name  TEXT NOT NULL,
        requested       INTEGER NOT NULL,
        expires         INTEGER NOT NULL,
        state           TEXT NOT NULL,              -- pending, approved, refused, withdrawn, expired, used
        decider         TEXT,
        decider_name    TEXT,
        decided         INTEGER,
        note            TEXT,
        used            INTEGER
    ) STRICT;
    CREATE INDEX approvals_open ON approvals (action, parameters) WHERE state IN ('pending', 'approved');

    CREATE TABLE remembered (
        name     TEXT PRIMARY KEY NOT NULL,
        value    TEXT NOT NULL,
        changed  INTEGER NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE verifications (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        by_id        TEXT,                       -- who asked; NULL: the schedule
        by_name      TEXT,
        started      INTEGER NOT NULL,
        ended        INTEGER,
        state        TEXT NOT NULL,              -- running, sound, broken, cancelled, failed, interrupted
        entries      INTEGER,
        checkpoint   INTEGER,                    -- entries the checkpoint promises
        root         TEXT,
        integrity    TEXT,                       -- findings, a JSON array; empty: sound
        completeness TEXT,
        error        TEXT
    ) STRICT;
    CREATE TABLE checkpoints (
        size INTEGER PRIMARY KEY,                -- entries it covers
        time INTEGER NOT NULL,                   -- when it was kept
        note TEXT NOT NULL                       -- the signed note
    ) STRICT;
",
    "
    CREATE TABLE break_glass (
        only_one    INTEGER PRIMARY KEY CHECK (only_one = 1),
        hash        BLOB NOT NULL,              -- Argon2id of the password
        salt        BLOB NOT NULL,
        memory_kib  INTEGER NOT NULL,
        passes      INTEGER NOT NULL,
        lanes       INTEGER NOT NULL,
        changed     INTEGER NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE roles (
        name         TEXT PRIMARY KEY NOT NULL,
        permissions  TEXT NOT NULL,             -- names, separated by commas
        scope        TEXT,                      -- a filter
        withheld     TEXT NOT NULL,             -- groups of an event, separated by commas
        created      INTEGER NOT NULL,
        changed      INTEGER NOT NULL
    ) STRICT;
    ALTER TABLE tokens ADD COLUMN scope TEXT;
    ALTER TABLE tokens ADD COLUMN networks TEXT NOT NULL DEFAULT '';    -- CIDR, separated by commas
    ALTER TABLE tokens ADD COLUMN former BLOB;                          -- digest of the secret before
    ALTER TABLE tokens ADD COLUMN former_until INTEGER;
",
    "
    ALTER TABLE tokens ADD COLUMN rotated INTEGER;      -- when the secret was last replaced
",
    "
    ALTER TABLE tokens ADD COLUMN shown_to TEXT;        -- id of whoever the secret was shown to; NULL: not known
",
    "
    CREATE TABLE hands (
        token  TEXT NOT NULL,                   -- a token's id
        hand   TEXT NOT NULL,                   -- in whose hands its secret may be: id of a token or person, or an address
        until  INTEGER,                         -- until when: they were shown a former secret; NULL: the present one
        PRIMARY KEY (token, hand)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO hands (token, hand)
        WITH RECURSIVE shown (token, hand) AS (
            SELECT id, shown_to FROM tokens WHERE shown_to IS NOT NULL AND shown_to <> 'console'
            UNION
            SELECT shown.token, tokens.shown_to FROM shown JOIN tokens ON tokens.id = shown.hand
            WHERE tokens.shown_to IS NOT NULL AND tokens.shown_to <> 'console'
        )
        SELECT token, hand FROM shown WHERE hand <> token;
    ALTER TABLE tokens DROP COLUMN shown_to;
    CREATE TABLE deciders (
        role   TEXT PRIMARY KEY NOT NULL,       -- a role that let its bearers decide about requests
        until  INTEGER NOT NULL                 -- when it last ceased to
    ) STRICT;
    ALTER TABLE approvals ADD COLUMN hands TEXT NOT NULL DEFAULT '[]';  -- who may have asked, a JSON array
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_an_older_layout_are_in_the_hands_of_all_who_led_to_them() {
        let mut connection = Connection::open_in_memory().unwrap();
        for (version, statements) in (1_u32..).zip(&MIGRATIONS[..9]) {
            connection.execute_batch(statements).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
        }
        let tokens = [("tok_a", "NULL"), ("tok_b", "'tok_a'"), ("tok_c", "'tok_b'"), ("tok_d", "'console'")];
        for (id, shown_to) in tokens {
            let insert = format!(
                "INSERT INTO tokens (id, name, role, digest, created, shown_to)
                 VALUES ('{id}', '{id}', 'admin', x'{}', 1, {shown_to})",
                id.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()
            );
            connection.execute(&insert, []).unwrap();
        }
        migrate(&mut connection, "control.db").unwrap();
        let mut statement = connection.prepare("SELECT token || '<' || hand FROM hands ORDER BY 1").unwrap();
        let hands = statement.query_map([], |row| row.get(0)).unwrap();
        let hands: Vec<String> = hands.map(std::result::Result::unwrap).collect();
        assert_eq!(hands, ["tok_b<tok_a", "tok_c<tok_a", "tok_c<tok_b"]);
    }
}

//! The database: open it, make, list and revoke tokens.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit_event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::secret::{Digest, Secret};
use crate::{Error, Result, Role, Token, schema};

/// How long a token lives when nobody says otherwise.
pub const DEFAULT_TOKEN_DAYS: u32 = 90;

const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;
const NAME_CHARS: usize = 64;
const COLUMNS: &str = "id, name, role, digest, created, expires, last_used, revoked";

/// The control database. Share it by reference or `Arc`; calls take turns.
#[derive(Debug)]
pub struct Control {
    connection: Mutex<Connection>,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among live tokens.
    pub name: &'a str,
    /// What it may do; `viewer` is refused.
    pub role: Role,
    /// Until when.
    pub expiry: Expiry,
}

/// Until when a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiry {
    /// [`DEFAULT_TOKEN_DAYS`] from now.
    #[default]
    Default,
    /// This many days from now (0 is refused).
    Days(u32),
    /// At this time.
    At(Timestamp),
    /// Never.
    Never,
}

impl Control {
    /// Opens the database at `path`, making it (readable by the owner alone) when there is none, and brings its
    /// layout up to date.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] when a newer program wrote it; [`Error::Io`] and [`Error::Sqlite`] when it cannot be
    /// read or written.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        make_private(path).map_err(|source| Error::Io { path: shown.clone(), source })?;
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        schema::migrate(&mut connection, &shown)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Makes a token out of the system's randomness. The [`Secret`] is not stored: show it now or never.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::BadName`], [`Error::RoleReserved`] and [`Error::ExpiryInPast`] for the input;
    /// [`Error::Randomness`] and [`Error::Sqlite`] for the rest.
    pub fn create_token(&self, new: &NewToken<'_>, now: Timestamp) -> Result<(Token, Secret)> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Error::Randomness)?;
        self.create_token_from(new, &random, now)
    }

    /// [`Control::create_token`] with the random bytes given.
    ///
    /// # Errors
    /// As [`Control::create_token`].
    pub fn create_token_from(
        &self,
        new: &NewToken<'_>,
        random: &[u8; 32],
        now: Timestamp,
    ) -> Result<(Token, Secret)> {
        check_name(new.name)?;
        if new.role == Role::Viewer {
            return Err(Error::RoleReserved);
        }
        let secret = Secret::from_random(random);
        let digest = secret.digest();
        let token = Token {
            id: token_id(&digest),
            name: new.name.to_owned(),
            role: new.role,
            digest,
            created: now,
            expires: new.expiry.at(now)?,
            last_used: None,
            revoked: None,
        };
        self.insert(&token)?;
        Ok((token, secret))
    }

    fn insert(&self, token: &Token) -> Result<()> {
        let connection = self.lock();
        let taken: Option<String> = connection
            .query_row("SELECT id FROM tokens WHERE name = ?1 AND revoked IS NULL", [&token.name], |row| {
                row.get(0)
            })
            .optional()?;
        if taken.is_some() {
            return Err(Error::NameTaken { name: token.name.clone() });
        }
        connection.execute(
            "INSERT INTO tokens (id, name, role, digest, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                token.id,
                token.name,
                token.role.as_str(),
                token.digest,
                token.created.as_micros(),
                token.expires.map(|time| time.as_micros()),
            ],
        )?;
        Ok(())
    }

    /// Every token ever made, oldest first, the revoked ones included.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare(&format!("SELECT {COLUMNS} FROM tokens ORDER BY created, id"))?;
        let rows = statement.query_map([], token_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// Revokes the live token of this name or id and gives it back as it is now.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`] when there is none; [`Error::Sqlite`].
    pub fn revoke_token(&self, name_or_id: &str, now: Timestamp) -> Result<Token> {
        let connection = self.lock();
        let revoked = connection
            .query_row(
                &format!(
                    "UPDATE tokens SET revoked = ?2 WHERE (name = ?1 OR id = ?1) AND revoked IS NULL RETURNING {COLUMNS}"
                ),
                params![name_or_id, now.as_micros()],
                token_of_row,
            )
            .optional()?;
        revoked.ok_or_else(|| Error::NoSuchToken { name: name_or_id.to_owned() })
    }

    /// Notes when tokens (by id) were last used. Meant to be called every few minutes with what has gathered.
    ///
    /// # Errors
    /// [`Error::Sqlite`]; nothing of the batch is then written.
    pub fn note_use(&self, uses: &[(String, Timestamp)]) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare(
                "UPDATE tokens SET last_used = ?2 WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)",
            )?;
            for (id, time) in uses {
                statement.execute(params![id, time.as_micros()])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// A panic while the lock was held leaves no half-done change (SQLite rolls back), so a poisoned lock is usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expiry {
    fn at(self, now: Timestamp) -> Result<Option<Timestamp>> {
        let after = |days: u32| {
            let micros = i64::from(days).saturating_mul(MICROS_PER_DAY);
            Timestamp::from_micros(now.as_micros().saturating_add(micros))
        };
        let at = match self {
            Self::Default => after(DEFAULT_TOKEN_DAYS),
            Self::Days(days) => after(days),
            Self::At(time) => time,
            Self::Never => return Ok(None),
        };
        if at <= now {
            return Err(Error::ExpiryInPast);
        }
        Ok(Some(at))
    }
}

/// Makes the file, if there is none, so that only its owner may read it: it holds digests of tokens.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// 1 to 64 letters, digits, `.`, `_`, `-`, the first of them a letter or digit.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let fits = name.len() <= NAME_CHARS;
    let is_plain =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    starts_well && fits && is_plain
}

fn check_name(name: &str) -> Result<()> {
    // A name that reads like an id would make `revoke` ambiguous.
    let looks_like_id = name.starts_with("tok_");
    if is_plain_name(name) && !looks_like_id {
        return Ok(());
    }
    Err(Error::BadName { name: name.to_owned() })
}

/// Derived from the digest by one more hash, so that it names the token without saying anything about its text.
fn token_id(digest: &Digest) -> String {
    let named = Sha256::digest(digest);
    let hex: String = named.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("tok_{hex}")
}

fn token_of_row(row: &Row<'_>) -> rusqlite::Result<Token> {
    let role: String = row.get(2)?;
    let role = role.parse().map_err(|error: Error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let time = |micros: Option<i64>| micros.map(Timestamp::from_micros);
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        role,
        digest: row.get(3)?,
        created: Timestamp::from_micros(row.get(4)?),
        expires: time(row.get(5)?),
        last_used: time(row.get(6)?),
        revoked: time(row.get(7)?),
    })
}

#[cfg(test)]
mod tests;

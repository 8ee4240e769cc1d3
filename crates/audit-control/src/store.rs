//! The database: open it, make, list and revoke tokens.

use std::fs::OpenOptions;
use std::path::Path;

use audit_event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use ipnet::IpNet;
use parking_lot::{ReentrantMutex, ReentrantMutexGuard};

use crate::roles::{LONGEST_SCOPE, rights_of};
use crate::secret::{Digest, Secret};
use crate::step::Step;
use crate::{Error, Permission, Permissions, Result, Role, Token, schema};

/// How long a token lives when nobody says otherwise.
pub const DEFAULT_TOKEN_DAYS: u32 = 90;
/// How long the secret before a rotation is good when nobody says otherwise.
pub const DEFAULT_OVERLAP_HOURS: u32 = 24;

const MICROS_PER_HOUR: i64 = 60 * 60 * 1_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
const NAME_CHARS: usize = 64;
const COLUMNS: &str = "id, name, role, digest, created, expires, last_used, revoked, scope, networks, former, former_until, rotated";
/// More networks than this are not kept for a token.
const MOST_NETWORKS: usize = 64;

/// The control database. Share it by reference or `Arc`; calls take turns.
#[derive(Debug)]
pub struct Control {
    connection: ReentrantMutex<Connection>,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among live tokens.
    pub name: &'a str,
    /// A built-in role or one that somebody made; `viewer` needs a scope.
    pub role: &'a str,
    /// Until when.
    pub expiry: Expiry,
    /// A filter that every event fulfils that its bearer sees, besides the role's.
    pub scope: Option<&'a str>,
    /// Where its bearer may come from; empty: from anywhere.
    pub networks: &'a [IpNet],
}

impl<'a> NewToken<'a> {
    /// For the usual time, from anywhere.
    pub fn of(name: &'a str, role: &'a str) -> Self {
        Self { name, role, expiry: Expiry::Default, scope: None, networks: &[] }
    }
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
        Ok(Self { connection: ReentrantMutex::new(connection) })
    }

    /// Makes a token out of the system's randomness. The [`Secret`] is not stored: show it now or never.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::BadName`], [`Error::UnknownRole`], [`Error::ScopeNeeded`], [`Error::BadRights`] and
    /// [`Error::ExpiryInPast`] for the input;
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
        self.check_rights(new)?;
        let secret = Secret::from_random(random);
        let digest = secret.digest();
        let token = Token {
            id: token_id(&digest),
            name: new.name.to_owned(),
            role: new.role.to_owned(),
            scope: new.scope.map(str::to_owned),
            networks: new.networks.to_vec(),
            digest,
            former: None,
            rotated: None,
            created: now,
            expires: new.expiry.at(now)?,
            last_used: None,
            revoked: None,
        };
        self.insert(&token)?;
        Ok((token, secret))
    }

    fn check_rights(&self, new: &NewToken<'_>) -> Result<()> {
        if rights_of(new.role, &self.roles()?).is_none() {
            return Err(Error::UnknownRole { role: new.role.to_owned() });
        }
        if new.role == Role::Viewer.as_str() && new.scope.is_none_or(|scope| scope.trim().is_empty()) {
            return Err(Error::ScopeNeeded);
        }
        if new.scope.is_some_and(|scope| scope.len() > LONGEST_SCOPE) {
            return Err(Error::BadRights("a scope has at most 4,096 bytes"));
        }
        if new.networks.len() > MOST_NETWORKS {
            return Err(Error::BadRights("a token has at most 64 networks"));
        }
        Ok(())
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
            "INSERT INTO tokens (id, name, role, digest, created, expires, scope, networks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                token.id,
                token.name,
                token.role,
                token.digest,
                token.created.as_micros(),
                token.expires.map(|time| time.as_micros()),
                token.scope,
                joined(&token.networks),
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

    /// Revokes the live token of this name or id unless it is the last that may manage tokens and sees everything.
    ///
    /// # Errors
    /// [`Error::LastAdmin`]; else as [`Control::revoke_token`].
    pub fn revoke_unless_last(&self, name_or_id: &str, now: Timestamp) -> Result<Token> {
        let roles = self.roles()?;
        let tokens = self.tokens()?;
        let manages = |token: &&Token| {
            let rights = rights_of(&token.role, &roles);
            let may = rights.is_some_and(|rights| {
                let permissions = Permissions::of(&[Permission::TokensManage, Permission::RolesManage]);
                rights.permissions.covers(permissions) && rights.scope.is_none() && rights.withheld.is_empty()
            });
            may && token.scope.is_none() && token.is_live(now)
        };
        let is_meant = |token: &&Token| token.name == name_or_id || token.id == name_or_id;
        let (meant, others): (Vec<_>, Vec<_>) = tokens.iter().filter(manages).partition(is_meant);
        match meant.first() {
            Some(last) if others.is_empty() => Err(Error::LastAdmin { name: last.name.clone() }),
            _ => self.revoke_token(name_or_id, now),
        }
    }

    /// Gives the live token of this name or id another secret; the one before is good for `overlap_hours` more, but not
    /// beyond the token's own time. One before that ends at once. The new [`Secret`] is not stored.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`] when there is none; [`Error::Randomness`] and [`Error::Sqlite`].
    pub fn rotate_token(
        &self,
        name_or_id: &str,
        overlap_hours: u32,
        now: Timestamp,
    ) -> Result<(Token, Secret)> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Error::Randomness)?;
        let secret = Secret::from_random(&random);
        let until = now.as_micros().saturating_add(i64::from(overlap_hours).saturating_mul(MICROS_PER_HOUR));
        let rotated = self
            .lock()
            .query_row(
                &format!(
                    "UPDATE tokens SET former = iif(?4 > ?5, digest, NULL), former_until = iif(?4 > ?5, ?4, NULL),
                        digest = ?2, rotated = ?3
                     WHERE (name = ?1 OR id = ?1) AND revoked IS NULL AND (expires IS NULL OR expires > ?3)
                     RETURNING {COLUMNS}"
                ),
                params![name_or_id, secret.digest(), now.as_micros(), until, now.as_micros()],
                token_of_row,
            )
            .optional()?;
        let token = rotated.ok_or_else(|| Error::NoSuchToken { name: name_or_id.to_owned() })?;
        Ok((token, secret))
    }

    /// Notes when tokens (by id) were last used. Meant to be called every few minutes with what has gathered.
    ///
    /// # Errors
    /// [`Error::Sqlite`]; nothing of the batch is then written.
    pub fn note_use(&self, uses: &[(String, Timestamp)]) -> Result<()> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        {
            let mut statement = step.prepare(
                "UPDATE tokens SET last_used = ?2 WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)",
            )?;
            for (id, time) in uses {
                statement.execute(params![id, time.as_micros()])?;
            }
        }
        step.keep()?;
        Ok(())
    }

    /// Does all of `change` or nothing: what it changed is kept when it succeeds and undone when it fails. Other threads
    /// wait meanwhile, so that it is the place for what has to happen, or fail, together with a change.
    ///
    /// # Errors
    /// Those of `change`; [`Error::Sqlite`] when what it changed cannot be kept.
    pub fn as_one<T, E: From<Error>>(
        &self,
        change: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let done = change()?;
        step.keep()?;
        Ok(done)
    }

    /// A panic while the lock was held leaves no half-done change: a [`Step`] is undone where it is not kept.
    pub(crate) fn lock(&self) -> ReentrantMutexGuard<'_, Connection> {
        self.connection.lock()
    }
}

impl Expiry {
    /// Until when that is for a token made at `now`; `None`: for ever.
    ///
    /// # Errors
    /// [`Error::ExpiryInPast`].
    pub fn at(self, now: Timestamp) -> Result<Option<Timestamp>> {
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
    let networks: String = row.get(9)?;
    let networks = networks.split(',').filter(|network| !network.is_empty()).map(str::parse);
    let networks = networks.collect::<std::result::Result<_, ipnet::AddrParseError>>().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(9, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let former: Option<Digest> = row.get(10)?;
    let time = |micros: Option<i64>| micros.map(Timestamp::from_micros);
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        scope: row.get(8)?,
        networks,
        digest: row.get(3)?,
        former: former.zip(time(row.get(11)?)),
        rotated: time(row.get(12)?),
        created: Timestamp::from_micros(row.get(4)?),
        expires: time(row.get(5)?),
        last_used: time(row.get(6)?),
        revoked: time(row.get(7)?),
    })
}

fn joined(networks: &[IpNet]) -> String {
    networks.iter().map(IpNet::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;

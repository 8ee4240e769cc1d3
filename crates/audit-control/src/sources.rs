//! Sources that send us events with a secret of their own.

use std::collections::HashMap;

use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use subtle::ConstantTimeEq as _;

use crate::secret::{self, Digest, Secret};
use crate::store::{Control, is_plain_name};
use crate::{Error, Result};

/// How long a secret is still good after it was renewed: the sender has to be told the new one meanwhile.
pub const FORMER_SECRET_MINUTES: i64 = 10;

const COLUMNS: &str = "name, digest, former, former_until, created, changed";

/// A source as stored: all but its secret's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Unique; stands in the address that events are sent to.
    pub name: String,
    /// SHA-256 of its secret's text.
    pub digest: Digest,
    /// The secret before, and until when it is good.
    pub former: Option<(Digest, Timestamp)>,
    /// When it was made.
    pub created: Timestamp,
    /// When its secret was last renewed.
    pub changed: Timestamp,
}

impl Control {
    /// Makes a source, or gives an existing one another secret; the former is good for [`FORMER_SECRET_MINUTES`] more.
    /// The [`Secret`] is not stored: hand it on now or never. Says whether the source is new.
    ///
    /// # Errors
    /// [`Error::BadSourceName`]; [`Error::Randomness`] and [`Error::Sqlite`].
    pub fn put_source(&self, name: &str, now: Timestamp) -> Result<(Source, Secret, bool)> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Error::Randomness)?;
        self.put_source_from(name, &random, now)
    }

    /// [`Control::put_source`] with the random bytes given.
    ///
    /// # Errors
    /// As [`Control::put_source`].
    pub fn put_source_from(
        &self,
        name: &str,
        random: &[u8; 32],
        now: Timestamp,
    ) -> Result<(Source, Secret, bool)> {
        if !is_plain_name(name) {
            return Err(Error::BadSourceName { name: name.to_owned() });
        }
        let secret = Secret::from_random(random);
        let former_until = now.as_micros().saturating_add(FORMER_SECRET_MINUTES * 60 * 1_000_000);
        let connection = self.lock();
        let source = connection.query_row(
            &format!(
                "INSERT INTO sources (name, digest, created, changed) VALUES (?1, ?2, ?3, ?3)
                 ON CONFLICT (name) DO UPDATE SET
                    former = digest, former_until = ?4, digest = excluded.digest, changed = excluded.changed
                 RETURNING {COLUMNS}"
            ),
            params![name, secret.digest(), now.as_micros(), former_until],
            source_of_row,
        )?;
        let is_new = source.former.is_none();
        Ok((source, secret, is_new))
    }

    /// Every source, by name.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn sources(&self) -> Result<Vec<Source>> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM sources ORDER BY name"))?;
        let rows = statement.query_map([], source_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// Removes a source and gives it back as it was.
    ///
    /// # Errors
    /// [`Error::NoSuchSource`]; [`Error::Sqlite`].
    pub fn remove_source(&self, name: &str) -> Result<Source> {
        let removed = self
            .lock()
            .query_row(
                &format!("DELETE FROM sources WHERE name = ?1 RETURNING {COLUMNS}"),
                [name],
                source_of_row,
            )
            .optional()?;
        removed.ok_or_else(|| Error::NoSuchSource { name: name.to_owned() })
    }
}

/// The sources' secrets, in memory: a request costs one SHA-256 and no database read.
#[derive(Debug, Default, Clone)]
pub struct SourceDirectory {
    sources: HashMap<String, Source>,
}

impl SourceDirectory {
    /// The directory of these.
    pub fn new(sources: Vec<Source>) -> Self {
        Self { sources: sources.into_iter().map(|source| (source.name.clone(), source)).collect() }
    }

    /// Whether the presented secret is this source's at `now`. Takes as long for a source that does not exist, and
    /// whatever part of a secret is right.
    pub fn admits(&self, name: &str, presented: &str, now: Timestamp) -> bool {
        let digest = secret::digest_of(presented);
        let source = self.sources.get(name);
        let current = source.map_or([0; 32], |source| source.digest);
        let former = source
            .and_then(|source| source.former)
            .filter(|(_, until)| now < *until)
            .map_or([0; 32], |(digest, _)| digest);
        let is_current = digest.ct_eq(&current);
        let is_former = digest.ct_eq(&former);
        bool::from(is_current | is_former)
    }

    /// Whether there is no source.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

fn source_of_row(row: &Row<'_>) -> rusqlite::Result<Source> {
    let former: Option<Digest> = row.get(2)?;
    let until: Option<i64> = row.get(3)?;
    Ok(Source {
        name: row.get(0)?,
        digest: row.get(1)?,
        former: former.zip(until.map(Timestamp::from_micros)),
        created: Timestamp::from_micros(row.get(4)?),
        changed: Timestamp::from_micros(row.get(5)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

    fn minutes_later(minutes: i64) -> Timestamp {
        Timestamp::from_micros(NOW.as_micros() + minutes * 60_000_000)
    }

    fn control() -> (tempfile::TempDir, Control) {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(&directory.path().join("control.db")).unwrap();
        (directory, control)
    }

    fn directory(control: &Control) -> SourceDirectory {
        SourceDirectory::new(control.sources().unwrap())
    }

    #[test]
    fn a_source_is_admitted_by_its_secret_alone() {
        let (_kept, control) = control();
        let (_, secret, is_new) = control.put_source_from("main", &[1; 32], NOW).unwrap();
        let (_, other, _) = control.put_source_from("other", &[2; 32], NOW).unwrap();
        assert!(is_new);
        let directory = directory(&control);
        assert!(directory.admits("main", secret.reveal(), NOW));
        for (name, presented) in
            [("main", other.reveal()), ("nobody", secret.reveal()), ("main", ""), ("nobody", "")]
        {
            assert!(!directory.admits(name, presented, NOW), "{name}");
        }
    }

    #[test]
    fn a_renewed_secret_leaves_time_to_hand_it_on() {
        let (_kept, control) = control();
        let (_, old, _) = control.put_source_from("main", &[1; 32], NOW).unwrap();
        let (source, new, is_new) = control.put_source_from("main", &[2; 32], minutes_later(1)).unwrap();
        assert!(!is_new);
        assert_eq!((source.created, source.changed), (NOW, minutes_later(1)));
        let directory = directory(&control);
        assert!(directory.admits("main", new.reveal(), minutes_later(60)));
        assert!(directory.admits("main", old.reveal(), minutes_later(10)));
        assert!(!directory.admits("main", old.reveal(), minutes_later(11)));
    }

    #[test]
    fn a_removed_source_is_gone() {
        let (_kept, control) = control();
        let (_, secret, _) = control.put_source_from("main", &[1; 32], NOW).unwrap();
        control.remove_source("main").unwrap();
        assert!(!directory(&control).admits("main", secret.reveal(), NOW));
        assert!(matches!(control.remove_source("main"), Err(Error::NoSuchSource { .. })));
        assert!(directory(&control).is_empty());
    }

    #[test]
    fn a_name_must_fit_into_an_address() {
        let (_kept, control) = control();
        for name in ["", "a/b", "ä", "-x", &"a".repeat(65)] {
            assert!(matches!(control.put_source(name, NOW), Err(Error::BadSourceName { .. })), "{name}");
        }
    }
}

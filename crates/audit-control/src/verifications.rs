//! Checks of the whole ledger that were made, and checkpoints that were kept.

use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use crate::step::Step;
use crate::store::Control;
use crate::{Error, Result};

/// So many checks are remembered; older ones are forgotten (their events stay on the record).
pub const VERIFICATIONS_KEPT: u32 = 100;
/// So many checkpoints are kept: a year of one an hour.
pub const CHECKPOINTS_KEPT: u32 = 8_784;

const COLUMNS: &str =
    "id, by_id, by_name, started, ended, state, entries, checkpoint, root, integrity, completeness, error";

/// A check of the whole ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Counted from 1; never used twice.
    pub id: u64,
    /// Who asked for it, id and name; none: the schedule.
    pub by: Option<(String, String)>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none while it runs.
    pub ended: Option<Timestamp>,
    /// How it is, or how it ended.
    pub state: VerificationState,
    /// What it found, if it came to its end.
    pub verdicts: Option<Verdicts>,
    /// Why it could not be made, if it could not.
    pub error: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Intact entries, from the first on.
    pub entries: u64,
    /// Entries that the newest checkpoint promises.
    pub checkpoint: Option<u64>,
    /// Root hash of the entries' tree, base64; none when some cannot be read.
    pub root: Option<String>,
    /// What was altered; empty: nothing.
    pub integrity: Vec<String>,
    /// What is missing; empty: nothing.
    pub completeness: Vec<String>,
}

impl Verdicts {
    /// Whether nothing was altered and nothing is missing.
    pub fn is_sound(&self) -> bool {
        self.integrity.is_empty() && self.completeness.is_empty()
    }
}

/// How a check ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationOutcome {
    /// With its verdicts.
    Judged(Verdicts),
    /// Somebody broke it off.
    Cancelled,
    /// The server ended meanwhile.
    Interrupted,
    /// The ledger's files could not be read.
    Failed(String),
}

/// How a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationState {
    /// Under way.
    Running,
    /// Both verdicts are good.
    Sound,
    /// One of them is not.
    Broken,
    /// Broken off.
    Cancelled,
    /// Not possible.
    Failed,
    /// The server stopped meanwhile.
    Interrupted,
}

impl VerificationState {
    const ALL: [Self; 6] =
        [Self::Running, Self::Sound, Self::Broken, Self::Cancelled, Self::Failed, Self::Interrupted];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Sound => "sound",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == name).unwrap_or(Self::Interrupted)
    }
}

/// A checkpoint that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Entries it covers.
    pub size: u64,
    /// When it was kept.
    pub time: Timestamp,
    /// The signed note.
    pub note: String,
}

impl Control {
    /// Notes that a check begins; gives its id. Forgets the oldest beyond [`VERIFICATIONS_KEPT`].
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn begin_verification(&self, by: Option<(&str, &str)>, now: Timestamp) -> Result<u64> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let (id, name) = by.unzip();
        let id: i64 = step.query_row(
            "INSERT INTO verifications (by_id, by_name, started, state) VALUES (?1, ?2, ?3, 'running') RETURNING id",
            params![id, name, now.as_micros()],
            |row| row.get(0),
        )?;
        step.execute(
            "DELETE FROM verifications WHERE id <= ?1 AND state <> 'running'",
            [id.saturating_sub(i64::from(VERIFICATIONS_KEPT))],
        )?;
        step.keep()?;
        Ok(whole(id))
    }

    /// Notes how a check ended.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn end_verification(&self, id: u64, outcome: &VerificationOutcome, now: Timestamp) -> Result<()> {
        let none = Verdicts::default();
        let (state, found, error) = match outcome {
            VerificationOutcome::Judged(found) if found.is_sound() => (VerificationState::Sound, found, None),
            VerificationOutcome::Judged(found) => (VerificationState::Broken, found, None),
            VerificationOutcome::Cancelled => (VerificationState::Cancelled, &none, None),
            VerificationOutcome::Interrupted => (VerificationState::Interrupted, &none, None),
            VerificationOutcome::Failed(error) => (VerificationState::Failed, &none, Some(error)),
        };
        let judged = matches!(outcome, VerificationOutcome::Judged(_));
        let list = |findings: &[String]| judged.then(|| serde_json::Value::from(findings).to_string());
        self.lock().execute(
            "UPDATE verifications SET ended = ?2, state = ?3, entries = ?4, checkpoint = ?5, root = ?6,
                integrity = ?7, completeness = ?8, error = ?9 WHERE id = ?1",
            params![
                stored(id),
                now.as_micros(),
                state.as_str(),
                judged.then_some(stored(found.entries)),
                found.checkpoint.map(stored),
                found.root,
                list(&found.integrity),
                list(&found.completeness),
                error,
            ],
        )?;
        Ok(())
    }

    /// Notes that checks which an earlier run of the server began will not end: to be called before the first begins.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn interrupt_verifications(&self, now: Timestamp) -> Result<()> {
        self.lock().execute(
            "UPDATE verifications SET state = 'interrupted', ended = ?1 WHERE state = 'running'",
            [now.as_micros()],
        )?;
        Ok(())
    }

    /// The checks remembered, newest first.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn verifications(&self) -> Result<Vec<Verification>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare(&format!("SELECT {COLUMNS} FROM verifications ORDER BY id DESC"))?;
        let rows = statement.query_map([], verification_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn verification(&self, id: u64) -> Result<Option<Verification>> {
        let select = format!("SELECT {COLUMNS} FROM verifications WHERE id = ?1");
        Ok(self.lock().query_row(&select, [stored(id)], verification_of_row).optional()?)
    }

    /// The newest check that came to its end, whatever it found.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn last_full_verification(&self) -> Result<Option<Verification>> {
        let select = format!(
            "SELECT {COLUMNS} FROM verifications WHERE state IN ('sound', 'broken') ORDER BY id DESC LIMIT 1"
        );
        Ok(self.lock().query_row(&select, [], verification_of_row).optional()?)
    }

    /// Keeps a checkpoint, once for each size, and forgets the oldest beyond [`CHECKPOINTS_KEPT`].
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn keep_checkpoint(&self, kept: &KeptCheckpoint) -> Result<()> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        step.execute(
            "INSERT OR IGNORE INTO checkpoints (size, time, note) VALUES (?1, ?2, ?3)",
            params![stored(kept.size), kept.time.as_micros(), kept.note],
        )?;
        step.execute(
            "DELETE FROM checkpoints WHERE size IN
                (SELECT size FROM checkpoints ORDER BY size DESC LIMIT -1 OFFSET ?1)",
            [CHECKPOINTS_KEPT],
        )?;
        step.keep()?;
        Ok(())
    }

    /// The checkpoints kept, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn checkpoints(&self, limit: u32) -> Result<Vec<KeptCheckpoint>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT size, time, note FROM checkpoints ORDER BY size DESC LIMIT ?1")?;
        let rows = statement.query_map([limit], checkpoint_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// The checkpoint kept for that many entries.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn checkpoint(&self, size: u64) -> Result<Option<KeptCheckpoint>> {
        let select = "SELECT size, time, note FROM checkpoints WHERE size = ?1";
        Ok(self.lock().query_row(select, [stored(size)], checkpoint_of_row).optional()?)
    }
}

fn verification_of_row(row: &Row<'_>) -> rusqlite::Result<Verification> {
    let list = |at: usize| -> rusqlite::Result<Option<Vec<String>>> {
        let text: Option<String> = row.get(at)?;
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| vec![text])))
    };
    let by_id: Option<String> = row.get(1)?;
    let by_name: Option<String> = row.get(2)?;
    let state: String = row.get(5)?;
    let verdicts = match (row.get::<_, Option<i64>>(6)?, list(9)?, list(10)?) {
        (Some(entries), Some(integrity), Some(completeness)) => {
            let checkpoint = row.get::<_, Option<i64>>(7)?.map(whole);
            Some(Verdicts { entries: whole(entries), checkpoint, root: row.get(8)?, integrity, completeness })
        }
        _ => None,
    };
    Ok(Verification {
        id: whole(row.get(0)?),
        by: by_id.map(|id| (id, by_name.unwrap_or_default())),
        started: Timestamp::from_micros(row.get(3)?),
        ended: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_micros),
        state: VerificationState::named(&state),
        verdicts,
        error: row.get(11)?,
    })
}

fn checkpoint_of_row(row: &Row<'_>) -> rusqlite::Result<KeptCheckpoint> {
    Ok(KeptCheckpoint {
        size: whole(row.get(0)?),
        time: Timestamp::from_micros(row.get(1)?),
        note: row.get(2)?,
    })
}

/// SQLite's integers have a sign; none of ours comes near the end.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn whole(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn control() -> (tempfile::TempDir, Control) {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::open(&dir.path().join("control.db")).unwrap();
        (dir, control)
    }

    fn sound() -> Verdicts {
        Verdicts { entries: 7, checkpoint: Some(6), root: Some("r".to_owned()), ..Verdicts::default() }
    }

    #[test]
    fn what_a_check_found_comes_back() {
        let (_kept, control) = control();
        let id = control.begin_verification(Some(("tok_1", "ada")), NOW).unwrap();
        assert_eq!(control.verification(id).unwrap().unwrap().state, VerificationState::Running);
        let broken = Verdicts { completeness: vec!["entry 3".to_owned()], ..sound() };
        control.end_verification(id, &VerificationOutcome::Judged(broken.clone()), NOW).unwrap();
        let found = control.verification(id).unwrap().unwrap();
        assert_eq!(found.state, VerificationState::Broken);
        assert_eq!(found.by, Some(("tok_1".to_owned(), "ada".to_owned())));
        assert_eq!((found.ended, found.verdicts), (Some(NOW), Some(broken)));
    }

    #[test]
    fn the_last_full_check_is_one_that_came_to_its_end() {
        let (_kept, control) = control();
        let ends = [
            VerificationOutcome::Judged(sound()),
            VerificationOutcome::Cancelled,
            VerificationOutcome::Failed("no such directory".to_owned()),
        ];
        for outcome in &ends {
            let id = control.begin_verification(None, NOW).unwrap();
            control.end_verification(id, outcome, NOW).unwrap();
        }
        control.begin_verification(None, NOW).unwrap();
        control.interrupt_verifications(NOW).unwrap();
        let states: Vec<_> = control.verifications().unwrap().iter().map(|one| one.state.as_str()).collect();
        assert_eq!(states, ["interrupted", "failed", "cancelled", "sound"]);
        assert_eq!(control.last_full_verification().unwrap().unwrap().id, 1);
    }

    #[test]
    fn a_hundred_checks_are_remembered() {
        let (_kept, control) = control();
        for _ in 0..105 {
            let id = control.begin_verification(None, NOW).unwrap();
            control.end_verification(id, &VerificationOutcome::Cancelled, NOW).unwrap();
        }
        let ids: Vec<u64> = control.verifications().unwrap().iter().map(|one| one.id).collect();
        assert_eq!((ids.len(), ids[0], ids[99]), (100, 105, 6));
    }

    #[test]
    fn a_checkpoint_is_kept_once_for_each_size() {
        let (_kept, control) = control();
        for (size, note) in [(5, "five"), (9, "nine"), (5, "five again")] {
            control.keep_checkpoint(&KeptCheckpoint { size, time: NOW, note: note.to_owned() }).unwrap();
        }
        let kept = control.checkpoints(10).unwrap();
        assert_eq!(kept.iter().map(|one| one.note.as_str()).collect::<Vec<_>>(), ["nine", "five"]);
        assert_eq!(control.checkpoint(5).unwrap().unwrap().note, "five");
        assert_eq!(control.checkpoint(6).unwrap(), None);
    }
}

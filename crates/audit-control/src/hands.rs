//! In whose hands the secrets of tokens may be.
//!
//! Whoever makes a token or rotates it is shown its secret, and may keep it. So may whoever is shown the secret of *their*
//! token: a token that another token made is in the hands of whoever made that other one, and so on to the first. Two
//! tokens with a hand in common may be one person's. A token that is in nobody's hands was made at the console, or before
//! this was kept.
//!
//! A hand is the id of a token, of a person, or what else tells one person from another; this crate does not look into
//! it. Hands are kept apart from who manages tokens and never shown.

use std::collections::BTreeSet;

use audit_event::Timestamp;
use rusqlite::params;

use crate::step::Step;
use crate::store::Control;
use crate::{Result, Token};

impl Control {
    /// Notes that the present secret of `token`, which was just made or rotated, was shown to these `hands`; what they
    /// held of it before, they hold for as long as the secret before is good.
    ///
    /// Whoever rotates a token with itself leaves its hands as they are: any of them may have done it.
    ///
    /// # Errors
    /// [`crate::Error::Sqlite`].
    pub fn note_shown(&self, token: &Token, hands: &BTreeSet<String>) -> Result<()> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        if !hands.contains(&token.id) {
            let former_until = token.former.map(|(_, until)| until.as_micros());
            // Whoever held but the secret before the former one holds nothing any more.
            step.execute("DELETE FROM hands WHERE token = ?1 AND until IS NOT NULL", [&token.id])?;
            match former_until {
                Some(until) => {
                    step.execute("UPDATE hands SET until = ?2 WHERE token = ?1", params![token.id, until])?
                }
                None => step.execute("DELETE FROM hands WHERE token = ?1", [&token.id])?,
            };
        }
        for hand in hands.iter().filter(|hand| **hand != token.id) {
            step.execute(
                "INSERT INTO hands (token, hand, until) VALUES (?1, ?2, NULL)
                 ON CONFLICT (token, hand) DO UPDATE SET until = NULL",
                params![token.id, hand],
            )?;
        }
        step.keep()?;
        Ok(())
    }

    /// Whose hands a good secret of the token (by id) may be in at `now`: the token's own, and of those that it was shown to.
    ///
    /// # Errors
    /// [`crate::Error::Sqlite`].
    pub fn hands(&self, token: &str, now: Timestamp) -> Result<BTreeSet<String>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT hand FROM hands WHERE token = ?1 AND (until IS NULL OR until > ?2)")?;
        let hands = statement.query_map(params![token, now.as_micros()], |row| row.get(0))?;
        let mut hands = hands.collect::<std::result::Result<BTreeSet<_>, _>>()?;
        hands.insert(token.to_owned());
        Ok(hands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewToken;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn later(hours: i64) -> Timestamp {
        Timestamp::from_micros(NOW.as_micros() + hours * 3_600 * 1_000_000)
    }

    fn set(hands: &[&str]) -> BTreeSet<String> {
        hands.iter().map(|hand| (*hand).to_owned()).collect()
    }

    #[test]
    fn a_secret_is_with_whoever_was_shown_it_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::open(&dir.path().join("control.db")).unwrap();
        let (token, _) = control.create_token(&NewToken::of("t", "admin"), NOW).unwrap();
        let id = token.id.as_str();
        let hands = |time| control.hands(id, time).unwrap();
        assert_eq!(hands(NOW), set(&[id]), "made at the console");
        control.note_shown(&token, &set(&["ada"])).unwrap();
        assert_eq!(hands(NOW), set(&["ada", id]));

        let (rotated, _) = control.rotate_token("t", 24, NOW).unwrap();
        control.note_shown(&rotated, &set(&["bob"])).unwrap();
        assert_eq!(hands(later(23)), set(&["ada", "bob", id]));
        assert_eq!(hands(later(24)), set(&["bob", id]));

        let (rotated, _) = control.rotate_token("t", 24, later(1)).unwrap();
        control.note_shown(&rotated, &set(&["cy"])).unwrap();
        assert_eq!(hands(later(2)), set(&["bob", "cy", id]), "the second rotation ended what ada held");

        let (rotated, _) = control.rotate_token("t", 24, later(2)).unwrap();
        control.note_shown(&rotated, &hands(later(2))).unwrap();
        assert_eq!(hands(later(100)), set(&["bob", "cy", id]), "one of them rotated it with itself");

        let (rotated, _) = control.rotate_token("t", 0, later(100)).unwrap();
        control.note_shown(&rotated, &BTreeSet::new()).unwrap();
        assert_eq!(hands(later(100)), set(&[id]), "the console was shown it, and nobody else");
    }
}

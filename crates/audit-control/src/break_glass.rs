//! The break-glass password: for the day when every other way in is shut.
//!
//! There is none until an operator sets one. It is kept as an Argon2id hash with OWASP's first recommendation (19 MiB, two
//! passes, one lane); each row keeps the figures it was made with, so that they can be raised without shutting anybody
//! out.

use argon2::{Algorithm, Argon2, Params, Version};
use audit_event::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{Control, Error, Result};

/// How many characters the password may have: it is the only factor (NIST SP 800-63B-4, section 3.1.1.2).
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 15..=1_000;

/// OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// A password's hash.
#[derive(Clone)]
pub struct BreakGlass {
    hash: Vec<u8>,
    salt: Vec<u8>,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    changed: Timestamp,
}

impl BreakGlass {
    /// The hash of `password`. Takes some 20 ms and 19 MiB: not for the runtime's threads.
    ///
    /// # Errors
    /// [`Error::BadPassword`].
    pub fn of(password: &str, salt: &[u8; SALT_BYTES], now: Timestamp) -> Result<Self> {
        if !PASSWORD_CHARS.contains(&password.chars().count()) {
            return Err(Error::BadPassword);
        }
        let mut made = Self { salt: salt.to_vec(), ..Self::decoy() };
        made.changed = now;
        made.hash = made.hash_of(password).ok_or(Error::BadPassword)?.to_vec();
        Ok(made)
    }

    /// What no password fits, but takes as long to say so: whoever tries one cannot tell whether there is any.
    #[must_use]
    pub fn decoy() -> Self {
        Self {
            hash: Vec::new(),
            salt: vec![0; SALT_BYTES],
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            changed: Timestamp::EPOCH,
        }
    }

    /// Whether this is the password. As slow as [`BreakGlass::of`]; the comparison takes the same time for all.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        // Nobody makes us hash a book.
        let is_fit = password.len() <= 4 * PASSWORD_CHARS.end();
        let presented = self.hash_of(if is_fit { password } else { "" });
        presented.is_some_and(|presented| presented.ct_eq(&self.hash).into()) && is_fit
    }

    /// When it was set: another password is another time.
    #[must_use]
    pub fn changed(&self) -> Timestamp {
        self.changed
    }

    fn hash_of(&self, password: &str) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES)).ok()?;
        let mut hash = Zeroizing::new([0; HASH_BYTES]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(password.as_bytes(), &self.salt, &mut *hash).ok()?;
        Some(hash)
    }
}

/// Neither hash nor salt is shown.
impl std::fmt::Debug for BreakGlass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BreakGlass").field("changed", &self.changed).finish_non_exhaustive()
    }
}

impl Control {
    /// The break-glass password's hash, if one is set.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn break_glass(&self) -> Result<Option<BreakGlass>> {
        let query = "SELECT hash, salt, memory_kib, passes, lanes, changed FROM break_glass";
        Ok(self.lock().query_row(query, [], of_row).optional()?)
    }

    /// Sets the break-glass password, in place of any before. As slow as [`BreakGlass::of`].
    ///
    /// # Errors
    /// [`Error::BadPassword`], [`Error::Randomness`] and [`Error::Sqlite`].
    pub fn set_break_glass(&self, password: &str, now: Timestamp) -> Result<BreakGlass> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(Error::Randomness)?;
        let set = BreakGlass::of(password, &salt, now)?;
        self.lock().execute(
            "INSERT OR REPLACE INTO break_glass (only_one, hash, salt, memory_kib, passes, lanes, changed) \
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
            params![set.hash, set.salt, set.memory_kib, set.passes, set.lanes, now.as_micros()],
        )?;
        Ok(set)
    }

    /// Removes it; tells whether there was one.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn remove_break_glass(&self) -> Result<bool> {
        Ok(self.lock().execute("DELETE FROM break_glass", [])? > 0)
    }
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<BreakGlass> {
    Ok(BreakGlass {
        hash: row.get(0)?,
        salt: row.get(1)?,
        memory_kib: row.get(2)?,
        passes: row.get(3)?,
        lanes: row.get(4)?,
        changed: Timestamp::from_micros(row.get(5)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse battery staple";

    fn control() -> (tempfile::TempDir, Control) {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::open(&dir.path().join("control.db")).unwrap();
        (dir, control)
    }

    #[test]
    fn there_is_none_until_one_is_set_and_none_after_it_is_removed() {
        let (_dir, control) = control();
        assert!(control.break_glass().unwrap().is_none());
        assert!(!control.remove_break_glass().unwrap());
        control.set_break_glass(GOOD, Timestamp::from_micros(7)).unwrap();
        let kept = control.break_glass().unwrap().unwrap();
        assert!(kept.fits(GOOD) && !kept.fits("correct horse battery stapler") && !kept.fits(""));
        assert_eq!(kept.changed(), Timestamp::from_micros(7));
        control.set_break_glass("another good password", Timestamp::from_micros(8)).unwrap();
        assert!(!control.break_glass().unwrap().unwrap().fits(GOOD));
        assert!(control.remove_break_glass().unwrap());
        assert!(control.break_glass().unwrap().is_none());
    }

    #[test]
    fn it_is_long_but_not_endless() {
        for bad in ["", "fourteen chars", &"x".repeat(1_001)] {
            assert!(
                matches!(BreakGlass::of(bad, &[1; 16], Timestamp::EPOCH), Err(Error::BadPassword)),
                "{bad}"
            );
        }
        assert!(BreakGlass::of("fifteen letters", &[1; 16], Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn nothing_fits_the_decoy() {
        assert!(!BreakGlass::decoy().fits("") && !BreakGlass::decoy().fits(GOOD));
    }

    #[test]
    fn what_is_stored_is_argon2id_with_the_recommended_figures() {
        // By the reference implementation (argon2-cffi), salt `0123456789abcdef`.
        let made = BreakGlass::of(GOOD, b"0123456789abcdef", Timestamp::EPOCH).unwrap();
        assert_eq!((made.memory_kib, made.passes, made.lanes), (19_456, 2, 1));
        let hex: String = made.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "832e52b959b967b570ee4781f6c7bda7ced019ca266ac781fd2d94d4e853b0cd");
    }

    #[test]
    fn it_is_not_printed() {
        let made = BreakGlass::of(GOOD, &[1; 16], Timestamp::EPOCH).unwrap();
        assert_eq!(format!("{made:?}"), "BreakGlass { changed: Timestamp(0), .. }");
    }
}

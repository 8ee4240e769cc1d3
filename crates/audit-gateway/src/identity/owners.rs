//! Whose the API keys are that were seen being issued, kept over restarts.
//!
//! A file of lines, each a keyed hash of a key and the id of whom it was issued to: neither the key nor a name. Of two
//! lines about one key the last counts; a line that is not whole is left out.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use audit_pipeline::sources::openwebui::caller::Person;
use parking_lot::Mutex;

use super::name::CacheKey;

/// The file; one process has it open, which the data directory's lock ensures.
pub(super) struct Owners(Mutex<File>);

impl Owners {
    /// Opens or makes it; gives what it holds, the oldest first.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<(CacheKey, Person)>)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        let owners = text.lines().filter_map(owner).collect();
        Ok((Self(Mutex::new(file)), owners))
    }

    /// Notes whose a key is.
    pub(super) fn keep(&self, key: &CacheKey, person: &Person) {
        let hash: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{hash} {}\n", person.id);
        if let Err(error) = self.0.lock().write_all(line.as_bytes()) {
            tracing::warn!(error.message = %error, "whose an API key is will not be known after a restart");
        }
    }
}

fn owner(line: &str) -> Option<(CacheKey, Person)> {
    let (hash, id) = line.split_once(' ').filter(|(hash, id)| hash.len() == 64 && !id.is_empty())?;
    let mut key = CacheKey::default();
    for (byte, digits) in key.iter_mut().zip(hash.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some((key, Person { id: id.to_owned(), ..Person::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_left_out_and_harms_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("owners");
        let person = |id: &str| Person { id: id.to_owned(), ..Person::default() };
        let (owners, none) = Owners::open(&path).unwrap();
        assert!(none.is_empty());
        owners.keep(&[1; 32], &person("u-1"));
        std::fs::write(&path, [std::fs::read(&path).unwrap(), b"02020".to_vec()].concat()).unwrap();
        let (owners, _) = Owners::open(&path).unwrap();
        owners.keep(&[3; 32], &person("u-3"));
        let (_, known) = Owners::open(&path).unwrap();
        assert_eq!(known, [([1; 32], person("u-1")), ([3; 32], person("u-3"))]);
    }
}

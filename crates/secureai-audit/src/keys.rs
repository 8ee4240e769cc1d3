//! The secrets of one data directory: the key that signs checkpoints, the key of page tokens, the first admin token.
//!
//! - `signing.key` — C2SP signed-note private key; replaced by `key rotate`
//! - `retired.keys` — verifier keys of signing keys that were replaced, one a line, so that what they signed can
//!   still be checked
//! - `page.key` — 32 random bytes in hexadecimal; page tokens are signed with it
//! - `first-admin-token` — the first admin token, until the operator deletes the file

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use audit_tlog::{Signer, Verifier, note::KeyName};

use crate::{
    config,
    data_dir::{DataDir, replace},
};

/// Where the secrets of a data directory are.
#[derive(Debug, Clone)]
pub(crate) struct KeyStore {
    directory: PathBuf,
}

impl KeyStore {
    /// The secrets of `directory`.
    pub(crate) fn of(directory: &DataDir) -> Self {
        Self { directory: directory.keys() }
    }

    /// The signing key: the configured one, or the stored one, or (on the first start) a new one.
    pub(crate) fn signer(&self, config: &config::Keys) -> anyhow::Result<Signer> {
        if let Some(secret) = &config.signing_key {
            return Signer::decode(secret.reveal().trim()).context("keys.signing_key is no C2SP signing key");
        }
        match self.read("signing.key")? {
            Some(text) => Signer::decode(text.trim())
                .with_context(|| format!("{} is damaged", self.directory.join("signing.key").display())),
            None => self.make_signer(&config.origin.clone().map_or_else(new_origin, Ok)?),
        }
    }

    /// The stored signing key's public half and those it replaced, newest first; `None` before the first start.
    pub(crate) fn verifiers(&self, config: &config::Keys) -> anyhow::Result<Option<Vec<Verifier>>> {
        if config.signing_key.is_none() && self.read("signing.key")?.is_none() {
            return Ok(None);
        }
        let current = self.signer(config)?.verifier().clone();
        let mut verifiers = vec![current];
        verifiers.extend(self.retired()?);
        Ok(Some(verifiers))
    }

    /// Verifier keys of replaced signing keys, newest first.
    fn retired(&self) -> anyhow::Result<Vec<Verifier>> {
        let text = self.read("retired.keys")?.unwrap_or_default();
        let keys: Result<Vec<Verifier>, _> = text.lines().map(|line| line.parse()).collect();
        let mut keys =
            keys.with_context(|| format!("{} is damaged", self.directory.join("retired.keys").display()))?;
        keys.reverse();
        Ok(keys)
    }

    /// Makes a new signing key of the same name. If this dies half way the old key is still in place, and at worst
    /// also listed as retired.
    pub(crate) fn rotate(&self, old: &Signer) -> anyhow::Result<Signer> {
        let mut retired = self.read("retired.keys")?.unwrap_or_default();
        let line = old.verifier().to_string();
        if !retired.lines().any(|known| known == line) {
            retired.push_str(&line);
            retired.push('\n');
        }
        replace(&self.directory.join("retired.keys"), retired.as_bytes(), 0o600)?;
        self.make_signer(old.verifier().name().as_str())
    }

    fn make_signer(&self, origin: &str) -> anyhow::Result<Signer> {
        let name =
            KeyName::new(origin).with_context(|| format!("keys.origin: `{origin}` cannot name a log"))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the system gives no randomness")?;
        let signer = Signer::from_seed(name, &seed);
        replace(&self.directory.join("signing.key"), format!("{}\n", *signer.encode()).as_bytes(), 0o600)?;
        Ok(signer)
    }

    /// The key of page tokens, made on the first start.
    pub(crate) fn page_key(&self) -> anyhow::Result<[u8; 32]> {
        self.random_key("page.key", "delete it, and only open pages of lists are lost")
    }

    /// The key of session ids in events, made when it is missing. With another key the same session has another id.
    pub(crate) fn session_key(&self) -> anyhow::Result<[u8; 32]> {
        self.random_key("session.key", "delete it, and sessions get new ids from then on")
    }

    fn random_key(&self, name: &str, remedy: &str) -> anyhow::Result<[u8; 32]> {
        let path = self.directory.join(name);
        if let Some(text) = self.read(name)? {
            return decode_hex(text.trim())
                .with_context(|| format!("{} is damaged: {remedy}", path.display()));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).context("the system gives no randomness")?;
        replace(&path, format!("{}\n", encode_hex(&key)).as_bytes(), 0o600)?;
        Ok(key)
    }

    /// Where the first admin token is kept.
    pub(crate) fn first_admin_token_path(&self) -> PathBuf {
        self.directory.join("first-admin-token")
    }

    /// Keeps the first admin token. The file must not exist.
    pub(crate) fn keep_first_admin_token(&self, token: &str) -> anyhow::Result<()> {
        let path = self.first_admin_token_path();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        writeln!(file, "{token}")?;
        Ok(file.sync_all()?)
    }

    /// Secret files that others may read, with their modes.
    pub(crate) fn loose_files(&self) -> Vec<(PathBuf, u32)> {
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        let mode =
            |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
        let files = entries.flatten().map(|entry| entry.path());
        files
            .map(|path| (mode(&path), path))
            .filter(|(mode, _)| mode & 0o077 != 0)
            .map(|(mode, path)| (path, mode))
            .collect()
    }

    fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => bail!("cannot read {}: {error}", path.display()),
        }
    }
}

/// A name for a log whose operator gave none.
fn new_origin() -> anyhow::Result<String> {
    let mut tail = [0; 4];
    getrandom::fill(&mut tail).context("the system gives no randomness")?;
    Ok(format!("secureai-audit.local/{}", encode_hex(&tail)))
}

/// Lower-case hexadecimal.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, KeyStore) {
        let base = tempfile::tempdir().unwrap();
        let directory = DataDir::open_or_create(&base.path().join("d")).unwrap();
        (base, KeyStore::of(&directory))
    }

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let (_base, store) = store();
        let config = config::Keys { origin: Some("example.com/audit".to_owned()), ..Default::default() };
        assert!(store.verifiers(&config).unwrap().is_none());
        let signer = store.signer(&config).unwrap();
        assert_eq!(signer.verifier().name().as_str(), "example.com/audit");
        assert_eq!(store.signer(&config).unwrap().verifier(), signer.verifier());
        assert_eq!(store.page_key().unwrap(), store.page_key().unwrap());
        store.keep_first_admin_token("saa_x").unwrap();
        assert!(store.keep_first_admin_token("saa_y").is_err());
        assert_eq!(store.loose_files(), []);
    }

    #[test]
    fn rotation_keeps_the_name_and_remembers_the_old_key() {
        let (_base, store) = store();
        let config = config::Keys::default();
        let old = store.signer(&config).unwrap();
        let new = store.rotate(&old).unwrap();
        assert_eq!(old.verifier().name(), new.verifier().name());
        assert_ne!(old.verifier(), new.verifier());
        assert_eq!(
            store.verifiers(&config).unwrap().unwrap(),
            [new.verifier().clone(), old.verifier().clone()]
        );
    }

    #[test]
    fn a_damaged_key_is_refused_by_name() {
        let (_base, store) = store();
        fs::write(store.directory.join("signing.key"), "nonsense").unwrap();
        let error = store.signer(&config::Keys::default()).unwrap_err().to_string();
        assert!(error.contains("signing.key is damaged"), "{error}");
        fs::write(store.directory.join("page.key"), "nonsense").unwrap();
        assert!(store.page_key().unwrap_err().to_string().contains("page.key is damaged"));
    }
}

//! The data directory: where each file is, its format's version, and the lock that keeps it to one process.
//!
//! - `FORMAT` — the directory's version, one number; a newer one is refused
//! - `lock` — held by the process that has the directory open; says which, and where it listens
//! - `config.toml` — optional, the operator's
//! - `ledger/` — the record
//! - `index/` — rebuilt from the ledger at any time
//! - `control.db` — tokens and roles, the list of exports
//! - `exports/` — files of exports in the background, for as long as they are kept
//! - `sightings.journal` — what sources saw and the ledger does not have yet (`audit_pipeline`'s `sightings`)
//! - `audit_file.position` — how far Open WebUI's audit file was read
//! - `keys/` — secrets, each file 0600 ([`crate::keys`])
//! - `demo` — only in a directory that `serve --demo` filled: the moment at which the made-up year ends

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// The version this program writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 1;

/// Paths within one data directory that exists and is not newer than this program.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// The right to be the only process in a data directory; given up on drop or death.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl DataDir {
    /// Opens `root`, which must be a data directory.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(root.join("FORMAT")) {
            Ok(text) => Self::check_format(root, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!(
                    "{} is no data directory (start with `secureai-audit serve`, or name one with --data-dir, or a server with --url)",
                    root.display()
                )
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                bail!("{} is a file: name the data directory", root.display())
            }
            Err(error) => {
                let what = format!("cannot read {}", root.join("FORMAT").display());
                Err(anyhow::Error::new(error).context(what))
            }
        }
    }

    /// Opens `root`, making it (0700) if it is not there or empty. A non-empty directory that is not ours is refused.
    pub(crate) fn open_or_create(root: &Path) -> anyhow::Result<Self> {
        if let Ok(text) = fs::read_to_string(root.join("FORMAT")) {
            return Self::check_format(root, &text);
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .with_context(|| format!("cannot make the data directory {}", root.display()))?;
        let ours = ["config.toml", "lock", "keys", "lost+found"];
        for entry in fs::read_dir(root).with_context(|| format!("cannot list {}", root.display()))? {
            let name = entry?.file_name();
            if !ours.iter().any(|known| name == *known) {
                bail!("{} holds other files ({}): give an empty directory", root.display(), name.display());
            }
        }
        // An empty directory that was there before (a volume, say) is as private as one made here.
        fs::set_permissions(root, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} private", root.display()))?;
        let directory = Self { root: root.to_owned() };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory.keys())?;
        replace(&root.join("FORMAT"), format!("{FORMAT}\n").as_bytes(), 0o600)?;
        Ok(directory)
    }

    fn check_format(root: &Path, text: &str) -> anyhow::Result<Self> {
        let Ok(version) = text.trim().parse::<u32>() else {
            bail!("{} is damaged: it should hold a version number", root.join("FORMAT").display());
        };
        if version > FORMAT {
            bail!(
                "{} was written by a newer version of secureai-audit (data format {version}; this is {}, which reads up to format {FORMAT})",
                root.display(),
                env!("CARGO_PKG_VERSION"),
            );
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Takes the lock, or says who has it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| self.unopened(&path, error))?;
        match file.try_lock() {
            Ok(()) => {
                let mut lock = Lock { file };
                lock.describe("")?;
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The note is a help for the reader only: without it the message is shorter.
                let _ = file.read_to_string(&mut holder);
                bail!("{}", self.in_use(&holder))
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock {}: {error}", path.display()),
        }
    }

    /// Why the lock cannot be taken, and what to do.
    fn unopened(&self, path: &Path, error: io::Error) -> anyhow::Error {
        let root = self.root.display();
        let what = match error.kind() {
            ErrorKind::ReadOnlyFilesystem => format!(
                "{root} cannot be written: verify, key show and doctor read it as it is; for everything else copy it to where \
                 it can be"
            ),
            ErrorKind::PermissionDenied => format!("{root} is another user's: run this as that user"),
            _ => format!("cannot open {}", path.display()),
        };
        anyhow::Error::new(error).context(what)
    }

    fn in_use(&self, holder: &str) -> String {
        let (process, url) = holder.trim().split_once(' ').unwrap_or((holder.trim(), ""));
        let by = if process.is_empty() { "another process".to_owned() } else { format!("process {process}") };
        let url = if url.is_empty() { "http://…" } else { url };
        format!("{} is in use by {by}: ask the running server with --url {url}", self.root.display())
    }

    /// Whether a process holds the lock at this moment.
    pub(crate) fn is_locked(&self) -> bool {
        let file = File::open(self.root.join("lock"));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Where the process that holds the lock listens, if one does and listens.
    pub(crate) fn holder_url(&self) -> Option<String> {
        let holder = fs::read_to_string(self.root.join("lock")).ok().filter(|_| self.is_locked())?;
        holder.trim().split_once(' ').map(|(_, url)| url.to_owned()).filter(|url| !url.is_empty())
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The record.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The index.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// Tokens and roles.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.db")
    }

    /// Files of exports in the background.
    pub(crate) fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// The last moment of the made-up year that `serve --demo` filled the directory with; only there if it did.
    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("demo")
    }

    /// The gateway's journal of what it is about to forward.
    pub(crate) fn intents(&self) -> PathBuf {
        self.root.join("gateway.journal")
    }

    /// Whose the API keys of Open WebUI are that the gateway saw being issued.
    pub(crate) fn gateway_owners(&self) -> PathBuf {
        self.root.join("gateway.owners")
    }

    /// Sightings that are not in the ledger yet.
    pub(crate) fn sightings(&self) -> PathBuf {
        self.root.join("sightings.journal")
    }

    /// How far Open WebUI's audit file was read.
    pub(crate) fn audit_file_position(&self) -> PathBuf {
        self.root.join("audit_file.position")
    }

    /// Secrets.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
}

impl Lock {
    /// Notes in the lock file that this process listens on `url` (empty: it does not).
    pub(crate) fn describe(&mut self, url: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(self.file, "{} {url}", std::process::id())
    }
}

/// Replaces the file at `path` in one step: after a crash it holds the old or the new bytes, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // The parent of a bare file name is an empty path, which names nothing.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or_else(|| Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = directory.join(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}

/// How many bytes the files below `path` take.
pub(crate) fn size_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn is_made_private_and_opened_again() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("a/b");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let made = DataDir::open_or_create(&root).unwrap();
        assert_eq!([mode(&root), mode(&made.keys()), mode(&root.join("FORMAT"))], [0o700, 0o700, 0o600]);
        DataDir::open(&root).unwrap();
        DataDir::open_or_create(&root).unwrap();
    }

    #[test]
    fn a_directory_that_was_there_becomes_private() {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        DataDir::open_or_create(base.path()).unwrap();
        assert_eq!(fs::metadata(base.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let error = DataDir::open(base.path()).unwrap_err().to_string();
        assert!(error.contains("is no data directory"), "{error}");
        fs::write(base.path().join("thesis.txt"), "x").unwrap();
        let error = DataDir::open_or_create(base.path()).unwrap_err().to_string();
        assert!(error.contains("thesis.txt"), "{error}");
    }

    #[test]
    fn a_newer_format_is_refused_naming_both_versions() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("FORMAT"), "2\n").unwrap();
        let error = DataDir::open_or_create(base.path()).unwrap_err().to_string();
        assert!(error.contains("data format 2") && error.contains("up to format 1"), "{error}");
    }

    #[test]
    fn the_second_process_is_told_where_the_first_listens() {
        let base = tempfile::tempdir().unwrap();
        let directory = DataDir::open_or_create(&base.path().join("d")).unwrap();
        let mut lock = directory.lock().unwrap();
        lock.describe("http://127.0.0.1:1").unwrap();
        let error = directory.lock().unwrap_err().to_string();
        assert!(error.ends_with("--url http://127.0.0.1:1"), "{error}");
        assert!(!error.contains('\n'));
        assert!(directory.is_locked());
        drop(lock);
        assert!(!directory.is_locked());
        directory.lock().unwrap();
    }
}

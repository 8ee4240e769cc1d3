//! The fault runs are only worth something if they fail when they should: with a disk on which one kind of sync
//! does nothing, as if its call had been forgotten, some run must notice.

mod support;

use std::io;
use std::path::Path;
use std::sync::Arc;

use audit_ledger::disk::{Access, Disk, DiskFile, Lock, LockError, SimDisk};

use support::run::Run;

const RUNS: u64 = 1_000;

#[test]
fn a_forgotten_sync_is_noticed() {
    // The runs are expected to panic; hundreds of reports would hide the one that matters.
    std::panic::set_hook(Box::new(|_| {}));
    let forgotten = [
        ("bytes of the WAL", Forgotten::Bytes(".wal")),
        ("bytes of segments", Forgotten::Bytes(".seg.tmp")),
        ("bytes of checkpoints", Forgotten::Bytes("checkpoint.tmp")),
        ("bytes of dictionaries", Forgotten::Bytes(".dict.tmp")),
        ("names of WAL files", Forgotten::Names("wal")),
        ("names of segments", Forgotten::Names("segments")),
        ("names of dictionaries", Forgotten::Names("dictionaries")),
        ("the name of the checkpoint", Forgotten::Names("ledger")),
    ];
    let unnoticed: Vec<&str> = forgotten
        .into_iter()
        .filter(|(_, forgotten)| {
            let sound = |seed| {
                let run = Run::on(seed, |disk| Arc::new(Forgetful { disk, forgotten: *forgotten }));
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.crash_and_recover())).is_ok()
            };
            (0..RUNS).all(sound)
        })
        .map(|(what, _)| what)
        .collect();
    drop(std::panic::take_hook());
    assert_eq!(unnoticed, Vec::<&str>::new());
}

#[derive(Clone, Copy)]
enum Forgotten {
    /// Syncs of files whose path ends so.
    Bytes(&'static str),
    /// Syncs of directories of that name.
    Names(&'static str),
}

/// A disk on which some syncs do nothing.
struct Forgetful {
    disk: SimDisk,
    forgotten: Forgotten,
}

impl Forgetful {
    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let forgets = |suffix: &str| path.to_string_lossy().ends_with(suffix);
        let forgets = matches!(self.forgotten, Forgotten::Bytes(suffix) if forgets(suffix));
        Arc::new(ForgetfulFile { file, forgets })
    }
}

impl Disk for Forgetful {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.disk.open(path, access)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.disk.create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match self.forgotten {
            Forgotten::Names(name) if dir.ends_with(name) => Ok(()),
            _ => self.disk.sync_dir(dir),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free_bytes(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.disk.lock(path)
    }
}

struct ForgetfulFile {
    file: Arc<dyn DiskFile>,
    forgets: bool,
}

impl DiskFile for ForgetfulFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.forgets { Ok(()) } else { self.file.sync_data() }
    }
}

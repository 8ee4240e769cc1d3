//! Whoever looks for what is hidden from them costs the ledger as much as whoever looks for what is not there: counted,
//! since clocks are no witnesses.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_ledger::disk::{Access, Disk, DiskFile, Lock, LockError, RealDisk};

use super::*;
use crate::Config;

/// A disk that counts what is read.
#[derive(Clone, Default)]
struct CountingDisk {
    reads: Arc<AtomicU64>,
}

struct CountingFile {
    file: Arc<dyn DiskFile>,
    reads: Arc<AtomicU64>,
}

impl CountingDisk {
    fn counted(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(CountingFile { file, reads: Arc::clone(&self.reads) })
    }
}

impl Disk for CountingDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path, access).map(|file| self.counted(file))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create(path).map(|file| self.counted(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        RealDisk.lock(path)
    }
}

impl DiskFile for CountingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.file.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[tokio::test]
async fn what_is_hidden_takes_as_many_reads_of_the_ledger_as_what_is_not_there() {
    let disk = CountingDisk::default();
    let app = App::start_on(Arc::new(disk.clone()), Config::default(), |config| {
        config.ring_bytes = 0;
        config.cache_bytes = 0;
    });
    // Each by itself, so that each is a frame of its own.
    for number in 0..8 {
        let department = if number % 2 == 0 { "sales" } else { "secret" };
        app.record(&[of_department(number, department)]).await;
    }
    let token = token(&app, Some("department:sales"), &[]);
    let bounded = Bounded { app, token };
    let reads = async |address: &str| {
        let before = disk.reads.load(Ordering::Relaxed);
        assert_eq!(bounded.get_at(address).await.status, StatusCode::NOT_FOUND, "{address}");
        disk.reads.load(Ordering::Relaxed) - before
    };
    for (hidden, absent) in
        [("e-secret-1", "e-secret-9"), ("3", "99"), ("e-secret-7", "e-nothing-of-the-kind")]
    {
        for (before, after) in
            [("/api/v1/auditlog/", ""), ("/api/v1/auditlog/", "/proof"), ("/audit/events/", "")]
        {
            let (hidden, absent) = (format!("{before}{hidden}{after}"), format!("{before}{absent}{after}"));
            let (of_hidden, of_absent) = (reads(&hidden).await, reads(&absent).await);
            assert_eq!(of_hidden, of_absent, "{hidden}, {absent}");
            assert!(of_hidden > 0, "{hidden}");
        }
    }
}

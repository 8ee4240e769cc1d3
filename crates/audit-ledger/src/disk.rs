//! The file layer: all that the ledger asks of a disk, so that a simulated one can stand in.
//!
//! What holds for every implementation:
//! - Written bytes are durable only after [`DiskFile::sync_data`] returned `Ok`; a crash before may keep all,
//!   some or none of them.
//! - A file created, renamed or removed is durably so only after [`Disk::sync_dir`] of its directory; a
//!   rename is atomic: after a crash either name holds the whole of a file, never a mixture.
//! - After an `Err` of a write or sync nothing is known about what reached the disk. Nobody retries here.

mod real;
mod sim;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub use sim::{Crash, Fault, SimDisk};

/// A disk, or something that behaves like one.
pub trait Disk: Send + Sync {
    /// Makes the directory and its parents, durably, unless they exist.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files in `dir`, sorted.
    ///
    /// # Errors
    /// The system's; `NotFound` if there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens an existing file.
    ///
    /// # Errors
    /// The system's; `NotFound` if there is no such file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file for writing, in place of one of that name if there is one.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; who has it open can go on reading.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that may still be written to the file system that holds `dir`.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Takes the lock file for this process, until the value is dropped or the process ends however it ends.
    ///
    /// # Errors
    /// The system's, or who holds it.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError>;
}

/// An open file. Positions are always given: no shared cursor.
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// The system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file ends before.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, making the file longer if need be.
    ///
    /// # Errors
    /// The system's; what was written is then unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file, or makes it longer with zeroes.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    ///
    /// # Errors
    /// The system's; what is durable is then unknown, and stays so even if a later sync succeeds.
    fn sync_data(&self) -> io::Result<()>;
}

/// A held lock file; dropping it lets go.
pub trait Lock: Send + Sync {}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Why a lock file could not be taken.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else holds it.
    Held {
        /// The holder's process id, as far as the lock file tells.
        pid: Option<u32>,
    },
    /// The system refused.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

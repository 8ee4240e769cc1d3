//! Room for files of exports: how much of it is taken, and whether there is more.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_ledger::disk::{Disk as _, RealDisk};

use super::ExportFiles;
use crate::problem::{Code, Problem};

/// The room for files.
#[derive(Debug)]
pub(super) struct Space {
    dir: PathBuf,
    max_bytes: u64,
    min_free_bytes: u64,
    taken: AtomicU64,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    /// All files together would have more bytes than allowed.
    Allowance {
        /// How many are allowed.
        max_bytes: u64,
    },
    /// The disk would have less left than must stay free.
    Disk {
        /// What must stay free.
        min_free_bytes: u64,
    },
}

impl Space {
    pub fn of(files: Option<&ExportFiles>) -> Self {
        Self {
            dir: files.map(|files| files.dir.clone()).unwrap_or_default(),
            max_bytes: files.map_or(0, |files| files.max_bytes),
            min_free_bytes: files.map_or(0, |files| files.min_free_bytes),
            taken: AtomicU64::new(0),
        }
    }

    /// Notes bytes that are kept.
    pub fn keep(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes bytes that are not kept any more.
    pub fn give_back(&self, bytes: u64) {
        // Never below nothing, should a file have been removed by hand meanwhile.
        let _ = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| Some(taken.saturating_sub(bytes)));
    }

    /// Whether there is room for so many bytes more.
    ///
    /// # Errors
    /// The [`Shortage`].
    pub fn check(&self, more: u64) -> Result<(), Shortage> {
        if self.taken.load(Ordering::Relaxed).saturating_add(more) > self.max_bytes {
            return Err(Shortage::Allowance { max_bytes: self.max_bytes });
        }
        // Where the system does not tell, writing will.
        let free = RealDisk.free_bytes(&self.dir).unwrap_or(u64::MAX);
        if free < self.min_free_bytes.saturating_add(more) {
            return Err(Shortage::Disk { min_free_bytes: self.min_free_bytes });
        }
        Ok(())
    }
}

impl Shortage {
    /// The reason that an export which ended by it has.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Allowance { .. } => "no_export_space",
            Self::Disk { .. } => "disk_full",
        }
    }

    /// The answer to whoever wanted to begin one.
    pub fn into_problem(self) -> Problem {
        let mebibytes = |bytes: u64| bytes >> 20;
        let detail = match self {
            Self::Allowance { max_bytes } => format!(
                "the files of all exports may have {} MiB together, and this one does not fit: delete old exports, narrow \
                 the filters, or raise exports.max_mib",
                mebibytes(max_bytes)
            ),
            Self::Disk { min_free_bytes } => format!(
                "the disk would have less than {} MiB left, which recording needs: make room on it, or stream the export \
                 instead",
                mebibytes(min_free_bytes)
            ),
        };
        Problem::new(Code::NoExportSpace, detail).with("reason", self.reason())
    }
}

//! What is on a simulated disk, and what becomes of it in a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::{Crash, Fault, SECTOR};

pub(super) struct State {
    pub(super) random: SplitMix,
    pub(super) files: Vec<File>,
    /// Names as the process sees them.
    pub(super) names: BTreeMap<PathBuf, usize>,
    /// Names as a power loss leaves them.
    pub(super) durable_names: BTreeMap<PathBuf, usize>,
    pub(super) pending_names: Vec<NameChange>,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) capacity: u64,
    /// Operations so far that change something.
    pub(super) operations: u64,
    pub(super) fault: Option<(u64, Fault)>,
    /// Set when the machine or the process is down.
    pub(super) down: Option<Crash>,
    /// Counts restarts: files opened before are of no use after.
    pub(super) life: u64,
}

#[derive(Default)]
pub(super) struct File {
    /// As the process sees it.
    pub(super) seen: Vec<u8>,
    /// As it is on the platter.
    pub(super) durable: Vec<u8>,
    /// Not synced yet.
    pub(super) pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Clone)]
pub(super) enum NameChange {
    Put { path: PathBuf, file: usize },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

/// Sebastiano Vigna's SplitMix64: small, and good enough to choose faults.
pub(super) struct SplitMix(pub(super) u64);

/// What an operation is to do.
pub(super) enum Course {
    Go,
    Fail(io::Error),
    /// Do it, then fail.
    DoAndFail(io::Error),
    /// Do a part of it, then fail.
    DoPart(io::Error),
}

impl State {
    /// Decides what an operation that changes something is to do.
    pub(super) fn course(&mut self) -> io::Result<Course> {
        self.check_up()?;
        let this = self.operations;
        self.operations += 1;
        let Some((_, fault)) = self.fault.filter(|(at, _)| *at == this) else { return Ok(Course::Go) };
        self.fault = None;
        Ok(match fault {
            Fault::FailsBefore => Course::Fail(io_error()),
            Fault::FailsAfter => Course::DoAndFail(io_error()),
            Fault::Torn => Course::DoPart(io_error()),
            Fault::PowerLossBefore => Course::Fail(self.go_down(Crash::PowerLoss)),
            Fault::KilledBefore => Course::Fail(self.go_down(Crash::Killed)),
            // Goes down when it has been done.
            Fault::PowerLossAfter => {
                self.down = Some(Crash::PowerLoss);
                Course::DoAndFail(down())
            }
            Fault::KilledAfter => {
                self.down = Some(Crash::Killed);
                Course::DoAndFail(down())
            }
        })
    }

    /// Does `work` as the course says.
    pub(super) fn perform(
        &mut self,
        work: impl FnOnce(&mut Self),
        part: impl FnOnce(&mut Self),
    ) -> io::Result<()> {
        match self.course()? {
            Course::Go => {
                work(self);
                Ok(())
            }
            Course::Fail(error) => Err(error),
            Course::DoAndFail(error) => {
                work(self);
                if let Some(crash) = self.down {
                    self.go_down(crash);
                }
                Err(error)
            }
            Course::DoPart(error) => {
                part(self);
                Err(error)
            }
        }
    }

    pub(super) fn check_up(&self) -> io::Result<()> {
        if self.down.is_some() { Err(down()) } else { Ok(()) }
    }

    /// The process ends; with a power loss, what was not durable is decided now.
    pub(super) fn go_down(&mut self, crash: Crash) -> io::Error {
        self.down = Some(crash);
        if crash == Crash::PowerLoss {
            for file in 0..self.files.len() {
                self.lose_power(file);
            }
            let kept = self.random.below(self.pending_names.len() + 1);
            let pending = std::mem::take(&mut self.pending_names);
            pending[..kept].iter().for_each(|change| change.apply(&mut self.durable_names));
            self.names = self.durable_names.clone();
        }
        down()
    }

    pub(super) fn lose_power(&mut self, file: usize) {
        let pending = std::mem::take(&mut self.files[file].pending);
        for change in pending {
            let durable = &mut self.files[file].durable;
            match change {
                Change::SetLen(len) => {
                    if self.random.below(2) == 0 {
                        durable.resize(len, 0);
                    }
                }
                Change::Write { offset, bytes } => match self.random.below(5) {
                    0 => {}
                    1 => write(durable, offset, &bytes),
                    2 => {
                        let kept = self.random.below(bytes.len() + 1);
                        write(durable, offset, &bytes[..kept]);
                    }
                    // The length may be there before the bytes are.
                    3 => {
                        let len = durable.len().max(offset + self.random.below(bytes.len() + 1));
                        durable.resize(len, 0);
                    }
                    _ => {
                        let len = durable.len().max(offset + bytes.len());
                        durable.resize(len, 0);
                        for (nth, sector) in bytes.chunks(SECTOR).enumerate() {
                            if self.random.below(2) == 0 {
                                write(durable, offset + nth * SECTOR, sector);
                            }
                        }
                    }
                },
            }
        }
        self.files[file].seen = self.files[file].durable.clone();
    }

    pub(super) fn add_file(&mut self, file: File) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    pub(super) fn rename_now(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].seen.len() as u64).sum()
    }

    /// Writes, as far as there is room.
    pub(super) fn write_seen(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        let seen = &mut self.files[file].seen;
        write(seen, offset, bytes);
        self.files[file].pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    /// Makes the changes of names in `dir` durable.
    pub(super) fn sync_names(&mut self, dir: &Path) {
        let (synced, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending_names).into_iter().partition(|change| change.is_in(dir));
        synced.iter().for_each(|change| change.apply(&mut self.durable_names));
        self.pending_names = rest;
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put { path, file } => {
                names.insert(path.clone(), *file);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }

    pub(super) fn is_in(&self, dir: &Path) -> bool {
        let (Self::Put { path, .. } | Self::Rename { to: path, .. } | Self::Remove { path }) = self;
        path.parent() == Some(dir)
    }
}

pub(super) fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }
}

pub(super) fn io_error() -> io::Error {
    io::Error::other("simulated I/O error")
}

pub(super) fn down() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the simulated process is down")
}

pub(super) fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

//! A simulated disk: deterministic by seed, and as unkind as a real one may be.
//!
//! It keeps apart what a process sees and what a crash leaves:
//! - a write is seen at once; until the file is synced, a crash keeps all of it, none, a prefix, or any of its
//!   512-byte sectors;
//! - a change of names is seen at once; until the directory is synced, a crash keeps any prefix of the changes
//!   since the last sync, in order;
//! - a sync of a file that fails may have worked or not; if not, what it should have made durable stays
//!   readable, counts as clean, and is gone after a crash, whatever later syncs say. (Names are kept in a
//!   journal: a file system that cannot write that stops altogether.)

mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Access, Disk, DiskFile, Lock, LockError};
use state::{Change, File, NameChange, SplitMix, State, down, not_found, write};

const SECTOR: usize = 512;

/// A disk in memory, with faults on demand. Cloning gives another handle to the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong with one operation that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    FailsBefore,
    /// It takes effect and fails all the same.
    FailsAfter,
    /// A write stops part-way and fails; other operations as [`FailsBefore`](Self::FailsBefore).
    Torn,
    /// The machine loses power before it takes effect.
    PowerLossBefore,
    /// The machine loses power after it took effect, so that even a sync's success is not heard of.
    PowerLossAfter,
    /// The process is killed before it takes effect.
    KilledBefore,
    /// The process is killed after it took effect.
    KilledAfter,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// What was not synced may be lost.
    PowerLoss,
    /// The system goes on, and so do its caches.
    Killed,
}

impl SimDisk {
    /// An empty disk of unlimited size.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: SplitMix(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            dirs: BTreeSet::new(),
            locks: BTreeSet::new(),
            capacity: u64::MAX,
            operations: 0,
            fault: None,
            down: None,
            life: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Lets the operation that changes something after `skip` others go wrong.
    pub fn fail_after(&self, skip: u64, fault: Fault) {
        let mut state = self.state.lock();
        let at = state.operations + skip;
        state.fault = Some((at, fault));
    }

    /// Takes back a fault that has not happened yet; returns whether there was one.
    pub fn cancel_fault(&self) -> bool {
        self.state.lock().fault.take().is_some()
    }

    /// Bytes that fit the disk from now on, what is there included.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }

    /// Bytes of the files there are.
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used()
    }

    /// Ends the process now: every operation fails until [`restart`](Self::restart).
    pub fn crash(&self, crash: Crash) {
        self.state.lock().go_down(crash);
    }

    /// Whether a fault brought the process or the machine down.
    pub fn is_down(&self) -> bool {
        self.state.lock().down.is_some()
    }

    /// A new process: the disk as the crash left it, if there was one; files opened before are of no use.
    pub fn restart(&self) {
        let mut state = self.state.lock();
        state.down = None;
        state.fault = None;
        state.life += 1;
        state.locks.clear();
    }

    /// Flips one bit of a file whose path `chosen` accepts, as a decaying disk would. Returns where, or `None`
    /// if there is no byte to choose.
    pub fn flip_bit(&self, chosen: impl Fn(&Path) -> bool) -> Option<(PathBuf, usize)> {
        let mut state = self.state.lock();
        let candidates: Vec<(PathBuf, usize)> = state
            .names
            .iter()
            .filter(|(path, file)| chosen(path) && !state.files[**file].seen.is_empty())
            .map(|(path, file)| (path.clone(), *file))
            .collect();
        let (path, file) = candidates.get(state.random.below(candidates.len().max(1)))?.clone();
        let len = state.files[file].seen.len();
        let (at, bit) = (state.random.below(len), state.random.below(8));
        let file = &mut state.files[file];
        file.seen[at] ^= 1 << bit;
        if let Some(byte) = file.durable.get_mut(at) {
            *byte ^= 1 << bit;
        }
        Some((path, at))
    }

    /// A file's bytes, as the process sees them.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        Some(state.files[*state.names.get(path)?].seen.clone())
    }

    /// Puts a file there, durably, whatever was there before.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state.lock();
        let file =
            state.add_file(File { seen: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() });
        state.names.insert(path.to_path_buf(), file);
        state.durable_names.insert(path.to_path_buf(), file);
    }

    /// Paths of the files there are.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state.lock().names.keys().cloned().collect()
    }
}

struct Handle {
    state: Arc<Mutex<State>>,
    file: usize,
    life: u64,
}

impl Handle {
    /// The state, if the process that opened the file still runs.
    fn alive(&self) -> io::Result<parking_lot::MutexGuard<'_, State>> {
        let state = self.state.lock();
        state.check_up()?;
        if state.life == self.life { Ok(state) } else { Err(down()) }
    }
}

impl SimDisk {
    fn handle(&self, file: usize, life: u64) -> Arc<dyn DiskFile> {
        Arc::new(Handle { state: Arc::clone(&self.state), file, life })
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.dirs.contains(dir) {
            return state.check_up();
        }
        let work = |state: &mut State| {
            state.dirs.insert(dir.to_path_buf());
        };
        state.perform(work, |_| {})
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.check_up()?;
        if !state.dirs.contains(dir) {
            return Err(not_found());
        }
        let names = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn open(&self, path: &Path, _access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.check_up()?;
        let file = *state.names.get(path).ok_or_else(not_found)?;
        Ok(self.handle(file, state.life))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        let mut made = 0;
        state.perform(
            |state| {
                made = state.add_file(File::default());
                state.rename_now(NameChange::Put { path: path.to_path_buf(), file: made });
            },
            |_| {},
        )?;
        Ok(self.handle(made, state.life))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.names.contains_key(from) {
            state.check_up()?;
            return Err(not_found());
        }
        let change = NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf() };
        state.perform(|state| state.rename_now(change), |_| {})
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.names.contains_key(path) {
            state.check_up()?;
            return Err(not_found());
        }
        let change = NameChange::Remove { path: path.to_path_buf() };
        state.perform(|state| state.rename_now(change), |_| {})
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.perform(|state| state.sync_names(dir), |_| {})
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        state.check_up()?;
        Ok(state.capacity.saturating_sub(state.used()))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let mut state = self.state.lock();
        state.check_up()?;
        if !state.locks.insert(path.to_path_buf()) {
            return Err(LockError::Held { pid: Some(1) });
        }
        Ok(Box::new(Held { state: Arc::clone(&self.state), path: path.to_path_buf(), life: state.life }))
    }
}

struct Held {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    life: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.files[self.file].seen.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.alive()?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found =
            start.checked_add(bytes.len()).and_then(|end| state.files[self.file].seen.get(start..end));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let grows = (offset + bytes.len()).saturating_sub(state.files[self.file].seen.len()) as u64;
        let room = state.capacity.saturating_sub(state.used());
        if grows > room {
            let fits = bytes.len() - usize::try_from(grows - room).unwrap_or(bytes.len()).min(bytes.len());
            state.write_seen(self.file, offset, &bytes[..fits]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        let part = state.random.below(bytes.len() + 1);
        state.perform(
            |state| state.write_seen(self.file, offset, bytes),
            |state| state.write_seen(self.file, offset, &bytes[..part]),
        )
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let work = |state: &mut State| {
            let file = &mut state.files[self.file];
            file.seen.resize(len, 0);
            file.pending.push(Change::SetLen(len));
        };
        state.perform(work, |_| {})
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let fails =
            matches!(state.fault, Some((at, Fault::FailsBefore | Fault::Torn)) if at == state.operations);
        let work = |state: &mut State| {
            let file = &mut state.files[self.file];
            for change in std::mem::take(&mut file.pending) {
                match change {
                    Change::Write { offset, bytes } => write(&mut file.durable, offset, &bytes),
                    Change::SetLen(len) => file.durable.resize(len, 0),
                }
            }
        };
        let result = state.perform(work, |_| {});
        if fails {
            // The system believes these pages clean from now on.
            state.files[self.file].pending.clear();
        }
        result
    }
}

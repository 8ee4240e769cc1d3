//! Opening a ledger: find out what is there, check it, and only then repair and go on.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use audit_tlog::{Checkpoint, Frontier, Hash, TreeSize};

use crate::checkpointer::Published;
use crate::config::Config;
use crate::dictionary::Dictionary;
use crate::disk::{Access, Disk, Lock, LockError};
use crate::error::{Contradiction, Error, Flaw, IoContext as _};
use crate::files::{FORMAT_VERSION, Files, SYNC, VERSION_PREFIX, replace_file};
use crate::frame::Frame;
use crate::ledger::{Environment, Recovery, TornTail};
use crate::segment::level_of;
use crate::store::Store;
use crate::wal::{Recovered, recover};
use crate::window::{self, IdWindow};

/// What was found, checked and repaired.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) frontier: Frontier,
    pub(crate) published: Published,
    pub(crate) recovery: Recovery,
    pub(crate) lock: Box<dyn Lock>,
}

/// Files that can go once everything was found good.
#[derive(Default)]
struct Leftovers {
    files: Vec<PathBuf>,
    last_part: Option<Recovered>,
}

/// Opens the directory, or makes a new ledger in it.
pub(crate) fn open(config: &Config, environment: &Environment) -> Result<Opened, Error> {
    config.check()?;
    let files = Files::new(&config.dir);
    let disk = Arc::clone(&environment.disk);
    let lock = prepare_dir(&*disk, &files)?;
    let store = Store::new(
        files,
        disk,
        environment.leaf_fn,
        config.segment_entries,
        config.ring_bytes,
        config.cache_bytes,
    );
    let mut frontier = Frontier::new();
    let mut leftovers = Leftovers { files: store.files.list_temporary(&*store.disk)?, last_part: None };
    load_dictionaries(&store)?;
    find_segments(&store, &mut frontier)?;
    find_wals(&store, &mut frontier, &mut leftovers)?;
    let published = check_checkpoint(&store, config, environment, &frontier)?;
    let recovery = repair(&store, &leftovers)?;
    let published = match published {
        Some(published) => published,
        None => publish_empty(&store, config, environment)?,
    };
    Ok(Opened { store, frontier, published, recovery, lock })
}

/// A number that nobody outside can foresee.
pub(crate) fn unpredictable() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The idempotency window, up to which entry it is filled, and the seed of its hashes: as it was saved if it is
/// this ledger's, else empty.
pub(crate) fn window(store: &Store, config: &Config, environment: &Environment) -> (IdWindow, u64, u64) {
    if let Some((window, saved)) = window::load(&*store.disk, &store.files.ids(), config.window) {
        let is_ours = saved.size <= store.tree_size()
            && Frontier::read(saved.size, store).is_ok_and(|then| then.root() == saved.root);
        if is_ours {
            return (window, saved.size.get(), saved.seed);
        }
    }
    let now_us = (environment.clock)();
    let window = IdWindow::new(config.window, store.marks().into_iter(), store.size(), now_us);
    (window, 0, unpredictable())
}

// --- the directory

/// Takes the lock and checks the version; writes it if the directory is new.
fn prepare_dir(disk: &dyn Disk, files: &Files) -> Result<Box<dyn Lock>, Error> {
    disk.create_dir(files.root()).context("create", files.root())?;
    let lock = disk.lock(&files.lock()).map_err(|error| match error {
        LockError::Held { pid } => Error::Locked { path: files.lock(), pid },
        LockError::Io(error) => Error::Io { operation: "lock", path: files.lock(), source: Arc::new(error) },
    })?;
    let version = files.version();
    match read_file(disk, &version)? {
        Some(bytes) => check_version(files, &bytes)?,
        None if is_new(disk, files) => {
            replace_file(disk, &version, format!("{VERSION_PREFIX}{FORMAT_VERSION}\n").as_bytes())?;
        }
        None => return Err(Error::damage(&version, 0, None, Flaw::Missing)),
    }
    files.sub_dirs().iter().try_for_each(|dir| disk.create_dir(dir).context("create", dir))?;
    Ok(lock)
}

/// Whether nothing was ever stored: the version is written before anything else.
fn is_new(disk: &dyn Disk, files: &Files) -> bool {
    let holds_nothing = |dir: &PathBuf| disk.list(dir).is_ok_and(|names| names.is_empty());
    let absent =
        |dir: &PathBuf| disk.list(dir).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let no_checkpoint = disk.open(&files.checkpoint(), Access::Read).is_err();
    no_checkpoint && files.sub_dirs().iter().all(|dir| absent(dir) || holds_nothing(dir))
}

fn check_version(files: &Files, bytes: &[u8]) -> Result<(), Error> {
    let path = files.version();
    let text = std::str::from_utf8(bytes).ok();
    let found = text.and_then(|text| text.strip_prefix(VERSION_PREFIX)?.strip_suffix('\n')?.parse().ok());
    match found {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) if found > FORMAT_VERSION => {
            Err(Error::NewerFormat { path, found, supported: FORMAT_VERSION })
        }
        _ => Err(Error::damage(&path, 0, None, Flaw::Header)),
    }
}

/// A small file's bytes; `None` if there is none.
fn read_file(disk: &dyn Disk, path: &std::path::Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match disk.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("open", path),
    };
    let mut bytes = vec![0; usize::try_from(file.len().context("read", path)?).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, 0).context("read", path)?;
    Ok(Some(bytes))
}

// --- what is there

fn load_dictionaries(store: &Store) -> Result<(), Error> {
    for id in store.files.list_dictionaries(&*store.disk)? {
        let path = store.files.dictionary(u32::try_from(id).unwrap_or(u32::MAX));
        let bytes = read_file(&*store.disk, &path)?.unwrap_or_default();
        let dictionary = Dictionary::decode(&bytes).map_err(|flaw| Error::damage(&path, 0, None, flaw))?;
        if u64::from(dictionary.id()) != id {
            return Err(Error::damage(&path, 0, None, Flaw::Header));
        }
        store.codec.dictionaries.use_for_new(Arc::new(dictionary));
    }
    Ok(())
}

/// Lists the segments, which must follow each other from entry 0 on.
fn find_segments(store: &Store, frontier: &mut Frontier) -> Result<(), Error> {
    for first in store.files.list_segments(&*store.disk)? {
        let path = store.files.segment(first);
        if first != store.size() {
            return Err(Error::damage(&path, 0, Some(store.size()), Flaw::Gap));
        }
        let segment = store.open_segment(first)?;
        if segment.summary.count != store.segment_entries {
            return Err(Error::Config { key: "segment_entries", problem: "differs from the directory's" });
        }
        frontier.push_perfect_subtree(level_of(store.segment_entries), segment.summary.root)?;
        store.add_sealed(segment.summary);
    }
    Ok(())
}

/// Reads the WAL files, which must follow the segments and each other.
fn find_wals(store: &Store, frontier: &mut Frontier, leftovers: &mut Leftovers) -> Result<(), Error> {
    let sealed = store.size();
    let mut wals = store.files.list_wals(&*store.disk)?.into_iter().peekable();
    while let Some(first) = wals.next_if(|first| *first < sealed) {
        leftovers.files.push(store.files.wal(first));
    }
    for first in wals {
        let path = store.files.wal(first);
        if first != store.size() {
            return Err(Error::damage(&path, 0, Some(store.size()), Flaw::Gap));
        }
        if let Some(torn) = leftovers.last_part.as_ref().filter(|last| last.torn_bytes > 0) {
            // The next file is made only when this one is durable.
            let part = &torn.part;
            return Err(Error::damage(&part.path, part.file_len(), Some(part.end()), Flaw::Checksum));
        }
        let mut keep = |frame: Frame| store.keep_recent(frame);
        let Some(recovered) = recover(store, &path, first, frontier, &mut keep)? else {
            leftovers.files.push(path);
            continue;
        };
        if recovered.part.entries() > u64::from(store.segment_entries) {
            return Err(Error::damage(&path, 0, Some(first), Flaw::Structure));
        }
        store.add_part(Arc::clone(&recovered.part));
        leftovers.last_part = Some(recovered);
    }
    Ok(())
}

/// Checks that what was found continues the stored checkpoint; `None` if the ledger is new.
fn check_checkpoint(
    store: &Store,
    config: &Config,
    environment: &Environment,
    frontier: &Frontier,
) -> Result<Option<Published>, Error> {
    let path = store.files.checkpoint();
    let Some(note) = read_file(&*store.disk, &path)? else {
        let missing = || Error::damage(&path, 0, None, Flaw::Missing);
        return if frontier.size().is_empty() { Ok(None) } else { Err(missing()) };
    };
    let mut keys = environment.former_keys.clone();
    keys.push(environment.signer.verifier().clone());
    let signed = Checkpoint::open(&note, &config.origin, &keys)
        .map_err(|_| Error::damage(&path, 0, None, Flaw::Signature))?
        .checkpoint;
    let found_root = root_at(store, frontier, signed.size())?;
    if found_root != Some(*signed.root()) {
        return Err(Error::CheckpointContradicted(Box::new(Contradiction {
            file: path,
            promised_size: signed.size(),
            promised_root: *signed.root(),
            found_size: frontier.size(),
            found_root,
        })));
    }
    Ok(Some(Published { size: signed.size(), note: note.into() }))
}

/// Root of the first `size` entries; `None` if there are not as many.
fn root_at(store: &Store, frontier: &Frontier, size: TreeSize) -> Result<Option<Hash>, Error> {
    if size > frontier.size() {
        return Ok(None);
    }
    let earlier = if size == frontier.size() { frontier.clone() } else { Frontier::read(size, store)? };
    Ok(Some(earlier.root()))
}

fn publish_empty(store: &Store, config: &Config, environment: &Environment) -> Result<Published, Error> {
    let checkpoint = Checkpoint::new(&config.origin, TreeSize::EMPTY, Hash::EMPTY_ROOT)?;
    let note = checkpoint.sign(&environment.signer).to_string().into_bytes();
    replace_file(&*store.disk, &store.files.checkpoint(), &note)?;
    Ok(Published { size: TreeSize::EMPTY, note: note.into() })
}

// --- repairs

/// Cuts a torn tail, makes what was found durable, names included, and removes leftovers.
///
/// The process may have died between a change of names and the sync of their directory, and the machine may
/// still die: so directories are synced before anything is built on them.
fn repair(store: &Store, leftovers: &Leftovers) -> Result<Recovery, Error> {
    let disk = &*store.disk;
    let mut recovery = Recovery { entries: store.size(), ..Recovery::default() };
    if let Some(last) = &leftovers.last_part {
        last.repair()?;
        if last.torn_bytes > 0 {
            let (file, offset, bytes) = (last.part.path.clone(), last.part.file_len(), last.torn_bytes);
            tracing::warn!(file = %file.display(), wal.offset = offset, wal.torn_bytes = bytes, "cut off a torn write");
            recovery.torn_tail = Some(TornTail { file, offset, bytes });
        }
    }
    for dir in store.files.sub_dirs().iter().map(PathBuf::as_path).chain([store.files.root()]) {
        disk.sync_dir(dir).context(SYNC, dir)?;
    }
    for path in &leftovers.files {
        disk.remove(path).context("remove", path)?;
    }
    recovery.removed_files = leftovers.files.len();
    Ok(recovery)
}

//! The index's directory: its partitions come and go here, together with the manifest that names them.
//!
//! A change is made in this order, so that a crash at any point leaves the old index or the new one:
//!
//! 1. the new partitions' files are written and synced (a crash leaves files that no manifest names),
//! 2. the directory is synced and the manifest replaced (from here on the new partitions are the index),
//! 3. the files of the partitions they replace are removed (a crash leaves files that no manifest names).
//!
//! Opening removes what no manifest names.

use crate::cache::Cache;
use crate::entries::Entries;
use crate::manifest::{self, Loaded, Manifest, Named};
use crate::memory::{Chunk, ChunkView, Size};
use crate::partition::{self, Partition, parquet_name, summary_name};
use crate::rows::Rows;
use crate::{Error, files};
use audit_event::{Entry, Fields};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The index's directory. Whoever holds it may change it; there is one in the process.
pub(crate) struct Store {
    dir: PathBuf,
    manifest: Manifest,
    cache: Arc<Cache>,
    size: Size,
    entries: Arc<dyn Entries>,
    /// Partitions that the manifest does not name any more, whose files are still there.
    replaced: Vec<Named>,
}

/// What opening a directory found.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) partitions: Vec<Arc<Partition>>,
    /// Files that were damaged, and rebuilt from the ledger.
    pub(crate) damaged: Vec<String>,
    /// Why there is nothing left of the index that was there.
    pub(crate) rebuilt: Option<Rebuilt>,
}

/// Why an index was given up when it was opened. Nothing is lost: it is made anew from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rebuilt {
    /// Its manifest is not what was written.
    ManifestDamaged,
    /// It was written by a version of the program that keeps its index differently.
    OtherVersion,
    /// It holds more entries than the ledger: an older state of the ledger was restored.
    LedgerShorter,
    /// It was made of other entries than those the ledger holds: another ledger took the place of its own.
    OtherLedger,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rebuilt::ManifestDamaged => "its manifest was damaged",
            Rebuilt::OtherVersion => "it was written by another version",
            Rebuilt::LedgerShorter => "it was ahead of the ledger",
            Rebuilt::OtherLedger => "it belonged to another ledger",
        })
    }
}

impl Store {
    /// Opens the index in `dir`, making the directory if there is none. What is damaged is rebuilt from
    /// `entries`; if the manifest cannot be trusted or the index is not one of these entries, nothing of it is
    /// kept.
    pub(crate) fn open(
        dir: &Path,
        size: Size,
        cache: Arc<Cache>,
        entries: Arc<dyn Entries>,
    ) -> Result<Opened, Error> {
        files::create_dir(dir)?;
        let (manifest, rebuilt) = load(dir, &*entries)?;
        let mut damaged = Vec::new();
        if let Some(reason) = rebuilt {
            tracing::warn!(%reason, "the index is made anew from the ledger");
            damaged.extend((reason == Rebuilt::ManifestDamaged).then(|| manifest::FILE.to_owned()));
        }
        let mut store = Store { dir: dir.to_owned(), manifest, cache, size, entries, replaced: Vec::new() };
        store.remove_unnamed()?;
        let mut partitions = Vec::new();
        for named in store.manifest.partitions.clone() {
            match store.open_partition(&named.name) {
                Ok(partition) if partition.range() == (named.first..named.end) => partitions.push(partition),
                Ok(_) => {
                    damaged.push(summary_name(&named.name));
                    partitions.extend(store.rebuild(named.first..named.end)?);
                }
                Err(Error::Damaged { file }) => {
                    damaged.push(file);
                    partitions.extend(store.rebuild(named.first..named.end)?);
                }
                Err(other) => return Err(other),
            }
        }
        damaged.iter().for_each(|file| {
            tracing::warn!(index.file = %file, "an index file was damaged; it was rebuilt from the ledger");
        });
        Ok(Opened { store, partitions, damaged, rebuilt })
    }

    /// Writes a complete chunk as the partition that follows the others.
    pub(crate) fn append(&mut self, view: &ChunkView) -> Result<Arc<Partition>, Error> {
        assert_eq!(view.first, self.manifest.cursor(), "partitions follow each other without a gap");
        let partition = self.write(view)?;
        self.name_or_discard(view.first..view.end, std::slice::from_ref(&partition))?;
        Ok(partition)
    }

    /// Writes the partitions of `range` anew from the ledger, in as few as fit.
    ///
    /// `range` must begin and end where partitions do.
    pub(crate) fn rebuild(&mut self, range: Range<u64>) -> Result<Vec<Arc<Partition>>, Error> {
        let mut written = Vec::new();
        let entries = Arc::clone(&self.entries);
        for view in self.read_chunks(range.clone(), &*entries) {
            match view.and_then(|view| self.write(&view)) {
                Ok(partition) => written.push(partition),
                Err(error) => {
                    self.discard(&written);
                    return Err(error);
                }
            }
        }
        self.name_or_discard(range, &written)?;
        Ok(written)
    }

    /// Reads a range of entries into chunks, one at a time.
    fn read_chunks<'e>(
        &self,
        range: Range<u64>,
        entries: &'e dyn Entries,
    ) -> impl Iterator<Item = Result<ChunkView, Error>> + use<'e> {
        let size = self.size;
        let mut next = range.start;
        std::iter::from_fn(move || {
            if next >= range.end {
                return None;
            }
            let mut chunk = Chunk::new(next, size);
            // Entries without a row may make the chunk full early; the rest goes into the next one.
            while next < range.end && !chunk.is_full() {
                let room = size.partition_rows.saturating_sub(chunk.rows()).max(1) as u64;
                let until = range.end.min(next + room.min(READ_AHEAD));
                let mut full_at = None;
                let read = entries.read(next..until, &mut |index, bytes| {
                    if full_at.is_none() && chunk.is_full() {
                        full_at = Some(index);
                    }
                    if full_at.is_none() {
                        append_entry(&mut chunk, index, bytes);
                    }
                });
                if let Err(error) = read {
                    next = range.end;
                    return Some(Err(error));
                }
                next = full_at.unwrap_or(until);
            }
            Some(Ok(chunk.finish()))
        })
    }

    fn write(&mut self, view: &ChunkView) -> Result<Arc<Partition>, Error> {
        let name = self.manifest.new_name();
        let (parquet, summary) = (self.dir.join(parquet_name(&name)), self.dir.join(summary_name(&name)));
        let written = partition::write(view, &parquet, &summary);
        let opened = written.and_then(|_| self.open_partition(&name));
        if opened.is_err() {
            // A full disk: make room again.
            self.remove_files(&name);
        }
        opened
    }

    fn open_partition(&self, name: &str) -> Result<Arc<Partition>, Error> {
        Partition::open(&self.dir, name, Arc::clone(&self.cache)).map(Arc::new)
    }

    /// As [`Store::name`]; without success the partitions' files are removed, for the next attempt writes others.
    fn name_or_discard(&mut self, range: Range<u64>, partitions: &[Arc<Partition>]) -> Result<(), Error> {
        self.name(range, partitions).inspect_err(|_| self.discard(partitions))
    }

    /// Makes `partitions` those of `range` in the manifest and removes the files of those that were there.
    fn name(&mut self, range: Range<u64>, partitions: &[Arc<Partition>]) -> Result<(), Error> {
        let is_replaced = |named: &Named| named.first < range.end && named.end > range.start;
        let mut manifest = self.manifest.clone();
        let replaced: Vec<Named> = manifest.partitions.extract_if(.., |named| is_replaced(named)).collect();
        let at = manifest.partitions.partition_point(|named| named.first < range.start);
        let named = partitions.iter().map(|partition| {
            let range = partition.range();
            Named { name: partition.name().to_owned(), first: range.start, end: range.end }
        });
        manifest.partitions.splice(at..at, named);
        if manifest.cursor() != self.manifest.cursor() {
            manifest.bind(self.entries.identity(manifest.cursor())?);
        }
        manifest::sync_dir(&self.dir)?;
        manifest.save(&self.dir)?;
        self.manifest = manifest;
        self.replaced.extend(replaced);
        match manifest::sync_dir(&self.dir) {
            Ok(()) => self.remove_replaced(),
            // A crash may bring the old manifest back: the files that it names stay until the next change.
            Err(error) => tracing::warn!(%error, "the index's directory cannot be synced"),
        }
        Ok(())
    }

    fn remove_replaced(&mut self) {
        for old in std::mem::take(&mut self.replaced) {
            // Questions under way keep the files open; the names are all that goes.
            self.remove_files(&old.name);
        }
    }

    /// Removes partitions that the manifest does not name.
    fn discard(&self, partitions: &[Arc<Partition>]) {
        partitions.iter().for_each(|partition| self.remove_files(partition.name()));
    }

    /// What cannot be removed now goes when the index is opened next.
    fn remove_files(&self, name: &str) {
        for file in [parquet_name(name), summary_name(name)] {
            let _ = std::fs::remove_file(self.dir.join(file));
        }
    }

    fn remove_unnamed(&self) -> Result<(), Error> {
        let mut known: HashSet<String> = HashSet::from([manifest::FILE.to_owned()]);
        for named in &self.manifest.partitions {
            known.extend([parquet_name(&named.name), summary_name(&named.name)]);
        }
        for file in std::fs::read_dir(&self.dir)? {
            let file = file?;
            let name = file.file_name();
            let is_left_over = name.to_str().is_some_and(|name| is_ours(name) && !known.contains(name));
            if is_left_over && file.file_type()?.is_file() {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// The manifest of `dir`, without partitions if they are not to be used, and why not.
fn load(dir: &Path, entries: &dyn Entries) -> Result<(Manifest, Option<Rebuilt>), Error> {
    let mut manifest = match Manifest::load(dir)? {
        Loaded::Whole(manifest) => manifest,
        Loaded::Absent => return Ok((Manifest::default(), None)),
        Loaded::Damaged => return Ok((Manifest::default(), Some(Rebuilt::ManifestDamaged))),
        Loaded::OtherVersion => return Ok((Manifest::default(), Some(Rebuilt::OtherVersion))),
    };
    let reason = contradiction(&manifest, entries);
    if reason.is_some() {
        manifest.clear();
    }
    Ok((manifest, reason))
}

/// Why the index cannot be one of these entries.
fn contradiction(manifest: &Manifest, entries: &dyn Entries) -> Option<Rebuilt> {
    let cursor = manifest.cursor();
    if cursor == 0 {
        return None;
    }
    if cursor > entries.size() {
        return Some(Rebuilt::LedgerShorter);
    }
    match entries.identity(cursor) {
        Ok(identity) => (!manifest.is_bound_to(identity)).then_some(Rebuilt::OtherLedger),
        Err(error) => {
            // The ledger is damaged there: an index made of it before the damage is worth more than none.
            tracing::warn!(%error, "cannot check that the index belongs to the ledger; it is kept");
            None
        }
    }
}

/// Whether a file of this name is written by the index; whatever else is in the directory is left alone.
fn is_ours(name: &str) -> bool {
    let is_partition = |stem: &str| {
        let digits = stem.strip_prefix('p').unwrap_or_default();
        digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match name.rsplit_once('.') {
        Some((stem, "parquet" | "summary")) => is_partition(stem),
        _ => name == manifest::NEW_FILE,
    }
}

/// Entries read at once.
const READ_AHEAD: u64 = 8192;

/// Appends the row of an entry; says whether it could be decoded.
pub(crate) fn append_entry(chunk: &mut Chunk, index: u64, bytes: &[u8]) -> bool {
    match Entry::decode(bytes).and_then(|entry| Fields::decode(&entry)) {
        Ok(event) => {
            chunk.append(index, &event);
            true
        }
        Err(error) => {
            tracing::warn!(ledger.index = index, %error, "an entry cannot be decoded and is not searchable");
            chunk.skip(index);
            false
        }
    }
}

//! The whole-log check, from the files alone.
//!
//! Written from `docs/FORMAT.md`, with decoders of its own: it shares nothing with the code that writes but
//! the tree of `audit-tlog`, so that a mistake there does not excuse itself here.

mod findings;
mod frame;
mod segment;
mod tree;
mod wal;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use audit_tlog::{Checkpoint, Hash, LeafIndex, Note, Verifier};
use parking_lot::Mutex;

use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Contradiction, Damage, Error, Flaw, IoContext as _};
use crate::files::{FORMAT_VERSION, Files, VERSION_PREFIX};
use crate::ledger::LeafFn;
use findings::Findings;
use tree::{Promises, Tree};

/// Told entries done and entries expected; breaking off ends the check.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) -> ControlFlow<()> + Sync);

/// Findings listed in one verdict.
const MAX_FINDINGS: usize = 100;
const MAX_THREADS: usize = 8;

/// What to check a directory against.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The ledger's directory.
    pub dir: &'a Path,
    /// Leaf data of an entry.
    pub leaf_fn: LeafFn,
    /// Keys that the stored checkpoint may be signed by.
    pub keys: &'a [Verifier],
    /// A checkpoint kept elsewhere (already verified) that the ledger must contain.
    pub external: Option<&'a Checkpoint>,
    /// Threads to use; 0 for one per core, at most 8.
    pub threads: usize,
}

/// What the check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Nothing altered?
    pub integrity: Verdict,
    /// Nothing missing, from the first entry to the newest checkpoint known?
    pub completeness: Verdict,
    /// Entries there are.
    pub entries: u64,
    /// Root of their tree; `None` if some cannot be read.
    pub root: Option<Hash>,
    /// The stored checkpoint, if it can be read; its signature is only good if integrity is.
    pub checkpoint: Option<Checkpoint>,
    /// Bytes after the last whole record: a write in progress or torn; not damage.
    pub unfinished_bytes: u64,
}

/// One of the two verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Sound,
    /// Not so: where and how, at most a hundred findings.
    Broken(Vec<Finding>),
}

/// One thing found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Bytes are not what was written, or not there.
    Damage(Damage),
    /// A checkpoint promises other or more entries than there are.
    Contradiction(Contradiction),
}

impl Report {
    /// Whether both verdicts are sound.
    pub fn is_sound(&self) -> bool {
        self.integrity == Verdict::Sound && self.completeness == Verdict::Sound
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damage(damage) => damage.fmt(f),
            Self::Contradiction(contradiction) => contradiction.fmt(f),
        }
    }
}

/// Checks a ledger's directory, read-only and without its lock: a server may be appending meanwhile.
///
/// `progress` is called with entries done and entries expected, by one thread at a time: where it takes its time, so
/// does the check. When it breaks off, each thread ends with its chunk (at most 4 MiB).
///
/// # Errors
/// If the directory cannot be read at all ([`Error::Io`], [`Error::NewerFormat`]); damage is a verdict.
/// [`Error::Cancelled`] if `progress` broke off.
pub fn fsck(disk: &dyn Disk, question: &Question<'_>, progress: Progress<'_>) -> Result<Report, Error> {
    let files = Files::new(question.dir);
    check_version(disk, &files)?;
    let mut findings = Findings::default();
    // In this order while a server appends: the checkpoint promises no more than is read after it, and a WAL
    // file sealed meanwhile is either still open here or among the segments listed after it.
    let checkpoint = read_checkpoint(disk, &files, question, &mut findings)?;
    let wals = open_wals(disk, &files)?;
    let segments = files.list_segments(disk)?;
    let dictionaries = frame::load_dictionaries(disk, &files, &mut findings)?;
    let expected = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size().get());
    let meter = Meter { done: Mutex::new(0), expected, progress, is_over: AtomicBool::new(false) };
    let promises = Promises::new(&files, checkpoint.as_ref(), question.external);
    let checked = check_segments(disk, &files, question, &segments, &promises.sizes(), &meter)?;
    let mut tree = Tree::new(promises);
    for (first, segment) in segments.iter().zip(checked) {
        tree.add_segment(&files.segment(*first), *first, segment, &mut findings);
    }
    let mut unfinished_bytes = 0;
    let newest = wals.last().map(|(first, _)| *first);
    for (first, file) in wals {
        let sealed_already = first < tree.next && segments.binary_search(&first).is_ok();
        if sealed_already {
            continue;
        }
        let path = files.wal(first);
        let check = wal::Check {
            file: &*file,
            path: &path,
            first,
            leaf_fn: question.leaf_fn,
            dictionaries: &dictionaries,
        };
        let is_newest = newest == Some(first);
        let found = check.run(is_newest, &meter)?;
        unfinished_bytes += found.unfinished_bytes;
        tree.add_wal(&path, first, found, &mut findings);
    }
    tree.keep_promises(&mut findings);
    if checkpoint.is_none() && tree.next > 0 {
        // Without a promise nobody can say that nothing is missing.
        let flaw = if findings.checkpoint_reported { Flaw::Signature } else { Flaw::Missing };
        findings.missing(damage(&files.checkpoint(), 0, None, flaw));
    }
    let root = tree.is_known.then(|| tree.frontier.root());
    let (integrity, completeness) = findings.verdicts();
    Ok(Report { integrity, completeness, entries: tree.next, root, checkpoint, unfinished_bytes })
}

fn check_version(disk: &dyn Disk, files: &Files) -> Result<(), Error> {
    let path = files.version();
    let bytes = read_all(disk, &path)?;
    let text = String::from_utf8_lossy(&bytes);
    let version = text.strip_prefix(VERSION_PREFIX).and_then(|rest| rest.trim_end().parse().ok());
    match version {
        Some(found) if found > FORMAT_VERSION => {
            Err(Error::NewerFormat { path, found, supported: FORMAT_VERSION })
        }
        Some(_) => Ok(()),
        None => Err(Error::damage(&path, 0, None, Flaw::Header)),
    }
}

fn read_all(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, Error> {
    let file = disk.open(path, Access::Read).context("open", path)?;
    let mut bytes = vec![0; usize::try_from(file.len().context("read", path)?).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, 0).context("read", path)?;
    Ok(bytes)
}

/// The stored checkpoint, if it parses; a bad signature is a finding.
fn read_checkpoint(
    disk: &dyn Disk,
    files: &Files,
    question: &Question<'_>,
    findings: &mut Findings,
) -> Result<Option<Checkpoint>, Error> {
    let path = files.checkpoint();
    let note = match read_all(disk, &path) {
        Ok(note) => note,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let parsed = Note::parse(&note).and_then(|note| note.text().parse::<Checkpoint>());
    let genuine = parsed.and_then(|checkpoint| {
        Checkpoint::open(&note, checkpoint.origin(), question.keys).map(|signed| signed.checkpoint)
    });
    if genuine.is_err() {
        findings.checkpoint_reported = true;
        findings.altered(damage(&path, 0, None, Flaw::Signature));
    }
    Ok(genuine.ok())
}

/// A WAL file held open, with its first entry.
type OpenWal = (u64, Arc<dyn DiskFile>);

/// WAL files, first to last, held open: they can be read even if the sealer removes them.
fn open_wals(disk: &dyn Disk, files: &Files) -> Result<Vec<OpenWal>, Error> {
    let mut open = Vec::new();
    for first in files.list_wals(disk)? {
        let path = files.wal(first);
        match disk.open(&path, Access::Read) {
            Ok(file) => open.push((first, file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("open", &path),
        }
    }
    Ok(open)
}

// --- segments, on several threads

/// What the check of a segment found.
pub(crate) struct Checked {
    /// Number of entries, if the file says so credibly.
    count: Option<u64>,
    /// Root of the entries as they are, if all can be read.
    root: Option<Hash>,
    /// All leaf hashes, if a promise is made about a size inside the segment.
    leaves: Option<Vec<Hash>>,
    damages: Vec<Damage>,
}

fn check_segments(
    disk: &dyn Disk,
    files: &Files,
    question: &Question<'_>,
    segments: &[u64],
    promised_sizes: &[u64],
    meter: &Meter<'_>,
) -> Result<Vec<Checked>, Error> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Checked, Error>>>> =
        segments.iter().map(|_| Mutex::default()).collect();
    let work = || {
        let mut context = segment::Context::default();
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < segments.len()) {
            let path = files.segment(segments[at]);
            let check = segment::Check {
                disk,
                path: &path,
                first: segments[at],
                leaf_fn: question.leaf_fn,
                promised_sizes,
            };
            *results[at].lock() = Some(check.run(&mut context, meter));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads =
        if question.threads == 0 { cores } else { question.threads }.min(MAX_THREADS).min(segments.len());
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    results.into_iter().filter_map(Mutex::into_inner).collect()
}

/// Tells how far the check is.
pub(crate) struct Meter<'a> {
    done: Mutex<u64>,
    expected: u64,
    progress: Progress<'a>,
    /// Set once `progress` has broken off.
    is_over: AtomicBool,
}

impl Meter<'_> {
    /// So many entries more.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the check is to end.
    fn add(&self, entries: u64) -> Result<(), Error> {
        let mut done = self.done.lock();
        *done += entries;
        let is_over = self.is_over.load(Ordering::Relaxed)
            || (self.progress)(*done, self.expected.max(*done)).is_break();
        self.is_over.store(is_over, Ordering::Relaxed);
        if is_over { Err(Error::Cancelled) } else { Ok(()) }
    }
}

fn damage(file: &Path, offset: u64, index: Option<u64>, flaw: Flaw) -> Damage {
    Damage { file: file.to_path_buf(), offset, index: index.map(LeafIndex::new), flaw }
}

/// Little-endian numbers out of a slice that is known to be long enough.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

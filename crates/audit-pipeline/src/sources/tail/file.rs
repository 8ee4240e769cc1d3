//! A file that grows, is rotated by renaming, or is cut to nothing: its lines, each once.
//!
//! No line is passed over and none is given in part: a line counts when its end is there. Only when the file was renamed
//! and does not grow any more is a rest without an end given as a line.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::position::Position;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// The longest line; a longer one is passed over, and counted.
const MAX_LINE_BYTES: usize = 16 << 20;

/// The file, and how far it was given out.
pub(super) struct GrowingFile {
    path: PathBuf,
    current: Option<(File, Position)>,
    /// A position from an earlier process, until its file is found.
    saved: Option<Position>,
    /// How long the file was when it was first seen renamed and at its end.
    renamed_at: Option<u64>,
    /// Where a line that is passed over, because it is too long, was read up to.
    amid: Option<u64>,
    pub counts: Counts,
}

/// What happened to the file, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// A new file took its place.
    pub rotations: u64,
    /// It was cut to nothing, or replaced under its name in place.
    pub truncations: u64,
    /// The file that was being read was gone at the start: what it still held is not known.
    pub lost_files: u64,
}

/// Lines that were read.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    lines: Vec<Range<usize>>,
    /// Where the file goes on after them.
    end: u64,
    /// Lines too long to be read that begin here; they are not among the others.
    pub too_long: u64,
    /// Whether such a line goes on where this ends.
    ends_amid: bool,
}

impl Chunk {
    /// The lines, without their ends; empty ones are left out.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|line| self.bytes[line.clone()].trim_ascii()).filter(|line| !line.is_empty())
    }

    /// The first `length` bytes, which stand at `offset`; what a line that is passed over ends with is none.
    fn of(bytes: Vec<u8>, offset: u64, length: usize, is_amid: bool) -> Self {
        let mut lines = Vec::new();
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', &bytes[..length]) {
            lines.push(from..end);
            from = end + 1;
        }
        if from < length {
            lines.push(from..length);
        }
        if is_amid && !lines.is_empty() {
            lines.remove(0);
        }
        Self { bytes, lines, end: offset + length as u64, too_long: 0, ends_amid: false }
    }
}

impl GrowingFile {
    /// The file at `path`, read up to `saved`; it need not be there yet.
    pub fn new(path: PathBuf, saved: Option<Position>) -> Self {
        Self { path, current: None, saved, renamed_at: None, amid: None, counts: Counts::default() }
    }

    /// The next lines, or `None` when there are none at present. The same lines come again until [`Self::taken`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Chunk>> {
        if self.current.is_none() {
            self.current = self.find()?;
        }
        let Some((file, position)) = &mut self.current else { return Ok(None) };
        let length = file.metadata()?.len();
        let may_have_changed = length != position.offset;
        if may_have_changed && !position.is_in(file)? {
            *position = Position::start_of(file)?;
            self.counts.truncations += 1;
        }
        if let Some(chunk) = read(file, position.offset, self.amid == Some(position.offset))? {
            self.renamed_at = None;
            return Ok(Some(chunk));
        }
        self.after_the_end()
    }

    /// Notes that a chunk's lines were taken, and gives the position to save.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn taken(&mut self, chunk: &Chunk) -> io::Result<Option<Position>> {
        let Some((file, position)) = &mut self.current else { return Ok(None) };
        position.advance(file, chunk.end)?;
        self.amid = chunk.ends_amid.then_some(chunk.end);
        Ok(Some(position.clone()))
    }

    /// How far it was read, and how long it is.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let (file, position) = self.current.as_ref()?;
        Some((position.offset, file.metadata().ok()?.len()))
    }

    /// At the end of what there is: if the name belongs to another file by now, goes on with that.
    fn after_the_end(&mut self) -> io::Result<Option<Chunk>> {
        let Some((file, position)) = &self.current else { return Ok(None) };
        let is_renamed = match fs::metadata(&self.path) {
            Ok(metadata) => !position.is_inode_of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        if !is_renamed {
            self.renamed_at = None;
            return Ok(None);
        }
        let length = file.metadata()?.len();
        // The writer may have been in the middle of a line when it was renamed.
        if self.renamed_at != Some(length) {
            self.renamed_at = Some(length);
            return Ok(None);
        }
        if length > position.offset {
            return rest(file, position.offset, length, self.amid == Some(position.offset)).map(Some);
        }
        let Some(next) = self.following()? else { return Ok(None) };
        self.current = Some(next);
        self.renamed_at = None;
        self.counts.rotations += 1;
        self.next()
    }

    /// The file to begin with.
    fn find(&mut self) -> io::Result<Option<(File, Position)>> {
        let at_name = open(&self.path)?;
        let Some(saved) = self.saved.clone() else {
            return at_name
                .map(|file| Ok((Position::start_of(&file)?, file)))
                .transpose()
                .map(|found| found.map(|(position, file)| (file, position)));
        };
        let mut candidates: Vec<File> = at_name.into_iter().collect();
        for path in rotated(&self.path)? {
            candidates.extend(open(&path)?);
        }
        for file in candidates {
            if saved.is_inode_of(&file.metadata()?) && saved.is_in(&file)? {
                self.saved = None;
                return Ok(Some((file, saved)));
            }
        }
        let Some(file) = open(&self.path)? else { return Ok(None) };
        self.saved = None;
        if saved.is_inode_of(&file.metadata()?) {
            self.counts.truncations += 1;
        } else {
            self.counts.lost_files += 1;
        }
        let position = Position::start_of(&file)?;
        Ok(Some((file, position)))
    }

    /// The file that took this one's place: the oldest rotated one that is newer, or else the one with the name.
    fn following(&self) -> io::Result<Option<(File, Position)>> {
        let Some((current, position)) = &self.current else { return Ok(None) };
        let age = |metadata: &fs::Metadata| (metadata.mtime(), metadata.mtime_nsec());
        let ours = age(&current.metadata()?);
        let mut newer = Vec::new();
        for path in rotated(&self.path)? {
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if age(&metadata) > ours && !position.is_inode_of(&metadata) {
                newer.push((age(&metadata), path));
            }
        }
        newer.sort();
        let path = newer.first().map_or(&self.path, |(_, path)| path);
        let Some(file) = open(path)? else { return Ok(None) };
        let position = Position::start_of(&file)?;
        Ok(Some((file, position)))
    }
}

/// The whole lines from `offset` on, which may be amid a line that is passed over.
fn read(file: &File, offset: u64, is_amid: bool) -> io::Result<Option<Chunk>> {
    let mut room = CHUNK_BYTES;
    loop {
        let mut bytes = vec![0; room];
        let length = read_up_to(file, &mut bytes, offset)?;
        if let Some(end) = memchr::memrchr(b'\n', &bytes[..length]) {
            return Ok(Some(Chunk::of(bytes, offset, end + 1, is_amid)));
        }
        if length < room {
            return Ok(None);
        }
        if room >= MAX_LINE_BYTES {
            let end = offset + length as u64;
            let too_long = u64::from(!is_amid);
            return Ok(Some(Chunk { end, too_long, ends_amid: true, ..Chunk::default() }));
        }
        room = room.saturating_mul(4).min(MAX_LINE_BYTES);
    }
}

/// What stands behind the last line end of a file that does not grow any more.
fn rest(file: &File, offset: u64, length: u64, is_amid: bool) -> io::Result<Chunk> {
    let room = usize::try_from(length - offset).unwrap_or(usize::MAX).min(MAX_LINE_BYTES);
    let mut bytes = vec![0; room];
    let length = read_up_to(file, &mut bytes, offset)?;
    Ok(Chunk::of(bytes, offset, length, is_amid))
}

fn read_up_to(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Files beside `path` that were it once: `audit.2026-11-23_07-00-00_000000.log` (Open WebUI's way) and `audit.log.1`
/// (logrotate's) for `audit.log`. Compressed ones are not read.
fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let is_rotated = |other: &str| {
        let numbered = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.'));
        let dated = other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
        let is_number =
            numbered.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
        let is_date =
            dated.is_some_and(|date| date.len() > 2 && date.starts_with('.') && date.ends_with('.'));
        is_number || (is_date && !extension.is_empty())
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = match fs::read_dir(parent.unwrap_or(Path::new("."))) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.flatten().filter(|entry| is_rotated(&entry.file_name().to_string_lossy()));
    Ok(names.map(|entry| entry.path()).collect())
}

#[cfg(test)]
mod tests;

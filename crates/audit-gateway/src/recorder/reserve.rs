//! Room that is there when the disk is full: for what must not be lost without a trace when the process ends then.
//!
//! ```text
//! file = "SAAR" version:u8=1  length:u32  crc:u32  events' JSON, one a line  zeros       little-endian; CRC32C
//! ```
//!
//! The file has its full size from the first start on and is only ever written within it, which a file system that
//! does not copy on write grants on a full disk, too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const HEADER: &[u8; 5] = b"SAAR\x01";
/// Magic, length and checksum.
const HEAD: usize = HEADER.len() + 8;
/// The file's size.
const SIZE: usize = 64 << 10;

/// The reserve; one process has it open, which the data directory's lock ensures.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    lines: Vec<u8>,
}

impl Reserve {
    /// Opens it, or makes it and takes its room. What it keeps from before is in [`Reserve::lines`].
    ///
    /// # Errors
    /// When the file cannot be read or written, or there is no room for it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let lines = lines_in(&bytes).unwrap_or_default().to_vec();
        if bytes.len() < SIZE {
            file.write_all(&vec![0; SIZE - bytes.len()])?;
            file.sync_all()?;
        }
        Ok(Self { file, lines })
    }

    /// What it keeps: events' JSON, one a line.
    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Bytes that it can keep beside that.
    pub(super) fn room(&self) -> usize {
        SIZE - HEAD - self.lines.len()
    }

    /// Keeps these lines too, durably. Blocks.
    ///
    /// # Errors
    /// When they are not durable, or there is no room for them.
    pub(super) fn keep(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.len() > self.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.lines.extend_from_slice(lines);
        self.write()
    }

    /// Nothing of it is wanted any more.
    ///
    /// # Errors
    /// When that cannot be written. Then the same is offered again at the next start, and the ledger knows it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.lines.clear();
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.lines.len()).map_err(io::Error::other)?;
        let mut bytes = HEADER.to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(crc32c::crc32c(&self.lines).to_le_bytes());
        bytes.extend_from_slice(&self.lines);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&bytes)?;
        self.file.sync_data()
    }
}

fn lines_in(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.strip_prefix(HEADER)?.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let lines = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (crc32c::crc32c(lines) == u32::from_le_bytes(*crc)).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_takes_no_room_of_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reserve");
        let size = || std::fs::metadata(&path).unwrap().len();
        let mut reserve = Reserve::open(&path).unwrap();
        assert_eq!((reserve.lines(), size()), (&b""[..], SIZE as u64));
        reserve.keep(b"one\n").unwrap();
        let mut reserve = Reserve::open(&path).unwrap();
        reserve.keep(b"two\n").unwrap();
        assert_eq!(Reserve::open(&path).unwrap().lines(), b"one\ntwo\n");
        let all = vec![b'x'; reserve.room()];
        reserve.keep(&all).unwrap();
        assert!(reserve.keep(b"x").is_err(), "it is full");
        assert_eq!((Reserve::open(&path).unwrap().room(), size()), (0, SIZE as u64));
        reserve.clear().unwrap();
        assert_eq!(Reserve::open(&path).unwrap().lines(), b"");
        assert_eq!(size(), SIZE as u64);
    }

    #[test]
    fn what_was_written_in_part_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reserve");
        Reserve::open(&path).unwrap().keep(b"one\n").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEAD] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Reserve::open(&path).unwrap().lines(), b"");
    }
}

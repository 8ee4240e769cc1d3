//! A file to import: plain, gzip or zstd, told by its first bytes, or standard input.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    rc::Rc,
};

use anyhow::Context as _;

const BUFFER: usize = 1 << 20;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// An open input.
pub(super) struct Input {
    reader: Box<dyn BufRead>,
    length: Option<u64>,
    position: Rc<Cell<u64>>,
}

impl Input {
    /// Opens `path`; `-` is standard input.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let (source, length): (Box<dyn Read>, _) = if path == Path::new("-") {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            let length =
                file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            (Box::new(file), length)
        };
        let position = Rc::new(Cell::new(0));
        let mut raw = BufReader::with_capacity(BUFFER, Counted { source, position: Rc::clone(&position) });
        let start = raw.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
        let (is_gzip, is_zstd) = (start.starts_with(GZIP_MAGIC), start.starts_with(ZSTD_MAGIC));
        let reader: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(raw)))
        } else if is_zstd {
            Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(raw)?))
        } else {
            Box::new(raw)
        };
        Ok(Self { reader, length, position })
    }

    /// How long the file is, packed as it may be.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// How far the file has been read.
    pub(super) fn position(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.position)
    }

    /// Its lines.
    pub(super) fn reader(&mut self) -> &mut dyn BufRead {
        &mut *self.reader
    }
}

struct Counted {
    source: Box<dyn Read>,
    position: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.position.set(self.position.get() + read as u64);
        Ok(read)
    }
}

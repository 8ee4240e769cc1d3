//! Partitions: rows on disk, in order of time.
//!
//! A partition covers a run of ledger indices. It is two files that never change: a Parquet file for everyone
//! (one row group; pages of 4,096 rows; zstd) and a summary for us ([`summary`]). Pages are read one by one,
//! checked against the summary's checksum, decoded to the columns of [`crate::columns`], and kept in the cache.

mod leaf;
mod page_table;
mod read;
mod rollup;
mod summary;
mod write;

pub(crate) use page_table::PageSet;
pub(crate) use rollup::{COUNT_COLUMNS, DAY_US, Rollup, Sums, USAGE_COLUMNS};
pub(crate) use summary::PageSpan;
pub(crate) use write::write;

use crate::Error;
use crate::cache::{Cache, Key, Weight};
use crate::columns::{CodeColumn, Codes, Dictionary, IdColumn, Ids, NumberColumn, Numbers, Texts, id_hash};
use crate::rows::{Indices, RollupKind, Rows, ValueCounts};
use crate::words::word_hash;
use leaf::Leaf;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use summary::{PREAMBLE_BYTES, PageAt, Section, SectionKind, Summary};
use xxhash_rust::xxh3::xxh3_64;

/// Numbers partitions within the process, for the cache's keys.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

/// An open partition.
pub(crate) struct Partition {
    serial: u64,
    name: String,
    parquet: File,
    file: File,
    summary: Summary,
    bytes: u64,
    cache: Arc<Cache>,
    /// One flag a section: whether its checksum has been compared.
    checked: Vec<AtomicBool>,
    damaged: AtomicBool,
}

/// The name of a partition's Parquet file.
pub(crate) fn parquet_name(name: &str) -> String {
    format!("{name}.parquet")
}

/// The name of a partition's summary file.
pub(crate) fn summary_name(name: &str) -> String {
    format!("{name}.summary")
}

impl Partition {
    /// Opens the partition `name` in `dir`.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a file is missing, has the wrong length, or a summary that is not intact.
    pub(crate) fn open(dir: &Path, name: &str, cache: Arc<Cache>) -> Result<Partition, Error> {
        let parquet = open_file(dir, &parquet_name(name))?;
        let file = open_file(dir, &summary_name(name))?;
        let damaged = || Error::Damaged { file: summary_name(name) };
        let file_bytes = file.metadata()?.len();
        let summary = read_summary(&file)?.ok_or_else(damaged)?;
        let sections_end = summary.sections.last().map_or(0, |section| section.offset + section.length);
        if file_bytes < sections_end {
            return Err(damaged());
        }
        let parquet_bytes = parquet.metadata()?.len();
        if parquet_bytes != summary.parquet_bytes {
            return Err(Error::Damaged { file: parquet_name(name) });
        }
        Ok(Partition {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            bytes: file_bytes + parquet_bytes,
            checked: summary.sections.iter().map(|_| AtomicBool::new(false)).collect(),
            parquet,
            file,
            summary,
            cache,
            damaged: AtomicBool::new(false),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rows(&self) -> u64 {
        self.summary.rows()
    }

    /// Bytes of its two files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a read has found it damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    fn damage(&self, file: String) -> Error {
        if !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::warn!(index.file = %file, "an index file is damaged; it will be rebuilt from the ledger");
        }
        Error::Damaged { file }
    }

    fn cached<T: Weight>(
        &self,
        part: usize,
        page: usize,
        load: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let narrow = |number: usize| u8::try_from(number).expect("few parts and pages");
        let key = Key { partition: self.serial, part: narrow(part), page: narrow(page) };
        self.cache.get(key, load)
    }

    /// A decoded page of a leaf.
    fn page<T: Weight>(
        &self,
        leaf: Leaf,
        page: usize,
        decode: impl FnOnce(&[u8], usize) -> Option<T>,
    ) -> Result<Arc<T>, Error> {
        self.cached(leaf.position(), page, || self.decode_page(leaf, page, decode))
    }

    fn decode_page<T>(
        &self,
        leaf: Leaf,
        page: usize,
        decode: impl FnOnce(&[u8], usize) -> Option<T>,
    ) -> Result<T, Error> {
        let column = &self.summary.columns[leaf.position()];
        let at = &column.pages[page];
        let plain = self.read_page(at, column.compressed)?;
        decode(&plain, at.values as usize).ok_or_else(|| self.damage(parquet_name(&self.name)))
    }

    fn read_page(&self, at: &PageAt, compressed: bool) -> Result<Vec<u8>, Error> {
        let damage = || self.damage(parquet_name(&self.name));
        let mut bytes = vec![0; at.length as usize];
        match self.parquet.read_exact_at(&mut bytes, at.offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damage()),
            other => other?,
        }
        if summary::page_checksum(&bytes) != at.checksum {
            return Err(damage());
        }
        if !compressed {
            return Ok(bytes);
        }
        let plain = read::decompress(&bytes, at.plain_length as usize).ok_or_else(damage)?;
        if plain.len() == at.plain_length as usize { Ok(plain) } else { Err(damage()) }
    }

    fn dictionary(&self, column: CodeColumn) -> Result<Arc<Dictionary>, Error> {
        let leaf = Leaf::Code(column);
        self.cached(leaf.position(), DICTIONARY_PAGE, || {
            let places = &self.summary.columns[leaf.position()];
            let at = places.dictionary.as_ref().ok_or_else(|| self.damage(summary_name(&self.name)))?;
            let plain = self.read_page(at, places.compressed)?;
            let values = read::dictionary(&plain, at.values as usize, leaf.is_integer());
            values.map(Dictionary::sorted).ok_or_else(|| self.damage(parquet_name(&self.name)))
        })
    }

    fn section(&self, kind: SectionKind) -> Option<(usize, &Section)> {
        self.summary.sections.iter().enumerate().find(|(_, section)| section.kind == kind)
    }

    /// The whole body of a section, checked.
    fn section_body(&self, at: usize, section: &Section) -> Result<Vec<u8>, Error> {
        let mut body = vec![0; usize::try_from(section.length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut body, section.offset)?;
        if xxh3_64(&body) != section.checksum {
            return Err(self.damage(summary_name(&self.name)));
        }
        self.checked[at].store(true, Ordering::Relaxed);
        Ok(body)
    }

    /// Decodes a compressed section, if the partition has it.
    fn decoded<T: Weight>(
        &self,
        kind: SectionKind,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<Arc<T>>, Error> {
        let Some((at, section)) = self.section(kind) else { return Ok(None) };
        let loaded = self.cached(SECTIONS_PART, at, || {
            let body = self.section_body(at, section)?;
            let plain = read::decompress(&body, read::MAX_SECTION_BYTES);
            plain.and_then(|plain| decode(&plain)).ok_or_else(|| self.damage(summary_name(&self.name)))
        });
        loaded.map(Some)
    }

    /// Looks a hash up in a table, reading no more of it than a bucket (after the first time, when it is checked).
    fn look_up(&self, kind: SectionKind, hash: u64) -> Result<PageSet, Error> {
        let Some((at, section)) = self.section(kind) else { return Ok(PageSet::MAX) };
        if !self.checked[at].load(Ordering::Relaxed) {
            let body = self.section_body(at, section)?;
            return page_table::pages(hash, |range| slice(&body, range).map(Cow::Borrowed));
        }
        page_table::pages(hash, |range| {
            let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
            let mut bytes = vec![0; length];
            self.file.read_exact_at(&mut bytes, section.offset + range.start)?;
            Ok(Cow::Owned(bytes))
        })
    }

    /// The whole table of a column's identifiers, for looking up many; `None` if there is none.
    pub(crate) fn id_table(&self, column: IdColumn) -> Result<Option<Arc<IdTable>>, Error> {
        let Some((at, section)) = self.section(SectionKind::Ids(column)) else { return Ok(None) };
        self.cached(SECTIONS_PART, at, || self.section_body(at, section).map(IdTable)).map(Some)
    }
}

/// A table of identifiers in memory.
pub(crate) struct IdTable(Vec<u8>);

impl IdTable {
    /// The pages that may hold this identifier.
    pub(crate) fn pages(&self, id: &str) -> Result<PageSet, Error> {
        page_table::pages(id_hash(id), |range| slice(&self.0, range).map(Cow::Borrowed))
    }
}

fn slice(body: &[u8], range: Range<u64>) -> Result<&[u8], Error> {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    body.get(bound(range.start)..bound(range.end))
        .ok_or_else(|| Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof)))
}

/// The cache's page number of a leaf's dictionary; data pages are below 64.
const DICTIONARY_PAGE: usize = 255;

/// The cache's part number of the summary's sections; leaves are below.
const SECTIONS_PART: usize = 255;

/// The cache's part number of the counts by day.
const DAILY_PART: usize = 254;

fn open_file(dir: &Path, name: &str) -> Result<File, Error> {
    match File::open(dir.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::Damaged { file: name.to_owned() })
        }
        other => Ok(other?),
    }
}

/// `None` if the file is not an intact summary.
fn read_summary(file: &File) -> Result<Option<Summary>, Error> {
    let mut preamble = [0; PREAMBLE_BYTES];
    if file.metadata()?.len() < PREAMBLE_BYTES as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut preamble, 0)?;
    let Some(length) = Summary::head_bytes(&preamble) else { return Ok(None) };
    if file.metadata()?.len() < length as u64 {
        return Ok(None);
    }
    let mut head = vec![0; length];
    file.read_exact_at(&mut head, 0)?;
    Ok(Summary::decode(&head))
}

impl Rows for Partition {
    fn range(&self) -> Range<u64> {
        self.summary.first..self.summary.end
    }

    fn page_count(&self) -> usize {
        self.summary.pages.len()
    }

    fn span(&self, page: usize) -> PageSpan {
        self.summary.pages[page]
    }

    fn is_sorted(&self) -> bool {
        true
    }

    fn times(&self, page: usize) -> Result<Arc<Vec<i64>>, Error> {
        self.page(Leaf::Time, page, read::times)
    }

    fn indices(&self, page: usize) -> Result<Arc<Indices>, Error> {
        self.page(Leaf::Index, page, read::indices)
    }

    fn codes(&self, column: CodeColumn, page: usize) -> Result<Arc<Codes>, Error> {
        self.page(Leaf::Code(column), page, read::codes)
    }

    fn ids(&self, column: IdColumn, page: usize) -> Result<Arc<Ids>, Error> {
        self.cached(Leaf::IdForm(column).position(), page, || {
            let forms = self.decode_page(Leaf::IdForm(column), page, read::codes)?;
            let wide = self.decode_page(Leaf::IdWide(column), page, read::wide_ids)?;
            let texts = self.decode_page(Leaf::IdText(column), page, read::texts)?;
            Ok(read::ids(&forms, wide, texts))
        })
    }

    fn numbers(&self, column: NumberColumn, page: usize) -> Result<Arc<Numbers>, Error> {
        let decode = if column.is_whole() { read::whole_numbers } else { read::fractions };
        self.page(Leaf::Number(column), page, decode)
    }

    fn messages(&self, page: usize) -> Result<Arc<Texts>, Error> {
        self.page(Leaf::Message, page, read::texts)
    }

    fn with_dictionary(&self, column: CodeColumn, look: &mut dyn FnMut(&Dictionary)) -> Result<(), Error> {
        look(&*self.dictionary(column)?);
        Ok(())
    }

    fn value_counts(&self, column: CodeColumn) -> Result<Option<Arc<ValueCounts>>, Error> {
        self.decoded(SectionKind::ValueCounts(column), read::value_counts)
    }

    fn pages_with_word(&self, token: &str) -> Result<PageSet, Error> {
        self.look_up(SectionKind::MessageWords, word_hash(token))
    }

    fn may_have_word(&self, column: CodeColumn, token: &str) -> Result<bool, Error> {
        let columns = self.look_up(SectionKind::DictionaryWords, word_hash(token))?;
        Ok(columns >> column as u8 & 1 == 1)
    }

    fn pages_with_id(&self, column: IdColumn, id: &str) -> Result<PageSet, Error> {
        self.look_up(SectionKind::Ids(column), id_hash(id))
    }

    fn rollup(&self, kind: RollupKind) -> Result<Option<Arc<Rollup>>, Error> {
        match kind {
            RollupKind::HourlyCounts => self.decoded(SectionKind::HourlyCounts, Rollup::decode),
            RollupKind::DailyUsage => self.decoded(SectionKind::DailyUsage, Rollup::decode),
            RollupKind::DailyCounts => {
                let Some(hourly) = self.rollup(RollupKind::HourlyCounts)? else { return Ok(None) };
                self.cached(DAILY_PART, 0, || Ok(hourly.coarsened(DAY_US))).map(Some)
            }
        }
    }
}

/// What the cache keeps, with its weight.
macro_rules! weigh {
    ($($type:ty: $value:ident => $bytes:expr;)*) => {
        $(impl Weight for $type {
            fn heap_bytes(&self) -> usize {
                let $value = self;
                $bytes
            }
        })*
    };
}

weigh! {
    Vec<i64>: times => times.capacity() * 8;
    Indices: indices => Indices::heap_bytes(indices);
    Codes: codes => Codes::heap_bytes(codes);
    Ids: ids => Ids::heap_bytes(ids);
    Numbers: numbers => Numbers::heap_bytes(numbers);
    Texts: texts => Texts::heap_bytes(texts);
    Dictionary: dictionary => Dictionary::heap_bytes(dictionary);
    ValueCounts: counts => counts.0.capacity() * 4;
    Rollup: rollup => Rollup::heap_bytes(rollup);
    IdTable: table => table.0.capacity();
}

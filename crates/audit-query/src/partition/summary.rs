//! A partition's second file: where its pages are, and what helps to avoid reading them.
//!
//! Layout: magic, header length (`u32`), header, XXH3 (64 bits) of all before, then the sections end to end.
//! The header says where each page of each column lies in the Parquet file, with its checksum (so that a page
//! is read without touching the Parquet footer), and where each section lies, with its checksum. Numbers are
//! varints ([`crate::encoding::varint`]), checksums little-endian.

use super::leaf::Leaf;
use crate::columns::{CodeColumn, IdColumn};
use crate::encoding::varint;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) const MAGIC: &[u8; 8] = b"SAAIDX01";

/// Bytes before the header.
pub(crate) const PREAMBLE_BYTES: usize = MAGIC.len() + 4;

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// The ledger indices that the partition covers.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// The length of the Parquet file.
    pub(crate) parquet_bytes: u64,
    pub(crate) pages: Vec<PageSpan>,
    /// One entry a leaf, in the order of [`Leaf::all`].
    pub(crate) columns: Vec<ColumnPages>,
    pub(crate) sections: Vec<Section>,
}

/// What a page spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSpan {
    pub(crate) rows: u32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) min_index: u64,
    pub(crate) max_index: u64,
}

/// Where a column's pages are in the Parquet file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ColumnPages {
    /// Whether the pages are compressed (zstd).
    pub(crate) compressed: bool,
    pub(crate) dictionary: Option<PageAt>,
    pub(crate) pages: Vec<PageAt>,
}

/// Where a page's body is in the Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageAt {
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) length: u32,
    /// Bytes once decompressed.
    pub(crate) plain_length: u32,
    /// Values in a dictionary page, rows in a data page.
    pub(crate) values: u32,
    /// Low half of the XXH3 of the bytes in the file.
    pub(crate) checksum: u32,
}

/// Where a section is in the summary file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) kind: SectionKind,
    /// Counted from the start of the file.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SectionKind {
    /// How many rows have each code of a column.
    ValueCounts(CodeColumn),
    /// The pages of each word in the messages.
    MessageWords,
    /// The columns (in place of pages) in whose dictionary each word occurs.
    DictionaryWords,
    /// The pages of each identifier.
    Ids(IdColumn),
    /// Events by hour, category, action and outcome.
    HourlyCounts,
    /// Usage by day, department, model and role.
    DailyUsage,
}

impl SectionKind {
    fn number(self) -> u64 {
        match self {
            SectionKind::MessageWords => 1,
            SectionKind::DictionaryWords => 2,
            SectionKind::HourlyCounts => 3,
            SectionKind::DailyUsage => 4,
            SectionKind::Ids(column) => 16 + column as u64,
            SectionKind::ValueCounts(column) => 64 + column as u64,
        }
    }

    fn of_number(number: u64) -> Option<SectionKind> {
        let column = |base: u64| usize::try_from(number - base).ok();
        match number {
            1 => Some(SectionKind::MessageWords),
            2 => Some(SectionKind::DictionaryWords),
            3 => Some(SectionKind::HourlyCounts),
            4 => Some(SectionKind::DailyUsage),
            16..64 => IdColumn::ALL.get(column(16)?).copied().map(SectionKind::Ids),
            64.. => CodeColumn::ALL.get(column(64)?).copied().map(SectionKind::ValueCounts),
            _ => None,
        }
    }
}

/// The checksum kept for a page.
pub(crate) fn page_checksum(bytes: &[u8]) -> u32 {
    u32::try_from(xxh3_64(bytes) & u64::from(u32::MAX)).expect("32 bits")
}

impl Summary {
    /// Rows in the partition.
    pub(crate) fn rows(&self) -> u64 {
        self.pages.iter().map(|page| u64::from(page.rows)).sum()
    }

    /// The whole file. The sections' places are filled in from their bodies.
    pub(crate) fn encode(&mut self, bodies: &[Vec<u8>]) -> Vec<u8> {
        for (section, body) in self.sections.iter_mut().zip(bodies) {
            section.length = body.len() as u64;
            section.checksum = xxh3_64(body);
        }
        let mut header = Vec::new();
        self.put_header(&mut header);
        let length = u32::try_from(header.len()).expect("a header is below 4 GiB");
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&header);
        file.extend_from_slice(&xxh3_64(&file).to_le_bytes());
        let mut offset = file.len() as u64;
        for section in &mut self.sections {
            section.offset = offset;
            offset += section.length;
        }
        bodies.iter().for_each(|body| file.extend_from_slice(body));
        file
    }

    fn put_header(&self, out: &mut Vec<u8>) {
        varint::put(self.first, out);
        varint::put(self.end, out);
        varint::put(self.parquet_bytes, out);
        varint::put(self.pages.len() as u64, out);
        for page in &self.pages {
            varint::put(u64::from(page.rows), out);
            varint::put_signed(page.min_time, out);
            varint::put_signed(page.max_time, out);
            varint::put(page.min_index, out);
            varint::put(page.max_index, out);
        }
        for column in &self.columns {
            out.push(u8::from(column.compressed));
            out.push(u8::from(column.dictionary.is_some()));
            for page in column.dictionary.iter().chain(&column.pages) {
                varint::put(page.offset, out);
                varint::put(u64::from(page.length), out);
                varint::put(u64::from(page.plain_length), out);
                varint::put(u64::from(page.values), out);
                out.extend_from_slice(&page.checksum.to_le_bytes());
            }
        }
        varint::put(self.sections.len() as u64, out);
        for section in &self.sections {
            varint::put(section.kind.number(), out);
            varint::put(section.length, out);
            out.extend_from_slice(&section.checksum.to_le_bytes());
        }
    }

    /// How long the header and what is around it are, from the preamble.
    pub(crate) fn head_bytes(preamble: &[u8; PREAMBLE_BYTES]) -> Option<usize> {
        let (magic, length) = preamble.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        (magic == MAGIC).then_some(PREAMBLE_BYTES + length + 8)
    }

    /// Reads what is before the sections; `None` if it is damaged.
    pub(crate) fn decode(head: &[u8]) -> Option<Summary> {
        let (checked, checksum) = head.split_last_chunk::<8>()?;
        if xxh3_64(checked) != u64::from_le_bytes(*checksum) {
            return None;
        }
        let mut rest = checked.get(PREAMBLE_BYTES..)?;
        Summary::take_header(&mut rest, head.len() as u64)
    }

    fn take_header(rest: &mut &[u8], sections_at: u64) -> Option<Summary> {
        let (first, end, parquet_bytes) = (varint::take(rest)?, varint::take(rest)?, varint::take(rest)?);
        let page_count = varint::take(rest)?;
        let pages = (0..page_count).map(|_| take_span(rest)).collect::<Option<Vec<_>>>()?;
        let columns = Leaf::all()
            .map(|_| {
                let (flags, after) = rest.split_first_chunk::<2>()?;
                *rest = after;
                let dictionary = if flags[1] == 1 { Some(take_page(rest)?) } else { None };
                let pages = (0..page_count).map(|_| take_page(rest)).collect::<Option<Vec<_>>>()?;
                Some(ColumnPages { compressed: flags[0] == 1, dictionary, pages })
            })
            .collect::<Option<Vec<_>>>()?;
        let mut offset = sections_at;
        let sections = (0..varint::take(rest)?)
            .map(|_| {
                let kind = SectionKind::of_number(varint::take(rest)?)?;
                let length = varint::take(rest)?;
                let (checksum, after) = rest.split_first_chunk::<8>()?;
                *rest = after;
                let section = Section { kind, offset, length, checksum: u64::from_le_bytes(*checksum) };
                offset = offset.checked_add(length)?;
                Some(section)
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Summary { first, end, parquet_bytes, pages, columns, sections })
    }
}

fn take_span(rest: &mut &[u8]) -> Option<PageSpan> {
    Some(PageSpan {
        rows: take_u32(rest)?,
        min_time: varint::take_signed(rest)?,
        max_time: varint::take_signed(rest)?,
        min_index: varint::take(rest)?,
        max_index: varint::take(rest)?,
    })
}

fn take_page(rest: &mut &[u8]) -> Option<PageAt> {
    let offset = varint::take(rest)?;
    let (length, plain_length, values) = (take_u32(rest)?, take_u32(rest)?, take_u32(rest)?);
    let (checksum, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(PageAt { offset, length, plain_length, values, checksum: u32::from_le_bytes(*checksum) })
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    u32::try_from(varint::take(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Summary, Vec<Vec<u8>>) {
        let at = |n: u32| PageAt {
            offset: 4 + u64::from(n),
            length: n,
            plain_length: 2 * n,
            values: 7,
            checksum: !n,
        };
        let span = PageSpan { rows: 7, min_time: -5, max_time: 9, min_index: 3, max_index: 900 };
        let column = |leaf: usize| ColumnPages {
            compressed: leaf.is_multiple_of(2),
            dictionary: leaf.is_multiple_of(3).then(|| at(500)),
            pages: vec![at(1), at(70_000)],
        };
        let kinds = [SectionKind::Ids(IdColumn::TargetId), SectionKind::ValueCounts(CodeColumn::HttpStatus)];
        let section = |kind| Section { kind, offset: 0, length: 0, checksum: 0 };
        let summary = Summary {
            first: 3,
            end: 901,
            parquet_bytes: 12_345,
            pages: vec![span, span],
            columns: (0..Leaf::all().count()).map(column).collect(),
            sections: kinds.map(section).to_vec(),
        };
        (summary, vec![b"first".to_vec(), b"second one".to_vec()])
    }

    #[test]
    fn a_summary_comes_back() {
        let (mut summary, bodies) = sample();
        let file = summary.encode(&bodies);
        let preamble = file[..PREAMBLE_BYTES].try_into().expect("long enough");
        let head = Summary::head_bytes(preamble).expect("ours");
        let decoded = Summary::decode(&file[..head]).expect("undamaged");
        assert_eq!(decoded, summary);
        for (section, body) in decoded.sections.iter().zip(&bodies) {
            let at = |position: u64| usize::try_from(position).expect("in memory");
            let (start, end) = (at(section.offset), at(section.offset + section.length));
            assert_eq!(&file[start..end], body);
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (mut summary, bodies) = sample();
        let file = summary.encode(&bodies);
        let head =
            Summary::head_bytes(file[..PREAMBLE_BYTES].try_into().expect("long enough")).expect("ours");
        for at in 0..head {
            let mut damaged = file[..head].to_vec();
            damaged[at] ^= 0x10;
            let preamble = damaged[..PREAMBLE_BYTES].try_into().expect("long enough");
            let accepted = Summary::head_bytes(preamble) == Some(head) && Summary::decode(&damaged).is_some();
            assert!(!accepted, "byte {at}");
        }
    }
}

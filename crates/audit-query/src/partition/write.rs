//! Writing a chunk of memory as a partition: a Parquet file and its summary.

mod pages;
mod tables;

use super::leaf::{self, ID_FORMS, Leaf};
use super::summary::{ColumnPages, PageSpan, Section, SectionKind, Summary};
use crate::columns::{CodeColumn, Codes, IdColumn, Ids, NumberColumn, PAGE_ROWS, Strings, WideId};
use crate::encoding::{bit_width, delta, hybrid, split};
use crate::memory::{Block, ChunkView, Vocabulary};
use crate::{Error, files};
use pages::ColumnWriter;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::path::Path;
use std::sync::Arc;

/// Writes the rows of `view` to the new files `parquet` and `summary`, both synced. Returns the summary.
pub(crate) fn write(view: &ChunkView, parquet: &Path, summary: &Path) -> Result<Summary, Error> {
    let rows = SortedRows::of(view);
    let vocabulary = view.vocabulary.read();
    let dictionaries = SortedDictionaries::of(&vocabulary);
    drop(vocabulary);
    let mut counts = ValueCounts::none(&dictionaries);
    let columns = write_parquet(&rows, &dictionaries, &mut counts, parquet)?;
    let mut sections = tables::Sections::default();
    sections.add_value_counts(&counts);
    tables::add_words(&mut sections, &rows, &view.vocabulary.read());
    tables::add_ids(&mut sections, &rows);
    tables::add_rollups(&mut sections, &rows, &dictionaries);
    let (kinds, bodies) = sections.into_parts();
    let section = |kind: SectionKind| Section { kind, offset: 0, length: 0, checksum: 0 };
    let mut described = Summary {
        first: view.first,
        end: view.end,
        parquet_bytes: parquet.metadata()?.len(),
        pages: rows.pages().map(|page| page.span()).collect(),
        columns,
        sections: kinds.into_iter().map(section).collect(),
    };
    let encoded = described.encode(&bodies);
    let mut file = files::create_new(summary)?;
    std::io::Write::write_all(&mut file, &encoded)?;
    file.sync_all()?;
    Ok(described)
}

/// The rows of a chunk in order of time, ties by index, cut into pages.
pub(super) struct SortedRows<'v> {
    blocks: &'v [Arc<Block>],
    /// Block and row of each row; `None` when the blocks are the pages already.
    order: Option<Vec<RowAt>>,
    rows: usize,
    page_rows: usize,
}

/// A row's block (upper bits) and position in it (lower 12 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowAt(u32);

impl RowAt {
    fn new(block: usize, row: usize) -> RowAt {
        RowAt(u32::try_from(block * PAGE_ROWS + row).expect("a chunk has few blocks"))
    }

    fn block(self) -> usize {
        self.0 as usize / PAGE_ROWS
    }

    fn row(self) -> usize {
        self.0 as usize % PAGE_ROWS
    }
}

impl<'v> SortedRows<'v> {
    fn of(view: &'v ChunkView) -> SortedRows<'v> {
        let blocks = view.blocks.as_slice();
        let rows = view.rows();
        let order = if are_pages(blocks, view.page_rows) { None } else { Some(sorted(blocks)) };
        SortedRows { blocks, order, rows, page_rows: view.page_rows }
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = SortedPage<'_>> {
        (0..self.rows.div_ceil(self.page_rows)).map(|at| {
            let start = at * self.page_rows;
            let end = self.rows.min(start + self.page_rows);
            match &self.order {
                None => SortedPage::Block(&self.blocks[at]),
                Some(order) => SortedPage::Gathered(self.blocks, &order[start..end]),
            }
        })
    }
}

/// Whether the blocks are in order, full (but for the last) and each in order within.
fn are_pages(blocks: &[Arc<Block>], page_rows: usize) -> bool {
    let full = blocks.iter().rev().skip(1).all(|block| block.rows() == page_rows);
    let mut last = i64::MIN;
    full && blocks.iter().flat_map(|block| block.times.iter()).all(|time| {
        let ascends = *time >= last;
        last = *time;
        ascends
    })
}

fn sorted(blocks: &[Arc<Block>]) -> Vec<RowAt> {
    // Positions ascend with the ledger index, so they break ties.
    let mut keyed: Vec<(i64, RowAt)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        keyed.extend(block.times.iter().enumerate().map(|(row, time)| (*time, RowAt::new(at, row))));
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// One page of sorted rows.
pub(super) enum SortedPage<'p> {
    Block(&'p Block),
    Gathered(&'p [Arc<Block>], &'p [RowAt]),
}

impl<'p> SortedPage<'p> {
    /// Calls `visit` with the block and the position in it of each row.
    fn for_each(&self, mut visit: impl FnMut(&'p Block, usize)) {
        match self {
            SortedPage::Block(block) => (0..block.rows()).for_each(|row| visit(block, row)),
            SortedPage::Gathered(blocks, rows) => {
                rows.iter().for_each(|at| visit(&blocks[at.block()], at.row()));
            }
        }
    }

    fn times(&self) -> Vec<i64> {
        let mut times = Vec::with_capacity(PAGE_ROWS);
        self.for_each(|block, row| times.push(block.times[row]));
        times
    }

    fn indices(&self) -> Vec<u64> {
        let mut indices = Vec::with_capacity(PAGE_ROWS);
        self.for_each(|block, row| indices.push(block.first_index() + row as u64));
        indices
    }

    /// The sorted dictionary's codes of a column.
    fn codes(&self, column: CodeColumn, ranks: &[u32], out: &mut Vec<u32>) {
        out.clear();
        match self {
            SortedPage::Block(block) => {
                block.codes[column as usize].for_each(|_, code| out.push(ranks[code as usize]));
            }
            SortedPage::Gathered(blocks, rows) => {
                let columns: Vec<&Codes> =
                    blocks.iter().map(|block| &*block.codes[column as usize]).collect();
                out.extend(rows.iter().map(|at| ranks[columns[at.block()].get(at.row()) as usize]));
            }
        }
    }

    fn span(&self) -> PageSpan {
        let (mut rows, mut times, mut indices) = (0, (i64::MAX, i64::MIN), (u64::MAX, u64::MIN));
        self.for_each(|block, row| {
            let (time, index) = (block.times[row], block.first_index() + row as u64);
            rows += 1;
            times = (times.0.min(time), times.1.max(time));
            indices = (indices.0.min(index), indices.1.max(index));
        });
        PageSpan { rows, min_time: times.0, max_time: times.1, min_index: indices.0, max_index: indices.1 }
    }
}

/// The values of each column in sorted order, and for each code in memory the code in that order.
pub(super) struct SortedDictionaries {
    columns: Vec<(Strings, Vec<u32>)>,
}

impl SortedDictionaries {
    fn of(vocabulary: &Vocabulary) -> SortedDictionaries {
        SortedDictionaries {
            columns: CodeColumn::ALL.iter().map(|column| vocabulary.dictionary(*column).ranks()).collect(),
        }
    }

    fn values(&self, column: CodeColumn) -> &Strings {
        &self.columns[column as usize].0
    }

    fn ranks(&self, column: CodeColumn) -> &[u32] {
        &self.columns[column as usize].1
    }

    /// How many codes a column has, "absent" included.
    fn codes(&self, column: CodeColumn) -> usize {
        self.ranks(column).len()
    }
}

/// How many rows have each code, by column.
pub(super) struct ValueCounts(Vec<Vec<u32>>);

impl ValueCounts {
    fn none(dictionaries: &SortedDictionaries) -> ValueCounts {
        ValueCounts(CodeColumn::ALL.iter().map(|column| vec![0; dictionaries.codes(*column)]).collect())
    }

    fn add(&mut self, column: CodeColumn, codes: &[u32]) {
        let counts = &mut self.0[column as usize];
        codes.iter().for_each(|code| counts[*code as usize] += 1);
    }

    fn of(&self, column: CodeColumn) -> &[u32] {
        &self.0[column as usize]
    }
}

fn write_parquet(
    rows: &SortedRows<'_>,
    dictionaries: &SortedDictionaries,
    counts: &mut ValueCounts,
    path: &Path,
) -> Result<Vec<ColumnPages>, Error> {
    let schema = parse_message_type(&leaf::schema())?;
    let sorting = |position| SortingColumn { column_idx: position, descending: false, nulls_first: false };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(pages::ZSTD_LEVEL)?))
        .set_created_by("secureai-audit".to_owned())
        .set_sorting_columns(Some(vec![sorting(0), sorting(1)]))
        .set_key_value_metadata(Some(vec![KeyValue::new("secureai-audit.index".to_owned(), "1".to_owned())]))
        .build();
    let file = files::create_new(path)?;
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let descriptors = writer.schema_descr().columns().to_vec();
    let mut group = writer.next_row_group()?;
    let mut columns = Vec::new();
    for (leaf, descriptor) in Leaf::all().zip(descriptors) {
        let mut column = ColumnWriter::new(descriptor, leaf);
        write_column(leaf, rows, dictionaries, counts, &mut column)?;
        let (places, bytes, closed) = column.close()?;
        group.append_column(&bytes, closed)?;
        columns.push(places);
    }
    group.close()?;
    let metadata = writer.finish()?;
    for (places, chunk) in columns.iter_mut().zip(metadata.row_group(0).columns()) {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let start = u64::try_from(start).expect("an offset in a file");
        places.dictionary.iter_mut().chain(&mut places.pages).for_each(|page| page.offset += start);
    }
    writer.inner().sync_all()?;
    Ok(columns)
}

fn write_column(
    leaf: Leaf,
    rows: &SortedRows<'_>,
    dictionaries: &SortedDictionaries,
    counts: &mut ValueCounts,
    column: &mut ColumnWriter,
) -> Result<(), Error> {
    match leaf {
        Leaf::Time => rows.pages().try_for_each(|page| {
            let times = page.times();
            column.sorted_bounds(times[0], times[times.len() - 1]);
            column.page(times.len(), None, Encoding::DELTA_BINARY_PACKED, |body| delta::encode(&times, body))
        }),
        Leaf::Index => rows.pages().try_for_each(|page| {
            let indices: Vec<i64> = page.indices().iter().map(|index| index.cast_signed()).collect();
            column.page(indices.len(), None, Encoding::DELTA_BINARY_PACKED, |body| {
                delta::encode(&indices, body)
            })
        }),
        Leaf::Code(name) => {
            column.dictionary(dictionaries.values(name))?;
            let mut codes = Vec::with_capacity(PAGE_ROWS);
            rows.pages().try_for_each(|page| {
                page.codes(name, dictionaries.ranks(name), &mut codes);
                counts.add(name, &codes);
                write_codes(column, &codes, dictionaries.values(name).len())
            })
        }
        Leaf::IdWide(name) => rows.pages().try_for_each(|page| {
            let ids = wide_ids(&page, name);
            column
                .page(ids.rows, Some(&ids.valid), Encoding::PLAIN, |body| body.extend_from_slice(&ids.bytes))
        }),
        Leaf::IdForm(name) => {
            let mut forms = Strings::default();
            ID_FORMS.iter().for_each(|form| forms.push(form));
            column.dictionary(&forms)?;
            rows.pages().try_for_each(|page| {
                let mut codes = Vec::with_capacity(PAGE_ROWS);
                page.for_each(|block, row| codes.push(block.ids[name as usize].form(row) as u32));
                write_codes(column, &codes, ID_FORMS.len())
            })
        }
        Leaf::IdText(name) => rows.pages().try_for_each(|page| {
            let mut texts = TextPage::default();
            page.for_each(|block, row| texts.push(block.ids[name as usize].text(row)));
            texts.write(column)
        }),
        Leaf::Number(name) => rows.pages().try_for_each(|page| write_numbers(column, &page, name)),
        Leaf::Message => rows.pages().try_for_each(|page| {
            let mut texts = TextPage::default();
            page.for_each(|block, row| texts.push(block.message.get(row)));
            texts.write(column)
        }),
    }
}

/// Bits for the codes of a dictionary of `values`: whole bytes where one is enough, which compresses and decodes
/// best, else as few as possible.
fn code_width(values: usize) -> u32 {
    bit_width(values.saturating_sub(1) as u64).max(8)
}

fn write_codes(column: &mut ColumnWriter, codes: &[u32], values: usize) -> Result<(), Error> {
    let width = code_width(values);
    let present: Vec<u32> = codes.iter().filter(|code| **code != 0).map(|code| code - 1).collect();
    let valid: Vec<bool> = codes.iter().map(|code| *code != 0).collect();
    column.page(codes.len(), Some(&valid), Encoding::RLE_DICTIONARY, |body| {
        body.push(width.to_le_bytes()[0]);
        hybrid::encode(&present, width, body);
    })
}

fn write_numbers(column: &mut ColumnWriter, page: &SortedPage<'_>, name: NumberColumn) -> Result<(), Error> {
    let mut valid = Vec::with_capacity(PAGE_ROWS);
    if name.is_whole() {
        let mut values = Vec::with_capacity(PAGE_ROWS);
        page.for_each(|block, row| {
            let value = block.numbers[name as usize].whole(row);
            valid.push(value.is_some());
            values.extend(value.map(u64::cast_signed));
        });
        column.page(valid.len(), Some(&valid), Encoding::DELTA_BINARY_PACKED, |body| {
            delta::encode(&values, body)
        })
    } else {
        let mut values = Vec::with_capacity(PAGE_ROWS);
        page.for_each(|block, row| {
            let value = block.numbers[name as usize].fraction(row);
            valid.push(value.is_some());
            values.extend(value);
        });
        column
            .page(valid.len(), Some(&valid), Encoding::BYTE_STREAM_SPLIT, |body| split::encode(&values, body))
    }
}

struct WidePage {
    rows: usize,
    valid: Vec<bool>,
    bytes: Vec<u8>,
}

fn wide_ids(page: &SortedPage<'_>, name: IdColumn) -> WidePage {
    let mut ids = WidePage { rows: 0, valid: Vec::with_capacity(PAGE_ROWS), bytes: Vec::new() };
    page.for_each(|block, row| {
        let id: Option<WideId> = Ids::wide(&block.ids[name as usize], row);
        ids.rows += 1;
        ids.valid.push(id.is_some());
        ids.bytes.extend(id.iter().flat_map(|id| id.bytes));
    });
    ids
}

#[derive(Default)]
struct TextPage {
    valid: Vec<bool>,
    lengths: Vec<i64>,
    text: Vec<u8>,
}

impl TextPage {
    fn push(&mut self, text: Option<&str>) {
        self.valid.push(text.is_some());
        if let Some(text) = text {
            self.lengths.push(i64::try_from(text.len()).expect("a text fits memory"));
            self.text.extend_from_slice(text.as_bytes());
        }
    }

    fn write(&self, column: &mut ColumnWriter) -> Result<(), Error> {
        column.page(self.valid.len(), Some(&self.valid), Encoding::DELTA_LENGTH_BYTE_ARRAY, |body| {
            delta::encode_strings(&self.lengths, &self.text, body);
        })
    }
}

/// The physical type of a leaf, for the column index.
pub(super) fn physical_type(leaf: Leaf) -> Type {
    match leaf {
        Leaf::Time | Leaf::Index => Type::INT64,
        Leaf::Code(CodeColumn::HttpStatus) => Type::INT32,
        Leaf::Number(column) if column.is_whole() => Type::INT64,
        Leaf::Number(_) => Type::DOUBLE,
        Leaf::IdWide(_) => Type::FIXED_LEN_BYTE_ARRAY,
        Leaf::Code(_) | Leaf::IdForm(_) | Leaf::IdText(_) | Leaf::Message => Type::BYTE_ARRAY,
    }
}
